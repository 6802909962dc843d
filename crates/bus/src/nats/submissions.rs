//! Submissions: stored once, taken by one coordinator at a time, and kept aside if they are none.

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use protocol::{
    Quarantined, RunId, Sequence, Source, Stored, Submission, Timestamp, codec, limits, subject,
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tracing::warn;

use super::NatsBus;
use super::claims::NatsRunClaim;
use super::connect::unanswered;
use super::desk::{Delivery, Desk};
use crate::{Accepted, Error, Past};

/// Ranks of priorities, each with a consumer of its own.
pub(super) const RANKS: u8 = 4;

#[derive(Debug, Deserialize)]
struct Created {
    created: String,
}

impl NatsBus {
    pub(super) async fn store_submission(
        &self,
        submission: &Submission,
    ) -> Result<Accepted, Error> {
        let run = submission.run;
        let body = Bytes::from(codec::encode(submission)?);
        let digest = hex(&Sha256::digest(&body));
        // First what was asked, then the asking: whoever comes back finds out which it was.
        let note = subject::digest(run);
        if !self.connection.add(&note, digest.clone().into()).await? {
            match self.connection.expected_last("RUN", &note).await? {
                Some(stored) if stored.body != digest.as_bytes() => {
                    return Err(Error::OtherSubmission(run));
                }
                Some(_) => {}
                None => {
                    let why = format!("{note}: something is stored there and cannot be read yet");
                    return Err(Error::Unknown(why));
                }
            }
            if self.stored_end(run).await?.is_some() {
                return Ok(Accepted::Already);
            }
        }
        let to = subject::submission(submission.priority, run);
        let created = self.connection.create(&to, HeaderMap::new(), body).await?;
        Ok(if created { Accepted::New } else { Accepted::Already })
    }

    pub(super) async fn take_submission(&self) -> Result<NatsRunClaim, Error> {
        let desk = self.shared.submissions.get_or_try_init(|| self.open_submissions()).await?;
        loop {
            let taken = desk.take().await?;
            match self.read_submission(&taken.message).await {
                Ok(submission) => {
                    let is_new = taken.delivery.count == 1;
                    let past = if is_new { Past::Blank } else { Past::Unknown };
                    let (connection, message) = (self.connection.clone(), taken.message);
                    return Ok(NatsRunClaim::new(
                        connection,
                        message,
                        submission,
                        past,
                        taken.lease,
                    ));
                }
                Err(Error::Damaged(error)) => {
                    self.set_aside("ALT", &taken.message, &error.to_string()).await?
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn open_submissions(&self) -> Result<Desk, Error> {
        let lease = self.consumer_lease("ALT", "coordinator-p2").await?;
        let source = |rank| super::desk::Source {
            stream: "ALT",
            consumer: format!("coordinator-p{rank}"),
            lease,
            seats: None,
        };
        Desk::open(self.connection.clone(), (0..RANKS).map(source).collect(), Vec::new()).await
    }

    async fn read_submission(&self, message: &Message) -> Result<Stored<Submission>, Error> {
        let delivery = delivery(message)?;
        let at = Timestamp(delivery.stored_ms);
        let sequence = Sequence(delivery.sequence);
        if message.subject.as_str() == subject::SUBMIT_RAW {
            let run = self.raw_run(delivery).await?;
            let alt = Source::Inline(message.payload.clone());
            let (priority, mode, persona, reuse) = (alt::Priority::Medium, None, None, None);
            let body = Submission {
                run,
                alt,
                priority,
                mode,
                persona,
                reuse,
                last: alt::LastOptions::default(),
            };
            return Ok(Stored { sequence, at, body });
        }
        let body: Submission = codec::decode(&message.payload)?;
        if subject::submission(body.priority, body.run) != message.subject.as_str() {
            return Err(Error::Damaged(codec::Error::Elsewhere(message.subject.to_string())));
        }
        Ok(Stored { sequence, at, body })
    }

    /// The run of a raw submission: the same however often it is delivered.
    async fn raw_run(&self, delivery: Delivery) -> Result<RunId, Error> {
        let born = self.shared.born.get_or_try_init(|| async {
            match self.connection.api::<Created>("STREAM.INFO.ALT", &json!({})).await? {
                Ok(info) => Ok(info.created),
                Err(fault) => Err(fault.into_error("STREAM.INFO.ALT")),
            }
        });
        let born = born.await?;
        let drawn = Sha256::digest(format!("{born} {}", delivery.sequence));
        let mut entropy = [0; 10];
        entropy.copy_from_slice(&drawn[..10]);
        Ok(RunId::from_parts(Timestamp(delivery.stored_ms), entropy))
    }

    /// Keeps a message that cannot be used and takes it off its stream.
    pub(super) async fn set_aside(
        &self,
        stream: &str,
        message: &Message,
        reason: &str,
    ) -> Result<(), Error> {
        let delivery = delivery(message)?;
        warn!(subject = %message.subject, sequence = delivery.sequence, reason, "put into quarantine");
        let end = message.payload.len().min(limits::QUARANTINE_BYTES);
        let item = Quarantined {
            run: subject::submitted_run(&message.subject),
            subject: message.subject.to_string(),
            sequence: Sequence(delivery.sequence),
            reasons: vec![reason.to_owned()],
            bytes: message.payload.slice(..end),
        };
        self.keep_aside(stream, &item).await?;
        let reply = message.reply.as_ref().map(ToString::to_string).unwrap_or_default();
        let said = self.connection.client.request(reply.clone(), "+TERM".into()).await;
        said.map(drop).map_err(|error| unanswered(&reply, error))
    }

    pub(super) async fn store_quarantined(&self, item: Quarantined) -> Result<(), Error> {
        self.keep_aside("ALT", &item).await
    }

    /// Once for each message: a second find of the same is refused, and that is as good.
    async fn keep_aside(&self, stream: &str, item: &Quarantined) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert("Runner-Subject", one_line(&item.subject).as_str());
        if let Some(run) = item.run {
            headers.insert("Runner-Run", run.to_string());
        }
        for reason in item.reasons.iter().take(limits::QUARANTINE_REASONS) {
            headers.append("Runner-Reason", one_line(reason).as_str());
        }
        let to = subject::quarantine(stream, item.sequence.0);
        self.connection.create(&to, headers, item.bytes.clone()).await?;
        if let Some(run) = item.run {
            self.tell(run, "run.quarantined", &item.reasons).await;
        }
        Ok(())
    }
}

/// Text as the value of a header: one line, of a bounded length.
fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(line.len().min(limits::REASON_BYTES)));
    line
}

pub(super) fn delivery(message: &Message) -> Result<Delivery, Error> {
    Delivery::of(message)
        .ok_or_else(|| Error::Unknown(format!("{}: delivered from nowhere", message.subject)))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
