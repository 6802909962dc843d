//! The word that this worker lives and what it does, for people who ask why something waits.

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use protocol::Heartbeat;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::Bench;

/// How often an idle worker says that it lives.
const IDLE: Duration = Duration::from_secs(3);

/// How often a busy one says so at most.
const BUSY: Duration = Duration::from_secs(1);

/// Beats until it is dropped.
pub(crate) async fn beat<B: Bus>(bench: Arc<Bench<B>>, shutdown: CancellationToken) {
    let mut changes = bench.running.changes();
    loop {
        changes.borrow_and_update();
        let beat = Heartbeat {
            worker: bench.settings.id.clone(),
            slots: u32::try_from(bench.settings.slots).unwrap_or(u32::MAX),
            queues: bench.settings.queues.clone(),
            running: bench.running.list(),
            draining: shutdown.is_cancelled(),
        };
        bench.bus.beat(beat).await;
        sleep(BUSY).await;
        // Sooner or later: what changed meanwhile is told at once.
        let _ = timeout(IDLE - BUSY, changes.changed()).await;
    }
}
