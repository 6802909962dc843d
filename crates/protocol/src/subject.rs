//! The only place that joins words with dots: subjects of streams and of core messages.
//!
//! User text never enters a subject as it is: a task is its index, a run its hex id, a queue a checked
//! word, and other text an escaped one.

use alt::{Priority, TaskIndex};

use crate::{Attempt, AttemptKey, RunId, Sequence, WorkerId};

/// Where anybody may submit an ALT file as it is.
pub const SUBMIT_RAW: &str = "alt.submit";

/// Every stop request: `stop.<run>.<task>.<attempt>`.
pub const ALL_STOPS: &str = "stop.>";

/// Every heartbeat: `hb.<worker>`.
pub const ALL_BEATS: &str = "hb.*";

/// Whether `name` can be a queue: 1-64 of a-z, A-Z, 0-9, `-` and `_`.
#[must_use]
pub fn is_queue(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The digit that stands for a priority, 0 the first to go.
#[must_use]
pub const fn rank(priority: Priority) -> u8 {
    match priority {
        Priority::Critical => 0,
        Priority::High => 1,
        Priority::Medium => 2,
        Priority::Low => 3,
    }
}

/// Where a submission with an id is stored: `alt.submit.<priority>.<run>`.
#[must_use]
pub fn submission(priority: Priority, run: RunId) -> String {
    format!("alt.submit.{}.{run}", rank(priority))
}

/// The run that a submission's subject names; `None` for a raw one or a stranger.
#[must_use]
pub fn submitted_run(subject: &str) -> Option<RunId> {
    subject.strip_prefix("alt.submit.")?.split_once('.')?.1.parse().ok()
}

/// Where what a job remembers lies: `memory.<job>.<key>`, both with odd bytes as `=` and two hex digits.
#[must_use]
pub fn memory(job: &str, key: &str) -> String {
    format!("memory.{}.{}", word(job), word(key))
}

/// Where the schedule of a job lies: `schedule.def.<job>`.
#[must_use]
pub fn schedule(job: &str) -> String {
    format!("schedule.def.{}", word(job))
}

/// Where its ticks come: `schedule.tick.<job>`.
#[must_use]
pub fn tick(job: &str) -> String {
    format!("schedule.tick.{}", word(job))
}

/// The job that a tick is for.
#[must_use]
pub fn ticked(subject: &str) -> Option<String> {
    text(subject.strip_prefix("schedule.tick.")?)
}

/// Where the record of a job lies: `job.<job>`.
#[must_use]
pub fn job_record(job: &str) -> String {
    format!("job.{}", word(job))
}

/// The job whose record it is.
#[must_use]
pub fn recorded_job(subject: &str) -> Option<String> {
    text(subject.strip_prefix("job.")?)
}

/// Where a message of a message queue lies: `queue.<queue>.<id>`, and `queue.<queue>.<id>.<key>` if it has
/// a key. One without an id, as others may send it, lies at `queue.<queue>`.
#[must_use]
pub fn queue_message(queue: &str, id: &str, key: &str) -> String {
    debug_assert!(is_queue(queue), "queue names are checked before they get here");
    if key.is_empty() {
        return format!("queue.{queue}.{}", word(id));
    }
    format!("queue.{queue}.{}.{}", word(id), word(key))
}

/// All messages of a message queue: two patterns, because those without an id lie a level higher.
#[must_use]
pub fn queue_messages(queue: &str) -> [String; 2] {
    [format!("queue.{queue}"), format!("queue.{queue}.>")]
}

/// Queue, id and key of a message; the latter are empty where there is none. A word that is not ours is
/// taken as it is. `None` for a stranger.
#[must_use]
pub fn queued(subject: &str) -> Option<(&str, String, String)> {
    let mut words = subject.strip_prefix("queue.")?.splitn(3, '.');
    let queue = words.next().filter(|queue| is_queue(queue))?;
    let mut next = || words.next().map(|word| text(word).unwrap_or_else(|| word.to_owned()));
    let (id, key) = (next().unwrap_or_default(), next().unwrap_or_default());
    Some((queue, id, key))
}

/// Where a dead letter lies: `dead.<queue>.<sequence>`, by the message's place on its queue.
#[must_use]
pub fn dead_letter(queue: &str, sequence: Sequence) -> String {
    format!("dead.{queue}.{}", sequence.0)
}

/// All dead letters of a queue.
#[must_use]
pub fn dead_letters(queue: &str) -> String {
    format!("dead.{queue}.*")
}

/// The queue that a dead letter is of.
#[must_use]
pub fn buried(subject: &str) -> Option<&str> {
    subject.strip_prefix("dead.")?.split_once('.').map(|(queue, _)| queue)
}

/// Where it lies what was counted of a job: `stats.<job>`.
#[must_use]
pub fn job_stats(job: &str) -> String {
    format!("stats.{}", word(job))
}

/// The job of which it was counted.
#[must_use]
pub fn counted_job(subject: &str) -> Option<String> {
    text(subject.strip_prefix("stats.")?)
}

/// The text of a [`word`]; `None` if it is none.
fn text(word: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Any text as one word of a subject: letters, digits, `-` and `_` as they are, every other byte as `=`
/// and two hex digits.
fn word(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            word.push(char::from(byte));
        } else {
            word.push_str(&format!("={byte:02x}"));
        }
    }
    word
}

/// Where the owner of a run is noted: `task.-.owner.<run>.0.0`, on nobody's queue, and gone with the
/// run's [`offers`] in one step.
#[must_use]
pub fn owner(run: RunId) -> String {
    format!("task.-.owner.{run}.0.0")
}

/// What stays right behind the owner record of a large run: `task.-.guard.<run>.0.0`; it goes with it.
#[must_use]
pub fn owner_guard(run: RunId) -> String {
    format!("task.-.guard.{run}.0.0")
}

/// Where an offer is stored: `task.<queue>.<priority>.<run>.<task>.<attempt>`.
#[must_use]
pub fn offer(queue: &str, priority: Priority, key: &AttemptKey) -> String {
    debug_assert!(is_queue(queue), "queue names are checked before they get here");
    let AttemptKey { run, task, attempt } = key;
    format!("task.{queue}.{}.{run}.{}.{attempt}", rank(priority), task.0)
}

/// An attempt's offer, whatever its priority.
#[must_use]
pub fn offer_of_any_priority(queue: &str, key: &AttemptKey) -> String {
    let AttemptKey { run, task, attempt } = key;
    format!("task.{queue}.*.{run}.{}.{attempt}", task.0)
}

/// All offers of a run, with the record of its owner.
#[must_use]
pub fn offers(run: RunId) -> String {
    format!("task.*.*.{run}.>")
}

/// Queue and attempt that an offer's subject names; `None` if it is not as [`offer`] writes it, so
/// that an attempt has one name in a queue: `+5` and `05` are not task 5.
#[must_use]
pub fn offered(subject: &str) -> Option<(String, AttemptKey)> {
    let (queue, rest) = subject.strip_prefix("task.")?.split_once('.')?;
    let key = attempt_key(&mut rest.split('.').skip(1))?;
    let ranks = [Priority::Critical, Priority::High, Priority::Medium, Priority::Low];
    let is_ours = is_queue(queue) && ranks.iter().any(|&it| offer(queue, it, &key) == subject);
    is_ours.then(|| (queue.to_owned(), key))
}

fn attempt_key<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<AttemptKey> {
    let run = words.next()?.parse().ok()?;
    let task = TaskIndex(words.next()?.parse().ok()?);
    let attempt = Attempt::new(words.next()?.parse().ok()?)?;
    Some(AttemptKey { run, task, attempt })
}

/// Where the verdict of an attempt is stored: `run.<run>.res.<queue>.<task>.<attempt>`.
#[must_use]
pub fn verdict(key: &AttemptKey, queue: &str) -> String {
    debug_assert!(is_queue(queue), "queue names are checked before they get here");
    format!("run.{}.res.{queue}.{}.{}", key.run, key.task.0, key.attempt)
}

/// Where it is noted that an attempt begins on its `nth` delivery, from the second on:
/// `run.<run>.try.<queue>.<task>.<attempt>.<n>`.
#[must_use]
pub fn begun_again(key: &AttemptKey, queue: &str, nth: u32) -> String {
    format!("run.{}.try.{queue}.{}.{}.{nth}", key.run, key.task.0, key.attempt)
}

/// All notes that a redelivered attempt began.
#[must_use]
pub fn all_begun_again(key: &AttemptKey, queue: &str) -> String {
    format!("run.{}.try.{queue}.{}.{}.*", key.run, key.task.0, key.attempt)
}

/// Where the request to cancel a run is stored: `run.<run>.ctl`.
#[must_use]
pub fn cancellation(run: RunId) -> String {
    format!("run.{run}.ctl")
}

/// Where the digest of a submission is stored: `run.<run>.alt`.
#[must_use]
pub fn digest(run: RunId) -> String {
    format!("run.{run}.alt")
}

/// Where it is stored what a model said of a run: `run.<run>.insights`.
#[must_use]
pub fn insights(run: RunId) -> String {
    format!("run.{run}.insights")
}

/// Where the end of a run is stored: `run.<run>.end`.
#[must_use]
pub fn end(run: RunId) -> String {
    format!("run.{run}.end")
}

/// All that is stored of a run.
#[must_use]
pub fn all_of(run: RunId) -> String {
    format!("run.{run}.>")
}

/// What is forgotten of a run once it has ended: its verdicts and who began them again. Its end,
/// its submission's digest and what a model said of it stay, so that none of them is stored twice; a
/// request to cancel goes by its own time.
#[must_use]
pub fn forgotten(run: RunId) -> String {
    format!("run.{run}.*.>")
}

/// What the server repeats of a subject of the stream RUN once it is stored: `live.…` for `run.…`.
#[must_use]
pub fn live(stored: &str) -> String {
    format!("live.{}", stored.strip_prefix("run.").unwrap_or(stored))
}

/// Where a worker says that it began an attempt: `live.<run>.started.<task>.<attempt>`.
#[must_use]
pub fn started(key: &AttemptKey) -> String {
    format!("live.{}.started.{}.{}", key.run, key.task.0, key.attempt)
}

/// Where an attempt is asked to stop: `stop.<run>.<task>.<attempt>`.
#[must_use]
pub fn stop(key: &AttemptKey) -> String {
    format!("stop.{}.{}.{}", key.run, key.task.0, key.attempt)
}

/// The attempt that a stop request names; `None` if it is not as [`stop`] writes it.
#[must_use]
pub fn stopped(subject: &str) -> Option<AttemptKey> {
    let key = attempt_key(&mut subject.strip_prefix("stop.")?.split('.'))?;
    (stop(&key) == subject).then_some(key)
}

/// Where the conductor of a run answers: `ask.<run>`.
#[must_use]
pub fn ask(run: RunId) -> String {
    format!("ask.{run}")
}

/// Where events of a run are told to whoever listens, as JSON: `event.<run>`.
#[must_use]
pub fn event(run: RunId) -> String {
    format!("event.{run}")
}

/// Where a worker's heartbeats go: `hb.<worker>`.
#[must_use]
pub fn beat(worker: &WorkerId) -> String {
    format!("hb.{worker}")
}

/// A seat of a limited queue: `seat.<queue>.<n>`, n from 0.
#[must_use]
pub fn seat(queue: &str, n: u32) -> String {
    format!("seat.{queue}.{n}")
}

/// All seats of a limited queue.
#[must_use]
pub fn seat_of_any(queue: &str) -> String {
    format!("seat.{queue}.*")
}

/// Where it is said who sits in a seat, given its subject: `held.<queue>.<n>`.
#[must_use]
pub fn held(seat: &str) -> String {
    format!("held.{}", seat.strip_prefix("seat.").unwrap_or(seat))
}

/// Where it is said that no seat of its queue is held from before the server was started, given one
/// of them: `held.<queue>.aged`.
#[must_use]
pub fn aged(seat: &str) -> String {
    let queue = seat.split('.').nth(1).unwrap_or_default();
    format!("held.{queue}.aged")
}

/// Where something unusable is kept: by the stream it lay in and its position there.
#[must_use]
pub fn quarantine(stream: &str, sequence: u64) -> String {
    format!("quarantine.{stream}.{sequence}")
}

/// Where the record of a run is kept: a key of the KV bucket `runs`.
#[must_use]
pub fn record(run: RunId) -> String {
    format!("$KV.runs.{run}")
}

/// All records.
pub const ALL_RECORDS: &str = "$KV.runs.>";
