//! A SeaweedFS of one's own: one process that answers S3 on this machine, until it is dropped.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use store::{Access, Store};
use tempfile::TempDir;

/// The bucket that the server has from the start.
pub(crate) const BUCKET: &str = "last";

/// The user that the server knows.
const USER: &str = "runner";

/// Every option that makes it listen somewhere, S3 first.
const LISTENERS: [&str; 10] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
];

/// How often it is asked whether it is ready, and for how long.
const OFTEN: Duration = Duration::from_millis(100);
const READY: Duration = Duration::from_secs(60);

/// A server with one empty bucket. Dropped, it is killed and its folder removed.
pub(crate) struct Weed {
    child: Child,
    ports: [u16; LISTENERS.len()],
    secret: String,
    folder: TempDir,
}

impl Weed {
    /// Starts it, and waits until it stores an object.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let secret = uuid::Uuid::now_v7().simple().to_string();
        let child = launch(folder.path(), &ports, &secret);
        let mut weed = Self { child, ports, secret, folder };
        weed.wait().await;
        weed
    }

    /// Ends it as a crash would (SIGKILL); what it stored stays.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Starts it again, with the same ports, credentials and folder, and waits until it is ready.
    pub(crate) async fn restart(&mut self) {
        self.child = launch(self.folder.path(), &self.ports, &self.secret);
        self.wait().await;
    }

    /// What gives access to it.
    pub(crate) fn access(&self) -> Access {
        self.access_with(&self.secret)
    }

    /// The same, with another secret.
    pub(crate) fn access_with(&self, secret: &str) -> Access {
        let options = [
            ("AWS_ACCESS_KEY_ID", USER),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_ENDPOINT_URL", &self.address()),
        ];
        options.into_iter().collect()
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// The store in the folder `prefix` of its bucket.
    pub(crate) fn store(&self, prefix: &str) -> Store {
        Store::open(&format!("s3://{BUCKET}/{prefix}"), &self.access()).unwrap()
    }

    async fn wait(&mut self) {
        let store = self.store("ready");
        let ready = async {
            while store.put("now", "").await.is_err() {
                if let Some(status) = self.child.try_wait().unwrap() {
                    panic!("weed ended ({status}):\n{}", log(self.folder.path()));
                }
                tokio::time::sleep(OFTEN).await;
            }
            store.forget("").await.unwrap();
        };
        if tokio::time::timeout(READY, ready).await.is_err() {
            panic!("weed does not become ready:\n{}", log(self.folder.path()));
        }
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(folder: &Path, ports: &[u16], secret: &str) -> Child {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = Command::new(program());
    command.arg("mini").arg(format!("-dir={}", data.display()));
    command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]).arg(format!("-bucket={BUCKET}"));
    command.args(["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
    command.args(["-master.telemetry=false", "-s3.autoCreateBucket=false"]);
    command.args(["filer", "s3"].map(|part| {
        format!("-{part}.localSocket={}", folder.join(format!("{part}.sock")).display())
    }));
    command.args(LISTENERS.iter().zip(ports).map(|(option, port)| format!("-{option}={port}")));
    command.env_clear().env("HOME", folder).env("TMPDIR", folder).current_dir(folder);
    // Without these the server lets anybody do anything.
    command.env("AWS_ACCESS_KEY_ID", USER).env("AWS_SECRET_ACCESS_KEY", secret);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

fn log(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("log")).unwrap()).into_owned()
}

/// Different ports that were free on 127.0.0.1 a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    held.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

/// The one named by `RUNNER_WEED`, else the one of `just tools`, else the one on the PATH.
fn program() -> PathBuf {
    if let Some(named) = variable("RUNNER_WEED") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "RUNNER_WEED names {}, which is no file", named.display());
        return named;
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin/weed");
    let path = variable("PATH").unwrap_or_default();
    std::iter::once(ours)
        .chain(std::env::split_paths(&path).map(|folder| folder.join("weed")))
        .find(|candidate| candidate.is_file())
        .expect("weed (SeaweedFS) is missing: run: just tools")
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where tools are")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
