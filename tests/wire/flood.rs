//! Junk on every subject that somebody reads: each is kept aside once, and honest runs pass by.

use serde_json::json;

use super::enemy::{junk, stranger};
use super::pack::{Pack, sourced, submission};
use super::site::Site;
use crate::rig::{echo, file, sleep};

#[test]
fn junk_in_place_of_a_submission_is_kept_aside_once() {
    let site = Site::working();
    site.honest_run("before");
    let mut count = 0;
    for (number, (what, body)) in junk().into_iter().enumerate() {
        let subject = format!("alt.submit.{}.{}", number % 4, stranger(number));
        for to in ["alt.submit", &subject] {
            assert!(site.store(to, &body), "{what}");
            count += 1;
        }
    }
    // A message for another place, one whose subject names no run, and a file that is none.
    let (run, other) = (stranger(1000), stranger(1001));
    let alt = serde_json::to_vec(&file("x", &json!([echo("a")]))).unwrap();
    for (subject, body) in [
        (format!("alt.submit.2.{other}"), submission(&run, &alt)),
        (format!("alt.submit.0.{run}"), submission(&run, &alt)),
        ("alt.submit.1.nobody".to_owned(), submission(&run, &alt)),
        (format!("alt.submit.2.{}", stranger(1002)), submission(&stranger(1002), b"{}")),
    ] {
        assert!(site.store(&subject, &body), "{subject}");
        count += 1;
    }
    site.honest_run("after");
    site.quarantined(count);
    site.is_quiet();
    assert_eq!(site.messages("ALT"), 0);
    site.end();
}

#[test]
fn a_submission_that_no_try_can_mend_does_not_come_again_for_ever() {
    let site = Site::working();
    let missing = |key: &str| {
        Pack::Map(vec![(
            "stored",
            Pack::Map(vec![
                ("key", Pack::text(key)),
                ("size", Pack::Uint(7)),
                ("sha256", Pack::text("00")),
            ]),
        )])
    };
    let alt = serde_json::to_vec(&file("x", &json!([echo("a")]))).unwrap();
    let reuse = Pack::Map(vec![
        ("run", Pack::run(&stranger(9))),
        ("last_key", Pack::text("no/last.json")),
        ("last_sha256", Pack::text("00")),
    ]);
    let inline = || Pack::Map(vec![("inline", Pack::Bytes(alt.clone()))]);
    let bodies = [
        sourced(&stranger(0), missing("alt/nothing"), None),
        sourced(&stranger(1), missing("../../etc/passwd"), None),
        sourced(&stranger(2), missing(""), None),
        sourced(&stranger(3), inline(), Some(reuse)),
        sourced(&stranger(4), inline(), None),
    ];
    // Nobody can store another end in the place of this one.
    assert!(site.store(&format!("run.{}.end", stranger(4)), b"junk"));
    for (number, body) in bodies.iter().enumerate() {
        assert!(site.store(&format!("alt.submit.2.{}", stranger(number)), body));
    }
    for number in 0..4 {
        let last = site.last(&stranger(number));
        assert_eq!(last["refused"][0]["code"], "SUBMISSION", "{last:#}");
    }
    site.honest_run("after");
    site.quarantined(bodies.len());
    site.is_quiet();
    site.end();
}

#[test]
fn junk_in_place_of_an_offer_ends_its_attempt_and_is_kept_aside_once() {
    let site = Site::working();
    let live = site.live(&json!([sleep("t", 8)]));
    let mut count = 0;
    for (number, (what, body)) in junk().into_iter().enumerate() {
        let subject = format!("task.default.{}.{}.0.1", number % 4, stranger(number));
        assert!(site.store(&subject, &body), "{what}");
        count += 1;
    }
    for subject in [
        // Names of no attempt, and an attempt that a live run has yet to make.
        "task.default.2.nobody.0.1".to_owned(),
        format!("task.default.2.{}.x.1", stranger(100)),
        format!("task.default.2.{}.0.0", stranger(100)),
        format!("task.default.0.{live}.0.2"),
        format!("task.default.0.{live}.77.1"),
    ] {
        assert!(site.store(&subject, b"junk"), "{subject}");
        count += 1;
    }
    site.honest_run("after");
    site.quarantined(count);
    assert_eq!(site.last(&live)["status"], "success");
    site.is_quiet();
    assert_eq!(site.subjects("TASKS"), [""; 0]);
    site.end();
}

#[test]
fn junk_beside_a_run_is_passed_over() {
    let site = Site::working();
    let live = site.live(&json!([sleep("t", 8)]));
    let before = site.messages("QUARANTINE");
    for (number, (_, body)) in junk().into_iter().enumerate() {
        let stranger = stranger(number);
        for run in [&live, &stranger] {
            for subject in [
                format!("live.{run}.res.default.0.1"),
                format!("live.{run}.res.default.9.9"),
                format!("live.{run}.started.0.1"),
                format!("live.{run}.ctl"),
                format!("live.{run}.end"),
                format!("live.{run}.what.is.this"),
                format!("ask.{run}"),
                format!("event.{run}"),
                format!("stop.{run}"),
                format!("stop.{run}.0.0"),
                format!("stop.{run}.0.1.1"),
                format!("stop.{stranger}.0.1"),
                format!("run.{run}.try.default.{}.9.9", number + 5),
                format!("run.{run}.what.{number}"),
                format!("seat.default.{number}"),
                format!("$KV.runs.{stranger}"),
                format!("task.-.owner.{stranger}.0.0"),
                format!("run.{stranger}.alt"),
                format!("run.{stranger}.end"),
                format!("run.{stranger}.ctl"),
            ] {
                site.say(&subject, &body);
            }
        }
        for subject in ["hb.nobody", "hb.No-Body", "stop.x", "stop.>x"] {
            site.say(subject, &body);
        }
        // An answer goes where the question says, and is no message there.
        site.say_with(&format!("ask.{live}"), Some("_INBOX.nobody"), &[], &body);
    }
    site.honest_run("after");
    assert_eq!(site.last(&live)["status"], "success");
    assert_eq!(site.messages("QUARANTINE"), before);
    let listed = site.call(&["ls", "--json"]).code(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed:#}");
    site.call(&["workers", "ls"]).code(0);
    site.is_quiet();
    site.end();
}
