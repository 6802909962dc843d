//! The SVG of a graph in which every task is a box.

use std::fmt::Write as _;

use super::layout::{GAP, HEIGHT, Layout, WIDTH, layout};
use super::paint::{PAINTS, Paint, many, paint, present, tally};
use super::{Counts, LABEL_COLUMNS, Node, Picture};
use crate::TaskStatus;
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
pub(super) fn document(picture: &Picture, nodes: &[Node], edges: &[(usize, usize)]) -> String {
    let layout = layout(nodes, edges);
    let width = layout.width.max(LEAST_WIDTH) + 2 * MARGIN;
    let mut out = String::new();
    open(&mut out, picture, width, HEADER + layout.height + MARGIN);
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {HEADER})\">");
    lines(&mut out, nodes, edges, &layout);
    for (node, (x, y)) in nodes.iter().zip(&layout.boxes) {
        draw(&mut out, node, *x, *y);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The root element, the style, the title and the legend.
pub(super) fn open(out: &mut String, picture: &Picture, width: i64, height: i64) {
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title about\">"
    );
    let title = xml(&cut(&picture.title, TITLE_COLUMNS));
    let _ = writeln!(out, "<title id=\"title\">{title}</title>");
    let about = format!("{}: {}", picture.measure(), tally(&picture.counts));
    let _ = writeln!(out, "<desc id=\"about\">{}</desc>", xml(&about));
    style(out);
    out.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
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
    out.push_str(
        "<style>\n\
         text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;\
         fill:#1f2933}\n\
         .page{fill:#fcfcfd}\n\
         .heading{font-size:19px;font-weight:600}\n\
         .label{font-size:13px;font-weight:600}\n\
         .small{font-size:12px;fill:#52606d}\n\
         .row{fill:#fff;stroke:#cbd2d9;stroke-width:1.5}\n\
         .line{fill:none;stroke:#9aa5b1;stroke-width:1.5}\n\
         .cut{stroke-dasharray:5 4;stroke:#b8c1cc}\n\
         .tip{fill:#8592a0}\n\
         .icon{fill:none;stroke:#fff;stroke-width:1.9;stroke-linecap:round;stroke-linejoin:round}\n",
    );
    for paint in PAINTS {
        let Paint { word, fill, stroke, .. } = paint;
        let dashes = if word == "cancelled" { ";stroke-dasharray:5 3" } else { "" };
        let _ = writeln!(out, ".{word}{{fill:{fill};stroke:{stroke};stroke-width:1.5{dashes}}}");
        let _ = writeln!(out, ".{word}-mark{{fill:{stroke}}}");
    }
    out.push_str("</style>\n");
}

/// The sign of a status: a white shape in a filled circle.
fn icon(out: &mut String, paint: Paint, x: i64, y: i64) {
    let Paint { word, icon, .. } = paint;
    let _ = writeln!(
        out,
        "<g transform=\"translate({x} {y})\"><circle r=\"8\" class=\"{word}-mark\"/>\
         <path d=\"{icon}\" class=\"icon\"/></g>"
    );
}

fn lines(out: &mut String, nodes: &[Node], edges: &[(usize, usize)], layout: &Layout) {
    for ((source, _), points) in edges.iter().zip(&layout.lines) {
        let never = matches!(
            nodes[*source].status,
            Some(TaskStatus::Failed | TaskStatus::Timeout | TaskStatus::Cancelled)
        );
        let class = if never { "line cut" } else { "line" };
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
        let _ = writeln!(out, "<path d=\"{path}\" class=\"{class}\" marker-end=\"url(#tip)\"/>");
    }
}

/// A box whose middle left is `x`, `y`.
fn draw(out: &mut String, node: &Node, x: i64, y: i64) {
    let paint = paint(node.status);
    let top = y - HEIGHT / 2;
    let title = xml(&cut(&node.id, TITLE_COLUMNS));
    let _ = writeln!(out, "<g><title>{title}: {}</title>", paint.word);
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"9\" class=\"{}\"/>",
        paint.word
    );
    icon(out, paint, x + 20, y);
    let (left, label) = (x + 37, xml(&cut(&node.id, LABEL_COLUMNS)));
    let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\" class=\"label\">{label}</text>", top + 20);
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{}\" class=\"small\">{}</text></g>",
        top + 36,
        paint.word
    );
}
