//! Runner in a world of its own: one seed, no clock, no network.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

mod comparison;
mod jetstream;

#[cfg(feature = "sim")]
mod bucket;
#[cfg(feature = "sim")]
mod fleet;
#[cfg(feature = "sim")]
mod jobs;
#[cfg(feature = "sim")]
mod lot;
#[cfg(feature = "sim")]
mod network;
#[cfg(feature = "sim")]
mod notice;
#[cfg(feature = "sim")]
mod oracle;
#[cfg(feature = "sim")]
mod plan;
#[cfg(feature = "sim")]
mod play;
#[cfg(feature = "sim")]
mod rare;
#[cfg(feature = "sim")]
mod seeds;
#[cfg(feature = "sim")]
mod shrink;
