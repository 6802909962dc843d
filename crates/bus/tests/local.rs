//! The local road walks the conformance suite, with time paused.

use bus::{LocalBus, conformance};

#[tokio::test(start_paused = true)]
async fn the_local_road_keeps_the_contract() {
    conformance::exercise(async || LocalBus::default()).await;
}
