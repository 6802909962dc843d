//! The order of a run: work, faults one by one, faults together, healing, quiet, judgement.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tests::clock::{now, rest, until};
use tests::servers::Weed;

use crate::chance::Chance;
use crate::checker::{Counts, Finding, check};
use crate::faults::{Fault, Part, Seen};
use crate::load::tasks;
use crate::options::Options;
use crate::rows::Rows;
use crate::world::{Client, Ground, STOPPED, Size, World, is_stopped, start_nats};

/// A fleet as the matrix wants it.
const SIZE: Size = Size { coordinators: 3, workers: 7, slots: 4 };

/// How long the fleet works before it is disturbed, and rests before it is judged.
const WARM: Duration = Duration::from_secs(3);

/// How long after healing a run may take to end.
pub(crate) const STUCK: Duration = Duration::from_secs(30);

/// How long after its LAST a run may stand as running in a list.
const LISTED: Duration = Duration::from_secs(10);

/// What came of everything.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) rows: Rows,
    pub(crate) notes: Vec<String>,
    pub(crate) problems: Vec<String>,
}

impl Played {
    /// Keeps what one fault led to.
    fn keep(&mut self, journal: &mut File, done: &Done, seen: Seen) {
        let line = json!({"fault": done.name, "rows": done.rows, "from": done.from, "to": now(),
                          "beside": done.beside, "effects": seen.effects, "times_ms": seen.times,
                          "counts": seen.counts, "problems": seen.problems});
        writeln!(journal, "{line}").unwrap();
        let effects = seen.effects.join(", ");
        println!("{} {}: {effects}", tests::clock::seconds(now() - done.from), done.name);
        let problems = seen.problems.iter().map(|problem| format!("{}: {problem}", done.name));
        self.problems.extend(problems);
        self.rows.add(done.rows, &seen);
    }
}

/// A fault that was done.
struct Done {
    name: &'static str,
    rows: &'static [&'static str],
    from: u64,
    /// Another that was there at the same time.
    beside: Option<&'static str>,
}

/// Does what the options say.
pub(crate) fn play(ground: &Ground, options: &Options) -> Played {
    let mut played = Played::default();
    let mut journal = File::create(ground.folder.join("faults.jsonl")).unwrap();
    if !options.faults.is_empty() && options.seconds > 0 {
        at_work(ground, options, &mut played, &mut journal);
    }
    for apart in &options.apart {
        if is_stopped() {
            break;
        }
        let mut seen = Seen::default();
        let done = Done { name: apart.name, rows: apart.rows, from: now(), beside: None };
        let folder = ground.folder.join(apart.name);
        let ground = Ground { folder, ..ground.clone() };
        if catch_unwind(AssertUnwindSafe(|| (apart.play)(&ground, &mut seen))).is_err() {
            seen.problem("it stopped in the middle");
        }
        played.keep(&mut journal, &done, seen);
    }
    played
}

/// Disturbs one fleet at work for as long as the options say, then judges it.
fn at_work(ground: &Ground, options: &Options, played: &mut Played, journal: &mut File) {
    let folder = ground.folder.join("fleet");
    std::fs::create_dir_all(&folder).unwrap();
    let ground = Ground { folder, ..ground.clone() };
    let mut world = World::new(ground, SIZE, start_nats("store"), Weed::start());
    let begun = now();
    let quiet = AtomicBool::new(false);
    let faults = std::thread::scope(|scope| {
        let (client, stop) = (world.client.clone(), &quiet);
        scope.spawn(move || work(&client, options, stop));
        rest(WARM);
        let disturbed =
            catch_unwind(AssertUnwindSafe(|| disturb(&mut world, options, played, journal)));
        stop.store(true, Ordering::Relaxed);
        if disturbed.is_err() {
            STOPPED.store(true, Ordering::Relaxed);
        }
        disturbed
    });
    world.keep_logs();
    let faults = faults.unwrap_or_else(|why| resume_unwind(why));
    let healed = world.is_ready();
    let (counts, mut problems) = judge(&mut world);
    world.keep_logs();
    if !healed {
        problems.push("not everybody is ready after healing".to_owned());
    }
    let submitted = counts.runs;
    played.notes.push(format!(
        "{faults} faults in {} s on {submitted} runs ({} LASTs), {} tasks, {} processes of tasks, \
         {} tasks ran more than once; at most {} at once where {} may ({} with what dead or frozen \
         workers left)",
        (now() - begun) / 1000,
        counts.lasts,
        counts.tasks,
        counts.tries,
        counts.again,
        counts.narrow,
        crate::load::LIMIT,
        counts.narrow_in_all,
    ));
    let mut universal = Seen::default();
    universal.problems.clone_from(&problems);
    universal.effects_of(faults, "faults");
    universal.count("faults", faults);
    universal.count("executions", counts.runs as u64);
    universal.count("tasks", counts.tasks as u64);
    universal.count("wrong", problems.len() as u64);
    played.rows.add(&["F39"], &universal);
    played.problems.extend(problems);
}

/// Submits files of the seed until it is told that there are enough.
fn work(client: &Client, options: &Options, stop: &AtomicBool) {
    let mut chance = Chance::new(options.seed ^ 0xa17);
    let pause = Duration::from_millis(60_000 / options.rate);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) || is_stopped() {
            return;
        }
        let key = format!("run-{}-{number}", options.seed);
        let Some(run) = client.submit(&key, tasks(&mut chance)) else { return };
        if chance.percent(3) {
            client.will_cancel(&run);
            let _ = client.program.call_within(STUCK, &["cancel", &run]);
        }
        rest(pause);
    }
}

/// Faults one by one in the first third of the time, then also two at once; how many.
fn disturb(world: &mut World, options: &Options, played: &mut Played, journal: &mut File) -> u64 {
    let mut chance = Chance::new(options.seed);
    let (begun, lasts) = (now(), options.seconds * 1000);
    let mut done = 0;
    let mut left: Vec<Fault> = Vec::new();
    while now() < begun + lasts && !is_stopped() {
        if left.is_empty() {
            left.clone_from(&options.faults);
            chance.shuffle(&mut left);
        }
        let Some(first) = left.pop() else { break };
        let alone = now() < begun + lasts / 3 || chance.percent(40);
        let second = if alone { None } else { other(&mut left, &first) };
        done += 1 + u64::from(second.is_some());
        do_faults(world, &mut chance, first, second, played, journal);
        if !world.is_ready() {
            let beside = second.map_or("nothing", |fault| fault.name);
            let what = format!("not all are ready after {} beside {beside}", first.name);
            played.problems.push(what);
        }
        rest(Duration::from_millis(chance.between(200, 1500)));
    }
    done
}

/// Takes a fault that can happen at the same time.
fn other(left: &mut Vec<Fault>, first: &Fault) -> Option<Fault> {
    let place = left.iter().rposition(|it| it.part != first.part)?;
    Some(left.remove(place))
}

fn do_faults(
    world: &mut World,
    chance: &mut Chance,
    first: Fault,
    second: Option<Fault>,
    played: &mut Played,
    journal: &mut File,
) {
    let mut heals = Vec::new();
    let all: Vec<Fault> = std::iter::once(first).chain(second).collect();
    for (index, fault) in all.iter().enumerate() {
        let beside = all.iter().enumerate().find(|&(other, _)| other != index);
        let beside = beside.map(|(_, other)| other.name);
        let done = Done { name: fault.name, rows: fault.rows, from: now(), beside };
        heals.push((done, fault.part, (fault.begin)(world, chance)));
    }
    let lasts = all.iter().map(|fault| chance.between(fault.lasts.0, fault.lasts.1)).max();
    rest(Duration::from_millis(lasts.unwrap_or(0)));
    // Servers first: whoever waits for an effect of the other may need them.
    heals.sort_by_key(|(_, part, _)| !matches!(part, Part::Nats | Part::Bucket));
    for (done, _, heal) in heals {
        let mut seen = Seen::default();
        heal(world, &mut seen);
        played.keep(journal, &done, seen);
    }
}

/// Waits until all is quiet, and says what is wrong.
pub(crate) fn judge(world: &mut World) -> (Counts, Vec<String>) {
    let evidence = world.evidence(STUCK);
    let (counts, found) = check(&evidence);
    let mut problems: Vec<String> = found.iter().map(told).collect();
    problems.extend(world.panics());
    let told: BTreeSet<&str> = evidence.lasts.iter().filter_map(|last| last.run()).collect();
    let mut open = Vec::new();
    let _ = until(LISTED, || {
        open = world.client.listed_as_running();
        open.retain(|run| told.contains(run.as_str()));
        open.is_empty() || is_stopped()
    });
    problems.extend(open.iter().map(|run| format!("Wrong: {run} has its LAST, and runs in `ls`")));
    (counts, problems)
}

fn told(finding: &Finding) -> String {
    format!("{:?}: {}", finding.kind, finding.what)
}
