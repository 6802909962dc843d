//! Typed reading of one field at a time: the value, or a diagnostic that says what was wanted.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use serde_json::value::RawValue;

use crate::diagnostic::{Diagnostic, Findings, pointer_step, quote};
use crate::value::{Field, Kind, items, span_in, string};
use crate::visible::is_hidden;
use crate::{Code, limits};

/// Whose fields are read: only diagnostics need it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    File,
    /// The object `last` of the file.
    Last,
    Task(usize),
}

impl Owner {
    pub(super) fn pointer(self, key: &str) -> String {
        let key = pointer_step(key);
        match self {
            Self::File => format!("/{key}"),
            Self::Last => format!("/last/{key}"),
            Self::Task(index) => format!("/tasks/{index}/{key}"),
        }
    }
}

/// The file and what was found in it.
#[derive(Debug)]
pub(super) struct Reader<'a, 'f> {
    pub(super) text: &'a str,
    pub(super) findings: &'f mut Findings,
}

impl<'a> Reader<'a, '_> {
    pub(super) fn span(&self, part: &str) -> Range<usize> {
        span_in(self.text, part)
    }

    pub(super) fn refuse(
        &mut self,
        owner: Owner,
        field: &Field<'_>,
        code: Code,
        finish: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let span = self.span(field.value.get());
        self.findings
            .error(|| finish(Diagnostic::error(code, shorten(span), owner.pointer(&field.key))));
    }

    fn wrong_type(&mut self, owner: Owner, field: &Field<'_>, wanted: &str) {
        let found = Kind::of(field.value).name();
        self.refuse(owner, field, Code::WrongType, |fault| {
            fault.message(format!("`{}` must be {wanted}, not {found}", field.key)).label(found)
        });
    }

    /// A string; `None` with a diagnostic when it is something else.
    pub(super) fn string(&mut self, owner: Owner, field: &Field<'a>) -> Option<Cow<'a, str>> {
        let found = string(field.value);
        // A string with half a surrogate pair was reported when the strings were walked.
        if found.is_none() && Kind::of(field.value) != Kind::String {
            self.wrong_type(owner, field, "a string");
        }
        found
    }

    /// A string that is more than white space.
    pub(super) fn text(&mut self, owner: Owner, field: &Field<'a>) -> Option<Cow<'a, str>> {
        let found = self.string(owner, field)?;
        if found.trim().is_empty() {
            self.refuse(owner, field, Code::BlankText, |fault| {
                fault.message(format!("`{}` is blank", field.key)).label("say something here")
            });
            return None;
        }
        Some(found)
    }

    /// An id or a name: not blank, bounded, nothing invisible.
    pub(super) fn name(&mut self, owner: Owner, field: &Field<'a>) -> Option<Cow<'a, str>> {
        let found = self.string(owner, field)?;
        let problem = if found.trim().is_empty() {
            format!("`{}` is blank", field.key)
        } else if found.len() > limits::ID_BYTES {
            let most = limits::ID_BYTES;
            format!("`{}` has {} bytes; at most {most} are allowed", field.key, found.len())
        } else if let Some(odd) = found.chars().find(|&c| is_hidden(c)) {
            format!("`{}` holds the invisible character U+{:04X}", field.key, u32::from(odd))
        } else {
            return Some(found);
        };
        self.refuse(owner, field, Code::BadName, |fault| {
            fault.message(problem).label("this name").help("use visible characters, 1 to 256 bytes")
        });
        None
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, owner: Owner, field: &Field<'_>) -> Option<bool> {
        let found = field.value.get().parse().ok();
        if found.is_none() {
            self.wrong_type(owner, field, "true or false");
        }
        found
    }

    /// A whole number in a range.
    pub(super) fn number(
        &mut self,
        owner: Owner,
        field: &Field<'_>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        if Kind::of(field.value) != Kind::Number {
            self.wrong_type(owner, field, "a whole number");
            return None;
        }
        let found = field.value.get().parse().ok().filter(|number| range.contains(number));
        if found.is_none() {
            let (least, most) = range.into_inner();
            self.refuse(owner, field, Code::OutOfRange, |fault| {
                fault
                    .message(format!(
                        "`{}` must be a whole number from {least} to {most}",
                        field.key
                    ))
                    .label("outside the range")
            });
        }
        found
    }

    /// One of a few words, whatever their case.
    pub(super) fn word<T: Copy>(
        &mut self,
        owner: Owner,
        field: &Field<'a>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let found = self.string(owner, field)?;
        let word = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&found));
        if word.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let near = nearest(&found, words.iter().map(|(word, _)| *word));
            let span = self.span(field.value.get());
            self.refuse(owner, field, Code::UnknownWord, |fault| {
                let fault = fault
                    .message(format!("`{}` cannot be {}", field.key, quote(&found)))
                    .label("not one of the words")
                    .help(format!("use one of {}", known.join(", ")));
                match near {
                    Some(near) => fault.fix(span, format!("\"{near}\"")),
                    None => fault,
                }
            });
        }
        word.map(|(_, value)| *value)
    }

    /// A list of strings, bounded.
    pub(super) fn strings(&mut self, owner: Owner, field: &Field<'a>, most: usize) -> Vec<String> {
        let mut found = Vec::new();
        for item in self.items(owner, field, most) {
            match string(item) {
                Some(text) => found.push(text.into_owned()),
                None => self.wrong_item(owner, field, item),
            }
        }
        found
    }

    /// The items of a list, bounded.
    pub(super) fn items(
        &mut self,
        owner: Owner,
        field: &Field<'a>,
        most: usize,
    ) -> Vec<&'a RawValue> {
        let Some(found) = items(field.value) else {
            self.wrong_type(owner, field, "a list");
            return Vec::new();
        };
        if found.len() > most {
            self.refuse(owner, field, Code::ItemCount, |fault| {
                fault
                    .message(format!(
                        "`{}` has {} items; at most {most} are allowed",
                        field.key,
                        found.len()
                    ))
                    .label("this list")
            });
            return Vec::new();
        }
        found
    }

    fn wrong_item(&mut self, owner: Owner, field: &Field<'_>, item: &RawValue) {
        let span = self.span(item.get());
        let found = Kind::of(item).name();
        self.findings.error(|| {
            Diagnostic::error(Code::WrongType, shorten(span), owner.pointer(&field.key))
                .message(format!("`{}` must hold strings, not {found}", field.key))
                .label(found)
        });
    }

    /// An object, kept as text, bounded.
    pub(super) fn object(
        &mut self,
        owner: Owner,
        field: &Field<'a>,
        most: usize,
    ) -> Option<&'a RawValue> {
        if Kind::of(field.value) != Kind::Object {
            self.wrong_type(owner, field, "an object");
            return None;
        }
        let bytes = field.value.get().len();
        if bytes > most {
            self.refuse(owner, field, Code::ObjectSize, |fault| {
                fault
                    .message(format!(
                        "`{}` has {bytes} bytes; at most {most} are allowed",
                        field.key
                    ))
                    .label("this object")
                    .help("keep large data in a file or at a URL, and let a task fetch it")
            });
            return None;
        }
        Some(field.value)
    }
}

/// A span that is at most a screenful: a diagnostic about a huge value points to its start.
pub(super) fn shorten(span: Range<usize>) -> Range<usize> {
    if span.len() > 400 { span.start..span.start + 1 } else { span }
}

/// Bytes of the text times bytes of the words that one suggestion may compare.
const COMPARED: usize = 2_000_000;

/// The word most like `text`, if one is like it at all. Words beyond a bound of the work are left
/// out: the author chooses how long and how many they are.
#[must_use]
pub fn nearest<'w>(text: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let mut left = COMPARED;
    let affordable = |word: &&str| {
        let rest = left.checked_sub(text.len().saturating_mul(word.len()));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    let alike = |word: &'w str| (strsim::jaro_winkler(text, word), word);
    let best = words.filter(affordable).map(alike).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}
