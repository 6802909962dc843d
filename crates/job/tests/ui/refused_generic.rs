//! A generic job.

use job::{Context, Error, job};

#[job(description = "Does it.")]
async fn some<T>(_parameters: (), _context: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
