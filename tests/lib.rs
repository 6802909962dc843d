//! Real servers and processes for the tests of every crate; the promises are tested in `main.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

pub mod clock;
pub mod crew;
pub mod servers;
pub mod table;
