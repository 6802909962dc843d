//! One module per promise of the README.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in what it calls as well"
)]

mod purity;
mod source;
mod tidy;
