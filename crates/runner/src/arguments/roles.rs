//! The flags of the roles of a fleet, and of the verbs that start and check one.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use protocol::{WorkerId, limits};

use super::{BundleFlags, SignFlag};

/// How to reach a fleet; each goes before its variable.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Fleet")]
pub(crate) struct ConnectionFlags {
    /// The NATS server, or several joined by commas
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) nats_url: Option<String>,
    /// Where results are kept: s3://bucket/prefix or file:///folder
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) store_url: Option<String>,
    /// A file with the credentials for the NATS server
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) creds: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CoordinatorArguments {
    #[command(flatten)]
    pub(crate) bundle: BundleFlags,
    #[command(flatten)]
    pub(crate) sign: SignFlag,
    #[command(flatten)]
    pub(crate) health: HealthFlag,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// Queues to take tasks from [default: those of its jobs]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) queues: Vec<String>,
    /// Run only these jobs; the queues follow from them
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) jobs: Vec<String>,
    /// Tasks that run at once [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::SLOTS_MAX)))]
    pub(crate) slots: Option<u16>,
    /// Seconds that what runs gets to end when the worker is told to go
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) grace: u32,
    /// Its name in lists [default: host, process and a random end]
    #[arg(long, value_name = "NAME")]
    pub(crate) id: Option<WorkerId>,
    /// Let the job `exec` start programs
    #[arg(long)]
    pub(crate) allow_exec: bool,
    /// Let the job `http` reach loopback and private addresses
    #[arg(long)]
    pub(crate) allow_private_addresses: bool,
    #[command(flatten)]
    pub(crate) health: HealthFlag,
}

#[derive(Debug, Args)]
pub(crate) struct HealthFlag {
    /// Where /livez, /readyz and /metrics are, or `off` [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) health: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// How many workers
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: u16,
    /// Tasks that run at once in each [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::SLOTS_MAX)))]
    pub(crate) slots: Option<u16>,
    /// The nats-server program
    #[arg(long, value_name = "PATH")]
    pub(crate) nats_server: Option<PathBuf>,
    /// Where the server keeps what it stores, and logs lie [default: .runner in the output folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Let the job `exec` start programs
    #[arg(long)]
    pub(crate) allow_exec: bool,
    /// Let the job `http` reach loopback and private addresses
    #[arg(long)]
    pub(crate) allow_private_addresses: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Make the streams, consumers and queues that are missing
    #[arg(long)]
    pub(crate) fix: bool,
    /// How many servers of a cluster keep each stream [default: as it is, and 1 for a new one]
    #[arg(long, value_name = "N", value_parser = copies())]
    pub(crate) replicas: Option<u8>,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Numbers of copies that a majority can be lost or kept of; 2 and 4 survive no more than 1 and 3.
fn copies() -> impl TypedValueParser<Value = u8> {
    PossibleValuesParser::new(["1", "3", "5"]).try_map(|text| text.parse::<u8>())
}
