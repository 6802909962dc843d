//! The stage: a graph in a few words, a script of what happens, a transcript of what is done.

use std::fmt::Write as _;
use std::sync::Arc;

use alt::{Alt, Check, TaskIndex};
use engine::{Chaos, Effect, Event, Plan, Run, TaskState, Verdict, invariant};
use protocol::{Attempt, Catalogue, Outcome, RunId, Timestamp};

/// Plays `script` on `graph`, checking every invariant after every line.
///
/// The graph: `a; b <- a c retries 2 high; window 1; chaos SEED LEVEL`. A line of the script:
/// `10ms fail a`, `ok a then b c`; without a time it happens at once; `tick` happens when the engine
/// asked for it.
pub(crate) fn play(graph: &str, script: &str) -> String {
    let mut stage = Stage::new(graph);
    let mut lines = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        lines.push(stage.line(line));
    }
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    let mut transcript = String::new();
    for (line, effects) in lines {
        match effects.as_str() {
            "" => writeln!(transcript, "{line}").unwrap(),
            effects => writeln!(transcript, "{line:width$} → {effects}").unwrap(),
        }
    }
    transcript.push_str(format!("= {}", stage.states()).trim_end());
    transcript
}

struct Stage {
    run: Run,
    now: Timestamp,
    begun: Timestamp,
}

impl Stage {
    fn new(graph: &str) -> Self {
        let begun = Timestamp(1_000_000);
        let plan = plan(graph);
        Self { run: Run::new(plan, begun), now: begun, begun }
    }

    fn line(&mut self, line: &str) -> (String, String) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let timed = words[0].as_bytes()[0].is_ascii_digit().then(|| words.remove(0));
        if let Some(time) = timed {
            self.now = Timestamp(self.begun.0 + millis(time));
        }
        let shown = if words == ["tick"] {
            self.now = self.run.poll_timeout().expect("the engine waits for nothing");
            format!("{}ms tick", self.now.0 - self.begun.0)
        } else {
            let time = timed.map(|_| format!("{}ms ", self.now.0 - self.begun.0));
            format!("{}{}", time.unwrap_or_default(), words.join(" "))
        };
        let event = self.event(&words);
        self.run.handle(self.now, event);
        let effects = self.effects();
        invariant::check(&self.run).unwrap_or_else(|broken| panic!("after `{line}`: {broken}"));
        (shown, effects)
    }

    fn event(&self, words: &[&str]) -> Event {
        let verdict = |outcome, retryable| {
            let task = self.task(words[1]);
            let attempt = self.run.state(task).open_attempt().expect("an open attempt");
            let then = words.iter().skip(3).map(|id| self.task(id)).collect();
            Event::Verdict { task, attempt, verdict: Verdict { outcome, retryable, then } }
        };
        match words[0] {
            "begin" => Event::Begin,
            "offered" => Event::Offered {
                task: self.task(words[1]),
                attempt: self
                    .run
                    .state(self.task(words[1]))
                    .open_attempt()
                    .unwrap_or(Attempt::FIRST),
                then: words.iter().skip(3).map(|id| self.task(id)).collect(),
            },
            "tick" => Event::TimePassed,
            "cancel" => Event::CancelAsked,
            "ok" => verdict(Outcome::Ok, false),
            "fail" => verdict(Outcome::Failed, true),
            "fatal" => verdict(Outcome::Failed, false),
            "timeout" => verdict(Outcome::Timeout, true),
            "returned" => verdict(Outcome::Lost, true),
            "lost" => verdict(Outcome::Lost, false),
            "cancelled" => verdict(Outcome::Cancelled, false),
            "started" => Event::Started {
                task: self.task(words[1]),
                attempt: self.run.state(self.task(words[1])).open_attempt().unwrap(),
                timeout_ms: words.get(2).map_or(300_000, |ms| ms.parse().unwrap()),
            },
            "again" => Event::Verdict {
                task: self.task(words[1]),
                attempt: Attempt::new(words[2].parse().unwrap()).unwrap(),
                verdict: Verdict {
                    outcome: if words[3] == "ok" { Outcome::Ok } else { Outcome::Failed },
                    retryable: true,
                    then: Vec::new(),
                },
            },
            other => panic!("no such event: {other}"),
        }
    }

    fn task(&self, id: &str) -> TaskIndex {
        let tasks = &self.run.plan().alt().file().tasks;
        let index = tasks.iter().position(|task| task.id == id).expect("a task of the graph");
        TaskIndex(u32::try_from(index).unwrap())
    }

    fn effects(&mut self) -> String {
        let mut told = Vec::new();
        while let Some(effect) = self.run.poll_effect() {
            let id = |task: TaskIndex| &self.run.plan().alt().file().tasks[task.get()].id;
            let word = effect.name();
            told.push(match effect {
                Effect::Dispatch(it) => {
                    let fate = it.perturbation.map(|fate| format!(" ({fate:?})"));
                    let then = it.then.iter().map(|then| format!(" then {}", id(*then)));
                    let rest: String = fate.into_iter().chain(then).collect();
                    format!("{word} {}.{}{rest}", id(it.task), it.attempt)
                }
                Effect::Seal(it) => {
                    format!("{word} {}.{} {}", id(it.task), it.attempt, it.outcome.name())
                }
                Effect::Stop { task, attempt } => format!("{word} {}.{attempt}", id(task)),
                Effect::Finish => word.to_owned(),
            });
        }
        told.join(", ")
    }

    fn states(&self) -> String {
        let tasks = &self.run.plan().alt().file().tasks;
        let told = tasks.iter().enumerate().map(|(index, task)| {
            let state = self.run.state(TaskIndex(u32::try_from(index).unwrap()));
            match state {
                TaskState::Cancelled { cause: Some(cause), .. } => {
                    format!("{} cancelled by {}", task.id, tasks[cause.get()].id)
                }
                state => format!("{} {}", task.id, state.name()),
            }
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

fn millis(text: &str) -> u64 {
    match text.strip_suffix("ms") {
        Some(number) => number.parse().unwrap(),
        None => text.strip_suffix('s').unwrap().parse::<u64>().unwrap() * 1000,
    }
}

fn plan(graph: &str) -> Plan {
    let (mut tasks, mut window, mut chaos) = (Vec::new(), None, None);
    for part in graph.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let words: Vec<&str> = part.split_whitespace().collect();
        match words.as_slice() {
            ["window", size] => window = Some(size.parse().unwrap()),
            ["chaos", seed, level] => {
                chaos = Some(Chaos { seed: seed.parse().unwrap(), level: level.parse().unwrap() });
            }
            _ => tasks.push(task(&words)),
        }
    }
    let plan = Plan::new(RunId::from_bits(7), alt_of(&tasks), &Catalogue::default());
    let plan = window.map_or(plan.clone(), |window| plan.with_window(window));
    chaos.map_or(plan.clone(), |chaos| plan.with_chaos(chaos))
}

/// One task of the graph as JSON.
fn task(words: &[&str]) -> String {
    let (mut dependencies, mut rest) = (Vec::new(), String::new());
    let mut words = words.iter();
    let id = words.next().unwrap();
    let mut in_list = false;
    while let Some(&word) = words.next() {
        match word {
            "<-" => in_list = true,
            "retries" => {
                in_list = false;
                write!(rest, r#", "retry_count": {}"#, words.next().unwrap()).unwrap();
            }
            "low" | "high" | "critical" => {
                in_list = false;
                write!(rest, r#", "priority": "{word}""#).unwrap();
            }
            id if in_list => dependencies.push(id),
            other => panic!("no such word: {other}"),
        }
    }
    format!(r#"{{"id": "{id}", "description": "x", "dependencies": {dependencies:?}{rest}}}"#)
}

pub(crate) fn alt_of(tasks: &[String]) -> Arc<Alt> {
    let text = format!(r#"{{"id": "s", "title": "s", "tasks": [{}]}}"#, tasks.join(","));
    let report = alt::read(text.as_bytes(), &Check::default());
    report.alt.unwrap_or_else(|| panic!("{text}: {:?}", report.diagnostics))
}
