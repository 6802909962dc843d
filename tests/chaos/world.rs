//! The fleet that is disturbed: servers, links, roles and what they were given to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tests::clock::{now, rest, until};
use tests::crew::{Program, Role};
use tests::servers::{NatsServer, Weed};
use tokio::runtime::Handle;

use crate::bucket;
use crate::checker::{Evidence, Helpless, Last};
use crate::ledger::{self, Try};
use crate::load::{Marker, NARROW, Submission, Task};
use crate::proxy::Link;
use crate::proxy::http::HttpLink;
use crate::wire::Wire;

/// How long a lease lasts, seconds.
pub(crate) const LEASE_SECONDS: u64 = 3;

/// How long anything may take to come back before nobody waits any longer.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Told by Ctrl-C and by a request to end: everything is to go.
pub(crate) static STOPPED: AtomicBool = AtomicBool::new(false);

/// Who works, and under which limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) coordinators: usize,
    pub(crate) workers: usize,
    pub(crate) slots: u32,
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) runtime: Handle,
    /// The program whose roles are played.
    pub(crate) runner: PathBuf,
    /// This program.
    pub(crate) own: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) seed: u64,
    /// Tasks of a large run.
    pub(crate) tasks: u64,
}

/// A role with the links to its servers.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) role: Role,
    pub(crate) nats: Link,
    /// Of coordinators: what it says to the bucket, and the way it takes.
    pub(crate) bucket: Option<(HttpLink, Link)>,
    program: Program,
    words: Vec<String>,
}

impl Member {
    /// Starts it once more, under the same name.
    pub(crate) fn restart(&mut self) {
        self.role.kill();
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        self.role = self.program.begin(&self.role.name, &words);
    }

    /// The same with other variables.
    pub(crate) fn restart_with(&mut self, variables: &[(&str, &str)]) {
        self.role.kill();
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        self.role = self.program.with(variables).begin(&self.role.name, &words);
    }
}

/// What the thread that submits and the thread that disturbs both know.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) program: Program,
    pub(crate) marker: Marker,
    submitted: Arc<Mutex<Vec<Submission>>>,
}

/// A whole fleet. Everything ends with it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ground: Ground,
    pub(crate) coordinators: Vec<Member>,
    pub(crate) workers: Vec<Member>,
    pub(crate) client: Client,
    pub(crate) operator: Wire,
    pub(crate) coordinator_wire: Wire,
    pub(crate) helpless: Vec<Helpless>,
    sent: BTreeSet<(String, String)>,
    // After their clients.
    pub(crate) nats: NatsServer,
    pub(crate) weed: Weed,
}

const ROLES: [&str; 4] = ["client", "worker", "coordinator", "operator"];

/// A server with the configuration that is shipped.
pub(crate) fn start_nats(store: &str) -> NatsServer {
    start_nats_as(store, |conf| conf)
}

/// The same after a change of it.
pub(crate) fn start_nats_as(store: &str, change: impl FnOnce(String) -> String) -> NatsServer {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nats");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let conf = read("server.conf").replace("include \"accounts.conf\"", &read("accounts.conf"));
    let passwords =
        ROLES.map(|role| (format!("RUNNER_{}_PASSWORD", role.to_uppercase()), password(role)));
    let mut variables: Vec<(&str, &str)> = vec![("RUNNER_NATS_STORE", store)];
    variables.extend(passwords.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    NatsServer::start_with_environment(&change(conf), &variables)
}

pub(crate) fn password(role: &str) -> String {
    format!("password-of-the-{role}")
}

/// Where a role connects.
pub(crate) fn url(role: &str, port: u16) -> String {
    format!("nats://{role}:{}@127.0.0.1:{port}", password(role))
}

impl World {
    /// A fleet of this size, ready to work, with the servers given.
    pub(crate) fn new(ground: Ground, size: Size, nats: NatsServer, weed: Weed) -> Self {
        std::fs::create_dir_all(&ground.folder).unwrap();
        let base = Program::new(&ground.runner, &ground.folder).with(&[
            ("RUNNER_STORE_URL", &format!("s3://{}/chaos", weed.bucket())),
            ("RUNNER_LEASE_SECONDS", &LEASE_SECONDS.to_string()),
            ("RUNNER_LOG_LEVEL", "info"),
            ("AWS_ENDPOINT_URL", &weed.endpoint()),
            ("AWS_ACCESS_KEY_ID", weed.access_key()),
            ("AWS_SECRET_ACCESS_KEY", weed.secret_key()),
        ]);
        let as_role = |role: &str| base.with(&[("RUNNER_NATS_URL", &url(role, nats.port()))]);
        let _ = as_role("operator").call(&["doctor", "--fix"]).code(0);
        let operator = Wire::connect(&ground.runtime, "operator", nats.port());
        operator.limit_queue(LEASE_SECONDS);
        let coordinator_wire = Wire::connect(&ground.runtime, "coordinator", nats.port());
        let marker = Marker { program: ground.own.clone(), ledger: ground.folder.join("ledger") };
        let client = Client::new(as_role("client"), marker);
        let mut world = Self {
            coordinators: Vec::new(),
            workers: Vec::new(),
            client,
            operator,
            coordinator_wire,
            helpless: Vec::new(),
            sent: BTreeSet::new(),
            ground,
            nats,
            weed,
        };
        (0..size.coordinators).for_each(|number| world.coordinator(&base, number));
        (0..size.workers).for_each(|number| world.worker(&base, number, size.slots));
        world.is_ready();
        world
    }

    fn coordinator(&mut self, base: &Program, number: usize) {
        let runtime = &self.ground.runtime;
        let nats = Link::open(runtime, self.nats.port());
        let s3 = Link::open(runtime, self.weed.port());
        let seed = self.ground.seed.wrapping_add(u64::try_from(number).unwrap());
        let http = HttpLink::open(runtime, s3.port(), seed);
        let program = base.with(&[
            ("RUNNER_NATS_URL", &url("coordinator", nats.port())),
            ("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", http.port())),
        ]);
        let words = vec!["coordinator".to_owned()];
        let role = program.begin(&format!("coordinator-{number}"), &["coordinator"]);
        self.coordinators.push(Member { role, nats, bucket: Some((http, s3)), program, words });
    }

    fn worker(&mut self, base: &Program, number: usize, slots: u32) {
        let nats = Link::open(&self.ground.runtime, self.nats.port());
        let program = base.with(&[("RUNNER_NATS_URL", &url("worker", nats.port()))]);
        let (name, slots) = (format!("worker-{number}"), slots.to_string());
        let queues = format!("default,{NARROW}");
        let words =
            ["worker", "--slots", &slots, "--id", &name, "--allow-exec", "--queues", &queues];
        let words = words.map(str::to_owned).to_vec();
        let all: Vec<&str> = words.iter().map(String::as_str).collect();
        let role = program.begin(&name, &all);
        self.workers.push(Member { role, nats, bucket: None, program, words });
    }

    /// Everybody, coordinators first.
    pub(crate) fn members(&mut self) -> impl Iterator<Item = &mut Member> {
        self.coordinators.iter_mut().chain(&mut self.workers)
    }

    /// Waits until everybody can work; who is dead is started again. False when somebody cannot.
    pub(crate) fn is_ready(&mut self) -> bool {
        for member in self.members() {
            if member.role.has_ended() {
                member.restart();
            }
        }
        let ready =
            until(LONG, || is_stopped() || self.members().all(|member| member.role.is_ready()));
        ready.is_some()
    }

    /// The sum of one count of the workers.
    pub(crate) fn workers_count(&self, name: &str) -> u64 {
        self.workers.iter().filter_map(|it| it.role.count(name)).sum()
    }

    /// The sum of one count of the coordinators.
    pub(crate) fn coordinators_count(&self, name: &str) -> u64 {
        self.coordinators.iter().filter_map(|it| it.role.count(name)).sum()
    }

    /// The processes of tasks, in the order in which they began.
    pub(crate) fn tries(&self) -> Vec<Try> {
        ledger::tries(&ledger::read(&self.client.marker.ledger))
    }

    /// From now on this worker cannot help what its tasks do.
    pub(crate) fn give_up(&mut self, worker: usize) {
        let worker = self.workers[worker].role.pid();
        self.helpless.push(Helpless { worker, from: now() });
    }

    /// Waits for the ends of all runs. What there is to judge.
    pub(crate) fn evidence(&mut self, limit: Duration) -> Evidence {
        let submitted = self.client.submissions();
        let mut late: BTreeSet<String> = BTreeSet::new();
        let mut lasts: Vec<Last> = Vec::new();
        for wait in [limit, limit * 2] {
            let ended = until(wait, || {
                rest(Duration::from_millis(300));
                lasts = bucket::lasts(self.weed.filer_port()).unwrap_or_default();
                open(&submitted, &lasts).is_empty() || is_stopped()
            });
            if ended.is_some() {
                break;
            }
            late.extend(open(&submitted, &lasts));
        }
        self.keep_sent();
        for (key, digest) in &self.sent {
            if !lasts.iter().any(|last| (&last.key, &last.digest) == (key, digest)) {
                let (key, digest) = (key.clone(), digest.clone());
                lasts.push(Last { key, digest, body: Value::Null });
            }
        }
        Evidence {
            submitted,
            ledger: ledger::read(&self.client.marker.ledger),
            lasts,
            late,
            helpless: self.helpless.clone(),
        }
    }

    /// Remembers what the links saw.
    fn keep_sent(&mut self) {
        for member in &self.coordinators {
            self.sent.extend(member.bucket.iter().flat_map(|(http, _)| http.sent()));
        }
    }

    /// Keeps what the servers logged beside the other logs.
    pub(crate) fn keep_logs(&self) {
        std::fs::write(self.ground.folder.join("nats-server.log"), self.nats.log()).unwrap();
        std::fs::write(self.ground.folder.join("weed.log"), self.weed.log()).unwrap();
    }

    /// What no role may ever say.
    pub(crate) fn panics(&self) -> Vec<String> {
        let roles = self.coordinators.iter().chain(&self.workers).map(|member| &member.role);
        let said = roles.flat_map(|role| {
            let log = role.log();
            let odd = log
                .lines()
                .filter(|line| line.contains("panicked at") || line.contains("conductor died"));
            odd.map(|line| format!("{}: {line}", role.name)).collect::<Vec<_>>()
        });
        said.collect()
    }
}

/// Runs that have no LAST.
fn open(submitted: &[Submission], lasts: &[Last]) -> Vec<String> {
    let ended: BTreeSet<&str> = lasts.iter().filter_map(Last::run).collect();
    let open = submitted.iter().filter(|it| !ended.contains(it.run.as_str()));
    open.map(|it| it.run.clone()).collect()
}

impl Client {
    pub(crate) fn new(program: Program, marker: Marker) -> Self {
        Self { program, marker, submitted: Arc::default() }
    }

    /// Everything that was submitted until now.
    pub(crate) fn submissions(&self) -> Vec<Submission> {
        self.submitted.lock().unwrap().clone()
    }

    /// Writes a file of these tasks; its path.
    pub(crate) fn write(&self, key: &str, tasks: &[Task]) -> PathBuf {
        let path = self.program.place(&format!("{key}.alt.json"));
        std::fs::write(&path, self.marker.file(key, tasks).to_string()).unwrap();
        path
    }

    /// Submits a file of these tasks, again and again until the fleet says that it has it.
    pub(crate) fn submit(&self, key: &str, tasks: Vec<Task>) -> Option<String> {
        let path = self.write(key, &tasks).display().to_string();
        self.submit_file(&path, key, tasks)
    }

    /// The same with a file that is there; `None` when the file itself is refused.
    pub(crate) fn submit_file(&self, path: &str, key: &str, tasks: Vec<Task>) -> Option<String> {
        while !is_stopped() {
            let words = ["submit", path, "--key", key, "--json"];
            let done = self.program.call_within(LONG, &words);
            if done.as_ref().is_some_and(|done| matches!(done.code, Some(2 | 3))) {
                return None;
            }
            if let Some(done) = done.filter(|done| done.code == Some(0)) {
                let run = done.json()["run"].as_str().unwrap().to_owned();
                self.add(Submission {
                    key: key.to_owned(),
                    run: run.clone(),
                    tasks,
                    cancelled: false,
                });
                return Some(run);
            }
            rest(Duration::from_millis(300));
        }
        None
    }

    /// Submits these files once each, all at the same time; what was said to those that were not
    /// taken, and after how many milliseconds.
    pub(crate) fn try_all(&self, files: Vec<(String, Vec<Task>)>) -> Vec<(u64, String)> {
        let refused = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (key, tasks) in files {
                let refused = &refused;
                scope.spawn(move || {
                    let path = self.write(&key, &tasks).display().to_string();
                    let begun = now();
                    let words = ["submit", &path, "--key", &key, "--json"];
                    // A client is patient for half a minute.
                    let done = self.program.call_within(2 * LONG, &words);
                    match done {
                        Some(done) if done.code == Some(0) => {
                            let run = done.json()["run"].as_str().unwrap().to_owned();
                            self.add(Submission { key, run, tasks, cancelled: false });
                        }
                        other => {
                            let said = other.map_or_else(String::new, |done| done.stderr);
                            refused.lock().unwrap().push((now() - begun, said));
                        }
                    }
                });
            }
        });
        refused.into_inner().unwrap()
    }

    /// The runs that a list shows as running.
    pub(crate) fn listed_as_running(&self) -> Vec<String> {
        let done = self.program.call_within(LONG, &["ls", "--json", "--limit", "1000000"]);
        let listed = done.filter(|done| done.code == Some(0)).map_or(Value::Null, |it| it.json());
        let rows = listed.as_array().into_iter().flatten();
        let running = rows.filter(|row| row["state"] == "running");
        running.filter_map(|row| Some(row["run"].as_str()?.to_owned())).collect()
    }

    /// Notes what was submitted.
    pub(crate) fn add(&self, submission: Submission) {
        self.submitted.lock().unwrap().push(submission);
    }

    /// Notes that somebody asks for the end of a run.
    pub(crate) fn will_cancel(&self, run: &str) {
        let mut submitted = self.submitted.lock().unwrap();
        submitted.iter_mut().filter(|it| it.run == run).for_each(|it| it.cancelled = true);
    }
}

/// Whether the rig was told to end.
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}
