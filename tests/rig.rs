//! A server, a store and the processes of a fleet, all of one test.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::servers::{NatsCluster, NatsServer};
use tokio::time::Instant;

use crate::door::{Done, Door, LONG, Running, own};

/// Tests of a fleet: each on one server, and once more where every stream lies on three.
macro_rules! on_one_server_and_on_three {
    ($($name:ident with $variables:expr;)+) => {$(
        mod $name {
            #[test]
            fn on_one_server() {
                super::$name($crate::rig::Rig::with($variables));
            }

            #[test]
            fn on_three() {
                super::$name($crate::rig::Rig::on_three($variables));
            }
        }
    )+};
}
pub(crate) use on_one_server_and_on_three;

/// Where the streams of a fleet lie.
#[derive(Debug)]
pub(crate) enum Servers {
    One(NatsServer),
    /// Each stream on all three.
    Three(NatsCluster),
}

impl Servers {
    fn url(&self) -> String {
        match self {
            Self::One(server) => server.url(),
            Self::Three(cluster) => cluster.url(),
        }
    }

    fn copies(&self) -> &'static str {
        match self {
            Self::One(_) => "1",
            Self::Three(_) => "3",
        }
    }
}

/// A fleet. Its processes are killed when it goes.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) door: Door,
    roles: Vec<Running>,
    /// After its clients.
    servers: Servers,
}

impl Rig {
    /// A server with its streams, and nobody who works.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// The same with more variables.
    #[track_caller]
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        Self::on(Servers::One(NatsServer::start()), Door::new(), variables)
    }

    /// The same, of the program that an author of jobs writes.
    #[track_caller]
    pub(crate) fn of_an_author(variables: &[(&str, &str)]) -> Self {
        Self::on(Servers::One(NatsServer::start()), Door::of(own()), variables)
    }

    /// The same on three servers.
    #[track_caller]
    pub(crate) fn on_three(variables: &[(&str, &str)]) -> Self {
        Self::on(Servers::Three(NatsCluster::start()), Door::new(), variables)
    }

    #[track_caller]
    fn on(servers: Servers, mut door: Door, variables: &[(&str, &str)]) -> Self {
        variables.iter().for_each(|&(name, value)| door.set(name, value));
        door.set("RUNNER_NATS_URL", servers.url());
        door.set("RUNNER_STORE_URL", format!("file://{}", door.path("store").display()));
        door.call(&["doctor", "--fix", "--replicas", servers.copies()]).code(0);
        Self { door, roles: Vec::new(), servers }
    }

    /// The same with a coordinator and a worker of so many slots.
    #[track_caller]
    pub(crate) fn working(slots: u32) -> Self {
        Self::new().and_work(slots)
    }

    /// With a coordinator and a worker of so many slots.
    #[track_caller]
    pub(crate) fn and_work(mut self, slots: u32) -> Self {
        self.coordinator();
        self.worker(&["--slots", &slots.to_string()]);
        self
    }

    pub(crate) fn url(&self) -> String {
        self.servers.url()
    }

    /// Ends all coordinators and workers; what they logged.
    #[track_caller]
    pub(crate) fn stop_all(&mut self, signal: Signal) -> String {
        let mut logs = String::new();
        for role in self.roles.drain(..) {
            role.send(signal);
            logs.push_str(&role.end(LONG).stderr);
        }
        logs
    }

    /// Sends a signal to the role that was started as this one, from 0.
    pub(crate) fn signal(&self, role: usize, signal: Signal) {
        self.roles[role].send(signal);
    }

    /// Waits until the role that was started as this one, from 0, has said this.
    #[track_caller]
    pub(crate) fn hear(&mut self, role: usize, text: &str) {
        self.roles[role].hear(text);
    }

    /// The one server.
    #[track_caller]
    pub(crate) fn server(&self) -> &NatsServer {
        let Servers::One(server) = &self.servers else { panic!("there are three servers") };
        server
    }

    /// Kills the one server, and starts it again after a while.
    #[track_caller]
    pub(crate) fn kill_server_for(&mut self, time: Duration) {
        let Servers::One(server) = &mut self.servers else { panic!("there are three servers") };
        server.kill();
        pass(time);
        server.restart();
    }

    /// The three servers.
    #[track_caller]
    pub(crate) fn cluster(&mut self) -> &mut NatsCluster {
        let Servers::Three(cluster) = &mut self.servers else { panic!("there is one server") };
        cluster
    }

    pub(crate) fn coordinator(&mut self) {
        self.roles.push(self.door.start(&["coordinator", "--health", "off"]));
    }

    pub(crate) fn worker(&mut self, flags: &[&str]) {
        self.roles.push(self.door.start(&[&["worker", "--health", "off"], flags].concat()));
    }

    /// Kills the role that was started as this one, from 0, and starts a worker in its place: the
    /// process id of the one that is gone.
    pub(crate) fn replace(&mut self, role: usize, flags: &[&str]) -> u32 {
        let gone = self.roles[role].kill();
        let words = [&["worker", "--health", "off"], flags].concat();
        self.roles[role] = self.door.start(&words);
        gone
    }

    #[track_caller]
    pub(crate) fn call(&self, arguments: &[&str]) -> Done {
        self.door.call(arguments)
    }

    /// Writes a file of these tasks, submits it, and returns the run.
    #[track_caller]
    pub(crate) fn submit(&self, id: &str, tasks: &Value) -> String {
        let name = format!("{id}.alt.json");
        self.door.alt(&name, &file(id, tasks));
        self.call(&["submit", &name]).code(0).line()
    }

    /// The run as `ls` tells it.
    #[track_caller]
    pub(crate) fn listed(&self, run: &str) -> Option<Value> {
        let listed = self.call(&["ls", "--json"]).code(0).json();
        listed.as_array().unwrap().iter().find(|row| row["run"] == run).cloned()
    }

    /// Waits until `ls` says that the run stands so.
    #[track_caller]
    pub(crate) fn until(&self, run: &str, state: &str) {
        repeat(&format!("run {run} is {state}"), || {
            self.listed(run).is_some_and(|row| row["state"] == state)
        });
    }

    /// Waits until `why` says this of a task.
    #[track_caller]
    pub(crate) fn until_why(&self, run: &str, task: &str, text: &str) {
        let mut said = String::new();
        repeat(&format!("why {task}: {text}"), || {
            let done = self.call(&["why", run, task]);
            said = format!("{}{}", done.stdout, done.stderr);
            said.contains(text)
        });
    }

    /// Waits for the end of a run; its LAST.
    #[track_caller]
    pub(crate) fn last(&self, run: &str) -> Value {
        let mut path = String::new();
        // One that any client published is known when a coordinator has taken it.
        repeat(&format!("run {run} has ended"), || {
            path = self.call(&["watch", run, "--progress", "quiet"]).stdout;
            !path.is_empty()
        });
        let bytes = std::fs::read(path.trim_end()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// Asks again and again until a condition holds that takes a call of the program to know.
#[track_caller]
pub(crate) fn repeat(what: &str, mut condition: impl FnMut() -> bool) {
    let late = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < late, "after {LONG:?} it does not hold: {what}");
    }
}

/// Lets time pass, where nothing is to happen.
#[expect(clippy::disallowed_methods, reason = "a test waits on its own thread, without a runtime")]
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// An ALT file of these tasks.
pub(crate) fn file(id: &str, tasks: &Value) -> Value {
    json!({"id": id, "title": format!("The {id}"), "tasks": tasks})
}

/// A task that returns at once.
pub(crate) fn echo(id: &str) -> Value {
    json!({"id": id, "description": "x", "job": "echo"})
}

/// A task of the job `transform` that completes, or that fails at once.
pub(crate) fn decided(id: &str, completes: bool) -> Value {
    let expression = if completes { "1" } else { "error(\"no\")" };
    json!({"id": id, "description": "x", "job": "transform", "retry_count": 0,
           "parameters": {"expression": expression}})
}

/// A task that takes so many seconds.
pub(crate) fn sleep(id: &str, seconds: u32) -> Value {
    json!({"id": id, "description": "x", "job": "sleep", "parameters": {"seconds": seconds}})
}

/// The same after others.
pub(crate) fn after(mut task: Value, needed: &[&str]) -> Value {
    task["dependencies"] = json!(needed);
    task
}

/// The lines of logs in JSON, the earliest first: those of several processes of one machine.
#[track_caller]
pub(crate) fn log_lines(logs: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let mut lines: Vec<Value> = logs.lines().map(parse).collect();
    lines.sort_by(|one, other| one["timestamp"].as_str().cmp(&other["timestamp"].as_str()));
    lines
}

impl Done {
    /// The one line of standard output.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        let lines: Vec<_> = self.stdout.lines().collect();
        let [line] = lines[..] else {
            panic!("one line was expected: {self:#?}");
        };
        line.to_owned()
    }
}
