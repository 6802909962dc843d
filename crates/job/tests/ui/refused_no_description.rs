//! No description.

use job::{Context, Error, job};

#[job("some")]
async fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
