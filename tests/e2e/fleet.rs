//! Real servers, and the coordinators and workers that are processes of their own.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tests::servers::{NatsServer, Weed};

use crate::clock::{now, rest, until};

/// How long a lease lasts, seconds.
pub(crate) const LEASE_SECONDS: u64 = 3;

/// Attempts that a worker runs at once: more than all files keep busy, so that none has to wait.
const SLOTS: &str = "64";

/// How long a call of the program, or a role that comes to life, may take.
const CALL: Duration = Duration::from_secs(30);

/// How long a server may take over one answer.
const ANSWER: Duration = Duration::from_secs(2);

/// A coordinator or a worker. It is killed when it goes.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    child: Child,
    health: u16,
}

impl Drop for Role {
    fn drop(&mut self) {
        // An ended child is no error for `kill`, and a reaped one is no error for `wait`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Role {
    /// Whether it says that it can take work.
    pub(crate) fn is_ready(&self) -> bool {
        get(self.health, "/readyz").is_some_and(|said| said.starts_with("HTTP/1.1 200"))
    }

    /// One of its counts that has no labels.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        let said = get(self.health, "/metrics")?;
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.parse().ok()
    }
}

/// What came of a call of the program.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Goes on only after this exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Two servers and whoever works with them; everything ends with it.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) coordinators: Vec<Role>,
    pub(crate) workers: Vec<Role>,
    // After their clients.
    pub(crate) nats: NatsServer,
    pub(crate) weed: Weed,
    folder: PathBuf,
    program: PathBuf,
    called: Cell<u32>,
    /// When nobody waits any longer, milliseconds since 1970.
    late: u64,
}

impl Fleet {
    /// The servers, provisioned, and nobody who works; logs go to `folder`. From `late` on, in
    /// milliseconds since 1970, no call is made any more.
    #[track_caller]
    pub(crate) fn new(program: PathBuf, folder: &Path, late: u64) -> Self {
        let fleet = Self {
            coordinators: Vec::new(),
            workers: Vec::new(),
            nats: NatsServer::start(),
            weed: Weed::start(),
            folder: folder.to_owned(),
            program,
            called: Cell::new(0),
            late,
        };
        fleet.call(&["doctor", "--fix"]).code(0);
        fleet
    }

    /// Starts a coordinator, and waits until it is ready.
    #[track_caller]
    pub(crate) fn coordinator(&mut self, name: &str) {
        let role = self.role(name, &["coordinator"]);
        self.coordinators.push(role);
    }

    /// Starts a worker of this name, and waits until it is ready.
    #[track_caller]
    pub(crate) fn worker(&mut self, name: &str) {
        let role = self.role(name, &["worker", "--slots", SLOTS, "--id", name]);
        self.workers.push(role);
    }

    /// Coordinators and workers.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.coordinators.iter().chain(&self.workers)
    }

    /// A place for a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Calls the program and waits for its end.
    #[track_caller]
    pub(crate) fn call(&self, words: &[&str]) -> Done {
        assert!(now() < self.late, "time is over; this was next: {words:?}");
        let number = self.called.replace(self.called.get() + 1);
        let [verb, ..] = words else { panic!("nothing to call") };
        let path = |end| self.path(&format!("call-{number:03}-{verb}.{end}"));
        let mut command = self.command(words);
        let output = |end| File::create(path(end)).unwrap();
        command.stdout(output("out")).stderr(output("err"));
        let mut call =
            Role { name: (*verb).to_owned(), child: command.spawn().unwrap(), health: 0 };
        let mut status = None;
        let ended = until(CALL, || {
            status = call.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended.is_some(), "after {CALL:?} it has not ended: {words:?}");
        let said = |end| String::from_utf8_lossy(&std::fs::read(path(end)).unwrap()).into_owned();
        let code = status.and_then(|status| status.code());
        Done { code, stdout: said("out"), stderr: said("err") }
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

    #[track_caller]
    fn role(&self, name: &str, words: &[&str]) -> Role {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut command = self.command(words);
        let log = File::create(self.path(&format!("{name}.log"))).unwrap();
        command.args(["--health", &address.to_string()]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let role = Role { name: name.to_owned(), child, health: address.port() };
        assert!(until(CALL, || role.is_ready()).is_some(), "{name} is not ready after {CALL:?}");
        role
    }

    /// The program with an environment of its own; what people set for themselves stays out of it.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).stdin(Stdio::null()).current_dir(&self.folder).env_clear();
        command.env("HOME", &self.folder).env("TMPDIR", &self.folder);
        command
            .env("RUNNER_NATS_URL", self.nats.url())
            .env("RUNNER_STORE_URL", format!("s3://{}/e2e", self.weed.bucket()))
            .env("RUNNER_LEASE_SECONDS", LEASE_SECONDS.to_string())
            .env("RUNNER_LOG_LEVEL", "info")
            .env("NO_COLOR", "1")
            .env("AWS_ENDPOINT_URL", self.weed.endpoint())
            .env("AWS_ACCESS_KEY_ID", self.weed.access_key())
            .env("AWS_SECRET_ACCESS_KEY", self.weed.secret_key());
        command
    }
}

fn connect(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    Some(stream)
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = connect(port)?;
    let question = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).ok()?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).ok()?;
    Some(String::from_utf8_lossy(&said).into_owned())
}

/// Lets the fleet be for so many seconds.
pub(crate) fn leave(seconds: f64) {
    rest(Duration::from_secs_f64(seconds));
}
