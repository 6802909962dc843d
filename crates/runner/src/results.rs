//! The verbs that look at a LAST: show and verify.

use std::path::Path;

use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::{output, source};

pub(crate) fn show(path: &Path, json: bool) -> Result<Exit, Failure> {
    let file = if path.is_dir() { path.join("last.json") } else { path.to_owned() };
    let name = source::shown(&file);
    let bytes = std::fs::read(&file).map_err(|error| {
        Failure::usage(
            format!("`{name}` cannot be read: {error}"),
            "name a last.json, or the folder `runner run` printed",
        )
    })?;
    let last = last::read(&bytes).map_err(|error| {
        Failure::usage(format!("`{name}` is not a LAST: {error}"), "name a last.json")
    })?;
    if json {
        output::result(&String::from_utf8_lossy(&bytes))?;
    } else {
        output::result(&last::show(&last))?;
    }
    Ok(Exit::Success)
}

/// What `verify --json` says.
#[derive(Debug, Serialize)]
struct Findings {
    valid: bool,
    tasks: usize,
    artifacts: usize,
    outputs: usize,
    bytes: u64,
    problems: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    place: String,
    message: String,
}

pub(crate) fn verify(path: &Path, json: bool) -> Result<Exit, Failure> {
    tell_verified(last::verify(path), json)
}

/// Says what was found of a LAST.
pub(crate) fn tell_verified(
    outcome: Result<last::Verified, Vec<last::Problem>>,
    json: bool,
) -> Result<Exit, Failure> {
    let exit = if outcome.is_ok() { Exit::Success } else { Exit::Failure };
    if json {
        let (facts, problems) = match outcome {
            Ok(facts) => (facts, Vec::new()),
            Err(problems) => (last::Verified::default(), problems),
        };
        output::json(&Findings {
            valid: exit == Exit::Success,
            tasks: facts.tasks,
            artifacts: facts.artifacts,
            outputs: facts.outputs,
            bytes: facts.bytes,
            problems: problems
                .into_iter()
                .map(|problem| Finding { place: problem.place, message: problem.message })
                .collect(),
        })?;
        return Ok(exit);
    }
    match outcome {
        Ok(facts) => output::result(&format!(
            "holds: {}, {}, {}, {} bytes read\n",
            counted(facts.tasks, "task", "tasks"),
            counted(facts.artifacts, "artifact", "artifacts"),
            counted(facts.outputs, "stored output", "stored outputs"),
            facts.bytes
        ))?,
        Err(problems) => {
            for problem in &problems {
                output::result(&format!("{problem}\n"))?;
            }
            let problems = counted(problems.len(), "problem", "problems");
            output::say(&format!("{problems}: this LAST does not hold\n"));
        }
    }
    Ok(exit)
}
