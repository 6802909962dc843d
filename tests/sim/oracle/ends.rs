//! What must be true of a run that has ended, and when all have.

use protocol::{End, RunId, RunStatus, Told};
use serde_json::Value;

use super::fold::Fate;
use super::{Oracle, Said, with};
use crate::jetstream::JetStream;

/// A run that ended: where its LAST is, and how it ended.
pub(crate) fn finish(lasts: &[(RunId, Vec<u8>)], server: &JetStream) {
    with(|oracle| {
        for (run, bytes) in lasts {
            oracle.check_last(*run, bytes);
        }
        oracle.check_left(server);
    });
}

impl Oracle {
    pub(super) fn check_end(&mut self, run: RunId, end: &End) {
        let Some(seen) = self.runs.get(&run) else { return };
        if seen.lasts.get(&end.last_key) != Some(&end.last_sha256) {
            let text = format!("run {run} ends with {end:?}, stored is {:?}", seen.lasts);
            self.refuse(17, text);
        }
        if end.status == RunStatus::Refused {
            self.refuse(12, format!("run {run} is refused, and its file is valid"));
        }
    }

    /// Holds a LAST against the verdicts, which were seen one by one.
    fn check_last(&mut self, run: RunId, bytes: &[u8]) {
        let last: Value = match serde_json::from_slice(bytes) {
            Ok(last) => last,
            Err(error) => return self.refuse(9, format!("the LAST of run {run}: {error}")),
        };
        let number =
            last["alt_file_id"].as_str().and_then(|id| id.strip_prefix("file-")?.parse().ok());
        if let Some(seen) = self.runs.get_mut(&run) {
            seen.plan = seen.plan.or(number);
        }
        let (Some(plan), Some(fates)) = (self.run_plan(run).cloned(), self.fates(run)) else {
            return self.refuse(12, format!("run {run} is of no file"));
        };
        self.check_insights(run, &last["metadata"]);
        let cancelled = self.runs.get(&run).is_some_and(|seen| seen.cancelled.is_some());
        let told = last["task_results"].as_object().cloned().unwrap_or_default();
        if told.len() != plan.tasks.len() {
            let text =
                format!("the LAST of run {run} tells of {} tasks of {}", told.len(), fates.len());
            return self.refuse(9, text);
        }
        let mut completed = 0_u32;
        for (task, (fate, attempts)) in fates.iter().enumerate() {
            let result = &told[&plan.task_id(task)];
            let status = result["status"].as_str().unwrap_or("no status").to_owned();
            completed += u32::from(status == "completed");
            let count = result["attempts"].as_array().map_or(0, Vec::len);
            self.check_attempts(run, u32::try_from(task).unwrap(), result);
            if !agrees(*fate, &status, cancelled) {
                self.refuse(13, format!("run {run}, task {task}: {status}, and it is {fate:?}"));
            }
            if count != *attempts as usize {
                let text = format!("run {run}, task {task}: {count} attempts of {attempts}");
                self.refuse(13, text);
            }
            match fate {
                Fate::Cancelled if !cancelled => {
                    crate::rare::reach("a task was cancelled for another's failure");
                }
                Fate::Failed => crate::rare::reach("a task failed, its retries used up"),
                _ => {}
            }
            if *fate == Fate::Cancelled && !cancelled && count > 0 {
                self.refuse(7, format!("run {run}, task {task} ran, and is cancelled for another"));
            }
        }
        let status = RunStatus::of(completed, u32::try_from(fates.len()).unwrap()).name();
        if last["status"] != status {
            self.refuse(10, format!("run {run} is {}, its tasks say {status}", last["status"]));
        }
    }

    /// Whether a LAST has what is stored of what a model said, or of why it said nothing.
    fn check_insights(&mut self, run: RunId, metadata: &Value) {
        let stored = self.runs.get(&run).and_then(|seen| seen.insights.clone());
        let told = match &stored {
            Some(Told::Text { text, .. }) => metadata["ai_insights"]["text"] == text.as_str(),
            Some(Told::Nothing { reason }) => metadata["ai_insights_error"] == reason.as_str(),
            None => !self.plan.asks_a_model() && metadata["ai_insights"].is_null(),
        };
        if !told {
            let text = format!("run {run}: a model said {stored:?}, the LAST has {metadata}");
            self.refuse(13, text);
        }
    }

    /// Whether a LAST tells of each attempt what is stored, and not what was refused.
    fn check_attempts(&mut self, run: RunId, task: u32, result: &Value) {
        for told in result["attempts"].as_array().into_iter().flatten() {
            let attempt = told["attempt"].as_u64().and_then(|it| u32::try_from(it).ok());
            let place = (task, attempt.unwrap_or(0));
            let Some(seen) = self.runs.get(&run) else { return };
            let tells = |said: &Said| {
                told["outcome"] == said.outcome.name()
                    && told["worker"].as_str() == said.worker.as_deref()
            };
            if seen.verdicts.get(&place).is_some_and(tells) {
                continue;
            }
            let invariant = if seen.was_refused(place, tells) { 19 } else { 13 };
            let text =
                format!("run {run}, {place:?}: {told}, and it is {:?}", seen.verdicts.get(&place));
            self.refuse(invariant, text);
        }
    }

    /// What is still there when all is over.
    fn check_left(&mut self, server: &JetStream) {
        for stream in ["ALT", "TASKS"] {
            if let Some((_, left)) = server.since(stream, 1).next() {
                self.refuse(23, format!("{} is still there", left.subject));
            }
        }
        for (_, left) in server.since("RUN", 1) {
            let last = left.subject.rsplit('.').next();
            // Verdicts of the dead come late; nobody looks for them any more.
            let late = left.subject.contains(".res.") || left.subject.contains(".try.");
            // A second word of a model, were there room for one, would make a second LAST.
            if !matches!(last, Some("alt" | "end" | "insights")) && !late && last != Some("ctl") {
                self.refuse(23, format!("{} is still there", left.subject));
            }
        }
    }
}

/// Whether a status is right; of a cancelled run, how far it was is a matter of moments.
fn agrees(fate: Fate, status: &str, cancelled: bool) -> bool {
    match fate {
        Fate::Open => false,
        Fate::Completed => status == "completed",
        Fate::Failed | Fate::TimedOut | Fate::Cancelled if cancelled => {
            matches!(status, "failed" | "timeout" | "cancelled")
        }
        Fate::Failed => status == "failed",
        Fate::TimedOut => status == "timeout",
        Fate::Cancelled => status == "cancelled",
    }
}
