//! What is always true of a run: written once, checked by tests, the simulator and debug builds.

use std::collections::BTreeSet;

use alt::TaskIndex;
use protocol::Counts;

use crate::task::{count_of, timer_of};
use crate::{Run, TaskState};

/// Walks the whole state. The text names the first thing that is not as it must be.
///
/// # Errors
/// The broken invariant, with the task.
pub fn check(run: &Run) -> Result<(), String> {
    let mut counts = Counts::default();
    let mut timers = 0;
    for (index, state) in run.states().iter().enumerate() {
        let task = TaskIndex(u32::try_from(index).unwrap_or(u32::MAX));
        *count_of(&mut counts, state) += 1;
        check_dependencies(run, task, *state)?;
        if let Some(at) = timer_of(state) {
            timers += 1;
            if !run.timers().contains(&(at, task)) {
                return Err(format!("task {index} waits for {at} and no timer is set"));
            }
        }
    }
    if counts != run.counts() {
        return Err(format!("counts are {:?} and the states add up to {counts:?}", run.counts()));
    }
    if timers != run.timers().len() {
        return Err(format!("{} timers for {timers} waiting tasks", run.timers().len()));
    }
    if run.outstanding() > run.plan().window() {
        return Err(format!("{} offers in a window of {}", run.outstanding(), run.plan().window()));
    }
    check_carried(run)?;
    if run.is_finished() && counts.decided() != counts.total() {
        return Err("finished before every task was decided".to_owned());
    }
    Ok(())
}

/// A task that goes along goes along with one that is under way: else nobody would ever do it; and
/// once, for its worker does what it is told.
fn check_carried(run: &Run) -> Result<(), String> {
    for (task, then) in run.rides() {
        let once: BTreeSet<TaskIndex> = then.iter().copied().collect();
        if once.len() != then.len() {
            return Err(format!("what goes along with task {} is named twice: {then:?}", task.0));
        }
    }
    let under_way = run.rides().iter().filter(|(task, _)| {
        matches!(run.state(**task), TaskState::Offered { .. } | TaskState::Running { .. })
    });
    let named: BTreeSet<TaskIndex> = under_way.flat_map(|(_, then)| then).copied().collect();
    let states = run.states().iter().zip((0..).map(TaskIndex));
    for (_, task) in states.filter(|(state, _)| matches!(state, TaskState::Carried { .. })) {
        if !named.contains(&task) {
            return Err(format!("task {} is carried by nobody", task.0));
        }
    }
    Ok(())
}

fn check_dependencies(run: &Run, task: TaskIndex, state: TaskState) -> Result<(), String> {
    let dependencies = run.plan().alt().graph().dependencies(task);
    let open = dependencies
        .iter()
        .filter(|d| !matches!(run.state(**d), TaskState::Completed { .. }))
        .count();
    match state {
        TaskState::Waiting { unfinished } if unfinished as usize != open => {
            Err(format!("task {} waits for {unfinished} tasks and {open} are open", task.0))
        }
        TaskState::Waiting { .. } if open == 0 => Err(format!("task {} waits for nothing", task.0)),
        TaskState::Waiting { .. } | TaskState::Cancelled { .. } => Ok(()),
        _ if open > 0 => Err(format!("task {} is {} too early", task.0, state.name())),
        _ => Ok(()),
    }
}
