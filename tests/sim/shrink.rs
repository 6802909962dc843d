//! Makes a plan that fails smaller for as long as it fails in the same way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::oracle::Broken;
use crate::plan::Plan;
use crate::play::play;

/// How long it is worth trying.
const PATIENCE: Duration = Duration::from_secs(60);

/// The smallest plan found that breaks the same invariant.
pub(crate) fn shrink(plan: Plan, broken: &Broken) -> Plan {
    let begun = Instant::now();
    let mut plan = plan;
    loop {
        let smaller = smaller(&plan)
            .into_iter()
            .find(|smaller| begun.elapsed() < PATIENCE && fails_alike(smaller, broken.invariant));
        match smaller {
            Some(smaller) => plan = smaller,
            None => return plan,
        }
    }
}

fn fails_alike(plan: &Plan, invariant: usize) -> bool {
    let played = play(&Arc::new(plan.clone()), false);
    played.broken.is_some_and(|broken| broken.invariant == invariant)
}

/// The same plan with less, the most promising first.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut all = Vec::new();
    let mut but = |change: &dyn Fn(&mut Plan)| {
        let mut less = plan.clone();
        change(&mut less);
        all.push(less);
    };
    let half = plan.faults.len() / 2;
    if half > 0 {
        but(&|plan| plan.faults.truncate(half));
        but(&|plan| drop(plan.faults.drain(..half)));
    }
    for run in (0..plan.runs.len()).filter(|_| plan.runs.len() > 1) {
        but(&|plan| drop(plan.runs.remove(run)));
    }
    for fault in 0..plan.faults.len() {
        but(&|plan| {
            plan.faults.remove(fault);
        });
    }
    for run in 0..plan.runs.len() {
        let tasks = plan.runs[run].tasks.len();
        for keep in [tasks / 2, tasks - 1] {
            if keep > 0 && keep < tasks {
                but(&|plan| plan.runs[run].tasks.truncate(keep));
            }
        }
        if plan.runs[run].cancelled_ms.is_some() {
            but(&|plan| plan.runs[run].cancelled_ms = None);
        }
        if plan.runs[run].again_ms.is_some() {
            but(&|plan| plan.runs[run].again_ms = None);
        }
        if plan.runs[run].other_ms.is_some() {
            but(&|plan| plan.runs[run].other_ms = None);
        }
    }
    all
}
