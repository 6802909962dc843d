//! What jobs remember, kept on the road.

use alt::Json;
use async_trait::async_trait;
use bus::Bus;
use job::{Error, Memory};
use protocol::Timestamp;

/// The memory that a bus keeps.
#[derive(Debug)]
pub(crate) struct RoadMemory<B>(pub(crate) B);

#[async_trait]
impl<B: Bus> Memory for RoadMemory<B> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn recall(&self, job: &str, key: &str) -> Result<Option<Json>, Error> {
        let found = self.0.recall(job, key).await;
        found.map_err(|error| unavailable("what was remembered cannot be read", &error))
    }

    async fn remember(&self, job: &str, key: &str, value: Json) -> Result<(), Error> {
        let done = self.0.remember(job, key, value).await;
        done.map_err(|error| unavailable("nothing can be remembered", &error))
    }
}

fn unavailable(what: &str, error: &bus::Error) -> Error {
    Error::Unavailable(format!("{what}: {error}"))
}
