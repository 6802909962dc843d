//! The verb `why`: what a task waits for, in plain words.

use std::time::Duration;

use client::fetch_last;
use last::{LastFile, TaskResult};
use protocol::{Answer, End, Question, Reason, Standing, Timestamp, Why};
use serde_json::json;

use super::{Fleet, lost, unfetched};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::seconds;

pub(super) async fn why(
    fleet: &Fleet,
    text: &str,
    task: &str,
    json: bool,
) -> Result<Exit, Failure> {
    let record = fleet.find(text).await?;
    let run = record.run;
    if let Some(end) = &record.end {
        return why_ended(fleet, end, task, json).await;
    }
    let question = Question::Why { task: task.to_owned() };
    match fleet.client.ask(run, question).await.map_err(|error| lost(&error))? {
        Some(Answer::Why(why)) => {
            if json {
                output::json(&why)?;
            } else {
                output::result(&told(&why))?;
            }
            Ok(Exit::Success)
        }
        Some(Answer::NoSuchTask { nearest }) => Err(no_such_task(task, nearest.as_deref())),
        Some(Answer::Snapshot(_) | Answer::Waiting(_)) => {
            Err(Failure::fault("the coordinator answered something else"))
        }
        None => {
            // It may have ended since.
            let record = fleet.client.record(run).await.map_err(|error| lost(&error))?;
            match record.and_then(|record| record.end) {
                Some(end) => why_ended(fleet, &end, task, json).await,
                None => Err(unconducted(&run.to_string())),
            }
        }
    }
}

fn unconducted(run: &str) -> Failure {
    Failure {
        exit: Exit::Failure,
        message: format!("nobody conducts run {run} now, so nobody knows"),
        help: Some("`runner coordinator` starts a coordinator; it takes the run over".to_owned()),
    }
}

fn no_such_task(task: &str, nearest: Option<&str>) -> Failure {
    let help = nearest.map_or_else(
        || "use the id that the task has in the ALT file".to_owned(),
        |nearest| format!("did you mean `{}`?", alt::visible(nearest)),
    );
    let message = format!("the run has no task `{task}`");
    Failure { exit: Exit::Failure, message, help: Some(help) }
}

/// An answer for people: how the task stands, then a line for each reason.
fn told(why: &Why) -> String {
    let task = &why.task;
    let mut text = format!("{} is {}", quoted(&task.id), stands(&task.standing, why.now));
    if let Some(attempt) = task.attempt.filter(|attempt| attempt.get() > 1) {
        text.push_str(&format!(", attempt {attempt}"));
    }
    text.push('\n');
    for reason in &why.reasons {
        text.push_str(&format!("  {}\n", because(reason, why.now)));
    }
    text
}

/// How a task stands, in words, seen from `now`.
pub(super) fn stands(standing: &Standing, now: Timestamp) -> String {
    let ago = |at: &Timestamp| format!("{} ago", time(now.since(*at)));
    match standing {
        Standing::Waiting { missing: 1 } => "waiting for 1 task".to_owned(),
        Standing::Waiting { missing } => format!("waiting for {missing} tasks"),
        Standing::Ready => "ready".to_owned(),
        Standing::Backoff { until } => {
            let left = time(until.since(now));
            format!("between two attempts: the next one is due in {left}, at {until}")
        }
        Standing::Offered => "on its queue".to_owned(),
        Standing::Running { worker, for_ms } => {
            let mut text = "running".to_owned();
            if let Some(worker) = worker {
                text.push_str(&format!(" on {worker}"));
            }
            if let Some(ms) = for_ms {
                text.push_str(&format!(" for {}", time(*ms)));
            }
            text
        }
        Standing::Completed { at } => format!("completed, {}", ago(at)),
        Standing::Failed { at } => format!("failed, {}", ago(at)),
        Standing::Timeout { at } => format!("timed out, {}", ago(at)),
        Standing::Cancelled { at, cause: Some(cause) } => {
            format!("cancelled because of {}, {}", quoted(cause), ago(at))
        }
        Standing::Cancelled { at, cause: None } => format!("cancelled, {}", ago(at)),
    }
}

fn because(reason: &Reason, now: Timestamp) -> String {
    match reason {
        Reason::Dependency { task, standing } => {
            format!("it needs {}, which is {}", quoted(task), stands(standing, now))
        }
        Reason::Window { size, ahead } => format!(
            "the run has its most offers outstanding ({size}), and {ahead} ready tasks go first"
        ),
        Reason::Along { task } => {
            format!("it goes along with {}: whoever does that one goes on with it", quoted(task))
        }
        Reason::NoWorker { queue } => {
            format!("no worker serves queue `{queue}`; `runner worker --queues {queue}` starts one")
        }
        Reason::Limit { queue, limit, holders } => {
            let mut text = format!("queue `{queue}` lets {limit} run at once");
            for (number, it) in holders.iter().enumerate() {
                text.push_str(if number == 0 { ", and these do: " } else { ", " });
                let (task, run, ran) = (it.task.0, it.run, time(it.for_ms));
                text.push_str(&format!("task {task} of run {run} on {} for {ran}", it.worker));
            }
            text
        }
        Reason::Busy { queue, slots } => {
            format!("all {slots} slots of the workers of queue `{queue}` are taken")
        }
        Reason::Queued { queue, priority } => {
            let priority = format!("{priority:?}").to_lowercase();
            format!("it is on queue `{queue}` with priority {priority}, and a worker can take it")
        }
    }
}

async fn why_ended(fleet: &Fleet, end: &End, task: &str, json: bool) -> Result<Exit, Failure> {
    let fetched = fetch_last(&fleet.store, end).await.map_err(|error| unfetched(&error))?;
    let last = fetched.last;
    let Some(result) = last.task_results.iter().find(|result| result.task_id == task) else {
        let ids = last.task_results.iter().map(|result| result.task_id.as_str());
        return Err(no_such_task(task, alt::nearest(task, ids)));
    };
    if json {
        output::json(&json!({ "ended": end.status, "result": result }))?;
    } else {
        output::result(&told_of_result(&last, result))?;
    }
    Ok(Exit::Success)
}

/// What a LAST says of a task.
fn told_of_result(last: &LastFile, result: &TaskResult) -> String {
    let status = match result.status {
        last::TaskStatus::Timeout => "timed out",
        last::TaskStatus::Cancelled => "was cancelled",
        last::TaskStatus::Completed => "completed",
        last::TaskStatus::Failed => "failed",
    };
    let mut text =
        format!("{} {status}; the run has ended: {}", quoted(&result.task_id), last.status.name());
    text.push('\n');
    if let Some(reason) = &result.reason {
        text.push_str(&format!("  {}\n", alt::visible(reason)));
    }
    if let Some(run) = result.reused_from {
        text.push_str(&format!("  its result was taken over from run {run}\n"));
    }
    for attempt in &result.attempts {
        let mut line = format!(
            "  attempt {}: {} after {}",
            attempt.attempt,
            attempt.outcome.name(),
            time(attempt.run_ms)
        );
        if let Some(worker) = &attempt.worker {
            line.push_str(&format!(" on {worker}"));
        }
        if let Some(error) = &attempt.error {
            line.push_str(&format!(": {}", alt::visible(error)));
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn time(ms: u64) -> String {
    seconds(Duration::from_millis(ms))
}

fn quoted(id: &str) -> String {
    format!("`{}`", alt::visible(id))
}

#[cfg(test)]
mod tests {
    use alt::{Priority, TaskIndex};
    use protocol::{Attempt, Holder, RunId, TaskView, WorkerId};

    use super::*;

    const NOW: Timestamp = Timestamp(100_000);

    fn of(standing: Standing, reasons: Vec<Reason>) -> String {
        let task = TaskView { id: "a\u{1b}".to_owned(), attempt: Attempt::new(2), standing };
        told(&Why { task, now: NOW, reasons })
    }

    #[test]
    fn an_answer_names_the_one_thing_that_is_missing() {
        let queue = || "q".to_owned();
        let holder = Holder {
            worker: WorkerId::local(),
            run: RunId::from_bits(7),
            task: TaskIndex(3),
            for_ms: 2_500,
        };
        for (standing, reason, expected) in [
            (
                Standing::Waiting { missing: 1 },
                Reason::Dependency {
                    task: "b".to_owned(),
                    standing: Standing::Backoff { until: Timestamp(103_000) },
                },
                "`b`, which is between two attempts: the next one is due in 3.0 s",
            ),
            (
                Standing::Ready,
                Reason::Window { size: 9, ahead: 4 },
                "(9), and 4 ready tasks go first",
            ),
            (Standing::Offered, Reason::Along { task: "b".to_owned() }, "goes along with `b`"),
            (Standing::Offered, Reason::NoWorker { queue: queue() }, "no worker serves queue `q`"),
            (
                Standing::Offered,
                Reason::Limit { queue: queue(), limit: 1, holders: vec![holder] },
                "queue `q` lets 1 run at once, and these do: task 3 of run \
                 00000000000000000000000000000007 on local for 2.5 s",
            ),
            (Standing::Offered, Reason::Busy { queue: queue(), slots: 8 }, "all 8 slots"),
            (
                Standing::Offered,
                Reason::Queued { queue: queue(), priority: Priority::High },
                "on queue `q` with priority high",
            ),
        ] {
            let text = of(standing, vec![reason]);
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn a_task_that_waits_for_nothing_says_how_it_stands() {
        let running = Standing::Running { worker: Some(WorkerId::local()), for_ms: Some(65_000) };
        assert!(of(running, Vec::new()).contains("running on local for 1 min 05 s, attempt 2"));
        let cancelled = Standing::Cancelled { at: Timestamp(98_000), cause: Some("b".to_owned()) };
        let text = of(cancelled, Vec::new());
        assert!(text.contains("cancelled because of `b`, 2.0 s ago"), "{text}");
    }
}
