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
    /// The icon's strokes, in a circle of radius 8 around 0,0.
    pub(super) icon: &'static str,
}

/// In the order of [`TaskStatus::ALL`], then a task without a status.
pub(super) const PAINTS: [Paint; 5] = [
    Paint {
        word: TaskStatus::Completed.name(),
        sign: TaskStatus::Completed.sign(),
        fill: "#e9f7ee",
        stroke: "#1a7f37",
        icon: "M-3.8 .3-1.2 3 4-2.8",
    },
    Paint {
        word: TaskStatus::Failed.name(),
        sign: TaskStatus::Failed.sign(),
        fill: "#ffeceb",
        stroke: "#c9252d",
        icon: "M-3-3 3 3M3-3-3 3",
    },
    Paint {
        word: TaskStatus::Timeout.name(),
        sign: TaskStatus::Timeout.sign(),
        fill: "#fff3e3",
        stroke: "#b45309",
        icon: "M0-4.6V0L3.2 2",
    },
    Paint {
        word: TaskStatus::Cancelled.name(),
        sign: TaskStatus::Cancelled.sign(),
        fill: "#f3f4f6",
        stroke: "#6b7280",
        icon: "M-3.6 0H3.6",
    },
    Paint { word: "planned", sign: '○', fill: "#eef4ff", stroke: "#3b6fc4", icon: "M-.1 0H.1" },
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
fn grouped(number: usize) -> String {
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
