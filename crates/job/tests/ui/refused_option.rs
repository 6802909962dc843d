//! An option that does not exist.

use job::{Context, Error, job};

#[job("some", description = "Does it.", retries = 2)]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
