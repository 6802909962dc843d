//! `exec`: starts a program, without a shell, in a folder and a process group of its own.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use job::{Context, Error, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::task::AbortOnDropHandle;

use crate::capture::{Capture, Captured};
use crate::group::Group;
use crate::program::{self, Invocation};

/// How long a program has to end by itself once it is asked to.
const TERMINATION: Duration = Duration::from_secs(5);
/// How much of what a failed program wrote to stderr its error tells.
const STDERR_TAIL_BYTES: usize = 2 * 1024;
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[derive(Serialize, JsonSchema)]
struct Output {
    exit_code: i32,
    stdout: String,
    stderr: String,
    /// Present when the bytes are not UTF-8 and `stdout` is not all of the truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_base64: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    stdout_truncated: bool,
    #[serde(skip_serializing_if = "is_false")]
    stderr_truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

/// The parameters as they are written; [`program::Invocation`] is what they become.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    command: Option<String>,
    argv: Option<Vec<String>>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    #[serde(default)]
    outputs: Vec<String>,
    #[serde(default = "max_output_bytes")]
    max_output_bytes: usize,
    /// Exit codes that are no failure besides 0.
    #[serde(default)]
    expect_exit: Vec<i32>,
}

#[job("exec", description = "Starts a program without a shell; only where the worker allows it.")]
async fn exec(parameters: Parameters, context: Context) -> Result<Output, Error> {
    if !context.permissions().allow_exec {
        return Err(Error::Refused(
            "this worker starts no programs; its operator can allow it with `--allow-exec` or \
             RUNNER_ALLOW_EXEC=1"
                .to_owned(),
        ));
    }
    let Parameters { command, argv, args, env, stdin, outputs, max_output_bytes, expect_exit } =
        parameters;
    let invocation = Invocation::new(command, argv, args, env)?;
    program::check_limit(max_output_bytes)?;
    program::check_outputs(&outputs)?;
    let mut child = start(&invocation, stdin.is_some(), &context)?;
    let Some(group) = child.id().and_then(Group::led_by) else {
        return Err(Error::failed("the program ended before it could be watched"));
    };
    let feeder = feed(child.stdin.take(), stdin);
    let stdout = child.stdout.take().map(|pipe| Capture::start(pipe, max_output_bytes));
    let stderr = child.stderr.take().map(|pipe| Capture::start(pipe, max_output_bytes));
    let status = wait(&mut child, &group, &context).await?;
    // What the program left behind would hold its pipes open, and outlive the attempt.
    drop(group);
    drop(feeder);
    let (stdout, stderr) = tokio::join!(finish(stdout), finish(stderr));
    let exit_code = expected(&invocation, status, &stderr, &expect_exit)?;
    Ok(Output {
        exit_code,
        stdout_base64: lossless(&stdout.bytes),
        stderr_base64: lossless(&stderr.bytes),
        stdout: String::from_utf8_lossy(&stdout.bytes).into_owned(),
        stderr: String::from_utf8_lossy(&stderr.bytes).into_owned(),
        stdout_truncated: stdout.truncated,
        stderr_truncated: stderr.truncated,
        files: outputs,
    })
}

fn start(invocation: &Invocation, has_stdin: bool, context: &Context) -> Result<Child, Error> {
    let scratch = std::path::absolute(context.scratch()?)
        .map_err(|fault| Error::Unavailable(format!("no scratch folder: {fault}")))?;
    let mut command = Command::new(&invocation.program);
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
async fn wait(child: &mut Child, group: &Group, context: &Context) -> Result<ExitStatus, Error> {
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
fn feed(pipe: Option<ChildStdin>, text: Option<String>) -> Option<AbortOnDropHandle<()>> {
    let (mut pipe, text) = (pipe?, text?);
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        // A program may end, or close its input, before it has read it all: that is no fault.
        let _ = pipe.write_all(text.as_bytes()).await;
    })))
}

async fn finish(capture: Option<Capture>) -> Captured {
    match capture {
        Some(capture) => capture.finish().await,
        None => Captured::default(),
    }
}

fn expected(
    invocation: &Invocation,
    status: ExitStatus,
    stderr: &Captured,
    expect_exit: &[i32],
) -> Result<i32, Error> {
    let end = match status.code() {
        Some(code) if code == 0 || expect_exit.contains(&code) => return Ok(code),
        Some(code) => format!("ended with exit code {code}"),
        None => format!("was ended by {}", program::signal_name(status.signal())),
    };
    let from = stderr.bytes.len().saturating_sub(STDERR_TAIL_BYTES);
    let tail = String::from_utf8_lossy(&stderr.bytes[from..]);
    let tail = match tail.trim() {
        "" => String::new(),
        tail => format!("; stderr: {tail}"),
    };
    Err(Error::failed(format!("`{}` {end}{tail}", invocation.program)))
}

fn lossless(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| BASE64.encode(bytes))
}

const fn max_output_bytes() -> usize {
    1024 * 1024
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
