//! The program as processes: called, or started as roles of a fleet that are watched and signalled.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::clock::until;
use crate::servers::process::Process;

/// How long a call of the program, or a role that comes to life, may take.
const CALL: Duration = Duration::from_secs(30);

/// How long a server may take over one answer.
const ANSWER: Duration = Duration::from_secs(2);

/// A program with a folder to work in and an environment of its own; what people set for themselves
/// stays out of it. Every clone numbers its calls in the same row.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    folder: PathBuf,
    variables: Vec<(String, String)>,
    called: Arc<AtomicU32>,
}

impl Program {
    /// The program at `path`, whose logs and outputs go to `folder`.
    #[must_use]
    pub fn new(path: &Path, folder: &Path) -> Self {
        let home = folder.display().to_string();
        Self {
            path: path.to_owned(),
            folder: folder.to_owned(),
            variables: Vec::new(),
            called: Arc::default(),
        }
        .with(&[("HOME", &home), ("TMPDIR", &home), ("NO_COLOR", "1")])
    }

    /// The same with variables that take the place of those of the same name.
    #[must_use]
    pub fn with(&self, variables: &[(&str, &str)]) -> Self {
        let mut other = self.clone();
        for &(name, value) in variables {
            other.variables.retain(|(known, _)| known != name);
            other.variables.push((name.to_owned(), value.to_owned()));
        }
        other
    }

    /// A place for a file.
    #[must_use]
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Calls the program and waits for its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or does not end in half a minute.
    #[track_caller]
    #[must_use]
    pub fn call(&self, words: &[&str]) -> Done {
        let done = self.call_within(CALL, words);
        done.unwrap_or_else(|| panic!("after {CALL:?} it has not ended: {words:?}"))
    }

    /// The same with another limit, at which it is killed: `None`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn call_within(&self, limit: Duration, words: &[&str]) -> Option<Done> {
        let number = self.called.fetch_add(1, Ordering::Relaxed);
        let [verb, ..] = words else { panic!("nothing to call") };
        let path = |end| self.place(&format!("call-{number:03}-{verb}.{end}"));
        let mut command = self.command(words);
        let output = |end| File::create(path(end)).unwrap();
        command.stdout(output("out")).stderr(output("err"));
        let mut call = Process::start(&mut command);
        let mut code = None;
        until(limit, || {
            let ended = call.ended();
            code = ended.and_then(|status| status.code());
            ended.is_some()
        })?;
        let said = |end| String::from_utf8_lossy(&std::fs::read(path(end)).unwrap()).into_owned();
        Some(Done { code, stdout: said("out"), stderr: said("err") })
    }

    /// Starts a role and waits until it is ready. What it logs goes to `<name>.log`.
    ///
    /// # Panics
    ///
    /// When it is not ready in half a minute.
    #[track_caller]
    #[must_use]
    pub fn role(&self, name: &str, words: &[&str]) -> Role {
        let role = self.begin(name, words);
        let ready = until(CALL, || role.is_ready());
        assert!(ready.is_some(), "{name} is not ready after {CALL:?}");
        role
    }

    /// Starts a role, and waits for nothing. What it logs is added to `<name>.log`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    #[must_use]
    pub fn begin(&self, name: &str, words: &[&str]) -> Role {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut command = self.command(words);
        let log = self.place(&format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).unwrap();
        command.args(["--health", &address.to_string()]);
        command.stdout(out.try_clone().unwrap()).stderr(out);
        let process = Process::start(&mut command);
        Role { name: name.to_owned(), process, health: address.port(), log }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(words).stdin(Stdio::null()).current_dir(&self.folder).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A coordinator or a worker. It is killed when it goes.
#[derive(Debug)]
pub struct Role {
    /// Its name, which its log has too.
    pub name: String,
    process: Process,
    health: u16,
    log: PathBuf,
}

impl Role {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether its process has ended.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Whether it says that it can take work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        get(self.health, "/readyz").is_some_and(|said| said.starts_with("HTTP/1.1 200"))
    }

    /// One of its counts that has no labels.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<u64> {
        let said = self.metrics()?;
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.parse().ok()
    }

    /// Everything that it counts, as Prometheus reads it.
    #[must_use]
    pub fn metrics(&self) -> Option<String> {
        get(self.health, "/metrics")
    }

    /// Everything that roles of this name logged.
    ///
    /// # Panics
    ///
    /// When the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Freezes it (SIGSTOP), to the last of its threads.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Thaws it (SIGCONT).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Tells it to end (SIGTERM), and waits for nothing.
    pub fn tell_to_end(&self) {
        self.process.tell_to_end();
    }

    /// Its exit code, when it has ended by itself.
    #[must_use]
    pub fn exit_code(&mut self) -> Option<i32> {
        self.process.ended()?.code()
    }
}

/// What came of a call of the program.
#[derive(Debug)]
pub struct Done {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Done {
    /// Goes on only after this exit code.
    ///
    /// # Panics
    ///
    /// When it was another.
    #[track_caller]
    #[must_use]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    ///
    /// When it is something else.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Connects to a port of this machine, whose answers must come soon.
#[must_use]
pub fn connect(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    Some(stream)
}

/// The head and the body of the answer to a GET of a port of this machine.
#[must_use]
pub fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = connect(port)?;
    let question = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).ok()?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).ok()?;
    Some(String::from_utf8_lossy(&said).into_owned())
}
