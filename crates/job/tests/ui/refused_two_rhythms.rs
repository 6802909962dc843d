//! A job with two schedules.

use job::{Context, Error, job};

#[job("some", interval_seconds = 5, cron = "0 * * * * *")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
