//! Reading a stream without its interface: direct gets, of one message, of a list or of a page.

use serde_json::Value;

use super::clock::written;
use super::message::{Headers, Message, Sent};
use super::store::Store;
use super::stream::Stream;

/// Subjects that a list may resolve to.
const LISTED: usize = 1024;

/// Bytes after which an answer is cut (the server's `max_pending`).
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What is left and what came last, as each message of a page says.
#[derive(Debug, Clone, Copy, Default)]
struct Page {
    left: u64,
    before: u64,
    bytes: usize,
}

impl Page {
    /// Sends one more; whether there is room for another.
    fn send(&mut self, stream: &Stream, sequence: u64, inbox: &str, out: &mut Vec<Sent>) -> bool {
        let numbers = [("Nats-Num-Pending", self.left), ("Nats-Last-Sequence", self.before)];
        let Some(message) = stream.read(sequence, inbox, &numbers) else { return true };
        self.before = sequence;
        self.bytes += stream.store.get(sequence).map_or(0, |stored| {
            stored.subject.len() + stored.headers.wire().len() + stored.payload.len()
        });
        out.push(message);
        self.bytes < MOST_BYTES
    }

    fn end(self, inbox: &str, up_to: Option<u64>) -> Sent {
        let mut headers = Headers::default();
        headers.add("Nats-Num-Pending", self.left);
        headers.add("Nats-Last-Sequence", self.before);
        if let Some(up_to) = up_to {
            headers.add("Nats-UpTo-Sequence", up_to);
        }
        Sent::status(inbox, 204, "EOB", headers)
    }
}

impl Stream {
    /// `$JS.API.DIRECT.GET.<stream>.<subject>`.
    pub(super) fn read_last(&self, subject: &str, inbox: &str, out: &mut Vec<Sent>) {
        let found = self.store.last_of(subject).and_then(|it| self.read(it, inbox, &[]));
        out.push(found.unwrap_or_else(|| nothing(inbox, "Message Not Found")));
    }

    /// `$JS.API.DIRECT.GET.<stream>` with what is asked for as its body.
    pub(super) fn read_asked(&self, body: &[u8], inbox: &str, out: &mut Vec<Sent>) {
        let refused = |text| Sent::status(inbox, 408, text, Headers::default());
        if body.is_empty() {
            return out.push(refused("Empty Request"));
        }
        let Ok(asked) = serde_json::from_slice::<Value>(body) else {
            return out.push(refused("Malformed Request"));
        };
        let number = |name: &str| asked[name].as_u64().unwrap_or(0);
        let text = |name: &str| asked[name].as_str().unwrap_or_default();
        let (sequence, batch) = (number("seq"), number("batch"));
        let (last, next) = (text("last_by_subj"), text("next_by_subj"));
        let listed = asked["multi_last"].as_array().into_iter().flatten();
        let listed: Vec<&str> = listed.filter_map(Value::as_str).collect();
        let given = [!last.is_empty(), !next.is_empty(), !listed.is_empty()];
        if sequence == 0 && given == [false; 3] {
            return out.push(refused("Empty Request"));
        }
        let odd = given.into_iter().filter(|it| *it).count() > 1;
        if odd || (given[0] && (sequence > 0 || batch > 0)) {
            return out.push(refused("Bad Request"));
        }
        if given[2] {
            self.read_list(&listed, sequence, batch, inbox, out);
        } else if batch > 0 {
            let pattern = if next.is_empty() { ">" } else { next };
            self.read_page(pattern, sequence, batch, inbox, out);
        } else {
            let found = match (last, next) {
                ("", "") => self.store.get(sequence).map(|_| sequence),
                ("", pattern) => self.store.matching(pattern, sequence).first().copied(),
                (last, _) => self.store.last_of(last),
            };
            let found = found.and_then(|sequence| self.read(sequence, inbox, &[]));
            out.push(found.unwrap_or_else(|| nothing(inbox, "Message Not Found")));
        }
    }

    fn read_list(
        &self,
        subjects: &[&str],
        from: u64,
        batch: u64,
        inbox: &str,
        out: &mut Vec<Sent>,
    ) {
        let found = last_of_each(&self.store, subjects);
        if found.len() > LISTED {
            return out.push(Sent::status(inbox, 413, "Too Many Results", Headers::default()));
        }
        if found.is_empty() {
            return out.push(nothing(inbox, "No Results"));
        }
        let mut page = Page { left: found.len() as u64, ..Page::default() };
        let mut sent = 0;
        for sequence in found {
            page.left -= 1;
            if sequence < from {
                continue;
            }
            sent += 1;
            if !page.send(self, sequence, inbox, out) || (batch > 0 && sent >= batch) {
                break;
            }
        }
        out.push(page.end(inbox, Some(self.store.last())));
    }

    fn read_page(&self, pattern: &str, from: u64, batch: u64, inbox: &str, out: &mut Vec<Sent>) {
        let found = self.store.matching(pattern, from);
        if found.is_empty() {
            return out.push(nothing(inbox, "Message Not Found"));
        }
        let mut page = Page { left: found.len() as u64, ..Page::default() };
        for (sequence, _) in found.into_iter().zip(0..batch) {
            page.left -= 1;
            if !page.send(self, sequence, inbox, out) {
                break;
            }
        }
        out.push(page.end(inbox, None));
    }

    fn read(&self, sequence: u64, inbox: &str, numbers: &[(&str, u64)]) -> Option<Sent> {
        let stored = self.store.get(sequence)?;
        let mut headers = stored.headers.clone();
        headers.add("Nats-Stream", &self.name);
        headers.add("Nats-Subject", &stored.subject);
        headers.add("Nats-Sequence", sequence);
        headers.add("Nats-Time-Stamp", written(stored.time));
        for (name, number) in numbers {
            headers.add(name, number);
        }
        let (subject, payload) = (inbox.to_owned(), stored.payload.clone());
        let message = Message { subject, headers, payload, ..Message::default() };
        Some(Sent { to: inbox.to_owned(), message })
    }
}

fn nothing(inbox: &str, text: &str) -> Sent {
    Sent::status(inbox, 404, text, Headers::default())
}

fn last_of_each(store: &Store, patterns: &[&str]) -> Vec<u64> {
    let each = patterns.iter().flat_map(|pattern| store.subjects_of(pattern));
    let mut found: Vec<u64> = each.filter_map(|(_, all)| all.last().copied()).collect();
    found.sort_unstable();
    found.dedup();
    found
}
