//! A fleet with somebody on its wire who may say anything.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::rig::{Rig, echo, repeat};

/// Longer than any sweep, and as long as a lease here is over and a half.
const QUIET: Duration = Duration::from_secs(5);

/// A server with its streams, processes of a fleet, and a plain client.
#[derive(Debug)]
pub(super) struct Site {
    runtime: Runtime,
    client: Client,
    /// After the client of its server.
    rig: Rig,
}

impl Deref for Site {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut Rig {
        &mut self.rig
    }
}

impl Site {
    /// A fleet whose leases last two seconds, and nobody who works.
    #[track_caller]
    pub(super) fn bare() -> Self {
        let rig = Rig::with(&[("RUNNER_LEASE_SECONDS", "2")]);
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async_nats::connect(rig.url())).unwrap();
        Self { runtime, client, rig }
    }

    /// The same with a coordinator and a worker.
    #[track_caller]
    pub(super) fn working() -> Self {
        let mut site = Self::bare();
        site.coordinator();
        site.worker(&[]);
        site
    }

    /// Publishes, and waits until the server has it.
    pub(super) fn say(&self, subject: &str, body: &[u8]) {
        self.say_with(subject, None, &[], body);
    }

    /// The same with an address for the answer and headers.
    pub(super) fn say_with(
        &self,
        subject: &str,
        reply: Option<&str>,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|&(name, value)| map.append(name, value));
        let (to, body) = (subject.to_owned(), body.to_vec().into());
        self.runtime.block_on(async {
            let sent = match reply {
                Some(reply) => {
                    let reply = reply.to_owned();
                    self.client.publish_with_reply_and_headers(to, reply, map, body).await
                }
                None if headers.is_empty() => self.client.publish(to, body).await,
                None => self.client.publish_with_headers(to, map, body).await,
            };
            sent.unwrap();
            self.client.flush().await.unwrap();
        });
    }

    /// Stores, and says whether the server took it.
    #[track_caller]
    pub(super) fn store(&self, subject: &str, body: &[u8]) -> bool {
        // A refusal has a `seq` too.
        self.ask(subject, body)["error"].is_null()
    }

    /// Asks the server, which answers in JSON.
    #[track_caller]
    pub(super) fn ask(&self, subject: &str, body: &[u8]) -> Value {
        let answer: Message = self
            .runtime
            .block_on(self.client.request(subject.to_owned(), body.to_vec().into()))
            .unwrap_or_else(|error| panic!("{subject}: {error}"));
        serde_json::from_slice(&answer.payload).unwrap()
    }

    /// How a stream stands.
    #[track_caller]
    pub(super) fn stream(&self, name: &str) -> Value {
        let asked = json!({"subjects_filter": ">"}).to_string();
        self.ask(&format!("$JS.API.STREAM.INFO.{name}"), asked.as_bytes())["state"].clone()
    }

    #[track_caller]
    pub(super) fn messages(&self, stream: &str) -> u64 {
        self.stream(stream)["messages"].as_u64().unwrap()
    }

    /// The subjects of a stream that hold something.
    #[track_caller]
    pub(super) fn subjects(&self, stream: &str) -> Vec<String> {
        let state = self.stream(stream);
        let held = state["subjects"].as_object().map(|held| held.keys().cloned().collect());
        held.unwrap_or_default()
    }

    /// Waits until so many messages are kept aside; each with its reasons, and none of them twice.
    #[track_caller]
    pub(super) fn quarantined(&self, count: usize) {
        let count = u64::try_from(count).unwrap();
        repeat(&format!("{count} are kept aside"), || self.messages("QUARANTINE") >= count);
        for sequence in 1..=count {
            let asked = json!({"seq": sequence}).to_string();
            let kept = self.ask("$JS.API.STREAM.MSG.GET.QUARANTINE", asked.as_bytes());
            let kept = &kept["message"];
            let headers = decoded(kept["hdrs"].as_str().unwrap());
            assert!(headers.contains("Runner-Subject: "), "{headers}");
            assert!(headers.contains("Runner-Reason: "), "{headers}");
        }
        let state = self.stream("QUARANTINE");
        assert_eq!((&state["messages"], &state["last_seq"]), (&json!(count), &json!(count)));
    }

    /// What every consumer has before it, with others, and how often it delivered at all.
    #[track_caller]
    fn consumers(&self) -> Vec<[Value; 4]> {
        let mut stand = Vec::new();
        for stream in ["ALT", "TASKS"] {
            let listed = self.ask(&format!("$JS.API.CONSUMER.LIST.{stream}"), b"{}");
            for info in listed["consumers"].as_array().unwrap() {
                let delivered = &info["delivered"]["consumer_seq"];
                let figures = [&info["num_pending"], &info["num_ack_pending"], delivered];
                let [pending, held, delivered] = figures.map(Clone::clone);
                stand.push([info["name"].clone(), pending, held, delivered]);
            }
        }
        stand
    }

    /// Nothing waits, nothing is held, and for five seconds nothing is delivered.
    #[track_caller]
    pub(super) fn is_quiet(&self) {
        let idle = |stand: &[[Value; 4]]| stand.iter().all(|it| it[1] == 0 && it[2] == 0);
        repeat("nothing waits and nothing is held", || idle(&self.consumers()));
        let before = self.consumers();
        self.pass(QUIET);
        assert_eq!(self.consumers(), before, "what was delivered comes again");
    }

    /// Lets time pass.
    pub(super) fn pass(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    /// Submits these tasks and waits until the first of them runs; the run.
    #[track_caller]
    pub(super) fn live(&self, tasks: &Value) -> String {
        let run = self.submit("live", tasks);
        self.until_why(&run, tasks[0]["id"].as_str().unwrap(), "running on ");
        run
    }

    /// A run of two tasks that are none of the enemy's business ends well.
    #[track_caller]
    pub(super) fn honest_run(&self, id: &str) {
        let second = json!({"id": "b", "description": "x", "job": "echo", "dependencies": ["a"]});
        let run = self.submit(id, &json!([echo("a"), second]));
        assert_eq!(self.last(&run)["status"], "success");
    }

    /// Ends the fleet in order, and none of it has panicked. What it logged.
    #[track_caller]
    pub(super) fn end(mut self) -> String {
        let logs = self.stop_all(Signal::TERM);
        assert!(!logs.contains("panicked") && !logs.contains("conductor died"), "{logs}");
        logs
    }
}

/// The text in base64.
fn decoded(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    String::from_utf8(bytes).unwrap()
}
