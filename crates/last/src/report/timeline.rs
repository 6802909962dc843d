//! When what ran: a line for each task or group, and one for each worker.

mod density;
mod scale;

use std::fmt::Write as _;

use protocol::Outcome;
use serde::Serialize;

use self::density::Density;
use self::scale::{LEFT, Scale, WIDTH};
use super::outline::Bar;
use super::tasks::Teller;
use crate::escape::{cut, xml};
use crate::summary::duration;

/// Height of a line of a task, of a group or of a slot.
const LINE: i64 = 22;
/// Height of a line that is an area.
const AREA: i64 = 34;
/// Height of the scale above the lines.
const TOP: i64 = 28;
/// Columns of a label.
const LABEL_COLUMNS: usize = 27;
/// More bars than this are drawn as areas.
const BARS: usize = 1500;
/// Groups that have a line.
const GROUPS: usize = 60;
/// Workers that have a line: those that ran most.
const WORKERS: usize = 40;
/// Slots of a worker that have a line; what more ran at once is drawn on the last.
const SLOTS: usize = 16;

/// The drawings.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    tasks: String,
    workers: String,
    limited: bool,
    backoff: bool,
    /// Workers that have no line.
    workers_more: usize,
}

/// The drawings of a run in which something ran.
pub(super) fn chart(teller: &Teller<'_>) -> Option<Chart> {
    let bars = &teller.outline.bars;
    if bars.is_empty() {
        return None;
    }
    let during = bars.iter().map(|bar| (bar.start, bar.end)).collect();
    let scale = Scale::new(during, teller.outline.head.execution_time_ms);
    let few = teller.folding.is_none() && bars.len() <= BARS;
    let backoff = bars.windows(2).any(|pair| pair[0].task == pair[1].task);
    Some(Chart {
        tasks: if few { by_task(teller, &scale) } else { by_group(teller, &scale) },
        workers: by_worker(teller, &scale),
        limited: bars.iter().any(|bar| bar.limit_ms > 0),
        backoff: few && backoff,
        workers_more: teller.outline.workers.len().saturating_sub(WORKERS),
    })
}

/// An SVG of `lines` that take `height`.
fn document(scale: &Scale, lines: &str, height: i64, label: &str) -> String {
    let (width, height) = (LEFT + WIDTH + 40, TOP + height + 6);
    let mut out = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"group\" aria-label=\"{label}\">\n"
    );
    scale.draw(&mut out, height - 4);
    out.push_str(lines);
    out.push_str("</svg>\n");
    out
}

fn by_task(teller: &Teller<'_>, scale: &Scale) -> String {
    let mut tasks: Vec<&[Bar]> =
        teller.outline.bars.chunk_by(|one, other| one.task == other.task).collect();
    tasks.sort_by_key(|bars| (bars[0].start, bars[0].task));
    let (mut lines, mut top) = (String::new(), TOP);
    for bars in tasks {
        let place = bars[0].task as usize;
        let critical = teller.critical.contains(&place);
        let row = teller.outline.rows[place];
        let waited = row.waits.unwrap_or_default();
        let title = format!(
            "{}: {}; waited {} for dependencies, {} for a limit, {} in the queue, {} between \
             attempts; ran {}",
            xml(&teller.id(place)),
            row.status.name(),
            duration(waited.dependencies_ms),
            duration(waited.limit_ms),
            duration(waited.queue_ms),
            duration(waited.backoff_ms),
            duration(row.run_ms),
        );
        let _ = writeln!(lines, "<a href=\"{}\"><title>{title}</title>", teller.link(place));
        label(&mut lines, &teller.id(place), critical, top + 15);
        let mut before = None;
        for bar in bars {
            wait(&mut lines, scale, bar, before, top + LINE / 2);
            run(&mut lines, scale, bar, critical, top + 5);
            before = Some(bar.end);
        }
        lines.push_str("</a>\n");
        top += LINE;
    }
    document(scale, &lines, top - TOP, "Tasks over time")
}

fn label(out: &mut String, text: &str, critical: bool, baseline: i64) {
    if critical {
        let middle = baseline - 4;
        let _ = writeln!(out, "<path d=\"M4 {middle}l5-5 5 5-5 5z\" class=\"mark-path\"/>");
    }
    let text = xml(&cut(text, LABEL_COLUMNS));
    let _ = writeln!(out, "<text x=\"20\" y=\"{baseline}\">{text}</text>");
}

/// What an attempt waited for: between attempts, for a seat, in the queue.
fn wait(out: &mut String, scale: &Scale, bar: &Bar, before: Option<u64>, y: i64) {
    let limited = bar.ready.saturating_add(bar.limit_ms).min(bar.start);
    let parts = [
        (before.unwrap_or(bar.ready), bar.ready, "backoff"),
        (bar.ready, limited, "limit"),
        (limited, bar.start, "queue"),
    ];
    for (from, to, class) in parts {
        let (left, right) = (scale.x(from), scale.x(to));
        if right > left {
            let _ = writeln!(out, "<path d=\"M{left} {y}H{right}\" class=\"wait {class}\"/>");
        }
    }
}

fn run(out: &mut String, scale: &Scale, bar: &Bar, critical: bool, top: i64) {
    let left = scale.x(bar.start);
    let width = (scale.x(bar.end) - left).max(2);
    let class = match bar.outcome {
        Outcome::Ok => "ok",
        Outcome::Failed | Outcome::Lost => "bad",
        Outcome::Timeout => "late",
        Outcome::Cancelled => "stopped",
    };
    let path = if critical { " on-path" } else { "" };
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"12\" rx=\"2\" \
         class=\"{class}{path}\"/>"
    );
}

/// `3.5`.
fn tenths(number: u64) -> String {
    format!("{}.{}", number / 10, number % 10)
}

fn by_group(teller: &Teller<'_>, scale: &Scale) -> String {
    let group = |bar: &Bar| teller.folding.map_or(0, |folding| folding.of(bar.task as usize));
    let count = teller.folding.map_or(1, crate::picture::Folding::len);
    let mut areas: Vec<Density> = (0..count).map(|_| Density::new(scale)).collect();
    let mut critical: Vec<Vec<&Bar>> = vec![Vec::new(); count];
    for bar in &teller.outline.bars {
        areas[group(bar)].add(bar.start, bar.end);
        if teller.critical.contains(&(bar.task as usize)) {
            critical[group(bar)].push(bar);
        }
    }
    let (mut lines, mut top) = (String::new(), TOP);
    for (place, area) in areas.iter().enumerate().take(GROUPS) {
        let name = teller.folding.map_or_else(|| "all tasks".to_owned(), |it| it.name(place));
        let most = tenths(area.most());
        let _ = writeln!(
            lines,
            "<a href=\"#group-{place}\"><title>{}: at most {most} ran at once</title>",
            xml(&name)
        );
        label(&mut lines, &name, !critical[place].is_empty(), top + 21);
        area.draw(&mut lines, top + AREA - 8, AREA - 12, "ok");
        for bar in &critical[place] {
            let left = scale.x(bar.start);
            let width = (scale.x(bar.end) - left).max(2);
            let _ = writeln!(
                lines,
                "<rect x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"4\" class=\"mark-path\"/>",
                top + AREA - 7
            );
        }
        lines.push_str("</a>\n");
        top += AREA;
    }
    document(scale, &lines, top - TOP, "Groups over time")
}

fn by_worker(teller: &Teller<'_>, scale: &Scale) -> String {
    let outline = teller.outline;
    let mut by_worker: Vec<(usize, Vec<&Bar>)> =
        (0..outline.workers.len()).map(|worker| (worker, Vec::new())).collect();
    for bar in &outline.bars {
        if let Some(worker) = bar.worker {
            by_worker[worker as usize].1.push(bar);
        }
    }
    let busy = |bars: &[&Bar]| bars.iter().map(|bar| bar.end - bar.start).sum::<u64>();
    by_worker.sort_by_cached_key(|(worker, bars)| (std::cmp::Reverse(busy(bars)), *worker));
    let (mut lines, mut top) = (String::new(), TOP);
    for (worker, mut bars) in by_worker.into_iter().take(WORKERS) {
        bars.sort_by_key(|bar| (bar.start, bar.task));
        let name = &outline.workers[worker];
        let count = bars.len();
        let noun = if count == 1 { "attempt" } else { "attempts" };
        let title = format!("{}: {count} {noun}, busy {}", xml(name), duration(busy(&bars)));
        let _ = writeln!(lines, "<g><title>{title}</title>");
        if outline.bars.len() <= BARS {
            label(&mut lines, name, false, top + 15);
            top += slots(teller, &mut lines, scale, &bars, top);
        } else {
            label(&mut lines, name, false, top + 21);
            let mut area = Density::new(scale);
            bars.iter().for_each(|bar| area.add(bar.start, bar.end));
            area.draw(&mut lines, top + AREA - 6, AREA - 10, "ok");
            top += AREA;
        }
        lines.push_str("</g>\n");
    }
    document(scale, &lines, top - TOP, "Workers over time")
}

/// The attempts of a worker, each on the first line that is free; returns their height.
fn slots(teller: &Teller<'_>, out: &mut String, scale: &Scale, bars: &[&Bar], top: i64) -> i64 {
    let mut free_at: Vec<u64> = Vec::new();
    for bar in bars {
        let slot = free_at.iter().position(|end| *end <= bar.start).unwrap_or(free_at.len());
        let slot = slot.min(SLOTS - 1);
        if slot == free_at.len() {
            free_at.push(0);
        }
        free_at[slot] = free_at[slot].max(bar.end);
        let place = bar.task as usize;
        let title = xml(&cut(&teller.id(place), 60));
        let ran = duration(bar.end - bar.start);
        let _ = writeln!(out, "<a href=\"{}\"><title>{title}: {ran}</title>", teller.link(place));
        let line = i64::try_from(slot).unwrap_or(0) * 16;
        run(out, scale, bar, teller.critical.contains(&place), top + 5 + line);
        out.push_str("</a>\n");
    }
    i64::try_from(free_at.len()).unwrap_or(0) * 16 + 8
}
