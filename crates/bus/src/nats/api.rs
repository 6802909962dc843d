//! The JSON interface of JetStream: requests, answers, and the error codes that decisions rest on.

use async_nats::HeaderMap;
use bytes::Bytes;
use protocol::Sequence;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::connect::Connection;
use crate::Error;

/// The header that makes a write conditional on the last message of a subject.
pub(super) const EXPECTED_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// The header that names another subject for [`EXPECTED_SEQUENCE`]: the fence.
pub(super) const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// What went wrong, as the server says it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    pub(super) code: u32,
    #[serde(default)]
    pub(super) err_code: u32,
    #[serde(default)]
    pub(super) description: String,
}

impl Fault {
    /// A message is there already: the expected sequence differs, or the subject has its one.
    pub(super) fn is_conflict(&self) -> bool {
        // 10077 is shared with "maximum bytes exceeded", hence the text.
        matches!(self.err_code, 10071 | 10164 | 10201)
            || (self.err_code == 10077 && self.description.contains("per subject"))
    }

    /// The fence does not hold: another sequence is the last of the subject.
    pub(super) const fn is_stale(&self) -> bool {
        self.err_code == 10071
    }

    /// Nothing is there.
    pub(super) const fn is_missing(&self) -> bool {
        // No stream, no consumer, no message; none to delete, by two names (seen in 2.15.1).
        matches!(self.err_code, 10059 | 10014 | 10037 | 10043 | 10057) || self.code == 404
    }

    /// As an error: whether another try may do better is told apart.
    pub(super) fn into_error(self, subject: &str) -> Error {
        let Self { code, err_code, description } = self;
        let text = format!("{subject}: {description} (code {err_code})");
        // 503: no space, no leader. 10164 and 10205: too much in flight. 10077: a limit is met.
        // 10009, 10118, 10119: the servers that would answer are away.
        let passes = code == 503
            || matches!(err_code, 10164 | 10205 | 10077 | 10023 | 10008 | 10009 | 10118 | 10119);
        if passes { Error::Unknown(text) } else { Error::Refused(text) }
    }
}

/// What every answer may say instead of its own.
#[derive(Debug, Deserialize)]
struct Refusal {
    error: Option<Fault>,
}

/// The answer to a publish.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Published {
    #[serde(default)]
    pub(super) seq: u64,
}

impl Connection {
    /// Asks the interface at `$JS.API.<subject>`; the outer error is the road's, the inner the
    /// server's.
    pub(super) async fn api<T: DeserializeOwned>(
        &self,
        subject: &str,
        body: &impl Serialize,
    ) -> Result<Result<T, Fault>, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Refused(error.to_string()))?;
        self.call(&format!("$JS.API.{subject}"), None, body.into()).await
    }

    /// Publishes to a stream and waits for its answer.
    pub(super) async fn publish(
        &self,
        subject: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Result<Published, Fault>, Error> {
        self.call(subject, Some(headers), body).await
    }

    /// Publishes unless the subject has a message; `false` when it has.
    pub(super) async fn create(
        &self,
        subject: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<bool, Error> {
        self.replace(subject, Sequence(0), headers, body).await
    }

    /// Publishes to a stream that itself keeps the first message of a subject and refuses others
    /// (`discard_new_per_subject`); `false` when the subject has one.
    ///
    /// It carries no header: the server searches each, and so does everybody it is repeated to.
    pub(super) async fn add(&self, subject: &str, body: Bytes) -> Result<bool, Error> {
        is_first(subject, self.call(subject, None, body).await?)
    }

    /// Publishes if the last message of the subject is the one at `position`, 0 for none; `false`
    /// when it is another.
    pub(super) async fn replace(
        &self,
        subject: &str,
        position: Sequence,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<bool, Error> {
        headers.insert(EXPECTED_SEQUENCE, position.0.to_string());
        is_first(subject, self.publish(subject, headers, body).await?)
    }

    /// Whether a message of these bytes has room.
    pub(super) fn check_size(&self, subject: &str, body: &Bytes) -> Result<(), Error> {
        let (size, most) = (body.len(), self.client.max_payload());
        if size <= most {
            return Ok(());
        }
        Err(Error::Refused(format!("{subject}: {size} bytes; a message has {most} at most")))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        body: Bytes,
    ) -> Result<Result<T, Fault>, Error> {
        self.check_size(subject, &body)?;
        let mut request = async_nats::Request::new().payload(body);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let asking = self.client.send_request(subject.to_owned(), request);
        let answer = self.answered(subject, asking).await?;
        parse(subject, &answer.payload)
    }
}

/// Whether a message was stored, or another was there before it.
fn is_first(subject: &str, answer: Result<Published, Fault>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(fault) if fault.is_conflict() => Ok(false),
        Err(fault) => Err(fault.into_error(subject)),
    }
}

/// Reads an answer of the interface.
pub(super) fn parse<T: DeserializeOwned>(
    subject: &str,
    payload: &[u8],
) -> Result<Result<T, Fault>, Error> {
    let odd = |error| Error::Unknown(format!("{subject}: an answer that is not JSON: {error}"));
    // Read twice: every publish is answered, and this builds nothing for those that went well.
    let refusal: Refusal = serde_json::from_slice(payload).map_err(odd)?;
    match refusal.error {
        Some(fault) => Ok(Err(fault)),
        None => serde_json::from_slice(payload).map(Ok).map_err(odd),
    }
}
