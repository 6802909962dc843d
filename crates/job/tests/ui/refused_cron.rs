//! A cron expression of five fields.

use job::{Context, Error, job};

#[job("some", cron = "*/5 * * * *")]
async fn some(_parameters: (), _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() {}
