//! How messages travel: the Bus trait, the two roads, and the suite both pass.

pub mod books;
mod contract;
pub mod lease;
pub mod local;
pub mod messages;
pub mod nats;
mod starved;
pub mod task;
pub mod timetable;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use contract::{
    Accepted, Beats, Bus, Claim, Error, Follow, Heard, Owned, Past, Questions, Recorded, RunClaim,
    Stops, StoredSubmission,
};
pub use local::LocalBus;
pub use nats::NatsBus;
