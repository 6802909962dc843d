//! No time at all.

use job::{Context, Error, job};

#[job("some", description = "Does it.", timeout_seconds = 0)]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
