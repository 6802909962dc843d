//! More retries than there can be.

use job::{Context, Error, job};

#[job("some", description = "Does it.", max_retries = 256)]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
