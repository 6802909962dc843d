//! One module per promise of the README.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

mod authors;
mod bundle;
mod counting;
mod cron;
mod door;
mod fleet;
mod fuzz;
mod insights;
mod inspecting;
mod jobs;
mod limits;
mod logs;
mod permissions;
mod progress;
mod purity;
mod queues;
mod rig;
mod roles;
mod run;
mod secrets;
mod sizes;
mod source;
mod stopping;
mod tidy;
mod timetable;
mod tls;
mod wire;
