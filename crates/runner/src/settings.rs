//! What the environment says, read once. A value that cannot be used is an error, never a default.

mod parse;
mod reader;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alt::LastOptions;
use job::Environment;
use protocol::limits;
use serde::Serialize;
use store::Access;

pub(crate) use self::parse::health;
use self::reader::Reader;
use crate::arguments::ConnectionFlags;
use crate::exit::Failure;

/// Where a server is looked for when nobody says where it is.
pub(crate) const NATS_URL: &str = "nats://127.0.0.1:4222";

/// The port of that place.
pub(crate) const NATS_PORT: u16 = 4222;

/// Seconds a lease may last: shorter ones end under load, longer ones hide a dead worker.
const LEASE_SECONDS: std::ops::RangeInclusive<u64> = 2..=3600;

/// How long a lease lasts unless told otherwise, seconds.
const LEASE_SECONDS_DEFAULT: u64 = 10;

/// Seconds that a model may take to answer: a run waits for it to end.
const AI_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;

/// How long it may take unless told otherwise.
const AI_SECONDS_DEFAULT: u64 = 30;

/// The model that is asked for when none is named: a server that has one takes any name.
const MODEL: &str = "default";

/// The environment's part of the configuration; flags go before it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where results go.
    pub(crate) out: PathBuf,
    /// Attempts that run at once in `run`.
    pub(crate) max_concurrent: u16,
    /// Attempts that a worker runs at once.
    pub(crate) slots: u16,
    /// Files of one attempt that are stored at once.
    pub(crate) uploads: u16,
    pub(crate) allow_exec: bool,
    pub(crate) allow_private_addresses: bool,
    /// Whether the locale can show more than ASCII.
    pub(crate) unicode: bool,
    pub(crate) log: Log,
    /// How to reach the server.
    pub(crate) nats: Nats,
    /// Where results are kept; a folder of `out` when nobody says.
    pub(crate) store_url: Option<String>,
    /// The options of a bucket.
    pub(crate) access: Access,
    /// Where a role tells how it is.
    pub(crate) health: Health,
    /// The server program that `up` starts.
    pub(crate) nats_server: Option<PathBuf>,
    /// Where programs are looked for.
    pub(crate) search: Vec<PathBuf>,
    /// What jobs see of it.
    pub(crate) environment: Arc<Environment>,
    /// What bundles hold.
    pub(crate) last: LastOptions,
    /// A file with the key that signs them.
    pub(crate) sign: Option<PathBuf>,
    /// The model that is asked what to think of runs, if there is one.
    pub(crate) model: Option<Model>,
    /// Where each setting came from, in the order people look for them.
    pub(crate) origins: Vec<Origin>,
}

/// What the log tells, and how its lines look.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// A level, or directives such as `warn,worker=debug`.
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// How the lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: an object a line, its fields beside `timestamp`, `level`, `target` and `message`.
    Json,
}

/// How to reach the server, and who this is to it.
#[derive(Debug, Clone)]
pub(crate) struct Nats {
    /// One or several addresses, separated by commas.
    pub(crate) url: String,
    /// A file with a JWT and its seed.
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) nkey: Option<Nkey>,
    /// A file with certificates.
    pub(crate) ca: Option<PathBuf>,
    /// The prefix of answers.
    pub(crate) inbox: Option<String>,
    /// How long a lease lasts where consumers have yet to be made.
    pub(crate) lease: Duration,
}

/// The seed of an nkey, or where it is.
#[derive(Clone)]
pub(crate) enum Nkey {
    Seed(String),
    File(PathBuf),
}

impl fmt::Debug for Nkey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(_) => out.write_str("Seed(***)"),
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
        }
    }
}

/// A model, and where its service is.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
    /// As the service names it.
    pub(crate) name: String,
    /// How long an answer may take.
    pub(crate) patience: Duration,
}

impl fmt::Debug for Model {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is a secret, and an address may hold one.
        out.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where a role tells how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nowhere.
    Off,
    /// There; port 0 takes any that is free.
    At(SocketAddr),
}

/// A setting, what it is, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Origin {
    /// What is set.
    pub(crate) setting: &'static str,
    /// As it may be shown: secrets are not.
    pub(crate) value: String,
    /// A variable, a flag or `default`.
    pub(crate) from: String,
}

impl Settings {
    /// Reads the variables of this process.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        // The one place that reads the environment. A name that is no text is none of ours.
        let named =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self::from(&named.collect())
    }

    fn from(variables: &BTreeMap<String, OsString>) -> Result<Self, Failure> {
        let mut read = Reader::new(variables);
        let nats = nats(&mut read)?;
        let store_url = read.text("store", &["RUNNER_STORE_URL"])?;
        let out = read.text("output folder", &["RUNNER_OUTPUT_DIR", "OUTPUT_DIR"])?;
        if out.is_none() {
            read.note("output folder", "out", "default");
        }
        let out = out.map_or_else(|| PathBuf::from("out"), PathBuf::from);
        if store_url.is_none() {
            let from = "default: the output folder";
            read.note("store", &parse::folder_url(&out), from);
        }
        let (max_concurrent, slots) = at_once(&mut read)?;
        let uploads = read.parsed(
            "files stored at once",
            &["RUNNER_UPLOADS"],
            limits::UPLOADS,
            parse::uploads,
        )?;
        let health = read.parsed(
            "health address",
            &["RUNNER_HEALTH_ADDRESS"],
            Health::At(SocketAddr::from(([127, 0, 0, 1], 0))),
            parse::health,
        )?;
        let allow_exec = read.parsed(
            "job `exec` may start programs",
            &["RUNNER_ALLOW_EXEC"],
            false,
            parse::switch,
        )?;
        let allow_private_addresses = read.parsed(
            "job `http` may reach private addresses",
            &["RUNNER_ALLOW_PRIVATE_ADDRESSES"],
            false,
            parse::switch,
        )?;
        let log = log(&mut read)?;
        let unicode = unicode(&read)?;
        Ok(Self {
            out,
            max_concurrent,
            slots,
            uploads,
            allow_exec,
            allow_private_addresses,
            unicode,
            log,
            nats,
            store_url,
            access: read.access(),
            health,
            environment: Arc::new(environment(variables)),
            last: last(&mut read)?,
            model: model(&mut read)?,
            sign: read.text("key that signs", &["RUNNER_SIGN_KEY"])?.map(PathBuf::from),
            nats_server: read
                .text("nats-server program", &["RUNNER_NATS_SERVER"])?
                .map(PathBuf::from),
            search: variables
                .get("PATH")
                .map(|path| std::env::split_paths(path).collect())
                .unwrap_or_default(),
            origins: read.origins,
        })
    }

    /// These settings with what the flags of this call say instead.
    pub(crate) fn with(mut self, flags: &ConnectionFlags) -> Result<Self, Failure> {
        if let Some(url) = &flags.nats_url {
            self.nats.url = parse::servers("--nats-url", url)?;
            let shown = parse::shown_servers(url);
            self.replace("NATS server", shown, "flag --nats-url");
        }
        if let Some(path) = &flags.creds {
            self.nats.credentials = Some(path.clone());
            self.replace("credentials file", path.display().to_string(), "flag --creds");
        }
        if let Some(url) = &flags.store_url {
            self.store_url = Some(url.clone());
            self.replace("store", bus::nats::without_password(url), "flag --store-url");
        }
        Ok(self)
    }

    fn replace(&mut self, setting: &'static str, value: String, from: &str) {
        let new = Origin { setting, value, from: from.to_owned() };
        match self.origins.iter_mut().find(|origin| origin.setting == setting) {
            Some(origin) => *origin = new,
            None => self.origins.push(new),
        }
    }

    /// Whether nobody named a server.
    pub(crate) fn has_no_server(&self) -> bool {
        self.is_default("NATS server")
    }

    /// Whether nobody said anything about a setting.
    pub(crate) fn is_default(&self, setting: &str) -> bool {
        let mut origins = self.origins.iter();
        origins.any(|origin| origin.setting == setting && origin.from == "default")
    }
}

/// Whether the locale, if there is one, has all characters.
fn unicode(read: &Reader<'_>) -> Result<bool, Failure> {
    let locale = read.found(&["LC_ALL", "LC_CTYPE", "LANG"])?;
    Ok(locale.is_none_or(|(_, locale)| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    }))
}

/// The attempts at once of a run without a fleet, and of a worker.
fn at_once(read: &mut Reader<'_>) -> Result<(u16, u16), Failure> {
    let local = ["RUNNER_MAX_CONCURRENT_TASKS", "MAX_CONCURRENT_TASKS"];
    let setting = "attempts at once in `run`";
    let local = read.parsed(setting, &local, limits::LOCAL_SLOTS, parse::count)?;
    let slots = read.parsed("slots of a worker", &["RUNNER_SLOTS"], limits::SLOTS, parse::count)?;
    Ok((local, slots))
}

fn log(read: &mut Reader<'_>) -> Result<Log, Failure> {
    let filter = read.parsed("log", &["RUNNER_LOG_LEVEL"], "warn".to_owned(), parse::filter)?;
    let names = ["RUNNER_LOG_FORMAT"];
    let format = read.parsed("format of the log", &names, LogFormat::Text, parse::log_format)?;
    Ok(Log { filter, format })
}

/// The variables that are text.
fn environment(variables: &BTreeMap<String, OsString>) -> Environment {
    let text =
        |(name, value): (&String, &OsString)| Some((name.clone(), value.to_str()?.to_owned()));
    Environment::new(variables.iter().filter_map(text))
}

fn last(read: &mut Reader<'_>) -> Result<LastOptions, Failure> {
    Ok(LastOptions {
        html: read.chosen("report.html", "RUNNER_ENABLE_HTML", parse::switch)?,
        graph: read.chosen("graph of the run", "RUNNER_ENABLE_GRAPH", parse::switch)?,
        artifacts: read.chosen("artifacts", "RUNNER_ENABLE_ARTIFACTS", parse::switch)?,
        archive: read.chosen("archive", "RUNNER_ARCHIVE", parse::archive)?,
        compression: read.chosen("compression", "RUNNER_ENABLE_COMPRESSION", parse::switch)?,
        ai_insights: read.chosen("AI insights", "RUNNER_ENABLE_AI_INSIGHTS", parse::switch)?,
    })
}

fn model(read: &mut Reader<'_>) -> Result<Option<Model>, Failure> {
    let names = ["RUNNER_AI_SERVICE_URL", "AI_SERVICE_URL"];
    let url = read.shown_if("model service", &names, parse::service, parse::shown_service)?;
    let key = ["RUNNER_AI_API_KEY", "OPENAI_API_KEY"];
    let key = read.secret("key of the model service", &key, parse::api_key)?;
    let name = read.text("model", &["RUNNER_AI_MODEL"])?;
    let patience = ["RUNNER_AI_TIMEOUT_SECONDS", "AI_TIMEOUT_SECONDS"];
    let patience =
        read.parsed("model, seconds to answer", &patience, AI_SECONDS_DEFAULT, parse::ai_seconds)?;
    Ok(url.map(|url| Model {
        url,
        key,
        name: name.map_or_else(|| MODEL.to_owned(), |name| name.trim().to_owned()),
        patience: Duration::from_secs(patience),
    }))
}

fn nats(read: &mut Reader<'_>) -> Result<Nats, Failure> {
    let url = ["RUNNER_NATS_URL", "NATS_URL"];
    let url = read.shown("NATS server", &url, NATS_URL.to_owned(), parse::servers, |url| {
        parse::shown_servers(url)
    })?;
    let credentials = read.text("credentials file", &["RUNNER_NATS_CREDS", "NATS_CREDS"])?;
    let seed = read.secret("nkey seed", &["RUNNER_NATS_NKEY"], parse::seed)?;
    let file = read.text("nkey file", &["RUNNER_NATS_NKEY_FILE"])?;
    let nkey = match (seed, file) {
        (Some(_), Some(_)) => {
            let message = "RUNNER_NATS_NKEY and RUNNER_NATS_NKEY_FILE are both set";
            return Err(Failure::usage(message, "unset one of them"));
        }
        (Some(seed), None) => Some(Nkey::Seed(seed)),
        (None, file) => file.map(|path| Nkey::File(path.into())),
    };
    let ca = read.text("certificates of the server", &["RUNNER_NATS_CA"])?;
    let inbox = read.checked("prefix of answers", &["RUNNER_NATS_INBOX"], parse::inbox)?;
    let lease = read.parsed(
        "lease, seconds",
        &["RUNNER_LEASE_SECONDS"],
        LEASE_SECONDS_DEFAULT,
        parse::lease,
    )?;
    Ok(Nats {
        url,
        credentials: credentials.map(PathBuf::from),
        nkey,
        ca: ca.map(PathBuf::from),
        inbox,
        lease: Duration::from_secs(lease),
    })
}

#[cfg(test)]
mod tests;
