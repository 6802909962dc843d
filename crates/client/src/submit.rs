//! Submitting: once, however often it has to be tried.

use std::time::Duration;

use alt::{LastOptions, Mode, Priority};
use bus::{Accepted, Bus};
use bytes::Bytes;
use protocol::{Reuse, RunId, Source, Submission, limits};
use sha2::{Digest as _, Sha256};
use store::Store;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::Client;

/// How long a submission whose outcome is unknown is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// The wait before another try.
const PAUSE: Duration = Duration::from_millis(500);

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Names the run: a fresh id, or the one of a key.
    pub run: RunId,
    /// The ALT file, JSON.
    pub file: Bytes,
    /// The order in which coordinators take runs: the file's own.
    pub priority: Priority,
    /// Replaces the file's mode.
    pub mode: Option<Mode>,
    /// Replaces the file's persona.
    pub persona: Option<String>,
    /// What is taken over from an earlier run.
    pub reuse: Option<Reuse>,
    /// What is wanted of the LAST.
    pub last: LastOptions,
}

/// Why nothing was submitted, or perhaps something was.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A file too large for a message could not be stored.
    #[error("the file could not be stored: {0}")]
    Store(#[from] store::Error),
    /// The road's.
    #[error(transparent)]
    Bus(#[from] bus::Error),
}

/// The run that `key` names: the same key always names the same run.
#[must_use]
pub fn run_of_key(key: &str) -> RunId {
    let mut hash = Sha256::new();
    hash.update(b"runner key\0");
    hash.update(key.as_bytes());
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash.finalize()[..16]);
    RunId::from_bits(u128::from_be_bytes(bits))
}

impl<B: Bus> Client<B> {
    /// Submits a file; from the answer on, exactly one LAST will come.
    ///
    /// A file beyond [`limits::INLINE_ALT_BYTES`] goes to `store` first. When no answer comes, the
    /// same is submitted again, for 30 s: it is create-only by run, so it counts once.
    ///
    /// # Errors
    /// [`bus::Error::OtherSubmission`] when the run was used for something else;
    /// [`bus::Error::Unknown`] when no answer came in 30 s: the run may exist, and submitting the
    /// same request again is safe.
    pub async fn submit(&self, store: &Store, request: Request) -> Result<Accepted, SubmitError> {
        let Request { run, file, priority, mode, persona, reuse, last } = request;
        let alt = if file.len() > limits::INLINE_ALT_BYTES {
            keep(store, file).await?
        } else {
            Source::Inline(file)
        };
        let submission = Submission { run, alt, priority, mode, persona, reuse, last };
        let patience = Instant::now() + PATIENCE;
        let mut tries = 0_u32;
        loop {
            tries += 1;
            match self.bus.submit(submission.clone()).await {
                // It is the earlier try of this very call that was stored.
                Ok(Accepted::Already) if tries > 1 => return Ok(Accepted::New),
                Ok(accepted) => return Ok(accepted),
                Err(bus::Error::Unknown(why)) if Instant::now() < patience => {
                    warn!(run.id = %run, why, "submitting again");
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Stores a file by its content, so that the same file is there once.
async fn keep(store: &Store, file: Bytes) -> Result<Source, store::Error> {
    let sha256 = store::sha256(&file);
    let key = format!(".submitted/{sha256}.json");
    let size = file.len() as u64;
    store.put_new(&key, file).await?;
    Ok(Source::Stored { key, size, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_run_and_another_key_another() {
        assert_eq!(run_of_key("nightly"), run_of_key("nightly"));
        assert_ne!(run_of_key("nightly"), run_of_key("nightly "));
        assert_ne!(run_of_key(""), run_of_key("\0"));
    }
}
