//! The graph as a Mermaid flowchart.

use std::fmt::Write as _;

use super::paint::{PAINTS, many, paint, tally};
use super::{LABEL_COLUMNS, Picture, Shape};
use crate::escape::{cut, mermaid};

/// The document.
pub(super) fn document(picture: &Picture) -> String {
    let mut out = String::new();
    // A JSON string is a YAML string too.
    let title = serde_json::Value::String(cut(&picture.title, 100));
    let _ = writeln!(out, "---\ntitle: {title}\n---");
    match &picture.shape {
        Shape::Full { nodes, edges } => {
            out.push_str("flowchart LR\n");
            for (index, node) in nodes.iter().enumerate() {
                let (paint, label) = (paint(node.status), mermaid(&cut(&node.id, LABEL_COLUMNS)));
                let (sign, word) = (paint.sign, paint.word);
                let _ = writeln!(out, "  n{index}[\"{label}<br/>{sign} {word}\"]:::{word}");
            }
            for (source, target) in edges {
                let _ = writeln!(out, "  n{source} --> n{target}");
            }
            for paint in PAINTS {
                let (word, fill, stroke) = (paint.word, paint.fill, paint.stroke);
                if nodes.iter().any(|node| super::paint::paint(node.status).word == word) {
                    let _ = writeln!(out, "  classDef {word} fill:{fill},stroke:{stroke}");
                }
            }
        }
        Shape::Folded(bands) => {
            out.push_str("flowchart TB\n");
            for (index, band) in bands.iter().enumerate() {
                let (name, tasks) = (band.name(), many(band.tasks(), "task", "tasks"));
                let counts = tally(&band.counts);
                let _ = writeln!(out, "  b{index}[\"{name}, {tasks}<br/>{counts}\"]");
                if let Some(above) = index.checked_sub(1) {
                    let _ = writeln!(out, "  b{above} -- {} --> b{index}", band.arriving);
                }
            }
        }
    }
    out
}
