//! The SVG of a folded graph: one row a band, a strip that shows how its tasks ended.

use std::fmt::Write as _;

use super::Picture;
use super::fold::Band;
use super::paint::{many, present, tally};
use super::svg::{HEADER, MARGIN, legend, open};

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
pub(super) fn document(picture: &Picture, bands: &[Band]) -> String {
    let rows = i64::try_from(bands.len()).unwrap_or(0);
    let mut out = String::new();
    let height = HEADER + rows * (HEIGHT + GAP) - GAP + MARGIN;
    open(&mut out, picture, WIDTH + 2 * MARGIN, height);
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {HEADER})\">");
    let mut top = 0;
    for (index, band) in bands.iter().enumerate() {
        if index > 0 {
            arrow(&mut out, band, top);
        }
        row(&mut out, band, top);
        top += HEIGHT + GAP;
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn arrow(out: &mut String, band: &Band, top: i64) {
    let (middle, text) = (top - GAP / 2 + 4, many(band.arriving, "dependency", "dependencies"));
    let _ = writeln!(
        out,
        "<path d=\"M88 {}V{top}\" class=\"line\" marker-end=\"url(#tip)\"/>\
         <text x=\"104\" y=\"{middle}\" class=\"small\">{text}</text>",
        top - GAP
    );
}

fn row(out: &mut String, band: &Band, top: i64) {
    let (name, tasks) = (band.name(), many(band.tasks(), "task", "tasks"));
    let words = tally(&band.counts);
    let _ = writeln!(out, "<g><title>{name}: {tasks}: {words}</title>");
    let _ = writeln!(
        out,
        "<rect y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"9\" class=\"row\"/>"
    );
    let (first, second) = (top + 27, top + 47);
    let _ = writeln!(out, "<text x=\"20\" y=\"{first}\" class=\"label\">{name}</text>");
    let _ = writeln!(out, "<text x=\"20\" y=\"{second}\" class=\"small\">{tasks}</text>");
    strip(out, band, top + 16);
    legend(out, &band.counts, STRIP_LEFT, top + 44);
    out.push_str("</g>\n");
}

/// A bar whose parts are as wide as their share; what is there is never too thin to see.
fn strip(out: &mut String, band: &Band, top: i64) {
    let total = i64::try_from(band.tasks()).unwrap_or(i64::MAX).max(1);
    let (mut before, mut left) = (0, STRIP_LEFT);
    let mut rest = i64::try_from(present(&band.counts).count()).unwrap_or(0);
    for (paint, count) in present(&band.counts) {
        rest -= 1;
        before += i64::from(count);
        let least = left + 4;
        let most = STRIP_LEFT + STRIP_WIDTH - 4 * rest;
        let right = (STRIP_LEFT + STRIP_WIDTH * before / total).clamp(least, most);
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"12\" class=\"{}-mark\" \
             stroke=\"#fff\"/>",
            right - left,
            paint.word
        );
        left = right;
    }
}
