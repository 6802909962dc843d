//! The queue of all other jobs.

use job::{Context, Error, job};

#[job("some", queue = "default")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
