//! Where tasks are spawned: in a simulated fleet each belongs to the process that spawned it.
//!
//! All code that runs under the simulator spawns here, so that a simulated `kill -9` ends, and a
//! simulated freeze stops, all of a process and nothing else.

#[cfg(feature = "sim")]
mod process;

#[cfg(feature = "sim")]
pub use process::{Process, here, spawn};
#[cfg(not(feature = "sim"))]
pub use tokio::spawn;

/// The same task, to be spawned by other means than [`spawn`].
#[cfg(not(feature = "sim"))]
pub const fn here<F: Future>(task: F) -> F {
    task
}
