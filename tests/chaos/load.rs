//! What the fleet is given to do: files of a seed, and what must come of each of their tasks.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::chance::Chance;

/// The queue whose tasks may run [`LIMIT`] at once.
pub(crate) const NARROW: &str = "narrow";
pub(crate) const LIMIT: usize = 3;

/// The file that a task leaves.
pub(crate) const LEFT: &str = "left.bin";

/// How a task ends that nobody disturbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Ok,
    Fail,
    /// Does not end by itself, nor when it is asked to.
    Hang,
    /// Kills its worker.
    Kill,
    /// Leaves a file, and says more than fits a message.
    Leave,
    /// The same with a file that goes to the bucket in parts.
    LeaveLarge,
}

impl Mode {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Hang => "hang",
            Self::Kill => "kill",
            Self::Leave => "leave",
            Self::LeaveLarge => "leave-large",
        }
    }

    /// What the LAST must call it.
    const fn status(self) -> &'static str {
        match self {
            Self::Ok | Self::Leave | Self::LeaveLarge => "completed",
            Self::Fail | Self::Kill => "failed",
            Self::Hang => "timeout",
        }
    }
}

/// A task of a file.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) id: String,
    /// Tasks of the same file, all before it.
    pub(crate) needs: Vec<usize>,
    pub(crate) ms: u64,
    pub(crate) mode: Mode,
    pub(crate) narrow: bool,
}

/// A file, and the run it was submitted as.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    /// Its key, its id as a file, and its name in the ledger.
    pub(crate) key: String,
    pub(crate) run: String,
    pub(crate) tasks: Vec<Task>,
    /// Whether somebody asked for its end: then a task may also be cancelled.
    pub(crate) cancelled: bool,
}

impl Submission {
    /// What the LAST must call each task, in the order of the file.
    pub(crate) fn expected(&self) -> Vec<&'static str> {
        let mut expected: Vec<&'static str> = Vec::new();
        for task in &self.tasks {
            let fit = task.needs.iter().all(|&need| expected[need] == "completed");
            expected.push(if fit { task.mode.status() } else { "cancelled" });
        }
        expected
    }
}

/// Tasks of one of several shapes.
pub(crate) fn tasks(chance: &mut Chance) -> Vec<Task> {
    let count = usize::try_from(chance.between(3, 9)).unwrap();
    let shape = chance.below(4);
    let mut tasks = Vec::new();
    for number in 0..count {
        let needs = match shape {
            _ if number == 0 => Vec::new(),
            // A chain, a star, and layers.
            0 => vec![number - 1],
            1 => vec![0],
            _ => (0..number).filter(|_| chance.percent(30)).collect(),
        };
        let ms =
            if chance.percent(25) { chance.between(1500, 4000) } else { chance.between(50, 700) };
        let mode = if chance.percent(3) { Mode::Fail } else { Mode::Ok };
        let narrow = chance.percent(15);
        tasks.push(Task { id: format!("t{number}"), needs, ms, mode, narrow });
    }
    tasks
}

/// A task that lasts so long.
pub(crate) fn lasting(id: impl Into<String>, ms: u64, mode: Mode) -> Task {
    Task { id: id.into(), needs: Vec::new(), ms, mode, narrow: false }
}

/// Who writes the ledger, and where.
#[derive(Debug, Clone)]
pub(crate) struct Marker {
    /// This program.
    pub(crate) program: PathBuf,
    pub(crate) ledger: PathBuf,
}

impl Marker {
    /// The ALT file of these tasks.
    pub(crate) fn file(&self, key: &str, tasks: &[Task]) -> Value {
        let tasks: Vec<Value> = tasks.iter().map(|task| self.task(key, task, tasks)).collect();
        json!({"id": key, "title": format!("{} tasks", tasks.len()), "tasks": tasks})
    }

    fn task(&self, key: &str, task: &Task, all: &[Task]) -> Value {
        let needs: Vec<&str> = task.needs.iter().map(|&need| all[need].id.as_str()).collect();
        let argv = [
            text(&self.program).as_str(),
            "mark",
            &text(&self.ledger),
            key,
            &task.id,
            &task.ms.to_string(),
            task.mode.word(),
        ]
        .map(str::to_owned);
        let mut value = json!({"id": task.id, "description": "x", "job": "exec",
                               "dependencies": needs, "retry_count": 0,
                               "parameters": {"argv": argv}});
        if task.narrow {
            value["queue"] = json!(NARROW);
        }
        if matches!(task.mode, Mode::Leave | Mode::LeaveLarge) {
            value["parameters"]["outputs"] = json!([LEFT]);
        }
        if task.mode == Mode::Hang {
            value["timeout_seconds"] = json!(2);
        }
        value
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_failed_task_is_expected_to_be_cancelled() {
        let mut tasks = vec![
            lasting("a", 1, Mode::Ok),
            lasting("b", 1, Mode::Fail),
            lasting("c", 1, Mode::Ok),
            lasting("d", 1, Mode::Hang),
        ];
        tasks[1].needs = vec![0];
        tasks[2].needs = vec![0, 1];
        let submission = Submission { key: "k".into(), run: "r".into(), tasks, cancelled: false };
        assert_eq!(submission.expected(), ["completed", "failed", "cancelled", "timeout"]);
    }

    #[test]
    fn a_seed_gives_the_same_files() {
        let file = |seed| {
            let mut chance = Chance::new(seed);
            let marker = Marker { program: "/p".into(), ledger: "/l".into() };
            (0..5).map(|_| marker.file("k", &tasks(&mut chance)).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(file(4), file(4));
        assert_ne!(file(4), file(5));
    }
}
