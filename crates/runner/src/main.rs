//! The command line: parses, calls the client, prints. It decides nothing.

mod arguments;
mod exit;
mod generate;
mod inspect;
mod output;
mod progress;
mod results;
mod run;
mod settings;
mod source;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, JobsVerb, Verb};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

fn main() -> ExitCode {
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
    let settings = Settings::from_environment()?;
    output::start_log(&settings.log)?;
    match arguments.verb {
        Verb::Run(it) => run::run(it, &settings),
        Verb::Validate(it) => inspect::validate(&it),
        Verb::Explain { code } => inspect::explain(&code),
        Verb::Graph { file, format } => inspect::graph(&file, format),
        Verb::Schema { of } => inspect::schema(of),
        Verb::Jobs { verb: JobsVerb::Ls { json } } => inspect::jobs(json),
        Verb::Show { path, json } => results::show(&path, json),
        Verb::Verify { path, json } => results::verify(&path, json),
        Verb::Gen(it) => generate::generate(&it),
    }
}
