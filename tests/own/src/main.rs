//! The program with jobs of one's own: every file of `src/jobs`, beside the built-in ones.

mod ledger;

include!(concat!(env!("OUT_DIR"), "/jobs.rs"));

fn main() -> std::process::ExitCode {
    ::runner::main()
}
