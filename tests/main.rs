//! One module per promise of the README.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

mod door;
mod inspecting;
mod jobs;
mod progress;
mod purity;
mod run;
mod sizes;
mod source;
mod stopping;
mod tidy;
