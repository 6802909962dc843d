//! A fleet of real processes under faults of a seed, judged from outside when all is quiet again.
//!
//! Prints a Markdown table of the rows of the fault matrix and `N passed, N failed`; exits with 0
//! when nothing failed. What was done is in `faults.jsonl` of the folder that it names.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a check prints, and fails loudly"
)]

mod bucket;
mod chance;
mod checker;
mod faults;
mod ledger;
mod load;
mod mark;
mod options;
mod parts;
mod play;
mod proxy;
mod rows;
mod watch;
mod wire;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use tests::table::markdown;

use crate::options::Options;
use crate::play::Played;
use crate::rows::{ROWS, Standing};
use crate::world::{Ground, STOPPED};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "mark") {
        return mark::mark(&words[1..]);
    }
    let options = match Options::read(&words) {
        Ok(options) => options,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.spawn(hear_the_end());
    // <target>/<profile>/chaos
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().unwrap();
    let name = format!("seed-{}-{}", options.seed, std::process::id());
    let folder = profile.parent().unwrap().join("chaos").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let ground = Ground {
        runtime: runtime.handle().clone(),
        runner: profile.join("runner"),
        own: own.clone(),
        folder,
        seed: options.seed,
        tasks: options.tasks,
    };
    let played = catch_unwind(AssertUnwindSafe(|| play::play(&ground, &options)));
    let Ok(played) = played else {
        println!("stopped in the middle; all logs are in {}", ground.folder.display());
        return ExitCode::FAILURE;
    };
    let failed = tell(&played);
    println!("seed {}; all logs are in {}", options.seed, ground.folder.display());
    if failed || STOPPED.load(Ordering::Relaxed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Ctrl-C and a request to end let everything go in order, so that no process stays behind.
async fn hear_the_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut end = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = end.recv() => {}
    }
    STOPPED.store(true, Ordering::Relaxed);
}

/// Prints what came of it; whether anything failed.
fn tell(played: &Played) -> bool {
    let head = ["row", "fault", "", "seen", "figures"].map(str::to_owned).to_vec();
    let lines = ROWS.iter().map(|row| played.rows.cells(row));
    println!("{}", markdown(&std::iter::once(head).chain(lines).collect::<Vec<_>>()));
    for line in &played.notes {
        println!("{line}");
    }
    for problem in &played.problems {
        println!("WRONG: {problem}");
    }
    let standing = |wanted| ROWS.iter().filter(|row| played.rows.standing(row) == wanted).count();
    let (passed, mut failed) = (standing(Standing::Pass), standing(Standing::Fail));
    println!("{} void, {} not done", standing(Standing::Void), standing(Standing::NotDone));
    if failed == 0 && !played.problems.is_empty() {
        failed = 1;
    }
    println!("{passed} passed, {failed} failed");
    failed > 0
}
