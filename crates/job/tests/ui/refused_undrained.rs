//! A queue that nothing would ever look at.

use job::{Context, Error, job};

#[job("some", queue = "some")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
