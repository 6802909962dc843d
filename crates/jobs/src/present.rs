//! A parameter that may be left out and for which `null` is a value like any other.

use alt::Json;
use serde::{Deserialize, Deserializer};

/// Reads a value that is there; with `#[serde(default)]` an absent one is `None`.
pub(crate) fn present<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(reader).map(Some)
}
