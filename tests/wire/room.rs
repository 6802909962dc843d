//! A stream whose room is smaller than what a run wants to put there.

use serde_json::{Value, json};

use super::site::Site;
use crate::rig::echo;

/// Some offers find room, and far from all.
const ROOM: u32 = 6_000;

#[test]
fn a_run_that_is_wider_than_the_room_for_offers_ends() {
    let site = Site::working();
    let mut config = site.ask("$JS.API.STREAM.INFO.TASKS", b"")["config"].take();
    config["max_bytes"] = json!(ROOM);
    let told = site.ask("$JS.API.STREAM.UPDATE.TASKS", config.to_string().as_bytes());
    assert!(told["error"].is_null(), "{told}");
    let tasks: Vec<Value> = (0..80).map(|number| echo(&format!("t{number}"))).collect();
    let run = site.submit("wide", &json!(tasks));
    assert_eq!(site.last(&run)["status"], "success");
    let said = site.end();
    assert!(said.contains("maximum bytes exceeded"), "there was room for all: {said}");
}
