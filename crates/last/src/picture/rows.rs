//! The SVG of a folded graph: one row a band, a strip that shows how its tasks ended.

use std::fmt::Write as _;

use super::paint::{many, tally};
use super::svg::{HEADER, MARGIN, legend, open, strip};
use super::{Face, Node, Picture};

/// Width of a row.
const WIDTH: i64 = 760;
/// Height of a row.
const HEIGHT: i64 = 64;
/// Between two rows.
const GAP: i64 = 34;
/// Where the strip begins.
const STRIP_LEFT: i64 = 170;
/// Width of the strip.
const STRIP_WIDTH: i64 = WIDTH - STRIP_LEFT - 20;

/// The document.
pub(super) fn document(picture: &Picture) -> String {
    let rows = i64::try_from(picture.nodes.len()).unwrap_or(0);
    let mut out = String::new();
    let height = HEADER + rows * (HEIGHT + GAP) - GAP + MARGIN;
    open(&mut out, picture, WIDTH + 2 * MARGIN, height);
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {HEADER})\">");
    let arriving = arriving(picture);
    let mut top = 0;
    for (place, node) in picture.nodes.iter().enumerate() {
        if place > 0 {
            arrow(&mut out, arriving[place], top);
        }
        row(&mut out, node, &node.link(place), top);
        top += HEIGHT + GAP;
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// How many dependencies arrive at each band from the band above it, and from further above.
fn arriving(picture: &Picture) -> Vec<(usize, usize)> {
    let mut arriving = vec![(0, 0); picture.nodes.len()];
    for (source, target, count) in &picture.lines {
        let (near, far) = &mut arriving[*target];
        *if source + 1 == *target { near } else { far } += count;
    }
    arriving
}

fn arrow(out: &mut String, (near, far): (usize, usize), top: i64) {
    let (above, middle) = (top - GAP, top - GAP / 2 + 4);
    let mut text = many(near, "dependency", "dependencies");
    if far > 0 {
        // Past the box above, from somewhere behind it.
        let _ = writeln!(
            out,
            "<path d=\"M60 {}V{}H74V{top}\" class=\"line cut\" marker-end=\"url(#graph-tip)\"/>",
            above,
            above + 10
        );
        text = format!("{text}, {} from further above", many(far, "more", "more"));
    }
    let _ = writeln!(
        out,
        "<path d=\"M88 {above}V{top}\" class=\"line\" marker-end=\"url(#graph-tip)\"/>\
         <text x=\"104\" y=\"{middle}\" class=\"small\">{text}</text>"
    );
}

fn row(out: &mut String, node: &Node, link: &str, top: i64) {
    let Face::Many(counts) = &node.face else { return };
    let (name, tasks) = (&node.id, many(counts.iter().sum::<u32>() as usize, "task", "tasks"));
    let words = tally(counts);
    let _ = writeln!(out, "<a href=\"{link}\"><title>{name}: {tasks}: {words}</title>");
    let _ = writeln!(
        out,
        "<rect y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"9\" class=\"row\"/>"
    );
    let (first, second) = (top + 27, top + 47);
    let _ = writeln!(out, "<text x=\"20\" y=\"{first}\" class=\"label\">{name}</text>");
    let _ = writeln!(out, "<text x=\"20\" y=\"{second}\" class=\"small\">{tasks}</text>");
    strip(out, counts, (STRIP_LEFT, STRIP_WIDTH), (top + 16, 12));
    legend(out, counts, STRIP_LEFT, top + 44);
    out.push_str("</a>\n");
}
