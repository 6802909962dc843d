//! How many attempts ran at once, as an area: for more of them than a drawing can show one by one.

use std::fmt::Write as _;

use super::scale::{LEFT, Scale, WIDTH};

/// Width of a column, pixels.
const COLUMN: i64 = 4;

/// Milliseconds that attempts ran, by column of a scale.
pub(super) struct Density {
    /// When each column begins; one more at the end.
    edges: Vec<u64>,
    /// What attempts that begin or end in a column ran in it.
    partly: Vec<u64>,
    /// How many more run through a column than through the one before.
    wholly: Vec<i64>,
}

impl Density {
    pub(super) fn new(scale: &Scale) -> Self {
        let edges: Vec<u64> =
            (0..=WIDTH / COLUMN).map(|column| scale.at(LEFT + column * COLUMN)).collect();
        let count = edges.len();
        Self { edges, partly: vec![0; count], wholly: vec![0; count + 1] }
    }

    /// An attempt ran.
    pub(super) fn add(&mut self, start: u64, end: u64) {
        let column = |at: u64| {
            let after = self.edges.partition_point(|edge| *edge <= at);
            after.saturating_sub(1).min(self.edges.len() - 2)
        };
        let (first, last) = (column(start), column(end));
        if first == last {
            self.partly[first] += end - start;
            return;
        }
        self.partly[first] += self.edges[first + 1].saturating_sub(start);
        self.partly[last] += end.saturating_sub(self.edges[last]);
        self.wholly[first + 1] += 1;
        self.wholly[last] -= 1;
    }

    /// Tenths of attempts that ran at once, by column.
    fn tenths(&self) -> Vec<u64> {
        let mut through = 0;
        let columns = self.edges.windows(2).zip(&self.partly).zip(&self.wholly);
        columns
            .map(|((edges, partly), wholly)| {
                through += wholly;
                let long = (edges[1] - edges[0]).max(1);
                partly.saturating_mul(10) / long + u64::try_from(through).unwrap_or(0) * 10
            })
            .collect()
    }

    /// The most that ran at once, in tenths.
    pub(super) fn most(&self) -> u64 {
        self.tenths().into_iter().max().unwrap_or(0)
    }

    /// The area above `base`, `height` high where it is highest.
    pub(super) fn draw(&self, out: &mut String, base: i64, height: i64, class: &str) {
        let tenths = self.tenths();
        let most = tenths.iter().copied().max().unwrap_or(0).max(1);
        let mut path = format!("M{LEFT} {base}");
        let mut now = 0;
        for (column, tenths) in (0..).zip(tenths) {
            let tall =
                i64::try_from(tenths * u64::try_from(height).unwrap_or(0) / most).unwrap_or(0);
            // What is there at all is to be seen.
            let tall = if tenths > 0 { tall.max(1) } else { 0 };
            if tall != now {
                let _ = write!(path, "H{}V{}", LEFT + column * COLUMN, base - tall);
                now = tall;
            }
        }
        let _ = writeln!(out, "<path d=\"{path}H{}V{base}z\" class=\"{class}\"/>", LEFT + WIDTH);
    }
}
