//! Options set from outside: a file, the environment. Each has a place to name when it is wrong.

use std::fmt;
use std::str::FromStr;

use alt::Priority;
use protocol::{Misfire, limits, subject};

use crate::{Environment, Options, Registry, Rhythm};

/// The options that can be set from outside, by the names they have in the attribute. The others are
/// part of the code: what it requires, what it waits for, which messages it reads.
pub const KNOBS: [&str; 15] = [
    "enabled",
    "interval_seconds",
    "cron",
    "jitter_seconds",
    "misfire",
    "priority",
    "max_retries",
    "retry_delay_seconds",
    "timeout_seconds",
    "max_concurrent",
    "queue",
    "batch_size",
    "preserve_order",
    "dead_letter",
    "idempotent",
];

/// What older producers put between a job and its option; it goes behind the plain name.
const ALIAS: &str = "RUNNER_";

/// Edits by which a name may differ from one of ours and still be meant for it.
const SLIPS: usize = 2;

/// An option of a job set from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The job.
    pub job: String,
    /// One of [`KNOBS`].
    pub option: String,
    /// Its value as text.
    pub value: String,
    /// Where it was said: a variable, a file.
    pub source: String,
}

/// Why a setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {problem}")]
pub struct SettingError {
    /// Where it was said.
    pub source_name: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl Options {
    /// Sets the option of this name from text.
    ///
    /// # Errors
    /// What is wrong with the name or the value, and what would be right.
    pub fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        match option {
            "enabled" => self.enabled = switch(value)?,
            "interval_seconds" => self.rhythm = Some(Rhythm::Every(from(value, 1, u32::MAX)?)),
            "cron" => self.rhythm = Some(Rhythm::Cron(cron(value)?)),
            "jitter_seconds" => self.jitter_seconds = from(value, 0, u32::MAX)?,
            "misfire" => self.misfire = word(value, &Misfire::ALL, Misfire::name)?,
            "priority" => self.priority = priority(value)?,
            "max_retries" => self.max_retries = from(value, 0, u8::MAX)?,
            "retry_delay_seconds" => self.retry_delay_seconds = Some(from(value, 1, u32::MAX)?),
            "timeout_seconds" => self.timeout_seconds = Some(from(value, 1, u32::MAX)?),
            "max_concurrent" => self.max_concurrent = Some(from(value, 1, u32::MAX)?),
            "queue" => self.queue = Some(queue(value)?),
            "batch_size" => self.batch_size = from(value, 1, limits::QUEUE_BATCH_MAX)?,
            "preserve_order" => self.preserve_order = switch(value)?,
            "dead_letter" => self.dead_letter = switch(value)?,
            "idempotent" => self.idempotent = switch(value)?,
            other => {
                let known = KNOBS.join(", ");
                return Err(format!("`{other}` cannot be set from outside; there are {known}"));
            }
        }
        Ok(())
    }

    /// The value of a knob as people read it; `None` where none is set.
    #[must_use]
    pub fn get(&self, option: &str) -> Option<String> {
        match option {
            "enabled" => Some(self.enabled.to_string()),
            "interval_seconds" => match self.rhythm {
                Some(Rhythm::Every(seconds)) => Some(seconds.to_string()),
                _ => None,
            },
            "cron" => match self.rhythm {
                Some(Rhythm::Cron(fields)) => Some(fields.to_owned()),
                _ => None,
            },
            "jitter_seconds" => Some(self.jitter_seconds.to_string()),
            "misfire" => Some(self.misfire.name().to_owned()),
            "priority" => Some(self.priority.name().to_owned()),
            "max_retries" => Some(self.max_retries.to_string()),
            "retry_delay_seconds" => self.retry_delay_seconds.map(|it| it.to_string()),
            "timeout_seconds" => self.timeout_seconds.map(|it| it.to_string()),
            "max_concurrent" => self.max_concurrent.map(|it| it.to_string()),
            "queue" => self.queue.map(str::to_owned),
            // Of no meaning to a job without a queue.
            "batch_size" => self.queue.map(|_| self.batch_size.to_string()),
            "preserve_order" => self.queue.map(|_| self.preserve_order.to_string()),
            "dead_letter" => self.queue.map(|_| self.dead_letter.to_string()),
            "idempotent" => Some(self.idempotent.to_string()),
            _ => None,
        }
    }
}

fn switch(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("`{value}` is neither true nor false")),
    }
}

fn from<N: FromStr + PartialOrd + fmt::Display>(
    value: &str,
    least: N,
    most: N,
) -> Result<N, String> {
    match value.parse() {
        Ok(number) if (&least..=&most).contains(&&number) => Ok(number),
        _ => Err(format!("`{value}` is no whole number from {least} to {most}")),
    }
}

fn word<W: Copy>(value: &str, all: &[W], name: impl Fn(W) -> &'static str) -> Result<W, String> {
    let found = all.iter().copied().find(|&one| name(one) == value.to_ascii_lowercase());
    found.ok_or_else(|| {
        let all: Vec<_> = all.iter().map(|&one| name(one)).collect();
        format!("`{value}` is none of {}", all.join(", "))
    })
}

fn priority(value: &str) -> Result<Priority, String> {
    match value.to_ascii_lowercase().as_str() {
        "normal" => Ok(Priority::Medium),
        _ => word(
            value,
            &[Priority::Low, Priority::Medium, Priority::High, Priority::Critical],
            Priority::name,
        ),
    }
}

/// Kept for as long as the program runs, like those of the code: it is read once, when it starts.
fn cron(value: &str) -> Result<&'static str, String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b" *,-/?".contains(&byte);
    if value.split_ascii_whitespace().count() == 6 && value.bytes().all(known) {
        return Ok(Box::leak(value.to_owned().into_boxed_str()));
    }
    Err(format!("`{value}` is no cron expression of six fields, seconds first"))
}

/// Kept like [`cron`].
fn queue(value: &str) -> Result<&'static str, String> {
    if subject::is_queue(value) {
        return Ok(Box::leak(value.to_owned().into_boxed_str()));
    }
    Err(format!("`{value}` is no queue: 1-64 letters, digits, `_` and `-`"))
}

/// What the environment says of the jobs of `registry`.
#[must_use]
pub fn settings_of(registry: &Registry, environment: &Environment) -> Vec<Setting> {
    let mut settings = Vec::new();
    for job in registry.names() {
        let prefix = shouted(job);
        for option in KNOBS {
            let plain = format!("{prefix}_{}", option.to_ascii_uppercase());
            let alias = format!("{prefix}_{ALIAS}{}", option.to_ascii_uppercase());
            let named = [plain, alias];
            let found = named.iter().find_map(|name| Some((name, environment.own(name)?)));
            if let Some((name, value)) = found {
                let (job, option) = (job.to_owned(), option.to_owned());
                let (value, source) = (value.to_owned(), name.clone());
                settings.push(Setting { job, option, value, source });
            }
        }
    }
    settings
}

/// A job's name as variables begin with it.
fn shouted(job: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    job.chars().map(word).collect()
}

/// Variables that set nothing and look as if they were to, each with the name that was meant.
#[must_use]
pub fn slips(registry: &Registry, environment: &Environment) -> Vec<(String, String)> {
    let mut slips = Vec::new();
    for name in environment.names() {
        for job in registry.names() {
            let prefix = shouted(job);
            for option in KNOBS.map(str::to_ascii_uppercase) {
                for meant in [format!("{prefix}_{option}"), format!("{prefix}_{ALIAS}{option}")] {
                    let edits = strsim::levenshtein(name, &meant);
                    if (1..=SLIPS).contains(&edits) {
                        slips.push((edits, name.to_owned(), meant));
                    }
                }
            }
        }
    }
    slips.sort_unstable();
    slips.sort_by(|one, other| one.1.cmp(&other.1));
    slips.dedup_by(|one, other| one.1 == other.1);
    let is_used =
        |name: &str| settings_of(registry, environment).iter().any(|it| it.source == name);
    slips.retain(|(_, name, _)| !is_used(name));
    slips.into_iter().map(|(_, name, meant)| (name, meant)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_can_be_set_and_read_back() {
        let values = [
            "false",
            "90",
            "0 */5 * * * *",
            "7",
            "run_once",
            "high",
            "3",
            "30",
            "60",
            "2",
            "letters",
            "25",
            "true",
            "false",
            "false",
        ];
        for (option, value) in KNOBS.into_iter().zip(values) {
            let mut options = Options { queue: Some("other"), ..Options::DEFAULT };
            assert_ne!(options.get(option).as_deref(), Some(value), "{option}: not the default");
            options.set(option, value).unwrap();
            assert_eq!(options.get(option).as_deref(), Some(value), "{option}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_could() {
        let table = [
            ("enabled", "maybe", "neither true nor false"),
            ("interval_seconds", "0", "from 1 to 4294967295"),
            ("max_retries", "256", "from 0 to 255"),
            ("batch_size", "1001", "from 1 to 1000"),
            ("misfire", "later", "none of skip, run_once, catch_up"),
            ("priority", "urgent", "none of low, medium, high, critical"),
            ("cron", "* * * * *", "six fields"),
            ("queue", "a.b", "no queue"),
            ("name", "other", "`name` cannot be set from outside"),
        ];
        for (option, value, expected) in table {
            let refused = Options::DEFAULT.clone().set(option, value).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
