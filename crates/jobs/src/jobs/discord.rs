//! `discord`: one message to a webhook, by the outcome of a proposal if it has one.

use std::time::Duration;

use alt::Json;
use job::{Check, Context, Error, Job, job};
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::connect::client;
use crate::request::check_url;
use crate::service::{Answer, exchange, operators_url, pause};

const WEBHOOK: &str = "DISCORD_WEBHOOK_URL";
const PASSED: &str = "DISCORD_WEBHOOK_URL_PASSED";
const FAILED: &str = "DISCORD_WEBHOOK_URL_FAILED";
/// What Discord takes.
const CONTENT_CHARS: usize = 2000;
const EMBEDS: usize = 10;
/// A limit that is over sooner than this is waited for; for a longer one the whole job rests.
const SHORT_WAIT: Duration = Duration::from_secs(10);
/// Waits of one attempt, so that its time is enough for them.
const WAITS: u32 = 3;
/// When a limit does not say for how long.
const REST: Duration = Duration::from_secs(60);

/// One message. `webhook_url` goes before the worker's own webhooks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    content: String,
    #[serde(default)]
    embeds: Vec<Json>,
    #[serde(default)]
    tts: bool,
    proposal_status: Option<ProposalStatus>,
    webhook_url: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ProposalStatus {
    Passed,
    Failed,
    VetoWindowOpen,
    VetoWindowClosed,
}

/// What Discord is sent.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    content: &'a str,
    #[serde(skip_serializing_if = "<[Json]>::is_empty")]
    embeds: &'a [Json],
    tts: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    status: u16,
    /// The variable that named the webhook, or `webhook_url`.
    webhook: &'static str,
}

/// How long Discord wants to be left alone, seconds: its headers round it up, its answer does not.
#[derive(Deserialize)]
struct Limited {
    retry_after: f64,
}

/// A message that was sent and whose answer got lost may come twice, so a lost worker's is not sent
/// again by itself.
#[derive(Default)]
struct Discord;

/// Posts a message to a Discord webhook.
#[job(
    "discord",
    queue = "discord",
    interval_seconds = 30,
    max_retries = 3,
    retry_delay_seconds = 30,
    timeout_seconds = 120,
    max_concurrent = 1,
    batch_size = 10,
    requires_discord = true,
    idempotent = false
)]
impl Job for Discord {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        operators_url(WEBHOOK, None, context)?;
        for name in [PASSED, FAILED] {
            if context.variable(name).is_some() {
                operators_url(name, None, context)?;
            }
        }
        Ok(())
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        check(&parameters)?;
        let (webhook, url) = target(&parameters, &context)?;
        let Parameters { content, embeds, tts, .. } = &parameters;
        let message = Json::from_value(&Message { content, embeds, tts: *tts })?;
        let trusted = webhook != "webhook_url";
        let client = client(trusted || context.permissions().allow_private_addresses)?;
        let mut waits = 0;
        loop {
            let request = client
                .post(url.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(message.text().to_owned());
            let answer = exchange("Discord", request, &context).await?;
            if answer.status != StatusCode::TOO_MANY_REQUESTS {
                let status = answer.success()?.status.as_u16();
                return Ok(Output { status, webhook });
            }
            let wait = wait(&answer);
            if wait > SHORT_WAIT || waits == WAITS {
                if trusted {
                    context.cool_down(wait, "Discord asked for fewer messages").await?;
                }
                return Err(answer.failure());
            }
            waits += 1;
            context.log(format!("Discord asked to wait for {} ms", wait.as_millis()));
            pause(wait, &context).await?;
        }
    }
}

fn check(parameters: &Parameters) -> Result<(), Error> {
    let Parameters { content, embeds, .. } = parameters;
    if content.trim().is_empty() && embeds.is_empty() {
        return Err(Error::parameter("content", "is empty; give `content` or `embeds`"));
    }
    let chars = content.chars().count();
    if chars > CONTENT_CHARS {
        let problem = format!("has {chars} characters; Discord takes {CONTENT_CHARS}");
        return Err(Error::parameter("content", problem));
    }
    if embeds.len() > EMBEDS {
        return Err(Error::parameter("embeds", format!("are {}; at most {EMBEDS}", embeds.len())));
    }
    Ok(())
}

/// Where the message goes, and who said so.
fn target(parameters: &Parameters, context: &Context) -> Result<(&'static str, Url), Error> {
    if let Some(text) = &parameters.webhook_url {
        let allow_private = context.permissions().allow_private_addresses;
        return Ok(("webhook_url", check_url("webhook_url", text, allow_private)?));
    }
    let special = match parameters.proposal_status {
        Some(ProposalStatus::Passed) => Some(PASSED),
        Some(ProposalStatus::Failed) => Some(FAILED),
        Some(ProposalStatus::VetoWindowOpen | ProposalStatus::VetoWindowClosed) | None => None,
    };
    let name = special.filter(|name| context.variable(name).is_some()).unwrap_or(WEBHOOK);
    Ok((name, operators_url(name, None, context)?))
}

fn wait(answer: &Answer) -> Duration {
    let said = serde_json::from_slice::<Limited>(&answer.body).ok();
    let said = said.and_then(|limited| Duration::try_from_secs_f64(limited.retry_after).ok());
    said.or(answer.retry_after).unwrap_or(REST)
}
