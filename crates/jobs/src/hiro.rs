//! The parts of Hiro's Stacks API that following the chain needs: its tip and its blocks.

use std::time::Duration;

use alt::Json;
use job::{Context, Error};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::connect::client;
use crate::service::{below, exchange, operators_url};

const BASE: &str = "HIRO_API_URL";
const DEFAULT: &str = "https://api.hiro.so";
const KEY: &str = "HIRO_API_KEY";
/// Transactions of one page: the most that the API gives.
const PAGE: u64 = 50;
/// How long the job rests when a limit does not say for how long: the API counts by minutes.
const REST: Duration = Duration::from_secs(60);

/// The API with the worker's key.
#[derive(Debug)]
pub(crate) struct Hiro<'a> {
    base: Url,
    key: &'a str,
    context: &'a Context,
}

/// The last block.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Tip {
    #[serde(rename = "block_height")]
    pub(crate) height: u64,
}

/// What a block says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) canonical: bool,
    pub(crate) height: u64,
    pub(crate) hash: String,
    pub(crate) burn_block_height: u64,
}

#[derive(Deserialize)]
struct Status {
    chain_tip: Tip,
}

#[derive(Deserialize)]
struct Page {
    total: u64,
    results: Vec<Json>,
}

impl<'a> Hiro<'a> {
    /// At the address and with the key of the worker's variables.
    ///
    /// # Errors
    /// [`Error::Refused`] when one is missing or wrong.
    pub(crate) fn of(context: &'a Context) -> Result<Self, Error> {
        let base = operators_url(BASE, Some(DEFAULT), context)?;
        let missing = || Error::Refused(format!("the worker has no variable {KEY}"));
        Ok(Self { base, key: context.variable(KEY).ok_or_else(missing)?, context })
    }

    /// The last block there is.
    ///
    /// # Errors
    /// Those of the request.
    pub(crate) async fn tip(&self) -> Result<Tip, Error> {
        Ok(self.get::<Status>(&["extended"], &[]).await?.chain_tip)
    }

    /// The block at `height`, as the API tells it, and what is read of it.
    ///
    /// # Errors
    /// Those of the requests; retryable when the API has no such block yet.
    pub(crate) async fn block(&self, height: u64) -> Result<(Header, Json), Error> {
        let block: Json = self.get(&["extended", "v2", "blocks", &height.to_string()], &[]).await?;
        let header: Header = block.read().map_err(|fault| {
            Error::failed(format!("block {height} of the Hiro API cannot be read: {fault}"))
        })?;
        if header.height != height || !header.canonical {
            let problem = format!("the Hiro API has no canonical block at height {height} now");
            return Err(Error::failed(problem));
        }
        Ok((header, block))
    }

    /// All transactions of the block with this hash, in their order.
    ///
    /// # Errors
    /// Those of the requests; retryable when there are fewer than the API says.
    pub(crate) async fn transactions(&self, hash: &str) -> Result<Vec<Json>, Error> {
        let mut all = Vec::new();
        loop {
            let offset = (all.len() as u64).to_string();
            let query = [("limit", PAGE.to_string()), ("offset", offset)];
            let path = ["extended", "v2", "blocks", hash, "transactions"];
            let Page { total, results } = self.get(&path, &query).await?;
            let last = results.is_empty();
            all.extend(results);
            if all.len() as u64 >= total {
                return Ok(all);
            }
            if last {
                let got = all.len();
                let problem = format!("the Hiro API gave {got} of {total} transactions of {hash}");
                return Err(Error::failed(problem));
            }
        }
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Error> {
        let mut url = below(&self.base, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = client(true)?.get(url).header("x-api-key", self.key);
        let answer = exchange("the Hiro API", request, self.context).await?;
        match answer.status {
            StatusCode::TOO_MANY_REQUESTS => {
                let rest = answer.retry_after.unwrap_or(REST);
                self.context.cool_down(rest, "the Hiro API asked for fewer requests").await?;
                Err(answer.failure())
            }
            // A node behind the API may lag behind the one that told the tip.
            StatusCode::NOT_FOUND => Err(Error::failed(answer.failure().to_string())),
            _ => answer.success()?.read(),
        }
    }
}
