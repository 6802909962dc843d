//! The JSON Schema of ALT files, for editors: generated from the types below, committed, compared.
//!
//! It says what a field is; what no schema can say (ids that exist, no cycles) is the reader's part.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

/// A request: a graph of tasks with dependencies, parameters, timeouts and retries.
#[derive(JsonSchema)]
#[schemars(rename = "ALT", extend("$id" = "https://runner.invalid/alt.schema.json"))]
#[expect(dead_code, reason = "only its schema is used")]
struct AltSchema {
    /// Where this schema is found; editors read it.
    #[schemars(rename = "$schema")]
    schema: Option<String>,
    /// The author's name of the request; its LAST is kept under it.
    #[schemars(length(min = 1, max = 256))]
    id: String,
    /// The version of the format; 1.0 if absent.
    #[schemars(regex(pattern = r"^1\.[0-9]+$"))]
    version: Option<String>,
    /// RFC 3339 with a zone; the time of submission if absent.
    #[schemars(extend("format" = "date-time"))]
    created_at: Option<String>,
    /// What a person calls it.
    #[schemars(length(min = 1))]
    title: String,
    /// What it is for.
    description: Option<String>,
    /// How imaginative, or how hostile, the run is to be; any case; `normal` if absent.
    #[schemars(regex(pattern = r"^(?i)(normal|dream|explore|chaos)$"))]
    mode: Option<String>,
    /// Reaches every AI request.
    persona: Option<String>,
    /// How hard chaos mode disturbs; 5 if absent.
    #[schemars(range(min = 1, max = 10))]
    chaos_level: Option<u8>,
    /// For tasks that name none; `medium` if absent.
    priority: Option<PrioritySchema>,
    /// Copied to the LAST.
    #[schemars(length(max = 1_000))]
    tags: Option<Vec<String>>,
    /// Seconds the author expects the run to take.
    expected_completion_time: Option<u32>,
    /// The author's own data, copied to the LAST.
    metadata: Option<BTreeMap<String, Value>>,
    /// What its author wants of the LAST; settings and flags of the program go before it.
    last: Option<LastSchema>,
    /// The work, in any order.
    #[schemars(length(max = 1_000_000))]
    tasks: Vec<TaskSchema>,
}

/// What a LAST is to hold, and what is to lie beside it.
#[derive(JsonSchema)]
#[schemars(rename = "LastOptions")]
#[expect(dead_code, reason = "only its schema is used")]
struct LastSchema {
    /// `report.html`; true if absent.
    html: Option<bool>,
    /// `graph.svg` and `graph.dot`; true if absent.
    graph: Option<bool>,
    /// The files that tasks left; true if absent.
    artifacts: Option<bool>,
    /// Everything in one file: true is `zip`, and `zip` if absent.
    archive: Option<ArchiveSchema>,
    /// `last.json.gz` in place of `last.json`; false if absent.
    compression: Option<bool>,
    /// What a model says of the run, in the metadata of the LAST; false if absent. The model is the
    /// fleet's, and it is sent the summary of the run.
    ai_insights: Option<bool>,
}

/// Which archives are made.
#[derive(JsonSchema)]
#[schemars(rename = "Archive", untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum ArchiveSchema {
    /// Whether there is one.
    Switch(bool),
    /// Which.
    Word(ArchiveWordSchema),
}

/// An archive.
#[derive(JsonSchema)]
#[schemars(rename = "ArchiveWord", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum ArchiveWordSchema {
    Off,
    Zip,
    #[schemars(rename = "tar.zst")]
    TarZst,
    Both,
}

/// One step of the work.
#[derive(JsonSchema)]
#[schemars(rename = "Task")]
#[expect(dead_code, reason = "only its schema is used")]
struct TaskSchema {
    /// Unique in the file.
    #[schemars(length(min = 1, max = 256))]
    id: String,
    /// What it does; the id if absent.
    description: Option<String>,
    /// Ids of the tasks that must complete first.
    #[schemars(length(max = 10_000))]
    dependencies: Option<Vec<String>>,
    /// What the job is given; strings may hold `${{ tasks.<id>.output }}` of tasks before it.
    parameters: Option<BTreeMap<String, Value>>,
    /// Seconds one attempt may take; the job's default if absent.
    #[schemars(range(min = 1, max = 604_800))]
    timeout_seconds: Option<u32>,
    /// Extra attempts after a failure or timeout; the job's default if absent.
    retry_count: Option<u8>,
    /// The order among ready tasks; the file's if absent.
    priority: Option<PrioritySchema>,
    /// Free words.
    #[schemars(length(max = 1_000))]
    tags: Option<Vec<String>>,
    /// The job that runs it: see `runner jobs ls`.
    #[schemars(length(min = 1, max = 256))]
    job: Option<String>,
    /// The queue it waits on.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"))]
    queue: Option<String>,
}

/// The order among ready tasks.
#[derive(JsonSchema)]
#[schemars(rename = "Priority", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum PrioritySchema {
    Low,
    Medium,
    /// The same as medium.
    Normal,
    High,
    Critical,
}

/// The JSON Schema (draft 2020-12) of ALT files, pretty-printed, ending in a line feed.
#[must_use]
pub fn schema() -> String {
    let schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<AltSchema>();
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn the_committed_schema_is_the_one_the_types_make() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/alt.schema.json");
        if std::fs::read_to_string(path).unwrap_or_default() != schema() {
            std::fs::write(path, schema()).unwrap();
            panic!("alt.schema.json was out of date and is written anew: look at it and commit it");
        }
    }

    #[test]
    fn the_bounds_are_those_of_the_limits() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let task = &schema["$defs"]["Task"]["properties"];
        assert_eq!(schema["properties"]["tasks"]["maxItems"], limits::TASKS);
        assert_eq!(schema["properties"]["id"]["maxLength"], limits::ID_BYTES);
        assert_eq!(schema["properties"]["tags"]["maxItems"], limits::TAGS);
        assert_eq!(task["dependencies"]["maxItems"], limits::DEPENDENCIES);
        assert_eq!(task["timeout_seconds"]["maximum"], limits::TIMEOUT_SECONDS);
    }
}
