//! A SeaweedFS: one process that answers S3, with credentials and a store of its own.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Process, ask, clean_command, eventually, free_ports, secret, tool};

/// The bucket that every [`Weed`] has.
const BUCKET: &str = "last";

/// The options that take a port each, so that no two servers on a machine meet.
const LISTENERS: [&str; 10] = [
    "-s3.port",
    "-s3.port.grpc",
    "-filer.port",
    "-filer.port.grpc",
    "-master.port",
    "-master.port.grpc",
    "-volume.port",
    "-volume.port.grpc",
    "-admin.port",
    "-admin.port.grpc",
];

/// An S3 server on 127.0.0.1 with one empty bucket, `last`. It is killed, and its store removed,
/// when it is dropped.
#[derive(Debug)]
pub struct Weed {
    process: Process,
    ports: [u16; LISTENERS.len()],
    access_key: String,
    secret_key: String,
    /// After the process, so that it is removed when nobody writes to it any more.
    folder: TempDir,
}

impl Weed {
    /// Starts a server, and waits until it answers S3 requests and has the bucket `last`.
    ///
    /// The program is `$RUNNER_WEED`, else the one of `just tools`, else the one on the PATH.
    /// Tests may start any number of servers at once.
    ///
    /// # Panics
    ///
    /// When there is no program, or it does not become ready, with its log.
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (access_key, secret_key) = (secret::<10>(), secret::<20>());
        for _ in 0..5 {
            // Somebody else may take a port between the look and the start.
            let ports = free_ports();
            let mut process = launch(folder.path(), ports, &access_key, &secret_key);
            if becomes_ready(&mut process, ports) {
                return Self { process, ports, access_key, secret_key, folder };
            }
        }
        panic!("weed does not start:\n{}", log_in(folder.path()))
    }

    /// Where S3 requests go, path style: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// The name of the bucket: `last`.
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The id of the credentials that may do everything here and nothing elsewhere.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The secret that goes with [`access_key`](Self::access_key).
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.secret_key
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

    /// Ends it in order (SIGTERM), and waits for the end, which takes seconds; the store stays.
    pub fn terminate(&mut self) {
        self.process.terminate();
    }

    /// Starts it again with the same ports, credentials and store, and waits until it is ready;
    /// kills it first when it still runs.
    ///
    /// # Panics
    ///
    /// When it does not become ready, with its log.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process.kill();
        // A port may be the local end of somebody's connection at this moment.
        let ready = (0..5).any(|_| {
            self.process =
                launch(self.folder.path(), self.ports, &self.access_key, &self.secret_key);
            becomes_ready(&mut self.process, self.ports)
        });
        assert!(ready, "weed does not start again:\n{}", self.log());
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
}

#[track_caller]
fn launch(folder: &Path, ports: [u16; LISTENERS.len()], id: &str, secret: &str) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let store = folder.join("store");
    std::fs::create_dir_all(&store).unwrap();
    let mut command = clean_command(tool("weed", "RUNNER_WEED"), folder);
    command.arg("mini").arg(format!("-dir={}", store.display()));
    command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=last"]);
    command.args(["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
    command.arg("-master.telemetry=false");
    command.arg(format!("-filer.localSocket={}", folder.join("filer.sock").display()));
    command.arg(format!("-s3.localSocket={}", folder.join("s3.sock").display()));
    command.args(LISTENERS.iter().zip(ports).map(|(option, port)| format!("{option}={port}")));
    // Without credentials in its environment the server lets anybody do anything.
    command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Process::start(&mut command)
}

/// False when it ended instead.
fn becomes_ready(process: &mut Process, ports: [u16; LISTENERS.len()]) -> bool {
    let [s3, _, filer, ..] = ports;
    let status = |port: u16, path: &str| {
        let said = ask(port, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"))?;
        said.split(' ').nth(1).map(str::to_owned)
    };
    let mut ready = false;
    let _ = eventually(|| {
        // The bucket is a folder of the filer. Nobody may read it through S3 without a signature,
        // and that refusal is the proof that the credentials are in force.
        ready = status(filer, "/buckets/last/").as_deref() == Some("200")
            && status(s3, "/last/").as_deref() == Some("403");
        ready || process.has_ended()
    });
    ready
}

fn log_in(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("log")).unwrap()).into_owned()
}
