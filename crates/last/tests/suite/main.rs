//! The LAST from end to end: assembled, read, verified, shown and drawn.

#![expect(clippy::unwrap_used, reason = "what a test builds on must hold")]

mod advising;
mod assembling;
mod browsing;
mod comparing;
mod drawing;
mod packing;
mod refusing;
mod reporting;
mod reusing;
mod sample;
mod shapes;
mod verifying;
mod waiting;
