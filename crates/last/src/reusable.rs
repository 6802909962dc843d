//! What a new run can take over from the LAST of an earlier one.

use std::collections::BTreeMap;

use protocol::limits::INLINE_OUTPUT_BYTES;
use protocol::{ArtifactRecord, Body, MissingFile, RunId};

use crate::model::{Artifact, LastFile, TaskResult, TaskStatus};
use crate::path::stay_inside;
use crate::verify::{Problem, pointer};

/// What the verdict of a new run says of a task that is taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reusable<'a> {
    /// The author's id of the task.
    pub task_id: &'a str,
    /// What the job returned: the value, or where it is in the folder of the earlier LAST.
    pub output: Body,
    /// The files it left: as the job named them, with keys in the folder of the earlier LAST.
    pub artifacts: Vec<ArtifactRecord>,
    /// Files that its output names and that could not be kept.
    pub missing: Vec<MissingFile>,
    /// The run that executed it, which is not the earlier run if that took it over too.
    pub reused_from: RunId,
}

/// The completed tasks of `last`, in its order, as a new run takes them over.
///
/// `folder` is the key of the folder of `last` in the store, without a slash at its end. An output
/// inside the LAST that is too large for a verdict is left out, and so is one that is missing: its
/// task has to run again.
///
/// # Errors
/// When the LAST contradicts itself or names a file outside its folder: nothing is to be taken over
/// from it.
pub fn reusable<'a>(
    last: &'a LastFile,
    folder: &'a str,
) -> Result<impl Iterator<Item = Reusable<'a>>, Problem> {
    let run: RunId = last
        .execution_id
        .parse()
        .map_err(|error| problem("/execution_id".to_owned(), format!("{error}")))?;
    let mut left: BTreeMap<&str, Vec<&Artifact>> = BTreeMap::new();
    for (index, artifact) in last.artifacts.iter().enumerate() {
        stay_inside(&artifact.path)
            .map_err(|message| problem(format!("/artifacts/{index}/path"), message))?;
        left.entry(&artifact.task_id).or_default().push(artifact);
    }
    last.task_results.iter().try_for_each(check)?;
    Ok(last.task_results.iter().filter_map(move |task| {
        let output = output(task, folder)?;
        let artifacts = left.remove(task.task_id.as_str()).unwrap_or_default();
        Some(Reusable {
            task_id: &task.task_id,
            output,
            artifacts: artifacts.into_iter().map(|artifact| record(artifact, folder)).collect(),
            missing: task.missing_files.clone(),
            reused_from: task.reused_from.unwrap_or(run),
        })
    }))
}

/// Whether a completed task has one output, in a place where it may be.
fn check(task: &TaskResult) -> Result<(), Problem> {
    let place = |field: &str| format!("/task_results/{}/{field}", pointer(&task.task_id));
    match (task.status, &task.output, &task.output_ref) {
        (TaskStatus::Completed, None, None) | (_, Some(_), Some(_)) => {
            let message = "a completed task has either output or output_ref";
            Err(problem(place("output"), message.to_owned()))
        }
        (_, _, Some(output)) => {
            stay_inside(&output.path).map_err(|message| problem(place("output_ref/path"), message))
        }
        _ => Ok(()),
    }
}

/// The output of a completed task as a verdict holds it.
fn output(task: &TaskResult, folder: &str) -> Option<Body> {
    if task.status != TaskStatus::Completed {
        return None;
    }
    if let Some(output) = &task.output_ref {
        return (!output.missing).then(|| Body::Stored {
            key: format!("{folder}/{}", output.path),
            size: output.size_bytes,
            sha256: output.sha256.clone(),
        });
    }
    let output = task.output.as_ref()?;
    (output.text().len() <= INLINE_OUTPUT_BYTES).then(|| Body::Inline(output.clone()))
}

fn record(artifact: &Artifact, folder: &str) -> ArtifactRecord {
    ArtifactRecord {
        name: artifact.name.clone(),
        key: format!("{folder}/{}", artifact.path),
        size: artifact.size_bytes,
        sha256: artifact.sha256.clone(),
    }
}

const fn problem(place: String, message: String) -> Problem {
    Problem { place, message }
}
