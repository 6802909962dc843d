//! The program that test tasks start: it writes into the ledger when it begins, lives and ends.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Signal, getppid, kill_process};
use tests::clock::{now, rest};

use crate::load::LEFT;

/// How often it says that it lives, milliseconds.
const ALIVE_MS: u64 = 100;

/// `mark LEDGER RUN TASK MS MODE`: lasts so long, then ends as the mode says.
///
/// - `ok`: exit code 0.
/// - `fail`: exit code 1.
/// - `hang`: hears no request to end, and starts a child that does not either.
/// - `leave` and `leave-large`: leaves a file, and exit code 0.
/// - `kill`: kills the worker that started it, as a task may that uses up all memory.
pub(crate) fn mark(words: &[String]) -> ExitCode {
    let [ledger, run, task, ms, mode] = words else {
        return ExitCode::from(2);
    };
    let ms: u64 = ms.parse().unwrap();
    let ledger = Ledger { file: open(Path::new(ledger)), name: format!("{run} {task}") };
    ledger.write("start");
    ledger.file.sync_data().unwrap();
    match mode.as_str() {
        "hang" => hang(&ledger),
        "kill" => kill_process(getppid().unwrap(), Signal::KILL).unwrap(),
        "leave" => leave(1000),
        "leave-large" => leave(24 << 20),
        _ => {}
    }
    let begun = now();
    while now() < begun + ms {
        let left = begun + ms - now().min(begun + ms);
        rest(Duration::from_millis(left.min(ALIVE_MS)));
        ledger.write("alive");
    }
    ledger.write("end");
    ledger.file.sync_data().unwrap();
    if mode == "fail" { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn leave(bytes: usize) {
    std::fs::write(LEFT, vec![7; bytes]).unwrap();
    println!("{}", "x".repeat(100_000));
}

struct Ledger {
    file: File,
    name: String,
}

impl Ledger {
    /// One write, so that lines of many processes stay whole.
    fn write(&self, word: &str) {
        let parent = getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
        let (name, pid) = (&self.name, std::process::id());
        let line = format!("{name} {pid} {parent} {word} {}\n", now());
        (&self.file).write_all(line.as_bytes()).unwrap();
    }
}

fn open(path: &Path) -> File {
    File::options().create(true).append(true).open(path).unwrap()
}

/// Does what a program does that wants to stay.
fn hang(ledger: &Ledger) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut deaf = signal(SignalKind::terminate()).unwrap();
        let script = "trap '' TERM; while true; do sleep 1; done";
        let mut child = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
        ledger.write(&format!("child={}", child.id()));
        println!("{}", "x".repeat(1 << 21));
        loop {
            // It never ends by itself.
            let _ = child.try_wait();
            tokio::select! {
                _ = deaf.recv() => ledger.write("told"),
                () = tokio::time::sleep(Duration::from_millis(ALIVE_MS)) => ledger.write("alive"),
            }
        }
    });
}
