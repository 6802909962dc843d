//! The graph in the DOT language.

use std::fmt::Write as _;

use super::paint::{many, paint, tally};
use super::{LABEL_COLUMNS, Picture, Shape};
use crate::escape::{cut, dot};

/// The document.
pub(super) fn document(picture: &Picture) -> String {
    let mut out = String::from("digraph last {\n");
    let title = dot(&cut(&picture.title, 100));
    let _ = writeln!(out, "  label=\"{title}\\n{}\";", picture.measure());
    out.push_str(
        "  labelloc=t;\n  fontname=\"sans-serif\";\n  node [shape=box, style=\"rounded,filled\", \
         fontname=\"sans-serif\"];\n  edge [color=\"#9aa5b1\"];\n",
    );
    match &picture.shape {
        Shape::Full { nodes, edges } => {
            out.push_str("  rankdir=LR;\n");
            for (index, node) in nodes.iter().enumerate() {
                let paint = paint(node.status);
                let _ = writeln!(
                    out,
                    "  n{index} [label=\"{}\\n{} {}\", tooltip=\"{}\", fillcolor=\"{}\", \
                     color=\"{}\"];",
                    dot(&cut(&node.id, LABEL_COLUMNS)),
                    paint.sign,
                    paint.word,
                    dot(&cut(&node.id, 256)),
                    paint.fill,
                    paint.stroke
                );
            }
            for (source, target) in edges {
                let _ = writeln!(out, "  n{source} -> n{target};");
            }
        }
        Shape::Folded(bands) => {
            for (index, band) in bands.iter().enumerate() {
                let (name, tasks) = (band.name(), many(band.tasks(), "task", "tasks"));
                let counts = tally(&band.counts);
                let _ = writeln!(
                    out,
                    "  b{index} [label=\"{name}: {tasks}\\n{counts}\", fillcolor=\"#ffffff\"];"
                );
                if let Some(above) = index.checked_sub(1) {
                    let _ = writeln!(out, "  b{above} -> b{index} [label=\"{}\"];", band.arriving);
                }
            }
        }
    }
    out.push_str("}\n");
    out
}
