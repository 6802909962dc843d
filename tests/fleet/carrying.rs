//! What is quickly done is done by one worker in one go; what takes long is done side by side.

use serde_json::{Value, json};

use crate::rig::{Rig, after, echo, on_one_server_and_on_three};

on_one_server_and_on_three! {
    a_small_graph_is_done_in_one_go with &[];
    what_takes_long_is_left_to_others with &[];
}

/// Who did the task, at its only attempt, and from when to when.
fn attempt(last: &Value, task: &str) -> (String, String, String) {
    let attempts = last["task_results"][task]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{task}: {attempts:#?}");
    let [worker, start, end] = ["worker", "start_time", "end_time"]
        .map(|field| attempts[0][field].as_str().unwrap().to_owned());
    (worker, start, end)
}

fn a_small_graph_is_done_in_one_go(mut rig: Rig) {
    rig.coordinator();
    rig.worker(&["--slots", "2"]);
    rig.worker(&["--slots", "2"]);
    let graph = json!([
        echo("a"),
        after(echo("b"), &["a"]),
        after(echo("c"), &["a"]),
        after(echo("d"), &["b", "c"]),
        after(echo("e"), &["d"]),
    ]);
    // On a busy machine it may take too long for that, which only spreads it.
    let in_one_go = (0..20).any(|number| {
        let run = rig.submit(&format!("g{number}"), &graph);
        let last = rig.last(&run);
        assert_eq!(last["status"], "success", "{last:#}");
        let of = |task| attempt(&last, task).0;
        ["b", "c", "d", "e"].iter().all(|task| of(task) == of("a"))
    });
    assert!(in_one_go, "each of twenty small graphs was spread");
}

fn what_takes_long_is_left_to_others(mut rig: Rig) {
    rig.coordinator();
    rig.worker(&["--slots", "1", "--allow-exec"]);
    rig.worker(&["--slots", "1", "--allow-exec"]);
    let exec = |id: &str, argv: &[&str]| {
        let parameters = json!({"argv": argv});
        json!({"id": id, "description": "x", "job": "exec", "parameters": parameters})
    };
    let run = rig.submit(
        "wide",
        &json!([
            exec("a", &["true"]),
            after(exec("b", &["sleep", "2"]), &["a"]),
            after(exec("c", &["sleep", "2"]), &["a"]),
        ]),
    );
    let last = rig.last(&run);
    assert_eq!(last["status"], "success", "{last:#}");
    let ((one, b_start, b_end), (other, c_start, c_end)) =
        (attempt(&last, "b"), attempt(&last, "c"));
    assert_ne!(one, other);
    assert!(b_start < c_end && c_start < b_end, "{b_start} to {b_end}, {c_start} to {c_end}");
}
