//! A batch of nothing.

use job::{Context, Error, job};

#[job("some", queue = "some", batch_size = 0)]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
