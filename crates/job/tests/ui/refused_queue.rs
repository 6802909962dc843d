//! A name with a place in it.

use job::{Context, Error, job};

#[job("some", interval_seconds = 5, queue = "some.where")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
