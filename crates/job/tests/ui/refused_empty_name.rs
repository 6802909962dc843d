//! An empty name.

use job::{Context, Error, job};

#[job("", description = "Does it.")]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
