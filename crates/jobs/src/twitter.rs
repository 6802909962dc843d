//! The parts of Twitter's API that posting needs: an upload in pieces, and a post.

use std::time::Duration;

use alt::Json;
use job::{Context, Error};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, Serialize};

use crate::connect::client;
use crate::oauth::Keys;
use crate::picture::Picture;
use crate::service::{Answer, below, exchange, operators_url, pause};

const BASE: &str = "TWITTER_API_URL";
const DEFAULT: &str = "https://api.x.com";
/// How long the job rests when a limit does not say for how long: Twitter's window.
const REST: Duration = Duration::from_secs(900);
/// Bytes of one piece of an upload.
const PIECE_BYTES: usize = 1024 * 1024;
/// Looks at a picture that Twitter is still working on.
const LOOKS: u32 = 30;
/// No line of a piece begins with it: pieces hold pictures, and it is long and odd.
const BOUNDARY: &str = "runner-9b1d2f6c-picture-boundary-7e35a40c";

/// Twitter as one account.
pub(crate) struct Twitter<'a> {
    base: Url,
    keys: Keys<'a>,
    context: &'a Context,
}

/// What came of a post.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// It has this id.
    As(String),
    /// Refused, since the account has posted the same before.
    Before,
}

#[derive(Serialize)]
struct Tweet<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Reply<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Media<'a>>,
}

#[derive(Serialize)]
struct Reply<'a> {
    in_reply_to_tweet_id: &'a str,
}

#[derive(Serialize)]
struct Media<'a> {
    media_ids: [&'a str; 1],
}

#[derive(Serialize)]
struct Upload {
    media_type: &'static str,
    media_category: &'static str,
    total_bytes: usize,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Uploaded {
    processing_info: Option<Processing>,
}

#[derive(Deserialize)]
struct Processing {
    state: String,
    #[serde(default)]
    check_after_secs: u64,
}

impl<'a> Twitter<'a> {
    /// With the keys and at the address of the worker's variables.
    ///
    /// # Errors
    /// [`Error::Refused`] when one is missing or wrong.
    pub(crate) fn of(context: &'a Context) -> Result<Self, Error> {
        let base = operators_url(BASE, Some(DEFAULT), context)?;
        Ok(Self { base, keys: Keys::of(context)?, context })
    }

    /// Posts `text`, as an answer and with a picture if they are given.
    ///
    /// # Errors
    /// Those of the request. After a retryable one the post may be there all the same.
    pub(crate) async fn post(
        &self,
        text: &str,
        answered: Option<&str>,
        picture: Option<&str>,
    ) -> Result<Posted, Error> {
        let reply = answered.map(|id| Reply { in_reply_to_tweet_id: id });
        let media = picture.map(|id| Media { media_ids: [id] });
        let url = below(&self.base, &["2", "tweets"]);
        let body = Json::from_value(&Tweet { text, reply, media })?;
        let answer = self.send(Method::POST, url, Some(json(&body))).await?;
        let twice = answer.status == StatusCode::FORBIDDEN
            && String::from_utf8_lossy(&answer.body).contains("duplicate content");
        if twice {
            return Ok(Posted::Before);
        }
        Ok(Posted::As(answer.success()?.read::<Data<Id>>()?.data.id))
    }

    /// Uploads a picture and gives back its id, which posts may use for a day.
    ///
    /// # Errors
    /// Those of the requests; [`Error::Failed`] when Twitter cannot use the picture.
    pub(crate) async fn upload(&self, picture: &Picture) -> Result<String, Error> {
        let Picture { bytes, media_type } = picture;
        let media_category = if *media_type == "image/gif" { "tweet_gif" } else { "tweet_image" };
        let upload = Upload { media_type, media_category, total_bytes: bytes.len() };
        let place =
            |segments: &[&str]| below(&self.base, &[&["2", "media", "upload"], segments].concat());
        let body = Json::from_value(&upload)?;
        let begun = self.send(Method::POST, place(&["initialize"]), Some(json(&body))).await?;
        let id = begun.success()?.read::<Data<Id>>()?.data.id;
        for (index, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
            let url = place(&[&id, "append"]);
            self.send(Method::POST, url, Some(form(index, piece))).await?.success()?;
        }
        let mut answer = self.send(Method::POST, place(&[&id, "finalize"]), None).await?;
        for _ in 0..LOOKS {
            let uploaded: Data<Uploaded> = answer.success()?.read()?;
            let Some(Processing { state, check_after_secs }) = uploaded.data.processing_info else {
                return Ok(id);
            };
            match state.as_str() {
                "succeeded" => return Ok(id),
                "failed" => return Err(Error::fatal("Twitter cannot use the picture")),
                _ => pause(Duration::from_secs(check_after_secs.max(1)), self.context).await?,
            }
            let mut url = place(&[]);
            url.query_pairs_mut().append_pair("command", "STATUS").append_pair("media_id", &id);
            answer = self.send(Method::GET, url, None).await?;
        }
        Err(Error::failed("Twitter is not done with the picture"))
    }

    /// Sends one signed request. If Twitter wants fewer of them, the whole job rests.
    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<(String, Vec<u8>)>,
    ) -> Result<Answer, Error> {
        let authorization = self.keys.authorization(method.as_str(), &url)?;
        let mut request = client(true)?.request(method, url).header(AUTHORIZATION, authorization);
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let answer = exchange("Twitter", request, self.context).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let rest = answer.retry_after.unwrap_or(REST);
            self.context.cool_down(rest, "Twitter asked for fewer requests").await?;
            return Err(answer.failure());
        }
        Ok(answer)
    }
}

fn json(body: &Json) -> (String, Vec<u8>) {
    ("application/json".to_owned(), body.text().into())
}

/// One piece of a picture, as a browser would send it.
fn form(index: usize, piece: &[u8]) -> (String, Vec<u8>) {
    let field = |name: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name={name}");
    let mut body = format!("{}\r\n\r\n{index}\r\n", field("\"segment_index\""));
    body.push_str(&field("\"media\"; filename=\"picture\""));
    body.push_str("\r\nContent-Type: application/octet-stream\r\n\r\n");
    let mut body = body.into_bytes();
    body.extend_from_slice(piece);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}
