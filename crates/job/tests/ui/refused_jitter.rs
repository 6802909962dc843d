//! A tick that never comes cannot be put off.

use job::{Context, Error, job};

#[job("some", jitter_seconds = 3)]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
