//! The readers of subjects and ids: what is read is written the same way, and only that way.

use alt::Priority;
use protocol::{AttemptKey, RunId, WorkerId, subject};

/// Reads `bytes` as each kind of subject and id.
pub fn hold(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Some((queue, key)) = subject::offered(text) {
        let ways = [Priority::Critical, Priority::High, Priority::Medium, Priority::Low];
        let written = ways.map(|priority| subject::offer(&queue, priority, &key));
        assert!(written.iter().any(|way| way == text), "{text:?} is read as {:?}", written[0]);
        each_is_one_subject(&queue, &key);
    }
    if let Some(key) = subject::stopped(text) {
        assert_eq!(subject::stop(&key), text);
        each_is_one_subject("default", &key);
    }
    if let Some(run) = subject::submitted_run(text) {
        let written = subject::submission(Priority::Medium, run);
        assert_eq!(subject::submitted_run(&written), Some(run));
    }
    if let Ok(run) = text.parse::<RunId>() {
        assert_eq!(run.to_string().parse(), Ok(run));
    }
    if let Ok(worker) = text.parse::<WorkerId>() {
        assert_eq!(worker.as_str(), text);
        assert!(is_plain(&subject::beat(&worker)), "{text:?}");
    }
    if subject::is_queue(text) {
        assert!(is_plain(&subject::seat(text, 0)), "{text:?}");
    }
    assert!(subject::live(text).starts_with("live."));
}

/// What is made of an attempt that was read names one subject.
fn each_is_one_subject(queue: &str, key: &AttemptKey) {
    for written in [
        subject::verdict(key, queue),
        subject::begun_again(key, queue, 2),
        subject::started(key),
        subject::stop(key),
    ] {
        assert!(is_plain(&written), "{written:?}");
    }
}

/// Whether a server takes `subject` as the name of one subject: no wildcard, no empty word.
fn is_plain(subject: &str) -> bool {
    subject.split('.').all(|word| {
        !word.is_empty() && !word.contains(|c: char| c == '*' || c == '>' || !c.is_ascii_graphic())
    })
}
