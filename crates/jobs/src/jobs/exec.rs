//! `exec`: starts a program, without a shell, in a folder and a process group of its own.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use job::{Context, Error, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::capture::Captured;
use crate::child::{Child, Ended};
use crate::program::{self, Invocation};

/// How much of what a failed program wrote to stderr its error tells.
const STDERR_TAIL_BYTES: usize = 2 * 1024;

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
    let child = Child::start(&invocation, stdin, max_output_bytes, &context)?;
    let Ended { status, stdout, stderr } = child.finish(&context).await?;
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
