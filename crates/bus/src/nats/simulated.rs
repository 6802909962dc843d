//! The client of a simulated server: as much of the library's as this road uses, over a [`Link`].
//!
//! Only in the build of the simulator (`--cfg sim`, `tests/sim`). All of the road above it is the
//! one of every fleet: it cannot tell which server it speaks to.

use std::cell::RefCell;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{
    HeaderMap, Message, PublishError, Request, RequestError, RequestErrorKind, ServerInfo,
    StatusCode, Subject, SubscribeError,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use protocol::Timestamp;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connect::{Settings, Shared};
use crate::Error;

/// As long as the library is told to wait.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// What a server says when nobody subscribes to where a request goes.
const NO_RESPONDERS: StatusCode = StatusCode::NO_RESPONDERS;

/// Where connections are made.
pub trait Network: Debug {
    /// A connection for whoever is called `name`; `connected` is to be called for each that is made,
    /// the first one included.
    fn connect(&self, name: &str, connected: Box<dyn Fn() + Send + Sync>) -> Arc<dyn Link>;
}

/// One client's connection.
pub trait Link: Debug + Send + Sync {
    /// Sends a message, or loses it.
    fn publish(&self, message: Message);
    /// Hears what matches `subject` until the receiver is dropped.
    fn subscribe(&self, subject: &str) -> mpsc::UnboundedReceiver<Message>;
    /// Waits until the server has heard all that was said so far.
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    /// A subject that nobody else has.
    fn inbox(&self) -> String;
    /// How many connections were made so far.
    fn connects(&self) -> u64;
    /// What the server says of itself.
    fn server(&self) -> ServerInfo;
    /// What the clock of this client's machine shows.
    fn clock(&self) -> Timestamp;
}

thread_local! {
    static NETWORK: RefCell<Option<Arc<dyn Network>>> = const { RefCell::new(None) };
}

/// All connections of this thread go there from now on.
pub fn simulate(network: Arc<dyn Network>) {
    NETWORK.with_borrow_mut(|here| *here = Some(network));
}

pub(super) async fn connect(settings: &Settings, shared: &Arc<Shared>) -> Result<Client, Error> {
    let network = NETWORK.with_borrow(Clone::clone).ok_or(Error::Closed)?;
    let counted = Arc::clone(shared);
    let connected = Box::new(move || counted.generation.send_modify(|count| *count += 1));
    Ok(Client { link: network.connect(&settings.name, connected) })
}

pub(super) fn own_clock(client: &Client) -> Timestamp {
    client.link.clock()
}

/// A client of a simulated server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    link: Arc<dyn Link>,
}

impl Client {
    fn send(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<HeaderMap>,
        body: Bytes,
    ) {
        let length = subject.len() + body.len();
        let (status, description) = (None, None);
        let payload = body;
        self.link.publish(Message {
            subject,
            reply,
            payload,
            headers,
            status,
            description,
            length,
        });
    }

    #[expect(clippy::unused_async, reason = "the library's waits")]
    pub(crate) async fn publish(
        &self,
        subject: impl Into<Subject>,
        body: Bytes,
    ) -> Result<(), PublishError> {
        self.send(subject.into(), None, None, body);
        Ok(())
    }

    #[expect(clippy::unused_async, reason = "the library's waits")]
    pub(crate) async fn publish_with_headers(
        &self,
        subject: impl Into<Subject>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), PublishError> {
        self.send(subject.into(), None, Some(headers), body);
        Ok(())
    }

    #[expect(clippy::unused_async, reason = "the library's waits")]
    pub(crate) async fn publish_with_reply(
        &self,
        subject: impl Into<Subject>,
        reply: impl Into<Subject>,
        body: Bytes,
    ) -> Result<(), PublishError> {
        self.send(subject.into(), Some(reply.into()), None, body);
        Ok(())
    }

    #[expect(clippy::unused_async, reason = "the library's waits")]
    pub(crate) async fn publish_with_reply_and_headers(
        &self,
        subject: impl Into<Subject>,
        reply: impl Into<Subject>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), PublishError> {
        self.send(subject.into(), Some(reply.into()), Some(headers), body);
        Ok(())
    }

    pub(crate) async fn request(
        &self,
        subject: impl Into<Subject>,
        body: Bytes,
    ) -> Result<Message, RequestError> {
        self.send_request(subject, Request::new().payload(body)).await
    }

    pub(crate) async fn send_request(
        &self,
        subject: impl Into<Subject>,
        request: Request,
    ) -> Result<Message, RequestError> {
        let inbox = self.link.inbox();
        let mut answers = Subscriber(self.link.subscribe(&inbox));
        let body = request.payload.unwrap_or_default();
        self.send(subject.into(), Some(inbox.into()), request.headers, body);
        match timeout(REQUEST_TIMEOUT, answers.next()).await {
            Ok(Some(answer)) if answer.status == Some(NO_RESPONDERS) => {
                Err(RequestError::new(RequestErrorKind::NoResponders))
            }
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => Err(RequestError::new(RequestErrorKind::TimedOut)),
        }
    }

    #[expect(clippy::unused_async, reason = "the library's waits")]
    pub(crate) async fn subscribe(&self, subject: String) -> Result<Subscriber, SubscribeError> {
        Ok(Subscriber(self.link.subscribe(&subject)))
    }

    pub(crate) async fn flush(&self) -> Result<(), RequestError> {
        let heard = timeout(REQUEST_TIMEOUT, self.link.flush()).await;
        heard.map_err(|_| RequestError::new(RequestErrorKind::TimedOut))
    }

    pub(crate) fn new_inbox(&self) -> String {
        self.link.inbox()
    }

    pub(crate) fn max_payload(&self) -> usize {
        self.link.server().max_payload
    }

    pub(crate) fn server_info(&self) -> ServerInfo {
        self.link.server()
    }

    pub(crate) fn is_server_compatible(&self, _major: i64, _minor: i64, _patch: i64) -> bool {
        !self.link.server().version.is_empty()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics { connects: AtomicU64::new(self.link.connects()) }
    }

    #[expect(clippy::unused_self, reason = "the library's knows")]
    pub(crate) fn connection_state(&self) -> State {
        State::Connected
    }
}

/// What a client has counted.
#[derive(Debug)]
pub(crate) struct Statistics {
    pub(crate) connects: AtomicU64,
}

/// What a client hears of one subject.
#[derive(Debug)]
pub(crate) struct Subscriber(mpsc::UnboundedReceiver<Message>);

impl Stream for Subscriber {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.poll_recv(cx)
    }
}
