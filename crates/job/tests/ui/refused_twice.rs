//! An option given twice.

use job::{Context, Error, job};

#[job("some", description = "Does it.", description = "Does it.")]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
