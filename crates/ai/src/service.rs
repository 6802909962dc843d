//! A service that has models: its address, its key, and one request at a time.

use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, place};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// Characters that are kept of what a service says of a failure.
const SAID: usize = 300;
/// Bytes that are read of it.
const SAID_BYTES: usize = 16 * 1024;
/// The longest wait that a service is believed to mean.
const WAIT: Duration = Duration::from_hours(1);

/// What a service is told when it is made.
#[derive(Clone)]
pub struct Settings {
    /// `https://host`, `https://host/v1`, or the address of its chat as a whole.
    pub url: String,
    /// The key, if it wants one.
    pub key: Option<String>,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|_| "***");
        let Self { url, timeout, .. } = self;
        out.debug_struct("Settings")
            .field("url", url)
            .field("key", &key)
            .field("timeout", timeout)
            .finish()
    }
}

/// Why there cannot be such a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The address is none. What is wrong, without the address.
    #[error("it is not the address of a model service: {0}")]
    Url(String),
    /// The key has characters that a header cannot have.
    #[error("the key is not one line of plain characters")]
    Key,
    /// There is no client for HTTP on this machine, for want of certificates perhaps.
    #[error("no client for HTTP: {0}")]
    Client(String),
}

/// A service that has models. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    client: Client,
    base: Url,
    /// As the header says it.
    authorization: Option<HeaderValue>,
    /// As it was given, to be blotted out.
    key: Option<String>,
    timeout: Duration,
}

impl fmt::Debug for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may hold a secret.
        write!(out, "Service({}{})", self.base.origin().ascii_serialization(), self.base.path())
    }
}

/// Tokens that a call used, as far as the service counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Of what was asked.
    #[serde(default)]
    pub prompt_tokens: u64,
    /// Of what was answered.
    #[serde(default)]
    pub completion_tokens: u64,
    /// Together.
    #[serde(default)]
    pub total_tokens: u64,
}

impl Service {
    /// A service at an address. Nothing is sent yet.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SettingError> {
        let Settings { url, key, timeout } = settings;
        let base = place::read(&url)?;
        let key = key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let authorization = key.as_deref().map(bearer).transpose()?;
        // Refused when the program has installed a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            // The key is for this address and for no other.
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|fault| SettingError::Client(causes(&fault)))?;
        Ok(Self { client, base, authorization, key, timeout })
    }

    /// Asks whether the service is there and takes the key. Its list of models costs nothing; a service
    /// that has no such list is there.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn probe(&self) -> Result<(), Error> {
        match self.send(self.client.get(place::of(&self.base, "models"))).await {
            Ok(_) | Err(Error::Refused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request with the key; what comes back is a success.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let mut request = request.timeout(self.timeout);
        if let Some(key) = &self.authorization {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let mut answer = request.send().await.map_err(|fault| self.broken(fault))?;
        let status = answer.status();
        if !status.is_success() {
            let retry_after = retry_after(&answer);
            // Its status is the news; what it says may be cut off.
            let said = self.read(&mut answer, SAID_BYTES).await.unwrap_or_default();
            return Err(self.failed(status, retry_after, &said));
        }
        Ok(answer)
    }

    /// Posts `body` to a call and reads its answer, of at most `most` bytes.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        call: &str,
        body: &impl Serialize,
        most: usize,
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|fault| Error::Garbled(fault.to_string()))?;
        let request = self.client.post(place::of(&self.base, call));
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let mut answer = self.send(request).await?;
        let text = self.read(&mut answer, most).await?;
        if text.len() > most {
            return Err(Error::Garbled(format!("it is longer than {most} bytes")));
        }
        // What is wrong with it, without a word of it: it may say anything.
        serde_json::from_slice(&text).map_err(|fault| {
            let what = if fault.is_data() { "another shape of JSON" } else { "not JSON" };
            Error::Garbled(format!("{what}, line {} column {}", fault.line(), fault.column()))
        })
    }

    /// The body, or a little more than `most` bytes of it.
    async fn read(&self, answer: &mut Response, most: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|fault| self.broken(fault))? {
            body.extend_from_slice(&chunk[..chunk.len().min(most + 1 - body.len())]);
            if body.len() > most {
                break;
            }
        }
        Ok(body)
    }

    fn broken(&self, fault: reqwest::Error) -> Error {
        if fault.is_timeout() && !fault.is_connect() {
            return Error::Late(self.timeout);
        }
        // Its address may have a secret in its query.
        Error::Unreachable(self.clean(&causes(&fault.without_url())))
    }

    fn failed(&self, status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Error {
        let said = self.clean(&complaint(body));
        let code = status.as_u16();
        if status.is_server_error() || matches!(code, 408 | 425 | 429) {
            return Error::Busy { status: code, retry_after, said };
        }
        Error::Refused { status: code, said }
    }

    /// On one line, cut, and without the key: some services repeat it.
    fn clean(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => text.replace(key.as_str(), "***"),
            None => text.to_owned(),
        };
        let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        plain.take(SAID).collect::<String>().trim().to_owned()
    }
}

fn bearer(key: &str) -> Result<HeaderValue, SettingError> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| SettingError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `{"error": {"message": …}}` as most services say it, or the body as it is.
fn complaint(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Complaint {
        error: Wrong,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wrong {
        Object { message: String },
        Text(String),
    }
    match serde_json::from_slice(body) {
        Ok(Complaint { error: Wrong::Object { message } | Wrong::Text(message) }) => message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

/// The header in seconds; one that names a date is not believed to be about this clock.
fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.trim().parse::<f64>().ok().filter(|it| it.is_finite() && *it >= 0.0)?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(WAIT).min(WAIT))
}

fn causes(fault: &reqwest::Error) -> String {
    let first: &dyn std::error::Error = fault;
    let all = std::iter::successors(Some(first), |fault| (*fault).source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
