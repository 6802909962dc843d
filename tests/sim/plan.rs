//! What one simulation is made of: files, clients, a fleet, and what goes wrong when.
//!
//! All of it is drawn before anything runs, so that a failure can be shrunk by leaving parts out.

use std::fmt::Write as _;

use protocol::limits;

use crate::lot::Lot;
use crate::network::{Pace, Way};

/// One simulation.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) coordinators: usize,
    /// The slots of each worker.
    pub(crate) workers: Vec<usize>,
    pub(crate) lease_s: u64,
    /// Offers that a run may have outstanding.
    pub(crate) window: u32,
    pub(crate) pace: Pace,
    /// Whether the bucket keeps conditions.
    pub(crate) is_conditional: bool,
    pub(crate) runs: Vec<RunPlan>,
    pub(crate) faults: Vec<FaultPlan>,
    /// Whether faults are so far from each other that what comes later is of no fault.
    pub(crate) is_calm: bool,
    /// When faults end, milliseconds.
    pub(crate) healed_ms: u64,
    /// A worker that never comes back.
    pub(crate) gone: Option<usize>,
}

/// One submission.
#[derive(Debug, Clone)]
pub(crate) struct RunPlan {
    pub(crate) number: usize,
    pub(crate) at_ms: u64,
    /// Submitted as a bare file, by a client that knows nothing of runs.
    pub(crate) is_raw: bool,
    pub(crate) tasks: Vec<TaskPlan>,
    pub(crate) cancelled_ms: Option<u64>,
    /// Submitted again, the same or another file under the same run.
    pub(crate) again_ms: Option<u64>,
    pub(crate) other_ms: Option<u64>,
}

/// One task.
#[derive(Debug, Clone)]
pub(crate) struct TaskPlan {
    pub(crate) needs: Vec<usize>,
    /// Whether it reads what the first of `needs` gave back.
    pub(crate) reads: bool,
    /// Whether its job has a limit.
    pub(crate) is_limited: bool,
    pub(crate) retries: usize,
    pub(crate) priority: &'static str,
    /// What becomes of each attempt; of more attempts, the last one.
    pub(crate) fates: Vec<Fate>,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done after so many milliseconds.
    Done(u64),
    Fails(u64),
    FailsForGood(u64),
    Panics(u64),
    /// It never ends; its time is one second.
    Hangs,
    /// It takes its worker with it, each time.
    Kills(u64),
}

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct FaultPlan {
    pub(crate) at_ms: u64,
    pub(crate) fault: Fault,
}

/// What goes wrong. Processes by their place in the fleet: coordinators first, then workers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Kill { process: usize, away_ms: u64 },
    Drain { process: usize, away_ms: u64 },
    Freeze { process: usize, pause_ms: u64 },
    Cut { process: usize, away_ms: u64 },
    Hang { process: usize, way: Way, pause_ms: u64 },
    Skew { process: usize, skew_ms: i64 },
    KillServer { away_ms: u64, forgets: bool },
    FreezeServer { pause_ms: u64 },
    Bucket { faults: u64, pause_ms: u64 },
}

/// One seed in so many has a queue that is never empty while faults come, and one a limit that is
/// always reached.
const CROWDED: u64 = 20;

impl Plan {
    /// Whether a model is asked of each run, by every third seed: its answers take time, in which
    /// some rare things do not happen.
    pub(crate) const fn asks_a_model(&self) -> bool {
        self.seed.is_multiple_of(3)
    }

    /// The plan of `seed`.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut lot = Lot::new(seed);
        if seed.is_multiple_of(CROWDED) {
            return Self::draw_crowded(seed, &mut lot);
        }
        if (seed + CROWDED / 2).is_multiple_of(CROWDED) {
            return Self::draw_seated(seed, &mut lot);
        }
        let coordinators = lot.place(3) + 1;
        let workers: Vec<usize> = (0..=lot.place(4)).map(|_| lot.place(4) + 1).collect();
        let lease_s = lot.within(2, 5);
        let least_us = lot.within(50, 2_000);
        let most_us = least_us + lot.pick(&[10, 1_000, 20_000]);
        let spikes = lot.pick(&[0, 2, 20]);
        let breaks = lot.pick(&[0, 0, 0, 3, 15]);
        let pace = Pace { least_us, most_us, spikes, breaks };
        let healed_ms = lot.within(3, 25) * 1000;
        let runs: Vec<RunPlan> =
            (0..=lot.place(3)).map(|number| RunPlan::draw(&mut lot, number, healed_ms)).collect();
        let processes = coordinators + workers.len();
        let count = lot.pick(&[0, 1, 3, 6, 12]);
        // Each simulation has a few kinds of faults only: what many kinds hide, few may show.
        let kinds: Vec<u64> = (0..=lot.place(3)).map(|_| lot.within(0, 8)).collect();
        let faults = (0..count).map(|_| FaultPlan {
            at_ms: lot.within(0, healed_ms),
            fault: Fault::draw(&mut lot, &kinds, processes, lease_s * 1000),
        });
        let mut faults: Vec<FaultPlan> = faults.collect();
        let is_conditional = lot.chance(800);
        if !is_conditional && count > 0 {
            // Here alone is anything stored twice, so here it must often be in doubt what is stored.
            let (at_ms, pause_ms) = (lot.within(0, healed_ms), healed_ms / 2);
            faults.push(FaultPlan { at_ms, fault: Fault::Bucket { faults: 300, pause_ms } });
        }
        faults.sort_by_key(|fault| fault.at_ms);
        let gone = (workers.len() > 1 && lot.chance(300)).then(|| lot.place(workers.len()));
        let window = lot.pick(&[1, 2, 5, limits::WINDOW]);
        Self {
            seed,
            coordinators,
            workers,
            lease_s,
            window,
            pace,
            is_conditional,
            runs,
            faults,
            is_calm: false,
            healed_ms,
            gone,
        }
    }

    /// A plan with far more work than slots, all of it on one queue and of one priority, and faults
    /// after which everybody has to connect again. Until all is healed the server never says that
    /// there is nothing.
    fn draw_crowded(seed: u64, lot: &mut Lot) -> Self {
        let lease_s = 2;
        let workers = lot.pick(&[&[1][..], &[2], &[1, 1]]).to_vec();
        // Most of the time of a slot is that of its messages, so that a pull is often under way.
        let pace = Pace { least_us: 5_000, most_us: 25_000, spikes: 0, breaks: 0 };
        let (ms, rounds_ms) = (lot.pick(&[5, 50]), 100);
        let healed_ms = 15 * lease_s * 1000;
        // Half of it is there at once, the rest comes bit by bit.
        let slots: usize = workers.iter().sum();
        let count = slots * usize::try_from(healed_ms / (ms + rounds_ms)).unwrap();
        let mut runs = vec![RunPlan::crowd(0, 0, count / 2, ms, false)];
        let parts = lot.place(3) + 1;
        for part in 1..=parts {
            let at_ms = healed_ms / 2 * part as u64 / (parts as u64 + 1);
            runs.push(RunPlan::crowd(part, at_ms, count.div_ceil(2 * parts), ms, false));
        }
        let coordinators = lot.place(2) + 1;
        let processes = coordinators + workers.len();
        // Far enough from each other that what comes of one is not put down to the next.
        let faults = [1, 8].map(|part| FaultPlan {
            at_ms: part * lease_s * 1000 + lot.within(0, 500),
            fault: match lot.place(4) {
                0 => Fault::KillServer { away_ms: 10, forgets: false },
                1 => Fault::Cut { process: lot.place(processes), away_ms: lot.within(10, 300) },
                _ => {
                    let process = coordinators + lot.place(workers.len());
                    Fault::Cut { process, away_ms: lot.within(10, 300) }
                }
            },
        });
        let faults = faults.to_vec();
        let (is_conditional, window, gone) = (true, limits::WINDOW, None);
        Self {
            seed,
            coordinators,
            workers,
            lease_s,
            window,
            pace,
            is_conditional,
            runs,
            faults,
            is_calm: true,
            healed_ms,
            gone,
        }
    }
}

impl Plan {
    /// A plan in which seats are handed out right before the server is killed, and others wait for
    /// one: started again, it does not know who sits there. Idle workers keep their seats, so this
    /// is when they have just come.
    fn draw_seated(seed: u64, lot: &mut Lot) -> Self {
        let lease_s = lot.within(2, 3);
        let workers = lot.pick(&[&[2, 2][..], &[1, 1, 2], &[3, 3]]).to_vec();
        let pace = Pace { least_us: 500, most_us: 5_000, spikes: 0, breaks: 0 };
        let ms = lot.pick(&[1_500, 2_500, 4_000, 9_000]);
        let runs = vec![RunPlan::crowd(0, lot.within(0, 500), 8, ms, true)];
        let kill = |at_ms, lot: &mut Lot| {
            let fault = Fault::KillServer { away_ms: lot.pick(&[10, 300]), forgets: true };
            FaultPlan { at_ms, fault }
        };
        let first = lot.within(600, 1_600);
        let again = first + lot.within(1_000, 8_000);
        let faults = vec![kill(first, lot), kill(again, lot)];
        let (is_conditional, window, gone) = (true, limits::WINDOW, None);
        Self {
            seed,
            coordinators: 1,
            workers,
            lease_s,
            window,
            pace,
            is_conditional,
            runs,
            faults,
            is_calm: false,
            healed_ms: 12_000,
            gone,
        }
    }
}

impl RunPlan {
    fn draw(lot: &mut Lot, number: usize, healed_ms: u64) -> Self {
        let count = lot.pick(&[1, 2, 3, 5, 8, 13, 40]);
        let shape = lot.place(4);
        let tasks = (0..count).map(|task| TaskPlan::draw(lot, task, shape)).collect();
        let at_ms = lot.within(0, healed_ms * 2 / 3);
        let mut later = |often| lot.chance(often).then(|| at_ms + lot.within(0, 10_000));
        let (cancelled_ms, again_ms, other_ms) = (later(150), later(150), later(80));
        let is_raw = lot.chance(150);
        Self { number, at_ms, is_raw, tasks, cancelled_ms, again_ms, other_ms }
    }

    /// So many tasks that need nothing, each done after `ms`.
    fn crowd(number: usize, at_ms: u64, count: usize, ms: u64, is_limited: bool) -> Self {
        let task = TaskPlan {
            needs: Vec::new(),
            reads: false,
            is_limited,
            retries: 0,
            priority: "medium",
            fates: vec![Fate::Done(ms)],
        };
        let tasks = vec![task; count];
        let (cancelled_ms, again_ms, other_ms) = (None, None, None);
        Self { number, at_ms, is_raw: false, tasks, cancelled_ms, again_ms, other_ms }
    }

    /// What the file calls itself.
    pub(crate) fn id(&self) -> String {
        format!("file-{}", self.number)
    }

    /// What the file calls a task.
    pub(crate) fn task_id(&self, task: usize) -> String {
        format!("f{}t{task}", self.number)
    }

    /// The file, with `title` as its title.
    pub(crate) fn file(&self, title: &str) -> String {
        let tasks: Vec<String> = (0..self.tasks.len()).map(|task| self.task(task)).collect();
        let (id, tasks) = (self.id(), tasks.join(","));
        format!(r#"{{"id":"{id}","title":"{title}","tasks":[{tasks}]}}"#)
    }

    fn task(&self, task: usize) -> String {
        let TaskPlan { needs, reads, is_limited, retries, priority, fates } = &self.tasks[task];
        let needed: Vec<String> = needs.iter().map(|&it| self.task_id(it)).collect();
        let mut parameters = format!(r#""fates":{:?}"#, fates.iter().map(word).collect::<Vec<_>>());
        if *reads && let Some(first) = needed.first() {
            let _ = write!(parameters, r#","read":"${{{{ tasks.{first}.output.task }}}}""#);
        }
        let job = if *is_limited { "sim-limited" } else { "sim-work" };
        let time = if fates.contains(&Fate::Hangs) { r#","timeout_seconds":1"# } else { "" };
        let id = self.task_id(task);
        format!(
            r#"{{"id":"{id}","description":"x","job":"{job}","dependencies":{needed:?},
            "retry_count":{retries},"priority":"{priority}"{time},"parameters":{{{parameters}}}}}"#
        )
    }
}

fn word(fate: &Fate) -> String {
    match fate {
        Fate::Done(ms) => format!("done {ms}"),
        Fate::Fails(ms) => format!("fails {ms}"),
        Fate::FailsForGood(ms) => format!("fails-for-good {ms}"),
        Fate::Panics(ms) => format!("panics {ms}"),
        Fate::Hangs => "hangs 0".to_owned(),
        Fate::Kills(ms) => format!("kills {ms}"),
    }
}

impl TaskPlan {
    fn draw(lot: &mut Lot, task: usize, shape: usize) -> Self {
        let needs: Vec<usize> = match shape {
            // A chain, a star, layers, anything.
            0 => task.checked_sub(1).into_iter().collect(),
            1 => (task > 0).then_some(0).into_iter().collect(),
            2 => (task / 3 * 3)
                .checked_sub(3)
                .map_or(Vec::new(), |from| (from..from + 3).filter(|_| lot.chance(600)).collect()),
            _ => (0..task).rev().take(6).filter(|_| lot.chance(300)).collect(),
        };
        let attempts = lot.pick(&[1, 1, 1, 2, 3]);
        Self {
            reads: !needs.is_empty() && lot.chance(300),
            needs,
            is_limited: lot.chance(250),
            retries: lot.place(4),
            priority: lot.pick(&["low", "medium", "medium", "high", "critical"]),
            fates: (0..attempts).map(|_| Fate::draw(lot)).collect(),
        }
    }
}

impl Fate {
    fn draw(lot: &mut Lot) -> Self {
        let ms = lot.pick(&[0, 5, 50, 400, 2_500, 9_000]);
        match lot.within(0, 99) {
            0..=71 => Self::Done(ms),
            72..=85 => Self::Fails(ms),
            86..=89 => Self::FailsForGood(ms),
            90..=92 => Self::Panics(ms),
            93..=96 => Self::Hangs,
            _ => Self::Kills(ms),
        }
    }
}

impl Fault {
    fn draw(lot: &mut Lot, kinds: &[u64], processes: usize, lease_ms: u64) -> Self {
        let process = lot.place(processes);
        let away_ms = lot.pick(&[10, 300, 1_500, lease_ms, lease_ms * 2]);
        let pause_ms = lot.pick(&[50, 700, lease_ms - 200, lease_ms + 300, lease_ms * 2]);
        match lot.pick(kinds) {
            0 => Self::Kill { process, away_ms },
            1 => Self::Drain { process, away_ms },
            2 => Self::Freeze { process, pause_ms },
            3 => Self::Cut { process, away_ms },
            4 => {
                let way = lot.pick(&[Way::Up, Way::Down, Way::Both]);
                Self::Hang { process, way, pause_ms }
            }
            5 => {
                let skew_ms = lot.pick(&[-3_600_000, -500, 500, 3_600_000]);
                Self::Skew { process, skew_ms }
            }
            6 => Self::KillServer { away_ms, forgets: lot.chance(500) },
            7 => Self::FreezeServer { pause_ms },
            _ => Self::Bucket { faults: lot.pick(&[100, 500, 1000]), pause_ms },
        }
    }
}
