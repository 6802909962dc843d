//! The flags that say what lies beside a result.

use std::path::PathBuf;

use alt::{ArchiveChoice, LastOptions};
use clap::{ArgAction, Args, ValueEnum};

/// What a bundle is to hold; each goes before its variable and before the ALT file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Result")]
pub(crate) struct BundleFlags {
    /// Write report.html [default: true]
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    html: Option<bool>,
    /// Draw graph.svg and graph.dot [default: true]
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    graph: Option<bool>,
    /// Keep the files that tasks left [default: true]
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    artifacts: Option<bool>,
    /// Put everything into one file as well [default: zip]
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, default_missing_value = "zip", require_equals = true)]
    archive: Option<ArchiveName>,
    /// Store last.json.gz in place of last.json [default: false]
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    compression: Option<bool>,
    /// Ask a model what to think of the run: RUNNER_AI_SERVICE_URL [default: false]
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    ai_insights: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ArchiveName {
    /// No archive
    Off,
    /// last.zip
    Zip,
    /// last.tar.zst
    #[value(name = "tar.zst")]
    TarZst,
    /// Both
    Both,
}

impl BundleFlags {
    /// What they say.
    pub(crate) fn options(&self) -> LastOptions {
        LastOptions {
            html: self.html,
            graph: self.graph,
            artifacts: self.artifacts,
            archive: self.archive.map(|name| match name {
                ArchiveName::Off => ArchiveChoice::Off,
                ArchiveName::Zip => ArchiveChoice::Zip,
                ArchiveName::TarZst => ArchiveChoice::TarZst,
                ArchiveName::Both => ArchiveChoice::Both,
            }),
            compression: self.compression,
            ai_insights: self.ai_insights,
        }
    }
}

/// Who vouches for a bundle.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Result")]
pub(crate) struct SignFlag {
    /// Sign the manifest with this Ed25519 key: a PEM file, as `openssl genpkey` makes it
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<PathBuf>,
}
