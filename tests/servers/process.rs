//! One child process of a test: found, signalled, waited for, and gone when nobody holds it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// How long a server may take to start or to stop, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// How often a condition is asked for.
const OFTEN: Duration = Duration::from_millis(10);

/// How long a started server may take to answer one question.
const ANSWER: Duration = Duration::from_secs(2);

/// A running child. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.ended().is_some()
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed()).unwrap()
    }

    /// Freezes it (SIGSTOP) and waits until it stands still: a signal reaches the threads of a busy
    /// process one after the other.
    #[track_caller]
    pub(crate) fn pause(&self) {
        kill_process(self.id(), Signal::STOP).unwrap();
        waitid(WaitId::Pid(self.id()), WaitIdOptions::STOPPED).unwrap();
    }

    /// Thaws it (SIGCONT).
    #[track_caller]
    pub(crate) fn resume(&self) {
        kill_process(self.id(), Signal::CONT).unwrap();
    }

    /// Ends it at once (SIGKILL), and waits until it is gone. Harmless when it already is.
    pub(crate) fn kill(&mut self) {
        // An ended child is no error for `kill`, and a reaped one is no error for `wait`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM), and waits for nothing.
    pub(crate) fn tell_to_end(&self) {
        // Nobody has waited for it, so the id is still its own.
        kill_process(self.id(), Signal::TERM).unwrap();
    }

    /// Asks it to end (SIGTERM) and waits; after a minute it is killed.
    pub(crate) fn terminate(&mut self) {
        if !self.has_ended() {
            self.tell_to_end();
            if !eventually(|| self.has_ended()) {
                self.kill();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again and again for up to a minute; false when `condition` never held.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    for _ in 0..LONG.as_millis() / OFTEN.as_millis() {
        if condition() {
            return true;
        }
        rest();
    }
    false
}

#[expect(clippy::disallowed_methods, reason = "a test waits on its own thread, without a runtime")]
fn rest() {
    std::thread::sleep(OFTEN);
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where tools are")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The program named by `variable`, else the one of `just tools`, else the one on the PATH.
#[track_caller]
pub(crate) fn tool(name: &str, named_by: &str) -> PathBuf {
    if let Some(path) = variable(named_by) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{named_by} names {}, which is no file", path.display());
        return path;
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin").join(name);
    let path = variable("PATH").unwrap_or_default();
    std::iter::once(ours)
        .chain(std::env::split_paths(&path).map(|folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: run `just tools`"))
}

/// A command with nothing of this environment but what a program needs to run in `folder`.
pub(crate) fn clean_command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", folder).env("TMPDIR", folder).current_dir(folder);
    command
}

/// Different TCP ports that were free on 127.0.0.1 a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    held.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

/// The first bytes (up to 4 KiB) that a server on 127.0.0.1 says after it was sent `question`.
pub(crate) fn ask(port: u16, question: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    stream.write_all(question.as_bytes()).ok()?;
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// All that a server on 127.0.0.1 answers over HTTP, its head included.
pub(crate) fn fetch(port: u16, path: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER).ok()?;
    stream.set_read_timeout(Some(ANSWER)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Random lower-case hexadecimal digits, two for each of `N` bytes.
pub(crate) fn secret<const N: usize>() -> String {
    let mut bytes = [0; N];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
