//! A job on some other implementation.

use job::job;

struct Some;

#[job("some")]
impl Some {}

fn main() {}
