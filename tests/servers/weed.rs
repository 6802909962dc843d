//! A SeaweedFS: one process that answers S3, with credentials and a store of its own.

use std::path::Path;
use std::process::Command;

use super::process::{ask, clean_command, free_ports, secret, tool};
use super::server::{Kind, Server};

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

/// An S3 server on 127.0.0.1 with one empty bucket, `last`.
pub type Weed = Server<SeaweedFs>;

/// What a SeaweedFS is started with.
#[derive(Debug)]
pub struct SeaweedFs {
    ports: [u16; LISTENERS.len()],
    access_key: String,
    secret_key: String,
}

impl Server<SeaweedFs> {
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
        let start = || Self::launch(SeaweedFs::new(), tempfile::tempdir().unwrap());
        // Somebody else may take a port between the look and the start.
        let started = (0..4).fold(start(), |started, _| started.or_else(|_| start()));
        started.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Where S3 requests go, path style: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.kind.ports[0])
    }

    /// The port of [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.kind.ports[0]
    }

    /// The port of the server behind it, which shows every object as a file below `/buckets/last/`
    /// and asks for no signature.
    #[must_use]
    pub fn filer_port(&self) -> u16 {
        self.kind.ports[2]
    }

    /// The name of the bucket: `last`.
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The id of the credentials that may do everything here and nothing elsewhere.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.kind.access_key
    }

    /// The secret that goes with [`access_key`](Self::access_key).
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.kind.secret_key
    }
}

impl SeaweedFs {
    fn new() -> Self {
        Self { ports: free_ports(), access_key: secret::<10>(), secret_key: secret::<20>() }
    }
}

impl Kind for SeaweedFs {
    const PROGRAM: &str = "weed";

    fn command(&self, folder: &Path) -> Command {
        let store = folder.join("store");
        std::fs::create_dir_all(&store).unwrap();
        let mut command = clean_command(tool(Self::PROGRAM, "RUNNER_WEED"), folder);
        command.arg("mini").arg(format!("-dir={}", store.display()));
        command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=last"]);
        command.args(["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0"]);
        command.args(["-s3.port.lance=0", "-master.telemetry=false"]);
        command.arg(format!("-filer.localSocket={}", folder.join("filer.sock").display()));
        command.arg(format!("-s3.localSocket={}", folder.join("s3.sock").display()));
        let ports = LISTENERS.iter().zip(self.ports);
        command.args(ports.map(|(option, port)| format!("{option}={port}")));
        // Without credentials in its environment the server lets anybody do anything.
        command.env("AWS_ACCESS_KEY_ID", &self.access_key);
        command.env("AWS_SECRET_ACCESS_KEY", &self.secret_key);
        command
    }

    fn is_ready(&mut self, _folder: &Path) -> bool {
        let [s3, _, filer, ..] = self.ports;
        // The bucket is a folder of the filer. Nobody may read it through S3 without a signature,
        // and that refusal is the proof that the credentials are in force.
        status(filer, "/buckets/last/").as_deref() == Some("200")
            && status(s3, "/last/").as_deref() == Some("403")
    }
}

/// The status of the answer to a GET.
fn status(port: u16, path: &str) -> Option<String> {
    let said = ask(port, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"))?;
    said.split(' ').nth(1).map(str::to_owned)
}
