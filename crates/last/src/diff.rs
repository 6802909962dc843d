//! What changed between two runs: what was asked, how it ended, what it left, how long it took.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::{Artifact, ExecutionGraph, LastFile, TaskResult};
use crate::sheet::compact;

/// A time counts as changed from this difference on, milliseconds…
const SLOWER_MS: u64 = 100;

/// …if it is also this part of the longer one: one fifth.
const SLOWER_PART: u64 = 5;

/// Characters of an output that are told.
const SHOWN: usize = 60;

/// One of two runs: its result, and its ALT file where that is at hand.
#[derive(Debug, Clone)]
pub struct Side {
    /// The result.
    pub last: LastFile,
    /// The text of the ALT file.
    pub alt: Option<Vec<u8>>,
}

/// What changed from one run to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Diff {
    /// The runs' ids.
    pub runs: [String; 2],
    /// Fields of the whole: status, counts, mode and so on.
    pub head: Vec<Change>,
    /// What was asked otherwise: fields of the file, tasks added and removed, fields of tasks.
    pub alt: Vec<Change>,
    /// Ends, errors, outputs, attempts of tasks that are in both.
    pub tasks: Vec<Change>,
    /// Files that tasks left.
    pub artifacts: Vec<Change>,
    /// How long tasks took, where that is a fifth and 100 ms more or less; the largest first. Two
    /// runs that differ in nothing else are the same.
    pub timings: Vec<Timing>,
}

/// One thing that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What: `status`, `build: output`, a path.
    pub what: String,
    /// What it was; `None` when it was not there.
    pub before: Option<String>,
    /// What it is; `None` when it is gone.
    pub after: Option<String>,
}

/// How long a task took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// The task's id; `None` for the run as a whole.
    pub task: Option<String>,
    /// Milliseconds it ran.
    pub before_ms: u64,
    /// Milliseconds it ran.
    pub after_ms: u64,
}

impl Diff {
    /// Compares.
    #[must_use]
    pub fn of(before: &Side, after: &Side) -> Self {
        let (a, b) = (&before.last, &after.last);
        let mut timings = Vec::new();
        timing(&mut timings, None, a.execution_time_ms, b.execution_time_ms);
        let mut tasks = Changes::default();
        let known: BTreeMap<&str, &TaskResult> = by_id(a);
        for task in &b.task_results {
            if let Some(earlier) = known.get(task.task_id.as_str()) {
                compare_task(&mut tasks, earlier, task);
                timing(&mut timings, Some(&task.task_id), earlier.run_ms, task.run_ms);
            }
        }
        timings.sort_by_key(|timing| {
            let difference = timing.before_ms.abs_diff(timing.after_ms);
            (timing.task.is_some(), std::cmp::Reverse(difference))
        });
        Self {
            runs: [a.execution_id.clone(), b.execution_id.clone()],
            head: head(a, b),
            alt: asked(before, after),
            tasks: tasks.0,
            artifacts: artifacts(&a.artifacts, &b.artifacts),
            timings,
        }
    }

    /// Whether nothing changed but times.
    #[must_use]
    pub fn is_same(&self) -> bool {
        [&self.head, &self.alt, &self.tasks, &self.artifacts].iter().all(|part| part.is_empty())
    }
}

#[derive(Debug, Default)]
struct Changes(Vec<Change>);

impl Changes {
    /// Notes a value that is not the same in both.
    fn note(&mut self, what: impl Into<String>, before: Option<String>, after: Option<String>) {
        if before != after {
            self.0.push(Change { what: what.into(), before, after });
        }
    }

    fn both(&mut self, what: impl Into<String>, before: impl ToString, after: impl ToString) {
        self.note(what, Some(before.to_string()), Some(after.to_string()));
    }
}

fn by_id(last: &LastFile) -> BTreeMap<&str, &TaskResult> {
    last.task_results.iter().map(|task| (task.task_id.as_str(), task)).collect()
}

/// A word as the file has it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(value) => value.to_string(),
        Err(_) => String::new(),
    }
}

fn head(a: &LastFile, b: &LastFile) -> Vec<Change> {
    let mut changes = Changes::default();
    changes.both("status", word(&a.status), word(&b.status));
    changes.both("success_rate", a.success_rate, b.success_rate);
    changes.both("mode", word(&a.mode), word(&b.mode));
    changes.note("persona", a.persona.clone(), b.persona.clone());
    changes.note("cancelled", a.cancelled.clone(), b.cancelled.clone());
    let refused =
        |last: &LastFile| last.refused.as_ref().map(|all| format!("{} faults", all.len()));
    changes.note("refused", refused(a), refused(b));
    changes.both("durability", &a.durability, &b.durability);
    changes.0
}

/// What was asked otherwise. Without the files themselves, what the results say of them.
fn asked(before: &Side, after: &Side) -> Vec<Change> {
    let (a, b) = (&before.last, &after.last);
    let mut changes = Changes::default();
    changes.both("id", &a.alt_file_id, &b.alt_file_id);
    let sha256 = |last: &LastFile| last.alt_file.as_ref().map(|file| file.sha256.clone());
    changes.note("sha256", sha256(a), sha256(b));
    let (old, new) = (by_id(a), by_id(b));
    for task in a.task_results.iter().filter(|task| !new.contains_key(task.task_id.as_str())) {
        changes.note(task.task_id.clone(), Some("there".to_owned()), None);
    }
    for task in b.task_results.iter().filter(|task| !old.contains_key(task.task_id.as_str())) {
        changes.note(task.task_id.clone(), None, Some("there".to_owned()));
    }
    let files = [before, after].map(|side| side.alt.as_deref().and_then(tasks_of));
    if let [Some(old), Some(new)] = &files {
        fields(&mut changes, old, new);
        return changes.0;
    }
    let (old_edges, new_edges) =
        (dependencies(&a.execution_graph), dependencies(&b.execution_graph));
    for task in &b.task_results {
        let id = task.task_id.as_str();
        let Some(earlier) = old.get(id) else { continue };
        changes.both(format!("{id}: job"), &earlier.metadata.job, &task.metadata.job);
        let listed = |edges: &BTreeMap<&str, BTreeSet<&str>>| {
            let names = edges.get(id).into_iter().flatten().copied();
            names.collect::<Vec<_>>().join(", ")
        };
        let (old, new) = (listed(&old_edges), listed(&new_edges));
        changes.both(format!("{id}: dependencies"), old, new);
    }
    changes.0
}

/// The fields of an object as they are written: a number may have more digits than any type.
type Object = BTreeMap<String, Box<RawValue>>;

/// The tasks of an ALT file by id, and under the empty id what is said of the whole.
fn tasks_of(text: &[u8]) -> Option<BTreeMap<String, Object>> {
    let mut file: Object = serde_json::from_slice(text).ok()?;
    let tasks = file.remove("tasks");
    let tasks = tasks.and_then(|tasks| serde_json::from_str::<Vec<Object>>(tasks.get()).ok());
    let tasks = tasks.unwrap_or_default().into_iter().filter_map(|task| {
        let id: String = serde_json::from_str(task.get("id")?.get()).ok()?;
        Some((id, task))
    });
    Some(tasks.chain([(String::new(), file)]).collect())
}

fn fields(changes: &mut Changes, old: &BTreeMap<String, Object>, new: &BTreeMap<String, Object>) {
    for (id, after) in new {
        let Some(before) = old.get(id) else { continue };
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let [one, other] =
                [before, after].map(|task| task.get(key).map(|value| compact(value.get())));
            if one != other {
                let what = if id.is_empty() { key.clone() } else { format!("{id}: {key}") };
                let [before, after] = [one, other].map(|text| text.as_deref().map(start_of));
                changes.0.push(Change { what, before, after });
            }
        }
    }
}

/// The tasks that each task waited for.
fn dependencies(graph: &ExecutionGraph) -> BTreeMap<&str, BTreeSet<&str>> {
    let tasks: BTreeMap<&str, &str> =
        graph.nodes.iter().map(|node| (node.id.as_str(), node.task_id.as_str())).collect();
    let mut dependencies: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edge in &graph.edges {
        if let (Some(source), Some(target)) =
            (tasks.get(edge.source.as_str()), tasks.get(edge.target.as_str()))
        {
            dependencies.entry(target).or_default().insert(source);
        }
    }
    dependencies
}

fn compare_task(changes: &mut Changes, a: &TaskResult, b: &TaskResult) {
    let id = &b.task_id;
    let at = |what: &str| format!("{id}: {what}");
    changes.both(at("status"), word(&a.status), word(&b.status));
    changes.note(at("error"), a.error.clone(), b.error.clone());
    changes.note(at("reason"), a.reason.clone(), b.reason.clone());
    changes.both(at("attempts"), a.attempts.len(), b.attempts.len());
    if output(a) != output(b) {
        let told = |task: &TaskResult| output(task).map(|text| start_of(&text));
        changes.0.push(Change { what: at("output"), before: told(a), after: told(b) });
    }
}

/// What a task returned, or what tells it from others.
fn output(task: &TaskResult) -> Option<String> {
    let kept = task.output_ref.as_ref();
    let kept = kept.map(|kept| format!("{} bytes, SHA-256 {}", kept.size_bytes, kept.sha256));
    kept.or_else(|| task.output.as_ref().map(|output| output.text().to_owned()))
}

fn artifacts(a: &[Artifact], b: &[Artifact]) -> Vec<Change> {
    // By task and name: the place of a task in its file may have moved.
    let named = |all: &[Artifact]| -> BTreeMap<String, String> {
        let named = all.iter().map(|one| {
            let told = format!("{} bytes, SHA-256 {}", one.size_bytes, one.sha256);
            (format!("{}: {}", one.task_id, one.name), told)
        });
        named.collect()
    };
    let (old, new) = (named(a), named(b));
    let mut changes = Changes::default();
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        changes.note(name.clone(), old.get(name).cloned(), new.get(name).cloned());
    }
    changes.0
}

fn timing(timings: &mut Vec<Timing>, task: Option<&String>, before_ms: u64, after_ms: u64) {
    let difference = before_ms.abs_diff(after_ms);
    if difference >= SLOWER_MS && difference >= before_ms.max(after_ms) / SLOWER_PART {
        timings.push(Timing { task: task.cloned(), before_ms, after_ms });
    }
}

fn start_of(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
