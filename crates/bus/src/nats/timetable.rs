//! Ticks by the server's message schedules (ADR-51), the records of jobs, and what was counted of them.
//!
//! A schedule is a message that the server says again at its times under another subject of the same
//! stream. Only the last tick of a job that nobody took is kept, so an outage leaves no burst.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt;
use protocol::{JobRecord, JobStats, Schedule, Sequence, Timestamp, codec, subject};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::connect::{Connection, unanswered};
use super::submissions::delivery;
use super::{NatsBus, Subscriber};
use crate::Error;
use crate::books::Books;
use crate::timetable::{Kept, Tick, Ticks, Timetable};

const SCHEDULES: &str = "SCHEDULES";
const JOBS: &str = "JOBS";

/// Where a tick is asked for.
const NEXT: &str = "$JS.API.CONSUMER.MSG.NEXT.SCHEDULES.ticks";

/// How long the server waits for a tick before it says that there is none: a tick that it sends to
/// somebody who is gone comes again a lease later.
const PULL: Duration = Duration::from_secs(5);

/// How much longer its answer may take.
const SILENCE: Duration = Duration::from_secs(2);

/// A tick under lease.
#[derive(Debug)]
pub struct NatsTick {
    connection: Connection,
    message: Message,
    job: String,
    at: Timestamp,
}

impl Tick for NatsTick {
    fn job(&self) -> &str {
        &self.job
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    async fn ack(self) -> Result<(), Error> {
        let Some(reply) = self.message.reply else {
            return Ok(());
        };
        let acked = self.connection.client.request(reply.clone(), Bytes::from_static(b"+ACK"));
        acked.await.map(drop).map_err(|error| unanswered(&reply, error))
    }
}

/// The ticks that nobody holds, pulled one by one.
#[derive(Debug)]
pub struct NatsTicks {
    connection: Connection,
    inbox: String,
    arriving: Subscriber,
    /// When a tick was asked for that has not come.
    asked: Option<Instant>,
}

impl NatsTicks {
    async fn ask(&mut self) -> Result<(), Error> {
        let expires = u64::try_from(PULL.as_nanos()).unwrap_or(u64::MAX);
        let body = json!({ "batch": 1, "expires": expires }).to_string();
        // A tick arrives under its own subject, which no answer to a request has.
        let sent = self.connection.client.publish_with_reply(NEXT, self.inbox.clone(), body.into());
        sent.await.map_err(|error| unanswered(NEXT, error))?;
        self.asked = Some(Instant::now());
        Ok(())
    }
}

impl Ticks for NatsTicks {
    type Tick = NatsTick;

    async fn next(&mut self) -> Result<NatsTick, Error> {
        loop {
            if self.asked.is_none_or(|asked| asked.elapsed() > PULL + SILENCE) {
                self.ask().await?;
            }
            // The server was away: it is asked again.
            let Ok(message) = timeout(PULL + SILENCE, self.arriving.next()).await else {
                self.asked = None;
                continue;
            };
            let message = message.ok_or(Error::Closed)?;
            self.asked = None;
            match message.status.map(|status| status.as_u16()) {
                None => {}
                // Nothing came in time.
                Some(404 | 408) => continue,
                Some(status) => {
                    let said = message.description.unwrap_or_default();
                    return Err(Error::Unknown(format!("{NEXT}: {status} {said}")));
                }
            }
            let at = Timestamp(delivery(&message)?.stored_ms);
            let Some(job) = subject::ticked(&message.subject) else {
                return Err(Error::Unknown(format!("{}: no tick", message.subject)));
            };
            let connection = self.connection.clone();
            return Ok(NatsTick { connection, message, job, at });
        }
    }
}

impl NatsBus {
    /// Replaces the schedule of a job that lies at `position`, 0 for none; whether it was there.
    async fn put_schedule(
        &self,
        job: &str,
        schedule: &Schedule,
        position: Sequence,
    ) -> Result<bool, Error> {
        let text = schedule.to_string();
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Schedule", text.as_str());
        headers.insert("Nats-Schedule-Target", subject::tick(job).as_str());
        self.connection.replace(&subject::schedule(job), position, headers, text.into()).await
    }

    /// The record at a subject of the stream JOBS.
    async fn kept<T: Default + DeserializeOwned>(&self, at: &str) -> Result<Kept<T>, Error> {
        let Some(found) = self.connection.newest(JOBS, at).await? else {
            return Ok(Kept { position: Sequence(0), record: T::default() });
        };
        // One that cannot be read may be a newer program's, and holds what is nowhere else.
        let record = codec::decode(&found.body)?;
        Ok(Kept { position: found.sequence, record })
    }

    /// All records at subjects of a pattern, each with the job that its subject names.
    async fn all_kept<T: DeserializeOwned>(
        &self,
        pattern: &str,
        job: fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, T)>, Error> {
        let found = self.connection.all(JOBS, pattern, Sequence(1)).await?;
        // One that is replaced meanwhile comes twice; the last one stands.
        let mut records = BTreeMap::new();
        for one in found {
            match (job(&one.subject), codec::decode(&one.body)) {
                (Some(job), Ok(record)) => drop(records.insert(job, record)),
                // One that cannot be read hides no other.
                _ => warn!(subject = one.subject, "no record of a job"),
            }
        }
        Ok(records.into_iter().collect())
    }

    async fn replace_kept<T: Serialize + Sync>(
        &self,
        at: &str,
        kept: &Kept<T>,
    ) -> Result<bool, Error> {
        let body = codec::encode(&kept.record)?;
        self.connection.replace(at, kept.position, HeaderMap::new(), body.into()).await
    }
}

impl Timetable for NatsBus {
    type Ticks = NatsTicks;

    async fn schedule(&self, job: &str, schedule: Option<&Schedule>) -> Result<bool, Error> {
        let at = subject::schedule(job);
        let there = self.connection.newest(SCHEDULES, &at).await?;
        let Some(schedule) = schedule else {
            if there.is_some() {
                self.purge(SCHEDULES, &at).await?;
            }
            return Ok(true);
        };
        if there.as_ref().is_some_and(|there| there.body == schedule.to_string().as_bytes()) {
            return Ok(true);
        }
        let position = there.map_or(Sequence(0), |there| there.sequence);
        self.put_schedule(job, schedule, position).await
    }

    async fn mend_schedule(&self, job: &str, schedule: &Schedule) -> Result<(), Error> {
        self.put_schedule(job, schedule, Sequence(0)).await.map(drop)
    }

    async fn ticks(&self) -> Result<NatsTicks, Error> {
        let connection = self.connection.clone();
        let inbox = connection.client.new_inbox();
        let arriving = connection.client.subscribe(inbox.clone()).await;
        let arriving = arriving.map_err(|error| unanswered(NEXT, error))?;
        Ok(NatsTicks { connection, inbox, arriving, asked: None })
    }

    async fn job_record(&self, job: &str) -> Result<Kept<JobRecord>, Error> {
        self.kept(&subject::job_record(job)).await
    }

    async fn job_records(&self) -> Result<Vec<(String, JobRecord)>, Error> {
        self.all_kept("job.*", subject::recorded_job).await
    }

    async fn replace_job_record(&self, job: &str, kept: &Kept<JobRecord>) -> Result<bool, Error> {
        self.replace_kept(&subject::job_record(job), kept).await
    }
}

impl Books for NatsBus {
    async fn job_stats(&self, job: &str) -> Result<Kept<JobStats>, Error> {
        self.kept(&subject::job_stats(job)).await
    }

    async fn all_job_stats(&self) -> Result<Vec<(String, JobStats)>, Error> {
        self.all_kept("stats.*", subject::counted_job).await
    }

    async fn replace_job_stats(&self, job: &str, kept: &Kept<JobStats>) -> Result<bool, Error> {
        self.replace_kept(&subject::job_stats(job), kept).await
    }
}
