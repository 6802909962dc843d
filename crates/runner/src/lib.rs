//! The command line: parses, calls the client, prints. It decides nothing.
//!
//! A program with jobs of its own is this one line, beside the modules of its jobs:
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     runner::main()
//! }
//! ```
//!
//! Jobs in the crate of that program are found as they are. A crate that is only a dependency is left
//! out by the linker, and its jobs with it, unless the program names it: `use their_jobs as _;`.

mod arguments;
mod catalogue;
mod compare;
mod connection;
mod doctor;
mod exit;
mod fleet;
mod generate;
mod init;
mod inspect;
mod model;
mod output;
mod progress;
mod results;
mod roles;
mod run;
mod settings;
mod signing;
mod source;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Verb};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// The whole program: reads the arguments and the environment of this process, does what they say with
/// the built-in jobs and all others that are linked in, and says how it ended: 0 success, 1 failure,
/// 2 wrong usage, 3 an invalid ALT file, 4 partial success, 130 stopped by Ctrl-C.
#[must_use]
pub fn main() -> ExitCode {
    jobs::link();
    let arguments = Arguments::parse();
    match go(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::complain(&failure);
            failure.exit.into()
        }
    }
}

fn go(arguments: Arguments) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?.with(&arguments.connection)?;
    let format = settings.log.format;
    output::tell_panics(worker::without_secrets(&settings.environment), format);
    output::start_log(roles::log(&arguments.verb, &settings), format)?;
    match arguments.verb {
        Verb::Run(it) => run::run(it, &settings),
        Verb::Validate(it) => inspect::validate(&it, &settings),
        Verb::Explain { code } => inspect::explain(&code),
        Verb::Graph { file, format } => inspect::graph(&file, format),
        Verb::Schema { of } => inspect::schema(of),
        Verb::Jobs { verb } => catalogue::perform(verb, &settings),
        Verb::Schedule { verb } => fleet::schedule(&verb, &settings),
        Verb::Queue { verb } => fleet::queue(verb, &settings),
        Verb::Fleet(verb) => fleet::perform(verb, &settings),
        Verb::Show { what, json } => fleet::show(&what, &settings, json),
        Verb::Verify { what, key, json } => fleet::verify(&what, key.as_deref(), &settings, json),
        Verb::Diff { before, after, json } => fleet::diff(&before, &after, &settings, json),
        Verb::Gen(it) => generate::generate(&it),
        Verb::Init(it) => init::init(&it),
        Verb::Up(it) => roles::up(&it, &settings),
        Verb::Coordinator(it) => roles::coordinator(&it, &settings),
        Verb::Worker(it) => roles::worker(&it, &settings),
        Verb::Doctor(it) => doctor::doctor(&it, &settings),
    }
}
