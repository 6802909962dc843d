//! A JSON object under construction, in which no value may take the place of another.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::tree::{Entry, Node, Value};
use crate::Code;
use crate::diagnostic::{Diagnostic, Findings, quote};

/// Fields in the order they came. The author chooses how many, so a name is looked up by hash.
#[derive(Default)]
pub(super) struct Object<'a> {
    entries: Vec<Entry<'a>>,
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Object<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.places.get(key).and_then(|&place| self.entries.get(place)).map(|entry| &entry.node)
    }

    /// Adds a field. Another value under its name would be lost, so that is a fault.
    pub(super) fn put(
        &mut self,
        findings: &mut Findings,
        pointer: &str,
        key: impl Into<Cow<'a, str>>,
        node: Node<'a>,
    ) {
        let key = key.into();
        let Some(first) = self.get(&key) else {
            self.places.insert(key.clone(), self.entries.len());
            self.entries.push(Entry { key, node });
            return;
        };
        if *first == node {
            return;
        }
        let first = first.span.clone();
        findings.error(|| {
            Diagnostic::error(Code::Yaml, node.span, pointer)
                .message(format!("two values would become {} of one object", quote(&key)))
                .label("this value")
                .related(first, "and this one")
                .help("keep one of them, or rename it")
        });
    }

    pub(super) fn node(self, span: Range<usize>) -> Node<'a> {
        Node { span, value: Value::Map(self.entries) }
    }
}
