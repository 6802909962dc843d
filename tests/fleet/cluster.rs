//! Servers of three are killed under a run: what was decided stays so, and the run comes to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::door::LONG;
use crate::rig::{Rig, after, repeat};

/// Layers of the graph, and tasks in each: all of one wait for the first of the one before.
const LAYERS: usize = 8;
const WIDE: usize = 5;

/// Layers that end when a file of their name is there.
const GATES: [usize; 2] = [2, 5];

/// Slots of all workers.
const SLOTS: usize = 4;

/// A fleet on three servers, two coordinators and two workers.
fn fleet() -> Rig {
    let mut rig = Rig::on_three(&[]);
    for _ in 0..2 {
        rig.coordinator();
        rig.worker(&["--slots", "2", "--allow-exec"]);
    }
    rig
}

/// A task that notes in the file `log` when it begins and ends, and waits at a gate.
fn noted(rig: &Rig, layer: usize, place: usize) -> Value {
    let id = name(layer, place);
    let gate = format!("while [ ! -e gate-{layer} ]; do sleep 0.05; done;");
    let gate = if GATES.contains(&layer) { &*gate } else { "sleep 0.2;" };
    let note = |word: &str| format!("echo {id} {word} $(date +%s%3N) >> log;");
    let folder = rig.door.path("");
    let script = format!("cd {}; {} {gate} {}", folder.display(), note("begun"), note("done"));
    let task = json!({"id": id, "description": "x", "job": "exec",
                      "parameters": {"argv": ["sh", "-c", script]}});
    if layer == 0 { task } else { after(task, &[&name(layer - 1, 0)]) }
}

fn name(layer: usize, place: usize) -> String {
    format!("t{}", layer * WIDE + place)
}

fn tasks(rig: &Rig) -> Value {
    let places = (0..LAYERS).flat_map(|layer| (0..WIDE).map(move |place| (layer, place)));
    places.map(|(layer, place)| noted(rig, layer, place)).collect()
}

/// Waits until all slots are taken by tasks that wait at a gate.
#[track_caller]
fn until_gate(rig: &Rig, layer: usize) {
    repeat(&format!("the tasks of layer {layer} run"), || {
        let begun = log(rig, "begun").0;
        (0..WIDE).filter(|&place| begun.contains_key(&name(layer, place))).count() >= SLOTS
    });
}

/// How often each task has `begun` or was `done`, and the longest pause between two notes.
fn log(rig: &Rig, word: &str) -> (BTreeMap<String, usize>, Duration) {
    let text = std::fs::read_to_string(rig.door.path("log")).unwrap_or_default();
    let (mut counts, mut times) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        if words[1] == word {
            *counts.entry(words[0].to_owned()).or_default() += 1;
        }
        times.push(words[2].parse::<u64>().unwrap());
    }
    times.sort_unstable();
    let longest = times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default();
    (counts, Duration::from_millis(longest))
}

/// What JetStream answers to a question; nothing while it has no leader.
fn ask(rig: &Rig, subject: &str, body: &Value) -> Option<Value> {
    let url = rig.url();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let addresses: Vec<async_nats::ServerAddr> =
            url.split(',').map(|url| url.parse().unwrap()).collect();
        let client = async_nats::connect(addresses).await.ok()?;
        let asking = client.request(format!("$JS.API.{subject}"), body.to_string().into());
        serde_json::from_slice(&asking.await.ok()?.payload).ok()
    })
}

/// Which server leads a stream.
fn leader(rig: &mut Rig, stream: &str) -> usize {
    let mut name = String::new();
    repeat(&format!("{stream} has a leader"), || {
        let info = ask(rig, &format!("STREAM.INFO.{stream}"), &json!({})).unwrap_or_default();
        name = info["cluster"]["leader"].as_str().unwrap_or_default().to_owned();
        !name.is_empty()
    });
    rig.cluster().index_of(&name)
}

/// The tasks that have a verdict.
fn decided(rig: &Rig, run: &str) -> BTreeSet<String> {
    let asked = json!({"subjects_filter": format!("run.{run}.res.>")});
    let info = ask(rig, "STREAM.INFO.RUN", &asked).unwrap_or_default();
    let subjects = info["state"]["subjects"].as_object().cloned().unwrap_or_default();
    let index = |subject: &String| format!("t{}", subject.split('.').nth(4).unwrap());
    subjects.keys().map(index).collect()
}

/// The run ended well, with one verdict for each task, and what was `decided` was done once; what
/// it cost.
#[track_caller]
fn ended_well(rig: &Rig, run: &str, decided: &BTreeSet<String>) -> String {
    let last = rig.last(run);
    assert_eq!(last["status"], "success", "{last:#}");
    rig.call(&["verify", run]).code(0);
    let (done, longest) = log(rig, "done");
    let results = last["task_results"].as_object().unwrap();
    assert_eq!((results.len(), done.len()), (LAYERS * WIDE, LAYERS * WIDE));
    for (task, result) in results {
        let attempts = result["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), &attempts[0]["outcome"]), (1, &json!("ok")), "{task}");
    }
    assert!(decided.len() >= WIDE, "{decided:?}");
    for task in decided {
        assert_eq!(done[task], 1, "{task} has a verdict and was done again");
    }
    let again = done.values().filter(|times| **times > 1).count();
    format!("the longest pause was {longest:?}; {again} tasks were done again")
}

#[test]
fn leaders_are_killed_and_then_a_minority_stays_away() {
    let mut rig = fleet();
    let run = rig.submit("leaders", &tasks(&rig));
    until_gate(&rig, GATES[0]);
    let first = leader(&mut rig, "RUN");
    let mut known = decided(&rig, &run);
    rig.cluster().server(first).kill();
    rig.door.write("gate-2", "");
    until_gate(&rig, GATES[1]);
    rig.cluster().server(first).restart();
    rig.cluster().until_whole();
    let second = leader(&mut rig, "TASKS");
    known.extend(decided(&rig, &run));
    rig.cluster().server(second).kill();
    rig.door.write("gate-5", "");
    println!("{}", ended_well(&rig, &run, &known));
}

#[test]
fn without_a_majority_nothing_is_accepted_and_nothing_is_lost() {
    let mut rig = fleet();
    let run = rig.submit("majority", &tasks(&rig));
    until_gate(&rig, GATES[0]);
    let kept = leader(&mut rig, "RUN");
    let known = decided(&rig, &run);
    let lost: Vec<_> = (0..3).filter(|&index| index != kept).collect();
    lost.iter().for_each(|&index| rig.cluster().server(index).kill());
    rig.door.write("gate-2", "");
    rig.door.write("gate-5", "");
    // It leads alone, and can promise nothing: who submits now has to wait.
    rig.door.alt("late.alt.json", &crate::rig::file("late", &json!([crate::rig::echo("t")])));
    let mut late = rig.door.start(&["submit", "late.alt.json"]);
    pass(4);
    if late.has_ended() {
        panic!("a submission was answered by a minority: {:#?}", late.end(LONG));
    }
    lost.iter().for_each(|&index| rig.cluster().server(index).restart());
    rig.cluster().until_whole();
    let late = late.end(LONG).code(0).line();
    println!("{}", ended_well(&rig, &run, &known));
    assert_eq!(rig.last(&late)["status"], "success");
}

#[expect(clippy::disallowed_methods, reason = "a test waits on its own thread, without a runtime")]
fn pass(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}
