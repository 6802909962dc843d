//! A message as NATS carries it, and where it goes.

use bytes::Bytes;

/// Headers in the order they were written; a name may come more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a name, exactly as it is written.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// As the wire and the store have them.
    pub(super) fn wire(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let lines: String =
            self.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("NATS/1.0\r\n{lines}\r\n")
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A message, or word of the server that there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) reply: Option<String>,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
    /// A number and its text, in place of a payload: 204, 404, 408, 409.
    pub(crate) status: Option<(u16, String)>,
}

/// A message that the server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The subject that decides who is given it. A message that a consumer delivers keeps its own
    /// subject and goes to the inbox of the pull, as on a real connection.
    pub(crate) to: String,
    pub(crate) message: Message,
}

impl Sent {
    /// A payload for an inbox.
    pub(super) fn answer(inbox: &str, payload: impl Into<Bytes>) -> Self {
        let message =
            Message { subject: inbox.to_owned(), payload: payload.into(), ..Message::default() };
        Self { to: inbox.to_owned(), message }
    }

    /// A status for an inbox.
    pub(super) fn status(inbox: &str, code: u16, text: &str, headers: Headers) -> Self {
        let status = Some((code, text.to_owned()));
        let message = Message { subject: inbox.to_owned(), headers, status, ..Message::default() };
        Self { to: inbox.to_owned(), message }
    }
}

/// When something happens, and who listens then.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    /// Nanoseconds since 1970.
    pub(super) now: u64,
    /// Whether anybody subscribes to a subject.
    pub(super) interest: &'a dyn Fn(&str) -> bool,
}
