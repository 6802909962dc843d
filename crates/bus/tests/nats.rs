//! The fleet's road walks the conformance suite, on real servers.

use std::time::Duration;

use bus::nats::{Found, Settings};
use bus::{NatsBus, conformance};
use tests::servers::NatsServer;

/// The shortest lease that a fleet may have.
const LEASE: Duration = Duration::from_secs(2);

fn settings(server: &NatsServer) -> Settings {
    Settings::new(server.url(), LEASE)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_road_of_a_fleet_keeps_the_contract() {
    let servers = std::sync::Mutex::new(Vec::new());
    conformance::exercise(async || {
        let server = NatsServer::start();
        let settings = settings(&server);
        servers.lock().unwrap().push(server);
        let bus = NatsBus::open(&settings).await.unwrap();
        let parts = bus.provision(true, None).await.unwrap();
        assert!(parts.iter().all(|part| part.found == Found::Made), "{parts:?}");
        NatsBus::connect(&settings).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_as_its_files_say() {
    let server = NatsServer::start();
    let bus = NatsBus::open(&settings(&server)).await.unwrap();
    let missing = NatsBus::connect(&settings(&server)).await.unwrap_err().to_string();
    assert!(missing.contains("runner doctor --fix"), "{missing}");
    bus.provision(true, None).await.unwrap();
    let parts = bus.provision(false, None).await.unwrap();
    for part in &parts {
        assert_eq!(part.found, Found::Same, "{}", part.name);
    }
    assert_eq!(parts.len(), 6 + 4 + 4);
    // Asked for more copies than there are, it says so and leaves them as they are.
    let streams = bus.provision(true, Some(3)).await.unwrap();
    let fewer = streams.iter().filter(|part| matches!(part.found, Found::Different { .. }));
    assert_eq!(fewer.count(), 6, "{streams:?}");
}
