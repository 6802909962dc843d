//! Graphs of many tasks run to the end, and their results verify.

use crate::door::{Door, LONG};

#[test]
fn ten_thousand_tasks_after_one_complete() {
    complete("fan", "10000");
}

#[test]
fn ten_thousand_tasks_one_after_the_other_complete() {
    complete("chain", "10000");
}

#[test]
fn a_hundred_thousand_tasks_in_layers_complete() {
    complete("layered", "100000");
}

#[track_caller]
fn complete(shape: &str, tasks: &str) {
    let door = Door::new();
    door.call(&["gen", "--shape", shape, "--tasks", tasks, "-o", "big.alt.json"]).code(0);
    let done = door.start(&["run", "big.alt.json", "--json"]).end(LONG).code(0);
    let told = done.json();
    assert_eq!(told["counts"]["completed"].to_string(), tasks);
    let verified = door.call(&["verify", told["last"].as_str().unwrap()]).code(0);
    assert!(verified.stdout.starts_with(&format!("holds: {tasks} tasks")), "{verified:?}");
}
