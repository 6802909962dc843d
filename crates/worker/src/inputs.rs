//! What earlier tasks returned, fetched when a job or a reference asks for it.

use std::collections::BTreeMap;

use alt::Json;
use async_trait::async_trait;
use bus::Bus;
use job::Outputs;
use protocol::{AttemptKey, Body, Failure, Input, Offer, RunId};
use store::Store;
use tokio::sync::Mutex;

/// The outputs of the tasks that one attempt may look at; each is fetched once.
#[derive(Debug)]
pub(crate) struct Inputs<B> {
    bus: B,
    store: Store,
    run: RunId,
    fetched: Mutex<BTreeMap<u32, Json>>,
}

impl<B: Bus> Inputs<B> {
    pub(crate) fn new(bus: B, store: Store, run: RunId) -> Self {
        Self { bus, store, run, fetched: Mutex::default() }
    }

    /// The parameters of `offer` with every reference replaced.
    ///
    /// A reference that leads nowhere would lead nowhere again; an output that cannot be fetched
    /// may be there the next time.
    pub(crate) async fn resolve(&self, offer: &Offer) -> Result<Json, Failure> {
        let Some(parameters) = &offer.parameters else {
            return Ok(Json::null());
        };
        if !alt::expression::has_any(parameters) {
            return Ok(parameters.clone());
        }
        let named = alt::expression::references(parameters);
        let mut outputs = BTreeMap::new();
        for input in offer.inputs.iter().filter(|input| named.contains(&input.id)) {
            let output = self.output(input).await.map_err(|error| Failure {
                message: format!("the output of `{}` is out of reach: {error}", input.id),
                retryable: true,
            })?;
            outputs.insert(input.id.clone(), output);
        }
        alt::expression::resolve(parameters, &outputs)
            .map_err(|error| Failure { message: error.to_string(), retryable: false })
    }
}

#[async_trait]
impl<B: Bus> Outputs for Inputs<B> {
    async fn output(&self, input: &Input) -> Result<Json, job::Error> {
        let mut fetched = self.fetched.lock().await;
        if let Some(output) = fetched.get(&input.task.0) {
            return Ok(output.clone());
        }
        let unavailable = |text: String| job::Error::Unavailable(text);
        let key = AttemptKey { run: self.run, task: input.task, attempt: input.attempt };
        let found = self.bus.verdicts(vec![(input.queue.clone(), key)]).await;
        let found = found.map_err(|error| unavailable(error.to_string()))?;
        let verdict = found.into_iter().flatten().next();
        let body = verdict.and_then(|stored| stored.body.output);
        let output = match body {
            None => {
                return Err(unavailable(format!("no output of `{}` is stored", input.id)));
            }
            Some(Body::Inline(output)) => output,
            Some(Body::Stored { key, sha256, .. }) => {
                let bytes =
                    self.store.get(&key).await.map_err(|error| unavailable(error.to_string()))?;
                if store::sha256(&bytes) != sha256 {
                    return Err(unavailable(format!("the output of `{}` is damaged", input.id)));
                }
                let text = String::from_utf8(bytes.into());
                text.ok().and_then(|text| Json::from_text(text).ok()).ok_or_else(|| {
                    unavailable(format!("the output of `{}` is not JSON", input.id))
                })?
            }
        };
        fetched.insert(input.task.0, output.clone());
        Ok(output)
    }
}
