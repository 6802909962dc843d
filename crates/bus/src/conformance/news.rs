//! What a road promises of a run's news: what was said first stands, and it reaches who asks.

use alt::{Json, Priority, TaskIndex};
use protocol::{
    Answer, Attempt, AttemptKey, Cancellation, Counts, End, Heartbeat, Insights, Question, RunId,
    RunRecord, Started, Timestamp, Told,
};
use tokio::time::timeout;

use super::{QUIET, begin, never, offer, soon, submission, verdict};
use crate::{Beats, Bus, Error, Follow, Heard, Past, Questions, Recorded, Stops};

pub(super) async fn exercise<B: Bus, F: AsyncFn() -> B>(make: &F) {
    the_first_verdict_stands(&make().await).await;
    a_follower_hears_all_in_order(&make().await).await;
    a_stop_reaches_listeners_and_the_queue(&make().await).await;
    the_first_cancellation_stands(&make().await).await;
    what_a_model_said_first_stands(&make().await).await;
    an_end_is_told_to_those_who_wait(&make().await).await;
    records_are_listed_the_latest_run_first(&make().await).await;
    a_question_reaches_the_conductor_and_nobody_else(&make().await).await;
    heartbeats_reach_who_listens(&make().await).await;
    what_a_job_remembered_last_stands(&make().await).await;
}

async fn the_first_verdict_stands<B: Bus>(bus: &B) {
    let (run, _) = begin(bus, "q", None).await;
    let key = AttemptKey { run, task: TaskIndex(0), attempt: Attempt::FIRST };
    let other = AttemptKey { task: TaskIndex(1), ..key };
    assert_eq!(soon("record", bus.record("q", verdict(key, 1))).await, Recorded::Stored);
    assert_eq!(soon("record late", bus.record("q", verdict(key, 2))).await, Recorded::Refused);
    let keys = vec![("q".to_owned(), other), ("q".to_owned(), key)];
    let found = soon("verdicts", bus.verdicts(keys)).await;
    assert_eq!(found.len(), 2);
    assert!(found[0].is_none(), "a verdict nobody stored");
    assert_eq!(found[1].as_ref().map(|v| v.body.run_ms), Some(1));
}

async fn a_follower_hears_all_in_order<B: Bus>(bus: &B) {
    let (run, _) = begin(bus, "q", None).await;
    let key = |task| AttemptKey { run, task: TaskIndex(task), attempt: Attempt::FIRST };
    soon("record", bus.record("q", verdict(key(0), 0))).await;
    let mut follow = soon("follow", bus.follow(run, Past::Unknown)).await;
    let mut heard = soon("backlog", follow.next()).await;
    while !matches!(heard.last(), Some(Heard::CaughtUp(_))) {
        heard.extend(soon("caught up", follow.next()).await);
    }
    assert_eq!(heard.len(), 2, "one verdict, then the mark: {heard:?}");
    let worker = "w".parse().unwrap_or_else(|_| panic!("a worker id"));
    bus.started(Started { key: key(1), worker, timeout_ms: 5 }).await;
    for task in 1..50 {
        soon("record", bus.record("q", verdict(key(task), 0))).await;
    }
    let mut tasks = Vec::new();
    let mut last = None;
    while tasks.len() < 49 {
        for news in soon("news", follow.next()).await {
            if let Heard::Verdict { queue, verdict: stored } = news {
                assert_eq!(queue, "q");
                assert!(last < Some(stored.sequence), "stream order");
                last = Some(stored.sequence);
                tasks.push(stored.body.task.0);
            }
        }
    }
    assert_eq!(tasks, (1..50).collect::<Vec<_>>());
}

async fn a_stop_reaches_listeners_and_the_queue<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let mut stops = soon("listen", bus.stops()).await;
    let key = AttemptKey { run, task: TaskIndex(0), attempt: Attempt::FIRST };
    soon("stop", bus.stop("q", key)).await;
    assert_eq!(soon("hear", stops.next()).await, key);
    never("a stopped offer", bus.claim(&["q".to_owned()])).await;
}

async fn the_first_cancellation_stands<B: Bus>(bus: &B) {
    let (run, _) = begin(bus, "q", None).await;
    for reason in ["first", "second"] {
        soon("cancel", bus.cancel(Cancellation { run, reason: reason.to_owned() })).await;
    }
    for past in [Past::Blank, Past::Unknown] {
        let mut follow = soon("follow", bus.follow(run, past)).await;
        let mut reasons = Vec::new();
        while let Ok(Ok(news)) = timeout(QUIET, follow.next()).await {
            reasons.extend(news.into_iter().filter_map(|heard| match heard {
                Heard::Cancelled(stored) => Some(stored.body.reason),
                Heard::Started(_) | Heard::Verdict { .. } | Heard::CaughtUp(_) => None,
            }));
        }
        assert_eq!(reasons, ["first"], "{past:?}");
    }
}

async fn what_a_model_said_first_stands<B: Bus>(bus: &B) {
    let (run, _) = begin(bus, "q", None).await;
    let said = |text: &str| {
        let (text, model) = (text.to_owned(), "m".to_owned());
        Insights { run, told: Told::Text { text, model, tokens: Some(7) } }
    };
    assert_eq!(soon("insights before any", bus.insights_of(run)).await, None);
    assert_eq!(soon("advise", bus.advise(said("first"))).await, Recorded::Stored);
    assert_eq!(soon("advise again", bus.advise(said("second"))).await, Recorded::Refused);
    assert_eq!(soon("insights", bus.insights_of(run)).await, Some(said("first")));
    let mut follow = soon("follow", bus.follow(run, Past::Unknown)).await;
    let news = soon("no news for a conductor", follow.next()).await;
    assert!(matches!(news.as_slice(), [Heard::CaughtUp(_)]), "{news:?}");
    // Who comes too late cannot make a second truth.
    soon("end", bus.end(end(run))).await;
    assert_eq!(soon("advise too late", bus.advise(said("third"))).await, Recorded::Refused);
    assert_eq!(soon("insights after the end", bus.insights_of(run)).await, Some(said("first")));
}

fn end(run: RunId) -> End {
    End {
        run,
        last_key: "a/last.json".to_owned(),
        last_sha256: "00".to_owned(),
        status: protocol::RunStatus::Success,
    }
}

async fn an_end_is_told_to_those_who_wait<B: Bus>(bus: &B) {
    let (run, _) = begin(bus, "q", None).await;
    never("an end before its time", bus.ended(run)).await;
    let end = end(run);
    assert_eq!(soon("end", bus.end(end.clone())).await, Recorded::Stored);
    let other = End { last_key: "b/last.json".to_owned(), ..end.clone() };
    assert_eq!(soon("end again", bus.end(other)).await, Recorded::Refused);
    assert_eq!(soon("ended", bus.ended(run)).await, end);
    assert_eq!(soon("ended, asked late", bus.ended(run)).await, end);
    let late = bus.follow(run, Past::Blank).await;
    assert!(matches!(late, Err(Error::Ended(_))), "conducted after its end");
}

fn record(run: RunId, started: u64) -> RunRecord {
    RunRecord {
        run,
        alt_id: "a".to_owned(),
        title: "A title".to_owned(),
        started: Timestamp(started),
        updated: Timestamp(started),
        counts: Counts::default(),
        end: None,
    }
}

async fn records_are_listed_the_latest_run_first<B: Bus>(bus: &B) {
    let runs = [RunId::new(), RunId::new()];
    for (run, started) in runs.iter().zip(1..) {
        soon("submit", bus.submit(submission(*run))).await;
        assert_eq!(soon("no record yet", bus.record_of(*run)).await, None);
        soon("report", bus.report(record(*run, started))).await;
    }
    let updated = RunRecord { title: "Another".to_owned(), ..record(runs[0], 1) };
    soon("report again", bus.report(updated.clone())).await;
    assert_eq!(soon("its record", bus.record_of(runs[0])).await, Some(updated.clone()));
    assert_eq!(soon("records", bus.records()).await, [record(runs[1], 2), updated]);
    let ended = RunRecord { end: Some(end(runs[0])), ..record(runs[0], 1) };
    soon("report the end", bus.report(ended.clone())).await;
    soon("report too late", bus.report(record(runs[0], 1))).await;
    assert_eq!(soon("its end", bus.record_of(runs[0])).await, Some(ended));
}

async fn a_question_reaches_the_conductor_and_nobody_else<B: Bus>(bus: &B) {
    let (run, _) = begin(bus, "q", None).await;
    let why = Question::Why { task: "a.b c".to_owned() };
    assert_eq!(soon("ask nobody", bus.ask(run, why.clone())).await, None);
    let mut questions = soon("questions", bus.questions(run)).await;
    let answer = Answer::NoSuchTask { nearest: Some("a".to_owned()) };
    let answering = async {
        assert_eq!(soon("a question", questions.next()).await, why);
        questions.answer(answer.clone()).await;
    };
    let (asked, ()) = tokio::join!(soon("ask", bus.ask(run, why.clone())), answering);
    assert_eq!(asked, Some(answer.clone()));
    drop(questions);
    assert_eq!(soon("ask who has gone", bus.ask(run, why.clone())).await, None);
}

async fn heartbeats_reach_who_listens<B: Bus>(bus: &B) {
    let mut beats = soon("listen", bus.beats()).await;
    let worker = "w-1".parse().unwrap_or_else(|_| panic!("a worker id"));
    let queues = vec!["q".to_owned()];
    let beat = Heartbeat { worker, slots: 4, queues, running: Vec::new(), draining: false };
    bus.beat(beat.clone()).await;
    assert_eq!(soon("hear", beats.next()).await, beat);
}

async fn what_a_job_remembered_last_stands<B: Bus>(bus: &B) {
    let value = |number: u32| Json::from_text(number.to_string()).unwrap_or_else(|_| Json::null());
    let odd = "a key.with > every * sign";
    assert_eq!(soon("nothing yet", bus.recall("a.job", odd)).await, None);
    for number in [1, 2] {
        soon("remember", bus.remember("a.job", odd, value(number))).await;
        assert_eq!(soon("recall", bus.recall("a.job", odd)).await, Some(value(number)));
    }
    soon("another key", bus.remember("a.job", "other", value(3))).await;
    soon("another job", bus.remember("a_job", odd, value(4))).await;
    assert_eq!(soon("recall again", bus.recall("a.job", odd)).await, Some(value(2)));
}
