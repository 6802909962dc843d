//! The YAML of older producers, turned into the JSON of an ALT file.

mod dialect;
mod object;
mod scalar;
mod tree;

#[cfg(test)]
mod tests;

use crate::diagnostic::{Diagnostic, Findings};
use crate::{Code, limits};

use tree::{Node, Value};

/// Turns a YAML text into the text of a JSON ALT file, two spaces a level.
///
/// One document of plain maps, lists and scalars of the YAML 1.2 core schema is read: `no` is a
/// string, and a number that JSON can write keeps its digits. A file with `tasks` is passed through
/// key by key. A file with `segments` is mapped: `segments` to `tasks`, `content` to `description`,
/// `command` to `title`, a `timestamp` without zone to `created_at` in UTC, a list of named
/// parameters to an object. What ALT has no field for goes to `metadata` of the file or of the
/// parameters; a key that is not known stays where it is. The result is JSON, not yet a valid file.
///
/// # Errors
/// The faults in order of their place in the YAML text, at most [`limits::DIAGNOSTICS`]: aliases,
/// anchors, tags, merge keys, tabs as indentation, repeated keys, several documents, numbers that
/// JSON cannot write, steps that ALT cannot express, or a text that is not YAML, not UTF-8 or
/// larger than 16 MiB.
pub fn yaml_to_json(bytes: &[u8]) -> Result<String, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let Some(text) = decode(bytes, &mut findings) else {
        let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        return Err(findings.close(valid).0);
    };
    let mut root = tree::read(text, &mut findings);
    if !findings.refused() {
        root = root.map(|root| dialect::to_alt(root, text, &mut findings));
    }
    match root {
        Some(root) if !findings.refused() => {
            let mut json = String::with_capacity(bytes.len());
            write(&root, 0, &mut json);
            json.push('\n');
            Ok(json)
        }
        _ => Err(findings.close(text).0),
    }
}

/// The bytes as text, or a finding.
fn decode<'a>(bytes: &'a [u8], findings: &mut Findings) -> Option<&'a str> {
    if bytes.len() > limits::YAML_BYTES {
        findings.error(|| {
            Diagnostic::error(Code::Yaml, 0..0, "")
                .message(format!("the YAML text is larger than {} MiB", limits::YAML_BYTES >> 20))
                .help(format!("write it as JSON: that may have {} MiB", limits::FILE_BYTES >> 20))
        });
        return None;
    }
    match str::from_utf8(bytes) {
        Ok(text) if text.starts_with('\u{feff}') => {
            findings.error(|| {
                Diagnostic::error(Code::Encoding, 0..3, "")
                    .message("the file starts with a byte order mark")
                    .help("save it as UTF-8 without byte order mark")
            });
            None
        }
        Ok(text) => Some(text),
        Err(error) => {
            let at = error.valid_up_to();
            findings.error(|| {
                Diagnostic::error(Code::Encoding, at..at + 1, "")
                    .message(format!("byte {at} is not UTF-8"))
                    .help("save the file as UTF-8")
            });
            None
        }
    }
}

/// Appends `node` as JSON. The depth was bounded when the tree was read.
fn write(node: &Node<'_>, level: usize, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Word(word) => out.push_str(word),
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            let lines = items.iter().map(|item| (None, item));
            write_lines('[', lines, ']', level, out);
        }
        Value::Map(entries) => {
            let lines = entries.iter().map(|entry| (Some(&*entry.key), &entry.node));
            write_lines('{', lines, '}', level, out);
        }
    }
}

fn write_lines<'n, 'a: 'n>(
    open: char,
    lines: impl ExactSizeIterator<Item = (Option<&'n str>, &'n Node<'a>)>,
    close: char,
    level: usize,
    out: &mut String,
) {
    let empty = lines.len() == 0;
    out.push(open);
    for (place, (key, node)) in lines.enumerate() {
        out.push_str(if place == 0 { "\n" } else { ",\n" });
        indent(level + 1, out);
        if let Some(key) = key {
            write_text(key, out);
            out.push_str(": ");
        }
        write(node, level + 1, out);
    }
    if !empty {
        out.push('\n');
        indent(level, out);
    }
    out.push(close);
}

fn indent(level: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
