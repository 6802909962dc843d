//! One line for each change, for logs and pipes: words, no signs and no colours.

use std::time::Duration;

use protocol::{Outcome, Standing};

use super::board::{Board, Changed, Finished};
use super::frame::seconds;
use crate::output;

/// A run of more tasks than this tells its faults one by one and the rest as counts.
const FEW_TASKS: u32 = 200;

/// How often a run of many tasks says how far it is.
const SOMETIMES: Duration = Duration::from_secs(2);

/// How often a run of few tasks says that it lives.
const SELDOM: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Plain {
    told: Duration,
}

impl Plain {
    pub(super) fn finished(&mut self, board: &Board, it: &Finished) {
        if it.outcome == Outcome::Ok && board.counts.total() > FEW_TASKS {
            return;
        }
        let word = match it.outcome {
            Outcome::Ok => "completed",
            Outcome::Failed => "FAILED",
            Outcome::Timeout => "TIMEOUT",
            Outcome::Cancelled => "cancelled",
            Outcome::Lost => "LOST",
        };
        let ran = seconds(Duration::from_millis(it.run_ms));
        let mut line = format!("{word:9}  {}  {ran}", it.id);
        if it.outcome != Outcome::Ok {
            line.push_str(&format!("  attempt {}", it.attempt));
        }
        if let Some(error) = &it.error {
            line.push_str(&format!("  {error}"));
        }
        output::say(&format!("{line}\n"));
    }

    /// How a task stands, in a run whose news are not followed.
    pub(super) fn changed(board: &Board, it: &Changed) {
        let word = match it.standing {
            Standing::Failed { .. } => "FAILED",
            Standing::Timeout { .. } => "TIMEOUT",
            _ if board.counts.total() > FEW_TASKS => return,
            ref other => other.name(),
        };
        let mut line = format!("{word:9}  {}", it.id);
        if let Some(attempt) = it.attempt.filter(|attempt| attempt.get() > 1) {
            line.push_str(&format!("  attempt {attempt}"));
        }
        if let Standing::Running { worker: Some(worker), .. } = &it.standing {
            line.push_str(&format!("  on {worker}"));
        }
        output::say(&format!("{line}\n"));
    }

    pub(super) fn draw(&mut self, board: &Board, elapsed: Duration) {
        let total = board.counts.total();
        let wait = if total > FEW_TASKS { SOMETIMES } else { SELDOM };
        if elapsed.saturating_sub(self.told) < wait {
            return;
        }
        self.told = elapsed;
        let counts = board.counts;
        output::say(&format!(
            "{}/{total} tasks decided, {} running, {}\n",
            counts.decided(),
            counts.running,
            seconds(elapsed)
        ));
    }
}
