//! `telltale`: says what must not be said, in every way that a job has of saying anything.

use std::collections::BTreeMap;
use std::time::Duration;

use job::{Check, Context, Error, Job, Skip, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which way, and the variables whose values are told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    way: Way,
    names: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// A field of the output, and the name of one.
    Output,
    /// `output.text`, which becomes an artifact.
    Text,
    /// The names of files, of some that are there and some that are not.
    Files,
    /// The error; of the work, of a parameter, of what is not there.
    Error,
    Parameter,
    Unavailable,
    /// The text of a panic; of the work, of the clean-up.
    Panic,
    CleanUp,
    Skip,
    /// Lines of the log, of an attempt that then takes too long.
    Stay,
}

#[derive(Default, Serialize, JsonSchema)]
struct Output {
    said: BTreeMap<String, String>,
    text: String,
    files: Vec<String>,
}

#[derive(Default)]
struct Telltale;

/// Tells the secrets of its worker.
#[job("telltale")]
impl Job for Telltale {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_task_specific(&self, given: &Parameters, context: &Context) -> Check {
        if given.way == Way::Skip {
            return Err(Skip::because(told(given, context).join(" ")));
        }
        if given.way == Way::CleanUp {
            context.log("cleaned up with a panic");
        }
        Ok(())
    }

    async fn run(&self, given: Parameters, context: Context) -> Result<Output, Error> {
        let told = told(&given, &context);
        let all = told.join(" and ");
        told.iter().for_each(|secret| context.log(format!("progress: {secret} is used")));
        let mut output = Output::default();
        match given.way {
            Way::Output => {
                output.said = told.iter().map(|it| (it.clone(), format!("<{it}>"))).collect();
            }
            Way::Text => output.text = all,
            Way::Files => {
                output.files = told.iter().map(|secret| format!("{secret}.txt")).collect();
                for name in output.files.iter().step_by(2) {
                    // Not every secret can be the name of a file.
                    let _ = std::fs::write(context.scratch()?.join(name), "x");
                }
            }
            Way::Error => return Err(Error::failed(format!("the service refused {all}"))),
            Way::Parameter => return Err(Error::parameter(all.clone(), all)),
            Way::Unavailable => return Err(Error::Unavailable(all)),
            Way::Panic => panic!("nobody takes {all}"),
            Way::CleanUp | Way::Skip => {}
            Way::Stay => tokio::time::sleep(Duration::from_secs(60)).await,
        }
        Ok(output)
    }

    async fn cleanup(&self, context: &Context) {
        let kept = context.log_handle().take();
        kept.iter().for_each(|line| context.log(line.clone()));
        if kept.iter().any(|line| line == "cleaned up with a panic") {
            panic!("clean-up: {}", kept.join(" "));
        }
    }
}

fn told(given: &Parameters, context: &Context) -> Vec<String> {
    let names = given.names.iter();
    names.filter_map(|name| context.variable(name).map(str::to_owned)).collect()
}
