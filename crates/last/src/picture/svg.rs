//! The SVG of a graph in which every task is a box.

use std::fmt::Write as _;

use super::layout::{GAP, HEIGHT, Layout, WIDTH, layout};
use super::paint::{PAINTS, Paint, many, present, tally};
use super::{Counts, Face, LABEL_COLUMNS, Node, PALETTE, Picture};
use crate::escape::{cut, xml};

/// Around everything.
pub(super) const MARGIN: i64 = 28;
/// Title, measure and legend.
pub(super) const HEADER: i64 = 108;
/// Less would cut the legend.
const LEAST_WIDTH: i64 = 640;
/// Characters of an id in a tooltip.
const TITLE_COLUMNS: usize = 256;

/// The document.
pub(super) fn document(picture: &Picture) -> String {
    let edges: Vec<_> =
        picture.lines.iter().map(|(source, target, _)| (*source, *target)).collect();
    let layout = layout(&picture.nodes, &edges);
    let width = layout.width.max(LEAST_WIDTH) + 2 * MARGIN;
    let mut out = String::new();
    open(&mut out, picture, width, HEADER + layout.height + MARGIN);
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {HEADER})\">");
    lines(&mut out, picture, &layout);
    for (place, (node, (x, y))) in picture.nodes.iter().zip(&layout.boxes).enumerate() {
        draw(&mut out, node, &node.link(place), *x, *y);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The root element, the style, the title and the legend.
pub(super) fn open(out: &mut String, picture: &Picture, width: i64, height: i64) {
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" class=\"graph\" \
         role=\"group\" aria-labelledby=\"graph-title graph-about\">"
    );
    let title = xml(&cut(&picture.title, TITLE_COLUMNS));
    let _ = writeln!(out, "<title id=\"graph-title\">{title}</title>");
    let about = format!("{}: {}", picture.measure(), tally(&picture.counts));
    let _ = writeln!(out, "<desc id=\"graph-about\">{}</desc>", xml(&about));
    style(out);
    out.push_str(
        "<defs><marker id=\"graph-tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 .8 7.2 4 0 7.2z\" class=\"tip\"/></marker>\
         </defs>\n",
    );
    let _ = writeln!(out, "<rect width=\"{width}\" height=\"{height}\" class=\"page\"/>");
    let columns = usize::try_from((width - 2 * MARGIN) / 12).unwrap_or(0);
    let heading = xml(&cut(&picture.title, columns));
    let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"38\" class=\"heading\">{heading}</text>");
    let measure = picture.measure();
    let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"59\" class=\"small\">{measure}</text>");
    legend(out, &picture.counts, MARGIN, 80);
}

/// How many of each status, in a line that begins at `x` and whose middle is `y`.
pub(super) fn legend(out: &mut String, counts: &Counts, mut x: i64, y: i64) {
    for (paint, count) in present(counts) {
        icon(out, paint, x + 8, y);
        let words = many(count as usize, paint.word, paint.word);
        let (left, baseline) = (x + 22, y + 4);
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{baseline}\" class=\"small\">{words}</text>");
        // No font is at hand to measure with: seven pixels a character are enough in most.
        x = left + 7 * i64::try_from(words.len()).unwrap_or(0) + 18;
    }
}

fn style(out: &mut String) {
    out.push_str("<style>");
    out.push_str(PALETTE);
    out.push_str(
        ".graph text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;\
         fill:var(--text)}\n\
         .graph .page{fill:var(--page)}\n\
         .graph .heading{font-size:19px;font-weight:600}\n\
         .graph .label{font-size:13px;font-weight:600}\n\
         .graph .small{font-size:12px;fill:var(--soft)}\n\
         .graph .row{fill:var(--card);stroke:var(--rule);stroke-width:1.5}\n\
         .graph .pile{fill:var(--card);stroke-width:1.5}\n\
         .graph .line{fill:none;stroke:var(--line);stroke-width:1.5}\n\
         .graph .cut{stroke-dasharray:5 4;stroke:var(--cut)}\n\
         .graph .tip{fill:var(--tip)}\n\
         .graph .icon{fill:none;stroke:var(--on-mark);stroke-width:1.9;stroke-linecap:round;\
         stroke-linejoin:round}\n\
         .graph a:hover rect,.graph a:focus rect{stroke-width:3}\n\
         .graph a{outline:none}\n",
    );
    for Paint { word, .. } in PAINTS {
        let dashes = if word == "cancelled" { ";stroke-dasharray:5 3" } else { "" };
        let _ = writeln!(
            out,
            ".graph .{word}{{fill:var(--{word}-fill);stroke:var(--{word});stroke-width:1.5{dashes}}}"
        );
        let _ = writeln!(out, ".graph .{word}-mark{{fill:var(--{word})}}");
    }
    out.push_str("</style>\n");
}

/// The sign of a status: a badge whose outline is its own, and strokes in it.
fn icon(out: &mut String, paint: Paint, x: i64, y: i64) {
    let Paint { word, badge, icon, .. } = paint;
    let _ = writeln!(
        out,
        "<g transform=\"translate({x} {y})\"><path d=\"{badge}\" class=\"{word}-mark\"/>\
         <path d=\"{icon}\" class=\"icon\"/></g>"
    );
}

fn lines(out: &mut String, picture: &Picture, layout: &Layout) {
    for ((source, _, count), points) in picture.lines.iter().zip(&layout.lines) {
        let class = if picture.nodes[*source].is_dead() { "line cut" } else { "line" };
        let mut path = String::new();
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let start = from.0 + WIDTH;
            if path.is_empty() {
                let _ = write!(path, "M{start} {}", from.1);
            } else {
                let _ = write!(path, "H{start}");
            }
            let middle = start + GAP / 2;
            if from.1 == to.1 {
                let _ = write!(path, "H{}", to.0);
            } else {
                let _ = write!(path, "C{middle} {} {middle} {} {} {}", from.1, to.1, to.0, to.1);
            }
        }
        let _ = write!(out, "<path d=\"{path}\" class=\"{class}\" marker-end=\"url(#graph-tip)\"");
        if *count > 1 {
            let many = many(*count, "dependency", "dependencies");
            let _ = writeln!(out, "><title>{many}</title></path>");
        } else {
            out.push_str("/>\n");
        }
    }
}

/// A box whose middle left is `x`, `y`.
fn draw(out: &mut String, node: &Node, link: &str, x: i64, y: i64) {
    let (paint, times) = (node.paint(), node.times());
    let top = y - HEIGHT / 2;
    let title = xml(&cut(&node.id, TITLE_COLUMNS));
    let _ = writeln!(out, "<a href=\"{link}\"><title>{title}{times}: {}</title>", node.state());
    let several = !times.is_empty();
    if several {
        // Two sheets behind it: it is many.
        for step in [8, 4] {
            let (left, up) = (x + step, top - step);
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{up}\" width=\"{}\" height=\"{HEIGHT}\" rx=\"9\" \
                 class=\"{} pile\"/>",
                WIDTH - 8,
                paint.word
            );
        }
    }
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"9\" class=\"{}\"/>",
        paint.word
    );
    icon(out, paint, x + 20, y);
    let columns = LABEL_COLUMNS - times.chars().count().min(LABEL_COLUMNS / 2);
    let (left, label) = (x + 37, xml(&cut(&node.id, columns)));
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{}\" class=\"label\">{label}{times}</text>",
        top + 20
    );
    match &node.face {
        Face::Many(counts) if several => {
            strip(out, counts, (left, WIDTH - 37 - 14), (top + 29, 8));
            out.push_str("</a>\n");
        }
        Face::One(_) | Face::Many(_) => {
            let (low, word) = (top + 36, paint.word);
            let _ =
                writeln!(out, "<text x=\"{left}\" y=\"{low}\" class=\"small\">{word}</text></a>");
        }
    }
}

/// A bar whose parts are as wide as their share; what is there is never too thin to see. `across` is
/// its left end and its width, `down` its top and its height.
pub(super) fn strip(out: &mut String, counts: &Counts, across: (i64, i64), down: (i64, i64)) {
    let ((start, width), (top, height)) = (across, down);
    let total = counts.iter().map(|count| i64::from(*count)).sum::<i64>().max(1);
    let (mut before, mut left) = (0, start);
    let mut rest = i64::try_from(present(counts).count()).unwrap_or(0);
    for (Paint { word, .. }, count) in present(counts) {
        rest -= 1;
        before += i64::from(count);
        let (least, most) = (left + 4, start + width - 5 * rest);
        let right = (start + width * before / total).clamp(least, most);
        // A gap, so that parts are told apart without colour.
        let gap = i64::from(rest > 0);
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{height}\" \
             class=\"{word}-mark\"/>",
            right - left - gap,
        );
        left = right;
    }
}
