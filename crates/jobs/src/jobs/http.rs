//! `http`: one request to a public address, its answer within bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use alt::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use job::{Context, Error, job};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connect::{broken, client};
use crate::present::present;
use crate::request::Request;

const REDIRECTS_MAX: usize = 5;
const TIMEOUT_SECONDS_MAX: u32 = 3600;
/// Half of what an output may be: base64 and escapes make a body longer.
const BODY_BYTES_MAX: usize = protocol::limits::OUTPUT_BYTES / 2;
/// How much of a failed answer its error tells.
const EXCERPT_BYTES: usize = 512;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    url: String,
    /// POST if there is a body, else GET.
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default, deserialize_with = "present")]
    json: Option<Json>,
    #[serde(default = "timeout_seconds")]
    timeout_seconds: u32,
    #[serde(default = "max_bytes")]
    max_bytes: usize,
    #[serde(default)]
    follow_redirects: bool,
    /// Statuses from 400 that are no failure.
    #[serde(default)]
    expect_status: Vec<u16>,
    #[serde(default)]
    response: Form,
}

/// How the body of the answer is written in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// JSON if its content type says so, else text if it is UTF-8, else base64.
    #[default]
    Auto,
    Json,
    Text,
    Base64,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Json,
    /// Which form the body has in the end.
    encoding: Form,
}

#[job("http", description = "Sends one HTTP request and gives back the answer.")]
async fn http(parameters: Parameters, context: Context) -> Result<Output, Error> {
    let limit = Duration::from_secs(parameters.timeout_seconds.into());
    check(&parameters)?;
    tokio::select! {
        () = context.cancelled().cancelled() => Err(Error::Cancelled),
        ended = tokio::time::timeout(limit, Box::pin(exchange(&parameters, &context))) => {
            ended.unwrap_or_else(|_| {
                Err(Error::failed(format!("no answer within {} s", parameters.timeout_seconds)))
            })
        }
    }
}

fn check(parameters: &Parameters) -> Result<(), Error> {
    if !(1..=TIMEOUT_SECONDS_MAX).contains(&parameters.timeout_seconds) {
        let problem = format!("is not 1-{TIMEOUT_SECONDS_MAX}");
        return Err(Error::parameter("timeout_seconds", problem));
    }
    if parameters.max_bytes > BODY_BYTES_MAX {
        return Err(Error::parameter("max_bytes", format!("is over {BODY_BYTES_MAX}")));
    }
    if let Some(wrong) = parameters.expect_status.iter().find(|code| !(100..600).contains(*code)) {
        return Err(Error::parameter("expect_status", format!("{wrong} is not 100-599")));
    }
    Ok(())
}

async fn exchange(parameters: &Parameters, context: &Context) -> Result<Output, Error> {
    let allow_private = context.permissions().allow_private_addresses;
    let client = client(allow_private)?;
    let mut request = Request::new(
        parameters.method.as_deref(),
        &parameters.url,
        &parameters.headers,
        parameters.body.clone(),
        parameters.json.as_ref(),
        context,
    )?;
    for _ in 0..=REDIRECTS_MAX {
        let response = send(&client, request.clone()).await?;
        match location(&response).filter(|_| parameters.follow_redirects) {
            Some(location) => {
                request = request.redirected(response.status(), &location, allow_private)?;
            }
            None => return receive(response, parameters).await,
        }
    }
    Err(Error::fatal(format!("more than {REDIRECTS_MAX} redirects")))
}

async fn send(client: &Client, request: Request) -> Result<Response, Error> {
    let Request { method, url, headers, body } = request;
    let mut builder = client.request(method, url).headers(headers);
    if let Some(body) = body {
        builder = builder.body(body);
    }
    builder.send().await.map_err(|fault| broken(&fault))
}

/// Where the answer sends us, when it is a redirect.
fn location(response: &Response) -> Option<String> {
    let redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| redirect)?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

async fn receive(mut response: Response, parameters: &Parameters) -> Result<Output, Error> {
    let status = response.status();
    let failed = (status.is_client_error() || status.is_server_error())
        && !parameters.expect_status.contains(&status.as_u16());
    let limit = parameters.max_bytes;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|fault| broken(&fault))? {
        if body.len() + chunk.len() > limit {
            if failed {
                break; // its status is the better news, and the excerpt is short
            }
            return Err(Error::fatal(format!("the answer is longer than max_bytes ({limit})")));
        }
        body.extend_from_slice(&chunk);
    }
    if failed {
        return Err(unexpected(status, &body));
    }
    let headers = headers(&response);
    let says_json = headers.get(CONTENT_TYPE.as_str()).is_some_and(|kind| is_json(kind));
    let (body, encoding) = decode(body, parameters.response, says_json)?;
    Ok(Output { status: status.as_u16(), headers, body, encoding })
}

fn unexpected(status: StatusCode, body: &[u8]) -> Error {
    let excerpt = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
    let excerpt = match excerpt.trim() {
        "" => String::new(),
        excerpt => format!(": {excerpt}"),
    };
    let retryable = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    Error::Failed { message: format!("the server answered {status}{excerpt}"), retryable }
}

fn headers(response: &Response) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

fn decode(body: Vec<u8>, form: Form, says_json: bool) -> Result<(Json, Form), Error> {
    let body = match (form, String::from_utf8(body)) {
        (Form::Text, Err(fault)) => String::from_utf8_lossy(fault.as_bytes()).into_owned(),
        (Form::Json, Err(_)) => {
            return Err(Error::fatal("the answer is not JSON: it is not UTF-8"));
        }
        (Form::Base64, Ok(text)) => return base64_form(text.as_bytes()),
        (Form::Auto | Form::Base64, Err(fault)) => return base64_form(fault.as_bytes()),
        (Form::Auto | Form::Json | Form::Text, Ok(text)) => text,
    };
    if form == Form::Json || form == Form::Auto && says_json {
        match Json::from_text(body.trim()) {
            Ok(json) => return Ok((json, Form::Json)),
            Err(fault) if form == Form::Json => {
                return Err(Error::fatal(format!("the answer is not JSON: {fault}")));
            }
            Err(_) => {}
        }
    }
    Ok((Json::from_value(&body)?, Form::Text))
}

fn base64_form(bytes: &[u8]) -> Result<(Json, Form), Error> {
    Ok((Json::from_value(&BASE64.encode(bytes))?, Form::Base64))
}

const fn timeout_seconds() -> u32 {
    30
}

const fn max_bytes() -> usize {
    10 * 1024 * 1024
}
