//! A whole fleet on real servers, disturbed on purpose: every run must end as if nothing happened.
//!
//! Prints a table of the runs and one of the faults; exits with 0 when every promise held, else 1.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a check prints, and fails loudly")]

mod ends;
mod faults;
mod fleet;
mod load;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tests::{clock, table};

use crate::ends::End;
use crate::faults::Fault;
use crate::fleet::Fleet;

/// More than this after the build, and nobody runs it.
const LIMIT_MS: u64 = 90_000;

/// How long the runs may take to end once the faults are over.
const LAST_ENDS: Duration = Duration::from_secs(30);

/// What came of everything.
#[derive(Debug)]
struct Outcome {
    ends: Vec<End>,
    faults: Vec<Fault>,
    problems: Vec<String>,
}

/// Gives the fleet its work, disturbs it, and checks what came of it.
fn play(fleet: &mut Fleet) -> Outcome {
    for name in ["coordinator-1", "coordinator-2"] {
        fleet.coordinator(name);
    }
    for name in ["worker-1", "worker-2", "worker-3"] {
        fleet.worker(name);
    }
    let mut problems = Vec::new();
    let mut faults = Vec::new();

    let slow = load::sleeping(fleet, "slow", 4, 12.0);
    let mut runs = load::examples(fleet);
    runs.push(load::invalid(fleet));
    runs.push(load::layered(fleet, 2000, 1));
    let lost = faults::kill_worker(fleet, &slow);
    faults.push(faults::kill_coordinator(fleet, &slow));
    fleet.coordinator("coordinator-3");
    fleet.worker("worker-4");
    runs.extend(slow);

    let mut middle = faults::load_before(fleet, "middle", 3.0);
    middle.push(load::layered(fleet, 2000, 2));
    faults.push(faults::restart_nats(fleet, &middle));
    runs.extend(middle);

    let ending = faults::load_before(fleet, "ending", 1.0);
    faults.push(faults::restart_weed(fleet, &ending));
    runs.extend(ending);

    problems.extend(ends::all(fleet, &runs, LAST_ENDS).err());
    let ends: Vec<End> = runs.iter().map(|run| ends::check(fleet, run)).collect();
    faults.insert(0, lost.fault(&ends));
    problems.extend(ends.iter().flat_map(|end| end.faults.clone()));
    problems.extend(faults.iter().flat_map(|fault| fault.problems.clone()));
    problems.extend(left_over(fleet));
    Outcome { ends, faults, problems }
}

/// What the streams must hold when all is done: no work, and the one file that was refused.
fn left_over(fleet: &Fleet) -> Vec<String> {
    let expected = [("ALT", 0), ("TASKS", 0), ("QUARANTINE", 1)];
    let wrong = expected.iter().filter_map(|&(stream, expected)| {
        let mut held = 0;
        let settled = clock::until(Duration::from_secs(2 * fleet::LEASE_SECONDS), || {
            held = fleet.messages(stream);
            held == expected
        });
        settled.is_none().then(|| format!("stream {stream} holds {held} messages, not {expected}"))
    });
    wrong.collect()
}

fn tell(outcome: &Outcome, begun: u64) {
    let lines = outcome.ends.iter().map(End::cells);
    println!("{}", table::aligned(&headed(&End::HEAD, lines)));
    let lines = outcome.faults.iter().map(|fault| fault.cells(begun));
    println!("{}", table::aligned(&headed(&Fault::HEAD, lines)));
}

fn headed(head: &[&str], lines: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    std::iter::once(head.iter().map(|&word| word.to_owned()).collect()).chain(lines).collect()
}

/// Plays in this folder; whether every promise held.
fn holds(program: &Path, folder: &Path) -> bool {
    let begun = clock::now();
    let mut fleet = Fleet::new(program, folder, begun + LIMIT_MS);
    // The logs of the servers go with them, so they are kept first, also after a panic.
    let played = catch_unwind(AssertUnwindSafe(|| play(&mut fleet)));
    fleet.keep_logs();
    drop(fleet);
    let Ok(mut outcome) = played else {
        println!("stopped in the middle");
        return false;
    };
    tell(&outcome, begun);
    let took = clock::now() - begun;
    if took > LIMIT_MS {
        let most = clock::seconds(LIMIT_MS);
        outcome.problems.push(format!("it took {}, more than {most}", clock::seconds(took)));
    }
    for problem in &outcome.problems {
        println!("WRONG: {problem}");
    }
    println!("{} in all", clock::seconds(took));
    outcome.problems.is_empty()
}

fn main() -> ExitCode {
    // <target>/<profile>/e2e
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().unwrap();
    let all = profile.parent().unwrap().join("e2e");
    let folder = all.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let held = catch_unwind(|| holds(&profile.join("runner"), &folder)).unwrap_or(false);
    if held {
        std::fs::remove_dir_all(&folder).unwrap();
        // It stays when it holds the logs of another time.
        let _ = std::fs::remove_dir(&all);
        return ExitCode::SUCCESS;
    }
    println!("all logs are in {}", folder.display());
    ExitCode::FAILURE
}
