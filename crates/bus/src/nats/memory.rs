//! What jobs remember: one message for each value, replaced by the next.

use alt::Json;
use async_nats::HeaderMap;
use protocol::{codec, subject};

use super::NatsBus;
use crate::Error;

const STREAM: &str = "MEMORY";

impl NatsBus {
    pub(super) async fn remembered(&self, job: &str, key: &str) -> Result<Option<Json>, Error> {
        // What was posted a moment ago must not be posted again.
        let found = self.connection.newest(STREAM, &subject::memory(job, key)).await?;
        found.map(|found| codec::decode(&found.body).map_err(Error::from)).transpose()
    }

    pub(super) async fn store_memory(
        &self,
        job: &str,
        key: &str,
        value: &Json,
    ) -> Result<(), Error> {
        let (to, body) = (subject::memory(job, key), codec::encode(value)?);
        match self.connection.publish(&to, HeaderMap::new(), body.into()).await? {
            Ok(_) => Ok(()),
            Err(fault) => Err(fault.into_error(&to)),
        }
    }
}
