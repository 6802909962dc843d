//! The verbs of jobs: what they are, how they are set, when they run.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum JobsVerb {
    /// List the jobs of this program, when each is run by itself, and what was set from outside
    Ls {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one job: every option with its value and source, and the shapes of what it takes and gives
    Describe {
        /// The job
        job: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what became of the attempts of each job, who runs it now, and what waits
    Stats {
        /// Only this job, in full
        job: Option<String>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Change(JobChange),
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobChange {
    /// Have a job run by itself again, in the whole fleet
    Enable {
        /// The job
        job: String,
    },
    /// Have a job run by itself no more, in the whole fleet; tasks may still name it
    Disable {
        /// The job
        job: String,
    },
    /// Set options of a job while the fleet runs; they outlive it
    Set {
        /// The job
        job: String,
        /// enabled, interval_seconds or max_concurrent, each with a value; without one, as declared
        #[arg(required = true, value_name = "OPTION=VALUE")]
        options: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleVerb {
    /// List the jobs that are run by themselves: their last runs, what waits and why
    Ls {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Run a job now, beside its schedule
    Trigger {
        /// The job
        job: String,
        /// What it is given, a JSON object
        #[arg(long, default_value = "{}", value_name = "JSON")]
        parameters: String,
    },
    /// Let no tick of a job become a run until it is resumed
    Pause {
        /// The job
        job: String,
    },
    /// Let ticks become runs again
    Resume {
        /// The job
        job: String,
    },
}
