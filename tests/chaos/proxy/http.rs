//! A link that speaks HTTP: requests that match a rule are refused, delayed, or lose their answer.
//!
//! One request a connection, so that a rule needs no memory. Everything is passed on byte for byte,
//! because a signature covers it. It also keeps which bytes each LAST was ever given.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use super::{receive, send};
use crate::bucket::digest;
use crate::chance::Chance;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is answered with this status, and the server never sees it.
    Refuse(u16),
    /// It reaches the server so much later.
    Delay(Duration),
    /// The server gets it, and its answer is lost.
    LoseAnswer,
    /// The server gets the head and half of the body.
    LoseBody,
}

/// Which requests have a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Empty for every method.
    pub(crate) method: &'static str,
    /// What the path must hold.
    pub(crate) key: &'static str,
    /// Of a hundred.
    pub(crate) percent: u64,
    pub(crate) action: Action,
}

/// A link for HTTP. It is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct HttpLink {
    port: u16,
    shared: Arc<Shared>,
    listening: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    rule: Mutex<Option<Rule>>,
    chance: Mutex<Chance>,
    requests: AtomicU64,
    hit: AtomicU64,
    /// Keys of LASTs with a digest of what was sent for them.
    sent: Mutex<BTreeSet<(String, String)>>,
}

impl Drop for HttpLink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl HttpLink {
    /// A link to a port of this machine, without a rule yet.
    pub(crate) fn open(runtime: &Handle, target: u16, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            rule: Mutex::new(None),
            chance: Mutex::new(Chance::new(seed)),
            requests: AtomicU64::new(0),
            hit: AtomicU64::new(0),
            sent: Mutex::default(),
        });
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listening = runtime.spawn(listen(listener, target, Arc::clone(&shared)));
        Self { port, shared, listening: listening.abort_handle() }
    }

    /// Where to connect.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Makes the rule of the link.
    pub(crate) fn set(&self, rule: Option<Rule>) {
        *self.shared.rule.lock().unwrap() = rule;
    }

    /// Requests that came.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Requests that had a fault.
    pub(crate) fn hit(&self) -> u64 {
        self.shared.hit.load(Ordering::Relaxed)
    }

    /// Keys of LASTs with a digest of what was ever sent for them.
    pub(crate) fn sent(&self) -> BTreeSet<(String, String)> {
        self.shared.sent.lock().unwrap().clone()
    }
}

async fn listen(listener: TcpListener, target: u16, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(near, target, Arc::clone(&shared)));
    }
}

/// Passes one request on, and its answer back.
async fn serve(near: TcpStream, target: u16, shared: Arc<Shared>) -> Option<()> {
    let _ = near.set_nodelay(true);
    let mut request = Request::default();
    let mut buffer = vec![0; 64 * 1024];
    while !request.is_whole() {
        let length = receive(&near, &mut buffer).await?;
        request.bytes.extend_from_slice(&buffer[..length]);
        if request.wants_to_be_asked() {
            send(&near, b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
    }
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let action = shared.action(&request);
    match action {
        Some(Action::Refuse(status)) => {
            let body = format!("<Error><Code>Injected{status}</Code></Error>");
            let head = format!("HTTP/1.1 {status} Injected\r\nConnection: close");
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            send(&near, answer.as_bytes()).await?;
            return Some(());
        }
        Some(Action::Delay(wait)) => sleep(wait).await,
        Some(Action::LoseAnswer | Action::LoseBody) | None => {}
    }
    shared.keep(&request);
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await.ok()?;
    let closing = request.closing();
    let whole = if action == Some(Action::LoseBody) { closing.len() / 2 } else { closing.len() };
    send(&far, &closing[..whole]).await?;
    if action == Some(Action::LoseBody) {
        let _ = near.set_zero_linger();
        return None;
    }
    while let Some(length) = receive(&far, &mut buffer).await {
        if action == Some(Action::LoseAnswer) {
            // The first word of the answer says that the server is done.
            let _ = near.set_zero_linger();
            return None;
        }
        send(&near, &buffer[..length]).await?;
    }
    Some(())
}

impl Shared {
    fn action(&self, request: &Request) -> Option<Action> {
        let rule = self.rule.lock().unwrap().clone()?;
        let first = request.first_line();
        let fits = first.starts_with(rule.method) && first.contains(rule.key);
        let hit = fits && self.chance.lock().unwrap().percent(rule.percent);
        hit.then(|| {
            self.hit.fetch_add(1, Ordering::Relaxed);
            rule.action
        })
    }

    fn keep(&self, request: &Request) {
        let first = request.first_line();
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if method == "PUT" && path.ends_with("/last.json") {
            let sent = (path.trim_start_matches("/last/").to_owned(), digest(request.body()));
            self.sent.lock().unwrap().insert(sent);
        }
    }
}

/// A request as far as it has come.
#[derive(Debug, Default)]
struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Where the body begins.
    fn head(&self) -> Option<usize> {
        Some(self.bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4)
    }

    fn header(&self, name: &str) -> Option<String> {
        let head = String::from_utf8_lossy(&self.bytes[..self.head()?]).to_lowercase();
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().to_owned())
    }

    fn is_whole(&self) -> bool {
        let Some(head) = self.head() else { return false };
        let length = self.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        if self.header("transfer-encoding").is_some_and(|it| it.contains("chunked")) {
            return self.bytes.ends_with(b"0\r\n\r\n");
        }
        self.bytes.len() >= head + length
    }

    fn wants_to_be_asked(&self) -> bool {
        !self.is_whole() && self.header("expect").is_some()
    }

    fn first_line(&self) -> String {
        let end = self.bytes.iter().position(|&byte| byte == b'\r').unwrap_or(0);
        String::from_utf8_lossy(&self.bytes[..end]).into_owned()
    }

    fn body(&self) -> &[u8] {
        self.head().map_or(&[], |head| &self.bytes[head..])
    }

    /// The same, and the server is to close the connection after its answer.
    fn closing(&self) -> Vec<u8> {
        let head = self.head().unwrap_or(0);
        let text = String::from_utf8_lossy(&self.bytes[..head.saturating_sub(2)]).into_owned();
        let kept = text.split_inclusive("\r\n");
        let kept = kept.filter(|line| !line.to_lowercase().starts_with("connection:"));
        let mut bytes: Vec<u8> = kept.collect::<String>().into_bytes();
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
        bytes.extend_from_slice(&self.bytes[head..]);
        bytes
    }
}
