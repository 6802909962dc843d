//! Offers that say nothing in particular.

use alt::{Json, Mode, Priority, TaskIndex};
use protocol::{Attempt, Epoch, Offer, RunId};

/// The first attempts of so many tasks, on the queue `q`.
pub(crate) fn offers(run: RunId, epoch: Epoch, tasks: u32) -> Vec<Offer> {
    let offer = |task| Offer {
        run,
        task: TaskIndex(task),
        attempt: Attempt::FIRST,
        epoch,
        queue: "q".to_owned(),
        priority: Priority::Medium,
        id: format!("task {task}"),
        job: "echo".to_owned(),
        parameters: Json::from_text("{}").ok(),
        timeout_ms: None,
        inputs: Vec::new(),
        dependencies: 0,
        mode: Mode::Normal,
        persona: None,
        perturbation: None,
        again: false,
        then: Vec::new(),
    };
    (0..tasks).map(offer).collect()
}
