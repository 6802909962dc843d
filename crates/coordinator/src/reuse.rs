//! What a run takes over from an earlier one: its verdicts, stored as if they were of this run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alt::{Alt, TaskIndex};
use bus::Bus;
use engine::Plan;
use futures::stream::{self, StreamExt, TryStreamExt};
use protocol::{Attempt, AttemptKey, Outcome, Reuse, RunId, Verdict};
use tracing::info;

use crate::dispatch::insist;
use crate::result::read_result;
use crate::{Desk, Error};

/// Verdicts on their way at once.
const AT_ONCE: usize = 256;

/// Stores a verdict for every task whose result is taken over. Create-only, so done again it changes
/// nothing; level by level, so that a task's verdict is always stored after those it depends on.
pub(crate) async fn take_over<B: Bus>(
    desk: &Desk<B>,
    run: RunId,
    alt: &Arc<Alt>,
    reuse: &Reuse,
) -> Result<(), Error> {
    let plan = Plan::new(run, Arc::clone(alt), &desk.settings.catalogue);
    let last = read_result(&desk.store, &reuse.last_key, &reuse.last_sha256).await?;
    let folder = reuse.last_key.rsplit_once('/').map_or("", |(folder, _)| folder);
    let again = with_descendants(alt, &reuse.again);
    let tasks = alt.file().tasks.iter().zip((0..).map(TaskIndex));
    let places: BTreeMap<&str, TaskIndex> =
        tasks.map(|(task, index)| (task.id.as_str(), index)).collect();
    let mut levels: BTreeMap<u32, Vec<(String, Verdict)>> = BTreeMap::new();
    let reusable =
        last::reusable(&last, folder).map_err(|problem| Error::Unusable(problem.to_string()))?;
    for item in reusable {
        let Some(&task) = places.get(item.task_id).filter(|task| !again.contains(task)) else {
            continue;
        };
        let key = AttemptKey { run, task, attempt: Attempt::FIRST };
        let verdict = Verdict {
            output: Some(item.output),
            artifacts: item.artifacts,
            missing: item.missing,
            reused_from: Some(item.reused_from),
            ..Verdict::bare(key, Outcome::Ok)
        };
        let queue = plan.queue(task).to_owned();
        levels.entry(alt.graph().level(task)).or_default().push((queue, verdict));
    }
    let count: usize = levels.values().map(Vec::len).sum();
    for level in levels.into_values() {
        let storing = level.into_iter().map(|(queue, verdict)| async move {
            insist(|| desk.bus.record(&queue, verdict.clone())).await.map(drop)
        });
        stream::iter(storing).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    info!(run.id = %run, earlier = %reuse.run, tasks = count, "results taken over");
    Ok(())
}

/// `tasks` and all that need them.
fn with_descendants(alt: &Alt, tasks: &[TaskIndex]) -> BTreeSet<TaskIndex> {
    let total = alt.graph().len();
    let mut open: Vec<TaskIndex> =
        tasks.iter().copied().filter(|task| task.get() < total).collect();
    let mut all: BTreeSet<TaskIndex> = open.iter().copied().collect();
    while let Some(task) = open.pop() {
        for &dependent in alt.graph().dependents(task) {
            if all.insert(dependent) {
                open.push(dependent);
            }
        }
    }
    all
}
