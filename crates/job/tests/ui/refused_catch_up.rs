//! Ticks that cannot be counted.

use job::{Context, Error, job};

#[job("some", cron = "0 * * * * *", misfire = "catch_up")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
