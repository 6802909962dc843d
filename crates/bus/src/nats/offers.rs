//! Owning a run and offering its tasks: the two writes that only one coordinator may make.

use std::collections::HashSet;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use protocol::planted::{Bug, is_planted};
use protocol::{AttemptKey, Epoch, Offer, RunId, codec, subject};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::debug;

use super::NatsBus;
use super::api::{EXPECTED_SEQUENCE, EXPECTED_SUBJECT};
use super::claims::SERVER;
use super::connect::unanswered;
use super::pace::Way;
use super::publish::{BATCH_BYTES, Message};
use crate::{Error, Owned, Past};

/// Offers of an owner before that are read at once.
const READ_AT_ONCE: usize = 64;

/// From how many offers at once on a run has a guard behind its owner record.
const GUARDED: usize = 64;

/// How often an owner record is read again before another is left the run.
const TRIES: u32 = 3;

#[derive(Debug, Deserialize)]
struct Subjects {
    state: State,
}

#[derive(Debug, Deserialize)]
struct State {
    #[serde(default)]
    subjects: std::collections::BTreeMap<String, u64>,
}

impl NatsBus {
    /// Replaces the owner record of a run by ours: its sequence is the epoch.
    ///
    /// The record that is there is read before it is replaced. Who is handed the run first has none to
    /// find: he expects none, is refused if he is wrong, and reads then. Should his write be so late that
    /// another has ended the run meanwhile, he forgets it again when he hears that his lease is over.
    pub(super) async fn take_over(&self, run: RunId, past: Past) -> Result<Owned, Error> {
        let to = subject::owner(run);
        // New for every taking: what was written before must not be taken for this.
        let mark = self.connection.client.new_inbox();
        for round in 0..TRIES {
            let last = match past {
                Past::Blank if round == 0 => 0,
                _ => self.owner(run).await?.map_or(0, |owner| owner.0),
            };
            let mut headers = HeaderMap::new();
            headers.insert(EXPECTED_SEQUENCE, last.to_string());
            if last > 0 {
                // The stream keeps one message a subject and refuses a second, except for this.
                headers.insert("Nats-Rollup", "sub");
            }
            match self.connection.publish(&to, headers, mark.clone().into()).await {
                Ok(Ok(published)) => {
                    if last > 0 {
                        // One that is there lies before the record now.
                        self.guard(run, ("Nats-Rollup", "sub")).await;
                    }
                    return Ok(Owned { epoch: Epoch(published.seq), first: last == 0 });
                }
                Ok(Err(fault)) if fault.is_conflict() => {}
                Ok(Err(fault)) => return Err(fault.into_error(&to)),
                // Unknown: the record itself tells.
                Err(Error::Unknown(why)) => match self.owner(run).await? {
                    Some((sequence, owner)) if owner == mark => {
                        return Ok(Owned { epoch: Epoch(sequence), first: last == 0 });
                    }
                    _ => return Err(Error::Unknown(why)),
                },
                Err(error) => return Err(error),
            }
        }
        Err(Error::Fenced(run))
    }

    /// Puts a message that stays behind the owner record; `how` says what becomes of one that is there.
    ///
    /// To find the record, the server passes over all deleted messages right behind it, at every
    /// fence: without a guard those are all the offers that were acked (seen in 2.15.1: a fifth of
    /// its work in a run of 100,000). So nothing is lost without one but time, and a run that never
    /// offers many at once does without: to store it would cost a small one more.
    async fn guard(&self, run: RunId, how: (&'static str, &str)) {
        let mut headers = HeaderMap::new();
        headers.insert(how.0, how.1);
        let to = subject::owner_guard(run);
        // Unconfirmed; what is sent next comes behind it.
        let sent = self.connection.client.publish_with_headers(to, headers, Bytes::new()).await;
        if let Err(error) = sent {
            debug!(%run, %error, "fences may be slow");
        }
    }

    /// Sequence and text of a run's owner record. Read from the stream's leader: a follower may lag.
    async fn owner(&self, run: RunId) -> Result<Option<(u64, String)>, Error> {
        let asked = json!({ "last_by_subj": subject::owner(run) });
        let found = self.connection.of_leader("TASKS", &asked).await?;
        Ok(found.map(|found| {
            let text = String::from_utf8_lossy(&found.body).into_owned();
            (found.sequence.0, text)
        }))
    }

    /// Stores offers under the fence of `epoch`. One run's offers go in one call.
    pub(super) async fn store_offers(&self, epoch: Epoch, offers: &[Offer]) -> Result<(), Error> {
        let Some(run) = offers.first().map(|offer| offer.run) else {
            return Ok(());
        };
        let mut left = Vec::with_capacity(offers.len());
        for offer in offers {
            let to = subject::offer(&offer.queue, offer.priority, &offer.key());
            left.push((to, Bytes::from(codec::encode(offer)?)));
        }
        if left.len() >= GUARDED {
            self.guard(run, (EXPECTED_SEQUENCE, "0")).await;
        }
        while !left.is_empty() {
            let count = fitting(&left);
            let rest = left.split_off(count);
            self.store_batch(run, epoch, left).await?;
            left = rest;
        }
        Ok(())
    }

    async fn store_batch(
        &self,
        run: RunId,
        epoch: Epoch,
        offers: Vec<(String, Bytes)>,
    ) -> Result<(), Error> {
        let mut left = offers;
        for _ in 0..TRIES {
            if left.is_empty() {
                return Ok(());
            }
            let mut turn = self.shared.offers.begin(left.len());
            if left.len() > 1 && self.connection.is_clustered() {
                // A cluster checks a fence subject for one message at a time and refuses the others
                // (10164, seen in 2.15.1); a batch carries its fence once.
                turn.way = Way::Together;
            }
            let server = self.connection.server();
            let messages = left.iter().enumerate().map(|(place, (to, body))| {
                let mut headers = HeaderMap::new();
                headers.insert(SERVER, &*server);
                // All or none of a batch are stored, so one fence holds for all.
                let fenced = turn.way == Way::Apart || place == 0;
                if fenced && !is_planted(Bug::OfferUnfenced) {
                    headers.insert(EXPECTED_SEQUENCE, epoch.0.to_string());
                    headers.insert(EXPECTED_SUBJECT, subject::owner(run));
                }
                Message { subject: to.clone(), headers, body: body.clone() }
            });
            let messages = messages.collect();
            let stored = match turn.way {
                Way::Apart => self.connection.publish_each(messages).await?,
                Way::Together => self.connection.publish_all(messages).await?,
            };
            drop(turn);
            match stored {
                Ok(_) => return Ok(()),
                Err(fault) if fault.is_stale() => {
                    return Err(match self.owner(run).await? {
                        Some((sequence, _)) if sequence == epoch.0 => {
                            fault.into_error(&subject::owner(run))
                        }
                        _ => Error::Fenced(run),
                    });
                }
                // Some are there: those stay as they are.
                Err(fault) if fault.is_conflict() => {
                    let there = self.outstanding(run).await?;
                    left.retain(|(to, _)| !there.contains(to));
                }
                Err(fault) => return Err(fault.into_error("offers")),
            }
        }
        Err(Error::Unknown(format!(
            "offers of run {run} are refused, though none of them is there"
        )))
    }

    /// A run's offers that nobody has acked.
    pub(super) async fn outstanding_offers(&self, run: RunId) -> Result<Vec<Offer>, Error> {
        let mut subjects: Vec<String> = self.outstanding(run).await?.into_iter().collect();
        subjects.retain(|it| subject::offered(it).is_some());
        subjects.sort_unstable();
        // From the leader, as a follower may lag; so each by itself.
        let reading = subjects.into_iter().map(|it| async move {
            self.connection.of_leader("TASKS", &json!({ "last_by_subj": it })).await
        });
        let found = stream::iter(reading).buffered(READ_AT_ONCE).try_collect::<Vec<_>>().await?;
        // One that cannot be read is offered once more, which changes nothing.
        Ok(found.iter().flatten().filter_map(|one| codec::decode(&one.body).ok()).collect())
    }

    /// The subjects of a run's offers that nobody has acked.
    async fn outstanding(&self, run: RunId) -> Result<HashSet<String>, Error> {
        let asked = json!({ "subjects_filter": subject::offers(run) });
        match self.connection.api::<Subjects>("STREAM.INFO.TASKS", &asked).await? {
            Ok(info) => Ok(info.state.subjects.into_keys().collect()),
            Err(fault) => Err(fault.into_error("STREAM.INFO.TASKS")),
        }
    }

    /// Takes an attempt off its queue and asks whoever runs it to stop.
    pub(super) async fn withdraw_offer(&self, queue: &str, key: AttemptKey) -> Result<(), Error> {
        self.purge("TASKS", &subject::offer_of_any_priority(queue, &key)).await?;
        let to = subject::stop(&key);
        let sent = self.connection.client.publish(to.clone(), Bytes::new()).await;
        sent.map_err(|error| unanswered(&to, error))
    }

    /// Forgets all messages of `stream` that match `pattern`.
    pub(super) async fn purge(&self, stream: &str, pattern: &str) -> Result<(), Error> {
        let at = format!("STREAM.PURGE.{stream}");
        let asked = json!({ "filter": pattern });
        match self.connection.api::<Value>(&at, &asked).await? {
            Ok(_) => Ok(()),
            Err(fault) => Err(fault.into_error(&at)),
        }
    }
}

/// How many from the first on go together: by count and by bytes, at least one.
fn fitting(offers: &[(String, Bytes)]) -> usize {
    let mut bytes = 0;
    let fits = offers.iter().take(protocol::limits::BATCH).take_while(|(_, body)| {
        bytes += body.len();
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}
