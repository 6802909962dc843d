//! What somebody deletes by hand is made again, or missed aloud.

use rustix::process::Signal;

use super::site::Site;
use crate::rig::echo;

#[test]
fn a_consumer_that_was_deleted_is_made_again() {
    let site = Site::working();
    site.honest_run("before");
    let told = site.ask("$JS.API.CONSUMER.DELETE.TASKS.default-p2", b"");
    assert_eq!(told["success"], true, "{told}");
    site.honest_run("after");
    site.end();
}

#[test]
fn a_stream_that_was_deleted_is_missed_aloud() {
    let mut site = Site::working();
    site.honest_run("before");
    let told = site.ask("$JS.API.STREAM.DELETE.TASKS", b"");
    assert_eq!(told["success"], true, "{told}");
    site.hear(0, "the queues are not as they must be");
    site.call(&["doctor", "--fix"]).code(0);
    let run = site.submit("after", &serde_json::json!([echo("a")]));
    assert_eq!(site.last(&run)["status"], "success");
    site.stop_all(Signal::TERM);
}
