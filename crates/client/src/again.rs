//! A run once more: what its LAST holds need not be computed again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alt::{Alt, Check, LastOptions, TaskIndex};
use protocol::{End, Reuse, RunId, RunStatus};
use store::Store;

use crate::fetch::{FetchError, Fetched, fetch_last, folder_of};
use crate::submit::Request;

/// Which tasks run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those that did not complete.
    Unfinished,
    /// Those too, and these with all that need them. Author's ids.
    From(Vec<String>),
}

/// A run that is to be submitted, and what it will take over.
#[derive(Debug, Clone)]
pub struct Again {
    /// To be submitted.
    pub request: Request,
    /// The file.
    pub alt: Arc<Alt>,
    /// How many results are taken over.
    pub reused: usize,
}

/// Why a run cannot be run again.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// Its LAST or its file cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Its file was refused.
    #[error("the file of run {0} was refused: nothing ran")]
    Refused(RunId),
    /// All of its tasks completed.
    #[error("all tasks of run {0} completed")]
    NothingFailed(RunId),
    /// Its file has no such task.
    #[error("the file of run {run} has no task `{task}`")]
    NoSuchTask {
        /// The run.
        run: RunId,
        /// The task, as given.
        task: String,
        /// The task whose id is nearest, if any is near.
        nearest: Option<String>,
    },
    /// Its LAST is of an older form, or was tampered with.
    #[error("the LAST of run {run} cannot be used: {fault}")]
    Unusable {
        /// The run.
        run: RunId,
        /// What is wrong with it.
        fault: String,
    },
}

impl Again {
    /// Looks at what the run that ended so left in `store`, and makes a run with the id `run` of it.
    ///
    /// # Errors
    /// [`AgainError`].
    pub async fn of(
        store: &Store,
        end: &End,
        selection: &Selection,
        run: RunId,
    ) -> Result<Self, AgainError> {
        if end.status == RunStatus::Refused {
            return Err(AgainError::Refused(end.run));
        }
        if end.status == RunStatus::Success && *selection == Selection::Unfinished {
            return Err(AgainError::NothingFailed(end.run));
        }
        let unusable = |fault: String| AgainError::Unusable { run: end.run, fault };
        let Fetched { last, .. } = fetch_last(store, end).await?;
        let folder = folder_of(end);
        let Some(kept) = &last.alt_file else {
            return Err(unusable("the ALT file was not kept with it".to_owned()));
        };
        let key = format!("{folder}/{}", kept.name);
        let file = store.get(&key).await.map_err(FetchError::from)?;
        if store::sha256(&file) != kept.sha256 {
            return Err(unusable(format!("`{key}` is not the file it ran")));
        }
        let alt = alt::read(&file, &Check::default()).alt;
        let alt = alt.ok_or_else(|| unusable(format!("`{key}` is no longer accepted")))?;
        let again = selected(&alt, selection, end.run)?;
        let running = with_descendants(&alt, &again);
        let reusable =
            last::reusable(&last, folder).map_err(|fault| unusable(fault.to_string()))?;
        let tasks = alt.file().tasks.iter().zip((0..).map(TaskIndex));
        let places: BTreeMap<&str, TaskIndex> =
            tasks.map(|(task, index)| (task.id.as_str(), index)).collect();
        let reused = reusable
            .filter(|task| places.get(task.task_id).is_some_and(|index| !running.contains(index)));
        let reused = reused.count();
        let written = alt.file();
        let request = Request {
            run,
            priority: written.priority,
            mode: (last.mode != written.mode).then_some(last.mode),
            persona: last.persona.clone().filter(|said| written.persona.as_ref() != Some(said)),
            reuse: Some(Reuse {
                run: end.run,
                last_key: end.last_key.clone(),
                last_sha256: end.last_sha256.clone(),
                again,
            }),
            last: LastOptions::default(),
            file,
        };
        Ok(Self { request, alt, reused })
    }
}

fn selected(alt: &Alt, selection: &Selection, run: RunId) -> Result<Vec<TaskIndex>, AgainError> {
    let Selection::From(named) = selection else {
        return Ok(Vec::new());
    };
    let tasks = &alt.file().tasks;
    let mut again = BTreeSet::new();
    for name in named {
        let place = tasks.iter().position(|task| task.id == *name);
        let index = place.and_then(|place| u32::try_from(place).ok()).ok_or_else(|| {
            let ids = tasks.iter().map(|task| task.id.as_str());
            let nearest = alt::nearest(name, ids).map(ToOwned::to_owned);
            AgainError::NoSuchTask { run, task: name.clone(), nearest }
        })?;
        again.insert(TaskIndex(index));
    }
    Ok(again.into_iter().collect())
}

/// `tasks` and all that need them.
fn with_descendants(alt: &Alt, tasks: &[TaskIndex]) -> BTreeSet<TaskIndex> {
    let mut open = tasks.to_vec();
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
