//! A server that is killed forgets its last moments: who sits where, and what it has told of.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

use std::collections::BTreeMap;
use std::time::Duration;

use alt::{Priority, TaskIndex};
use bus::conformance::offer;
use bus::nats::Settings;
use bus::{Bus, Claim, Error, Follow, Heard, NatsBus, Past, lease};
use protocol::{Attempt, AttemptKey, Outcome, RunId, Verdict};
use tests::servers::NatsServer;
use tokio::time::{Instant, timeout};

const LEASE: Duration = Duration::from_secs(2);

/// How often a server is killed.
const ROUNDS: u32 = 5;

/// Longer than anything takes that is to come.
const LONG: Duration = Duration::from_secs(30);

fn queues() -> [String; 1] {
    ["q".to_owned()]
}

/// A queue with one seat and so many offers, and two workers.
async fn queue(server: &NatsServer, tasks: u32) -> [NatsBus; 2] {
    let settings = Settings::new(server.url(), LEASE);
    let first = limited(&settings, 1, tasks).await;
    [first, NatsBus::connect(&settings).await.unwrap()]
}

/// A queue with so many seats and offers, and one worker.
async fn limited(settings: &Settings, seats: u32, tasks: u32) -> NatsBus {
    NatsBus::open(settings).await.unwrap().provision(true, None).await.unwrap();
    let first = NatsBus::connect(settings).await.unwrap();
    first.declare(&BTreeMap::from([("q".to_owned(), Some(seats))])).await.unwrap();
    let run = RunId::new();
    let epoch = first.own(run, Past::Blank).await.unwrap().epoch;
    let offer = |task| offer(run, task, epoch, "q", Priority::Medium);
    first.dispatch(epoch, &(0..tasks).map(offer).collect::<Vec<_>>()).await.unwrap();
    first
}

async fn take(bus: &NatsBus) -> impl Claim + use<> {
    timeout(LONG, bus.claim(&queues())).await.unwrap().unwrap()
}

/// Works under a claim for so many leases, with its heartbeats; whether it was kept.
async fn work(claim: &impl Claim, leases: u32) -> bool {
    let time = tokio::time::sleep(LEASE * leases);
    lease::keep(claim.lease(), || claim.extend(), time).await.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sits_there_stays_and_nobody_sits_beside() {
    let mut server = NatsServer::start();
    let [mut holder, mut other] = queue(&server, 2 * ROUNDS).await;
    for round in 0..ROUNDS {
        let held = take(&holder).await;
        server.kill();
        server.restart();
        let queues = queues();
        let beside = other.claim(&queues);
        tokio::select! {
            biased;
            claim = beside => panic!("round {round}: two in one seat: {:?}", claim.unwrap().offer()),
            kept = work(&held, 2) => assert!(kept, "round {round}: a holder lost its seat"),
        }
        held.ack().await.unwrap();
        // Whoever sat there is gone: the other is next.
        let next = take(&other).await;
        next.ack().await.unwrap();
        std::mem::swap(&mut holder, &mut other);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_whose_holder_died_with_the_server_is_used_again() {
    let mut server = NatsServer::start();
    let [holder, other] = queue(&server, 2).await;
    // Gone without a word, as a process that is killed.
    std::mem::forget(take(&holder).await);
    drop(holder);
    server.kill();
    server.restart();
    take(&other).await.ack().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_kept_through_one_restart_after_the_other() {
    let mut server = NatsServer::start();
    let [holder, other] = queue(&server, 2).await;
    let held = take(&holder).await;
    let queues = queues();
    let beside = other.claim(&queues);
    tokio::pin!(beside);
    for round in 0..ROUNDS {
        server.kill();
        server.restart();
        tokio::select! {
            biased;
            claim = &mut beside => panic!("round {round}: two in one seat: {:?}", claim.unwrap().offer()),
            kept = work(&held, 1) => assert!(kept, "round {round}: a holder lost its seat"),
        }
    }
    assert!(work(&held, 2).await);
    held.ack().await.unwrap();
    let next = timeout(LONG, beside).await.unwrap().unwrap();
    next.ack().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_long_after_a_restart_does_not_wait() {
    let mut server = NatsServer::start();
    // So long that nothing else takes as long.
    let settings = Settings::new(server.url(), LEASE * 4);
    let first = limited(&settings, 2, 2).await;
    server.kill();
    server.restart();
    let held = take(&first).await;
    let come = Instant::now();
    let later = NatsBus::connect(&settings).await.unwrap();
    take(&later).await.ack().await.unwrap();
    assert!(come.elapsed() < settings.lease, "waited {:?}", come.elapsed());
    held.ack().await.unwrap();
}

/// Listens until so many verdicts of one run were told.
async fn hear(follow: &mut impl Follow, verdicts: usize) -> Result<(), Error> {
    let mut heard = 0;
    while heard < verdicts {
        let news = timeout(LONG, follow.next()).await.unwrap()?;
        heard += news.iter().filter(|one| matches!(one, Heard::Verdict { .. })).count();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_and_then_lost_is_told_again() {
    let mut server = NatsServer::start();
    let settings = Settings::new(server.url(), LEASE);
    let bus = limited(&settings, 1, 2).await;
    let run = RunId::new();
    let verdict = |task| {
        let key = AttemptKey { run, task: TaskIndex(task), attempt: Attempt::FIRST };
        bus.record("q", Verdict::bare(key, Outcome::Ok))
    };
    let mut follow = bus.follow(run, Past::Unknown).await.unwrap();
    verdict(0).await.unwrap();
    hear(&mut follow, 1).await.unwrap();
    follow.confirm().await.unwrap();
    let before = server.copy();
    verdict(1).await.unwrap();
    hear(&mut follow, 1).await.unwrap();
    follow.confirm().await.unwrap();
    server.restart_from(&before);
    assert!(matches!(follow.confirm().await, Err(Error::Missed(lost)) if lost == run));
    // It comes again, to the same place, with another date.
    verdict(1).await.unwrap();
    assert!(matches!(follow.confirm().await, Err(Error::Missed(lost)) if lost == run));
    // Who only listens hears of it as well.
    assert!(matches!(hear(&mut follow, 1).await, Err(Error::Missed(lost)) if lost == run));
    let mut again = bus.follow(run, Past::Unknown).await.unwrap();
    hear(&mut again, 2).await.unwrap();
    again.confirm().await.unwrap();
}
