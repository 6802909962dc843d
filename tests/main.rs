//! One module per promise of the README.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

mod bundle;
mod door;
mod fleet;
mod fuzz;
mod insights;
mod inspecting;
mod jobs;
mod permissions;
mod progress;
mod purity;
mod rig;
mod roles;
mod run;
mod sizes;
mod source;
mod stopping;
mod tidy;
mod timetable;
mod tls;
mod wire;
