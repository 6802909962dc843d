//! A server of any kind in a folder of its own: started, killed, frozen, and started again.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::{Process, eventually};

/// What makes one kind of server different from another.
pub(super) trait Kind: Sized {
    /// The program, for messages.
    const PROGRAM: &str;

    /// How to start it with `folder` as its working directory.
    fn command(&self, folder: &Path) -> Command;

    /// Whether it takes requests now.
    fn is_ready(&mut self, folder: &Path) -> bool;
}

/// A running server. It is killed, and its folder removed, when it is dropped.
#[derive(Debug)]
pub struct Server<K> {
    process: Process,
    pub(super) kind: K,
    /// After the process, so that it is removed when nobody writes to it any more.
    folder: TempDir,
}

#[expect(private_bounds, reason = "there are two kinds, and both are here")]
impl<K: Kind> Server<K> {
    /// Starts it and waits until it is ready; with its log when it does not become so.
    pub(super) fn launch(mut kind: K, folder: TempDir) -> Result<Self, String> {
        let mut process = start(&kind, folder.path());
        if becomes_ready(&mut kind, &mut process, folder.path()) {
            Ok(Self { process, kind, folder })
        } else {
            Err(format!("{} does not start:\n{}", K::PROGRAM, log_in(folder.path())))
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
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

    /// Ends it in order (SIGTERM), and waits for the end, which may take seconds; the store stays.
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
        let ready = (0..20).any(|_| {
            self.process = start(&self.kind, self.folder.path());
            becomes_ready(&mut self.kind, &mut self.process, self.folder.path())
        });
        assert!(ready, "{} does not start again:\n{}", K::PROGRAM, self.log());
    }

    /// A copy of all that it has on disk now.
    ///
    /// # Panics
    ///
    /// When it cannot be copied.
    #[must_use]
    pub fn copy(&self) -> TempDir {
        let copy = TempDir::new().unwrap();
        copy_all(self.folder.path(), copy.path());
        copy
    }

    /// Kills it and starts it again as if it had not written anything since `copy` was made.
    ///
    /// # Panics
    ///
    /// When it cannot be copied back or does not become ready.
    #[track_caller]
    pub fn restart_from(&mut self, copy: &TempDir) {
        self.process.kill();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
        copy_all(copy.path(), self.folder.path());
        self.restart();
    }

    /// Freezes it (SIGSTOP), to the last of its threads: connections stay open and nobody answers.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Thaws it (SIGCONT).
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resume(&self) {
        self.process.resume();
    }
}

#[track_caller]
fn copy_all(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success(), "{} is not copied", from.display());
}

#[track_caller]
fn start<K: Kind>(kind: &K, folder: &Path) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = kind.command(folder);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Process::start(&mut command)
}

/// False when it ended instead.
fn becomes_ready<K: Kind>(kind: &mut K, process: &mut Process, folder: &Path) -> bool {
    let mut ready = false;
    let _ = eventually(|| {
        ready = kind.is_ready(folder);
        ready || process.has_ended()
    });
    ready && !process.has_ended()
}

fn log_in(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join("log")).unwrap()).into_owned()
}
