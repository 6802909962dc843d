//! The `runner` program as people meet it: built, started and watched in a folder of its own.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::source::cargo;

/// More than any step takes, also on a busy machine: past it, something hangs.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// How often a condition is asked for.
const OFTEN: Duration = Duration::from_millis(5);

/// The built program. Cargo's own lock lets many processes ask for it at once.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built("runner"))
}

/// The program that an author of jobs writes, built.
pub(crate) fn own() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built("own"))
}

fn built(package: &str) -> PathBuf {
    let profile = profile();
    let name = match profile.file_name().and_then(OsStr::to_str).unwrap() {
        "debug" => "dev",
        name => name,
    };
    let target = profile.parent().unwrap().to_str().unwrap();
    cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--package",
        package,
        "--profile",
        name,
        "--target-dir",
        target,
    ])
    .unwrap_or_else(|error| panic!("`{package}` cannot be built: {error}"));
    profile.join(package)
}

/// Where cargo puts what it builds like this test.
pub(crate) fn profile() -> PathBuf {
    // <target>/<profile>/deps/<this test>
    let this = std::env::current_exe().unwrap();
    this.ancestors().nth(2).unwrap().to_owned()
}

/// A fresh folder, and an environment with nothing in it, to call the program in.
#[derive(Debug)]
pub(crate) struct Door {
    program: &'static Path,
    /// Emptied when the door goes.
    _folder: TempDir,
    /// The folder without links on the way, as the program prints it.
    path: PathBuf,
    variables: Vec<(String, Vec<u8>)>,
}

impl Door {
    pub(crate) fn new() -> Self {
        Self::of(program())
    }

    /// The same of another program.
    pub(crate) fn of(program: &'static Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        Self { program, path, _folder: folder, variables: Vec::new() }
    }

    /// Sets a variable of the environment for all calls from now on.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.unset(name);
        self.variables.push((name.to_owned(), value.as_ref().to_owned()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Writes an ALT file into the folder.
    pub(crate) fn alt(&self, name: &str, alt: &Value) {
        self.write(name, serde_json::to_vec_pretty(alt).unwrap());
    }

    /// Every file under a folder, as sorted paths from there; none if there is no such folder.
    pub(crate) fn files(&self, under: &str) -> Vec<String> {
        let root = self.path(under);
        let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            let Ok(entries) = folder.read_dir() else {
                continue;
            };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(&root).unwrap();
                    files.push(path.to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }

    /// Calls the program and waits for its end.
    #[track_caller]
    pub(crate) fn call(&self, arguments: &[&str]) -> Done {
        self.start(arguments).end(LONG)
    }

    /// The same with something to read on standard input.
    #[track_caller]
    pub(crate) fn feed(&self, arguments: &[&str], input: &str) -> Done {
        self.begin(arguments, input).end(LONG)
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.begin(arguments, "")
    }

    fn begin(&self, arguments: &[&str], input: &str) -> Running {
        let mut command = Command::new(self.program);
        command.args(arguments);
        self.dress(&mut command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input closes it, which is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Running {
            folder: self.path.clone(),
            out: Heard::listen(child.stdout.take().unwrap()),
            err: Heard::listen(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Gives a command the folder and the environment of this door.
    pub(crate) fn dress(&self, command: &mut Command) {
        command.current_dir(&self.path).env_clear();
        for (name, value) in &self.variables {
            command.env(name, OsStr::from_bytes(value));
        }
    }
}

/// What a stream said until now.
#[derive(Debug)]
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    ear: JoinHandle<()>,
}

impl Heard {
    fn listen(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let ear = std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                kept.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        Self { bytes, ear }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

/// The program at work. It is killed when nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Running {
    folder: PathBuf,
    child: Child,
    out: Heard,
    err: Heard,
}

impl Running {
    pub(crate) fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it at once (SIGKILL), and waits until it is gone: its process id.
    pub(crate) fn kill(&mut self) -> u32 {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child.id()
    }

    /// Waits until stderr holds `text`.
    #[track_caller]
    pub(crate) fn hear(&mut self, text: &str) {
        let (err, child) = (&self.err, &mut self.child);
        until(LONG, &format!("stderr says {text:?}"), || {
            let ended = child.try_wait().unwrap().is_some() && err.ear.is_finished();
            let said = err.text();
            assert!(!ended || said.contains(text), "it ended without {text:?}: {said}");
            said.contains(text)
        });
    }

    /// Waits for the end, which must come within `limit`.
    #[track_caller]
    pub(crate) fn end(mut self, limit: Duration) -> Done {
        let mut status = None;
        until(limit, "the program has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        // Whoever else holds the streams must be gone as well.
        until(LONG, "the streams have ended", || {
            self.out.ear.is_finished() && self.err.ear.is_finished()
        });
        Done {
            folder: self.folder.clone(),
            status: status.unwrap(),
            stdout: self.out.text(),
            stderr: self.err.text(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a call left behind.
#[derive(Debug)]
pub(crate) struct Done {
    folder: PathBuf,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Fails unless the program ended with this exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The path that `run` printed, one line and nothing else, from the folder it was called in.
    #[track_caller]
    pub(crate) fn last_path(&self) -> &str {
        let lines: Vec<_> = self.stdout.lines().collect();
        let [line] = lines[..] else {
            panic!("one line was expected: {self:#?}");
        };
        let path = Path::new(line).strip_prefix(&self.folder);
        let path = path.ok().and_then(Path::to_str);
        path.filter(|path| path.ends_with("/last.json"))
            .unwrap_or_else(|| panic!("a last.json was expected: {self:#?}"))
    }

    /// The LAST that `run` wrote.
    #[track_caller]
    pub(crate) fn last(&self, door: &Door) -> Value {
        let bytes = std::fs::read(door.path(self.last_path())).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// Waits until a condition holds; fails when `limit` has passed before.
#[track_caller]
pub(crate) fn until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let waited = runtime.block_on(async {
        let polling = async {
            while !condition() {
                tokio::time::sleep(OFTEN).await;
            }
        };
        tokio::time::timeout(limit, polling).await
    });
    assert!(waited.is_ok(), "after {limit:?} it does not hold: {what}");
}
