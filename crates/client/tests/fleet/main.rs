//! The fleet in this process, with jobs that misbehave: limits hold, nothing hangs, nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod hooks;
mod keeping;
mod stopping;
mod together;
