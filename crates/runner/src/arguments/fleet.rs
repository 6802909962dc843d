//! The verbs that talk to a fleet, and their flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{BundleFlags, ModeName, ProgressMode};

#[derive(Debug, Subcommand)]
pub(crate) enum FleetVerb {
    /// Submit ALT files to a fleet
    Submit(SubmitArguments),
    /// Show a run until it ends: what has happened first, then what happens
    Watch(WatchArguments),
    /// List runs, the latest first
    Ls {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say why a task of a run stands as it does
    Why {
        #[command(flatten)]
        run: RunName,
        /// The task's id in the ALT file
        task: String,
        /// Print the answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a run; it still leaves a LAST
    Cancel {
        #[command(flatten)]
        run: RunName,
        /// Why, for the LAST
        #[arg(long, default_value = "cancelled on the command line")]
        reason: String,
        /// Print the outcome as JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring the LAST of a run here with all its files, and verify it
    Get {
        #[command(flatten)]
        run: RunName,
        /// Where to put it [default: out/ALT-ID/RUN]
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// Print the outcome as JSON
        #[arg(long)]
        json: bool,
    },
    /// Open the report of a run that has ended
    Open {
        #[command(flatten)]
        run: RunName,
        /// Print where it is as JSON, and open nothing
        #[arg(long)]
        json: bool,
    },
    /// Run what failed in a run once more; what completed is taken over
    Retry {
        #[command(flatten)]
        run: RunName,
        #[command(flatten)]
        until: Until,
    },
    /// Run some tasks of a run once more, with all that need them
    Rerun {
        #[command(flatten)]
        run: RunName,
        /// The tasks to begin from
        #[arg(long, required = true, num_args = 1.., value_name = "TASK")]
        from: Vec<String>,
        #[command(flatten)]
        until: Until,
    },
    /// Say whether the jobs of the fleet do well
    #[command(after_help = "Exit codes: 0 healthy, 4 degraded, 1 unhealthy or not to be reached.")]
    Health {
        /// Print the issues and alerts as JSON
        #[arg(long)]
        json: bool,
    },
    /// The workers of the fleet
    Workers {
        #[command(subcommand)]
        verb: WorkersVerb,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkersVerb {
    /// List the workers that are heard of within 4 seconds
    Ls {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunName {
    /// The run: its id, or 4 or more digits it begins or ends with
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}

/// How long to stay.
#[derive(Debug, Args)]
pub(crate) struct Until {
    /// Wait for the end, and exit as `run` does
    #[arg(long, conflicts_with = "watch")]
    pub(crate) wait: bool,
    /// Show what happens until the end, and exit as `run` does
    #[arg(long)]
    pub(crate) watch: bool,
    /// How to show what happens
    #[arg(long, value_enum, default_value_t)]
    pub(crate) progress: ProgressMode,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    /// The ALT files (JSON, or YAML by their endings); `-` reads JSON from standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Names the run: the same key and file again is the same run
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Check the files, say what would be submitted, and send nothing
    #[arg(long, conflicts_with_all = ["wait", "watch", "no_check"])]
    pub(crate) dry_run: bool,
    /// Submit the files unchecked; the fleet checks them in any case
    #[arg(long, conflicts_with = "strict")]
    pub(crate) no_check: bool,
    /// Refuse unknown fields
    #[arg(long)]
    pub(crate) strict: bool,
    /// Replace the mode of the files
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// Replace the persona of the files
    #[arg(long)]
    pub(crate) persona: Option<String>,
    #[command(flatten)]
    pub(crate) bundle: BundleFlags,
    #[command(flatten)]
    pub(crate) until: Until,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    pub(crate) run: RunName,
    /// How to show what happens
    #[arg(long, value_enum, default_value_t)]
    pub(crate) progress: ProgressMode,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
