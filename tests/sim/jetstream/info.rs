//! What the interface says of a stream or a consumer.

use serde_json::{Value, json};

use super::clock::written;
use super::consumer::Consumer;
use super::message::{Moment, Sent};
use super::store::Store;
use super::stream::Stream;

/// How the server writes that there is no time.
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Stream {
    pub(super) fn info(&self, now: u64) -> Value {
        let store = &self.store;
        let first = store.messages().values().next();
        let last = if store.last() == 0 { NEVER.to_owned() } else { written(store.last_time()) };
        let mut state = json!({
            "messages": store.len(),
            "bytes": store.bytes(),
            "first_seq": store.first(),
            "first_ts": first.map_or(NEVER.to_owned(), |stored| written(stored.time)),
            "last_seq": store.last(),
            "last_ts": last,
            "consumer_count": self.consumers.len(),
        });
        let deleted = (store.last() + 1).saturating_sub(store.first().max(1)) - store.len();
        for (name, count) in [("num_deleted", deleted), ("num_subjects", store.subjects() as u64)] {
            if count > 0 {
                state[name] = json!(count);
            }
        }
        json!({
            "config": self.config,
            "created": written(self.created),
            "state": state,
            "ts": written(now),
        })
    }
}

impl Consumer {
    pub(super) fn info(&mut self, store: &Store, at: Moment<'_>, out: &mut Vec<Sent>) -> Value {
        // Seen in 2.15.1: looking corrects what is counted.
        if self.next_sequence > store.last() {
            self.left = 0;
        } else if self.left > 0 {
            let most = store.len().min(store.last() - self.next_sequence + 1);
            self.left = self.left.min(most.cast_signed());
        }
        self.look_at_waiting(false, at, out);
        self.shown(at.now)
    }

    pub(super) fn shown(&self, now: u64) -> Value {
        let kept = self.kept.state();
        let place = |(delivery, sequence): (u64, u64), last: Option<u64>| {
            let mut place = json!({ "consumer_seq": delivery, "stream_seq": sequence });
            if let Some(last) = last {
                place["last_active"] = json!(written(last));
            }
            place
        };
        json!({
            "stream_name": self.stream,
            "name": self.name,
            "created": written(self.created),
            "config": self.config,
            "delivered": place(kept.delivered, self.last_delivery),
            "ack_floor": place(kept.floor, self.last_ack),
            "num_ack_pending": self.leases.len(),
            "num_redelivered": self.again.len(),
            "num_waiting": self.waiting.len(),
            "num_pending": self.left(),
            "ts": written(now),
        })
    }
}
