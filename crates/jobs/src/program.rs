//! Which program may be started how: everything is checked before anything is started.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use job::Error;
use rustix::process::Signal;

/// One argument or variable, bytes: what Linux takes.
const ARGUMENT_BYTES: usize = 128 * 1024;
/// All arguments and variables, bytes.
const ARGUMENTS_BYTES: usize = 1024 * 1024;
/// What may be kept of one output: twice this, in base64, still fits an output as a whole.
const OUTPUT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Variables that make a program load or run something else than itself, or that the job sets.
const REFUSED_VARIABLES: [&str; 20] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "IFS",
    "ENV",
    "BASH_ENV",
    "BASHOPTS",
    "SHELLOPTS",
    "PS4",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LOCPATH",
    "NODE_OPTIONS",
    "PERL5LIB",
    "PERL5OPT",
    "PYTHONHOME",
    "PYTHONPATH",
    "RUBYLIB",
    "RUBYOPT",
];

/// A program that may be started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// A name to look up, or an absolute path.
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Invocation {
    /// The program named by `command`, or first in `argv`, with its arguments and variables.
    ///
    /// # Errors
    /// [`Error::Parameter`] when one of them is missing, unsafe or too long.
    pub(crate) fn new(
        command: Option<String>,
        argv: Option<Vec<String>>,
        args: Vec<String>,
        env: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let (program, args) = match (command, argv) {
            (Some(command), None) => (command, args),
            (None, Some(argv)) if args.is_empty() => {
                let mut argv = argv.into_iter();
                let Some(program) = argv.next() else {
                    return Err(Error::parameter("argv", "is empty; its first is the program"));
                };
                (program, argv.collect())
            }
            (None, Some(_)) => {
                return Err(Error::parameter("args", "give `argv` or `args`, not both"));
            }
            (Some(_), Some(_)) => {
                return Err(Error::parameter("argv", "give `command` or `argv`, not both"));
            }
            (None, None) => {
                return Err(Error::parameter("command", "is missing; give `command` or `argv`"));
            }
        };
        check_program(&program)?;
        for (index, argument) in args.iter().enumerate() {
            check_text(&format!("args.{index}"), argument)?;
        }
        for (name, value) in &env {
            check_variable(name)?;
            check_text(&format!("env.{name}"), value)?;
        }
        let variables = env.iter().map(|(name, value)| name.len() + value.len() + 2);
        let total: usize = args.iter().map(|arg| arg.len() + 1).chain(variables).sum();
        if total > ARGUMENTS_BYTES {
            let problem = format!("are {total} bytes with `env`, over {ARGUMENTS_BYTES}");
            return Err(Error::parameter("args", format!("{problem}; use `stdin` or a file")));
        }
        Ok(Self { program, args, env })
    }
}

fn check_program(program: &str) -> Result<(), Error> {
    check_text("command", program)?;
    if program.trim().is_empty() {
        return Err(Error::parameter("command", "is empty"));
    }
    let path = Path::new(program);
    let plain = matches!(
        path.components().collect::<Vec<_>>()[..],
        [Component::Normal(_)] if !program.contains('/')
    );
    let dotted = path.components().any(|part| part == Component::ParentDir);
    if plain || path.is_absolute() && !dotted && !program.ends_with('/') {
        return Ok(());
    }
    Err(Error::parameter(
        "command",
        format!("`{program}` is neither a plain name nor an absolute path without `..`"),
    ))
}

fn check_variable(name: &str) -> Result<(), Error> {
    let place = format!("env.{name}");
    let valid = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    if !valid {
        return Err(Error::parameter(place, "a variable is named by letters, digits and `_`"));
    }
    let upper = name.to_ascii_uppercase();
    let loader = ["LD_", "DYLD_"].iter().any(|prefix| upper.starts_with(prefix));
    if loader || REFUSED_VARIABLES.contains(&upper.as_str()) {
        return Err(Error::parameter(place, "this variable may not be set"));
    }
    Ok(())
}

fn check_text(name: &str, text: &str) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(Error::parameter(name, "has a NUL byte in it"));
    }
    if text.len() >= ARGUMENT_BYTES {
        let problem = format!("is {} bytes; at most {}", text.len(), ARGUMENT_BYTES - 1);
        return Err(Error::parameter(name, format!("{problem}; use `stdin` or a file")));
    }
    Ok(())
}

/// Checks how much may be kept of each output.
///
/// # Errors
/// [`Error::Parameter`] when it is too much.
pub(crate) fn check_limit(max_output_bytes: usize) -> Result<(), Error> {
    if max_output_bytes <= OUTPUT_BYTES_MAX {
        return Ok(());
    }
    let problem = format!("is over {OUTPUT_BYTES_MAX}; write a file and name it in `outputs`");
    Err(Error::parameter("max_output_bytes", problem))
}

/// Checks the names of the files a program is to leave.
///
/// # Errors
/// [`Error::Parameter`] when one is not a plain path inside the scratch folder.
pub(crate) fn check_outputs(outputs: &[String]) -> Result<(), Error> {
    for (index, output) in outputs.iter().enumerate() {
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        let inside = output.split('/').all(plain);
        if !inside || output.contains(['\0', '\\']) {
            return Err(Error::parameter(
                format!("outputs.{index}"),
                format!("{output:?} is not a path inside the task's folder, such as `out/a.csv`"),
            ));
        }
    }
    Ok(())
}

/// A signal as people know it.
pub(crate) fn signal_name(number: Option<i32>) -> String {
    let Some(number) = number else {
        return "an unknown cause".to_owned();
    };
    match Signal::from_named_raw(number) {
        Some(signal) => {
            let name = format!("{signal:?}").replace("Signal::", "SIG");
            format!("{} ({number})", name.trim_matches('"'))
        }
        None => format!("signal {number}"),
    }
}
