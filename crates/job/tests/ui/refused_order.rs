//! A job that orders messages it does not read.

use job::{Context, Error, job};

#[job("some", preserve_order = true)]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
