//! What every road must do, written once: the local bus and the fleet's walk the same steps.
//!
//! Time may be paused: nothing here waits on the wall clock.

use std::collections::BTreeMap;
use std::time::Duration;

use alt::{Json, LastOptions, Priority, TaskIndex};
use protocol::{
    Answer, Attempt, AttemptKey, Cancellation, Counts, End, Epoch, Heartbeat, Insights, Offer,
    Outcome, Question, RunId, RunRecord, Source, Started, Submission, Timestamp, Told, Verdict,
};
use tokio::time::{sleep, timeout};

use crate::{
    Accepted, Beats, Bus, Claim, Error, Follow, Heard, Owned, Past, Questions, Recorded, RunClaim,
    Stops,
};

/// Long enough for any road to deliver; short enough to fail before a person gives up.
const SOON: Duration = Duration::from_secs(5);
/// How long nothing must happen before we believe that nothing will.
const QUIET: Duration = Duration::from_millis(300);

/// Longer than any road's lease of a submission.
const LEASE_OVER: Duration = Duration::from_secs(90);

/// Walks the whole suite over roads made by `make`, one fresh road a step.
///
/// # Panics
/// When a road breaks its contract; the message names the promise.
pub async fn exercise<B: Bus, F: AsyncFn() -> B>(make: F) {
    a_submission_is_stored_once(&make().await).await;
    a_dropped_submission_returns_after_its_lease(&make().await).await;
    a_released_submission_returns_at_once(&make().await).await;
    who_asked_and_went_holds_nothing_up(&make().await).await;
    an_older_owner_is_fenced(&make().await).await;
    offers_come_by_priority_and_once(&make().await).await;
    a_queue_never_hands_out_more_than_its_limit(&make().await).await;
    a_limit_is_changed_while_offers_wait(&make().await).await;
    a_dropped_claim_returns_after_its_lease(&make().await).await;
    deaths_are_counted_and_hand_backs_are_not(&make().await).await;
    a_heartbeat_keeps_a_claim(&make().await).await;
    a_released_offer_returns_at_once(&make().await).await;
    offers_are_outstanding_until_they_are_acked(&make().await).await;
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

async fn soon<T>(what: &str, future: impl Future<Output = Result<T, Error>>) -> T {
    match timeout(SOON, future).await {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => panic!("{what}: {error}"),
        Err(_) => panic!("{what}: nothing came within {SOON:?}"),
    }
}

async fn never<T>(what: &str, future: impl Future<Output = T>) {
    assert!(timeout(QUIET, future).await.is_err(), "{what}: it happened");
}

fn submission(run: RunId) -> Submission {
    let alt = Source::Inline("{}".into());
    let (priority, last) = (Priority::Medium, LastOptions::default());
    Submission { run, alt, priority, mode: None, persona: None, reuse: None, last }
}

/// An offer that says nothing in particular: the first attempt of a task.
#[must_use]
pub fn offer(run: RunId, task: u32, epoch: Epoch, queue: &str, priority: Priority) -> Offer {
    Offer {
        run,
        task: TaskIndex(task),
        attempt: Attempt::FIRST,
        epoch,
        queue: queue.to_owned(),
        priority,
        id: format!("task {task}"),
        job: "echo".to_owned(),
        parameters: Json::from_text("{\"big\":1e400}").ok(),
        timeout_ms: None,
        inputs: Vec::new(),
        dependencies: 0,
        mode: alt::Mode::Normal,
        persona: None,
        perturbation: None,
        again: false,
        then: Vec::new(),
    }
}

fn verdict(key: AttemptKey, run_ms: u64) -> Verdict {
    let output = Some(protocol::Body::Inline(Json::null()));
    Verdict { output, run_ms, ..Verdict::bare(key, Outcome::Ok) }
}

async fn begin<B: Bus>(bus: &B, queue: &str, limit: Option<u32>) -> (RunId, Epoch) {
    soon("declare", bus.declare(&BTreeMap::from([(queue.to_owned(), limit)]))).await;
    let run = RunId::new();
    soon("submit", bus.submit(submission(run))).await;
    let owned = soon("own", bus.own(run, Past::Blank)).await;
    assert!(owned.first, "nobody owned it before");
    (run, owned.epoch)
}

async fn a_submission_is_stored_once<B: Bus>(bus: &B) {
    let run = RunId::new();
    assert!(!soon("is submitted", bus.is_submitted(run)).await);
    assert_eq!(soon("submit", bus.submit(submission(run))).await, Accepted::New);
    assert!(soon("is submitted", bus.is_submitted(run)).await);
    assert_eq!(soon("submit again", bus.submit(submission(run))).await, Accepted::Already);
    let other = Submission { persona: Some("x".to_owned()), ..submission(run) };
    let other = bus.submit(other).await;
    assert!(matches!(other, Err(Error::OtherSubmission(_))), "one id, two files: {other:?}");
    let claim = soon("next run", bus.next_run()).await;
    assert_eq!(claim.submission().body, submission(run));
    soon("extend", claim.extend()).await;
    never("a held submission handed out again", bus.next_run()).await;
    soon("ack", claim.ack()).await;
}

async fn a_dropped_submission_returns_after_its_lease<B: Bus>(bus: &B) {
    let run = RunId::new();
    soon("submit", bus.submit(submission(run))).await;
    let claim = soon("first owner", bus.next_run()).await;
    never("a second owner beside the first", bus.next_run()).await;
    drop(claim);
    let again = timeout(LEASE_OVER, bus.next_run()).await;
    let again =
        again.ok().and_then(Result::ok).unwrap_or_else(|| panic!("the submission was lost"));
    assert_eq!(again.submission().body.run, run);
    soon("ack", again.ack()).await;
    never("an acked submission returned", bus.next_run()).await;
}

async fn a_released_submission_returns_at_once<B: Bus>(bus: &B) {
    let run = RunId::new();
    soon("submit", bus.submit(submission(run))).await;
    soon("release", soon("next run", bus.next_run()).await.release()).await;
    let again = soon("next run again", bus.next_run()).await;
    assert_eq!(again.submission().body.run, run);
    soon("ack", again.ack()).await;
}

/// Handed over and not looked at is not taken.
async fn who_asked_and_went_holds_nothing_up<B: Bus>(bus: &B) {
    let mut asked = Box::pin(bus.next_run());
    never("a run nobody submitted", asked.as_mut()).await;
    let (run, epoch) = begin(bus, "q", None).await;
    sleep(QUIET).await;
    drop(asked);
    assert_eq!(soon("next run", bus.next_run()).await.submission().body.run, run);

    let queues = ["q".to_owned()];
    let mut asked = Box::pin(bus.claim(&queues));
    never("a task nobody offered", asked.as_mut()).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    sleep(QUIET).await;
    drop(asked);
    assert_eq!(soon("claim", bus.claim(&queues)).await.offer().task, TaskIndex(0));
}

async fn an_older_owner_is_fenced<B: Bus>(bus: &B) {
    let (run, old) = begin(bus, "q", None).await;
    let Owned { epoch: new, first } = soon("own again", bus.own(run, Past::Blank)).await;
    assert!(!first, "it had an owner");
    assert!(new > old, "a later owner has a later epoch");
    let late = bus.dispatch(old, &[offer(run, 0, old, "q", Priority::Medium)]).await;
    assert!(matches!(late, Err(Error::Fenced(_))), "an old owner dispatched: {late:?}");
    soon("dispatch", bus.dispatch(new, &[offer(run, 0, new, "q", Priority::Medium)])).await;
}

async fn offers_come_by_priority_and_once<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    let ranks = [Priority::Low, Priority::Medium, Priority::Critical, Priority::High];
    let offers = ranks.iter().zip(0..).map(|(p, i)| offer(run, i, epoch, "q", *p));
    let offers: Vec<_> = offers.collect();
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    soon("dispatch again", bus.dispatch(epoch, &offers)).await;
    let queues = ["q".to_owned()];
    for expected in [2, 3, 1, 0] {
        let claim = soon("claim", bus.claim(&queues)).await;
        assert_eq!(claim.offer().task, TaskIndex(expected), "priority order");
        assert_eq!(claim.deliveries(), 1);
        soon("ack", claim.ack()).await;
    }
    never("an offer handed out twice", bus.claim(&queues)).await;
}

async fn a_queue_never_hands_out_more_than_its_limit<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", Some(2)).await;
    let offers = (0..3).map(|i| offer(run, i, epoch, "q", Priority::Medium));
    let offers: Vec<_> = offers.collect();
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    let queues = ["q".to_owned()];
    let first = soon("first seat", bus.claim(&queues)).await;
    let second = soon("second seat", bus.claim(&queues)).await;
    never("a third seat of two", bus.claim(&queues)).await;
    assert!(second.seat_wait() < QUIET, "nobody waited for a seat that was free");
    soon("ack", first.ack()).await;
    let third = soon("a freed seat", bus.claim(&queues)).await;
    // It was wanted in vain for as long as nothing came; a desk hears late that nobody wants it.
    assert!(third.seat_wait() >= QUIET / 2, "waited {:?} for a seat", third.seat_wait());
    soon("ack", second.ack()).await;
    soon("ack", third.ack()).await;
}

async fn a_limit_is_changed_while_offers_wait<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", Some(1)).await;
    let offers = (0..4).map(|i| offer(run, i, epoch, "q", Priority::Medium));
    let offers: Vec<_> = offers.collect();
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    let queues = ["q".to_owned()];
    let first = soon("the only seat", bus.claim(&queues)).await;
    never("a second seat of one", bus.claim(&queues)).await;
    soon("more seats", bus.declare(&BTreeMap::from([("q".to_owned(), Some(2))]))).await;
    let second = soon("the new seat", bus.claim(&queues)).await;
    soon("fewer seats", bus.declare(&BTreeMap::from([("q".to_owned(), Some(1))]))).await;
    soon("ack", second.ack()).await;
    let lease = first.lease().length;
    soon("ack", first.ack()).await;
    // Who sat there may sit there for a while; after a lease nobody does.
    tokio::time::sleep(lease).await;
    let third = soon("the seat that is left", bus.claim(&queues)).await;
    never("a seat that was taken away", bus.claim(&queues)).await;
    soon("ack", third.ack()).await;
}

async fn a_dropped_claim_returns_after_its_lease<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", Some(1)).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    let claim = soon("claim", bus.claim(&queues)).await;
    let lease = claim.lease().length;
    drop(claim);
    never("a dead worker's offer before its lease is over", bus.claim(&queues)).await;
    let again = timeout(lease + SOON, bus.claim(&queues)).await;
    let again = again.ok().and_then(Result::ok).unwrap_or_else(|| panic!("the offer was lost"));
    assert!(again.deliveries() > 1, "a second delivery says so");
    soon("ack", again.ack()).await;
}

async fn deaths_are_counted_and_hand_backs_are_not<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    let claim = soon("claim", bus.claim(&queues)).await;
    let lease = claim.lease().length;
    drop(claim);
    tokio::time::sleep(lease + QUIET).await;
    for lost in 1..=2 {
        soon("release", soon("claim again", bus.claim(&queues)).await.release()).await;
        let claim = soon("claim and begin", bus.claim(&queues)).await;
        assert_eq!(soon("lost", claim.lost()).await, lost, "deaths so far");
        soon("begin", claim.begin_again()).await;
        drop(claim);
        tokio::time::sleep(lease + QUIET).await;
    }
    let claim = soon("claim after three deaths", bus.claim(&queues)).await;
    assert_eq!(soon("lost", claim.lost()).await, 3);
    drop(claim);
    tokio::time::sleep(lease + QUIET).await;
    let claim = soon("claim after the death of one who never began", bus.claim(&queues)).await;
    assert_eq!(soon("lost", claim.lost()).await, 3);
    assert!(!soon("decided", claim.is_decided(claim.offer().key())).await);
    soon("record", bus.record("q", verdict(claim.offer().key(), 0))).await;
    assert!(soon("decided", claim.is_decided(claim.offer().key())).await, "there is a verdict");
    soon("ack", claim.ack()).await;
}

async fn a_heartbeat_keeps_a_claim<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    let claim = soon("claim", bus.claim(&queues)).await;
    for _ in 0..4 {
        tokio::time::sleep(claim.lease().length / 2).await;
        soon("extend", claim.extend()).await;
    }
    never("a live worker's offer", bus.claim(&queues)).await;
    tokio::time::sleep(claim.lease().length * 2).await;
    let late = claim.extend().await;
    assert!(matches!(late, Err(Error::LeaseLost)), "a dead lease was renewed: {late:?}");
}

async fn a_released_offer_returns_at_once<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    soon("dispatch", bus.dispatch(epoch, &[offer(run, 0, epoch, "q", Priority::Medium)])).await;
    let queues = ["q".to_owned()];
    soon("release", soon("claim", bus.claim(&queues)).await.release()).await;
    let again = soon("claim again", bus.claim(&queues)).await;
    assert_eq!(again.offer().task, TaskIndex(0));
    assert_eq!(again.offer().parameters.as_ref().map(Json::text), Some("{\"big\":1e400}"));
}

async fn offers_are_outstanding_until_they_are_acked<B: Bus>(bus: &B) {
    let (run, epoch) = begin(bus, "q", None).await;
    assert_eq!(soon("outstanding", bus.outstanding(run)).await, []);
    let offers = [0, 1].map(|task| offer(run, task, epoch, "q", Priority::Medium));
    soon("dispatch", bus.dispatch(epoch, &offers)).await;
    let claim = soon("claim", bus.claim(&["q".to_owned()])).await;
    let mut there = soon("outstanding under lease", bus.outstanding(run)).await;
    there.sort_unstable_by_key(|offer| offer.task);
    assert_eq!(there, offers);
    let other = 1 - claim.offer().task.get();
    soon("ack", claim.ack()).await;
    // The ack is stored before each copy of the stream has let the message go.
    let gone = async {
        while bus.outstanding(run).await? != [offers[other].clone()] {
            tokio::time::sleep(SOON / 500).await;
        }
        Ok(())
    };
    soon("the other is outstanding alone after an ack", gone).await;
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
