//! `sleep`: waits, and ends at once when told to stop.

use std::time::Duration;

use alt::Json;
use job::{Context, Error, job};
use schemars::JsonSchema;
use serde::Deserialize;

/// 30 days: a longer wait is a mistake in the unit.
const SECONDS_MAX: f64 = 30.0 * 24.0 * 3600.0;

/// One of `ms` and `seconds`, and what to give back; `null` if absent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    ms: Option<f64>,
    seconds: Option<f64>,
    output: Option<Json>,
}

#[job("sleep", description = "Waits for `ms` milliseconds or `seconds`, then gives back `output`.")]
async fn sleep(parameters: Parameters, context: Context) -> Result<Json, Error> {
    let wait = match (parameters.ms, parameters.seconds) {
        (Some(ms), None) => wait("ms", ms / 1000.0)?,
        (None, Some(seconds)) => wait("seconds", seconds)?,
        (Some(_), Some(_)) => {
            return Err(Error::parameter("ms", "give `ms` or `seconds`, not both"));
        }
        (None, None) => return Err(Error::parameter("ms", "is missing; give `ms` or `seconds`")),
    };
    tokio::select! {
        () = context.cancelled().cancelled() => Err(Error::Cancelled),
        () = tokio::time::sleep(wait) => Ok(parameters.output.unwrap_or_else(Json::null)),
    }
}

fn wait(name: &str, seconds: f64) -> Result<Duration, Error> {
    if (0.0..=SECONDS_MAX).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(Error::parameter(name, "is not between 0 and 30 days"))
    }
}
