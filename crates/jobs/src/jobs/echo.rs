//! `echo`: gives back its parameters, byte for byte.

use alt::Json;
use job::{Context, Error, job};

#[job("echo", description = "Gives back its parameters, byte for byte.")]
async fn echo(parameters: Json, _context: Context) -> Result<Json, Error> {
    Ok(parameters)
}
