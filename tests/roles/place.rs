//! One server, one folder, and the small questions that tests put to a role.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use serde_json::{Value, json};
use tests::servers::NatsServer;

use crate::door::{Door, LONG, Running, until};

/// A server and a door whose environment names it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) door: Door,
    pub(super) server: NatsServer,
}

impl Place {
    /// A server that has nothing yet.
    #[track_caller]
    pub(super) fn bare() -> Self {
        let server = NatsServer::start();
        let mut door = Door::new();
        door.set("RUNNER_NATS_URL", server.url());
        Self { door, server }
    }

    /// A server that has its streams.
    #[track_caller]
    pub(super) fn new() -> Self {
        let place = Self::bare();
        place.door.call(&["doctor", "--fix"]).code(0);
        place
    }

    /// A role and the port of its health.
    pub(super) fn role(&self, arguments: &[&str]) -> (Running, u16) {
        let port = free_port();
        let health = format!("127.0.0.1:{port}");
        (self.door.start(&[arguments, &["--health", &health]].concat()), port)
    }

    /// Publishes a file of these tasks as any client can.
    pub(super) fn publish(&self, id: &str, tasks: &Value) {
        let alt = json!({"id": id, "title": id, "tasks": tasks});
        publish(&self.server.url(), &alt);
    }

    /// Waits for the LAST of a file.
    #[track_caller]
    pub(super) fn last(&self, id: &str) -> Value {
        last(&self.door, &format!("out/{id}"))
    }
}

/// Waits for the LAST in a folder.
#[track_caller]
pub(super) fn last(door: &Door, folder: &str) -> Value {
    let mut found = None;
    until(LONG, "a LAST is there", || {
        let files = door.files(folder);
        found = files.into_iter().find(|name| name.ends_with("last.json"));
        found.is_some()
    });
    let bytes = std::fs::read(door.path(folder).join(found.unwrap())).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(super) fn publish(url: &str, alt: &Value) {
    let bytes = serde_json::to_vec(alt).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        client.publish("alt.submit", bytes.into()).await.unwrap();
        client.flush().await.unwrap();
    });
}

/// A task that waits so many seconds.
pub(super) fn sleeping(id: &str, seconds: u32) -> Value {
    json!({"id": id, "description": "x", "job": "sleep", "retry_count": 0,
           "parameters": {"seconds": seconds}})
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The status and the body of an answer; nothing while nobody listens.
pub(super) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits until a path answers with this status and a body that has `text`.
#[track_caller]
pub(super) fn until_says(port: u16, path: &str, status: u16, text: &str) {
    until(LONG, &format!("{path} says {status} {text:?}"), || {
        get(port, path).is_some_and(|(code, body)| code == status && body.contains(text))
    });
}
