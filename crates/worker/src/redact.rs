//! Keeps the secrets of a worker out of all that it says: a job that repeats one in an error, a log
//! line or its output has it replaced, as it is or in one of the forms in which texts carry others:
//! escaped for JSON (twice as well), percent-encoded, in base64, in hexadecimal, or cut off at the end.

mod view;

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use alt::Json;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use job::Environment;
use protocol::Failure;

use self::view::View;
use crate::report::Report;

/// What stands where a secret stood.
const INSTEAD: &str = "[secret]";

/// So many bytes of a longer secret are as good as all of it, where a text breaks off.
const HEAD_BYTES: usize = 12;

/// What stands after a text that was cut.
const CUTS: [&[u8]; 3] = [b"\"", b" [cut]", "…".as_bytes()];

/// Finds the secrets of an environment.
#[derive(Debug, Default)]
pub(crate) struct Redactor(Option<Finders>);

#[derive(Debug)]
struct Finders {
    words: Vec<Vec<u8>>,
    /// Of the words.
    whole: AhoCorasick,
    /// Of the first bytes of those that are longer.
    heads: AhoCorasick,
    /// The word that each head begins.
    headed: Vec<usize>,
}

impl Redactor {
    /// Of all that `environment` keeps secret.
    pub(crate) fn new(environment: &Environment) -> Self {
        let mut words: Vec<Vec<u8>> =
            environment.secrets().iter().flat_map(|it| forms(it)).collect();
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return Self(None);
        }
        let whole = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&words);
        let headed: Vec<usize> =
            (0..words.len()).filter(|&word| words[word].len() > HEAD_BYTES).collect();
        let heads = AhoCorasick::new(headed.iter().map(|&word| &words[word][..HEAD_BYTES]));
        Self(whole.ok().zip(heads.ok()).map(|(whole, heads)| Finders {
            words,
            whole,
            heads,
            headed,
        }))
    }

    /// The text without secrets; the same one when it has none.
    pub(crate) fn text(&self, text: String) -> String {
        self.cleaned(&text).unwrap_or(text)
    }

    /// The text without the secrets that it has; `None` when it has none.
    fn cleaned(&self, text: &str) -> Option<String> {
        let found = self.0.as_ref()?.found(text);
        let mut clean = String::with_capacity(text.len());
        let mut from = 0;
        for range in &found {
            clean.push_str(&text[from..range.start]);
            clean.push_str(INSTEAD);
            from = range.end;
        }
        clean.push_str(&text[from..]);
        (!found.is_empty()).then_some(clean)
    }

    pub(crate) fn lines(&self, lines: Vec<String>) -> Vec<String> {
        lines.into_iter().map(|line| self.text(line)).collect()
    }

    /// # Errors
    /// A report when a secret stands where no text can: in a number.
    pub(crate) fn output(&self, output: Json) -> Result<Json, Report> {
        let Some(clean) = self.cleaned(output.text()) else { return Ok(output) };
        Json::from_text(clean).map_err(|_| {
            Report::failed("the output holds a secret of its worker as a number", false)
        })
    }

    pub(crate) fn report(&self, report: Report) -> Report {
        match report {
            Report::Failed(failure) => {
                Report::Failed(Failure { message: self.text(failure.message), ..failure })
            }
            Report::Skipped(reason) => Report::Skipped(self.text(reason)),
            other => other,
        }
    }
}

impl Finders {
    /// Where secrets stand in a text, from front to back, none beside or inside another.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let plain = View::plain(text);
        let once = plain.unescaped();
        let twice = once.as_ref().and_then(View::unescaped);
        // Within JSON or not: a percent sign is never escaped.
        let decoded = once.as_ref().unwrap_or(&plain).percent_decoded();
        let mut found = Vec::new();
        for view in [Some(&plain), once.as_ref(), twice.as_ref(), decoded.as_ref()] {
            view.into_iter().for_each(|view| self.look(view, &mut found));
        }
        found.sort_unstable_by_key(|range| (range.start, range.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for Range { start, end } in found {
            // What is undone of an address may be no text, and begin or end within a character.
            let range = text.floor_char_boundary(start)..text.ceil_char_boundary(end);
            match apart.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => apart.push(range),
            }
        }
        apart
    }

    fn look(&self, view: &View<'_>, found: &mut Vec<Range<usize>>) {
        let text: &[u8] = &view.bytes;
        let whole = self.whole.find_iter(text).map(|it| it.range());
        found.extend(whole.map(|range| view.range(range)));
        for head in self.heads.find_overlapping_iter(text) {
            let word = &self.words[self.headed[head.pattern().as_usize()]];
            let rest = &text[head.start()..];
            let same = word.iter().zip(rest).take_while(|(one, other)| one == other).count();
            let after = &rest[same..];
            if after.is_empty() || CUTS.iter().any(|cut| after.starts_with(cut)) {
                found.push(view.range(head.start()..head.start() + same));
            }
        }
    }
}

/// A secret as texts carry it that are no JSON and no addresses; those are undone before they are
/// searched.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![bytes.to_vec(), secret.replace(' ', "+").into_bytes()];
    forms.extend([lower.to_uppercase().into_bytes(), lower.into_bytes()]);
    for before in 0..3 {
        // The digits that no neighbour has a part in, wherever the secret lies in what was encoded.
        let padded = [&[0; 2][..before], bytes].concat();
        let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        let digits = [STANDARD.encode(&padded), URL_SAFE.encode(&padded)];
        forms.extend(digits.map(|digits| digits.as_bytes()[from..to].to_vec()));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTED: &str = "k-\"quoted\"-1";
    const LONG: &str = "Zm/ü+ lmnopqrstu?abc=def";

    fn redactor() -> Redactor {
        let variables = [
            ("API_KEY", QUOTED),
            ("PIN_SECRET", "123456"),
            ("LONG_TOKEN", LONG),
            ("LANG", "de_DE"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Redactor::new(&Environment::new(variables))
    }

    fn clean(text: &str) -> String {
        redactor().text(text.to_owned())
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_stands() {
        assert_eq!(clean("with k-\"quoted\"-1 in de_DE"), "with [secret] in de_DE");
        let output = Json::from_text(r#"{"said":"k-\"quoted\"-1","of":"1234567"}"#).unwrap();
        let output = redactor().output(output).unwrap();
        assert_eq!(output.text(), r#"{"said":"[secret]","of":"[secret]7"}"#);
    }

    #[test]
    fn a_secret_is_replaced_in_whatever_form_a_text_carries_it() {
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let all = |text: &str| -> String { text.bytes().map(|it| format!("%{it:02x}")).collect() };
        let usual = "Zm%2F%C3%BC%2B%20lmnopqrstu%3Fabc%3Ddef";
        for (text, expected) in [
            (json(QUOTED), "\"[secret]\"".to_owned()),
            (json(&json(QUOTED)), "\"\\\"[secret]\\\"\"".to_owned()),
            (r"Zm\/\u00fc+ lmnopqrstu?abc=def".to_owned(), "[secret]".to_owned()),
            (format!("/?q={usual}&r=1"), "/?q=[secret]&r=1".to_owned()),
            (usual.replace("%20", "+"), "[secret]".to_owned()),
            (all(QUOTED), "[secret]".to_owned()),
            (json(&format!("{usual}\n")), "\"[secret]\\n\"".to_owned()),
        ] {
            assert_eq!(clean(&text), expected, "{text}");
        }
        for secret in [QUOTED, LONG] {
            for around in ["", "a", "ab", "abc", "user:"] {
                let text = format!("{around}{secret}{around}");
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    let clean = clean(&encoded);
                    assert!(clean.contains(INSTEAD) && clean.len() < 26, "{encoded}: {clean}");
                }
            }
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(clean(&hex), INSTEAD);
            assert_eq!(clean(&hex.to_uppercase()), INSTEAD);
        }
    }

    #[test]
    fn what_is_left_of_a_secret_where_a_text_breaks_off_is_replaced_too() {
        let part: String = LONG.chars().take(14).collect();
        for (text, expected) in [
            (format!("says {part}"), "says [secret]".to_owned()),
            (format!("says {part} [cut]"), "says [secret] [cut]".to_owned()),
            (format!(r#"{{"out":"{part}"}}"#), r#"{"out":"[secret]"}"#.to_owned()),
            (format!("{part} and more"), format!("{part} and more")),
        ] {
            assert_eq!(clean(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_clean_stays_as_it_is_to_the_byte() {
        for text in [r#"{"a" : 1e400}"#, r#"{"b":"%41 \u0041 \" \\n","c":"100%"}"#] {
            let output = Json::from_text(text).unwrap();
            assert_eq!(redactor().output(output).unwrap().text(), text);
        }
    }

    #[test]
    fn a_secret_that_is_a_number_fails_the_attempt_rather_than_be_shown() {
        let output = Json::from_text("[123456]").unwrap();
        assert!(matches!(redactor().output(output), Err(Report::Failed(_))));
    }
}
