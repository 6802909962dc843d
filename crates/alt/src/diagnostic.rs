//! One fault of a file: what, where, why, and what to do about it.

use std::ops::Range;

use serde::Serialize;

use crate::visible::escape;
use crate::{Code, limits};

/// Whether a diagnostic refuses the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted; it may not mean what its author thinks.
    Warning,
}

/// One fault, with its place in the file. All texts are escaped: they may go to a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The kind of fault.
    pub code: Code,
    /// Whether the file is refused.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The JSON pointer of the value, such as `/tasks/3/dependencies/0`.
    pub pointer: String,
    /// The line of the first character, from 1.
    pub line: usize,
    /// The column of the first character in characters, from 1.
    pub column: usize,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// What stands under the marked bytes.
    pub label: Option<String>,
    /// Other places that explain this one.
    pub related: Vec<Related>,
    /// What to do.
    pub help: Option<String>,
    /// A change that would mend it.
    pub fix: Option<Fix>,
}

/// Another place in the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// The bytes that are meant.
    pub span: Range<usize>,
    /// What stands under them.
    pub label: String,
}

/// A replacement of some bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// The bytes to replace.
    pub span: Range<usize>,
    /// What to write instead.
    pub text: String,
}

impl Diagnostic {
    /// A fault that refuses the file. Line and column are filled when the report is closed.
    pub(crate) fn error(code: Code, span: Range<usize>, pointer: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: String::new(),
            pointer: pointer.into(),
            line: 1,
            column: 1,
            span,
            label: None,
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// A remark that does not refuse the file.
    pub(crate) fn warning(code: Code, span: Range<usize>, pointer: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, pointer) }
    }

    pub(crate) fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn fix(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, text: text.into() });
        self
    }

    pub(crate) fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related.push(Related { span, label: label.into() });
        self
    }
}

/// The diagnostics of one file, bounded while they are found.
///
/// Each phase walks the file from its start, so the first of each phase include the first of all.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: Bounded,
    warnings: Bounded,
}

#[derive(Debug, Default)]
struct Bounded {
    kept: Vec<Diagnostic>,
    phase: usize,
    total: usize,
}

impl Bounded {
    fn add(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.total += 1;
        if self.phase < limits::DIAGNOSTICS {
            self.phase += 1;
            self.kept.push(make());
        }
    }

    fn close(mut self) -> (Vec<Diagnostic>, usize) {
        self.kept.sort_by_key(|found| (found.span.start, found.code));
        self.kept.truncate(limits::DIAGNOSTICS);
        let omitted = self.total - self.kept.len();
        (self.kept, omitted)
    }
}

impl Findings {
    /// Starts a walk from the top of the file.
    pub(crate) fn phase(&mut self) {
        self.errors.phase = 0;
        self.warnings.phase = 0;
    }

    /// Counts an error; `make` is called only while it would be shown.
    pub(crate) fn error(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.errors.add(make);
    }

    /// Counts a warning; `make` is called only while it would be shown.
    pub(crate) fn warning(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.warnings.add(make);
    }

    /// Whether the file is refused.
    pub(crate) const fn refused(&self) -> bool {
        self.errors.total > 0
    }

    /// The diagnostics by position, with lines and columns, and how many more there were.
    pub(crate) fn close(self, text: &str) -> (Vec<Diagnostic>, usize, usize) {
        let (mut all, errors) = self.errors.close();
        let (warnings, more_warnings) = self.warnings.close();
        all.extend(warnings);
        all.sort_by_key(|found| (found.span.start, found.severity, found.code));
        place(&mut all, text);
        (all, errors, more_warnings)
    }
}

/// Fills line and column in one walk: the file may be large and be one line.
pub(crate) fn place(sorted: &mut [Diagnostic], text: &str) {
    let (mut at, mut line, mut column) = (0, 1, 1);
    for found in sorted {
        let start = text.floor_char_boundary(found.span.start.min(text.len()));
        if let Some(passed) = text.get(at..start) {
            match passed.rfind('\n') {
                Some(end) => {
                    line += passed.bytes().filter(|&byte| byte == b'\n').count();
                    column = passed[end + 1..].chars().count() + 1;
                }
                None => column += passed.chars().count(),
            }
            at = start;
        }
        found.line = line;
        found.column = column;
    }
}

/// The author's text for a message: escaped, cut, in backticks.
pub(crate) fn quote(text: &str) -> String {
    format!("`{}`", escape(text, limits::QUOTE_CHARS))
}

/// A key as one step of a JSON pointer: escaped like all texts, and cut if longer than any name.
pub(crate) fn pointer_step(key: &str) -> String {
    escape(key, limits::ID_BYTES).replace('~', "~0").replace('/', "~1")
}
