//! From bytes to a validated ALT, or to every fault of the file in one go.
//!
//! The phases: text, structure, syntax, shape, links, references. Each later one assumes what the
//! earlier ones proved; shape, links and references all run, so that one go shows all faults.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::diagnostic::{self, Diagnostic, Findings, Severity};
use crate::graph::Graph;
use crate::model::{AltFile, Mode};
use crate::{Code, limits, links, references, shape, structure};

/// What the reader is told beside the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Check<'a> {
    /// The jobs there are, by name; `None` accepts any.
    pub jobs: Option<&'a [&'a str]>,
    /// Whether an AI service is configured: then a task that names no job and has a prompt is `ai`.
    pub ai: bool,
    /// Whether unknown fields refuse the file.
    pub strict: bool,
    /// Replaces the file's mode.
    pub mode: Option<Mode>,
    /// Replaces the file's persona.
    pub persona: Option<&'a str>,
}

/// A file that passed: what it says, and its graph.
#[derive(Debug, Clone)]
pub struct Alt {
    file: AltFile,
    graph: Graph,
}

impl Alt {
    /// What the file says.
    #[must_use]
    pub const fn file(&self) -> &AltFile {
        &self.file
    }

    /// How its tasks hang together.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }
}

/// What reading a file led to.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file, unless it is refused.
    pub alt: Option<Arc<Alt>>,
    /// At most [`limits::DIAGNOSTICS`] errors and as many warnings, by position.
    pub diagnostics: Vec<Diagnostic>,
    /// Errors found beyond those shown.
    pub more_errors: usize,
    /// Warnings found beyond those shown.
    pub more_warnings: usize,
}

impl Report {
    /// The errors among the diagnostics.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|found| found.severity == Severity::Error)
    }
}

/// Reads an ALT file of JSON.
///
/// ```
/// let report = alt::read(br#"{"id": "a", "title": "A", "tasks": []}"#, &alt::Check::default());
/// assert_eq!(report.alt.expect("no errors").file().title, "A");
/// assert_eq!(report.diagnostics[0].code.name(), "ALT0118"); // no tasks: a warning
/// ```
#[must_use]
pub fn read(bytes: &[u8], check: &Check<'_>) -> Report {
    let mut findings = Findings::default();
    let text = match text_of(bytes, &mut findings) {
        Some(text) => text,
        // Up to the first wrong byte: enough for its line and column, and nothing is copied.
        None => {
            let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            return closed(None, findings, valid);
        }
    };
    let alt = parse(text, &mut findings).and_then(|root| {
        let mut shape = shape::read(text, root, check, &mut findings)?;
        let links = links::resolve(text, &mut shape, &mut findings)?;
        let graph = match links.order() {
            Ok(graph) => Some(graph),
            Err(rings) => {
                links::report_rings(text, &shape, &rings, &mut findings);
                None
            }
        };
        references::check(text, &mut shape, graph.as_ref(), &mut findings);
        Some(Alt { file: shape.file, graph: graph? })
    });
    let alt = alt.filter(|_| !findings.refused());
    closed(alt, findings, text)
}

fn closed(alt: Option<Alt>, findings: Findings, text: &str) -> Report {
    let (diagnostics, more_errors, more_warnings) = findings.close(text);
    Report { alt: alt.map(Arc::new), diagnostics, more_errors, more_warnings }
}

fn text_of<'a>(bytes: &'a [u8], findings: &mut Findings) -> Option<&'a str> {
    if bytes.len() > limits::FILE_BYTES {
        findings.error(|| {
            Diagnostic::error(Code::FileSize, 0..0, "")
                .message(format!(
                    "{} bytes; at most {} are allowed",
                    bytes.len(),
                    limits::FILE_BYTES
                ))
                .help("split the work into several files")
        });
        return None;
    }
    let encoding = |span, message: &str| {
        Diagnostic::error(Code::Encoding, span, "")
            .message(message)
            .help("save the file as UTF-8 without a byte order mark")
    };
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => {
            let fault = encoding(0..3, "the file begins with a byte order mark (U+FEFF)");
            findings.error(|| fault.label("remove this mark"));
            return None;
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => {
            findings.error(|| encoding(0..1, "the file is UTF-16 or UTF-32, or holds NUL bytes"));
            return None;
        }
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let at = error.valid_up_to();
            findings.error(|| encoding(at..at + 1, "the file is not UTF-8").label("this byte"));
            None
        }
    }
}

/// The whole text as one JSON value: serde decides what is valid, here and on the wire.
fn parse<'a>(text: &'a str, findings: &mut Findings) -> Option<&'a RawValue> {
    let mut found = Findings::default();
    if !structure::check(text, &mut found) {
        *findings = found;
        return None;
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(root) => {
            *findings = found;
            Some(root)
        }
        Err(error) => {
            findings.error(|| syntax(text, &error));
            None
        }
    }
}

fn syntax(text: &str, error: &serde_json::Error) -> Diagnostic {
    let at = offset_of(text, error.line(), error.column());
    // serde appends the place, which the diagnostic shows better.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or("invalid");
    let message = if text.trim().is_empty() { "the file is empty" } else { message };
    let end = text.ceil_char_boundary((at + 1).min(text.len()));
    let fault =
        Diagnostic::error(Code::Syntax, at..end, "").message(format!("not JSON: {message}"));
    match text[at..].chars().next() {
        Some('\'') => fault.label("JSON strings have double quotes"),
        Some('/' | '#') => fault.label("JSON has no comments"),
        Some('N' | 'I' | '+') => {
            fault.label("JSON numbers have neither sign `+` nor NaN nor Infinity")
        }
        Some('}' | ']') => fault.label("a comma or a bracket too many before this?"),
        Some(_) => fault.label("here"),
        None => fault.label("the text ends here"),
    }
}

/// serde counts columns in bytes from 1, and says 0 for a line feed itself.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => break,
        }
    }
    let at = (start + column.saturating_sub(1)).min(text.len());
    text.floor_char_boundary(at)
}

/// The diagnostics of a file that could not be read as ALT for a reason found outside this reader.
#[must_use]
pub fn refused(text: &str, mut diagnostics: Vec<Diagnostic>) -> Report {
    diagnostics.sort_by_key(|found| found.span.start);
    diagnostic::place(&mut diagnostics, text);
    Report { alt: None, diagnostics, more_errors: 0, more_warnings: 0 }
}
