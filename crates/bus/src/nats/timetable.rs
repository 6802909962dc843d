//! Ticks by the server's message schedules (ADR-51), and the records of jobs.
//!
//! A schedule is a message that the server says again at its times under another subject of the same
//! stream. Only the last tick of a job that nobody took is kept, so an outage leaves no burst.

use std::time::Duration;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::StreamExt;
use protocol::{JobRecord, Schedule, Sequence, Timestamp, codec, subject};
use serde_json::json;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::api::EXPECTED_SEQUENCE;
use super::connect::{Connection, unanswered};
use super::direct::Found;
use super::submissions::delivery;
use super::{NatsBus, Subscriber};
use crate::Error;
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

impl NatsBus {
    /// The last message at `at` as the leader has it: what is decided by it must not lag.
    async fn newest(&self, stream: &str, at: &str) -> Result<Option<Found>, Error> {
        if self.connection.is_clustered() {
            self.connection.of_leader(stream, &json!({ "last_by_subj": at })).await
        } else {
            self.connection.last(stream, at).await
        }
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

impl Timetable for NatsBus {
    type Ticks = NatsTicks;

    async fn schedule(&self, job: &str, schedule: Option<&Schedule>) -> Result<(), Error> {
        let at = subject::schedule(job);
        let there = self.newest(SCHEDULES, &at).await?;
        let Some(schedule) = schedule.map(ToString::to_string) else {
            return match there {
                Some(_) => self.purge(SCHEDULES, &at).await,
                None => Ok(()),
            };
        };
        if there.as_ref().is_some_and(|there| there.body == schedule.as_bytes()) {
            return Ok(());
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Schedule", schedule.as_str());
        headers.insert("Nats-Schedule-Target", subject::tick(job).as_str());
        let position = there.map_or(0, |there| there.sequence.0);
        headers.insert(EXPECTED_SEQUENCE, position.to_string());
        match self.connection.publish(&at, headers, schedule.into()).await? {
            Ok(_) => Ok(()),
            // Another coordinator was first, with the same or for the next round to compare.
            Err(fault) if fault.is_conflict() => Ok(()),
            Err(fault) => Err(fault.into_error(&at)),
        }
    }

    async fn ticks(&self) -> Result<NatsTicks, Error> {
        let connection = self.connection.clone();
        let inbox = connection.client.new_inbox();
        let arriving = connection.client.subscribe(inbox.clone()).await;
        let arriving = arriving.map_err(|error| unanswered(NEXT, error))?;
        Ok(NatsTicks { connection, inbox, arriving, asked: None })
    }

    async fn job_record(&self, job: &str) -> Result<Kept, Error> {
        let at = subject::job_record(job);
        let Some(found) = self.newest(JOBS, &at).await? else {
            return Ok(Kept { position: Sequence(0), record: JobRecord::default() });
        };
        let record = codec::decode(&found.body).unwrap_or_else(|error| {
            warn!(subject = at, %error, "a job record that cannot be read is begun anew");
            JobRecord::default()
        });
        Ok(Kept { position: found.sequence, record })
    }

    async fn job_records(&self) -> Result<Vec<(String, JobRecord)>, Error> {
        let found = self.connection.all(JOBS, "job.*", Sequence(1)).await?;
        let mut records: Vec<(String, JobRecord)> = Vec::with_capacity(found.len());
        for one in found {
            match (subject::recorded_job(&one.subject), codec::decode(&one.body)) {
                (Some(job), Ok(record)) => records.push((job, record)),
                // One that cannot be read hides no other.
                _ => warn!(subject = one.subject, "no job record"),
            }
        }
        records.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(records)
    }

    async fn replace_job_record(&self, job: &str, kept: &Kept) -> Result<bool, Error> {
        let at = subject::job_record(job);
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED_SEQUENCE, kept.position.0.to_string());
        let body = codec::encode(&kept.record)?;
        match self.connection.publish(&at, headers, body.into()).await? {
            Ok(_) => Ok(true),
            Err(fault) if fault.is_conflict() => Ok(false),
            Err(fault) => Err(fault.into_error(&at)),
        }
    }
}
