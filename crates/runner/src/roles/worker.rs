//! The role that runs tasks: which jobs, from which queues, under which name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use job::{Declaration, Environment, Permissions, Registry};
use protocol::{WorkerId, seats_of, subject};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::arguments::WorkerArguments;
use crate::catalogue;
use crate::connection::{self, Fleet};
use crate::exit::{Exit, Failure};
use crate::roles::{Role, scratch};
use crate::settings::Settings;

/// How long to wait before queues are asked for again.
const AGAIN: Duration = Duration::from_millis(500);

/// Bytes of the host's name that fit a worker's beside its process and its random end.
const HOST_BYTES: usize = 16;

/// Queues, each with the most attempts that may run from it at once.
type Queues = BTreeMap<String, Option<u32>>;

pub(crate) fn worker(arguments: &WorkerArguments, settings: &Settings) -> Result<Exit, Failure> {
    let all = catalogue::registry(settings)?;
    let (registry, mut queues) = served(all, &arguments.jobs, &arguments.queues)?;
    info!(jobs = registry.names().count(), "jobs found");
    let missed = not_ready(&registry, &settings.environment);
    if arguments.queues.is_empty() {
        // Another worker may have what they require, and their tasks wait for it.
        let own = |job: &Declaration| job.options.own_queue(job.name);
        for queue in missed.iter().filter_map(|job| own(job)) {
            queues.remove(&queue);
        }
    }
    let mut role = Role::new("worker", settings, &arguments.health)?;
    let metrics = worker::Metrics::default();
    metrics.register(&mut role.metrics);
    let (scratch, lease) = (scratch()?, settings.nats.lease);
    let settings = worker::Settings {
        id: arguments.id.clone().map_or_else(name, Ok)?,
        slots: arguments.slots.unwrap_or(settings.slots).into(),
        uploads: settings.uploads.into(),
        queues: queues.keys().cloned().collect(),
        permissions: Permissions {
            allow_exec: arguments.allow_exec || settings.allow_exec,
            allow_private_addresses: arguments.allow_private_addresses
                || settings.allow_private_addresses,
        },
        environment: Arc::clone(&settings.environment),
        scratch: scratch.path().to_owned(),
        grace: Duration::from_secs(arguments.grace.into()),
        metrics,
    };
    role.play(async |Fleet { bus, store }, shutdown| {
        if !declare(&bus, &queues, &shutdown).await.map_err(|error| connection::lost(&error))? {
            return Ok(());
        }
        info!(worker.id = %settings.id, slots = settings.slots, queues = ?settings.queues, "working");
        let working = worker::work(bus, store, Arc::new(registry), settings, shutdown);
        let worked = worker::watched(lease, working).await;
        let worked = worked.map_err(|error| Failure::fault(format!("no thread more: {error}")))?;
        worked.map_err(|error| connection::lost(&error))
    })
}

/// The jobs for which a variable is not set here, which is said.
fn not_ready<'a>(registry: &'a Registry, environment: &Environment) -> Vec<&'a Declaration> {
    let missing = |job: &Declaration| environment.missing(job.options.requires);
    let missed: Vec<_> = registry.iter().filter_map(|job| Some((job, missing(job)?))).collect();
    if !missed.is_empty() {
        let named = missed.iter().map(|(job, missing)| format!("{} ({missing})", job.name));
        let named: Vec<_> = named.collect();
        info!(jobs = named.join(", "), "jobs are not ready, as a variable is not set here");
    }
    missed.into_iter().map(|(job, _)| job).collect()
}

/// Makes sure that the queues are there; false when told to go before they are.
async fn declare<B: Bus>(
    bus: &B,
    queues: &Queues,
    shutdown: &CancellationToken,
) -> Result<bool, bus::Error> {
    loop {
        let declared = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(false),
            declared = bus.declare(queues) => declared,
        };
        match declared {
            Ok(()) => {
                info!(queues = queues.len(), seats = seats_of(queues), "queues declared");
                return Ok(true);
            }
            // Coordinators declare them as well; a worker need not be allowed to.
            Err(error @ bus::Error::Refused(_)) => {
                warn!(error = %error, "queues are left to a coordinator to declare");
                return Ok(true);
            }
            Err(error @ bus::Error::Closed) => return Err(error),
            Err(error) => warn!(error = %error, "queues not declared; trying again"),
        }
        sleep(AGAIN).await;
    }
}

/// The jobs a worker has and the queues it serves.
///
/// A worker fails what it has no job for, so one that was told jobs only must have all the jobs of
/// each of its queues.
fn served(
    all: Registry,
    jobs: &[String],
    queues: &[String],
) -> Result<(Registry, Queues), Failure> {
    let limits = all.catalogue().queues();
    let queues: BTreeSet<&str> = queues.iter().map(|queue| queue.trim()).collect();
    if let Some(odd) = queues.iter().find(|queue| !subject::is_queue(queue)) {
        let help = "use names such as `default`; `runner jobs ls` shows those of the jobs";
        return Err(Failure::usage(format!("--queues: `{odd}` cannot name a queue"), help));
    }
    let named =
        queues.iter().map(|&queue| (queue.to_owned(), limits.get(queue).copied().flatten()));
    let named: Queues = named.collect();
    if jobs.is_empty() {
        return Ok((all, if named.is_empty() { limits } else { named }));
    }
    let jobs: BTreeSet<&str> = jobs.iter().map(|job| job.trim()).collect();
    if let Some(unknown) = jobs.iter().find(|job| all.get(job).is_none()) {
        let known: Vec<_> = all.names().collect();
        let help = format!("this program has {}", known.join(", "));
        return Err(Failure::usage(format!("--jobs: there is no job `{unknown}`"), help));
    }
    // Whoever says an older name means the job.
    let jobs = jobs.into_iter().filter_map(|job| all.get(job)).map(|job| job.name).collect();
    let following = if named.is_empty() { following(&all, &jobs, &limits)? } else { named };
    Ok((all.only(|job| jobs.contains(job)), following))
}

/// The queues of these jobs, if each of them has no others.
fn following(all: &Registry, jobs: &BTreeSet<&str>, limits: &Queues) -> Result<Queues, Failure> {
    let catalogue = all.catalogue();
    let queue_of = |job: &str| catalogue.0.get(job).map(|policy| policy.queue.as_str());
    let queues: BTreeSet<_> = jobs.iter().filter_map(|job| queue_of(job)).collect();
    let mut others = all.names().filter(|job| !jobs.contains(job));
    let stranger = others.find_map(|job| Some((job, *queues.get(queue_of(job)?)?)));
    if let Some((job, queue)) = stranger {
        let message = format!("--jobs: the queue `{queue}` has tasks of the job `{job}` too");
        let help = format!("add `{job}`, or name the queues that hold only these jobs: --queues");
        return Err(Failure::usage(message, help));
    }
    let limit = |queue: &str| limits.get(queue).copied().flatten();
    Ok(queues.into_iter().map(|queue| (queue.to_owned(), limit(queue))).collect())
}

/// A name that no other worker has: host, process, chance.
fn name() -> Result<WorkerId, Failure> {
    let system = rustix::system::uname();
    let random = uuid::Uuid::now_v7().as_u128() & 0xffff;
    let name = name_of(&system.nodename().to_string_lossy(), std::process::id(), random);
    name.parse().map_err(|error| {
        Failure::usage(format!("this host's name makes no worker id: {error}"), "use --id NAME")
    })
}

fn name_of(host: &str, process: u32, random: u128) -> String {
    let host = host.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let plain = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let plain: String = plain.take(HOST_BYTES).collect();
    let host = plain.trim_matches('-');
    format!("{}-{process}-{random:04x}", if host.is_empty() { "host" } else { host })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Registry {
        jobs::link();
        Registry::discover().unwrap()
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_name_fits_whatever_the_host_is_called() {
        for (host, expected) in [
            ("fox", "fox-7-00ab"),
            ("Fox_3.example.org", "fox-3-7-00ab"),
            ("a-very-long-name-of-a-host", "a-very-long-name-7-00ab"),
            ("", "host-7-00ab"),
            ("日本", "host-7-00ab"),
        ] {
            assert_eq!(name_of(host, 7, 0xab), expected);
        }
        let longest = name_of(&"x".repeat(99), u32::MAX, 0xffff);
        assert!(longest.parse::<WorkerId>().is_ok(), "{longest}");
    }

    #[test]
    fn a_worker_serves_all_queues_of_its_jobs_unless_told_otherwise() {
        let (registry, queues) = served(all(), &[], &[]).unwrap();
        assert_eq!(queues, registry.catalogue().queues());
        let (registry, queues) = served(all(), &[], &list(&["gpu", " default"])).unwrap();
        assert_eq!(queues.keys().collect::<Vec<_>>(), ["default", "gpu"]);
        assert_eq!(registry.names().count(), all().names().count());
    }

    #[test]
    fn a_worker_with_some_jobs_has_only_those_and_takes_no_tasks_of_others() {
        let (registry, queues) = served(all(), &list(&["echo"]), &list(&["mine"])).unwrap();
        assert_eq!(registry.names().collect::<Vec<_>>(), ["echo"]);
        assert_eq!(queues.into_keys().collect::<Vec<_>>(), ["mine"]);
        let shared = served(all(), &list(&["echo"]), &[]).unwrap_err();
        assert!(shared.message.contains("`default` has tasks of the job"), "{shared}");
        let every: Vec<_> = all().names().map(ToOwned::to_owned).collect();
        assert!(served(all(), &every, &[]).is_ok());
        let (registry, queues) = served(all(), &list(&["dao_tweet"]), &[]).unwrap();
        assert_eq!(registry.names().collect::<Vec<_>>(), ["dao_deployment_tweet"]);
        assert_eq!(queues.into_keys().collect::<Vec<_>>(), ["dao_deployment_tweet"]);
    }

    #[test]
    fn jobs_and_queues_that_cannot_be_are_refused_by_name() {
        let unknown = served(all(), &list(&["ecko"]), &[]).unwrap_err();
        assert!(unknown.message.contains("--jobs") && unknown.message.contains("ecko"));
        let odd = served(all(), &[], &list(&["a.b"])).unwrap_err();
        assert!(odd.message.contains("--queues") && odd.message.contains("a.b"));
    }
}
