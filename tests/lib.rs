//! Real servers for the tests of every crate; the promises themselves are tested in `main.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

pub mod servers;
