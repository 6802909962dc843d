//! One walk over the brackets and strings of a JSON text: what serde does not refuse and we do.
//!
//! Depth, repeated keys, long strings and half surrogate pairs, with places. Nothing recurses, so
//! 100,000 opening brackets are a diagnostic and not a stack overflow. The text need not be JSON.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Findings, pointer_step, quote};
use crate::{Code, limits};

/// An object's keys are compared one by one up to here, then by hash: most objects are small.
const FEW_KEYS: usize = 24;

/// One open bracket.
#[derive(Debug, Default)]
struct Frame<'a> {
    object: bool,
    /// The next string of an object is a key.
    expects_key: bool,
    key: Cow<'a, str>,
    index: usize,
    few: Vec<(Cow<'a, str>, usize)>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Frame<'a> {
    fn open(&mut self, object: bool) {
        self.object = object;
        self.expects_key = object;
        self.index = 0;
        self.key = Cow::Borrowed("");
        self.few.clear();
        self.many.clear();
    }

    /// Whether the key was there before, and where if that is still known.
    fn repeats(&mut self, key: Cow<'a, str>, at: usize) -> Option<Option<usize>> {
        if let Some((_, first)) = self.few.iter().find(|(known, _)| *known == key) {
            return Some(Some(*first));
        }
        if self.few.len() < FEW_KEYS {
            self.few.push((key, at));
            return None;
        }
        (!self.many.insert(key)).then_some(None)
    }
}

/// A string literal met on the walk.
#[derive(Debug, Clone)]
pub(crate) struct Literal {
    /// With its quotes.
    pub(crate) span: Range<usize>,
    pub(crate) is_key: bool,
}

/// The walk itself: brackets with their keys, and each string as it is met.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    text: &'a str,
    at: usize,
    frames: Vec<Frame<'a>>,
    depth: usize,
}

/// What the walk came to.
#[derive(Debug)]
pub(crate) enum Step {
    /// A string, key or value.
    String(Literal),
    /// A bracket too many, at this byte.
    TooDeep(usize),
}

impl<'a> Walk<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, frames: Vec::new(), depth: 0 }
    }

    /// The next string, or the first bracket beyond the depth limit.
    pub(crate) fn step(&mut self) -> Option<Step> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let at = self.at;
            self.at += 1;
            match byte {
                b'"' => {
                    let span = at..string_end(bytes, at)?;
                    self.at = span.end;
                    let is_key = self.top().is_some_and(|frame| frame.object && frame.expects_key);
                    return Some(Step::String(Literal { span, is_key }));
                }
                b'{' | b'[' if self.depth == limits::DEPTH => return Some(Step::TooDeep(at)),
                b'{' | b'[' => self.open(byte == b'{'),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b':' => self.with_top(|frame| frame.expects_key = false),
                b',' => self.with_top(|frame| {
                    frame.expects_key = frame.object;
                    frame.index += 1;
                }),
                _ => {}
            }
        }
        None
    }

    fn open(&mut self, object: bool) {
        if self.frames.len() == self.depth {
            self.frames.push(Frame::default());
        }
        self.frames[self.depth].open(object);
        self.depth += 1;
    }

    fn top(&mut self) -> Option<&mut Frame<'a>> {
        self.frames[..self.depth].last_mut()
    }

    fn with_top(&mut self, change: impl FnOnce(&mut Frame<'a>)) {
        if let Some(frame) = self.top() {
            change(frame);
        }
    }

    /// The JSON pointer of the value the walk is at.
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for frame in &self.frames[..self.depth] {
            pointer.push('/');
            if frame.object {
                pointer.push_str(&pointer_step(&frame.key));
            } else {
                pointer.push_str(&frame.index.to_string());
            }
        }
        pointer
    }
}

/// Just past the closing quote of the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == b'"' || byte == b'\\')?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Finds the faults of a text. False when it is nested too deep to go on.
pub(crate) fn check(text: &str, findings: &mut Findings) -> bool {
    findings.phase();
    let mut walk = Walk::new(text);
    while let Some(step) = walk.step() {
        match step {
            Step::TooDeep(at) => {
                findings.error(|| too_deep(at, walk.pointer()));
                return false;
            }
            Step::String(literal) => check_string(&mut walk, &literal, findings),
        }
    }
    true
}

fn check_string(walk: &mut Walk<'_>, literal: &Literal, findings: &mut Findings) {
    let text = walk.text;
    let quoted = &text[literal.span.clone()];
    let inner = &quoted[1..quoted.len() - 1];
    if inner.len() > limits::STRING_BYTES {
        findings.error(|| too_long(literal.span.clone(), walk.pointer(), inner.len()));
    }
    let decoded = if inner.contains('\\') {
        match serde_json::from_str::<String>(quoted) {
            Ok(decoded) => Cow::Owned(decoded),
            // The one fault that a string of valid JSON can have; if the text is not valid, that is
            // told instead of this.
            Err(_) => {
                findings.error(|| lone_surrogate(literal.span.clone(), walk.pointer()));
                return;
            }
        }
    } else {
        Cow::Borrowed(inner)
    };
    if !literal.is_key {
        return;
    }
    let start = literal.span.start;
    let mut repeated = None;
    walk.with_top(|frame| {
        repeated = frame.repeats(decoded.clone(), start);
        frame.key = decoded;
    });
    if let Some(first) = repeated {
        findings.error(|| {
            let fault = Diagnostic::error(Code::DuplicateKey, literal.span.clone(), walk.pointer())
                .message(format!("the key {} stands twice in one object", quote(inner)))
                .label("again here")
                .help("remove one of the two: readers differ on which one counts");
            match first {
                Some(first) => fault.related(first..first + quoted.len(), "first here"),
                None => fault,
            }
        });
    }
}

fn too_deep(at: usize, pointer: String) -> Diagnostic {
    Diagnostic::error(Code::Depth, at..at + 1, pointer)
        .message(format!("brackets are nested more than {} deep", limits::DEPTH))
        .label("one too many")
        .help("flatten the value, or keep it in a file that a task reads")
}

fn too_long(span: Range<usize>, pointer: String, bytes: usize) -> Diagnostic {
    Diagnostic::error(Code::StringSize, span.start..span.start + 1, pointer)
        .message(format!("a string of {bytes} bytes; at most {} are allowed", limits::STRING_BYTES))
        .label("this string")
        .help("keep long texts in a file or at a URL, and let a task fetch them")
}

fn lone_surrogate(span: Range<usize>, pointer: String) -> Diagnostic {
    Diagnostic::error(Code::LoneSurrogate, span, pointer)
        .message("a `\\u` escape is half of a surrogate pair")
        .label("no character has this code")
        .help("write both halves, such as `\\ud83d\\ude00`, or the character itself")
}
