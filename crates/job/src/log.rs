//! What a job says while it works: few lines, short ones, and an honest count of the rest.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::limits;

const CUT: &str = " [cut]";

/// The lines an attempt logged so far, shared with its worker.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    kept: Vec<String>,
    dropped: usize,
}

impl Log {
    /// Adds `text`, one entry a line.
    pub(crate) fn push(&self, text: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines() {
            if lines.kept.len() < limits::LOG_LINES {
                lines.kept.push(cut(line));
            } else {
                lines.dropped += 1;
            }
        }
    }

    /// Takes the lines out, at most [`limits::LOG_LINES`]; the last one says how many were dropped.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let lines = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let Lines { mut kept, dropped } = lines;
        if dropped > 0 {
            kept.pop();
            kept.push(format!("[{} more lines dropped]", dropped + 1));
        }
        kept
    }
}

fn cut(line: &str) -> String {
    if line.len() <= limits::LOG_LINE_BYTES {
        return line.to_owned();
    }
    let end = line.floor_char_boundary(limits::LOG_LINE_BYTES - CUT.len());
    format!("{}{CUT}", &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_counted_not_kept() {
        let log = Log::default();
        for number in 1..=limits::LOG_LINES + 5 {
            log.push(&format!("line {number}"));
        }
        let lines = log.take();
        assert_eq!(lines.len(), limits::LOG_LINES);
        assert_eq!(lines.last().map(String::as_str), Some("[6 more lines dropped]"));
        assert!(log.take().is_empty());
    }

    #[test]
    fn a_full_log_without_loss_has_no_note() {
        let log = Log::default();
        log.push(&"line\n".repeat(limits::LOG_LINES));
        assert!(log.take().iter().all(|line| line == "line"));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let log = Log::default();
        log.push(&"€".repeat(limits::LOG_LINE_BYTES));
        let lines = log.take();
        assert!(lines[0].len() <= limits::LOG_LINE_BYTES);
        assert!(lines[0].ends_with("€ [cut]"));
    }
}
