//! The figures as a picture: a panel a shape, a bar a system.

use std::fmt::Write as _;

use crate::figures::System;
use crate::shape::Shape;

const PANEL: usize = 500;
const COLUMNS: usize = 2;
const NAME: usize = 230;
const BAR: usize = 150;
const ROW: usize = 20;
const HEAD: usize = 34;
const FOOT: usize = 16;

/// An SVG of its own, light and dark; a panel has those that were measured.
pub(crate) fn chart(systems: &[System]) -> String {
    let measured = |shape: &Shape| systems.iter().filter(|it| it.figure(*shape).is_some()).count();
    let shapes: Vec<_> = Shape::ALL.into_iter().filter(|shape| measured(shape) > 0).collect();
    // As high as the longer one of those beside each other.
    let rows = shapes.chunks(COLUMNS);
    let rows = rows.map(|row| HEAD + row.iter().map(measured).max().unwrap_or(0) * ROW + FOOT);
    let rows: Vec<usize> = rows.collect();
    let (width, height) = (COLUMNS * PANEL, rows.iter().sum::<usize>());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<style>\
         text {{ fill: #222 }} .own {{ fill: #0b7a75 }} .peer {{ fill: #9aa5b1 }} .raw {{ fill: #d7b25d }} \
         .ground {{ fill: #fff }} @media (prefers-color-scheme: dark) \
         {{ text {{ fill: #ddd }} .ground {{ fill: #16181d }} }}</style>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (place, shape) in shapes.into_iter().enumerate() {
        let (x, y) = (place % COLUMNS * PANEL, rows[..place / COLUMNS].iter().sum::<usize>());
        let best = if shape.more_is_better() { "more is better" } else { "less is better" };
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" font-weight=\"600\">{}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-size=\"10\">{}, {best}</text>",
            x + 10,
            y + 20,
            shape.heading(),
            x + PANEL - 12,
            y + 20,
            shape.unit(),
        )
        .unwrap();
        bars(&mut svg, systems, shape, (x, y + HEAD));
    }
    svg.push_str("</svg>\n");
    svg
}

fn bars(svg: &mut String, systems: &[System], shape: Shape, (x, y): (usize, usize)) {
    let figures = systems.iter().filter_map(|system| Some((system, system.figure(shape)?)));
    let figures: Vec<_> = figures.collect();
    let longest = figures.iter().map(|(_, figure)| *figure).fold(f64::MIN_POSITIVE, f64::max);
    for (row, (system, figure)) in figures.into_iter().enumerate() {
        let y = y + row * ROW;
        let class = match system.name.split(' ').next() {
            Some("Runner") => "own",
            Some("NATS") => "raw",
            _ => "peer",
        };
        #[expect(clippy::cast_precision_loss, reason = "a width of some pixels")]
        let length = figure / longest * BAR as f64;
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{length:.1}\" height=\"14\"/>\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"11\">{}</text>",
            x + NAME,
            y + 11,
            system.name,
            x + NAME + 6,
            y,
            length + 10.0 + f64::from(u32::try_from(x + NAME).unwrap()),
            y + 11,
            system.shown(shape),
        )
        .unwrap();
    }
}
