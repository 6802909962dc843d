//! Runner in a world of its own: one seed, no clock, no network.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

mod comparison;
mod jetstream;
