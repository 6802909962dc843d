//! From time to place: a scale that cuts long stretches in which nothing ran.

use std::fmt::Write as _;

use crate::summary::duration;

/// Where the scale begins, pixels from the left; labels are before it.
pub(super) const LEFT: i64 = 236;
/// How wide it is.
pub(super) const WIDTH: i64 = 780;
/// What is left of a stretch that is cut.
const CUT: i64 = 34;
/// A stretch is cut when it takes more than this part of the run.
const PART: u64 = 12;
/// Between two labels.
const APART: i64 = 74;

/// Milliseconds from one mark to the next, of which the first is taken that leaves few marks.
const STEPS: [u64; 26] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000,
    120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000,
    86_400_000,
];

/// A stretch of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    from: u64,
    to: u64,
    left: i64,
    right: i64,
    idle: bool,
}

/// Places on a line for every moment of a run.
#[derive(Debug, Clone)]
pub(super) struct Scale(Vec<Stretch>);

impl Scale {
    /// The scale of a run in which something ran `during` these spans, in any order, and that lasted
    /// `total` milliseconds.
    pub(super) fn new(mut during: Vec<(u64, u64)>, total: u64) -> Self {
        during.sort_unstable();
        let total = during.iter().map(|(_, end)| *end).max().unwrap_or(0).max(total).max(1);
        let (mut parts, mut from, mut busy) = (Vec::new(), 0, 0);
        for (start, end) in during.into_iter().chain([(total, total)]) {
            if start > busy && (start - busy) > total / PART {
                parts.extend([(from, busy, false), (busy, start, true)]);
                from = start;
            }
            busy = busy.max(end);
        }
        parts.push((from, total, false));
        parts.retain(|(from, to, _)| from < to);
        let idle = i64::try_from(parts.iter().filter(|part| part.2).count()).unwrap_or(0);
        let shown: u64 = parts.iter().filter(|part| !part.2).map(|part| part.1 - part.0).sum();
        let (mut left, mut before) = (LEFT, 0);
        let mut cuts = 0;
        let room = if shown == 0 { 0 } else { WIDTH - idle * CUT };
        let mut place = |(from, to, idle): (u64, u64, bool)| {
            if idle {
                cuts += 1;
            } else {
                before += to - from;
            }
            let right = LEFT + cuts * CUT + part(before, shown, room);
            let stretch = Stretch { from, to, left, right, idle };
            left = right;
            stretch
        };
        let stretches = parts.into_iter().map(&mut place).collect();
        Self(stretches)
    }

    /// Where a moment is.
    pub(super) fn x(&self, at: u64) -> i64 {
        let place = self.0.partition_point(|stretch| stretch.to < at);
        let Some(Stretch { from, to, left, right, .. }) = self.0.get(place) else {
            return LEFT + WIDTH;
        };
        left + part(at.saturating_sub(*from), to - from, right - left)
    }

    /// The moment that is at a place.
    pub(super) fn at(&self, x: i64) -> u64 {
        let place = self.0.partition_point(|stretch| stretch.right < x);
        let Some(Stretch { from, to, left, right, .. }) = self.0.get(place) else {
            return self.0.last().map_or(0, |last| last.to);
        };
        let whole = u64::try_from(right - left).unwrap_or(0).max(1);
        let here = u64::try_from(x - left).unwrap_or(0);
        from + u64::try_from(u128::from(to - from) * u128::from(here) / u128::from(whole))
            .unwrap_or(0)
    }

    /// Marks with their times, and what was cut, down to `bottom`.
    pub(super) fn draw(&self, out: &mut String, bottom: i64) {
        let shown = self.0.iter().filter(|it| !it.idle).map(|it| it.to - it.from).sum::<u64>();
        let step = STEPS.into_iter().find(|step| shown / step <= 8).unwrap_or(shown.max(1));
        let mut last = i64::MIN / 2;
        for Stretch { from, to, left, right, idle } in &self.0 {
            if *idle {
                let (width, middle) = (right - left, i64::midpoint(*left, *right));
                let _ = writeln!(
                    out,
                    "<rect x=\"{left}\" y=\"20\" width=\"{width}\" height=\"{}\" class=\"gap\">\
                     <title>nothing ran for {}</title></rect>\
                     <text x=\"{middle}\" y=\"14\" text-anchor=\"middle\" class=\"soft-text\">//</text>",
                    bottom - 20,
                    duration(to - from)
                );
                continue;
            }
            for at in
                (from.next_multiple_of(step)..=*to).step_by(usize::try_from(step).unwrap_or(1))
            {
                let x = self.x(at);
                if x - last >= APART {
                    last = x;
                    let _ = writeln!(
                        out,
                        "<path d=\"M{x} 20V{bottom}\" class=\"grid\"/>\
                         <text x=\"{x}\" y=\"14\" text-anchor=\"middle\" class=\"soft-text\">{}</text>",
                        duration(at)
                    );
                }
            }
        }
    }
}

/// `of` times `share` by `whole`.
fn part(share: u64, whole: u64, of: i64) -> i64 {
    let part = i128::from(share) * i128::from(of) / i128::from(whole.max(1));
    i64::try_from(part).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_cut_and_what_ran_keeps_its_proportions() {
        let scale = Scale::new(vec![(0, 100), (3_600_000, 3_600_100)], 3_600_100);
        let half = (WIDTH - CUT) / 2;
        assert_eq!([0, 50, 100].map(|at| scale.x(at) - LEFT), [0, half / 2, half]);
        assert_eq!(scale.x(3_600_000) - LEFT, half + CUT);
        assert_eq!(scale.x(3_600_100) - LEFT, WIDTH);
        assert_eq!(scale.at(LEFT), 0);
        assert_eq!(scale.at(LEFT + WIDTH), 3_600_100);
    }

    #[test]
    fn a_run_without_gaps_is_not_cut() {
        let scale = Scale::new(vec![(0, 500), (510, 1000)], 1000);
        assert_eq!(scale.x(505) - LEFT, WIDTH * 505 / 1000);
        let empty = Scale::new(vec![(0, 0)], 0);
        assert_eq!(empty.x(0), LEFT);
    }
}
