//! The live view: a few lines at the bottom that are drawn over, finished tasks above them.

use std::io::{self, Write};
use std::time::Duration;

use protocol::{Outcome, Standing};
use terminal_size::{Height, Width};

use super::board::{Board, Changed, Finished};
use super::frame::{fit, lines, seconds};
use crate::output;

/// A run of more tasks than this would scroll everything else away: then only faults are told.
const FEW_TASKS: u32 = 200;

#[derive(Debug)]
pub(super) struct Tty {
    unicode: bool,
    color: bool,
    /// Lines of the last frame that are on the screen.
    drawn: usize,
    /// Lines to print above the next frame.
    above: Vec<String>,
}

impl Tty {
    pub(super) fn new(unicode: bool) -> Self {
        Self { unicode, color: output::colors(), drawn: 0, above: Vec::new() }
    }

    pub(super) fn finished(&mut self, board: &Board, it: &Finished) {
        if it.outcome == Outcome::Ok && board.counts.total() > FEW_TASKS {
            return;
        }
        let (sign, color) = match (it.outcome, self.unicode) {
            (Outcome::Ok, true) => ("✔", "32"),
            (Outcome::Ok, false) => ("ok", "32"),
            (Outcome::Cancelled, true) => ("○", "2"),
            (Outcome::Cancelled, false) => ("--", "2"),
            (_, true) => ("✖", "31"),
            (_, false) => ("XX", "31"),
        };
        let ran = seconds(Duration::from_millis(it.run_ms));
        let mut text = format!("{}  {ran}", it.id);
        if it.outcome != Outcome::Ok {
            text.push_str(&format!("  {} (attempt {})", it.outcome.name(), it.attempt));
        }
        if let Some(error) = &it.error {
            text.push_str(&format!(": {error}"));
        }
        let (_, columns) = size();
        let text = fit(&text, columns.saturating_sub(4), self.unicode);
        self.above.push(if self.color {
            format!(" \u{1b}[{color}m{sign}\u{1b}[0m {text}")
        } else {
            format!(" {sign} {text}")
        });
    }

    /// A task that ended badly, in a run whose news are not followed; the frame shows the others.
    pub(super) fn changed(&mut self, it: &Changed) {
        if matches!(it.standing, Standing::Failed { .. } | Standing::Timeout { .. }) {
            let sign = if self.unicode { "✖" } else { "XX" };
            self.note(&format!("{sign} {}  {}", it.id, it.standing.name()));
        }
    }

    pub(super) fn note(&mut self, text: &str) {
        let (_, columns) = size();
        self.above.push(fit(&format!(" {text}"), columns, self.unicode));
    }

    pub(super) fn draw(&mut self, board: &Board, elapsed: Duration) {
        let frame = lines(board, elapsed, size(), self.unicode);
        self.show(&frame);
    }

    /// Takes the live lines away; what stands above them stays.
    pub(super) fn clear(&mut self) {
        self.show(&[]);
    }

    /// One write, marked as one update (DEC mode 2026), so that no terminal shows half a frame.
    fn show(&mut self, frame: &[String]) {
        let mut text = String::from("\u{1b}[?2026h");
        if self.drawn > 0 {
            text.push_str(&format!("\u{1b}[{}A", self.drawn));
        }
        text.push_str("\r\u{1b}[J");
        for line in self.above.drain(..).chain(frame.iter().cloned()) {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str("\u{1b}[?2026l");
        self.drawn = frame.len();
        // Nobody is left to see that the terminal is gone.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

/// Rows and columns of the terminal; 24 by 80 when there is none to ask.
fn size() -> (usize, usize) {
    terminal_size::terminal_size_of(io::stderr())
        .map_or((24, 80), |(Width(columns), Height(rows))| (rows.into(), columns.into()))
}
