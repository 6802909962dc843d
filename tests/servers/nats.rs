//! A nats-server with JetStream and a store of its own.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Process, ask, clean_command, eventually, tool};

/// A nats-server on a port of its own. It is killed, and its store removed, when it is dropped.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    port: u16,
    environment: Vec<(String, String)>,
    /// After the process, so that it is removed when nobody writes to it any more.
    folder: TempDir,
}

impl NatsServer {
    /// Starts a server with JetStream on 127.0.0.1, without users, and waits until it is ready.
    ///
    /// The program is `$RUNNER_NATS_SERVER`, else the one of `just tools`, else the one on the
    /// PATH. Tests may start any number of servers at once.
    ///
    /// # Panics
    ///
    /// When there is no program, or it does not become ready.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more lines for its configuration file.
    ///
    /// Its address and ports are overridden. Where it has a `store_dir`, that is relative to a
    /// folder of its own.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), with the log of the server.
    #[track_caller]
    pub fn start_with(extra_conf: &str) -> Self {
        Self::start_with_environment(extra_conf, &[])
    }

    /// The same with variables that the configuration may name as `$NAME`; a restart has them too.
    ///
    /// # Panics
    ///
    /// As [`start_with`](Self::start_with).
    #[track_caller]
    pub fn start_with_environment(extra_conf: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.conf"), extra_conf).unwrap();
        let environment = environment.iter().map(|&(name, value)| (name.into(), value.into()));
        let environment = environment.collect::<Vec<_>>();
        let mut process = launch(folder.path(), "-1", &environment);
        let mut port = None;
        let told = eventually(|| {
            port = port_of(folder.path());
            port.is_some() || process.has_ended()
        });
        let Some(port) = port.filter(|_| told) else { give_up(folder.path()) };
        let mut this = Self { process, port, environment, folder };
        assert!(this.becomes_ready(), "no answer on port {port}:\n{}", this.log());
        this
    }

    /// Where clients connect: `nats://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port of [`url`](Self::url).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id; another one after each restart.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything the server logged since it was first started.
    ///
    /// # Panics
    ///
    /// When the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        log_in(self.folder.path())
    }

    /// Ends it as a crash would (SIGKILL); the store stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it in order (SIGTERM), and waits for the end; the store stays.
    pub fn terminate(&mut self) {
        self.process.terminate();
    }

    /// Starts it again with the same port and store, and waits until it is ready; kills it first
    /// when it still runs.
    ///
    /// # Panics
    ///
    /// When it does not become ready, with its log.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process.kill();
        // The port may be the local end of somebody's connection at this moment.
        let port = self.port.to_string();
        let ready = (0..20).any(|_| {
            self.process = launch(self.folder.path(), &port, &self.environment);
            self.becomes_ready()
        });
        assert!(ready, "no answer on port {port} after a restart:\n{}", self.log());
    }

    /// Freezes it (SIGSTOP): connections stay open and nobody answers.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Thaws it (SIGCONT).
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    /// False when it ended instead.
    fn becomes_ready(&mut self) -> bool {
        let mut ready = false;
        let _ = eventually(|| {
            ready = ask(self.port, "").is_some_and(|said| said.starts_with("INFO "));
            ready || self.process.has_ended()
        });
        ready && !self.process.has_ended()
    }
}

#[track_caller]
fn launch(folder: &Path, port: &str, environment: &[(String, String)]) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = clean_command(tool("nats-server", "RUNNER_NATS_SERVER"), folder);
    command
        .args(["--addr", "127.0.0.1", "--port", port, "--http_port", "-1"])
        .args(["--jetstream", "--config", "server.conf", "--ports_file_dir", "."])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    // Told twice, the server does not start.
    if !std::fs::read_to_string(folder.join("server.conf")).unwrap().contains("store_dir") {
        command.args(["--store_dir", "store"]);
    }
    Process::start(&mut command)
}

/// The client port in the file that the server writes when it listens.
fn port_of(folder: &Path) -> Option<u16> {
    let mut files = folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|path| path.extension().is_some_and(|ending| ending == "ports"))?;
    let text = std::fs::read_to_string(file).ok()?;
    let (_, list) = text.split_once("\"nats\"")?;
    let (_, rest) = list.split_once("://127.0.0.1:")?;
    let (port, _) = rest.split_once('"')?;
    port.parse().ok()
}

fn log_in(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("log")).unwrap()).into_owned()
}

#[track_caller]
fn give_up(folder: &Path) -> ! {
    panic!("nats-server does not start:\n{}", log_in(folder))
}
