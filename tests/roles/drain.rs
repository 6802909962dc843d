//! A coordinator and workers at work: what they tell of themselves, and how they go.

use rustix::process::Signal;
use serde_json::json;

use super::place::{Place, get, sleeping, until_says};
use crate::door::{LONG, until};

#[test]
fn a_role_waits_for_its_server_alive_and_not_ready_and_goes_when_told() {
    let mut place = Place::bare();
    place.server.kill();
    for name in ["coordinator", "worker"] {
        let (role, port) = place.role(&[name]);
        until_says(port, "/readyz", 503, "no NATS server answered yet");
        until_says(port, "/livez", 200, "alive");
        role.send(Signal::TERM);
        role.end(LONG).code(0);
    }
}

#[test]
fn roles_run_what_any_client_publishes_and_count_it() {
    let mut place = Place::new();
    let (coordinator, conducting) = place.role(&["coordinator"]);
    let (worker, working) = place.role(&["worker", "--slots", "3"]);
    for port in [conducting, working] {
        until_says(port, "/readyz", 200, "ready");
        until_says(port, "/livez", 200, "alive");
        until_says(port, "/metrics", 200, "runner_build_info{version=");
    }
    until_says(working, "/metrics", 200, "runner_slots 3\n");
    let tasks = json!([
        {"id": "a", "description": "x", "job": "echo"},
        {"id": "b", "description": "x", "job": "echo", "dependencies": ["a"]},
    ]);
    place.publish("pair", &tasks);
    assert_eq!(place.last("pair")["status"], "success");
    for (port, line) in [
        (working, "runner_tasks_total{kind=\"echo\",outcome=\"ok\"} 2\n"),
        (working, "runner_task_duration_seconds_count{kind=\"echo\"} 2\n"),
        (working, "runner_tasks_running 0\n"),
        (conducting, "runner_runs_total{status=\"success\"} 1\n"),
        (conducting, "runner_offers_total 2\n"),
        (conducting, "runner_verdicts_heard_total 2\n"),
        (conducting, "runner_runs_conducted 0\n"),
        (conducting, "runner_quarantined_total 0\n"),
    ] {
        until_says(port, "/metrics", 200, line);
    }
    place.server.kill();
    for port in [conducting, working] {
        until_says(port, "/readyz", 503, "connection to NATS is lost");
        assert_eq!(get(port, "/livez").unwrap().0, 200);
    }
    place.server.restart();
    for port in [conducting, working] {
        until_says(port, "/readyz", 200, "ready");
    }
    for role in [worker, coordinator] {
        role.send(Signal::TERM);
        role.end(LONG).code(0);
    }
}

#[test]
fn a_worker_told_to_go_finishes_what_it_runs() {
    let place = Place::new();
    let (coordinator, _) = place.role(&["coordinator"]);
    let (worker, port) = place.role(&["worker", "--grace", "60"]);
    place.publish("slow", &json!([sleeping("wait", 3)]));
    until_says(port, "/metrics", 200, "runner_tasks_running 1\n");
    worker.send(Signal::TERM);
    until_says(port, "/readyz", 503, "draining");
    worker.end(LONG).code(0);
    let last = place.last("slow");
    assert_eq!(last["status"], "success", "{last}");
    drop(coordinator);
}

#[test]
fn what_outlasts_the_grace_is_handed_back_and_done_by_another() {
    let place = Place::new();
    let (_coordinator, _) = place.role(&["coordinator"]);
    let (first, port) = place.role(&["worker", "--grace", "1", "--id", "fox-1"]);
    place.publish("long", &json!([sleeping("wait", 8)]));
    until_says(port, "/metrics", 200, "runner_tasks_running 1\n");
    let (second, port) = place.role(&["worker", "--id", "hen-2"]);
    until_says(port, "/readyz", 200, "ready");
    first.send(Signal::TERM);
    first.end(LONG).code(0);
    until_says(port, "/metrics", 200, "runner_tasks_running 1\n");
    let last = place.last("long");
    assert_eq!(last["status"], "success", "{last}");
    let text = last.to_string();
    assert!(text.contains("fox-1") && text.contains("hen-2"), "{text}");
    second.send(Signal::TERM);
    second.end(LONG).code(0);
}

#[test]
fn a_second_request_to_go_is_obeyed_at_once() {
    let place = Place::new();
    let (_coordinator, _) = place.role(&["coordinator"]);
    let (worker, port) = place.role(&["worker", "--grace", "300"]);
    place.publish("endless", &json!([sleeping("wait", 300)]));
    until_says(port, "/metrics", 200, "runner_tasks_running 1\n");
    worker.send(Signal::TERM);
    until(LONG, "it drains", || get(port, "/readyz").is_some_and(|(code, _)| code == 503));
    worker.send(Signal::TERM);
    worker.end(LONG).code(130);
}
