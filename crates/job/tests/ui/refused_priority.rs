//! A priority that is none.

use job::{Context, Error, job};

#[job("some", priority = "urgent")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
