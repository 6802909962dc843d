//! What `doctor` found, in sentences that can be read aloud, and in one verdict.

use bus::nats::{Found, Part};
use serde::Serialize;
use store::{ConditionalWrites, Probe};

use crate::output::counted;
use crate::settings::{Origin, Settings};

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    Good,
    Note,
    Odd,
    Wrong,
}

impl Mark {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Odd => "warning",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    mark: Mark,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Finding {
    pub(super) fn good(text: impl Into<String>) -> Self {
        Self { mark: Mark::Good, text: text.into(), help: None }
    }

    pub(super) fn note(text: impl Into<String>) -> Self {
        Self { mark: Mark::Note, text: text.into(), help: None }
    }

    pub(super) fn odd(text: impl Into<String>, help: Option<String>) -> Self {
        Self { mark: Mark::Odd, text: text.into(), help }
    }

    pub(super) fn wrong(text: impl Into<String>, help: Option<String>) -> Self {
        Self { mark: Mark::Wrong, text: text.into(), help }
    }

    #[cfg(test)]
    pub(super) fn is_odd(&self) -> bool {
        self.mark == Mark::Odd
    }

    fn line(&self) -> String {
        let mut text = format!("  {}: {}\n", self.mark.word(), alt::visible(&self.text));
        if let Some(help) = &self.help {
            text.push_str(&format!("    help: {}\n", alt::visible(help)));
        }
        text
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    ready: bool,
    verdict: String,
    settings: Vec<Origin>,
    messages: Vec<Finding>,
    streams: Vec<Part>,
    store: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<Probe>,
}

impl Report {
    pub(super) fn new(
        settings: &Settings,
        fixed: bool,
        streams: Vec<Part>,
        messages: Vec<Finding>,
        probe: Option<Probe>,
        store: Vec<Finding>,
    ) -> Self {
        let count = |mark| messages.iter().chain(&store).filter(|it| it.mark == mark).count();
        let (wrong, odd) = (count(Mark::Wrong), count(Mark::Odd));
        let missing = streams.iter().any(|part| part.found == Found::Missing);
        let verdict = verdict(wrong, odd, missing && !fixed);
        let settings = settings.origins.clone();
        Self { ready: wrong == 0, verdict, settings, messages, streams, store, probe }
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// The report as text: what is set, what was found, and the verdict as the last line.
    pub(super) fn text(&self) -> String {
        let mut text = "Settings, and where each comes from\n".to_owned();
        for Origin { setting, value, from } in &self.settings {
            text.push_str(&format!("  {setting}: {} ({from})\n", alt::visible(value)));
        }
        text.push_str("\nMessages\n");
        text.extend(self.messages.iter().map(Finding::line));
        text.push_str("\nStore\n");
        text.extend(self.store.iter().map(Finding::line));
        text.push_str(&format!("\n{}\n", self.verdict));
        text
    }
}

fn verdict(wrong: usize, odd: usize, fixable: bool) -> String {
    let warnings = match odd {
        0 => String::new(),
        odd => format!(", with {}", counted(odd, "warning", "warnings")),
    };
    if wrong == 0 {
        return format!("Ready{warnings}.");
    }
    let hint = if fixable { "; `runner doctor --fix` makes what is missing" } else { "" };
    format!("Not ready: {}{warnings}{hint}.", counted(wrong, "thing is wrong", "things are wrong"))
}

/// Those as they must be in one line, every other in one of its own.
pub(super) fn parts(parts: &[Part]) -> Vec<Finding> {
    let count = |prefix: &str| {
        let same = parts.iter().filter(|part| part.found == Found::Same);
        same.filter(|part| part.name.starts_with(prefix)).count()
    };
    let (streams, consumers) = (count("stream "), count("consumer "));
    let mut found = Vec::new();
    if streams + consumers > 0 {
        let streams = counted(streams, "stream", "streams");
        let consumers = counted(consumers, "consumer", "consumers");
        found.push(Finding::good(format!("as they must be: {streams}, {consumers}")));
    }
    found.extend(parts.iter().filter_map(part));
    found
}

fn part(part: &Part) -> Option<Finding> {
    let name = &part.name;
    match &part.found {
        Found::Same => None,
        Found::Made => Some(Finding::good(format!("{name} was missing and is made"))),
        Found::Missing => Some(Finding::wrong(format!("{name} is missing"), None)),
        Found::Different { differences } => {
            let list: Vec<_> = differences
                .iter()
                .map(|it| format!("{} is {} and must be {}", it.field, it.found, it.expected))
                .collect();
            let text = format!("{name} is other than it must be: {}", list.join("; "));
            let help = "it is not touched, for what it holds may rest on it: change it by hand, or \
                        remove it when it holds nothing of worth, and run `runner doctor --fix`";
            Some(Finding::wrong(text, Some(help.to_owned())))
        }
    }
}

/// What the probe of a store says.
pub(super) fn checks(probe: &Probe) -> Vec<Finding> {
    let mut found = vec![Finding::note(format!("the store is {}", probe.store))];
    found.extend(probe.checks.iter().map(|check| {
        let text = format!("{}: {}", check.name, check.what);
        match (check.ok, check.needed) {
            (true, _) => Finding::good(text),
            (false, true) => Finding::wrong(text, None),
            (false, false) => Finding::odd(text, None),
        }
    }));
    found.push(match probe.conditional_writes {
        ConditionalWrites::Honoured => Finding::good(probe.verdict()),
        ConditionalWrites::Ignored | ConditionalWrites::Unknown => {
            let help = "a result may be written twice, with the same bytes; nothing rests on it";
            Finding::odd(probe.verdict(), Some(help.to_owned()))
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use bus::nats::Difference;

    use super::*;

    #[test]
    fn the_verdict_is_one_sentence() {
        for (wrong, odd, fixable, expected) in [
            (0, 0, false, "Ready."),
            (0, 1, false, "Ready, with 1 warning."),
            (1, 0, false, "Not ready: 1 thing is wrong."),
            (
                2,
                2,
                true,
                "Not ready: 2 things are wrong, with 2 warnings; `runner doctor --fix` makes what \
                 is missing.",
            ),
        ] {
            assert_eq!(verdict(wrong, odd, fixable), expected);
        }
    }

    #[test]
    fn what_is_as_it_must_be_takes_one_line_and_what_differs_says_in_what() {
        let part = |name: &str, found| Part { name: name.to_owned(), found };
        let differences = vec![Difference {
            field: "max_age".to_owned(),
            expected: "2".to_owned(),
            found: "1".to_owned(),
        }];
        let found = parts(&[
            part("stream ALT", Found::Same),
            part("stream RUN", Found::Different { differences }),
            part("consumer ALT/a", Found::Same),
            part("consumer ALT/b", Found::Made),
            part("consumer ALT/c", Found::Missing),
        ]);
        let lines: String = found.iter().map(Finding::line).collect();
        for expected in [
            "ok: as they must be: 1 stream, 1 consumer\n",
            "wrong: stream RUN is other than it must be: max_age is 1 and must be 2\n",
            "ok: consumer ALT/b was missing and is made\n",
            "wrong: consumer ALT/c is missing\n",
        ] {
            assert!(lines.contains(expected), "{lines}");
        }
    }
}
