//! The program's own roles and verbs, each as the user that we ship for it.

use async_nats::ConnectOptions;
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::servers::NatsServer;

use crate::door::{Done, Door, LONG, Running};
use crate::permissions::{environment, password, shipped};
use crate::rig::{echo, file, repeat, sleep};

/// A server with the accounts that we ship, and a door for each role.
struct Guarded {
    folder: Door,
    roles: Vec<Running>,
    server: NatsServer,
}

impl Guarded {
    /// Streams made by the operator, and a coordinator.
    #[track_caller]
    fn new() -> Self {
        Self::with(&[])
    }

    /// The same with more variables.
    #[track_caller]
    fn with(more: &[(&str, &str)]) -> Self {
        let variables = environment();
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let server = NatsServer::start_with_environment(&shipped(), &variables);
        let mut folder = Door::new();
        folder.set("RUNNER_STORE_URL", format!("file://{}", folder.path("store").display()));
        folder.set("RUNNER_LEASE_SECONDS", "2");
        more.iter().for_each(|(name, value)| folder.set(name, value));
        let mut this = Self { folder, roles: Vec::new(), server };
        for flags in [&["doctor", "--fix"][..], &["doctor"]] {
            this.call("operator", flags).code(0);
        }
        this.start("coordinator", &["coordinator", "--health", "off"]);
        this
    }

    fn dress(&mut self, user: &str) {
        let port = self.server.port();
        let url = format!("nats://{user}:{}@127.0.0.1:{port}", password(user));
        self.folder.set("RUNNER_NATS_URL", url);
    }

    #[track_caller]
    fn call(&mut self, user: &str, arguments: &[&str]) -> Done {
        self.dress(user);
        self.folder.call(arguments)
    }

    /// The row of a list in which a column says this.
    fn row(&mut self, list: &[&str], column: &str, name: &str) -> Value {
        let rows = self.call("client", list).code(0).json();
        rows.as_array().unwrap().iter().find(|row| row[column] == name).cloned().unwrap_or_default()
    }

    fn start(&mut self, user: &str, arguments: &[&str]) {
        self.dress(user);
        self.roles.push(self.folder.start(arguments));
    }

    fn worker(&mut self) {
        let flags = ["worker", "--health", "off", "--allow-exec", "--id", "w-1"];
        self.start("worker", &flags);
    }

    #[track_caller]
    fn submit(&mut self, id: &str, tasks: &Value) -> String {
        let name = format!("{id}.alt.json");
        self.folder.alt(&name, &file(id, tasks));
        self.call("client", &["submit", &name]).code(0).stdout.trim_end().to_owned()
    }

    #[track_caller]
    fn until_why(&mut self, run: &str, task: &str, text: &str) {
        let late = tokio::time::Instant::now() + LONG;
        loop {
            let done = self.call("client", &["why", run, task]);
            if done.stdout.contains(text) {
                return;
            }
            assert!(tokio::time::Instant::now() < late, "why {task}: {text}: {done:#?}");
        }
    }

    /// Ends the roles; nobody was refused anything but what this says, and the look at the streams
    /// with which a worker and a client begin if they may.
    #[track_caller]
    fn end(mut self, expected: &[&str]) {
        let expected = &[expected, &["$JS.API.STREAM.INFO.ALT"]].concat();
        for role in self.roles.drain(..) {
            role.send(Signal::TERM);
            let done = role.end(LONG).code(0);
            let refused =
                done.stderr.lines().filter(|line| line.to_lowercase().contains("violation"));
            for line in refused {
                assert!(expected.iter().any(|it| line.contains(it)), "{line}");
            }
            assert!(!done.stderr.contains("panicked"), "{done:#?}");
        }
        let refusals = self.server.log();
        let refusals = refusals.lines().filter(|line| line.contains("Violation"));
        let refusals = refusals.filter(|line| !expected.iter().any(|it| line.contains(it)));
        assert_eq!(refusals.collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn every_verb_works_as_the_user_of_its_role() {
    let mut site = Guarded::new();
    site.worker();
    let second = json!({"id": "b", "description": "x", "job": "echo", "dependencies": ["a"]});
    site.folder.alt("w.alt.json", &file("w", &json!([echo("a"), second])));
    let done = site.call("client", &["submit", "w.alt.json", "--wait", "--json"]).code(0);
    let run = done.json()["run"].as_str().unwrap().to_owned();
    site.call("client", &["get", &run, "-o", "here"]).code(0);
    for verb in [&["verify", "here"][..], &["verify", &run], &["show", &run], &["why", &run, "b"]] {
        site.call("client", verb).code(0);
    }
    site.call("client", &["watch", &run, "--progress", "quiet"]).code(0);

    let long = site.submit("long", &json!([sleep("t", 300)]));
    site.until_why(&long, "t", "running on w-1 for ");
    let workers = site.call("client", &["workers", "ls", "--json"]).code(0).json();
    assert_eq!(workers[0]["running"][0]["run"], long.as_str());
    let stats = site.call("client", &["jobs", "stats", "sleep", "--json"]).code(0).json();
    assert_eq!(stats["holders"][0]["run"], long.as_str());
    let listed = site.call("client", &["ls", "--json"]).code(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    site.dress("client");
    let watch = site.folder.start(&["watch", &long, "--progress", "plain"]);
    site.call("client", &["cancel", &long, "--reason", "enough"]).code(0);
    assert!(watch.end(LONG).code(1).stderr.contains("failure"));

    let failing = json!({"id": "t", "description": "x", "job": "exec", "retry_count": 0,
                         "parameters": {"argv": ["test", "-f", site.folder.path("flag")]}});
    let failed = site.submit("again", &json!([echo("a"), failing]));
    site.call("client", &["watch", &failed, "--progress", "quiet"]).code(4);
    site.folder.write("flag", "");
    site.call("client", &["retry", &failed, "--wait"]).code(0);
    site.call("client", &["rerun", &run, "--from", "b"]).code(0);
    site.folder.write("bad.alt.json", r#"{"id": "bad", "tasks": []}"#);
    assert_ne!(site.call("client", &["submit", "bad.alt.json", "--wait"]).status.code(), Some(0));
    // What was done is counted within seconds: one was taken over, and one was done once more.
    repeat("it is counted", || {
        let stats = site.call("client", &["jobs", "stats", "echo", "--json"]).code(0).json();
        stats["total"]["ok"] == 4
    });
    site.call("client", &["health"]).code(0);
    site.end(&[]);
}

#[test]
fn jobs_run_by_themselves_as_the_users_that_we_ship() {
    let mut site = Guarded::with(&[("ECHO_INTERVAL_SECONDS", "1")]);
    site.worker();
    let late = tokio::time::Instant::now() + LONG;
    while site.row(&["schedule", "ls", "--json"], "job", "echo")["runs"]
        .as_u64()
        .is_none_or(|runs| runs < 2)
    {
        assert!(tokio::time::Instant::now() < late, "no tick becomes a run");
    }
    for verb in ["pause", "resume", "trigger"] {
        site.call("client", &["schedule", verb, "echo"]).code(0);
    }
    site.call("client", &["jobs", "disable", "echo"]).code(0);
    site.end(&[]);
}

#[test]
fn messages_are_worked_off_as_the_users_that_we_ship() {
    let mut site = Guarded::with(&[("EXEC_INTERVAL_SECONDS", "1"), ("EXEC_QUEUE", "words")]);
    site.worker();
    for (id, program) in [("good", "true"), ("bad", "false")] {
        let message = json!({"argv": [program]}).to_string();
        site.call("client", &["queue", "push", "words", &message, "--id", id]).code(0);
    }
    for verb in [&["queue", "replay", "words", "--all"], &["queue", "drop", "words", "--all"]] {
        let late = tokio::time::Instant::now() + LONG;
        let is_over = |row: &Value| (&row["waiting"], &row["dead"]) == (&json!(0), &json!(1));
        while !is_over(&site.row(&["queue", "ls", "--json"], "queue", "words")) {
            assert!(tokio::time::Instant::now() < late, "the bad one does not die: {verb:?}");
        }
        site.call("client", &["queue", "ls", "words"]).code(0);
        site.call("client", &["queue", "dead", "words"]).code(0);
        assert_eq!(site.call("client", verb).code(0).stdout, "bad\n");
    }
    site.end(&[]);
}

#[test]
fn a_limited_queue_is_served_by_a_worker_that_may_not_change_it() {
    let mut site = Guarded::new();
    let tasks: Vec<_> = (0..6).map(|at| sleep(&format!("s{at}"), 3)).collect();
    let run = site.submit("seats", &json!(tasks));
    // Whoever conducts has declared the queues, so what is made by hand after that stays.
    site.until_why(&run, "s0", "no worker serves queue `default`");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connect = async |user: &str| {
            let options = ConnectOptions::with_user_and_password(user.into(), password(user));
            options.connect(site.server.url()).await.unwrap()
        };
        let ask = async |client: &async_nats::Client, subject: &str, body: String| -> Value {
            let answer = client.request(subject.to_owned(), body.into()).await.unwrap();
            serde_json::from_slice(&answer.payload).unwrap()
        };
        let seats =
            include_str!("../../nats/consumers/seats.json").replace("10000000000", "2000000000");
        let operator = connect("operator").await;
        let made = ask(&operator, "$JS.API.CONSUMER.CREATE.SEATS.seat-default", seats).await;
        assert_eq!(made["name"], "seat-default", "{made}");
        for number in 0..2 {
            let stored = ask(&operator, &format!("seat.default.{number}"), String::new()).await;
            assert!(stored["seq"].is_u64(), "{stored}");
        }
    });
    site.worker();
    let mut most = 0;
    let mut done = false;
    while !done {
        let workers = site.call("client", &["workers", "ls", "--json"]).code(0).json();
        let running = workers[0]["running"].as_array().map_or(0, Vec::len);
        assert!(running <= 2, "{workers:#}");
        most = most.max(running);
        let listed = site.call("client", &["ls", "--json"]).code(0).json();
        done = listed[0]["state"] == "success";
        assert!(done || listed[0]["state"] == "running", "{listed:#}");
    }
    assert_eq!(most, 2);
    site.call("client", &["watch", &run, "--progress", "quiet"]).code(0);
    // What a worker may not do, and does not need to: it leaves the limit to the coordinator.
    site.end(&["CONSUMER.DELETE.SEATS.seat-default"]);
}
