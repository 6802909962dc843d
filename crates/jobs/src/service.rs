//! One exchange with a web service: sent once, answered within bounds, told without its address.

use std::time::Duration;

use job::{Context, Error};
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::connect::broken;

const TIMEOUT: Duration = Duration::from_secs(60);
/// How long an answer may be: a full block of transactions is some MiB.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// How much of a failed answer its error tells.
const EXCERPT_BYTES: usize = 512;

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    service: &'static str,
    pub(crate) status: StatusCode,
    /// How long it wants to be left alone, if it says so in seconds.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The answer, if its status says success.
    ///
    /// # Errors
    /// Those of [`Answer::failure`].
    pub(crate) fn success(self) -> Result<Self, Error> {
        if self.status.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// The body as a `T`.
    ///
    /// # Errors
    /// [`Error::Failed`] when it is none: retryable, for a service in trouble says odd things.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|fault| {
            Error::failed(format!("{} answered what cannot be read: {fault}", self.service))
        })
    }

    /// What went wrong: retryable when the service has trouble or wants us to wait.
    pub(crate) fn failure(&self) -> Error {
        let Self { service, status, body, .. } = self;
        let excerpt = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
        let excerpt = match excerpt.trim() {
            "" => String::new(),
            excerpt => format!(": {excerpt}"),
        };
        let retryable = status.is_server_error()
            || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Error::Failed { message: format!("{service} answered {status}{excerpt}"), retryable }
    }
}

/// Sends `request` to `service`, which is what people call it.
///
/// # Errors
/// [`Error::Failed`] without the address, which may be a secret: retryable when nobody answered;
/// [`Error::Refused`] for an address that is not allowed; [`Error::Cancelled`].
pub(crate) async fn exchange(
    service: &'static str,
    request: RequestBuilder,
    context: &Context,
) -> Result<Answer, Error> {
    exchange_within(service, request, ANSWER_BYTES, context).await
}

/// [`exchange`] with an answer of at most `limit` bytes.
///
/// # Errors
/// Those of [`exchange`].
pub(crate) async fn exchange_within(
    service: &'static str,
    request: RequestBuilder,
    limit: usize,
    context: &Context,
) -> Result<Answer, Error> {
    tokio::select! {
        () = context.cancelled().cancelled() => Err(Error::Cancelled),
        ended = tokio::time::timeout(TIMEOUT, Box::pin(receive(service, request, limit))) => {
            ended.unwrap_or_else(|_| {
                let seconds = TIMEOUT.as_secs();
                Err(Error::failed(format!("{service} did not answer within {seconds} s")))
            })
        }
    }
}

async fn receive(
    service: &'static str,
    request: RequestBuilder,
    limit: usize,
) -> Result<Answer, Error> {
    let mut response = request.send().await.map_err(|fault| told(service, fault))?;
    let (status, retry_after) = (response.status(), retry_after(&response));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|fault| told(service, fault))? {
        if body.len() + chunk.len() > limit {
            return Err(Error::fatal(format!("{service} answered more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { service, status, retry_after, body })
}

fn told(service: &str, fault: reqwest::Error) -> Error {
    let unsendable = fault.is_builder();
    match broken(&fault.without_url()) {
        Error::Failed { message, .. } => {
            Error::Failed { message: format!("{service}: {message}"), retryable: !unsendable }
        }
        other => other,
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: f64 = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Waits, unless the attempt has to stop.
///
/// # Errors
/// [`Error::Cancelled`] when it has to.
pub(crate) async fn pause(wait: Duration, context: &Context) -> Result<(), Error> {
    tokio::select! {
        () = context.cancelled().cancelled() => Err(Error::Cancelled),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}

/// The address in the operator's variable `name`, or `default`. It may be private: whoever sets the
/// variables of a worker decides what it reaches.
///
/// # Errors
/// [`Error::Refused`] when there is none or it is no address; it does not tell the value, which may
/// be a secret.
pub(crate) fn operators_url(
    name: &str,
    default: Option<&str>,
    context: &Context,
) -> Result<Url, Error> {
    let Some(text) = context.variable(name).or(default) else {
        return Err(Error::Refused(format!("the worker has no variable {name}")));
    };
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(_) | Err(_) => {
            Err(Error::Refused(format!("the worker's variable {name} is not an http(s) address")))
        }
    }
}

/// The address of a place below `base`. Each segment is one, whatever is in it.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one() {
        let base: Url = "http://a.example/api/".parse().unwrap();
        let table = [
            (&["extended", "v2"][..], "http://a.example/api/extended/v2"),
            (&["a/b", "?c#d"], "http://a.example/api/a%2Fb/%3Fc%23d"),
        ];
        for (segments, expected) in table {
            assert_eq!(below(&base, segments).as_str(), expected);
        }
    }
}
