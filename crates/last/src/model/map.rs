//! Objects whose order is kept: a JSON map read into a list, each key once.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use alt::Json;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Counts by status and the author's own keys, in order.
///
/// Ours are `task_count`, `completed`, `failed`, `timeout`, `cancelled` and, if the author gave it,
/// `expected_completion_time` in seconds; then, if a model was to be asked of the run, `ai_insights`
/// with its `text`, the `model` and the `tokens` it took if that is known, or `ai_insights_error`
/// with the reason why there is nothing. The author's follow, each with `alt_` before its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(pub Vec<(String, Json)>);

/// What a model said of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insights {
    /// Its words.
    pub text: String,
    /// The model.
    pub model: String,
    /// The tokens that it took, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

impl Metadata {
    /// The key of what a model said of the run.
    pub const INSIGHTS: &str = "ai_insights";
    /// The key of why it said nothing.
    pub const NO_INSIGHTS: &str = "ai_insights_error";

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// What a model said of the run, or why it said nothing; `None` when none was asked.
    #[must_use]
    pub fn insights(&self) -> Option<Result<Insights, String>> {
        let said = self.get(Self::INSIGHTS).and_then(|value| value.read().ok()).map(Ok);
        said.or_else(|| self.get(Self::NO_INSIGHTS)?.read().ok().map(Err))
    }

    /// The value of `key` as a count.
    #[must_use]
    pub fn count(&self, key: &str) -> Option<u32> {
        self.get(key)?.read().ok()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(Duplicate::Refuse, PhantomData)).map(Self)
    }
}

impl JsonSchema for Metadata {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Metadata".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <serde_json::Map<String, serde_json::Value>>::json_schema(generator)
    }
}

/// Task results as a map by task id.
pub(crate) mod tasks {
    use super::{Deserializer, Duplicate, Entries, PhantomData, Serializer, de};
    use crate::TaskResult;

    pub(crate) fn serialize<S: Serializer>(
        tasks: &[TaskResult],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(tasks.iter().map(|task| (&task.task_id, task)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<TaskResult>, D::Error> {
        let entries: Vec<(String, TaskResult)> =
            deserializer.deserialize_map(Entries(Duplicate::Refuse, PhantomData))?;
        if let Some((key, task)) = entries.iter().find(|(key, task)| *key != task.task_id) {
            return Err(de::Error::custom(format_args!(
                "the result at `{key}` is of task `{}`",
                task.task_id
            )));
        }
        Ok(entries.into_iter().map(|(_, task)| task).collect())
    }
}

/// What to do about a key that comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duplicate {
    /// It is an error.
    Refuse,
    /// The last value stands where the first stood.
    Replace,
}

/// Reads a map as a list.
struct Entries<V>(Duplicate, PhantomData<V>);

impl<'de, V: DeserializeOwned> Visitor<'de> for Entries<V> {
    type Value = Vec<(String, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Self::Value = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some((key, value)) = map.next_entry::<String, V>()? {
            if seen.insert(key.clone()) {
                entries.push((key, value));
            } else if self.0 == Duplicate::Refuse {
                return Err(de::Error::custom(format_args!("the key `{key}` comes twice")));
            } else if let Some(entry) = entries.iter_mut().find(|(name, _)| *name == key) {
                entry.1 = value;
            }
        }
        Ok(entries)
    }
}

/// The members of `object` in order, the last of equal keys; nothing if it is no object.
pub(crate) fn members(object: &Json) -> Vec<(String, Json)> {
    let mut reader = serde_json::Deserializer::from_str(object.text());
    reader.deserialize_map(Entries(Duplicate::Replace, PhantomData)).unwrap_or_default()
}
