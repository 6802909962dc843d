//! One YAML document as a tree with places, without anything that hides a size, a type or a value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use serde_saphyr::granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, options,
};

use super::scalar;
use crate::diagnostic::{Diagnostic, Findings, quote};
use crate::visible::escape;
use crate::{Code, limits};

/// A value and the bytes it was written in.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) span: Range<usize>,
    pub(super) value: Value<'a>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    /// `true`, `false` or a number, as JSON writes it.
    Word(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<Entry<'a>>),
}

/// A key and its value.
#[derive(Debug, PartialEq)]
pub(super) struct Entry<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) node: Node<'a>,
}

/// The place of a value is no part of what it is.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A collection whose end was not read yet.
enum Open<'a> {
    List { start: usize, items: Vec<Node<'a>> },
    Map { start: usize, entries: Vec<Entry<'a>>, key: Option<Cow<'a, str>>, seen: Seen<'a> },
}

/// The keys of one map, and where they stand.
type Seen<'a> = HashMap<Cow<'a, str>, Range<usize>>;

/// Reading cannot go on; why is among the findings.
struct Stop;

struct Reader<'a, 'f> {
    text: &'a str,
    findings: &'f mut Findings,
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    values: usize,
    documents: usize,
    /// The pointer of the node whose anchor is the next event.
    anchored: String,
}

/// Reads the only document of `text`. Nothing comes back if the reader had to stop; what was read
/// may only be used if there are no findings.
pub(super) fn read<'a>(text: &'a str, findings: &mut Findings) -> Option<Node<'a>> {
    let options = options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
    };
    let mut reader = Reader {
        text,
        findings,
        open: Vec::new(),
        root: None,
        values: 0,
        documents: 0,
        anchored: String::new(),
    };
    let parser: Parser<'a, StrInput<'a>> = Parser::new_from_str_with_options(text, options);
    for event in parser {
        let read = match event {
            Ok((event, span)) => reader.event(event, span),
            Err(error) => reader.not_yaml(&error),
        };
        if read.is_err() {
            return None;
        }
    }
    if reader.root.is_none() {
        reader.fault(0..0, "the file is empty", "write an object with `id`, `title` and `tasks`");
    }
    reader.root
}

impl<'a> Reader<'a, '_> {
    fn event(&mut self, event: Event<'a>, span: Span) -> Result<(), Stop> {
        let at = span.byte_range().unwrap_or(0..0);
        if let Some(tag) = event.tag() {
            let place = span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or(at.clone());
            let message = format!("the tag {} is refused", quote(&tag.original()));
            self.fault(place, &message, "remove the tag; what must stay text goes into quotes");
        }
        if event.anchor_id().is_some() && !matches!(event, Event::Anchor(..)) {
            self.anchored = pointer(&self.open);
        }
        if event.is_node() {
            self.no_tab_before(&at);
        }
        match event {
            Event::DocumentStart(..) => self.document(at),
            Event::Anchor(_, name) => {
                let (findings, anchored) = (&mut *self.findings, &self.anchored);
                findings.error(|| {
                    Diagnostic::error(Code::Yaml, at, anchored.as_str())
                        .message(format!("the anchor {} is refused", quote(&format!("&{name}"))))
                        .help("remove the anchor, and write the value again where it is needed")
                });
                Ok(())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let alias = quote(self.text.get(at.clone()).unwrap_or("*"));
                let message = format!("the alias {alias} is refused");
                self.fault(at.clone(), &message, "write the value itself in its place");
                self.node(at, Value::Null)
            }
            Event::Scalar(text, style, ..) => self.scalar(at, text, style),
            Event::SequenceStart(..) => {
                self.start(&at, Open::List { start: at.start, items: Vec::new() })
            }
            Event::MappingStart(..) => {
                let (entries, seen) = (Vec::new(), Seen::new());
                self.start(&at, Open::Map { start: at.start, entries, key: None, seen })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at.end),
            _ => Ok(()),
        }
    }

    fn document(&mut self, at: Range<usize>) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        self.fault(at, "a second document starts here", "write one file for each document");
        Err(Stop)
    }

    fn scalar(
        &mut self,
        at: Range<usize>,
        text: Cow<'a, str>,
        style: ScalarStyle,
    ) -> Result<(), Stop> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            if plain && (at.is_empty() || text == "<<") {
                let message = if at.is_empty() { "a key is empty" } else { "`<<` is refused" };
                self.fault(at.clone(), message, "write the keys and values themselves");
            }
            return self.key(at, text);
        }
        let value = if !plain {
            Value::Text(text)
        } else if at.is_empty() {
            Value::Null
        } else {
            scalar::resolve(text).unwrap_or_else(|scalar::NotJson| {
                let number = quote(self.text.get(at.clone()).unwrap_or(""));
                let message = format!("JSON has no number {number}");
                self.fault(at.clone(), &message, "write another number, or put it into quotes");
                Value::Null
            })
        };
        self.node(at, value)
    }

    fn key(&mut self, at: Range<usize>, text: Cow<'a, str>) -> Result<(), Stop> {
        if let Some(Open::Map { key, seen, .. }) = self.open.last_mut() {
            let first = seen.insert(text.clone(), at.clone());
            *key = Some(text);
            if let Some(first) = first {
                let (findings, open) = (&mut *self.findings, &self.open);
                findings.error(|| {
                    Diagnostic::error(Code::Yaml, at, pointer(open))
                        .message("the key stands twice in one map")
                        .label("again")
                        .related(first, "first here")
                        .help("remove or rename one of the two")
                });
            }
        }
        Ok(())
    }

    /// Opens a collection, which may be neither a key nor too deep.
    fn start(&mut self, at: &Range<usize>, opened: Open<'a>) -> Result<(), Stop> {
        let place = at.start..at.end.max(at.start);
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            self.fault(place, "a list or a map is used as a key", "use a text as the key");
            return Err(Stop);
        }
        if self.open.len() == limits::DEPTH {
            return self.too_deep(place);
        }
        self.open.push(opened);
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), Stop> {
        let (start, value) = match self.open.pop() {
            Some(Open::List { start, items }) => (start, Value::List(items)),
            Some(Open::Map { start, entries, .. }) => (start, Value::Map(entries)),
            None => return Ok(()),
        };
        self.node(start..end.max(start), value)
    }

    /// Puts a finished value where it belongs.
    fn node(&mut self, span: Range<usize>, value: Value<'a>) -> Result<(), Stop> {
        self.values += 1;
        if self.values > limits::YAML_VALUES {
            let message = format!("the file has more than {} values", limits::YAML_VALUES);
            self.fault(span, &message, "write it as JSON, or split it into several files");
            return Err(Stop);
        }
        let node = Node { span, value };
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                let Some(key) = key.take() else {
                    self.fault(node.span, "an alias is used as a key", "use a text as the key");
                    return Err(Stop);
                };
                entries.push(Entry { key, node });
            }
        }
        Ok(())
    }

    /// The parser lets some tabs pass before brackets; people see them as any other indentation.
    fn no_tab_before(&mut self, at: &Range<usize>) {
        let before = self.text.get(..at.start).unwrap_or("");
        let rest = before.trim_end_matches([' ', '\t']);
        let indentation = &before[rest.len()..];
        let starts_line = rest.is_empty() || rest.ends_with(['\n', '\r']);
        if starts_line && !at.is_empty() && indentation.contains('\t') {
            let tab = rest.len() + indentation.find('\t').unwrap_or(0);
            self.tab(tab..tab + 1);
        }
    }

    fn tab(&mut self, at: Range<usize>) {
        self.fault(at, "a tab is used as indentation", "indent with spaces");
    }

    fn too_deep(&mut self, at: Range<usize>) -> Result<(), Stop> {
        let (findings, open) = (&mut *self.findings, &self.open);
        findings.error(|| {
            Diagnostic::error(Code::Depth, at, pointer(open))
                .message(format!("lists and maps are nested deeper than {}", limits::DEPTH))
                .help("flatten the value, or pass it as one string")
        });
        Err(Stop)
    }

    fn not_yaml(&mut self, error: &ScanError) -> Result<(), Stop> {
        let marker = error.marker();
        let start = marker.byte_offset().unwrap_or_else(|| {
            let mut characters = self.text.char_indices();
            characters.nth(marker.index()).map_or(self.text.len(), |(at, _)| at)
        });
        let at = start..self.text.ceil_char_boundary(start + 1);
        match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar => {
                let line = self.text.get(..start).unwrap_or("");
                let line = line.rfind('\n').map_or(0, |end| end + 1);
                let tab = self.text.get(line..).and_then(|rest| rest.find('\t'));
                self.tab(tab.map_or(at, |tab| line + tab..line + tab + 1));
            }
            ErrorKind::RecursionLimitExceeded => return self.too_deep(at),
            _ => {
                let reason = escape(&error.info(), limits::QUOTE_CHARS);
                let message = format!("the text is not YAML: {reason}");
                self.fault(at, &message, "mend the marked place, or write the file as JSON");
            }
        }
        Err(Stop)
    }

    fn fault(&mut self, at: Range<usize>, message: &str, help: &str) {
        let (findings, open) = (&mut *self.findings, &self.open);
        findings
            .error(|| Diagnostic::error(Code::Yaml, at, pointer(open)).message(message).help(help));
    }
}

/// The JSON pointer of the value that is read next.
fn pointer(open: &[Open<'_>]) -> String {
    let mut pointer = String::new();
    for frame in open {
        match frame {
            Open::List { items, .. } => pointer.push_str(&format!("/{}", items.len())),
            Open::Map { key: Some(key), .. } => {
                pointer.push('/');
                let key = key.replace('~', "~0").replace('/', "~1");
                pointer.push_str(&escape(&key, usize::MAX));
            }
            Open::Map { key: None, .. } => {}
        }
    }
    pointer
}
