//! What is decided: one run as a pure state machine.
//!
//! No clock, socket, randomness, async or hash order in here: [`Run::handle`] takes what happened
//! with the moment its stream gave it, [`Run::poll_effect`] says what to do, and
//! [`Run::poll_timeout`] says when to come back if nothing happens. The same verdicts in the same
//! order give the same decisions, on a laptop, in a fleet and in the simulator.

mod chaos;
mod event;
pub mod health;
pub mod invariant;
mod plan;
mod retry;
mod run;
mod task;
pub mod timetable;

pub use chaos::Chaos;
pub use event::{Dispatch, Effect, Event, Seal};
pub use plan::Plan;
pub use run::Run;
pub use task::{Decision, TaskState, Verdict};
