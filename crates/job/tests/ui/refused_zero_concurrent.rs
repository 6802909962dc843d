//! No attempt at once.

use job::{Context, Error, job};

#[job("some", description = "Does it.", max_concurrent = 0)]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
