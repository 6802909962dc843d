//! Never more attempts of a job at once than it allows, and none of its seats is lost, by what the
//! jobs themselves write down.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::door::{LONG, until};
use crate::rig::{Rig, pass, repeat, sleep};

/// What the jobs of the test fleet allow.
const LIMITS: [(&str, usize); 3] = [("own_tweet", 2), ("own_discord", 3), ("own_monitor", 2)];

/// The ledger of a fleet: the program does not write it, only its jobs do.
struct Ledger(PathBuf);

/// Who was where in the ledger: run, task, process.
type Who = (String, String, String);

/// What a ledger shows of one job.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    now: BTreeSet<Who>,
    most: usize,
    ended: BTreeMap<(String, String), usize>,
}

impl Ledger {
    /// Notes that a process is gone, and with it all that it ran: its last line is before this one.
    fn gone(&self, pid: u32) {
        let mut file = std::fs::File::options().append(true).open(&self.0).unwrap();
        file.write_all(format!("gone - - - {pid}\n").as_bytes()).unwrap();
    }

    fn read(&self) -> BTreeMap<String, Seen> {
        read(&std::fs::read_to_string(&self.0).unwrap_or_default())
    }

    fn running(&self, job: &str) -> usize {
        self.read().get(job).map_or(0, |seen| seen.now.len())
    }

    #[track_caller]
    fn wait(&self, job: &str, running: usize) {
        until(LONG, &format!("{running} of {job} run"), || self.running(job) == running);
    }

    /// Fails when ever more ran at once than was allowed.
    #[track_caller]
    fn check(&self) {
        for (job, seen) in self.read() {
            let (_, limit) = LIMITS.iter().find(|(name, _)| *name == job).unwrap();
            assert!(seen.most <= *limit, "{} of {job} at once: {limit} are allowed", seen.most);
        }
    }
}

/// Every line is one write, so the order of the lines is that in which all happened.
fn read(text: &str) -> BTreeMap<String, Seen> {
    let mut jobs: BTreeMap<String, Seen> = BTreeMap::new();
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let [word, job, run, task, pid] = words.try_into().unwrap();
        if word == "gone" {
            jobs.values_mut().for_each(|seen| seen.now.retain(|(_, _, known)| *known != pid));
            continue;
        }
        let seen = jobs.entry(job).or_default();
        let who = (run.clone(), task.clone(), pid);
        if word == "start" {
            assert!(seen.now.insert(who), "it runs twice in one process: {line}");
            seen.most = seen.most.max(seen.now.len());
        } else {
            assert!(seen.now.remove(&who), "it ends without a beginning: {line}");
            *seen.ended.entry((run, task)).or_default() += 1;
        }
    }
    jobs
}

#[test]
fn a_ledger_is_counted_by_the_order_of_its_lines() {
    let text = "start own_tweet r 0 7\nstart own_tweet r 1 8\nstart own_discord r 2 7\n\
                end own_tweet r 0 7\nstart own_tweet r 3 8\ngone - - - 8\n\
                start own_tweet r 1 9\nend own_tweet r 1 9\nstart own_tw";
    let seen = read(text);
    let tweet = &seen["own_tweet"];
    assert_eq!((tweet.now.len(), tweet.most), (0, 2));
    assert_eq!(tweet.ended.values().copied().collect::<Vec<_>>(), [1, 1]);
    assert_eq!((seen["own_discord"].now.len(), seen["own_discord"].most), (1, 1));
}

/// A fleet of a program with jobs that have limits, and their ledger.
fn rig(slots: &str, workers: usize) -> (Rig, Ledger) {
    // The shortest lease: what a killed worker held comes back soon.
    let mut rig = Rig::of_an_author(&[("RUNNER_LEASE_SECONDS", "2")]);
    let ledger = rig.door.path("ledger");
    rig.door.set("LEDGER", ledger.to_str().unwrap());
    rig.coordinator();
    (0..workers).for_each(|_| rig.worker(&["--slots", slots]));
    (rig, Ledger(ledger))
}

/// So many tasks of a job, each of which stays until its gate is open.
fn gated(rig: &Rig, job: &str, count: usize) -> Value {
    let gate = rig.door.path(&format!("gate-{job}"));
    tasks(job, count, &json!({"until": gate}))
}

fn tasks(job: &str, count: usize, parameters: &Value) -> Value {
    let task = |number| {
        json!({"id": format!("{job}-{number}"), "description": "x", "job": job,
               "parameters": parameters})
    };
    (0..count).map(task).collect()
}

fn open(rig: &Rig, job: &str) {
    rig.door.write(&format!("gate-{job}"), "");
}

#[track_caller]
fn completed(rig: &Rig, run: &str, count: usize) -> Value {
    let last = rig.last(run);
    assert_eq!(last["status"], "success", "{last:#}");
    assert_eq!(last["metadata"]["completed"], count, "{last:#}");
    last
}

#[test]
fn a_job_that_is_at_its_limit_holds_up_no_other_and_all_slots_are_used() {
    let (rig, ledger) = rig("5", 1);
    let tweets = rig.submit("tweets", &gated(&rig, "own_tweet", 3));
    ledger.wait("own_tweet", 2);
    let discord = rig.submit("own_discord", &gated(&rig, "own_discord", 3));
    // Five slots, five at work: the third tweet is not in the way.
    ledger.wait("own_discord", 3);
    assert_eq!(ledger.running("own_tweet"), 2);
    repeat("one tweet is said to wait for a seat", || {
        let why =
            |number: usize| rig.call(&["why", &tweets, &format!("own_tweet-{number}")]).stdout;
        (0..3).filter(|&number| why(number).contains("lets 2 run at once")).count() == 1
    });
    let holders: Vec<Value> = (0..3).flat_map(|number| holders(&rig, &tweets, number)).collect();
    assert_eq!(holders.len(), 2, "{holders:#?}");
    assert!(holders.iter().all(|holder| holder["run"] == tweets), "{tweets}: {holders:#?}");
    let monitors = rig.submit("monitors", &gated(&rig, "own_monitor", 2));
    open(&rig, "own_discord");
    completed(&rig, &discord, 3);
    // A slot is free, and no seat: it stays so.
    ledger.wait("own_monitor", 2);
    pass(Duration::from_secs(1));
    assert_eq!(ledger.running("own_tweet"), 2);
    open(&rig, "own_tweet");
    completed(&rig, &tweets, 3);
    assert_eq!(ledger.running("own_monitor"), 2);
    open(&rig, "own_monitor");
    completed(&rig, &monitors, 2);
    ledger.check();
    let most: Vec<_> = LIMITS.map(|(job, _)| ledger.read()[job].most).into();
    assert_eq!(most, LIMITS.map(|(_, limit)| limit), "every seat was used");
}

/// Who holds what a tweet waits for.
fn holders(rig: &Rig, run: &str, number: usize) -> Vec<Value> {
    let task = format!("own_tweet-{number}");
    let why = rig.call(&["why", run, &task, "--json"]).code(0).json();
    let reasons = why["reasons"].as_array().unwrap().iter();
    reasons.flat_map(|it| it["holders"].as_array().cloned().unwrap_or_default()).collect()
}

/// Tasks of the run in which workers are killed, and kills.
const MANY: usize = 1_000;
const KILLS: usize = 5;

#[test]
fn a_limit_holds_and_loses_no_seat_while_workers_are_killed() {
    let (mut rig, ledger) = rig("4", 3);
    let run = rig.submit("many", &tasks("own_discord", MANY, &json!({"ms": 5})));
    let ended =
        |ledger: &Ledger| ledger.read().get("own_discord").map_or(0, |seen| seen.ended.len());
    for kill in 0..KILLS {
        // Spread over the run by what is done, not by time, so that it is never over before.
        let done = (kill + 1) * MANY / (KILLS + 1);
        until(LONG, &format!("{done} tasks have ended"), || ended(&ledger) >= done);
        let gone = rig.replace(1 + kill % 3, &["--slots", "4"]);
        ledger.gone(gone);
    }
    let last = completed(&rig, &run, MANY);
    let seen = ledger.read().remove("own_discord").unwrap();
    assert_eq!(seen.ended.len(), MANY, "every task ran");
    assert_eq!(seen.most, 3, "never more, and all three seats");
    assert_eq!(seen.now, BTreeSet::new());
    // A task may have been begun again; it has one verdict.
    for result in last["task_results"].as_object().unwrap().values() {
        assert_eq!(result["attempts"].as_array().unwrap().len(), 1, "{result:#}");
    }
    // After all that: three at once, which none of them would leave before.
    let after = rig.submit("after", &gated(&rig, "own_discord", 4));
    ledger.wait("own_discord", 3);
    open(&rig, "own_discord");
    completed(&rig, &after, 4);
    ledger.check();
}

#[test]
fn a_worker_runs_five_tasks_at_once_of_any_jobs_unless_it_is_told_otherwise() {
    let mut rig = Rig::new();
    rig.coordinator();
    rig.worker(&["--allow-exec", "--id", "untold"]);
    rig.door.set("RUNNER_SLOTS", "2");
    rig.worker(&["--allow-exec", "--id", "told"]);
    let task = |number: usize| match number % 2 {
        0 => sleep(&format!("t{number}"), 300),
        _ => json!({"id": format!("t{number}"), "description": "x", "job": "exec",
                    "parameters": {"argv": ["sleep", "300"]}}),
    };
    let run = rig.submit("eight", &(0..8).map(task).collect());
    let mut workers = Value::Null;
    let mut running = Vec::new();
    repeat("all slots are taken", || {
        workers = rig.call(&["workers", "ls", "--json"]).code(0).json();
        let listed = workers.as_array().unwrap().iter();
        running = listed.flat_map(|it| it["running"].as_array().unwrap().clone()).collect();
        running.len() == 7
    });
    let slots = workers.as_array().unwrap().iter().map(|it| {
        (
            it["worker"].as_str().unwrap(),
            it["slots"].as_u64().unwrap(),
            it["running"].as_array().unwrap().len(),
        )
    });
    let slots: BTreeSet<_> = slots.collect();
    assert_eq!(slots, BTreeSet::from([("untold", 5, 5), ("told", 2, 2)]), "{workers:#}");
    let jobs: BTreeSet<_> = running.iter().map(|it| it["job"].as_str().unwrap()).collect();
    assert_eq!(jobs, BTreeSet::from(["exec", "sleep"]), "{workers:#}");
    rig.call(&["cancel", &run]).code(0);
}
