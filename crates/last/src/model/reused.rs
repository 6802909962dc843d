//! What a run took over from an earlier run, as a LAST says it.

use protocol::RunId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a run took over from an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reused {
    /// The earlier run: 32 lower-case hex digits.
    #[serde(with = "run")]
    #[schemars(schema_with = "run_schema")]
    pub run: RunId,
    /// How many tasks were taken over: those that have `reused_from`.
    pub tasks: u32,
}

pub(crate) fn run_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
}

/// A run's id as 32 lower-case hex digits.
mod run {
    use super::{Deserialize, Deserializer, RunId, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(run: &RunId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(run)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<RunId, D::Error> {
        let text = String::deserialize(reader)?;
        // Written in one way only, so that equal ids are equal texts.
        text.parse().ok().filter(|run: &RunId| run.to_string() == text).ok_or_else(|| {
            de::Error::custom(format_args!("`{text}` is not a run id: 32 lower-case hex digits"))
        })
    }
}

/// A run's id that may be absent.
pub(crate) mod optional_run {
    use super::{Deserializer, RunId, Serializer, run};

    pub(crate) fn serialize<S: Serializer>(
        id: &Option<RunId>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => run::serialize(id, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a field that is there: `null` is no id.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        reader: D,
    ) -> Result<Option<RunId>, D::Error> {
        run::deserialize(reader).map(Some)
    }
}
