//! `own_tweet`: two at once in the whole fleet.

use job::{Context, Error, job};

use crate::ledger::{Stay, stay};

#[job("own_tweet", description = "Stays for a while, two at once.", max_concurrent = 2)]
async fn own_tweet(parameters: Stay, context: Context) -> Result<(), Error> {
    stay(parameters, "own_tweet", &context).await
}
