//! What the fleet is given to do.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fleet::Fleet;

/// A file that was submitted, and what must come of it.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// The file's name.
    pub(crate) file: String,
    pub(crate) id: String,
    /// Tasks that must complete; `None` when the file must be refused.
    pub(crate) tasks: Option<usize>,
}

/// Submits every example file of this repository.
#[track_caller]
pub(crate) fn examples(fleet: &Fleet) -> Vec<Run> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("alt");
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.collect();
    files.sort();
    assert!(!files.is_empty(), "no file is in {}", folder.display());
    files.iter().map(|file| submit(fleet, file)).collect()
}

/// Generates and submits layers of echoes.
#[track_caller]
pub(crate) fn layered(fleet: &Fleet, tasks: u32, seed: u32) -> Run {
    let path = fleet.path(&format!("layered-{tasks}-{seed}.alt.json"));
    let (tasks, seed, text) = (tasks.to_string(), seed.to_string(), path.display().to_string());
    let words = ["gen", "--shape", "layered", "--tasks", &tasks, "--seed", &seed, "-o", &text];
    let _ = fleet.call(&words).code(0);
    submit(fleet, &path)
}

/// Submits a few files at once of one task, then so many sleeps side by side, then one task.
#[track_caller]
pub(crate) fn sleeping(fleet: &Fleet, name: &str, files: u32, seconds: f64) -> Vec<Run> {
    let runs = (1..=files).map(|number| {
        let path = fleet.path(&format!("{name}-{number}.alt.json"));
        let file = fan(&format!("{name}-{number}"), 12, seconds);
        std::fs::write(&path, file.to_string()).unwrap();
        submit(fleet, &path)
    });
    runs.collect()
}

fn fan(id: &str, width: u32, seconds: f64) -> Value {
    let names: Vec<String> = (1..=width).map(|number| format!("sleep_{number}")).collect();
    let mut tasks = vec![json!({"id": "begin", "description": "The first", "job": "echo"})];
    tasks.extend(names.iter().zip(1..).map(|(name, number): (_, u32)| {
        json!({"id": name, "description": "One of many", "job": "sleep",
               "dependencies": ["begin"],
               "parameters": {"seconds": seconds, "output": number}})
    }));
    tasks.push(json!({"id": "sum", "description": "The last", "job": "transform",
                      "dependencies": names, "parameters": {"expression": "[.[]] | add"}}));
    json!({"id": id, "title": format!("{width} sleeps of {seconds} s"), "tasks": tasks})
}

/// Submits, unchecked, a file whose tasks wait for each other.
#[track_caller]
pub(crate) fn invalid(fleet: &Fleet) -> Run {
    let path = fleet.path("invalid.alt.json");
    let task = |id, other| json!({"id": id, "description": "x", "dependencies": [other]});
    let file = json!({"id": "invalid", "title": "A circle",
                      "tasks": [task("a", "b"), task("b", "a")]});
    std::fs::write(&path, file.to_string()).unwrap();
    let text = path.display().to_string();
    let _ = fleet.call(&["submit", &text]).code(3);
    let done = fleet.call(&["submit", &text, "--no-check", "--json"]).code(0);
    Run { file: name_of(&path), id: run_in(&done.json()), tasks: None }
}

#[track_caller]
fn submit(fleet: &Fleet, path: &Path) -> Run {
    let text = path.display().to_string();
    let dry = fleet.call(&["submit", &text, "--dry-run", "--json"]).code(0).json();
    let tasks = dry[0]["tasks"].as_u64().unwrap_or_else(|| panic!("{dry}"));
    let done = fleet.call(&["submit", &text, "--json"]).code(0);
    Run {
        file: name_of(path),
        id: run_in(&done.json()),
        tasks: Some(usize::try_from(tasks).unwrap()),
    }
}

#[track_caller]
fn run_in(told: &Value) -> String {
    assert_eq!(told["submitted"], "new", "{told}");
    told["run"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
