//! A job that is not async.

use job::{Context, Error, job};

#[job(description = "Does it.")]
fn some(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
