//! A job with every option, and one with as few as can be.

use std::collections::BTreeMap;

use job::{Context, Error, Registry, job};

#[job(
    "all.of-them_1",
    description = "Has every option.",
    timeout_seconds = 30,
    max_retries = 2,
    max_concurrent = 4
)]
async fn all(parameters: BTreeMap<String, u8>, _: Context) -> Result<usize, Error> {
    Ok(parameters.len())
}

#[job(description = "Has few.")]
async fn few(_: Option<()>, _: Context) -> Result<(), Error> {
    Ok(())
}

fn main() -> Result<(), job::RegistryError> {
    let names: Vec<_> = Registry::discover()?.names().collect();
    assert_eq!(names, ["all.of-them_1", "few"]);
    Ok(())
}
