//! The names that older producers gave to the parts of a file, turned into those of ALT.

use std::borrow::Cow;
use std::ops::Range;

use super::object::Object;
use super::tree::{Entry, Node, Value};
use crate::Code;
use crate::diagnostic::{Diagnostic, Findings};

/// Characters of a title made from a command: one line of a list.
const TITLE_CHARS: usize = 120;

/// Steps of the second version of the dialect. Nothing ever ran them, and leaving one out would
/// change what the file asks for.
const STEPS: &[&str] = &["condition", "loop", "function_def", "function_call", "variables"];

/// What such steps use, in the file.
const STEP_DATA: &[&str] = &["functions", "global_variables"];

/// What producers say of the whole file, without a field in ALT.
const ABOUT_FILE: &[&str] =
    &["language", "saved_at", "user_id", "global_parameters", "output_expectations"];

/// Fields of ALT that producers write as `null` when they have no value.
const OPTIONAL: &[&str] = &[
    "chaos_level",
    "created_at",
    "dependencies",
    "description",
    "expected_completion_time",
    "job",
    "last",
    "mode",
    "persona",
    "priority",
    "queue",
    "retry_count",
    "tags",
    "timeout_seconds",
];

/// Maps a file with `segments`; any other is returned as it is.
pub(super) fn to_alt<'a>(root: Node<'a>, text: &'a str, findings: &mut Findings) -> Node<'a> {
    let Value::Map(entries) = root.value else {
        return root;
    };
    let has = |name: &str| entries.iter().any(|entry| entry.key == name);
    if !has("segments") {
        return Node { span: root.span, value: Value::Map(entries) };
    }
    if has("tasks") {
        findings.error(|| {
            Diagnostic::error(Code::Yaml, root.span.start..root.span.start, "")
                .message("the file has `segments` and `tasks`")
                .help("keep one of the two")
        });
    }
    Dialect { text, findings }.file(root.span, entries)
}

struct Dialect<'a, 'f> {
    text: &'a str,
    findings: &'f mut Findings,
}

/// The parts of one task while its segment is read.
#[derive(Default)]
struct Parts<'a> {
    task: Object<'a>,
    content: Option<Node<'a>>,
    parameters: Object<'a>,
    /// Type, need and description of parameters, by the name of the parameter.
    declared: Object<'a>,
    metadata: Object<'a>,
}

impl<'a> Dialect<'a, '_> {
    fn file(&mut self, span: Range<usize>, entries: Vec<Entry<'a>>) -> Node<'a> {
        let (mut file, mut metadata, mut command) = (Object::default(), Object::default(), None);
        for Entry { key, node } in entries {
            let empty = is_empty(&node);
            let (name, node) = match &*key {
                "segments" => ("tasks".into(), self.segments(node)),
                "id" | "task_id" => ("id".into(), self.worded(node)),
                "version" => (key, self.worded(node)),
                "timestamp" | "created_at" if !empty => ("created_at".into(), zoned(node)),
                "command" | "original_command" => {
                    command = Some(self.worded(node));
                    continue;
                }
                "metadata" if matches!(node.value, Value::Null | Value::Map(_)) => {
                    self.put_all(&mut metadata, "/metadata", node);
                    continue;
                }
                name if STEP_DATA.contains(&name) => {
                    self.refuse_step("", name, &node);
                    continue;
                }
                name if ABOUT_FILE.contains(&name) => {
                    metadata.put(self.findings, "/metadata", key, node);
                    continue;
                }
                name if empty && (OPTIONAL.contains(&name) || name == "timestamp") => continue,
                _ => (key, node),
            };
            file.put(self.findings, "", name, node);
        }
        if let Some(command) = command {
            self.command(command, &mut file, &mut metadata);
        }
        if !metadata.is_empty() {
            file.put(self.findings, "", "metadata", metadata.node(span.clone()));
        }
        file.node(span)
    }

    /// A command becomes the title; where it does not fit, all of it is kept as well.
    fn command(&mut self, command: Node<'a>, file: &mut Object<'a>, metadata: &mut Object<'a>) {
        if file.get("title").is_none() {
            let Value::Text(text) = &command.value else {
                return file.put(self.findings, "", "title", command);
            };
            let title = Node { span: command.span.clone(), value: Value::Text(headline(text)) };
            let whole = title == command;
            file.put(self.findings, "", "title", title);
            if whole {
                return;
            }
        }
        if file.get("description").is_some() {
            metadata.put(self.findings, "/metadata", "command", command);
        } else {
            file.put(self.findings, "", "description", command);
        }
    }

    fn segments(&mut self, node: Node<'a>) -> Node<'a> {
        let Value::List(segments) = node.value else {
            return node;
        };
        let mut tasks = Vec::with_capacity(segments.len());
        for (index, Node { span, value }) in segments.into_iter().enumerate() {
            tasks.push(match value {
                Value::Map(entries) => self.segment(span, entries, &format!("/segments/{index}")),
                value => Node { span, value },
            });
        }
        Node { span: node.span, value: Value::List(tasks) }
    }

    fn segment(&mut self, span: Range<usize>, entries: Vec<Entry<'a>>, pointer: &str) -> Node<'a> {
        let mut parts = Parts::default();
        for entry in entries {
            self.segment_entry(entry, &mut parts, pointer);
        }
        let Parts { mut task, content, mut parameters, declared, mut metadata } = parts;
        let inside = format!("{pointer}/parameters");
        match (content, task.get("description")) {
            (Some(content), None) => task.put(self.findings, pointer, "description", content),
            (Some(content), Some(description)) if content != *description => {
                parameters.put(self.findings, &inside, "content", content);
            }
            _ => {}
        }
        if !declared.is_empty() {
            let at = format!("{pointer}/metadata");
            metadata.put(self.findings, &at, "parameters", declared.node(span.clone()));
        }
        if !metadata.is_empty() {
            parameters.put(self.findings, &inside, "metadata", metadata.node(span.clone()));
        }
        if !parameters.is_empty() {
            task.put(self.findings, pointer, "parameters", parameters.node(span.clone()));
        }
        task.node(span)
    }

    fn segment_entry(&mut self, entry: Entry<'a>, parts: &mut Parts<'a>, pointer: &str) {
        let Entry { key, node } = entry;
        let empty = is_empty(&node);
        let inside = || format!("{pointer}/parameters");
        let (name, node) = match &*key {
            "id" | "segment_id" => ("id".into(), self.worded(node)),
            "content" if !empty => {
                parts.content = Some(self.worded(node));
                return;
            }
            "content" | "type" | "task_type" if empty => return,
            "type" | "task_type" => {
                return parts.parameters.put(self.findings, &inside(), "task_type", node);
            }
            "dependencies" if !empty => (key, self.all_worded(node)),
            "parameters" => return self.parameters(node, parts, &inside()),
            "metadata" if matches!(node.value, Value::Null | Value::Map(_)) => {
                return self.put_all(&mut parts.metadata, &format!("{pointer}/metadata"), node);
            }
            "metadata" => return parts.parameters.put(self.findings, &inside(), key, node),
            name if STEPS.contains(&name) => return self.refuse_step(pointer, name, &node),
            name if empty && OPTIONAL.contains(&name) => return,
            _ => (key, node),
        };
        parts.task.put(self.findings, pointer, name, node);
    }

    /// A list of `name` and `value`, or an object already.
    fn parameters(&mut self, node: Node<'a>, parts: &mut Parts<'a>, pointer: &str) {
        match node.value {
            Value::Null | Value::Map(_) => self.put_all(&mut parts.parameters, pointer, node),
            Value::List(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    self.parameter(item, parts, pointer, index);
                }
            }
            Value::Word(_) | Value::Text(_) => {
                let help = "write a list of maps with `name` and `value`, or one map";
                self.fault(node.span, pointer, "the parameters are no list and no map", help);
            }
        }
    }

    fn parameter(&mut self, item: Node<'a>, parts: &mut Parts<'a>, inside: &str, index: usize) {
        let span = item.span;
        let pointer = format!("{inside}/{index}");
        let (mut name, mut value, mut rest) = (None, None, Object::default());
        if let Value::Map(entries) = item.value {
            for entry in entries {
                match &*entry.key {
                    "name" => name = Some(self.worded(entry.node)),
                    "value" => value = Some(entry.node),
                    _ => rest.put(self.findings, &pointer, entry.key, entry.node),
                }
            }
        }
        let Some(Node { value: Value::Text(name), .. }) = name else {
            let help = "write a map with `name` and `value`";
            return self.fault(span, &pointer, "the parameter has no name", help);
        };
        if !rest.is_empty() {
            let rest = rest.node(span.clone());
            parts.declared.put(self.findings, &pointer, name.clone(), rest);
        }
        let value = value.unwrap_or(Node { span, value: Value::Null });
        parts.parameters.put(self.findings, inside, name, value);
    }

    fn refuse_step(&mut self, pointer: &str, name: &str, node: &Node<'a>) {
        if is_empty(node) {
            return;
        }
        let at = node.span.clone();
        let message = format!("`{name}` cannot be expressed in an ALT file");
        let help = "remove it, and write out the tasks that shall run with their dependencies";
        self.fault(at, &format!("{pointer}/{name}"), &message, help);
    }

    /// Adds the fields of a map.
    fn put_all(&mut self, object: &mut Object<'a>, pointer: &str, map: Node<'a>) {
        if let Value::Map(entries) = map.value {
            for Entry { key, node } in entries {
                object.put(self.findings, pointer, key, node);
            }
        }
    }

    fn all_worded(&self, node: Node<'a>) -> Node<'a> {
        let value = match node.value {
            Value::List(items) => {
                Value::List(items.into_iter().map(|item| self.worded(item)).collect())
            }
            other => other,
        };
        Node { span: node.span, value }
    }

    /// An id, a version or a text that looked like a number: what the author wrote.
    fn worded(&self, node: Node<'a>) -> Node<'a> {
        let written = self.text.get(node.span.clone());
        match (&node.value, written) {
            (Value::Word(_), Some(written)) => {
                Node { span: node.span, value: Value::Text(written.trim_end().into()) }
            }
            _ => node,
        }
    }

    fn fault(&mut self, at: Range<usize>, pointer: &str, message: &str, help: &str) {
        self.findings
            .error(|| Diagnostic::error(Code::Yaml, at, pointer).message(message).help(help));
    }
}

fn is_empty(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Word(_) | Value::Text(_) => false,
    }
}

/// A time without zone was UTC where it was written.
fn zoned(node: Node<'_>) -> Node<'_> {
    let Value::Text(text) = &node.value else {
        return node;
    };
    let Some((day, time)) = text.split_once(['T', ' ']) else {
        return node;
    };
    if time.is_empty() || !time.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b':' | b'.')) {
        return node;
    }
    let value = Value::Text(format!("{day}T{time}Z").into());
    Node { span: node.span, value }
}

/// The text as one line, cut after a word.
fn headline<'a>(text: &str) -> Cow<'a, str> {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let space = usize::from(count > 0);
        if count + space + length >= TITLE_CHARS {
            let room = TITLE_CHARS - 1 - count;
            if count == 0 {
                line.extend(word.chars().take(room));
            }
            line.push('…');
            break;
        }
        line.push_str(if count > 0 { " " } else { "" });
        line.push_str(word);
        count += space + length;
    }
    line.into()
}
