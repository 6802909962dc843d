//! How messages travel: the Bus trait, the local road, and the suite both roads pass.

mod contract;
pub mod local;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use contract::{
    Accepted, Bus, Claim, Error, Follow, Heard, Recorded, RunClaim, Stops, StoredSubmission,
};
pub use local::LocalBus;
