//! The verbs and their flags.

mod bundle;
pub(crate) mod fleet;
mod jobs;
mod queue;
mod roles;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use protocol::limits;

pub(crate) use self::bundle::{BundleFlags, SignFlag};
pub(crate) use self::jobs::{JobChange, JobsVerb, ScheduleVerb};
pub(crate) use self::queue::{LetterArguments, PushArguments, QueueVerb};
pub(crate) use self::roles::{
    ConnectionFlags, CoordinatorArguments, DoctorArguments, HealthFlag, UpArguments,
    WorkerArguments,
};

/// Runs graphs of tasks (ALT files) and leaves one verifiable result (LAST) each.
#[derive(Debug, Parser)]
#[command(name = "runner", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 success, 1 failure, 2 wrong usage, 3 invalid ALT file, \
    4 partial success, 130 stopped by Ctrl-C.\n\
    Environment: RUNNER_OUTPUT_DIR (or OUTPUT_DIR), RUNNER_MAX_CONCURRENT_TASKS (or \
    MAX_CONCURRENT_TASKS), RUNNER_ALLOW_EXEC, RUNNER_ALLOW_PRIVATE_ADDRESSES, RUNNER_LOG_LEVEL, \
    RUNNER_LOG_FORMAT, NO_COLOR, RUNNER_ENABLE_HTML, RUNNER_ENABLE_GRAPH, RUNNER_ENABLE_ARTIFACTS, \
    RUNNER_ENABLE_COMPRESSION, RUNNER_ARCHIVE, RUNNER_SIGN_KEY, \
    RUNNER_UPLOADS; for a fleet RUNNER_NATS_URL (or NATS_URL), RUNNER_NATS_CREDS (or NATS_CREDS), \
    RUNNER_NATS_NKEY or RUNNER_NATS_NKEY_FILE, RUNNER_NATS_CA, RUNNER_NATS_INBOX, \
    RUNNER_STORE_URL with AWS_ options, RUNNER_LEASE_SECONDS, RUNNER_SLOTS, \
    RUNNER_HEALTH_ADDRESS, RUNNER_NATS_SERVER. `runner doctor` says which were read.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) connection: ConnectionFlags,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run an ALT file on this machine, without a server
    Run(RunArguments),
    /// Check ALT files and show every fault at once
    Validate(ValidateArguments),
    /// Explain a code that `validate` showed, such as ALT0203
    Explain {
        /// The code
        code: String,
    },
    /// Draw the graph of an ALT file
    Graph {
        /// The ALT file; `-` reads standard input
        file: PathBuf,
        /// How to draw it
        #[arg(long, value_enum, default_value_t)]
        format: GraphFormat,
    },
    /// Print the JSON Schema of a file format
    Schema {
        /// Which format
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// The jobs that tasks may name
    Jobs {
        #[command(subcommand)]
        verb: JobsVerb,
    },
    /// When jobs are run by themselves
    Schedule {
        #[command(subcommand)]
        verb: ScheduleVerb,
    },
    /// Messages that jobs work off, and those that failed for good
    Queue {
        #[command(subcommand)]
        verb: QueueVerb,
    },
    #[command(flatten)]
    Fleet(fleet::FleetVerb),
    /// Show a LAST, or how a run stands
    Show {
        /// A last.json or last.json.gz, the folder or archive that holds one, or a run of the fleet
        #[arg(value_name = "RUN|PATH")]
        what: PathBuf,
        /// Print the whole LAST as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a LAST: its schema, its counts, its manifest, the SHA-256 of every file, who signed it
    Verify {
        /// A last.json or last.json.gz, the folder or archive that holds one, the address of an
        /// archive (https://, s3://, file://), or a run of the fleet
        #[arg(value_name = "RUN|PATH|URL")]
        what: PathBuf,
        /// Demand that this key signed it: a file with a public key in PEM, or 64 hex digits
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare what came of two runs: status, outputs, artifacts, timings, and what was asked
    #[command(after_help = "Exit codes: 0 the same but for times, 1 different, 2 wrong usage.")]
    Diff {
        /// A LAST, as `show` takes it
        #[arg(value_name = "A")]
        before: PathBuf,
        /// The LAST to compare it with
        #[arg(value_name = "B")]
        after: PathBuf,
        /// Print the differences as JSON
        #[arg(long)]
        json: bool,
    },
    /// Generate an ALT file of any size
    Gen(GenArguments),
    /// Write the file of a new job, with a test, for its author to fill
    Init(InitArguments),
    /// Start a whole fleet on this machine: a server, a coordinator and workers
    Up(UpArguments),
    /// Conduct the runs of a fleet, until told to stop
    Coordinator(CoordinatorArguments),
    /// Run the tasks of a fleet, until told to stop
    Worker(WorkerArguments),
    /// Check the server, the store and the settings
    Doctor(DoctorArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The ALT file (JSON, or YAML by its ending); `-` reads JSON from standard input
    pub(crate) file: PathBuf,
    /// Where results go [default: out]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Attempts that run at once [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::SLOTS_MAX)))]
    pub(crate) max_concurrent: Option<u16>,
    /// Replace the mode of the file
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// Replace the persona of the file
    #[arg(long)]
    pub(crate) persona: Option<String>,
    /// Refuse unknown fields
    #[arg(long)]
    pub(crate) strict: bool,
    /// Let the job `exec` start programs
    #[arg(long)]
    pub(crate) allow_exec: bool,
    /// Let the job `http` reach loopback and private addresses
    #[arg(long)]
    pub(crate) allow_private_addresses: bool,
    #[command(flatten)]
    pub(crate) bundle: BundleFlags,
    #[command(flatten)]
    pub(crate) sign: SignFlag,
    /// How to show what happens
    #[arg(long, value_enum, default_value_t)]
    pub(crate) progress: ProgressMode,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    /// The ALT files; `-` reads JSON from standard input
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Refuse unknown fields
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GenArguments {
    /// How the tasks hang together
    #[arg(long, value_enum)]
    pub(crate) shape: Shape,
    /// How many tasks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) tasks: u32,
    /// Draws the edges of the layered shape: the same seed makes the same file
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where to write the file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// What tasks will call it: letters, digits, `_`, `-` and `.`, a letter first
    #[arg(long, value_name = "NAME")]
    pub(crate) job: String,
    /// The folder of jobs [default: crates/jobs/src/jobs in a checkout of Runner, else src/jobs]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shape {
    /// One task, then all others after it
    Fan,
    /// Each task after the one before it
    Chain,
    /// Layers, each task after up to three of the layer before
    Layered,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum GraphFormat {
    /// A picture for a browser
    Svg,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// For a terminal
    #[default]
    Text,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The request
    Alt,
    /// The result
    Last,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum ProgressMode {
    /// A live view on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// A live view that never exceeds the terminal
    Tty,
    /// A line for each change
    Plain,
    /// A JSON object for each change
    Json,
    /// Nothing
    Quiet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeName {
    /// Nothing is changed
    Normal,
    /// AI tasks imagine
    Dream,
    /// AI tasks make alternatives
    Explore,
    /// The run is disturbed on purpose
    Chaos,
}

impl From<ModeName> for alt::Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Normal => Self::Normal,
            ModeName::Dream => Self::Dream,
            ModeName::Explore => Self::Explore,
            ModeName::Chaos => Self::Chaos,
        }
    }
}
