//! What a worker counts, for whoever watches it. Labels are names of jobs and outcomes, never ids.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use protocol::Outcome;

/// The label of a job that this worker does not have.
const UNKNOWN: &str = "unknown";

/// Upper bounds of the durations that are told apart, seconds.
const BUCKETS: [f64; 12] =
    [0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    kind: &'static str,
    outcome: &'static str,
}

/// The counts of one worker; every clone is the same counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    tasks: Family<Ended, Counter>,
    durations: Family<Kind, Histogram, fn() -> Histogram>,
    running: Gauge,
    slots: Gauge,
    leases_lost: Counter,
    redeliveries: Counter,
    refused: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            tasks: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            running: Gauge::default(),
            slots: Gauge::default(),
            leases_lost: Counter::default(),
            redeliveries: Counter::default(),
            refused: Counter::default(),
        }
    }
}

impl Metrics {
    /// Lists the counts in `registry`, whose prefix is `runner`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("tasks", "Attempts whose verdict was stored", self.tasks.clone());
        registry.register_with_unit(
            "task_duration",
            "How long attempts ran",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("tasks_running", "Attempts that run now", self.running.clone());
        registry.register("slots", "Attempts that may run at once", self.slots.clone());
        let help = "Attempts dropped because their lease ran out";
        registry.register("lease_lost", help, self.leases_lost.clone());
        let help = "Offers that were handed out before";
        registry.register("redeliveries", help, self.redeliveries.clone());
        let help = "Verdicts that came after another of the same attempt";
        registry.register("verdicts_refused", help, self.refused.clone());
    }

    pub(crate) fn has_slots(&self, slots: usize) {
        self.slots.set(i64::try_from(slots).unwrap_or(i64::MAX));
    }

    /// Counts an attempt as running until the answer is dropped.
    pub(crate) fn begin(&self) -> Begun {
        self.running.inc();
        Begun(self.running.clone())
    }

    /// Counts an attempt that has its verdict; `job` is `None` when this worker does not have it.
    pub(crate) fn end(&self, job: Option<&'static str>, outcome: Outcome, ran: Duration) {
        let kind = job.unwrap_or(UNKNOWN);
        self.tasks.get_or_create(&Ended { kind, outcome: outcome.name() }).inc();
        self.durations.get_or_create(&Kind { kind }).observe(ran.as_secs_f64());
    }

    pub(crate) fn lose_lease(&self) {
        self.leases_lost.inc();
    }

    pub(crate) fn see_again(&self) {
        self.redeliveries.inc();
    }

    pub(crate) fn be_refused(&self) {
        self.refused.inc();
    }
}

/// An attempt that runs.
#[derive(Debug)]
pub(crate) struct Begun(Gauge);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.dec();
    }
}
