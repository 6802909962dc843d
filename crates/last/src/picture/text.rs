//! The graph as lines of text, for terminals and for readers who do not see pictures.

use std::fmt::Write as _;

use super::paint::{many, paint, tally};
use super::{Node, Picture, Shape};
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
    match &picture.shape {
        Shape::Full { nodes, edges } => full(&mut out, nodes, edges),
        Shape::Folded(bands) => {
            out.push('\n');
            for band in bands {
                let (name, tasks) = (band.name(), many(band.tasks(), "task", "tasks"));
                let arriving = match band.arriving {
                    0 => String::new(),
                    count => format!("  ← {}", many(count, "dependency", "dependencies")),
                };
                let _ = writeln!(out, "{name}: {tasks}: {}{arriving}", tally(&band.counts));
            }
        }
    }
    out
}

fn full(out: &mut String, nodes: &[Node], edges: &[(usize, usize)]) {
    let mut sources: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    edges.iter().for_each(|(source, target)| sources[*target].push(*source));
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|index| nodes[*index].level);
    let ids: Vec<String> = nodes.iter().map(|node| cut(&node.id, ID_COLUMNS)).collect();
    let column = ids.iter().map(|id| width(id)).max().unwrap_or(0);
    let mut level = None;
    for index in order {
        let node = &nodes[index];
        if level.replace(node.level) != Some(node.level) {
            let _ = writeln!(out, "\nLevel {}", node.level + 1);
        }
        let (paint, gap) = (paint(node.status), " ".repeat(column - width(&ids[index])));
        let named: Vec<&str> =
            sources[index].iter().take(NAMED).map(|source| ids[*source].as_str()).collect();
        let after = match sources[index].len() {
            0 => String::new(),
            count if count > NAMED => format!("← {} and {} more", named.join(", "), count - NAMED),
            _ => format!("← {}", named.join(", ")),
        };
        let line = format!("  {} {:<9}  {}{gap}  {after}", paint.sign, paint.word, ids[index]);
        let _ = writeln!(out, "{}", line.trim_end());
    }
}
