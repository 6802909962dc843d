//! What a bundle is to hold beside its result, as far as somebody said so.

use serde::{Deserialize, Serialize};

/// What somebody wants of a LAST and of what lies beside it; what is `None` is left to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LastOptions {
    /// `report.html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<bool>,
    /// `graph.svg` and `graph.dot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<bool>,
    /// The files that tasks left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<bool>,
    /// All of it in one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveChoice>,
    /// `last.json.gz` in place of `last.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<bool>,
    /// What a model says of the run, in the LAST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai_insights: Option<bool>,
}

/// Which archives are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ArchiveChoice {
    /// None.
    #[serde(rename = "off")]
    Off,
    /// `last.zip`.
    #[serde(rename = "zip")]
    Zip,
    /// `last.tar.zst`.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// Both.
    #[serde(rename = "both")]
    Both,
}

impl ArchiveChoice {
    /// The words for them.
    pub const WORDS: &[(&str, Self)] =
        &[("off", Self::Off), ("zip", Self::Zip), ("tar.zst", Self::TarZst), ("both", Self::Both)];
}

impl LastOptions {
    /// What these say, and what `others` say where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            html: self.html.or(others.html),
            graph: self.graph.or(others.graph),
            artifacts: self.artifacts.or(others.artifacts),
            archive: self.archive.or(others.archive),
            compression: self.compression.or(others.compression),
            ai_insights: self.ai_insights.or(others.ai_insights),
        }
    }

    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
