//! A job without a context.

use job::{Context, Error, job};

#[job(description = "Does it.")]
async fn some(_parameters: ()) -> Result<(), Error> {
    Ok(())
}

fn main() {}
