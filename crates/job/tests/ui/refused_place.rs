//! A job on something that does nothing.

use job::job;

#[job("some")]
struct Some;

fn main() {}
