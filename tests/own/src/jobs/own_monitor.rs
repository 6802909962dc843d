//! `own_monitor`: two at once in the whole fleet.

use job::{Context, Error, job};

use crate::ledger::{Stay, stay};

#[job("own_monitor", description = "Stays for a while, two at once.", max_concurrent = 2)]
async fn own_monitor(parameters: Stay, context: Context) -> Result<(), Error> {
    stay(parameters, "own_monitor", &context).await
}
