//! A road that is another road, with a point before and after everything that it writes.

use std::collections::BTreeMap;
use std::time::Duration;

use alt::Json;
use bus::lease::Lease;
use bus::{
    Accepted, Bus, Claim, Error, Owned, Past, Questions, Recorded, RunClaim, StoredSubmission,
};
use protocol::{
    Answer, AttemptKey, Cancellation, End, Epoch, Heartbeat, Insights, Offer, Quarantined,
    Question, RunId, RunRecord, Started, Stored, Submission, Timestamp, Verdict,
};

use crate::point::at;

/// Something of a road, with points where it writes.
#[derive(Debug, Clone)]
pub(crate) struct Road<T>(pub(crate) T);

impl<B: Bus> Bus for Road<B> {
    type RunClaim = Road<B::RunClaim>;
    type Claim = Road<B::Claim>;
    type Follow = B::Follow;
    type Stops = B::Stops;
    type Questions = Road<B::Questions>;
    type Beats = B::Beats;

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn declare(&self, queues: &BTreeMap<String, Option<u32>>) -> Result<(), Error> {
        at("Bus.declare", self.0.declare(queues)).await
    }

    async fn mend(&self, queues: &BTreeMap<String, Option<u32>>) -> Result<(), Error> {
        at("Bus.mend", self.0.mend(queues)).await
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, Error> {
        at("Bus.submit", self.0.submit(submission)).await
    }

    async fn is_submitted(&self, run: RunId) -> Result<bool, Error> {
        self.0.is_submitted(run).await
    }

    async fn next_run(&self) -> Result<Self::RunClaim, Error> {
        at("Bus.next_run", self.0.next_run()).await.map(Road)
    }

    async fn own(&self, run: RunId, past: Past) -> Result<Owned, Error> {
        at("Bus.own", self.0.own(run, past)).await
    }

    async fn dispatch(&self, epoch: Epoch, offers: &[Offer]) -> Result<(), Error> {
        at("Bus.dispatch", self.0.dispatch(epoch, offers)).await
    }

    async fn outstanding(&self, run: RunId) -> Result<Vec<Offer>, Error> {
        self.0.outstanding(run).await
    }

    async fn stop(&self, queue: &str, key: AttemptKey) -> Result<(), Error> {
        at("Bus.stop", self.0.stop(queue, key)).await
    }

    async fn record(&self, queue: &str, verdict: Verdict) -> Result<Recorded, Error> {
        at("Bus.record", self.0.record(queue, verdict)).await
    }

    async fn verdicts(
        &self,
        keys: Vec<(String, AttemptKey)>,
    ) -> Result<Vec<Option<Stored<Verdict>>>, Error> {
        self.0.verdicts(keys).await
    }

    async fn follow(&self, run: RunId, past: Past) -> Result<Self::Follow, Error> {
        self.0.follow(run, past).await
    }

    async fn claim(&self, queues: &[String]) -> Result<Self::Claim, Error> {
        at("Bus.claim", self.0.claim(queues)).await.map(Road)
    }

    async fn stops(&self) -> Result<Self::Stops, Error> {
        self.0.stops().await
    }

    async fn started(&self, started: Started) {
        at("Bus.started", self.0.started(started)).await;
    }

    async fn cancel(&self, cancellation: Cancellation) -> Result<(), Error> {
        at("Bus.cancel", self.0.cancel(cancellation)).await
    }

    async fn report(&self, record: RunRecord) -> Result<(), Error> {
        at("Bus.report", self.0.report(record)).await
    }

    async fn records(&self) -> Result<Vec<RunRecord>, Error> {
        self.0.records().await
    }

    async fn ask(&self, run: RunId, question: Question) -> Result<Option<Answer>, Error> {
        self.0.ask(run, question).await
    }

    async fn questions(&self, run: RunId) -> Result<Self::Questions, Error> {
        self.0.questions(run).await.map(Road)
    }

    async fn beat(&self, beat: Heartbeat) {
        at("Bus.beat", self.0.beat(beat)).await;
    }

    async fn beats(&self) -> Result<Self::Beats, Error> {
        self.0.beats().await
    }

    async fn recall(&self, job: &str, key: &str) -> Result<Option<Json>, Error> {
        self.0.recall(job, key).await
    }

    async fn remember(&self, job: &str, key: &str, value: Json) -> Result<(), Error> {
        at("Bus.remember", self.0.remember(job, key, value)).await
    }

    async fn quarantine(&self, item: Quarantined) -> Result<(), Error> {
        at("Bus.quarantine", self.0.quarantine(item)).await
    }

    async fn record_of(&self, run: RunId) -> Result<Option<RunRecord>, Error> {
        self.0.record_of(run).await
    }

    async fn advise(&self, insights: Insights) -> Result<Recorded, Error> {
        at("Bus.advise", self.0.advise(insights)).await
    }

    async fn insights_of(&self, run: RunId) -> Result<Option<Insights>, Error> {
        self.0.insights_of(run).await
    }

    async fn end(&self, end: End) -> Result<Recorded, Error> {
        at("Bus.end", self.0.end(end)).await
    }

    async fn end_of(&self, run: RunId) -> Result<Option<End>, Error> {
        self.0.end_of(run).await
    }

    async fn ended(&self, run: RunId) -> Result<End, Error> {
        self.0.ended(run).await
    }
}

impl<C: RunClaim> RunClaim for Road<C> {
    fn submission(&self) -> &StoredSubmission {
        self.0.submission()
    }

    fn past(&self) -> Past {
        self.0.past()
    }

    async fn extend(&self) -> Result<(), Error> {
        at("RunClaim.extend", self.0.extend()).await
    }

    fn lease(&self) -> Lease {
        self.0.lease()
    }

    async fn ack(self) -> Result<(), Error> {
        at("RunClaim.ack", self.0.ack()).await
    }

    async fn release(self) -> Result<(), Error> {
        at("RunClaim.release", self.0.release()).await
    }
}

impl<C: Claim> Claim for Road<C> {
    fn offer(&self) -> &Offer {
        self.0.offer()
    }

    fn deliveries(&self) -> u32 {
        self.0.deliveries()
    }

    fn lease(&self) -> Lease {
        self.0.lease()
    }

    fn seat_wait(&self) -> Duration {
        self.0.seat_wait()
    }

    async fn is_decided(&self, key: AttemptKey) -> Result<bool, Error> {
        self.0.is_decided(key).await
    }

    async fn lost(&self) -> Result<u32, Error> {
        self.0.lost().await
    }

    async fn begin_again(&self) -> Result<(), Error> {
        at("Claim.begin_again", self.0.begin_again()).await
    }

    async fn extend(&self) -> Result<(), Error> {
        at("Claim.extend", self.0.extend()).await
    }

    async fn ack(self) -> Result<(), Error> {
        at("Claim.ack", self.0.ack()).await
    }

    async fn release(self) -> Result<(), Error> {
        at("Claim.release", self.0.release()).await
    }
}

impl<Q: Questions> Questions for Road<Q> {
    async fn next(&mut self) -> Result<Question, Error> {
        self.0.next().await
    }

    async fn answer(&mut self, answer: Answer) {
        at("Questions.answer", self.0.answer(answer)).await;
    }
}
