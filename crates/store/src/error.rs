//! What can go wrong, and which of it an answer of the store means.

use std::error::Error as StdError;
use std::path::PathBuf;

use object_store::client::{HttpError, HttpErrorKind};

use crate::place::{Bucket, Place};

/// How much of what a server said enters a message, characters.
const SAID: usize = 300;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is stored there.
    #[error("nothing is stored at `{0}`")]
    Missing(String),
    /// The key cannot be one.
    #[error("`{0}` is not a key")]
    Key(String),
    /// The address names no store.
    #[error("`{url}` is not the address of a store: {fault}")]
    Url {
        /// The address, without what may be secret in it.
        url: String,
        /// What is wrong with it, and what would be right.
        fault: String,
    },
    /// An option of [`crate::Access`] cannot be used.
    #[error("{name}: {fault}")]
    Setting {
        /// The option.
        name: String,
        /// What is wrong with it, and what would be right.
        fault: String,
    },
    /// There are no credentials for the bucket.
    #[error(
        "no credentials for {at}: {fault}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
         profiles (AWS_PROFILE) and the files of ~/.aws are not read"
    )]
    Credentials {
        /// The bucket, and the server that has it.
        at: String,
        /// What is missing.
        fault: String,
    },
    /// The store knows the credentials and refuses, or does not know them.
    #[error(
        "access denied at `{key}` of {at}: {message}. Check the credentials (AWS_ACCESS_KEY_ID, \
         AWS_SECRET_ACCESS_KEY) and what they allow"
    )]
    Denied {
        /// The bucket, and the server that has it.
        at: String,
        /// The key.
        key: String,
        /// What the store said.
        message: String,
    },
    /// The server has no such bucket.
    #[error("the bucket of {0} does not exist: create it, or correct its name")]
    NoBucket(String),
    /// No server answered; another try may find one.
    #[error("no answer at {at}: {message}")]
    Unreachable {
        /// The bucket, and the server that should have it.
        at: String,
        /// What happened instead.
        message: String,
    },
    /// The store did not do it; another try may.
    #[error("the store failed at `{key}`: {message}")]
    Failed {
        /// The key.
        key: String,
        /// What it said.
        message: String,
    },
    /// A file on this machine could not be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What `error` means for `key` at `place`.
pub(crate) fn explain(place: &Place, key: &str, error: &object_store::Error) -> Error {
    if let Place::Bucket(bucket) = place
        && let Some(explained) = at_bucket(bucket, key, error)
    {
        return explained;
    }
    match error {
        object_store::Error::NotFound { .. } => Error::Missing(key.to_owned()),
        other => Error::Failed { key: key.to_owned(), message: clip(&other.to_string()) },
    }
}

fn at_bucket(bucket: &Bucket, key: &str, error: &object_store::Error) -> Option<Error> {
    let at = bucket.at();
    if let Some(fault) = no_instance(bucket, error) {
        return Some(Error::Credentials { at, fault });
    }
    if let Some(reply) = reply(error) {
        let message = reply.to_string();
        return match (reply.status, reply.code.as_deref()) {
            (_, Some("NoSuchBucket")) => Some(Error::NoBucket(at)),
            (404, _) => None,
            (_, Some("AuthorizationHeaderMalformed" | "PermanentRedirect")) => {
                Some(Error::Setting { name: "AWS_REGION".to_owned(), fault: elsewhere(&at) })
            }
            // AWS says 400 to a session that is over.
            (401 | 403, _) | (_, Some("ExpiredToken" | "InvalidToken")) => {
                Some(Error::Denied { at, key: key.to_owned(), message })
            }
            _ => Some(Error::Failed { key: key.to_owned(), message }),
        };
    }
    if let Some(message) = no_answer(error) {
        return Some(Error::Unreachable { at, message });
    }
    let moved = chain(error).any(|fault| fault.to_string().starts_with("Received redirect"));
    moved.then(|| Error::Setting { name: "AWS_REGION".to_owned(), fault: elsewhere(&at) })
}

fn elsewhere(at: &str) -> String {
    format!("{at} is in another region; set it to the region of the bucket")
}

/// Set when no credentials were given, and the machine has none of its own either.
fn no_instance(bucket: &Bucket, error: &object_store::Error) -> Option<String> {
    let metadata = bucket.metadata.as_deref()?;
    error.to_string().contains(metadata).then(|| {
        "none are given, and the metadata service of the machine has none to give".to_owned()
    })
}

/// An answer of the server that was not a success.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: u16,
    /// The server's word for it, as in `<Code>NoSuchKey</Code>`.
    code: Option<String>,
    said: Option<String>,
}

impl std::fmt::Display for Reply {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "it answered {}", self.status)?;
        if let Some(code) = &self.code {
            write!(out, " {code}")?;
        }
        match &self.said {
            Some(said) => write!(out, " ({})", clip(said.trim_end_matches('.'))),
            None => Ok(()),
        }
    }
}

/// The HTTP status of the answer that is behind `error`.
pub(crate) fn status(error: &object_store::Error) -> Option<u16> {
    reply(error).map(|reply| reply.status)
}

/// `object_store` gives the type of these errors no public name, so their text is read.
fn reply(error: &object_store::Error) -> Option<Reply> {
    chain(error).find_map(|fault| read_reply(&fault.to_string()))
}

fn read_reply(text: &str) -> Option<Reply> {
    let rest = text.strip_prefix("Server returned non-2xx status code: ")?;
    let status = rest.get(..3)?.parse().ok()?;
    Some(Reply { status, code: tag(rest, "Code"), said: tag(rest, "Message") })
}

fn tag(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    Some(content.to_owned())
}

/// What happened when no answer came; the deepest cause says it best.
fn no_answer(error: &object_store::Error) -> Option<String> {
    let http = chain(error).find_map(|fault| fault.downcast_ref::<HttpError>())?;
    match http.kind() {
        HttpErrorKind::Decode => None,
        HttpErrorKind::Timeout => Some("it took too long".to_owned()),
        _ => chain(http).last().map(|cause| clip(&cause.to_string())),
    }
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&fault| fault.source())
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(SAID) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_code_and_its_words() {
        let text = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied\
                    </Code><Message>Access Denied.</Message></Error>";
        let reply = read_reply(text).unwrap();
        assert_eq!(reply.status, 403);
        assert_eq!(reply.to_string(), "it answered 403 AccessDenied (Access Denied)");
        let bare = read_reply("Server returned non-2xx status code: 503 Service Unavailable: ");
        assert_eq!(bare.unwrap().to_string(), "it answered 503");
        assert_eq!(read_reply("Connection refused"), None);
    }
}
