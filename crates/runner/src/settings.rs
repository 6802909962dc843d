//! What the environment says, read once. A value that cannot be used is an error, never a default.

use std::ffi::OsString;
use std::path::PathBuf;

use protocol::limits;

use crate::exit::Failure;

/// The environment's part of the configuration; flags go before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where results go.
    pub(crate) out: PathBuf,
    /// Attempts that run at once.
    pub(crate) max_concurrent: u16,
    pub(crate) allow_exec: bool,
    pub(crate) allow_private_addresses: bool,
    /// Whether the locale can show more than ASCII.
    pub(crate) unicode: bool,
    /// Filter of the log.
    pub(crate) log: String,
}

impl Settings {
    /// Reads the variables of this process.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        Self::from(|name| std::env::var_os(name))
    }

    fn from(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let found = |names: &[&'static str]| -> Result<Option<(&'static str, String)>, Failure> {
            for &name in names {
                match lookup(name).map(OsString::into_string) {
                    None => {}
                    Some(Ok(text)) if text.trim().is_empty() => {}
                    Some(Ok(text)) => return Ok(Some((name, text))),
                    Some(Err(_)) => {
                        return Err(Failure::usage(format!("{name} is not UTF-8"), "unset it"));
                    }
                }
            }
            Ok(None)
        };
        let out = found(&["RUNNER_OUTPUT_DIR", "OUTPUT_DIR"])?;
        let most = found(&["RUNNER_MAX_CONCURRENT_TASKS", "MAX_CONCURRENT_TASKS"])?;
        let log = found(&["RUNNER_LOG_LEVEL"])?;
        Ok(Self {
            out: out.map_or_else(|| PathBuf::from("out"), |(_, text)| PathBuf::from(text)),
            max_concurrent: most.map_or(Ok(limits::SLOTS), |(name, text)| count(name, &text))?,
            allow_exec: switch(found(&["RUNNER_ALLOW_EXEC"])?)?,
            allow_private_addresses: switch(found(&["RUNNER_ALLOW_PRIVATE_ADDRESSES"])?)?,
            unicode: found(&["LC_ALL", "LC_CTYPE", "LANG"])?.is_none_or(|(_, locale)| {
                let locale = locale.to_ascii_lowercase();
                locale.contains("utf-8") || locale.contains("utf8")
            }),
            log: log.map_or_else(|| Ok("warn".to_owned()), |(name, text)| filter(name, &text))?,
        })
    }
}

fn count(name: &str, text: &str) -> Result<u16, Failure> {
    let number = text.trim().parse().ok().filter(|number| (1..=limits::SLOTS_MAX).contains(number));
    number.ok_or_else(|| {
        let help = format!("use a whole number from 1 to {}", limits::SLOTS_MAX);
        Failure::usage(format!("{name} cannot be `{text}`"), help)
    })
}

/// A level, or directives such as `warn,worker=debug`. A word that is no level would be taken for
/// the name of a module, and nothing would be logged.
fn filter(name: &str, text: &str) -> Result<String, Failure> {
    const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
    let text = text.trim().to_ascii_lowercase();
    let fits = |part: &str| {
        LEVELS.contains(&part.rsplit_once('=').map_or(part, |(_, level)| level).trim())
    };
    if text.split(',').all(fits) {
        return Ok(text);
    }
    let help = "use error, warn, info, debug or trace, or directives such as `warn,worker=debug`";
    Err(Failure::usage(format!("{name} cannot be `{text}`"), help))
}

fn switch(found: Option<(&str, String)>) -> Result<bool, Failure> {
    let Some((name, text)) = found else {
        return Ok(false);
    };
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(Failure::usage(format!("{name} cannot be `{text}`"), "use 1 or 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Settings::from(|name| find(name).map(|(_, value)| value.into()))
            .map_err(|failure| failure.message)
    }

    #[test]
    fn seed_names_are_honoured_and_the_longer_ones_go_first() {
        let defaults = read(&[]).unwrap();
        assert_eq!((defaults.out, defaults.max_concurrent), (PathBuf::from("out"), 4));
        let both = [("OUTPUT_DIR", "a"), ("RUNNER_OUTPUT_DIR", "b"), ("MAX_CONCURRENT_TASKS", "9")];
        let both = read(&both).unwrap();
        assert_eq!((both.out, both.max_concurrent), (PathBuf::from("b"), 9));
        assert!(read(&[("RUNNER_ALLOW_EXEC", "1")]).unwrap().allow_exec);
        assert!(!read(&[("RUNNER_ALLOW_EXEC", "")]).unwrap().allow_exec);
        assert_eq!(
            read(&[("RUNNER_LOG_LEVEL", "Warn,worker=debug")]).unwrap().log,
            "warn,worker=debug"
        );
    }

    #[test]
    fn garbage_is_an_error_that_names_the_variable() {
        for (name, value) in [
            ("RUNNER_MAX_CONCURRENT_TASKS", "many"),
            ("MAX_CONCURRENT_TASKS", "0"),
            ("RUNNER_ALLOW_EXEC", "perhaps"),
            ("RUNNER_ALLOW_PRIVATE_ADDRESSES", "2"),
            ("RUNNER_LOG_LEVEL", "loud"),
            ("RUNNER_LOG_LEVEL", "warn,worker"),
            ("RUNNER_LOG_LEVEL", "worker=loud"),
        ] {
            let message = read(&[(name, value)]).unwrap_err();
            assert!(message.contains(name) && message.contains(value), "{message}");
        }
    }
}
