//! `up`: everything starts, what dies comes back, and nothing is left.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::place::{Place, last, publish};
use crate::door::{Door, LONG, until};

/// The processes at work in a folder, each with its words.
fn living(folder: &Path) -> Vec<(Pid, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let found = entries.filter_map(|entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let here = std::fs::read_link(entry.path().join("cwd")).ok()? == folder;
        let words = std::fs::read(entry.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        here.then_some((pid, words))
    });
    found.collect()
}

fn count(folder: &Path, word: &str) -> usize {
    living(folder).iter().filter(|(_, words)| words.contains(word)).count()
}

/// The address in the configuration that `up` wrote.
fn url(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("nats-server.conf")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("listen: ")).unwrap();
    format!("nats://{}", line.trim_matches('"'))
}

fn door() -> Door {
    let mut door = Door::new();
    door.set("RUNNER_NATS_SERVER", nats_server().to_str().unwrap());
    door
}

/// The program that the other tests start as well.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where tools are")]
fn nats_server() -> PathBuf {
    let named = std::env::var_os("RUNNER_NATS_SERVER").filter(|value| !value.is_empty());
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin/nats-server");
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .map(PathBuf::from)
        .into_iter()
        .chain([ours])
        .chain(std::env::split_paths(&path).map(|folder| folder.join("nats-server")))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("nats-server is missing: run `just tools`"))
}

#[test]
fn up_starts_a_fleet_that_works_and_stops_all_of_it() {
    let door = door();
    let folder = door.path("");
    let up = door.start(&["up", "--workers", "2"]);
    until(LONG, "all run", || count(&folder, " worker ") == 2);
    let alt = json!({"id": "one", "title": "One",
                     "tasks": [{"id": "a", "description": "x", "job": "echo"}]});
    publish(&url(&door.path("out/.runner")), &alt);
    assert_eq!(last(&door, "out/one")["status"], "success");

    let workers = living(&folder).into_iter().filter(|(_, words)| words.contains(" worker "));
    let dead = workers.map(|(pid, _)| pid).next().unwrap();
    kill_process(dead, Signal::KILL).unwrap();
    until(LONG, "the dead one is replaced", || {
        let all = living(&folder);
        all.iter().all(|(pid, _)| *pid != dead) && count(&folder, " worker ") == 2
    });
    let other = door.call(&["up"]).code(2);
    assert!(other.stderr.contains("another `runner up` uses"), "{}", other.stderr);

    up.send(Signal::INT);
    let done = up.end(LONG).code(0);
    for expected in ["nats-server  process", "coordinator  process", "worker-2", "submit with"] {
        assert!(done.stdout.contains(expected), "{expected}: {}", done.stdout);
    }
    assert!(
        done.stderr.contains("worker-") && done.stderr.contains("runs again"),
        "{}",
        done.stderr
    );
    assert_eq!(living(&folder), [], "something is left");
}

#[test]
fn up_joins_a_server_that_is_named_and_leaves_it_running() {
    let place = Place::bare();
    let folder = place.door.path("");
    let up = place.door.start(&["up", "--workers", "1"]);
    until(LONG, "the worker runs", || count(&folder, " worker ") == 1);
    place.publish("joined", &json!([{"id": "a", "description": "x", "job": "echo"}]));
    assert_eq!(place.last("joined")["status"], "success");
    up.send(Signal::TERM);
    let done = up.end(LONG).code(0);
    assert!(done.stdout.contains("joined"), "{}", done.stdout);
    assert_eq!(living(&folder), [], "something is left");
    place.door.call(&["doctor"]).code(0);
}

#[test]
fn up_without_a_server_program_says_how_to_get_one() {
    let done = Door::new().call(&["up"]).code(2);
    assert!(done.stderr.contains("no nats-server is found"), "{}", done.stderr);
    assert!(done.stderr.contains("RUNNER_NATS_SERVER"), "{}", done.stderr);
}
