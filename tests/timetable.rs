//! Jobs are run by themselves: once a tick, whoever dies, and as people set it while the fleet runs.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Rig, log_lines, on_one_server_and_on_three, pass, repeat};

/// Any job may be given a schedule from outside.
const EVERY_SECOND: &[(&str, &str)] =
    &[("ECHO_INTERVAL_SECONDS", "1"), ("RUNNER_LEASE_SECONDS", "2")];

on_one_server_and_on_three! {
    a_tick_is_one_run_however_many_coordinators_there_are with super::EVERY_SECOND;
}

/// The moments of the ticks that have runs, each with how many it has.
fn ticks(rig: &Rig) -> BTreeMap<u64, usize> {
    let runs = rig.call(&["ls", "--limit", "1000", "--json"]).code(0).json();
    let mut ticks = BTreeMap::new();
    for run in runs.as_array().unwrap().iter().filter(|run| run["alt_id"] == "echo") {
        let (_, tick) = run["title"].as_str().unwrap().rsplit_once(" at ").unwrap();
        *ticks.entry(Timestamp::from_rfc3339(tick).unwrap().0).or_default() += 1;
    }
    ticks
}

/// No tick has two runs, and no two ticks are a burst.
#[track_caller]
fn one_run_each(ticks: &BTreeMap<u64, usize>) {
    assert!(ticks.values().all(|&runs| runs == 1), "{ticks:?}");
    let moments: Vec<u64> = ticks.keys().copied().collect();
    for pair in moments.windows(2) {
        // The server looks at its schedules every quarter of a second.
        assert!(pair[1] - pair[0] >= 500, "{} ms between two ticks", pair[1] - pair[0]);
    }
}

fn scheduled(rig: &Rig) -> Value {
    scheduled_job(rig, "echo")
}

fn scheduled_job(rig: &Rig, job: &str) -> Value {
    let rows = rig.call(&["schedule", "ls", "--json"]).code(0).json();
    let row = rows.as_array().unwrap().iter().find(|row| row["job"] == job).cloned();
    row.unwrap_or_default()
}

fn runs(rig: &Rig) -> u64 {
    scheduled(rig)["runs"].as_u64().unwrap_or(0)
}

#[track_caller]
fn until_more_runs(rig: &Rig, more: u64) {
    let before = runs(rig);
    repeat("the job runs by itself", || runs(rig) >= before + more);
}

fn a_tick_is_one_run_however_many_coordinators_there_are(mut rig: Rig) {
    rig.coordinator();
    rig.coordinator();
    rig.worker(&[]);
    until_more_runs(&rig, 4);
    one_run_each(&ticks(&rig));
    repeat("a run is over", || scheduled(&rig)["last"]["status"] == "success");
    let listed = rig.call(&["ls", "--json"]).code(0).json();
    let over = listed.as_array().unwrap().iter().find(|run| run["state"] == "success").unwrap();
    // It has a LAST like any other.
    rig.call(&["verify", over["run"].as_str().unwrap()]).code(0);
    let shown = rig.call(&["schedule", "ls"]).code(0).stdout;
    assert!(shown.contains("echo") && shown.contains("@every 1s"), "{shown}");
    rig.stop_all(Signal::TERM);
}

#[test]
fn people_change_what_runs_by_itself_while_the_fleet_runs() {
    let mut rig = Rig::with(EVERY_SECOND);
    rig.coordinator();
    rig.worker(&[]);
    until_more_runs(&rig, 1);
    for (stop, start) in [
        (["schedule", "pause", "echo"], ["schedule", "resume", "echo"]),
        (["jobs", "disable", "echo"], ["jobs", "enable", "echo"]),
    ] {
        rig.call(&stop).code(0);
        // What was on its way comes, and then nothing.
        pass(Duration::from_secs(3));
        let before = runs(&rig);
        pass(Duration::from_secs(3));
        assert_eq!(runs(&rig), before, "{stop:?}");
        rig.call(&start).code(0);
        until_more_runs(&rig, 2);
    }
    rig.call(&["jobs", "set", "echo", "interval_seconds=3600"]).code(0);
    assert_eq!(scheduled(&rig)["schedule"], "@every 3600s");
    pass(Duration::from_secs(3));
    let before = runs(&rig);
    let run = rig.call(&["schedule", "trigger", "echo", "--parameters", r#"{"a": 1}"#]).code(0);
    let last = rig.last(run.stdout.trim());
    assert_eq!(last["task_results"]["echo"]["output"]["a"], 1, "{last:#}");
    assert_eq!(runs(&rig), before, "what is run by hand is no tick");
    for wrong in [
        ["jobs", "set", "echo", "interval_seconds=0"].as_slice(),
        &["jobs", "set", "echo", "max_retries=3"],
        &["jobs", "set", "echo", "max_concurrent=3"],
        &["jobs", "set", "echo", "max_concurrent=0"],
        &["jobs", "set", "echo", "enabled"],
        &["jobs", "enable", "ecko"],
        &["schedule", "trigger", "echo", "--parameters", "{"],
    ] {
        rig.call(wrong).code(2);
    }
    rig.stop_all(Signal::TERM);
}

#[test]
fn the_ticks_of_a_pause_are_not_caught_up_on() {
    let catches_up = [("ECHO_INTERVAL_SECONDS", "2"), ("ECHO_MISFIRE", "catch_up")];
    let mut rig = Rig::with(&catches_up);
    rig.coordinator();
    rig.worker(&[]);
    until_more_runs(&rig, 1);
    rig.call(&["schedule", "pause", "echo"]).code(0);
    // Six ticks.
    pass(Duration::from_secs(13));
    let before = runs(&rig);
    rig.call(&["schedule", "resume", "echo"]).code(0);
    until_more_runs(&rig, 1);
    let waiting = scheduled(&rig)["waiting"]["more"].clone();
    assert!(waiting.as_u64().unwrap_or(0) <= 1, "{waiting} ticks are to be caught up on");
    pass(Duration::from_secs(4));
    let more = runs(&rig) - before;
    assert!(more <= 5, "{more} runs in some six seconds of a tick every two");
    rig.stop_all(Signal::TERM);
}

#[test]
fn ticks_come_once_while_servers_and_coordinators_are_killed() {
    let mut rig = Rig::with(EVERY_SECOND);
    rig.coordinator();
    rig.coordinator();
    rig.worker(&[]);
    until_more_runs(&rig, 1);
    // The third of the roles is the worker.
    for (round, coordinator) in [0, 1, 3, 4].into_iter().enumerate() {
        // Both die near a tick, each time at another distance from it.
        rig.kill_server_for(Duration::from_millis(300) * u32::try_from(round).unwrap());
        rig.signal(coordinator, Signal::KILL);
        rig.coordinator();
        until_more_runs(&rig, 2);
    }
    // Whatever was begun comes to its end.
    rig.call(&["schedule", "pause", "echo"]).code(0);
    repeat("all runs are over", || {
        let runs = rig.call(&["ls", "--limit", "1000", "--json"]).code(0).json();
        runs.as_array().unwrap().iter().all(|run| run["state"] == "success")
    });
    let ticks = ticks(&rig);
    one_run_each(&ticks);
    assert_eq!(ticks.len() as u64, runs(&rig), "what was decided was done");
}

#[test]
fn a_tick_that_nobody_could_run_is_left_out_and_says_why() {
    let mut rig = Rig::with(EVERY_SECOND);
    rig.coordinator();
    // Long enough for the coordinator to know that there is no worker.
    repeat("a tick is left out", || {
        scheduled(&rig)["skipped"]["reason"] == "no worker is ready that serves the queue `default`"
    });
    rig.worker(&[]);
    until_more_runs(&rig, 1);
    rig.stop_all(Signal::TERM);
}

#[test]
fn a_schedule_that_cannot_be_holds_up_no_other_and_one_that_is_gone_is_made_anew() {
    // The one that is looked after first is wrong.
    let variables = [("ECHO_CRON", "99 99 99 99 99 99"), ("SLEEP_INTERVAL_SECONDS", "1")];
    let mut rig = Rig::with(&[variables.as_slice(), &[("RUNNER_LEASE_SECONDS", "2")]].concat());
    rig.coordinator();
    rig.worker(&[]);
    let runs = |rig: &Rig| scheduled_job(rig, "sleep")["runs"].as_u64().unwrap_or(0);
    repeat("the other job runs", || runs(&rig) >= 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(rig.url()).await.unwrap();
        let purged = client.request("$JS.API.STREAM.PURGE.SCHEDULES", "".into()).await.unwrap();
        assert!(purged.payload.starts_with(b"{\"type\""), "{purged:?}");
    });
    let before = runs(&rig);
    repeat("it goes on", || runs(&rig) >= before + 2);
    assert!(rig.stop_all(Signal::TERM).contains("schedule.def.echo"), "the wrong one is named");
}

#[test]
fn a_limit_that_people_set_holds_whoever_starts_later() {
    let variables = [("SLEEP_MAX_CONCURRENT", "3"), ("RUNNER_LEASE_SECONDS", "2")];
    let mut rig = Rig::with(&variables).and_work(8);
    let seats = |rig: &Rig| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(rig.url()).await.unwrap();
            let asked = r#"{"subjects_filter": "seat.sleep.*"}"#;
            let said = client.request("$JS.API.STREAM.INFO.SEATS", asked.into()).await.unwrap();
            let said: Value = serde_json::from_slice(&said.payload).unwrap();
            said["state"]["subjects"].as_object().map_or(0, serde_json::Map::len)
        })
    };
    repeat("as declared", || seats(&rig) == 3);
    for (set, expected) in [("max_concurrent=5", 5), ("max_concurrent=1", 1)] {
        rig.call(&["jobs", "set", "sleep", set]).code(0);
        repeat(set, || seats(&rig) == expected);
        rig.coordinator();
        rig.worker(&[]);
        // Whoever starts says what the job declares.
        pass(Duration::from_secs(5));
        assert_eq!(seats(&rig), expected, "{set}");
    }
    rig.call(&["jobs", "set", "sleep", "max_concurrent="]).code(0);
    repeat("as declared again", || seats(&rig) == 3);
    rig.stop_all(Signal::TERM);
}

/// One that runs by itself and is urgent, and one that works off a queue and can wait.
const URGENT_AND_LOW: &[(&str, &str)] = &[
    ("RUNNER_LOG_FORMAT", "json"),
    ("RUNNER_LOG_LEVEL", "warn,coordinator=debug,worker=debug"),
    ("ECHO_INTERVAL_SECONDS", "1"),
    ("ECHO_PRIORITY", "critical"),
    ("TRANSFORM_QUEUE", "words"),
    ("TRANSFORM_INTERVAL_SECONDS", "1"),
    ("TRANSFORM_PRIORITY", "low"),
];

#[test]
fn an_urgent_job_overtakes_what_waits_and_one_that_can_wait_is_run_in_the_end() {
    let mut rig = Rig::with(URGENT_AND_LOW);
    rig.call(&["schedule", "pause", "echo"]).code(0);
    rig.coordinator();
    rig.worker(&["--slots", "1", "--allow-exec"]);
    let exec = |id: &str, script: &str| {
        json!({"id": id, "description": "x", "job": "exec",
               "parameters": {"argv": ["sh", "-c", script]}})
    };
    // While the only slot is taken all others come, the most urgent last.
    let gate = rig.door.path("gate").display().to_string();
    let script = format!("until [ -e {gate} ]; do sleep 0.05; done");
    rig.submit("gate", &json!([exec("gate", &script)]));
    rig.hear(1, "attempt began");
    let words = "{\"expression\": \"1\"}\n".repeat(6);
    rig.door.feed(&["queue", "push", "words", "--lines"], &words).code(0);
    rig.hear(0, r#""priority":"low""#);
    let normal: Value = (0..24).map(|number| exec(&format!("n{number}"), "true")).collect();
    let normal = rig.submit("normal", &normal);
    rig.hear(0, r#""task.id":23"#);
    rig.call(&["schedule", "resume", "echo"]).code(0);
    rig.hear(0, r#""priority":"critical""#);
    // An offer is told before it goes.
    pass(Duration::from_millis(200));
    rig.door.write("gate", "");
    rig.last(&normal);
    repeat("the queue is empty", || {
        let rows = rig.call(&["queue", "ls", "--json"]).code(0).json();
        rows[0]["waiting"] == 0 && rows[0]["under_way"] == 0
    });
    let lines = log_lines(&rig.stop_all(Signal::TERM));
    let began = lines.iter().filter(|line| line["message"] == "attempt began");
    let order: Vec<&str> = began.map(|line| line["job.kind"].as_str().unwrap()).skip(1).collect();
    let count = |jobs: &[&str], job: &str| jobs.iter().filter(|it| **it == job).count();
    assert_eq!((count(&order, "exec"), count(&order, "transform")), (24, 6), "{order:?}");
    // The lowest goes first once in sixteen pulls, so that it never starves.
    assert!(order[..2].contains(&"echo"), "{order:?}");
    let half = order.iter().scan(0, |normal, job| {
        *normal += usize::from(*job == "exec");
        Some(*normal)
    });
    let half = half.take_while(|normal| *normal < 12).count();
    assert!(count(&order[..half], "transform") <= 3, "{order:?}");
}
