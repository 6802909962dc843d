//! The graph in the DOT language.

use std::fmt::Write as _;

use super::paint::{Paint, tally};
use super::{Face, LABEL_COLUMNS, Picture};
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
    if !picture.is_banded() {
        out.push_str("  rankdir=LR;\n");
    }
    for (index, node) in picture.nodes.iter().enumerate() {
        let Paint { sign, word, fill, stroke, .. } = node.paint();
        let state = match &node.face {
            Face::One(_) => format!("{sign} {word}"),
            Face::Many(counts) => tally(counts),
        };
        let _ = writeln!(
            out,
            "  n{index} [label=\"{}{}\\n{state}\", tooltip=\"{}\", URL=\"{}\", \
             fillcolor=\"{fill}\", color=\"{stroke}\"];",
            dot(&cut(&node.id, LABEL_COLUMNS)),
            node.times(),
            dot(&cut(&node.id, 256)),
            node.link(index),
        );
    }
    for (source, target, count) in &picture.lines {
        let label = if *count > 1 { format!(" [label=\"{count}\"]") } else { String::new() };
        let _ = writeln!(out, "  n{source} -> n{target}{label};");
    }
    out.push_str("}\n");
    out
}
