//! What the attempts of a job tell each other: small values under keys, kept with the fleet.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alt::Json;
use async_trait::async_trait;
use protocol::{Timestamp, limits};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Check, Error, Skip};

/// The key of a job's cool-down.
pub(crate) const COOL_DOWN: &str = "cool-down";

/// Where the values are.
#[async_trait]
pub trait Memory: Debug + Send + Sync {
    /// The time there.
    fn now(&self) -> Timestamp;

    /// What was remembered last.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when nobody answers.
    async fn recall(&self, job: &str, key: &str) -> Result<Option<Json>, Error>;

    /// Replaces what is remembered.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it may not be stored.
    async fn remember(&self, job: &str, key: &str, value: Json) -> Result<(), Error>;
}

/// A memory of this process alone.
#[derive(Debug, Default)]
pub struct ShortMemory(Mutex<BTreeMap<(String, String), Json>>);

#[async_trait]
impl Memory for ShortMemory {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn recall(&self, job: &str, key: &str) -> Result<Option<Json>, Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get(&(job.to_owned(), key.to_owned())).cloned())
    }

    async fn remember(&self, job: &str, key: &str, value: Json) -> Result<(), Error> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((job.to_owned(), key.to_owned()), value);
        Ok(())
    }
}

/// Until when a job rests, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CoolDown {
    until: Timestamp,
    reason: String,
}

impl CoolDown {
    pub(crate) fn new(now: Timestamp, pause: Duration, reason: &str) -> Self {
        Self { until: now.after(pause), reason: reason.to_owned() }
    }

    pub(crate) fn check(&self, now: Timestamp) -> Check {
        if now < self.until {
            Err(Skip(format!("cools down until {}: {}", self.until, self.reason)))
        } else {
            Ok(())
        }
    }
}

pub(crate) fn read<T: DeserializeOwned>(key: &str, kept: &Json) -> Result<T, Error> {
    serde_json::from_str(kept.text()).map_err(|fault| {
        Error::fatal(format!("what is remembered as `{key}` is no such value: {fault}"))
    })
}

pub(crate) fn written<T: Serialize>(key: &str, value: &T) -> Result<Json, Error> {
    if key.is_empty() || key.len() > limits::MEMORY_KEY_BYTES {
        let most = limits::MEMORY_KEY_BYTES;
        return Err(Error::fatal(format!(
            "`{key}` is no key to remember by: it has 1 to {most} bytes"
        )));
    }
    let value = Json::from_value(value)?;
    if value.text().len() > limits::MEMORY_BYTES {
        let (found, most) = (value.text().len(), limits::MEMORY_BYTES);
        return Err(Error::fatal(format!(
            "`{key}` is not remembered: {found} bytes, at most {most}"
        )));
    }
    Ok(value)
}
