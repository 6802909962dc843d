//! The two streams: results go to stdout, everything else to stderr.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::ColorChoice;
use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter, ParseError};

use crate::exit::Failure;
use crate::settings::LogFormat;

/// Writes a result. A reader that went away (`| head`) is no error.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::fault(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a result as one JSON value.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::fault(format!("the result is not JSON: {error}")))?;
    result(&format!("{text}\n"))
}

/// Says something beside the result.
pub(crate) fn say(text: &str) {
    // Nobody is left to hear that stderr is gone.
    let _ = anstream::AutoStream::auto(io::stderr()).write_all(text.as_bytes());
}

/// Says what is wrong and what to do.
pub(crate) fn complain(failure: &Failure) {
    let mut text = format!("\u{1b}[1;31merror\u{1b}[0m: {}\n", alt::visible(&failure.message));
    if let Some(help) = &failure.help {
        text.push_str(&format!("  help: {}\n", alt::visible(help)));
    }
    say(&text);
}

/// Has panics told as ever, but for what `clean` takes out of them: a job may panic with anything.
pub(crate) fn tell_panics(
    clean: impl Fn(String) -> String + Send + Sync + 'static,
    format: LogFormat,
) {
    std::panic::set_hook(Box::new(move |panic| {
        // Only where RUST_BACKTRACE asks for one.
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("{trace}\n"),
            _ => String::new(),
        };
        let text = clean(format!("{panic}\n{trace}"));
        match format {
            LogFormat::Text => say(&text),
            LogFormat::Json => error!(panic = text.trim_end(), "a panic"),
        }
    }));
}

/// `1 task`, `2 tasks`.
pub(crate) fn counted<N>(count: N, one: &str, many: &str) -> String
where
    N: Display + PartialEq + From<u8>,
{
    let word = if count == N::from(1) { one } else { many };
    format!("{count} {word}")
}

/// Whether people see colours on stderr: a terminal, and neither NO_COLOR nor a dumb one.
pub(crate) fn colors() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// Whether somebody looks at stderr.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Sends the log to stderr; `filter` is a level or directives such as `warn,worker=debug`.
pub(crate) fn start_log(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let parsed = EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::usage(
            format!("RUNNER_LOG_LEVEL cannot be `{filter}`: {error}"),
            "use error, warn, info, debug or trace",
        )
    })?;
    let parsed = match parsed.max_level_hint() {
        Some(level) if level > LevelFilter::INFO => parsed.add_directive(quiet_library()?),
        _ => parsed,
    };
    let log = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => log.with_ansi(colors()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::fault(format!("the log cannot start: {error}")))
}

/// Where most is told, the library of the road would tell the whole address of its server, with the
/// password.
fn quiet_library() -> Result<Directive, Failure> {
    let directive = "async_nats=warn".parse();
    directive.map_err(|error: ParseError| Failure::fault(format!("the log cannot start: {error}")))
}
