//! `tweet`: posts as a thread, each exactly once however often the attempt is repeated.

use alt::Json;
use job::{Check, Context, Error, Job, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fingerprint::fingerprint;
use crate::picture;
use crate::posts::{Post, posts};
use crate::twitter::{Posted, Twitter};

/// Posts of one thread after long ones are split.
const POSTS_MAX: usize = 100;

/// A thread. A text over 280 characters becomes several posts. The first of `images`, or the first
/// address of a picture in a text, is uploaded and shown with its post.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    posts: Vec<String>,
    #[serde(default)]
    images: Vec<String>,
    /// The old form, which is refused.
    message: Option<Json>,
    /// The old form, which is refused.
    chunks: Option<Json>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    /// Of each post in its order; `null` for one whose answer was lost although it was posted.
    ids: Vec<Option<String>>,
    /// How many of them an earlier attempt had posted.
    resumed: usize,
}

/// What is remembered of a thread while it is posted.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Which task began it.
    task: String,
    /// Of the posts that are there.
    ids: Vec<Option<String>>,
    /// The next one was sent, and what came of it was not seen.
    sent: bool,
    done: bool,
}

/// A repeated attempt goes on where the last one stopped, so it may be repeated.
#[derive(Default)]
struct Tweet;

/// Posts texts to Twitter as a thread, with pictures.
#[job(
    "tweet",
    queue = "tweet",
    interval_seconds = 30,
    max_retries = 3,
    retry_delay_seconds = 60,
    timeout_seconds = 300,
    max_concurrent = 1,
    batch_size = 3,
    requires_twitter = true
)]
impl Job for Tweet {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Twitter::of(context)?;
        Ok(())
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        let thread = thread(&parameters)?;
        let twitter = Twitter::of(&context)?;
        let (key, task) = (key(&context, &parameters)?, task(&context));
        let mut progress = match context.recall::<Progress>(&key).await? {
            // The same words again are a new thread, once the old one is complete.
            Some(old) if old.task == task || !old.done => old,
            Some(_) | None => Progress { task, ..Progress::default() },
        };
        let resumed = progress.ids.len();
        for (index, post) in thread.iter().enumerate().skip(resumed) {
            if context.cancelled().is_cancelled() {
                return Err(Error::Cancelled);
            }
            let answered = match progress.ids.last() {
                Some(None) => return Err(unknown(index)),
                Some(Some(id)) => Some(id.clone()),
                None => None,
            };
            let picture = match &post.picture {
                Some(address) => {
                    let name = format!("posts.{index}");
                    let picture = picture::fetch(&name, address, &context).await?;
                    Some(twitter.upload(&picture).await?)
                }
                None => None,
            };
            let in_doubt = std::mem::replace(&mut progress.sent, true);
            context.remember(&key, &progress).await?;
            let posted = twitter.post(&post.text, answered.as_deref(), picture.as_deref()).await?;
            progress.ids.push(match posted {
                Posted::As(id) => Some(id),
                Posted::Before if in_doubt => None,
                Posted::Before => return Err(twice(index)),
            });
            progress.sent = false;
            progress.done = progress.ids.len() == thread.len();
            context.remember(&key, &progress).await?;
        }
        Ok(Output { ids: progress.ids, resumed })
    }
}

/// The posts that the parameters ask for.
fn thread(parameters: &Parameters) -> Result<Vec<Post>, Error> {
    for (name, old) in [("message", &parameters.message), ("chunks", &parameters.chunks)] {
        if old.is_some() {
            let problem = "is the old form; give `posts`, a list of texts";
            return Err(Error::parameter(name, problem));
        }
    }
    let mut thread: Vec<Post> = parameters.posts.iter().flat_map(|text| posts(text)).collect();
    let Some(first) = thread.first_mut() else {
        return Err(Error::parameter("posts", "has no text in it"));
    };
    if let Some(address) = parameters.images.first() {
        first.picture = Some(address.clone());
    }
    if thread.len() > POSTS_MAX {
        let problem = format!("become {} posts; at most {POSTS_MAX}", thread.len());
        return Err(Error::parameter("posts", problem));
    }
    Ok(thread)
}

/// The same for the same words of the same message, in whatever run.
fn key(context: &Context, parameters: &Parameters) -> Result<String, Error> {
    let message = Json::from_value(&(context.task_id(), &parameters.posts, &parameters.images))?;
    Ok(fingerprint("thread", &[message.text()]))
}

fn task(context: &Context) -> String {
    format!("{}-{}", context.key().run, context.key().task.0)
}

fn twice(index: usize) -> Error {
    Error::fatal(format!("Twitter refuses post {}: the account has posted the same", index + 1))
}

fn unknown(index: usize) -> Error {
    Error::fatal(format!(
        "post {index} is on Twitter, but its id is not known, so post {} cannot answer it; push \
         what is left as a thread of its own",
        index + 1
    ))
}
