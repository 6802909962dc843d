//! A program that was started: clean, in a folder and a process group of its own, and ended whole.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use job::{Context, Error};
use tokio::io::AsyncWriteExt;
use tokio::process;
use tokio_util::task::AbortOnDropHandle;

use crate::capture::{Capture, Captured};
use crate::group::Group;
use crate::program::Invocation;

/// How long a program has to end by itself once it is asked to.
const TERMINATION: Duration = Duration::from_secs(5);
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program that runs; dropping it kills its whole group.
#[derive(Debug)]
pub(crate) struct Child {
    child: process::Child,
    group: Group,
    feeder: Option<AbortOnDropHandle<()>>,
    stdout: Option<Capture>,
    stderr: Option<Capture>,
}

/// A program that has ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
}

impl Child {
    /// Starts the program in the scratch folder, with `stdin` for its input, and keeps the first
    /// `max_output_bytes` of each of its outputs.
    ///
    /// # Errors
    /// [`Error::Failed`] or [`Error::Unavailable`] when it was not started.
    pub(crate) fn start(
        invocation: &Invocation,
        stdin: Option<String>,
        max_output_bytes: usize,
        context: &Context,
    ) -> Result<Self, Error> {
        let mut child = spawn(invocation, stdin.is_some(), context)?;
        let Some(group) = child.id().and_then(Group::led_by) else {
            return Err(Error::failed("the program ended before it could be watched"));
        };
        let feeder = feed(child.stdin.take(), stdin);
        let stdout = child.stdout.take().map(|pipe| Capture::start(pipe, max_output_bytes));
        let stderr = child.stderr.take().map(|pipe| Capture::start(pipe, max_output_bytes));
        Ok(Self { child, group, feeder, stdout, stderr })
    }

    /// Waits for its end, or ends it when the attempt has to stop.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when it had to.
    pub(crate) async fn finish(self, context: &Context) -> Result<Ended, Error> {
        let Self { mut child, group, feeder, stdout, stderr } = self;
        let status = wait(&mut child, &group, context).await?;
        // What the program left behind would hold its pipes open, and outlive the attempt.
        drop(group);
        drop(feeder);
        let (stdout, stderr) = tokio::join!(kept(stdout), kept(stderr));
        Ok(Ended { status, stdout, stderr })
    }
}

fn spawn(
    invocation: &Invocation,
    has_stdin: bool,
    context: &Context,
) -> Result<process::Child, Error> {
    let scratch = std::path::absolute(context.scratch()?)
        .map_err(|fault| Error::Unavailable(format!("no scratch folder: {fault}")))?;
    let mut command = process::Command::new(&invocation.program);
    command
        .args(&invocation.args)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .envs(&invocation.env)
        .env("HOME", &scratch)
        .env("TMPDIR", &scratch)
        .current_dir(&scratch)
        .stdin(if has_stdin { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command.spawn().map_err(|fault| not_started(invocation, &fault))
}

fn not_started(invocation: &Invocation, fault: &io::Error) -> Error {
    let program = &invocation.program;
    match fault.kind() {
        io::ErrorKind::NotFound => {
            Error::fatal(format!("no program `{program}`; names are looked up in {PATH}"))
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ArgumentListTooLong => {
            Error::fatal(format!("`{program}` cannot be started: {fault}"))
        }
        _ => Error::Unavailable(format!("`{program}` was not started: {fault}")),
    }
}

/// Waits for the end of the program, or ends it when the attempt has to stop.
async fn wait(
    child: &mut process::Child,
    group: &Group,
    context: &Context,
) -> Result<ExitStatus, Error> {
    tokio::select! {
        status = child.wait() => status.map_err(|fault| {
            Error::failed(format!("the end of the program was not seen: {fault}"))
        }),
        () = context.cancelled().cancelled() => {
            group.terminate();
            if tokio::time::timeout(TERMINATION, child.wait()).await.is_err() {
                group.kill();
                let _ = child.wait().await;
            }
            Err(Error::Cancelled)
        }
    }
}

/// Writes the program's input in the background: a program that never reads it must not block us.
fn feed(pipe: Option<process::ChildStdin>, text: Option<String>) -> Option<AbortOnDropHandle<()>> {
    let (mut pipe, text) = (pipe?, text?);
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        // A program may end, or close its input, before it has read it all: that is no fault.
        let _ = pipe.write_all(text.as_bytes()).await;
    })))
}

async fn kept(capture: Option<Capture>) -> Captured {
    match capture {
        Some(capture) => capture.finish().await,
        None => Captured::default(),
    }
}
