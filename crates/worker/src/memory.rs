//! What jobs remember, kept on the road.

use alt::Json;
use async_trait::async_trait;
use bus::Bus;
use job::{Error, Memory};
use protocol::Timestamp;
use tokio::time::sleep;
use tracing::debug;

use crate::report::AGAIN;

/// The memory that a bus keeps.
#[derive(Debug)]
pub(crate) struct RoadMemory<B>(pub(crate) B);

#[async_trait]
impl<B: Bus> Memory for RoadMemory<B> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn recall(&self, job: &str, key: &str) -> Result<Option<Json>, Error> {
        insist("what was remembered cannot be read", || self.0.recall(job, key)).await
    }

    async fn remember(&self, job: &str, key: &str, value: Json) -> Result<(), Error> {
        insist("nothing can be remembered", || self.0.remember(job, key, value.clone())).await
    }
}

/// Asks until there is an answer, for as long as the attempt may take: an outage of the road is no
/// reason to fail, and to replace a value twice is to replace it once.
async fn insist<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, bus::Error>>,
{
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error @ bus::Error::Unknown(_)) => debug!(%error, what, "asking again"),
            Err(error) => return Err(Error::Unavailable(format!("{what}: {error}"))),
        }
        sleep(AGAIN).await;
    }
}
