//! A description of two lines.

use job::{Context, Error, job};

#[job("some", description = "Does it.\nAnd more.")]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
