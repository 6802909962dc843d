//! A word that is none.

use job::{Context, Error, job};

#[job("some", interval_seconds = 5, misfire = "later")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
