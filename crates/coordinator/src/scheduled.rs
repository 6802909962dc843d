//! The file that a tick becomes: one task, or one for each message of the queue that its job drains.

use alt::{Json, expression};
use bytes::Bytes;
use protocol::{JobPolicy, QueueMessage, Source, Submission, TickRun};
use serde::Serialize;

use crate::Error;

#[derive(Debug, Serialize)]
struct File<'a> {
    id: &'a str,
    title: String,
    priority: &'static str,
    tags: Vec<String>,
    tasks: Vec<Task<'a>>,
}

#[derive(Debug, Serialize)]
struct Task<'a> {
    id: &'a str,
    description: String,
    job: &'a str,
    priority: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Json>,
}

/// The run of a tick; the same for the same tick and the same messages, whoever submits it. `messages` are
/// those that it works off, if its job drains a queue.
pub(crate) fn submission(
    job: &str,
    policy: &JobPolicy,
    TickRun { run, tick, .. }: TickRun,
    messages: Option<&[QueueMessage]>,
) -> Result<Submission, Error> {
    let priority = policy.priority.name();
    let (mut tags, mut title) = (vec!["scheduled".to_owned()], format!("{job} at {tick}"));
    let tasks = match messages {
        None => vec![Task {
            id: job,
            description: format!("The tick of {tick}."),
            job,
            priority,
            parameters: None,
        }],
        Some(messages) => {
            tags.extend(policy.drains.iter().map(|drain| format!("queue:{}", drain.queue)));
            let count = messages.len();
            title =
                format!("{job} at {tick}: {count} message{}", if count == 1 { "" } else { "s" });
            let tasks = messages.iter().map(|message| task(job, policy, message));
            tasks.collect::<Result<_, _>>().map_err(Error::Unusable)?
        }
    };
    let file = File { id: job, title, priority, tags, tasks };
    Ok(Submission {
        run,
        alt: Source::Inline(bytes(&file)?),
        priority: policy.priority,
        mode: None,
        persona: None,
        reuse: None,
        last: alt::LastOptions::default(),
    })
}

/// Whether `message` can be a task of `job`.
///
/// # Errors
/// Why not, as people read it.
pub(crate) fn check(job: &str, policy: &JobPolicy, message: &QueueMessage) -> Result<(), String> {
    let file = File {
        id: job,
        title: job.to_owned(),
        priority: policy.priority.name(),
        tags: Vec::new(),
        tasks: vec![task(job, policy, message)?],
    };
    let bytes = bytes(&file).map_err(|error| error.to_string())?;
    let report = alt::read(&bytes, &alt::Check::default());
    match report.errors().next() {
        Some(error) => {
            let place = error.pointer.strip_prefix("/tasks/0").unwrap_or(&error.pointer);
            Err(format!("{}: {} (at {place})", error.code.name(), error.message))
        }
        None => Ok(()),
    }
}

fn bytes(file: &File<'_>) -> Result<Bytes, Error> {
    let text = serde_json::to_vec(file).map_err(|error| Error::Unusable(error.to_string()))?;
    Ok(text.into())
}

/// The task of a message. What it says is data: nothing in it is a template.
fn task<'a>(
    job: &'a str,
    policy: &JobPolicy,
    message: &'a QueueMessage,
) -> Result<Task<'a>, String> {
    let text = std::str::from_utf8(&message.body);
    let text = text.map_err(|error| format!("the message is not UTF-8: {error}"))?;
    let parameters = Json::from_text(text);
    let parameters = parameters.map_err(|error| format!("the message is not JSON: {error}"))?;
    Ok(Task {
        id: &message.id,
        description: format!("A message of {}.", message.at),
        job,
        priority: policy.priority.name(),
        parameters: Some(expression::literal(parameters)),
    })
}
