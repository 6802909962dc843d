//! A whole fleet on this machine: a server, a coordinator and workers, each a process of its own.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bus::nats::{Found, NatsBus};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::arguments::UpArguments;
use crate::connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::roles::children::{Group, Program, Running};
use crate::roles::{LEAVE, listen, programs, runtime};
use crate::settings::{Health, NATS_URL, Settings};
use crate::source::shown;

/// How long a server may take until it answers, also on a busy machine.
const START: Duration = Duration::from_secs(30);

/// Tries to start a server: its port may be taken between two looks at it.
const TRIES: u32 = 3;

/// Seconds that tasks get to end when the fleet is stopped.
const GRACE_SECONDS: u64 = 10;

/// How long a process may take to end beyond that.
const END: Duration = Duration::from_secs(10);

pub(crate) fn up(arguments: &UpArguments, settings: &Settings) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let exit = runtime.block_on(go(arguments, settings));
    // Dropping what is left kills the processes.
    runtime.shutdown_timeout(LEAVE);
    exit
}

/// What the parts of a fleet have in common.
struct Place {
    settings: Settings,
    /// Where logs lie and the server keeps what it stores.
    folder: PathBuf,
    program: PathBuf,
    /// Held while this fleet runs.
    _lock: File,
}

async fn go(arguments: &UpArguments, settings: &Settings) -> Result<Exit, Failure> {
    let mut interrupts = listen()?;
    let place = place(arguments, settings)?;
    let starting = start(arguments, place);
    let (place, server, coordinator, workers) = tokio::select! {
        started = starting => started?,
        // What was started so far is killed: it has nothing to do yet.
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    tell(&place, server.as_ref(), &coordinator, &workers)?;
    let [mut last, mut middle, mut first] = [(); 3].map(|()| Group::default());
    server.into_iter().for_each(|server| last.keep(server));
    middle.keep(coordinator);
    workers.into_iter().for_each(|worker| first.keep(worker));
    interrupts.next().await;
    output::say("stopping: what runs gets 10 s; Ctrl-C again kills it\n");
    let ending = async {
        first.end().await;
        middle.end().await;
        last.end().await;
    };
    tokio::select! {
        () = ending => Ok(Exit::Success),
        () = interrupts.next() => Ok(Exit::Interrupted),
    }
}

fn place(arguments: &UpArguments, settings: &Settings) -> Result<Place, Failure> {
    let folder = arguments.dir.clone().unwrap_or_else(|| settings.out.join(".runner"));
    let unusable = |error: &dyn std::fmt::Display| {
        let message = format!("`{}` cannot be used: {error}", shown(&folder));
        Failure::usage(message, "name a folder that can be written with --dir")
    };
    std::fs::create_dir_all(&folder).map_err(|error| unusable(&error))?;
    let absolute = std::path::absolute(&folder).map_err(|error| unusable(&error))?;
    let lock = File::create(folder.join("lock")).map_err(|error| unusable(&error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let message = format!("another `runner up` uses `{}`", shown(&folder));
            return Err(Failure::usage(message, "stop it, or name another folder with --dir"));
        }
        Err(TryLockError::Error(error)) => return Err(unusable(&error)),
    }
    let program = std::env::current_exe()
        .map_err(|error| Failure::fault(format!("this program is not found: {error}")))?;
    // The store before the server: a fault in it is told before anything runs.
    connection::store(settings)?;
    Ok(Place { settings: settings.clone(), folder: absolute, program, _lock: lock })
}

/// Starts everything, each part when the one before it is ready.
async fn start(
    arguments: &UpArguments,
    mut place: Place,
) -> Result<(Place, Option<Running>, Running, Vec<Running>), Failure> {
    let server = if place.settings.has_no_server() {
        let program = programs::nats_server(arguments.nats_server.as_deref(), &place.settings)?;
        Some(start_server(&mut place, &program).await?)
    } else {
        provision(&place.settings, false).await?;
        None
    };
    let coordinator = place.role("coordinator".to_owned(), "coordinator", |_| {})?.start()?;
    let workers = (1..=arguments.workers).map(|number| {
        let role = place.role(format!("worker-{number}"), "worker", |command| {
            command.args(["--grace", &GRACE_SECONDS.to_string()]);
            if let Some(slots) = arguments.slots {
                command.args(["--slots", &slots.to_string()]);
            }
            if arguments.allow_exec {
                command.arg("--allow-exec");
            }
            if arguments.allow_private_addresses {
                command.arg("--allow-private-addresses");
            }
        });
        role?.start()
    });
    let workers = workers.collect::<Result<_, _>>()?;
    Ok((place, server, coordinator, workers))
}

async fn start_server(place: &mut Place, program: &Path) -> Result<Running, Failure> {
    let mut tries = 1;
    loop {
        let port = programs::free_port()
            .map_err(|error| Failure::fault(format!("no port is free: {error}")))?;
        let file = place.folder.join("nats-server.conf");
        let text = programs::configuration(port, &place.folder.join("nats"));
        std::fs::write(&file, text).map_err(|error| {
            Failure::fault(format!("`{}` cannot be written: {error}", shown(&file)))
        })?;
        let server = Program::new("nats-server".to_owned(), program, &place.folder, END)?;
        let server = server.with(|command| {
            command.arg("--config").arg(&file);
        });
        let mut server = server.start()?;
        place.settings.nats.url = format!("nats://127.0.0.1:{port}");
        let ready = tokio::select! {
            provisioned = timeout(START, provision(&place.settings, true)) => provisioned,
            ended = server.ended() => Ok(Err(ended)),
        };
        match ready {
            Ok(Ok(())) => return Ok(server),
            Ok(Err(failure)) if tries == TRIES => return Err(failure),
            Ok(Err(_)) => tries += 1,
            Err(_) => {
                let log = shown(&place.folder.join("nats-server.log"));
                let message = format!("nats-server does not answer; its log is `{log}`");
                return Err(Failure::fault(message));
            }
        }
    }
}

/// Makes the streams and consumers that are missing.
async fn provision(settings: &Settings, patient: bool) -> Result<(), Failure> {
    let how = connection::how(settings, patient)?;
    let lost = |error: bus::Error| connection::lost(&error);
    let bus = NatsBus::open(&how).await.map_err(lost)?;
    let parts = loop {
        match bus.provision(true, None).await {
            Ok(parts) => break parts,
            // Up, but its JetStream is not yet.
            Err(bus::Error::Unknown(_)) if patient => sleep(Duration::from_millis(100)).await,
            Err(error) => return Err(lost(error)),
        }
    };
    let other = parts.iter().find(|part| matches!(part.found, Found::Different { .. }));
    other.map_or(Ok(()), |part| {
        let message = format!("{} is other than it must be", part.name);
        Err(Failure {
            help: Some("`runner doctor` shows in what".to_owned()),
            ..Failure::fault(message)
        })
    })
}

impl Place {
    /// A role as a process of this program, over the same server and store.
    fn role(
        &self,
        name: String,
        verb: &str,
        change: impl FnOnce(&mut Command),
    ) -> Result<Program, Failure> {
        let grace = Duration::from_secs(GRACE_SECONDS) + END;
        let settings = &self.settings;
        let out = std::path::absolute(&settings.out).unwrap_or_else(|_| settings.out.clone());
        let program = Program::new(name, &self.program, &self.folder, grace)?;
        let program = program.with(|command| {
            command.arg(verb);
            // Four processes cannot listen at one address.
            command.args(["--health", if settings.health == Health::Off { "off" } else { "0" }]);
            command.env("RUNNER_NATS_URL", &settings.nats.url).env("RUNNER_OUTPUT_DIR", out);
            if let Some(url) = &settings.store_url {
                command.env("RUNNER_STORE_URL", url);
            }
            if let Some(path) = &settings.nats.credentials {
                command.env("RUNNER_NATS_CREDS", path);
            }
        });
        Ok(program.with(change))
    }
}

fn tell(
    place: &Place,
    server: Option<&Running>,
    coordinator: &Running,
    workers: &[Running],
) -> Result<(), Failure> {
    let settings = &place.settings;
    let url: Vec<_> = settings.nats.url.split(',').map(bus::nats::without_password).collect();
    let url = url.join(",");
    let mut text = match server {
        Some(server) => format!("nats-server  process {}, {url}\n", server.pid()),
        None => format!("nats-server  {url}, joined\n"),
    };
    for part in std::iter::once(coordinator).chain(workers) {
        text.push_str(&format!("{:<12} process {}\n", part.program.name, part.pid()));
    }
    let store = settings.store_url.as_deref().map_or_else(
        || shown(&std::path::absolute(&settings.out).unwrap_or_else(|_| settings.out.clone())),
        bus::nats::without_password,
    );
    text.push_str(&format!("results      {store}\n"));
    text.push_str(&format!("logs         {}\n", shown(&place.folder)));
    let flag = if url == NATS_URL { String::new() } else { format!("--nats-url {url} ") };
    text.push_str(&format!("submit with  runner submit {flag}FILE\n"));
    text.push_str("stop with    Ctrl-C\n");
    output::result(&text)
}
