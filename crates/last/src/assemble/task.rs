//! What came of one task: its facts turned into its result, its artifacts and what they are copied from.

use alt::TaskIndex;
use protocol::{Body, MissingFile, Outcome, Verdict};

use super::head::flat;
use super::{Promotion, RunFacts, Told};
use crate::facts::{AttemptFacts, TaskEnd, TaskFacts};
use crate::model::{
    Artifact, AttemptResult, OutputRef, TaskMetadata, TaskResult, TaskStatus, Waits,
};
use crate::path::{artifact_kind, artifact_paths, output_path, slug};
use crate::{FileDigest, Moment};

/// Why a file that was kept is not there.
const GONE: &str = "it was stored, and was gone from the store when the run ended";

/// The result of `index`; its artifacts and promotions are added to `told`.
///
/// # Errors
/// What is wrong with the facts.
pub(super) fn result(
    run: &RunFacts<'_>,
    index: TaskIndex,
    facts: TaskFacts,
    told: &mut Told,
) -> Result<TaskResult, &'static str> {
    let task = &run.alt.file().tasks[index.get()];
    let TaskFacts { end, decided_at, mut attempts } = facts;
    let start = attempts.first().map_or(decided_at, AttemptFacts::started_at);
    let finish = attempts.last().map_or(decided_at, |last| last.ended_at().max(decided_at));
    let mut result = TaskResult {
        task_id: task.id.clone(),
        execution_id: run.run.to_string(),
        status: status(end),
        outcome: attempts.last().map(|last| last.verdict.body.outcome),
        reused_from: None,
        start_time: Moment(start),
        end_time: Moment(finish),
        duration_ms: finish.since(start),
        wait_ms: 0,
        run_ms: 0,
        waits: None,
        output: None,
        output_ref: None,
        error: None,
        reason: None,
        attempts: Vec::new(),
        missing_files: Vec::new(),
        metadata: TaskMetadata {
            job: task.job.clone(),
            queue: task.queue.clone(),
            tags: task.tags.clone(),
        },
    };
    match end {
        TaskEnd::Completed => {
            let ok = attempts.last_mut().filter(|last| last.verdict.body.outcome == Outcome::Ok);
            let ok = ok.ok_or("it completed, yet its last attempt is not ok")?;
            result.reused_from = ok.verdict.body.reused_from;
            if result.reused_from.is_some() {
                run.reuse.ok_or("it was taken over, yet its run takes nothing over")?;
                told.reused += 1;
            }
            let skipped = ok.verdict.body.skipped.take();
            result.reason = skipped.map(|why| format!("skipped: {why}"));
            let at = Moment(ok.ended_at());
            deliver(run, &mut result, (index, at), &mut ok.verdict.body, told)?;
        }
        TaskEnd::Failed | TaskEnd::TimedOut => {
            let failure = attempts.last().and_then(|last| last.verdict.body.failure.as_ref());
            let message = failure.map(|failure| failure.message.clone());
            result.error = Some(message.unwrap_or_else(|| "no error was reported".to_owned()));
        }
        TaskEnd::Cancelled { cause } => result.reason = Some(reason(run, cause, &attempts)?),
    }
    result.attempts = attempts.into_iter().map(attempt).collect();
    result.wait_ms = sum(&result.attempts, |attempt| attempt.wait_ms);
    result.run_ms = sum(&result.attempts, |attempt| attempt.run_ms);
    result.waits = waits(run.started.into(), &result.attempts);
    Ok(result)
}

const fn status(end: TaskEnd) -> TaskStatus {
    match end {
        TaskEnd::Completed => TaskStatus::Completed,
        TaskEnd::Failed => TaskStatus::Failed,
        TaskEnd::TimedOut => TaskStatus::Timeout,
        TaskEnd::Cancelled { .. } => TaskStatus::Cancelled,
    }
}

fn sum(attempts: &[AttemptResult], of: impl Fn(&AttemptResult) -> u64) -> u64 {
    attempts.iter().map(of).fold(0, u64::saturating_add)
}

/// What the attempts waited for; `None` when there are none.
fn waits(started: Moment, attempts: &[AttemptResult]) -> Option<Waits> {
    let first = attempts.first()?;
    let pauses = attempts.windows(2).map(|pair| pair[1].ready_time.since(pair[0].end_time));
    let limit_ms = sum(attempts, |attempt| attempt.limit_ms);
    Some(Waits {
        dependencies_ms: first.ready_time.since(started),
        limit_ms,
        queue_ms: sum(attempts, |attempt| attempt.wait_ms).saturating_sub(limit_ms),
        backoff_ms: pauses.fold(0, u64::saturating_add),
    })
}

/// Moves what the deciding attempt left into the result.
fn deliver(
    run: &RunFacts<'_>,
    result: &mut TaskResult,
    (index, created_at): (TaskIndex, Moment),
    verdict: &mut Verdict,
    told: &mut Told,
) -> Result<(), &'static str> {
    let slug = slug(index, &result.task_id);
    match verdict.output.take().ok_or("its last attempt is ok, yet has no output")? {
        Body::Inline(json) => result.output = Some(flat(json)),
        Body::Stored { key, size, sha256 } => {
            let path = output_path(&slug);
            let missing = run.gone.contains(&key);
            if !missing {
                let digest = FileDigest { size, sha256: sha256.clone() };
                told.promotions.push(Promotion { from: key, to: path.clone(), digest });
            }
            result.output_ref = Some(OutputRef { path, size_bytes: size, sha256, missing });
        }
    }
    result.missing_files = std::mem::take(&mut verdict.missing);
    let mut records = std::mem::take(&mut verdict.artifacts);
    if !told.keeps_artifacts {
        records.clear();
    }
    let paths = artifact_paths(&slug, records.iter().map(|record| record.name.as_str()));
    for (place, (record, path)) in records.into_iter().zip(paths).enumerate() {
        if run.gone.contains(&record.key) {
            let file = MissingFile { path: record.name, reason: GONE.to_owned() };
            result.missing_files.push(file);
            continue;
        }
        let (artifact_type, mime_type) = artifact_kind(&record.name);
        let digest = FileDigest { size: record.size, sha256: record.sha256.clone() };
        told.promotions.push(Promotion { from: record.key, to: path.clone(), digest });
        told.artifacts.push(Artifact {
            id: format!("artifact_{}_{place}", index.0),
            name: record.name,
            artifact_type,
            task_id: result.task_id.clone(),
            path,
            created_at,
            size_bytes: record.size,
            mime_type: mime_type.to_owned(),
            sha256: record.sha256,
        });
    }
    Ok(())
}

fn reason(
    run: &RunFacts<'_>,
    cause: Option<TaskIndex>,
    attempts: &[AttemptFacts],
) -> Result<String, &'static str> {
    let what = if attempts.is_empty() { "not run" } else { "stopped" };
    let Some(cause) = cause else {
        return Ok(match run.cancelled {
            Some(why) => format!("{what}: the run was cancelled: {why}"),
            None => format!("{what}: the run was cancelled"),
        });
    };
    let tasks = &run.alt.file().tasks;
    let root = tasks.get(cause.get()).ok_or("it blames a task that is not in the file")?;
    Ok(format!("{what}: task `{}` did not complete", root.id))
}

fn attempt(facts: AttemptFacts) -> AttemptResult {
    let (start, end) = (facts.started_at(), facts.ended_at());
    let verdict = facts.verdict.body;
    let wait_ms = start.since(facts.ready_at);
    AttemptResult {
        attempt: verdict.attempt.get(),
        outcome: verdict.outcome,
        retryable: verdict.failure.as_ref().map(|failure| failure.retryable),
        error: verdict.failure.map(|failure| failure.message),
        ready_time: Moment(facts.ready_at),
        start_time: Moment(start),
        end_time: Moment(end),
        wait_ms,
        // As its worker counted it, which began to count when the offer was there.
        limit_ms: verdict.seat_wait_ms.min(wait_ms),
        run_ms: verdict.run_ms,
        worker: verdict.worker,
        perturbation: facts.perturbation,
        log: verdict.log,
    }
}
