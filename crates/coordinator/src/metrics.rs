//! What a coordinator counts, for whoever watches it. Labels are states of runs, never ids.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use protocol::RunStatus;

use crate::bookkeeper::Book;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    status: &'static str,
}

/// The counts of one coordinator; every clone is the same counts.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    conducted: Gauge,
    runs: Family<Ended, Counter>,
    offers: Counter,
    verdicts: Counter,
    fenced: Counter,
    restarts: Counter,
    quarantined: Counter,
    store_retries: Counter,
    /// What is counted of jobs and not in their records yet.
    pub(crate) book: Book,
}

impl Metrics {
    /// Lists the counts in `registry`, whose prefix is `runner`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("runs_conducted", "Runs conducted now", self.conducted.clone());
        registry.register("runs", "Runs whose end was stored here", self.runs.clone());
        registry.register("offers", "Attempts offered to workers", self.offers.clone());
        registry.register("verdicts_heard", "Verdicts heard of", self.verdicts.clone());
        let help = "Runs left because another coordinator has them";
        registry.register("fenced", help, self.fenced.clone());
        let help = "Runs told again from their start because news were missed";
        registry.register("run_restarts", help, self.restarts.clone());
        let help = "Submissions kept aside because their file is refused";
        registry.register("quarantined", help, self.quarantined.clone());
        let help = "Results that could not be stored at once";
        registry.register("store_retries", help, self.store_retries.clone());
    }

    /// Counts a run as conducted until the answer is dropped.
    pub(crate) fn begin(&self) -> Begun {
        self.conducted.inc();
        Begun(self.conducted.clone())
    }

    pub(crate) fn end(&self, status: RunStatus) {
        self.runs.get_or_create(&Ended { status: status.name() }).inc();
    }

    pub(crate) fn offer(&self, offers: usize) {
        self.offers.inc_by(offers as u64);
    }

    pub(crate) fn hear_verdict(&self) {
        self.verdicts.inc();
    }

    pub(crate) fn be_fenced(&self) {
        self.fenced.inc();
    }

    pub(crate) fn restart(&self) {
        self.restarts.inc();
    }

    pub(crate) fn quarantine(&self) {
        self.quarantined.inc();
    }

    pub(crate) fn retry_store(&self) {
        self.store_retries.inc();
    }
}

/// A run that is conducted.
#[derive(Debug)]
pub(crate) struct Begun(Gauge);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.dec();
    }
}
