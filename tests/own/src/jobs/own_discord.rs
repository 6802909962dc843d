//! `own_discord`: three at once in the whole fleet.

use job::{Context, Error, job};

use crate::ledger::{Stay, stay};

#[job("own_discord", description = "Stays for a while, three at once.", max_concurrent = 3)]
async fn own_discord(parameters: Stay, context: Context) -> Result<(), Error> {
    stay(parameters, "own_discord", &context).await
}
