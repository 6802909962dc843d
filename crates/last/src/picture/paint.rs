//! Colours, signs and words of each status: never colour alone.

use super::Counts;
use crate::TaskStatus;

/// How a status looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// The word, also the class in SVG and Mermaid.
    pub(super) word: &'static str,
    /// One character.
    pub(super) sign: char,
    /// The box.
    pub(super) fill: &'static str,
    /// Its border and its icon.
    pub(super) stroke: &'static str,
    /// The outline of the badge, around 0,0: each status has a shape of its own.
    pub(super) badge: &'static str,
    /// The icon's strokes in the badge.
    pub(super) icon: &'static str,
}

const CIRCLE: &str = "M8 0A8 8 0 1 1-8 0 8 8 0 1 1 8 0z";
const OCTAGON: &str = "M-3.4-8.2H3.4L8.2-3.4V3.4L3.4 8.2H-3.4L-8.2 3.4V-3.4z";
const DIAMOND: &str = "M0-9.6 9.6 0 0 9.6-9.6 0z";
const SQUARE: &str = "M-7-7H7V7H-7z";

/// In the order of [`TaskStatus::ALL`], then a task without a status.
pub(super) const PAINTS: [Paint; 5] = [
    Paint {
        word: TaskStatus::Completed.name(),
        sign: TaskStatus::Completed.sign(),
        fill: "#e9f7ee",
        stroke: "#1a7f37",
        badge: CIRCLE,
        icon: "M-3.8 .3-1.2 3 4-2.8",
    },
    Paint {
        word: TaskStatus::Failed.name(),
        sign: TaskStatus::Failed.sign(),
        fill: "#ffeceb",
        stroke: "#c9252d",
        badge: OCTAGON,
        icon: "M-3-3 3 3M3-3-3 3",
    },
    Paint {
        word: TaskStatus::Timeout.name(),
        sign: TaskStatus::Timeout.sign(),
        fill: "#fff3e3",
        stroke: "#b45309",
        badge: DIAMOND,
        icon: "M0-4.6V0L3.2 2",
    },
    Paint {
        word: TaskStatus::Cancelled.name(),
        sign: TaskStatus::Cancelled.sign(),
        fill: "#f3f4f6",
        stroke: "#6b7280",
        badge: SQUARE,
        icon: "M-3.6 0H3.6",
    },
    Paint {
        word: "planned",
        sign: '○',
        fill: "#eef4ff",
        stroke: "#3b6fc4",
        badge: CIRCLE,
        icon: "M-.1 0H.1",
    },
];

/// The place of a status in [`PAINTS`] and [`Counts`].
pub(super) const fn place(status: Option<TaskStatus>) -> usize {
    match status {
        Some(TaskStatus::Completed) => 0,
        Some(TaskStatus::Failed) => 1,
        Some(TaskStatus::Timeout) => 2,
        Some(TaskStatus::Cancelled) => 3,
        None => 4,
    }
}

/// How a status looks.
pub(super) const fn paint(status: Option<TaskStatus>) -> Paint {
    PAINTS[place(status)]
}

/// The status that most asks for a look, of those that occur.
pub(super) fn worst(counts: &Counts) -> Paint {
    let first = [1, 2, 3, 0].into_iter().find(|place| counts[*place] > 0);
    PAINTS[first.unwrap_or(4)]
}

/// The statuses that occur, and how often.
pub(super) fn present(counts: &Counts) -> impl Iterator<Item = (Paint, u32)> {
    PAINTS.into_iter().zip(*counts).filter(|(_, count)| *count > 0)
}

/// `1,180 ✓ completed, 20 ✗ failed`.
pub(super) fn tally(counts: &Counts) -> String {
    let parts: Vec<String> = present(counts)
        .map(|(paint, count)| format!("{} {} {}", grouped(count as usize), paint.sign, paint.word))
        .collect();
    parts.join(", ")
}

/// `1,200 tasks`.
pub(super) fn many(count: usize, one: &str, more: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { more })
}

/// A number with a comma at each thousand.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }
}
