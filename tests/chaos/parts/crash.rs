//! A coordinator or a worker dies at one of its writes; the run must end as if it had not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tests::clock::{now, rest, until};
use tests::crew::{Program, Role};
use tests::servers::NatsServer;

use super::Apart;
use crate::bucket::digest;
use crate::checker::{Evidence, Last, check};
use crate::faults::Seen;
use crate::ledger;
use crate::load::{Marker, Mode, Task, lasting};
use crate::world::{Client, Ground, is_stopped};

pub(super) const APART: Apart = Apart { name: "crash-points", rows: &["F1", "F2"], play };

/// Points are tried side by side, for most of the time is waited.
const LANES: usize = 3;

/// How long it may take to come to a point, and to an end after it.
const REACH: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(40);

/// What must be going on for a point to be come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// A run of everything that is ordinary.
    Plain,
    /// A run whose file is large.
    Large,
    /// A run that is cancelled.
    Cancelled,
    /// A file that is refused.
    Refused,
    /// A job that remembers something.
    Remembering,
    /// The role is told to go.
    Leaving,
    /// The worker before this one was killed.
    Inherited,
}

/// Which write is made by which role, and when.
const COORDINATOR: &[(&str, Story)] = &[
    ("Bus.declare", Story::Plain),
    ("Bus.mend", Story::Plain),
    ("Bus.next_run", Story::Plain),
    ("Bus.own", Story::Plain),
    ("Bus.dispatch", Story::Plain),
    ("Bus.report", Story::Plain),
    ("Bus.advise", Story::Plain),
    ("Bus.end", Story::Plain),
    ("Bus.stop", Story::Cancelled),
    ("Bus.record", Story::Cancelled),
    ("Bus.quarantine", Story::Refused),
    ("RunClaim.extend", Story::Plain),
    ("RunClaim.ack", Story::Plain),
    ("RunClaim.release", Story::Leaving),
    ("Questions.answer", Story::Plain),
    ("Store.put", Story::Plain),
    ("Store.copy", Story::Plain),
    ("Store.delete", Story::Plain),
];

const WORKER: &[(&str, Story)] = &[
    ("Bus.declare", Story::Plain),
    ("Bus.claim", Story::Plain),
    ("Bus.started", Story::Plain),
    ("Bus.beat", Story::Plain),
    ("Bus.record", Story::Plain),
    ("Bus.remember", Story::Remembering),
    ("Claim.extend", Story::Plain),
    ("Claim.ack", Story::Plain),
    ("Claim.begin_again", Story::Inherited),
    ("Store.put", Story::Plain),
    ("Store.put_large", Story::Large),
    ("Store.put_part", Story::Large),
    ("Store.complete", Story::Large),
];

/// What neither of the two writes: the client does, or nobody, as a worker that has to go hands back
/// by a verdict.
const ELSEWHERE: &[&str] = &["Bus.submit", "Bus.cancel", "Claim.release"];

/// A role that dies at a point.
#[derive(Debug, Clone)]
struct Case {
    role: &'static str,
    point: String,
    story: Story,
}

fn play(ground: &Ground, seen: &mut Seen) {
    let double = ground.runner.with_file_name("double");
    let points = Command::new(&double).arg("points").output().unwrap();
    let points = String::from_utf8(points.stdout).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for point in points.lines() {
        let (write, _) = point.rsplit_once('.').unwrap();
        let before = cases.len();
        for (role, writes) in [("coordinator", COORDINATOR), ("worker", WORKER)] {
            let made = writes.iter().filter(|(name, _)| *name == write);
            cases.extend(made.map(|&(_, story)| Case { role, point: point.to_owned(), story }));
        }
        let known = cases.len() > before || ELSEWHERE.contains(&write);
        seen.must(known, format!("{point}: nobody has said who comes there"));
    }
    let cases = Mutex::new(cases);
    let told = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let (cases, told, double) = (&cases, &told, &double);
            scope.spawn(move || {
                let lane = Lane::new(ground, double, lane);
                loop {
                    let case = cases.lock().unwrap().pop();
                    let Some(case) = case.filter(|_| !is_stopped()) else { return };
                    let outcome = lane.play(&case);
                    told.lock().unwrap().push((case, outcome));
                }
            });
        }
    });
    tell(told.into_inner().unwrap(), seen);
}

fn tell(told: Vec<(Case, Outcome)>, seen: &mut Seen) {
    let mut reached = 0;
    for (Case { role, point, .. }, outcome) in told {
        match outcome {
            Ok(took) => {
                reached += 1;
                let name = if role == "worker" {
                    "worker crash to LAST"
                } else {
                    "coordinator crash to LAST"
                };
                seen.times(name, [took]);
            }
            Err(problems) => {
                problems.iter().for_each(|it| seen.problem(format!("{role} at {point}: {it}")));
            }
        }
    }
    seen.effects_of(reached, "crashes at points of their own, each with one right LAST");
    seen.count("crash points survived", reached);
}

/// Milliseconds from the crash to the last LAST, or what is wrong.
type Outcome = Result<u64, Vec<String>>;

/// A server, a store and everything else that one case after the other needs.
struct Lane {
    folder: PathBuf,
    double: Program,
    runner: Program,
    marker: Marker,
    nats: NatsServer,
}

impl Lane {
    fn new(ground: &Ground, double: &Path, lane: usize) -> Self {
        let folder = ground.folder.join(format!("lane-{lane}"));
        std::fs::create_dir_all(&folder).unwrap();
        let nats = NatsServer::start();
        let store = folder.join("store").display().to_string();
        let variables = [
            ("RUNNER_NATS_URL", nats.url()),
            ("RUNNER_STORE_URL", format!("file://{store}")),
            ("RUNNER_LEASE_SECONDS", "2".to_owned()),
            ("STORE", store),
        ];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let runner = Program::new(&ground.runner, &folder).with(&variables);
        let double = Program::new(double, &folder).with(&variables);
        let _ = runner.call(&["doctor", "--fix"]).code(0);
        let marker = Marker { program: ground.own.clone(), ledger: folder.join("ledger") };
        Self { folder, double, runner, marker, nats }
    }

    fn play(&self, case: &Case) -> Outcome {
        assert!(self.nats.pid() > 0);
        let other = if case.role == "worker" { "coordinator" } else { "worker" };
        let helper = self.double.begin(other, &[other]);
        let client = Client::new(self.runner.clone(), self.marker.clone());
        let key = format!("{}-{}", case.role, case.point).replace(['.', '_'], "-").to_lowercase();
        if case.story == Story::Inherited {
            self.leave_behind(&client, &key);
        }
        let victim = self.double.with(&[("CRASH_AT", &case.point)]);
        let mut victim = victim.begin(case.role, &[case.role]);
        let refused = self.begin(case, &client, &key, &victim);
        let mut late = true;
        let reached = until(REACH, || {
            if case.point.starts_with("Questions") {
                self.ask(&client);
            }
            if case.story == Story::Leaving && late && self.began(&key) {
                victim.tell_to_end();
                late = false;
            }
            victim.has_ended()
        });
        let crashed = now();
        let died = reached.is_some() && victim.exit_code().is_none();
        drop(victim);
        let next = self.double.begin(case.role, &[case.role]);
        let mut problems = self.judge(&client, refused.as_deref());
        if !died {
            problems.push("it never came there".to_owned());
        }
        drop((next, helper));
        if problems.is_empty() { Ok(now() - crashed) } else { Err(problems) }
    }

    /// Gives the fleet what the story needs; the run of a file without a ledger.
    fn begin(&self, case: &Case, client: &Client, key: &str, victim: &Role) -> Option<String> {
        match case.story {
            Story::Plain | Story::Large => {
                let large = case.story == Story::Large;
                client.submit(key, tasks(if large { Mode::LeaveLarge } else { Mode::Leave }));
            }
            Story::Cancelled => {
                // More than there are slots, so that some offers lie there when the wish comes.
                let tasks = (0..5).map(|number| lasting(format!("t{number}"), 9000, Mode::Ok));
                let run = client.submit(key, tasks.collect());
                let _ = until(REACH, || self.began(key));
                if let Some(run) = run {
                    client.will_cancel(&run);
                    let _ = client.program.call(&["cancel", &run]);
                }
            }
            Story::Leaving => {
                client.submit(key, vec![lasting("a", 4000, Mode::Ok)]);
            }
            Story::Inherited => {}
            Story::Refused => return self.publish(client, key, &json!({"id": 7})),
            Story::Remembering => {
                let task = json!({"id": "a", "description": "x", "job": "counts"});
                return self.publish(client, key, &task);
            }
        }
        let _ = victim.pid();
        None
    }

    /// Hands in a file of one task that nobody looks at before the fleet does; its run.
    fn publish(&self, client: &Client, key: &str, task: &Value) -> Option<String> {
        let path = self.folder.join(format!("{key}.alt.json"));
        let file = json!({"id": "odd", "title": "x", "tasks": [task]});
        std::fs::write(&path, file.to_string()).unwrap();
        let path = path.display().to_string();
        let words = ["submit", &path, "--key", key, "--no-check", "--json"];
        let done = client.program.call(&words).code(0);
        done.json()["run"].as_str().map(str::to_owned)
    }

    /// A worker takes a task, and dies of something else.
    fn leave_behind(&self, client: &Client, key: &str) {
        let mut first = self.double.begin("worker", &["worker"]);
        client.submit(key, vec![lasting("a", 2500, Mode::Ok)]);
        let _ = until(REACH, || self.began(key));
        first.kill();
    }

    fn began(&self, key: &str) -> bool {
        ledger::read(&self.marker.ledger).iter().any(|line| line.run == key)
    }

    fn ask(&self, client: &Client) {
        if let Some(submission) = client.submissions().last() {
            let _ = self.runner.call_within(REACH, &["why", &submission.run, "t0"]);
        }
    }

    /// Waits for the ends, and says what is wrong with them.
    fn judge(&self, client: &Client, refused: Option<&str>) -> Vec<String> {
        let submitted = client.submissions();
        let mut runs: Vec<&str> = submitted.iter().map(|it| it.run.as_str()).collect();
        runs.extend(refused);
        let mut lasts = Vec::new();
        let ended = until(END, || {
            rest(Duration::from_millis(50));
            lasts = self::lasts(&self.folder.join("store"), &runs);
            runs.iter().all(|run| lasts.iter().any(|last| last.key.contains(run)))
        });
        let mut problems: Vec<String> = Vec::new();
        if ended.is_none() {
            problems.push(format!("{END:?} later there is no LAST"));
        }
        // From the end on everybody may believe what is stored.
        for run in &runs {
            let over = until(END, || {
                self.runner.call_within(END, &["verify", run]).is_some_and(|it| it.code == Some(0))
            });
            if over.is_none() {
                problems.push(format!("run {run} has no end that can be verified"));
            }
        }
        let keys: Vec<&str> = submitted.iter().map(|it| it.key.as_str()).collect();
        let mut lines = ledger::read(&self.marker.ledger);
        lines.retain(|line| keys.contains(&line.run.as_str()));
        lasts.retain(|last| refused.is_none_or(|run| !last.key.contains(run)));
        let evidence = Evidence { submitted, ledger: lines, lasts, ..Evidence::default() };
        let (_, found) = check(&evidence);
        problems.extend(found.into_iter().map(|it| format!("{:?}: {}", it.kind, it.what)));
        problems
    }
}

/// Every LAST of these runs in a store that is a folder.
pub(super) fn lasts(store: &Path, runs: &[&str]) -> Vec<Last> {
    let mut lasts = Vec::new();
    for file in folders(store) {
        let all = folders(&file).into_iter().filter(|folder| {
            folder.file_name().is_some_and(|name| runs.iter().any(|run| name == *run))
        });
        for path in all.map(|folder| folder.join("last.json")) {
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            lasts.push(Last { key: path.display().to_string(), digest: digest(&bytes), body });
        }
    }
    lasts
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = path.read_dir().into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

/// One after the other and side by side, one long enough for a heartbeat, one that leaves a file.
fn tasks(leave: Mode) -> Vec<Task> {
    let mut tasks = vec![
        lasting("t0", 1200, Mode::Ok),
        lasting("t1", 20, leave),
        lasting("t2", 20, Mode::Ok),
        lasting("t3", 20, Mode::Fail),
    ];
    tasks[2].needs = vec![0, 1];
    tasks[3].needs = vec![1];
    tasks
}
