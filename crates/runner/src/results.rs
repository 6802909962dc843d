//! What is said of a LAST that is here: shown, verified, one side of a comparison.

use std::path::Path;

use last::{PublicKey, Side};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::counted;
use crate::{output, source};

pub(crate) fn show(path: &Path, json: bool) -> Result<Exit, Failure> {
    let (bytes, Side { last, .. }) = side(path)?;
    if json {
        output::result(&String::from_utf8_lossy(&bytes))?;
    } else {
        output::result(&last::show(&last))?;
    }
    Ok(Exit::Success)
}

/// The result at `path`, and its text.
///
/// # Errors
/// Exit 2 when it cannot be read.
pub(crate) fn side(path: &Path) -> Result<(Vec<u8>, Side), Failure> {
    let help = "name a last.json, the folder `runner run` printed, or an archive";
    let (bytes, alt) =
        last::load(path).map_err(|problem| Failure::usage(problem.to_string(), help))?;
    let last = last::read(&bytes).map_err(|error| {
        Failure::usage(format!("`{}` is not a LAST: {error}", source::shown(path)), help)
    })?;
    Ok((bytes, Side { last, alt }))
}

/// What `verify --json` says.
#[derive(Debug, Serialize)]
struct Findings {
    valid: bool,
    tasks: usize,
    artifacts: usize,
    outputs: usize,
    bytes: u64,
    /// Files that the manifest names.
    manifest: Option<usize>,
    /// The public key that signed the manifest.
    signed_by: Option<String>,
    problems: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    place: String,
    message: String,
}

/// Holds what was verified against the key that is to have signed it.
pub(crate) fn held_to(
    key: Option<PublicKey>,
    outcome: Result<last::Verified, Vec<last::Problem>>,
) -> Result<last::Verified, Vec<last::Problem>> {
    let facts = outcome?;
    let message = match (key, facts.signed_by) {
        (None, _) => return Ok(facts),
        (Some(wanted), Some(found)) if wanted == found => return Ok(facts),
        (Some(wanted), Some(found)) => format!("was made with the key {found}, not {wanted}"),
        (Some(_), None) => "is missing: nobody signed this".to_owned(),
    };
    Err(vec![last::Problem { place: last::SIGNATURE_FILE.to_owned(), message }])
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
            manifest: facts.manifest,
            signed_by: facts.signed_by.map(|key| key.to_string()),
            problems: problems
                .into_iter()
                .map(|problem| Finding { place: problem.place, message: problem.message })
                .collect(),
        })?;
        return Ok(exit);
    }
    match outcome {
        Ok(facts) => {
            output::result(&format!(
                "holds: {}, {}, {}, {} bytes read\n",
                counted(facts.tasks, "task", "tasks"),
                counted(facts.artifacts, "artifact", "artifacts"),
                counted(facts.outputs, "stored output", "stored outputs"),
                facts.bytes
            ))?;
            if let Some(key) = facts.signed_by {
                output::result(&format!("signed by {key}\n"))?;
            }
        }
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
