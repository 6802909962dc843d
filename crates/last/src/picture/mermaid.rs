//! The graph as a Mermaid flowchart.

use std::fmt::Write as _;

use super::paint::{PAINTS, Paint, tally};
use super::{Face, LABEL_COLUMNS, Picture};
use crate::escape::{cut, mermaid};

/// The document.
pub(super) fn document(picture: &Picture) -> String {
    let mut out = String::new();
    // A JSON string is a YAML string too.
    let title = serde_json::Value::String(cut(&picture.title, 100));
    let _ = writeln!(out, "---\ntitle: {title}\n---");
    out.push_str(if picture.is_banded() { "flowchart TB\n" } else { "flowchart LR\n" });
    for (index, node) in picture.nodes.iter().enumerate() {
        let Paint { sign, word, .. } = node.paint();
        let label = mermaid(&cut(&node.id, LABEL_COLUMNS));
        let state = match &node.face {
            Face::One(_) => format!("{sign} {word}"),
            Face::Many(counts) => tally(counts),
        };
        let times = node.times();
        let _ = writeln!(out, "  n{index}[\"{label}{times}<br/>{state}\"]:::{word}");
    }
    for (source, target, count) in &picture.lines {
        let label = if *count > 1 { format!("|{count}|") } else { String::new() };
        let _ = writeln!(out, "  n{source} -->{label} n{target}");
    }
    for Paint { word, fill, stroke, .. } in PAINTS {
        if picture.nodes.iter().any(|node| node.paint().word == word) {
            let _ = writeln!(out, "  classDef {word} fill:{fill},stroke:{stroke}");
        }
    }
    out
}
