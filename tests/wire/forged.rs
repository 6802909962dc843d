//! Messages that are well made and not true: about other attempts, twice, or with forged headers.

use serde_json::json;

use super::enemy::{junk, stranger};
use super::pack::{started, verdict};
use super::site::Site;
use crate::rig::{echo, sleep};

#[test]
fn a_verdict_about_what_nobody_waits_for_changes_nothing() {
    let site = Site::working();
    let live = site.submit("live", &json!([sleep("t", 6), sleep("u", 6)]));
    site.until_why(&live, "t", "running on ");
    let stranger = stranger(1);
    for (subject, body) in [
        (format!("run.{stranger}.res.default.0.1"), verdict(&stranger, 0, 1, "1")),
        // An unknown task, a future attempt, another queue, and an attempt 0.
        (format!("run.{live}.res.default.77.1"), verdict(&live, 77, 1, "1")),
        (format!("run.{live}.res.default.0.9"), verdict(&live, 0, 9, "1")),
        (format!("run.{live}.res.no$queue.0.1"), verdict(&live, 0, 1, "1")),
        (format!("run.{live}.res.default.00.1"), verdict(&live, 0, 1, "1")),
        (format!("run.{live}.res.default.4294967295.1"), verdict(&live, 0xffff_ffff, 1, "1")),
        (format!("run.{live}.res.default.0.0"), verdict(&live, 0, 0, "1")),
        // About another attempt than its place says.
        (format!("run.{live}.res.default.5.1"), verdict(&live, 0, 1, "1")),
        (format!("run.{live}.res.default.6.1"), verdict(&stranger, 6, 1, "1")),
    ] {
        assert!(site.store(&subject, &body), "{subject}");
    }
    for (task, attempt) in [(77, 1), (0, 9), (0xffff_ffff, 0xffff_ffff), (0, 0)] {
        let subject = format!("live.{live}.started.{task}.{attempt}");
        site.say(&subject, &started(&live, task, attempt));
    }
    let last = site.last(&live);
    assert_eq!(last["status"], "success");
    for task in ["t", "u"] {
        let attempts = &last["task_results"][task]["attempts"];
        assert!(attempts[0]["worker"].is_string() && attempts[1].is_null(), "{last:#}");
    }
    site.honest_run("after");
    site.is_quiet();
    site.end();
}

#[test]
fn the_first_verdict_of_an_attempt_stands() {
    let site = Site::working();
    let live = site.live(&json!([sleep("t", 3)]));
    let place = format!("run.{live}.res.default.0.1");
    assert!(site.store(&place, &verdict(&live, 0, 1, "\"first\"")));
    assert!(!site.store(&place, &verdict(&live, 0, 1, "\"second\"")));
    let last = site.last(&live);
    assert_eq!(last["task_results"]["t"]["output"], "first", "{last:#}");
    site.honest_run("after");
    site.is_quiet();
    site.end();
}

#[test]
fn a_verdict_that_cannot_be_read_costs_an_attempt_and_no_run() {
    let mut site = Site::bare();
    site.coordinator();
    site.worker(&["--slots", "32"]);
    let count = junk().len();
    let mut tasks: Vec<_> = (0..=count).map(|at| sleep(&format!("t{at}"), 6)).collect();
    tasks.iter_mut().for_each(|task| task["retry_count"] = json!(2));
    // What needs their outputs gets those of the attempts that can be read.
    tasks.push(json!({"id": "end", "description": "x", "job": "echo", "dependencies": ["t0"]}));
    let live = site.submit("live", &json!(tasks));
    site.until_why(&live, &format!("t{count}"), "running on ");
    for (task, (what, body)) in junk().into_iter().enumerate() {
        assert!(site.store(&format!("run.{live}.res.default.{task}.1"), &body), "{what}");
    }
    let body = verdict(&live, 0, 1, "\"a lie\"");
    assert!(site.store(&format!("run.{live}.res.default.{count}.1"), &body));
    let last = site.last(&live);
    assert_eq!(last["status"], "success", "{last:#}");
    for task in 0..=count {
        let attempts = &last["task_results"][format!("t{task}")]["attempts"];
        let outcomes = [&attempts[0]["outcome"], &attempts[1]["outcome"]];
        assert_eq!(outcomes, ["failed", "ok"], "{attempts:#}");
        let error = attempts[0]["error"].as_str().unwrap();
        assert!(error.contains("cannot be read"), "{error}");
    }
    site.honest_run("after");
    site.is_quiet();
    site.end();
}

#[test]
fn a_verdict_that_comes_before_its_attempt_does_not_hold_up_the_run() {
    let site = Site::working();
    let mut task = echo("t");
    task["dependencies"] = json!(["gate"]);
    let live = site.submit("live", &json!([sleep("gate", 3), task]));
    site.until_why(&live, "gate", "running on ");
    for body in [&b"junk"[..], &verdict(&live, 1, 1, "\"a lie\"")] {
        site.store(&format!("run.{live}.res.default.1.1"), body);
    }
    // What a queue's workers say decides nothing on another queue.
    site.store(&format!("run.{live}.res.other.0.1"), &verdict(&live, 0, 1, "\"a lie\""));
    let last = site.last(&live);
    assert_eq!(last["task_results"]["gate"]["status"], "completed", "{last:#}");
    assert!(!last["task_results"]["gate"].to_string().contains("lie"), "{last:#}");
    site.end();
}

#[test]
fn a_request_to_cancel_that_cannot_be_read_does_not_keep_others_from_cancelling() {
    let site = Site::working();
    for (what, body) in [("empty", &b""[..]), ("junk", b"junk"), ("later", &[2, 0x80])] {
        let live = site.live(&json!([sleep("t", 300)]));
        assert!(site.store(&format!("run.{live}.ctl"), body), "{what}");
        site.call(&["cancel", &live, "--reason", "enough"]);
        assert_eq!(site.last(&live)["status"], "failure", "{what}");
    }
    site.is_quiet();
    site.end();
}

#[test]
fn what_is_repeated_under_a_forged_place_is_found_out() {
    let site = Site::working();
    let live = site.submit("live", &json!([sleep("t", 6), sleep("u", 8)]));
    site.until_why(&live, "u", "running on ");
    let subject = format!("run.{live}.what.1");
    for (sequence, stamp) in [
        ("999999999", "2026-01-01T00:00:00Z"),
        ("18446744073709551615", "2026-01-01T00:00:00Z"),
        ("-1", "yesterday"),
    ] {
        let headers = [
            ("Nats-Stream", "RUN"),
            ("Nats-Subject", subject.as_str()),
            ("Nats-Sequence", sequence),
            ("Nats-Time-Stamp", stamp),
            ("Nats-Last-Sequence", "0"),
        ];
        site.say_with(&format!("live.{live}.what.1"), None, &headers, b"");
    }
    assert_eq!(site.last(&live)["status"], "success");
    site.is_quiet();
    site.end();
}

#[test]
fn forged_headers_and_odd_addresses_for_answers_do_no_harm() {
    let site = Site::working();
    let live = site.live(&json!([sleep("t", 6)]));
    let stranger = stranger(5);
    for (name, value) in [
        ("Nats-Rollup", "all"),
        ("Nats-Rollup", "sub"),
        ("Nats-TTL", "1s"),
        ("Nats-Schedule", "@every 1s"),
        ("Nats-Batch-Id", "forged"),
        ("Nats-Msg-Id", "forged"),
        ("Nats-Expected-Stream", "TASKS"),
        ("Nats-Expected-Last-Sequence", "0"),
        ("Nats-Marker-Reason", "Purge"),
        ("Nats-Sequence", "1"),
        ("Status", "503"),
    ] {
        for subject in ["alt.submit", &format!("run.{stranger}.res.default.0.1")] {
            site.say_with(subject, None, &[(name, value)], b"{}");
        }
    }
    for reply in [
        "alt.submit",
        &format!("alt.submit.2.{stranger}"),
        &format!("task.default.2.{stranger}.0.1"),
        &format!("run.{stranger}.res.default.1.1"),
        &format!("stop.{stranger}.0.1"),
        "hb.nobody",
        "$JS.API.STREAM.DELETE.RUN",
    ] {
        for subject in ["alt.submit", &format!("ask.{live}"), &format!("run.{stranger}.alt")] {
            site.say_with(subject, Some(reply), &[], b"{}");
        }
        // A question that is one: its answer lands there.
        site.say_with(&format!("ask.{live}"), Some(reply), &[], b"\x01\xa8snapshot");
    }
    assert_eq!(site.last(&live)["status"], "success");
    site.honest_run("after");
    site.is_quiet();
    let aside = site.messages("QUARANTINE");
    assert!(aside > 0);
    site.pass(std::time::Duration::from_secs(3));
    assert_eq!(site.messages("QUARANTINE"), aside);
    site.end();
}
