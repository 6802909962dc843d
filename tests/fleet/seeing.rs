//! Runs are listed and watched, by people and by programs, also when others submitted them.

use serde_json::{Value, json};

use crate::rig::{Rig, after, decided, on_one_server_and_on_three, sleep};

on_one_server_and_on_three! {
    a_watcher_who_comes_late_sees_the_past_first with &[];
}

fn a_watcher_who_comes_late_sees_the_past_first(rig: Rig) {
    let rig = rig.and_work(4);
    let tasks =
        json!([decided("bad", false), sleep("long", 4), after(decided("end", true), &["long"]),]);
    let run = rig.submit("w", &tasks);
    rig.until_why(&run, "bad", "failed");
    rig.until_why(&run, "long", "running on ");
    let plain = rig.door.start(&["watch", &run, "--progress", "plain"]);
    let done = rig.call(&["watch", &run, "--progress", "json", "--json"]).code(4);
    let lines: Vec<Value> =
        done.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stood = |task: &str, state: &str| {
        lines.iter().any(|it| it["data"]["task"] == task && it["data"]["state"] == state)
    };
    assert!(stood("bad", "failed") && stood("long", "running"), "{lines:#?}");
    for (number, line) in (1_u64..).zip(&lines) {
        assert_eq!((&line["seq"], &line["run"]), (&json!(number), &json!(run)));
    }
    assert_eq!(lines.last().unwrap()["data"]["status"], "partial_success");
    let told = done.json();
    assert_eq!((&told["run"], &told["counts"]["completed"]), (&json!(run), &json!(2)));
    let plain = plain.end(crate::door::LONG).code(4);
    let said: Vec<_> = plain.stderr.lines().collect();
    assert!(said.iter().any(|line| line.starts_with("FAILED     bad")), "{said:?}");
    assert!(said.last().unwrap().starts_with("partial_success: 2 of 3 tasks"), "{said:?}");
    assert!(plain.line().ends_with("/last.json"));
    // Over, it is told at once.
    rig.call(&["watch", &run[24..], "--progress", "quiet"]).code(4);
}

#[test]
fn a_run_that_nobody_has_taken_yet_is_watched_and_cancelled() {
    let mut rig = Rig::new();
    let (first, second) = (
        rig.submit("one", &json!([decided("t", true)])),
        rig.submit("two", &json!([sleep("t", 300)])),
    );
    let watch = rig.door.start(&["watch", &first, "--progress", "quiet"]);
    rig.call(&["cancel", &second, "--reason", "enough"]).code(0);
    rig.coordinator();
    rig.worker(&[]);
    watch.end(crate::door::LONG).code(0);
    assert_eq!(rig.last(&second)["cancelled"], "enough");
}

#[test]
fn runs_are_listed_the_latest_first_and_found_by_a_few_digits() {
    let rig = Rig::working(4);
    assert!(rig.call(&["ls"]).code(0).stderr.contains("no runs"));
    let first = rig.submit("one", &json!([decided("t", true)]));
    rig.until(&first, "success");
    let second = rig.submit("two", &json!([sleep("t", 300)]));
    rig.until(&second, "running");
    let rows = rig.call(&["ls", "--json"]).code(0).json();
    let runs: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["run"]).collect();
    assert_eq!(runs, [&json!(second), &json!(first)]);
    assert_eq!((&rows[1]["title"], &rows[1]["total"]), (&json!("The one"), &json!(1)));
    assert_eq!(rig.call(&["ls", "--limit", "1", "--json"]).json().as_array().unwrap().len(), 1);
    let table = rig.call(&["ls"]).code(0).stdout;
    let line = table.lines().nth(2).unwrap();
    assert!(line.starts_with(&first[24..]) && line.contains("success  1/1"), "{table}");
    let shown = rig.call(&["show", &second[24..]]).code(0);
    assert!(shown.stdout.contains("running: The two"), "{shown:?}");
    let both = rig.call(&["show", &first[..4]]).code(2);
    assert!(both.stderr.contains(&first) && both.stderr.contains(&second), "{both:?}");
    let mut slip = second.clone();
    slip.replace_range(31.., if second.ends_with('0') { "1" } else { "0" });
    let near = rig.call(&["watch", &slip]).code(1);
    assert!(near.stderr.contains(&format!("the nearest is {second}")), "{near:?}");
    for verb in ["watch", "cancel", "get", "open", "retry", "show", "verify"] {
        let unknown = rig.call(&[verb, "ffffffffff"]).code(1);
        assert!(unknown.stderr.contains("no run `ffffffffff`"), "{verb}: {unknown:?}");
    }
    let short = rig.call(&["cancel", "abc"]).code(2);
    assert!(short.stderr.contains("4 or more hex digits"), "{short:?}");
}

#[test]
fn workers_are_listed_with_what_they_do() {
    let mut rig = Rig::working(2);
    rig.worker(&["--slots", "3", "--id", "other"]);
    let run = rig.submit("w", &json!([sleep("t", 300)]));
    rig.until_why(&run, "t", "running on ");
    let workers = rig.call(&["workers", "ls", "--json"]).code(0).json();
    let workers = workers.as_array().unwrap();
    assert_eq!(workers.len(), 2, "{workers:#?}");
    let other = workers.iter().find(|worker| worker["worker"] == "other").unwrap();
    assert_eq!(other["slots"], 3);
    let running: Vec<_> =
        workers.iter().flat_map(|worker| worker["running"].as_array().unwrap()).collect();
    assert_eq!(running.len(), 1);
    assert_eq!(running[0]["run"], run);
    let table = rig.call(&["workers", "ls"]).code(0).stdout;
    assert!(table.starts_with("worker") && table.contains("working"), "{table}");
}
