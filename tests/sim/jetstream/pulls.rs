//! Pull requests that wait at a consumer.

use serde_json::Value;

use super::consumer::Consumer;
use super::message::{Headers, Moment, Sent};
use super::store::Store;

/// A request for messages.
#[derive(Debug, Clone)]
pub(super) struct Pull {
    inbox: String,
    /// Messages still to come, and those that came.
    left: u64,
    given: u64,
    /// Whether it asks for what is there, now.
    one_shot: bool,
    /// When it ends, nanoseconds since 1970.
    ends: Option<u64>,
}

impl Pull {
    fn parse(inbox: &str, body: &[u8], now: u64) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim();
        let (left, one_shot, ends) = if text.starts_with('{') {
            let asked: Value = serde_json::from_str(text).ok()?;
            let ends = asked["expires"].as_u64().filter(|expires| *expires > 0);
            let one_shot = asked["no_wait"].as_bool().unwrap_or_default();
            (asked["batch"].as_u64().unwrap_or(0), one_shot, ends)
        } else {
            (text.parse().unwrap_or(1), false, None)
        };
        let ends = ends.map(|expires| now + expires);
        Some(Self { inbox: inbox.to_owned(), left, given: 0, one_shot, ends })
    }

    fn is_over(&self, now: u64) -> bool {
        self.ends.is_some_and(|end| now > end)
    }

    fn time_out(&self) -> Sent {
        let headers =
            [("Nats-Pending-Messages", self.left.to_string()), ("Nats-Pending-Bytes", "0".into())];
        Sent::status(&self.inbox, 408, "Request Timeout", headers.into_iter().collect())
    }
}

impl Consumer {
    /// Takes a request.
    pub(super) fn pull(
        &mut self,
        inbox: &str,
        body: &[u8],
        store: &Store,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) {
        let refused = |code, text: &str| Sent::status(inbox, code, text, Headers::default());
        let Some(pull) = Pull::parse(inbox, body, at.now) else {
            out.push(refused(400, "Bad Request"));
            return;
        };
        if pull.one_shot {
            let there = self.left() + self.queue.len() as u64;
            if there == 0 && pull.ends.is_none() {
                out.push(refused(404, "No Messages"));
                return;
            }
            if there > 0 && there < self.look_at_waiting(false, at, out) {
                out.push(refused(408, "Requests Pending"));
                return;
            }
        }
        if self.waiting.len() as u64 >= self.most_waiting {
            out.push(refused(409, "Exceeded MaxWaiting"));
            return;
        }
        self.waiting.push_back(pull);
        self.deliver(store, at, out);
    }

    /// The inbox that the next message goes to.
    pub(super) fn next_waiting(&mut self, at: Moment<'_>, out: &mut Vec<Sent>) -> Option<String> {
        while let Some(mut pull) = self.waiting.pop_front() {
            // Exactly at its end it is over here, and not yet where all are looked through.
            if pull.ends.is_some_and(|end| at.now >= end) {
                out.push(pull.time_out());
                continue;
            }
            if !(at.interest)(&pull.inbox) {
                continue;
            }
            pull.given += 1;
            pull.left = pull.left.saturating_sub(1);
            let inbox = pull.inbox.clone();
            if pull.left > 0 {
                self.waiting.push_back(pull);
            }
            return Some(inbox);
        }
        None
    }

    /// Ends what is over or has nobody left; how many messages the others want. `at_end`: there is
    /// nothing more to deliver.
    pub(super) fn look_at_waiting(
        &mut self,
        at_end: bool,
        at: Moment<'_>,
        out: &mut Vec<Sent>,
    ) -> u64 {
        self.waiting.retain(|pull| {
            if pull.is_over(at.now) {
                out.push(pull.time_out());
                return false;
            }
            if at_end && pull.one_shot && (pull.ends.is_none() || pull.given > 0) {
                out.push(Sent::status(&pull.inbox, 404, "No Messages", Headers::default()));
                return false;
            }
            (at.interest)(&pull.inbox)
        });
        self.waiting.iter().map(|pull| pull.left).sum()
    }

    /// Ends all requests: the consumer is deleted.
    pub(super) fn dismiss(self, out: &mut Vec<Sent>) {
        out.extend(
            self.waiting
                .iter()
                .map(|pull| Sent::status(&pull.inbox, 409, "Consumer Deleted", Headers::default())),
        );
    }

    /// When a request is over by itself.
    pub(super) fn next_time_out(&self) -> Option<u64> {
        self.waiting.iter().filter_map(|pull| pull.ends).min().map(|end| end + 1)
    }
}
