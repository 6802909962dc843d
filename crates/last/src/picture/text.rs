//! The graph as lines of text, for terminals and for readers who do not see pictures.

use std::fmt::Write as _;

use super::paint::{many, tally};
use super::{Face, Node, Picture};
use crate::escape::{cut, width};

/// Columns of an id.
const ID_COLUMNS: usize = 40;
/// How many dependencies a line names.
const NAMED: usize = 3;

/// The document.
pub(super) fn document(picture: &Picture) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", cut(&picture.title, 100));
    let _ = writeln!(out, "{}", picture.measure());
    if picture.tasks > 0 {
        let _ = writeln!(out, "{}", tally(&picture.counts));
    }
    if picture.is_banded() {
        bands(&mut out, picture);
    } else {
        full(&mut out, picture);
    }
    out
}

fn bands(out: &mut String, picture: &Picture) {
    out.push('\n');
    let mut arriving = vec![0; picture.nodes.len()];
    picture.lines.iter().for_each(|(_, target, count)| arriving[*target] += count);
    for (Node { id, face, .. }, arriving) in picture.nodes.iter().zip(arriving) {
        let Face::Many(counts) = face else { continue };
        let tasks = many(counts.iter().sum::<u32>() as usize, "task", "tasks");
        let arriving = match arriving {
            0 => String::new(),
            count => format!("  ← {}", many(count, "dependency", "dependencies")),
        };
        let _ = writeln!(out, "{id}: {tasks}: {}{arriving}", tally(counts));
    }
}

fn full(out: &mut String, picture: &Picture) {
    let nodes = &picture.nodes;
    let mut sources: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    picture.lines.iter().for_each(|(source, target, _)| sources[*target].push(*source));
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|index| nodes[*index].level);
    let named = |node: &Node| format!("{}{}", cut(&node.id, ID_COLUMNS), node.times());
    let ids: Vec<String> = nodes.iter().map(named).collect();
    let column = ids.iter().map(|id| width(id)).max().unwrap_or(0);
    let mut level = None;
    for index in order {
        let node = &nodes[index];
        if level.replace(node.level) != Some(node.level) {
            let _ = writeln!(out, "\nLevel {}", node.level + 1);
        }
        let (paint, gap) = (node.paint(), " ".repeat(column - width(&ids[index])));
        let named: Vec<&str> =
            sources[index].iter().take(NAMED).map(|source| ids[*source].as_str()).collect();
        let after = match sources[index].len() {
            0 => String::new(),
            count if count > NAMED => format!("← {} and {} more", named.join(", "), count - NAMED),
            _ => format!("← {}", named.join(", ")),
        };
        let state = match &node.face {
            Face::One(_) => format!("{} {:<9}", paint.sign, paint.word),
            Face::Many(counts) => tally(counts),
        };
        let line = format!("  {state}  {}{gap}  {after}", ids[index]);
        let _ = writeln!(out, "{}", line.trim_end());
    }
}
