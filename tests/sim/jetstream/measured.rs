//! What was measured on the real server and is easily modelled wrongly, one by one.

use serde_json::{Value, json};

use super::{JetStream, Message};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const TASKS: &str = include_str!("../../../nats/streams/TASKS.json");
const QUEUE: &str = include_str!("../../../nats/consumers/queue.json");
const OFFER: &str = "task.default.0.r0.1.1";

/// A server with offers and a consumer whose leases last 10 s.
struct Scene {
    server: JetStream,
    now: u64,
}

impl Scene {
    fn new() -> Self {
        let mut scene = Self { server: JetStream::new("first".to_owned()), now: START };
        scene.say("$JS.API.STREAM.CREATE.TASKS", TASKS);
        scene.say("$JS.API.CONSUMER.CREATE.TASKS.default-p0", QUEUE);
        scene
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        self.server.tick(self.now, &|_| true);
    }

    /// The payloads and addresses of what comes back.
    fn say(&mut self, subject: &str, payload: impl ToString) -> Vec<(String, Option<String>)> {
        self.send(subject, &[], payload)
    }

    fn send(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        payload: impl ToString,
    ) -> Vec<(String, Option<String>)> {
        let message = Message {
            subject: subject.to_owned(),
            reply: Some("inbox".to_owned()),
            headers: headers.iter().copied().collect(),
            payload: payload.to_string().into(),
            status: None,
        };
        let sent = self.server.handle(self.now, &message, &|_| true);
        let sent = sent.into_iter().map(|sent| sent.message);
        sent.map(|it| (String::from_utf8(it.payload.to_vec()).unwrap(), it.reply)).collect()
    }

    /// The address of what is delivered now, if anything is.
    fn pull(&mut self) -> Option<String> {
        let asked = json!({ "batch": 1, "no_wait": true });
        self.say("$JS.API.CONSUMER.MSG.NEXT.TASKS.default-p0", asked)
            .into_iter()
            .find_map(|it| it.1)
    }

    fn subjects(&self) -> Vec<&str> {
        self.server.messages("TASKS").map(|(_, stored)| stored.subject.as_str()).collect()
    }
}

#[test]
fn a_late_heartbeat_renews_the_lease_of_another_and_a_late_ack_ends_it() {
    let mut scene = Scene::new();
    scene.say(OFFER, "");
    let first = scene.pull().unwrap();
    scene.pass(11);
    let second = scene.pull().unwrap();
    assert!(second.contains(".default-p0.2."), "{second}");
    scene.pass(9);
    scene.say(&first, "+WPI");
    scene.pass(9);
    assert_eq!(scene.pull(), None, "the first holder keeps the lease of the second");
    assert_eq!(scene.server.leased("TASKS", "default-p0"), [(1, 2)]);
    assert_eq!(scene.say(&first, "+ACK").len(), 1, "it is confirmed");
    assert_eq!(scene.subjects(), [""; 0]);
}

#[test]
fn an_ack_of_what_no_consumer_was_given_removes_it_if_none_is_to_be() {
    let mut scene = Scene::new();
    scene.send("task.-.owner.r0.0.0", &[("Nats-Rollup", "sub")], "");
    scene.say(OFFER, "");
    assert_eq!(scene.say("$JS.ACK.TASKS.default-p0.1.2.1.0.0", "+ACK"), [], "not delivered yet");
    scene.pull().unwrap();
    scene.say("$JS.ACK.TASKS.default-p0.1.1.1.0.0", "+ACK");
    assert_eq!(scene.subjects(), [OFFER], "the owner record is gone");
}

#[test]
fn a_batch_is_stored_as_a_whole_or_not_at_all() {
    let mut scene = Scene::new();
    scene.say("task.-.owner.r0.0.0", "");
    let batch = |place: &'static str, fence: &'static str| {
        let fence = [
            ("Nats-Expected-Last-Subject-Sequence", fence),
            ("Nats-Expected-Last-Subject-Sequence-Subject", "task.-.owner.r0.0.0"),
        ];
        let batch = [("Nats-Batch-Id", fence[0].1), ("Nats-Batch-Sequence", place)];
        let commit = (place == "2").then_some(("Nats-Batch-Commit", "1"));
        fence.into_iter().chain(batch).chain(commit).collect::<Vec<_>>()
    };
    for (fence, stored) in [("7", 1), ("1", 3)] {
        scene.send("task.default.0.r0.1.1", &batch("1", fence), "");
        assert_eq!(scene.subjects().len(), 1, "nothing counts before all of it is there");
        scene.send("task.default.0.r0.2.1", &batch("2", fence), "");
        assert_eq!(scene.subjects().len(), stored);
    }
    assert_eq!(scene.server.last_sequence("TASKS"), 3);
}

#[test]
fn a_batch_is_given_up_after_ten_seconds() {
    let mut scene = Scene::new();
    let part = |place| [("Nats-Batch-Id", "b"), ("Nats-Batch-Sequence", place)];
    scene.send(OFFER, &part("1"), "");
    scene.pass(9);
    assert_eq!(
        scene.send("task.-.owner.r0.0.0", &part("2"), "")[0].0,
        "",
        "each message gives it ten more"
    );
    scene.pass(10);
    let answer = scene.send("task.-.owner.r1.0.0", &part("3"), "").remove(0).0;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["error"]["err_code"], 10176);
}

#[test]
fn a_start_takes_leases_for_as_old_as_their_messages() {
    for (waited, is_held) in [(2, true), (20, false)] {
        let mut scene = Scene::new();
        scene.say(OFFER, "");
        scene.pass(waited);
        scene.pull().unwrap();
        scene.pass(1);
        scene.server.restart(scene.now, "second".to_owned(), |_, _| true);
        assert_eq!(scene.server.server_id(), "second");
        scene.pass(2);
        assert_eq!(scene.pull().is_none(), is_held, "delivered {waited} s after it was stored");
    }
}

#[test]
fn what_was_not_written_yet_is_forgotten_by_a_kill() {
    let mut scene = Scene::new();
    scene.say(OFFER, "");
    scene.pull().unwrap();
    scene.server.restart(scene.now, "second".to_owned(), |_, _| false);
    let again = scene.pull().unwrap();
    assert!(
        again.contains(".default-p0.1.1.1."),
        "delivered for the first time once more: {again}"
    );
}

#[test]
fn a_power_cut_takes_the_end_of_a_stream_and_what_consumers_knew_of_it() {
    let mut scene = Scene::new();
    scene.say("task.-.owner.r0.0.0", "");
    scene.say(OFFER, "");
    scene.pull().unwrap();
    scene.pass(1);
    scene.server.lose_tail("TASKS", 1);
    scene.server.restart(scene.now, "second".to_owned(), |_, _| true);
    assert_eq!(scene.subjects(), ["task.-.owner.r0.0.0"]);
    assert_eq!(scene.say(OFFER, "")[0].0, r#"{"seq":2,"stream":"TASKS"}"#);
    assert!(scene.pull().is_some());
}
