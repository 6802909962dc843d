//! A batch of nothing.

use job::{Context, Error, job};

#[job("some", interval_seconds = 5, queue = "some", batch_size = 0)]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
