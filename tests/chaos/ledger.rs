//! What the tasks themselves wrote down: which of them began, lived and ended, and when.

use std::collections::BTreeMap;
use std::path::Path;

/// A word of a task: `run task pid parent word at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) run: String,
    pub(crate) task: String,
    pub(crate) pid: u32,
    /// The worker, or somebody else when that has died.
    pub(crate) parent: u32,
    pub(crate) word: String,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
}

/// One process of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) run: String,
    pub(crate) task: String,
    pub(crate) pid: u32,
    pub(crate) worker: u32,
    /// Lines of the file before its first: the order in which all was written.
    pub(crate) first: usize,
    /// The same for its end, if it came to one.
    pub(crate) end: Option<usize>,
    pub(crate) began: u64,
    /// When it was last heard of.
    pub(crate) heard: u64,
    /// When it was first seen without its worker.
    pub(crate) orphaned: Option<u64>,
}

/// Reads a ledger; without those lines that a death cut short.
pub(crate) fn read(path: &Path) -> Vec<Line> {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<Line> {
    let [run, task, pid, parent, word, at] = text.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(Line {
        run: run.to_owned(),
        task: task.to_owned(),
        pid: pid.parse().ok()?,
        parent: parent.parse().ok()?,
        word: word.to_owned(),
        at: at.parse().ok()?,
    })
}

/// The processes that wrote these lines, in the order in which they began.
pub(crate) fn tries(lines: &[Line]) -> Vec<Try> {
    let mut tries: Vec<Try> = Vec::new();
    // A process id may come again, for another task.
    let mut latest: BTreeMap<(&str, &str, u32), usize> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let key = (line.run.as_str(), line.task.as_str(), line.pid);
        if line.word == "start" {
            latest.insert(key, tries.len());
            tries.push(Try {
                run: line.run.clone(),
                task: line.task.clone(),
                pid: line.pid,
                worker: line.parent,
                first: number,
                end: None,
                began: line.at,
                heard: line.at,
                orphaned: None,
            });
            continue;
        }
        let Some(known) = latest.get(&key).map(|&place| &mut tries[place]) else {
            continue;
        };
        known.heard = line.at;
        if line.parent != known.worker && known.orphaned.is_none() {
            known.orphaned = Some(line.at);
        }
        if line.word == "end" {
            known.end = Some(number);
        }
    }
    tries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_read_from_their_lines() {
        let text = [
            "r a 7 1 start 10",
            "r b 8 1 start 11",
            "r a 7 2 alive 12",
            "cut short",
            "r b 8 1 end 13",
            "r a 9 3 start 14",
        ];
        let lines: Vec<Line> = text.iter().filter_map(|text| line(text)).collect();
        let tries = tries(&lines);
        let told: Vec<_> = tries
            .iter()
            .map(|it| (it.task.as_str(), it.pid, it.end, it.heard, it.orphaned))
            .collect();
        assert_eq!(
            told,
            [("a", 7, None, 12, Some(12)), ("b", 8, Some(3), 13, None), ("a", 9, None, 14, None)]
        );
    }
}
