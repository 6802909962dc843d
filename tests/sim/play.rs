//! Plays one plan: a fleet, its clients, what goes wrong, and then a time when all is well.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::nats::{Settings, simulated};
use bus::task::Process;
use bus::{Accepted, Bus, NatsBus};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};
use protocol::{Cancellation, RunId, Source, Submission};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::bucket::Bucket;
use crate::fleet::{self, Site, Slot};
use crate::lot::Lot;
use crate::network::Network;
use crate::oracle::{self, Broken};
use crate::plan::{Fault, Plan, RunPlan};
use crate::rare;

/// How long after everything is well again all runs must have ended: the longest file, each task as
/// often as it may, with its pauses, and five leases.
const PATIENCE: Duration = Duration::from_secs(900);

/// How a plan went.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) broken: Option<Broken>,
    /// Messages that the server took.
    pub(crate) steps: u64,
    /// A digest of all of them, with their times.
    pub(crate) hash: u64,
    pub(crate) reached: BTreeMap<&'static str, u64>,
    pub(crate) simulated: Duration,
}

/// Plays `plan` in a runtime of its own; with `is_told` every message is printed.
pub(crate) fn play(plan: &Arc<Plan>, is_told: bool) -> Played {
    rare::take();
    oracle::watch(Arc::clone(plan), is_told);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let simulated = runtime.block_on(direct(Arc::clone(plan), scratch.path()));
    drop(runtime);
    let (steps, hash) = oracle::trace();
    Played { broken: oracle::broken(), steps, hash, reached: rare::take(), simulated }
}

async fn direct(plan: Arc<Plan>, scratch: &std::path::Path) -> Duration {
    let begun = Instant::now();
    let mut lot = Lot::new(plan.seed ^ 0x5eed);
    let network = Network::new(lot.fork(), plan.pace);
    let bucket = Bucket::new(lot.fork(), plan.is_conditional);
    let lease = Duration::from_secs(plan.lease_s);
    let site = Site { network, bucket, lease, window: plan.window, scratch: scratch.into() };
    simulated::simulate(Arc::new(site.network.clone()));
    tokio::spawn(site.network.clone().carry());
    provision(&site).await;
    let begin = Instant::now();
    let slots = fleet::start(&site, &plan);
    let clients = plan.runs.iter().map(|run| submit(site.clone(), run.clone(), plan.seed, begin));
    let mut clients: JoinSet<()> = clients.collect();
    let healed = begin + Duration::from_millis(plan.healed_ms);
    for fault in &plan.faults {
        let at = begin + Duration::from_millis(fault.at_ms);
        if !settle(at).await {
            return begun.elapsed();
        }
        strike(&site, &slots, fault.fault);
    }
    if settle(healed).await {
        heal(&site, &slots, &plan);
        converge(&site, &mut clients).await;
    }
    begun.elapsed()
}

/// Waits until then; `false` when something is broken before.
async fn settle(until: Instant) -> bool {
    while Instant::now() < until {
        sleep_until(until.min(Instant::now() + Duration::from_secs(1))).await;
        if oracle::broken().is_some() {
            return false;
        }
    }
    true
}

async fn provision(site: &Site) {
    let process = Process::new("operator");
    let settings =
        Settings { name: "operator".to_owned(), ..Settings::new("simulated", site.lease) };
    let making = process.spawn(async move {
        let bus = NatsBus::open(&settings).await.unwrap();
        // As often as an operator would.
        while bus.provision(true, None).await.is_err() {}
    });
    making.await.unwrap();
}

/// The run that a plan's client names.
fn run_id(seed: u64, number: usize) -> RunId {
    RunId::from_bits((u128::from(seed) << 64) | (number as u128 + 1))
}

/// A client: submits, perhaps again, perhaps something else under the same name, perhaps cancels.
async fn submit(site: Site, run: RunPlan, seed: u64, begin: Instant) {
    let process = Process::new(&format!("client-{}", run.number));
    let at = begin + Duration::from_millis(run.at_ms);
    let id = run_id(seed, run.number);
    let work = async move {
        sleep_until(at).await;
        if !site.network.is_up() {
            rare::reach("a run was submitted while the server was down");
        }
        if run.is_raw {
            return submit_raw(&site, run.file("raw"));
        }
        let bus = site.road("client").await;
        oracle::submit(id, run.number);
        let file = run.file("a file");
        insist(&bus, submission(id, &file)).await;
        let mut later = vec![
            (run.cancelled_ms, Later::Cancel),
            (run.again_ms, Later::Again),
            (run.other_ms, Later::Other),
        ];
        later.sort_by_key(|(at, _)| *at);
        for (at, what) in later {
            let Some(at) = at else { continue };
            sleep_until(begin + Duration::from_millis(at)).await;
            match what {
                Later::Cancel => cancel(&bus, id).await,
                Later::Again => {
                    if insist(&bus, submission(id, &file)).await == Some(Accepted::Already) {
                        rare::reach("a submission was repeated");
                    }
                }
                Later::Other => {
                    if insist(&bus, submission(id, &run.file("another"))).await.is_none() {
                        rare::reach("a submission was refused, its key was used for another");
                    }
                }
            }
        }
    };
    let _ = process.spawn(work).await;
}

/// Publishes a file as anybody may, once, without waiting for word of it.
fn submit_raw(site: &Site, file: String) {
    let link = simulated::Network::connect(&site.network, "client", Box::new(|| {}));
    link.publish(async_nats::Message {
        subject: protocol::subject::SUBMIT_RAW.into(),
        reply: None,
        length: file.len(),
        payload: file.into(),
        headers: None,
        status: None,
        description: None,
    });
}

#[derive(Debug, Clone, Copy)]
enum Later {
    Cancel,
    Again,
    Other,
}

fn submission(run: RunId, file: &str) -> Submission {
    let alt = Source::Inline(file.as_bytes().to_vec().into());
    let (priority, mode, persona, reuse) = (alt::Priority::Medium, None, None, None);
    Submission { run, alt, priority, mode, persona, reuse, last: alt::LastOptions::default() }
}

/// Submits until there is an answer; none when it was refused for good.
async fn insist(bus: &NatsBus, submission: Submission) -> Option<Accepted> {
    loop {
        match bus.submit(submission.clone()).await {
            Ok(accepted) => return Some(accepted),
            Err(bus::Error::OtherSubmission(_)) => return None,
            Err(_) => sleep(Duration::from_millis(300)).await,
        }
    }
}

async fn cancel(bus: &NatsBus, run: RunId) {
    loop {
        let asked = Cancellation { run, reason: "the plan says so".to_owned() };
        match bus.cancel(asked).await {
            Ok(()) => return,
            Err(bus::Error::UnknownRun(_)) => {
                return rare::reach("a cancellation came when all was decided");
            }
            Err(_) => sleep(Duration::from_millis(300)).await,
        }
    }
}

/// Lets something go wrong.
fn strike(site: &Site, slots: &[Slot], fault: Fault) {
    let ms = Duration::from_millis;
    let name = |process: usize| slots[process].process().name().to_owned();
    match fault {
        Fault::Kill { process, away_ms } => {
            slots[process].set_away(ms(away_ms));
            site.network.kill(&slots[process].process());
        }
        Fault::Drain { process, away_ms } => {
            slots[process].set_away(ms(away_ms));
            slots[process].drain();
        }
        Fault::Freeze { process, pause_ms } => {
            let frozen = slots[process].process();
            site.network.befall(ms(pause_ms));
            frozen.freeze();
            let past = ms(pause_ms) > site.lease;
            tokio::spawn(async move {
                sleep(ms(pause_ms)).await;
                if past && !frozen.is_dead() {
                    rare::reach(if frozen.name().starts_with("worker") {
                        "a worker was frozen past its lease and came back"
                    } else {
                        "a coordinator was frozen past its lease and came back"
                    });
                }
                frozen.thaw();
            });
        }
        Fault::Cut { process, away_ms } => site.network.cut(&name(process), ms(away_ms)),
        Fault::Hang { process, way, pause_ms } => {
            site.network.hang(&name(process), way, ms(pause_ms));
        }
        Fault::Skew { process, skew_ms } => site.network.skew(&name(process), skew_ms),
        Fault::KillServer { away_ms, forgets } => site.network.kill_server(ms(away_ms), forgets),
        Fault::FreezeServer { pause_ms } => site.network.freeze_server(ms(pause_ms)),
        Fault::Bucket { faults, pause_ms } => {
            site.bucket.fail(faults);
            let bucket = site.bucket.clone();
            tokio::spawn(async move {
                sleep(ms(pause_ms)).await;
                bucket.fail(0);
            });
        }
    }
}

/// All is well from now on, but for a worker that never comes back.
fn heal(site: &Site, slots: &[Slot], plan: &Plan) {
    site.bucket.fail(0);
    site.network.heal();
    slots.iter().for_each(|slot| slot.process().thaw());
    if let Some(gone) = plan.gone {
        let slot = &slots[plan.coordinators + gone];
        slot.end();
        site.network.kill(&slot.process());
    }
}

/// Waits until all runs have ended, and looks at what they left.
async fn converge(site: &Site, clients: &mut JoinSet<()>) {
    // The server is up again by then, and has heard what was said meanwhile.
    if !settle(Instant::now() + Duration::from_secs(15)).await {
        return;
    }
    let patience = Instant::now() + PATIENCE;
    while !is_done(clients) || oracle::open() > 0 {
        if Instant::now() > patience {
            return oracle::stuck();
        }
        if !settle(Instant::now() + Duration::from_secs(1)).await {
            return;
        }
    }
    // What was handed out comes back, and is found to be done.
    if settle(Instant::now() + site.lease * 4).await {
        let lasts = lasts(site).await;
        site.network.look(|server| oracle::finish(&lasts, server));
    }
}

/// Whether all clients have said what they had to say.
fn is_done(clients: &mut JoinSet<()>) -> bool {
    while clients.try_join_next().is_some() {}
    clients.is_empty()
}

/// Every LAST in the bucket, by run.
async fn lasts(site: &Site) -> Vec<(RunId, Vec<u8>)> {
    let listed: Vec<_> = site.bucket.list(None).try_collect().await.unwrap();
    let mut lasts = Vec::new();
    for object in listed {
        let key = object.location.to_string();
        let Some(folder) = key.strip_suffix("/last.json") else { continue };
        let run = folder.rsplit('/').next().unwrap().parse().unwrap();
        let got = site.bucket.get(&object.location).await.unwrap();
        lasts.push((run, got.bytes().await.unwrap().to_vec()));
    }
    lasts.sort_by_key(|(run, _)| *run);
    lasts
}
