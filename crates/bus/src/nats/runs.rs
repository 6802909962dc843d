//! What is said of a run and kept: verdicts, cancellation, record, end.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::StreamExt;
use protocol::planted::{Bug, is_planted};
use protocol::{
    AttemptKey, Cancellation, End, Failure, Insights, Outcome, RunId, RunRecord, Sequence, Stored,
    Verdict, codec, subject,
};
use tracing::warn;

use super::NatsBus;
use super::api::EXPECTED_SEQUENCE;
use super::connect::unanswered;
use super::direct::{Found, SUBJECTS};
use crate::{Error, Recorded};

/// How often an end is looked for in the stream, beside being heard of.
const LOOK: Duration = Duration::from_secs(2);

/// How often a record is written when others write it at that moment.
const TRIES: u32 = 3;

/// How long a cancellation is kept that comes before its run: one day (ADR-43: in seconds or more).
const CANCELLATION_TTL: &str = "24h";

impl NatsBus {
    pub(super) async fn store_verdict(
        &self,
        queue: &str,
        verdict: &Verdict,
    ) -> Result<Recorded, Error> {
        let body = codec::encode(verdict)?;
        self.shared.recorder.record(subject::verdict(&verdict.key(), queue), body.into()).await
    }

    pub(super) async fn stored_verdicts(
        &self,
        keys: Vec<(String, AttemptKey)>,
    ) -> Result<Vec<Option<Stored<Verdict>>>, Error> {
        let subjects: Vec<String> =
            keys.iter().map(|(queue, key)| subject::verdict(key, queue)).collect();
        let mut found = HashMap::with_capacity(subjects.len());
        for some in subjects.chunks(SUBJECTS) {
            for one in self.connection.last_of_each("RUN", some).await? {
                found.insert(one.subject.clone(), one);
            }
        }
        let each = keys.iter().zip(&subjects);
        Ok(each.map(|((_, key), at)| found.get(at).map(|one| verdict_in(one, *key))).collect())
    }

    pub(super) async fn store_cancellation(&self, asked: &Cancellation) -> Result<(), Error> {
        if self.stored_end(asked.run).await?.is_some() {
            return Err(Error::UnknownRun(asked.run));
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-TTL", CANCELLATION_TTL);
        let body = codec::encode(asked)?;
        // Refused means that somebody else asked first, which is as good.
        self.connection.create(&subject::cancellation(asked.run), headers, body.into()).await?;
        Ok(())
    }

    pub(super) async fn store_record(&self, record: &RunRecord) -> Result<(), Error> {
        let to = subject::record(record.run);
        let body = Bytes::from(codec::encode(record)?);
        for _ in 0..TRIES {
            let mut headers = HeaderMap::new();
            // A conductor that lost its run does not know so at once, and its last word may come
            // after the end: then it would run in every list for ever.
            if record.end.is_none() {
                let found = self.connection.last("KV_runs", &to).await?;
                let there = found.as_ref().and_then(|it| codec::decode::<RunRecord>(&it.body).ok());
                if there.is_some_and(|there| there.end.is_some()) {
                    return Ok(());
                }
                let sequence = found.map_or(0, |found| found.sequence.0);
                headers.insert(EXPECTED_SEQUENCE, sequence.to_string());
            }
            match self.connection.publish(&to, headers, body.clone()).await? {
                Ok(_) => {
                    self.tell(record.run, "run.progress", record).await;
                    return Ok(());
                }
                Err(fault) if fault.is_conflict() => {}
                Err(fault) => return Err(fault.into_error(&to)),
            }
        }
        Err(Error::Unknown(format!("{to}: others write it all the time")))
    }

    pub(super) async fn stored_record(&self, run: RunId) -> Result<Option<RunRecord>, Error> {
        let key = subject::record(run);
        // The last word on a run that has just ended; many may lie at its key, one after another.
        let found = self.connection.newest("KV_runs", &key).await?;
        found.map(|found| codec::decode(&found.body).map_err(Error::from)).transpose()
    }

    pub(super) async fn stored_records(&self) -> Result<Vec<RunRecord>, Error> {
        let found = self.connection.all("KV_runs", subject::ALL_RECORDS, Sequence(1)).await?;
        let mut records = Vec::with_capacity(found.len());
        for one in found {
            match codec::decode::<RunRecord>(&one.body) {
                Ok(record) => records.push(record),
                // One that cannot be read hides no other.
                Err(error) => warn!(subject = one.subject, %error, "no record"),
            }
        }
        records.sort_unstable_by_key(|record| Reverse((record.started, record.run)));
        Ok(records)
    }

    pub(super) async fn store_insights(&self, insights: &Insights) -> Result<Recorded, Error> {
        let to = subject::insights(insights.run);
        let body = codec::encode(insights)?;
        let first = self.connection.add(&to, body.into()).await?;
        Ok(recorded(first))
    }

    /// Who hears that there are none asks a model, so it is certain.
    pub(super) async fn stored_insights(&self, run: RunId) -> Result<Option<Insights>, Error> {
        let found = self.connection.certain_last("RUN", &subject::insights(run)).await?;
        found.map(|found| codec::decode(&found.body).map_err(Error::from)).transpose()
    }

    /// Stores the end, then forgets what nobody needs any more. May be done again at any point.
    pub(super) async fn store_end(&self, end: &End) -> Result<Recorded, Error> {
        let body = codec::encode(end)?;
        let to = subject::end(end.run);
        let first = self.connection.add(&to, body.into()).await?;
        // The owner record goes in one step with the offers, and both before the verdicts: so no late
        // coordinator can offer what it no longer finds a verdict of.
        if !is_planted(Bug::EndLeavesOwner) {
            self.purge("TASKS", &subject::offers(end.run)).await?;
        }
        self.purge("RUN", &subject::forgotten(end.run)).await?;
        if first {
            self.tell(end.run, "run.ended", end).await;
        }
        Ok(recorded(first))
    }

    /// The end of a run. Who hears that there is none conducts the run, so it is certain.
    pub(super) async fn certain_end(&self, run: RunId) -> Result<Option<End>, Error> {
        end_in(self.connection.certain_last("RUN", &subject::end(run)).await?)
    }

    /// The end of a run, for clients. One that is new may not be found yet: what is submitted or
    /// cancelled then does no harm, for the coordinator that takes it asks for the certain end.
    pub(super) async fn stored_end(&self, run: RunId) -> Result<Option<End>, Error> {
        end_in(self.connection.last("RUN", &subject::end(run)).await?)
    }

    /// The end of a run, looked for a few times if it `is_heard` of.
    async fn end_if(&self, run: RunId, is_heard: bool) -> Result<Option<End>, Error> {
        if is_heard {
            end_in(self.connection.expected_last("RUN", &subject::end(run)).await?)
        } else {
            self.stored_end(run).await
        }
    }

    pub(super) async fn wait_for_end(&self, run: RunId) -> Result<End, Error> {
        let to = subject::live(&subject::end(run));
        let heard = self.connection.client.subscribe(to.clone()).await;
        let mut heard = heard.map_err(|error| unanswered(&to, error))?;
        let mut is_heard = false;
        loop {
            match self.end_if(run, is_heard).await {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => {}
                Err(Error::Unknown(why)) => warn!(%run, why, "looking for the end again"),
                Err(error) => return Err(error),
            }
            // Heard of or not, the stream says what the end is.
            is_heard = tokio::time::timeout(LOOK, heard.next()).await.is_ok();
        }
    }
}

const fn recorded(first: bool) -> Recorded {
    if first { Recorded::Stored } else { Recorded::Refused }
}

fn end_in(found: Option<Found>) -> Result<Option<End>, Error> {
    found.map(|found| codec::decode(&found.body).map_err(Error::from)).transpose()
}

/// The verdict stored for an attempt. The first one stands whoever wrote it, so one that cannot be
/// read stands as a failure that another attempt may mend: else its task would wait for ever.
pub(super) fn verdict_in(found: &Found, key: AttemptKey) -> Stored<Verdict> {
    let reason = match found.decode::<Verdict>() {
        Ok(stored) if stored.body.key() == key => return stored,
        Ok(_) => "it is about another attempt".to_owned(),
        Err(Error::Damaged(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    warn!(subject = found.subject, reason, "a verdict that cannot be read");
    let message = format!("the verdict stored for this attempt cannot be read: {reason}");
    let failure = Failure { message, retryable: true };
    let body = Verdict::sealed(key, Outcome::Failed, failure);
    Stored { sequence: found.sequence, at: found.at, body }
}
