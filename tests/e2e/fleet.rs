//! Real servers, and the coordinators and workers that are processes of their own.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tests::clock::{now, rest};
use tests::crew::{Done, Program, Role, connect};
use tests::servers::{NatsServer, Weed};

/// How long a lease lasts, seconds.
pub(crate) const LEASE_SECONDS: u64 = 3;

/// Attempts that a worker runs at once: more than all files keep busy, so that none has to wait.
const SLOTS: &str = "64";

/// Two servers and whoever works with them; everything ends with it.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) coordinators: Vec<Role>,
    pub(crate) workers: Vec<Role>,
    // After their clients.
    pub(crate) nats: NatsServer,
    pub(crate) weed: Weed,
    program: Program,
    /// When nobody waits any longer, milliseconds since 1970.
    late: u64,
}

impl Fleet {
    /// The servers, provisioned, and nobody who works; logs go to `folder`. From `late` on, in
    /// milliseconds since 1970, no call is made any more.
    #[track_caller]
    pub(crate) fn new(path: &Path, folder: &Path, late: u64) -> Self {
        let (nats, weed) = (NatsServer::start(), Weed::start());
        let program = program(path, folder, &nats, &weed);
        let fleet =
            Self { coordinators: Vec::new(), workers: Vec::new(), nats, weed, program, late };
        let _ = fleet.call(&["doctor", "--fix"]).code(0);
        fleet
    }

    /// Starts a coordinator, and waits until it is ready.
    #[track_caller]
    pub(crate) fn coordinator(&mut self, name: &str) {
        let role = self.program.role(name, &["coordinator"]);
        self.coordinators.push(role);
    }

    /// Starts a worker of this name, and waits until it is ready.
    #[track_caller]
    pub(crate) fn worker(&mut self, name: &str) {
        let role = self.program.role(name, &["worker", "--slots", SLOTS, "--id", name]);
        self.workers.push(role);
    }

    /// Coordinators and workers.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.coordinators.iter().chain(&self.workers)
    }

    /// A place for a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.program.place(name)
    }

    /// Calls the program and waits for its end.
    #[track_caller]
    pub(crate) fn call(&self, words: &[&str]) -> Done {
        assert!(now() < self.late, "time is over; this was next: {words:?}");
        self.program.call(words)
    }

    /// Keeps what the servers logged beside the other logs.
    pub(crate) fn keep_logs(&self) {
        std::fs::write(self.path("nats-server.log"), self.nats.log()).unwrap();
        std::fs::write(self.path("weed.log"), self.weed.log()).unwrap();
    }

    /// How many messages a stream of the server holds.
    #[track_caller]
    pub(crate) fn messages(&self, stream: &str) -> u64 {
        let answer = self.ask(&format!("$JS.API.STREAM.INFO.{stream}"));
        let answer = answer.unwrap_or_else(|| panic!("no answer about stream {stream}"));
        answer["state"]["messages"].as_u64().unwrap_or_else(|| panic!("{stream}: {answer}"))
    }

    /// One question of the server's own interface, in its protocol.
    fn ask(&self, subject: &str) -> Option<Value> {
        let mut stream = connect(self.nats.port())?;
        let said = format!("CONNECT {{}}\r\nSUB answer 1\r\nPUB {subject} answer 0\r\n\r\n");
        stream.write_all(said.as_bytes()).ok()?;
        let mut text = String::new();
        let mut part = [0; 4096];
        loop {
            let length = stream.read(&mut part).ok().filter(|&length| length > 0)?;
            text.push_str(&String::from_utf8_lossy(&part[..length]));
            let payload =
                text.split_once("MSG answer ").and_then(|(_, rest)| rest.split_once("\r\n"));
            let answer = payload.and_then(|(_, body)| serde_json::from_str(body.trim_end()).ok());
            if answer.is_some() {
                return answer;
            }
        }
    }
}

/// The program with the two servers in its environment.
fn program(path: &Path, folder: &Path, nats: &NatsServer, weed: &Weed) -> Program {
    Program::new(path, folder).with(&[
        ("RUNNER_NATS_URL", &nats.url()),
        ("RUNNER_STORE_URL", &format!("s3://{}/e2e", weed.bucket())),
        ("RUNNER_LEASE_SECONDS", &LEASE_SECONDS.to_string()),
        ("RUNNER_LOG_LEVEL", "info"),
        ("AWS_ENDPOINT_URL", &weed.endpoint()),
        ("AWS_ACCESS_KEY_ID", weed.access_key()),
        ("AWS_SECRET_ACCESS_KEY", weed.secret_key()),
    ])
}

/// Lets the fleet be for so many seconds.
pub(crate) fn leave(seconds: f64) {
    rest(Duration::from_secs_f64(seconds));
}
