//! A nats-server with JetStream and a store of its own.

use std::path::Path;
use std::process::Command;

use super::process::{ask, clean_command, fetch, tool};
use super::server::{Kind, Server};

/// A nats-server on a port of its own.
pub type NatsServer = Server<Nats>;

/// What a nats-server is started with.
#[derive(Debug)]
pub struct Nats {
    /// `None` until the server has chosen one.
    port: Option<u16>,
    environment: Vec<(String, String)>,
}

impl Server<Nats> {
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
        Self::try_start(extra_conf, environment).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same; with the log of a server that does not become ready.
    pub(super) fn try_start(
        extra_conf: &str,
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.conf"), extra_conf).unwrap();
        let environment = environment.iter().map(|&(name, value)| (name.into(), value.into()));
        let kind = Nats { port: None, environment: environment.collect() };
        Self::launch(kind, folder)
    }

    /// Where clients connect: `nats://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// What its monitoring says at `path`; `None` when it does not answer.
    pub(super) fn monitor(&self, path: &str) -> Option<String> {
        let file = self.folder().join(format!("nats-server_{}.ports", self.pid()));
        fetch(port_in(&file, "monitoring")?, path)
    }

    /// The port of [`url`](Self::url).
    ///
    /// # Panics
    ///
    /// Never: a server that is ready has told its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.kind.port.unwrap()
    }
}

impl Kind for Nats {
    const PROGRAM: &str = "nats-server";

    fn command(&self, folder: &Path) -> Command {
        let port = self.port.map_or("-1".to_owned(), |port| port.to_string());
        let mut command = clean_command(tool(Self::PROGRAM, "RUNNER_NATS_SERVER"), folder);
        command
            .args(["--addr", "127.0.0.1", "--port", &port, "--http_port", "-1"])
            .args(["--jetstream", "--config", "server.conf", "--ports_file_dir", "."])
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        // Told twice, the server does not start.
        if !std::fs::read_to_string(folder.join("server.conf")).unwrap().contains("store_dir") {
            command.args(["--store_dir", "store"]);
        }
        command
    }

    fn is_ready(&mut self, folder: &Path) -> bool {
        self.port = self.port.or_else(|| port_of(folder));
        let said = self.port.and_then(|port| ask(port, ""));
        said.is_some_and(|said| said.starts_with("INFO "))
    }
}

/// The client port in the file that the server writes when it listens.
fn port_of(folder: &Path) -> Option<u16> {
    let mut files = folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|path| path.extension().is_some_and(|ending| ending == "ports"))?;
    port_in(&file, "nats")
}

/// The first port of one kind in such a file.
fn port_in(file: &Path, kind: &str) -> Option<u16> {
    let text = std::fs::read_to_string(file).ok()?;
    let (_, list) = text.split_once(&format!("\"{kind}\""))?;
    let (_, rest) = list.split_once("://127.0.0.1:")?;
    let (port, _) = rest.split_once('"')?;
    port.parse().ok()
}
