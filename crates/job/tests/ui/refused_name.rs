//! A name with a space.

use job::{Context, Error, job};

#[job("some job", description = "Does it.")]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
