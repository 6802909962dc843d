//! The fleet's road walks the conformance suite, on real servers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

use std::time::Duration;

use alt::{Priority, TaskIndex};
use bus::nats::{Found, Settings};
use bus::{Bus, NatsBus, Past, Recorded, conformance};
use protocol::{Attempt, AttemptKey, End, Outcome, RunId, RunStatus, Verdict, subject};
use tests::servers::{NatsCluster, NatsServer};

/// The shortest lease that a fleet may have.
const LEASE: Duration = Duration::from_secs(2);

fn settings(url: String) -> Settings {
    Settings::new(url, LEASE)
}

/// A road over a server or servers at `url`, with its streams made there.
async fn road(url: String, copies: u8) -> NatsBus {
    let settings = settings(url);
    let bus = NatsBus::open(&settings).await.unwrap();
    let parts = bus.provision(true, Some(copies)).await.unwrap();
    assert!(parts.iter().all(|part| part.found == Found::Made), "{parts:?}");
    NatsBus::connect(&settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_road_of_a_fleet_keeps_the_contract() {
    let servers = std::sync::Mutex::new(Vec::new());
    Box::pin(conformance::exercise(async || {
        let server = NatsServer::start();
        let url = server.url();
        servers.lock().unwrap().push(server);
        road(url, 1).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_road_over_three_servers_keeps_the_contract() {
    let cluster = NatsCluster::start();
    let first = cluster.url().split(',').next().unwrap().to_owned();
    let client = async_nats::connect(first).await.unwrap();
    let made = std::sync::atomic::AtomicBool::new(false);
    Box::pin(conformance::exercise(async || {
        // A fresh road is one without its streams; to start other servers would take longer.
        if made.swap(true, std::sync::atomic::Ordering::Relaxed) {
            let streams = ["ALT", "TASKS", "RUN", "SEATS", "HELD", "MEMORY", "JOBS", "SCHEDULES"];
            for stream in streams.into_iter().chain(["QUEUES", "DEAD", "QUARANTINE", "KV_runs"]) {
                let at = format!("$JS.API.STREAM.DELETE.{stream}");
                let said = client.request(at, "".into()).await.unwrap();
                assert!(said.payload.ends_with(b"\"success\":true}"), "{said:?}");
            }
        }
        road(cluster.url(), 3).await
    }))
    .await;
}

/// Each of three servers answers who is connected to it, and two of them follow.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_confirmed_is_found_through_the_others() {
    let cluster = NatsCluster::start();
    drop(road(cluster.url(), 3).await);
    let mut roads = Vec::new();
    for url in cluster.url().split(',') {
        roads.push(NatsBus::connect(&settings(url.to_owned())).await.unwrap());
    }
    let client = async_nats::connect(cluster.url().split(',').next().unwrap()).await.unwrap();
    let mut behind = 0;
    for number in 0..300_u32 {
        let [run, at] = [RunId::new(), RunId::new()];
        let key = AttemptKey { run, task: TaskIndex(number), attempt: Attempt::FIRST };
        let says = &roads[number as usize % 3];
        let others = [1, 2].map(|step| &roads[(number as usize + step) % 3]);
        let all = roads.iter().map(|road| road.record("default", Verdict::bare(key, Outcome::Ok)));
        let all = futures::future::join_all(all).await;
        let first = all.iter().filter(|said| matches!(said, Ok(Recorded::Stored)));
        assert_eq!(first.count(), 1, "at once through all three, one stands: {all:?}");
        let directly = format!("$JS.API.DIRECT.GET.RUN.{}", subject::verdict(&key, "default"));
        let directly = client.request(directly, "".into()).await.unwrap();
        behind += u32::from(directly.status.is_some());
        for other in others {
            let found = other.verdicts(vec![("default".to_owned(), key)]).await.unwrap();
            assert!(found[0].is_some(), "verdict {number} is not found");
        }
        let end = End {
            run: at,
            last_key: "k".to_owned(),
            last_sha256: "s".to_owned(),
            status: RunStatus::Success,
        };
        says.end(end.clone()).await.unwrap();
        for other in others {
            assert_eq!(other.end_of(at).await.unwrap().as_ref(), Some(&end), "end {number}");
        }
    }
    println!("{behind} of 300 direct gets found nothing yet");
}

/// The guard is sent without waiting for an answer, so only the stream tells whether it was taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_guard_is_behind_the_owner_of_a_large_run_and_both_go_with_the_run() {
    let server = NatsServer::start();
    let bus = road(server.url(), 1).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let stored = async || {
        let asked = r#"{"subjects_filter":">"}"#;
        let said = client.request("$JS.API.STREAM.INFO.TASKS", asked.into()).await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said.payload).unwrap();
        let subjects = said["state"]["subjects"].as_object().cloned().unwrap_or_default();
        subjects.into_iter().map(|(subject, _)| subject).collect::<Vec<_>>()
    };
    let [taken, small, large] = [(); 3].map(|()| RunId::new());
    let own = async |run, past| bus.own(run, past).await.unwrap().epoch;
    own(taken, Past::Blank).await;
    own(taken, Past::Unknown).await;
    for (run, tasks) in [(small, 2), (large, 64)] {
        let epoch = own(run, Past::Blank).await;
        let offer = |task| conformance::offer(run, task, epoch, "q", Priority::Medium);
        bus.dispatch(epoch, &(0..tasks).map(offer).collect::<Vec<_>>()).await.unwrap();
    }
    let mut expected = [taken, large].map(subject::owner_guard).to_vec();
    expected.extend([taken, small, large].map(subject::owner));
    expected.sort_unstable();
    let mut found = stored().await;
    found.retain(|subject| subject.starts_with("task.-."));
    found.sort_unstable();
    assert_eq!(found, expected);
    let (last_key, last_sha256) = ("k".to_owned(), "s".to_owned());
    for run in [taken, large] {
        let (last_key, last_sha256) = (last_key.clone(), last_sha256.clone());
        bus.end(End { run, last_key, last_sha256, status: RunStatus::Success }).await.unwrap();
    }
    assert_eq!(stored().await.len(), 3, "only the small one's are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_as_its_files_say() {
    let server = NatsServer::start();
    let bus = NatsBus::open(&settings(server.url())).await.unwrap();
    let missing = NatsBus::connect(&settings(server.url())).await.unwrap_err().to_string();
    assert!(missing.contains("runner doctor --fix"), "{missing}");
    bus.provision(true, None).await.unwrap();
    let parts = bus.provision(false, None).await.unwrap();
    for part in &parts {
        assert_eq!(part.found, Found::Same, "{}", part.name);
    }
    assert_eq!(parts.len(), 12 + 4 + 4 + 1);
    // Asked for more copies than there are, it says so and leaves them as they are.
    let streams = bus.provision(true, Some(3)).await.unwrap();
    let fewer = streams.iter().filter(|part| matches!(part.found, Found::Different { .. }));
    assert_eq!(fewer.count(), 12, "{streams:?}");
}
