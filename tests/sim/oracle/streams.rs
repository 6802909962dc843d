//! What is stored, message by message: offers, verdicts, owners, ends.

use protocol::{AttemptKey, Insights, Offer, Outcome, RunId, Verdict, codec, subject};

use super::{ORACLE, Oracle, Said, with};
use crate::jetstream::{JetStream, Stored};
use crate::rare;

/// Streams that are looked at, in the order of what depends on what.
const STREAMS: [&str; 3] = ["ALT", "RUN", "TASKS"];

/// Takes note of all that was stored since the last look.
pub(crate) fn look(now: u64, server: &JetStream) {
    ORACLE.with_borrow_mut(|oracle| {
        let Some(oracle) = oracle else { return };
        oracle.now = now;
        for stream in STREAMS {
            let seen = oracle.seen.get(stream).copied().unwrap_or(0);
            let last = server.last_sequence(stream);
            if last <= seen {
                continue;
            }
            for (sequence, stored) in server.since(stream, seen + 1) {
                oracle.take(stream, sequence, stored);
            }
            oracle.seen.insert(stream, last);
        }
    });
}

/// The server refuses a message: another was first.
pub(crate) fn refused(payload: &[u8]) {
    let Ok(verdict) = codec::decode::<Verdict>(payload) else { return };
    with(|oracle| {
        let seen = oracle.runs.entry(verdict.run).or_default();
        let place = (verdict.task.0, verdict.attempt.get());
        let said = Said::of(&verdict);
        // Who did not hear that his own was stored says it again.
        if seen.verdicts.get(&place).is_some_and(|stored| *stored != said) {
            rare::reach("a verdict was refused that says something else");
            seen.refused.entry(place).or_default().push(said);
        }
    });
}

impl Said {
    fn of(verdict: &Verdict) -> Self {
        Self {
            outcome: verdict.outcome,
            retryable: verdict.failure.as_ref().is_some_and(|failure| failure.retryable),
            worker: verdict.worker.as_ref().map(ToString::to_string),
        }
    }
}

impl Oracle {
    fn take(&mut self, stream: &str, sequence: u64, stored: &Stored) {
        let words: Vec<&str> = stored.subject.split('.').collect();
        match (stream, words.as_slice()) {
            ("ALT", _) => {
                // The run of a raw submission is known when it has an owner.
                self.raw += usize::from(stored.subject == subject::SUBMIT_RAW);
            }
            ("TASKS", ["task", "-", "owner", run, ..]) => self.take_owner(run, sequence),
            ("TASKS", ["task", "-", "guard", ..]) => {}
            ("TASKS", ["task", ..]) => self.take_offer(sequence, stored),
            ("RUN", ["run", run, "res", queue, task, attempt]) => {
                let place = (run.parse(), task.parse(), attempt.parse());
                if let (Ok(run), Ok(task), Ok(attempt)) = place {
                    self.take_verdict(run, queue, (task, attempt), stored);
                }
            }
            ("RUN", ["run", run, "try", _, task, attempt, _]) => {
                let place = (run.parse(), task.parse(), attempt.parse());
                if let (Ok(run), Ok(task), Ok(attempt)) = place {
                    let seen: &mut super::Seen = self.runs.entry(run).or_default();
                    *seen.notes.entry((task, attempt)).or_default() += 1;
                    rare::reach("an attempt was handed out again");
                }
            }
            ("RUN", ["run", run, "ctl"]) => {
                if let Ok(run) = run.parse() {
                    let seen = self.runs.entry(run).or_default();
                    seen.cancelled = seen.cancelled.or(Some(sequence));
                    let early = seen.owners.is_empty();
                    rare::reach(if early {
                        "a run was cancelled before it was taken"
                    } else {
                        "a run was cancelled while it ran"
                    });
                }
            }
            ("RUN", ["run", run, "insights"]) => {
                let said = codec::decode::<Insights>(&stored.payload);
                if let (Ok(run), Ok(said)) = (run.parse(), said) {
                    self.runs.entry(run).or_default().insights = Some(said.told);
                }
            }
            ("RUN", ["run", run, "end"]) => {
                if let Ok(run) = run.parse() {
                    self.take_end(run, stored);
                }
            }
            _ => {}
        }
    }

    fn take_owner(&mut self, run: &str, sequence: u64) {
        let Ok(run) = run.parse::<RunId>() else { return };
        let seen = self.runs.entry(run).or_default();
        seen.owned_after_cancellation = seen.cancelled.is_some();
        seen.owners.push(sequence);
        if seen.owners.len() > 1 {
            rare::reach("a run changed its owner");
        }
    }

    fn take_offer(&mut self, sequence: u64, stored: &Stored) {
        let offer: Offer = match codec::decode(&stored.payload) {
            Ok(offer) => offer,
            Err(error) => return self.refuse(20, format!("{}: {error}", stored.subject)),
        };
        let key = offer.key();
        if subject::offer(&offer.queue, offer.priority, &key) != stored.subject {
            return self.refuse(20, format!("{} holds the offer of {key:?}", stored.subject));
        }
        let number = offer.id.strip_prefix('f').and_then(|it| it.split('t').next()?.parse().ok());
        let seen = self.runs.entry(key.run).or_default();
        seen.plan = seen.plan.or(number);
        let owner = seen.owners.last().copied();
        if owner != Some(offer.epoch.0) {
            let text = format!("{} has epoch {} under {owner:?}", stored.subject, offer.epoch.0);
            return self.refuse(14, text);
        }
        if seen.owned_after_cancellation {
            self.refuse(18, format!("{} after a cancellation", stored.subject));
        }
        self.check_attempt(&key);
        let place = (key.task.0, key.attempt.get());
        let seen = self.runs.entry(key.run).or_default();
        seen.offers.entry(place).or_default().push(sequence);
        seen.carried.extend(offer.then.iter().map(|next| ((next.task.0, 1), place)));
        if seen.end.is_some() {
            self.refuse(6, format!("{} after the end of its run", stored.subject));
        }
        self.check_window(key.run);
    }

    /// Whether a run has too many offers that nobody has answered, whoever made them.
    fn check_window(&mut self, run: RunId) {
        let Some(seen) = self.runs.get(&run) else { return };
        let open = seen.offers.keys().filter(|place| !seen.verdicts.contains_key(place)).count();
        let window = self.plan.window as usize;
        if open == window {
            rare::reach("a window was full");
        }
        if open > window {
            self.refuse(16, format!("run {run} has {open} offers in a window of {window}"));
        }
    }

    /// Whether an offer of this attempt may be made now.
    fn check_attempt(&mut self, key: &AttemptKey) {
        let (task, attempt) = (key.task.0, key.attempt.get());
        if let Some(missing) = self.missing(key.run, task) {
            let text = format!("task {task} is offered, task {missing} has not completed");
            let believed = self.runs.get(&key.run).is_some_and(|seen| {
                let places = seen.verdicts.keys().filter(|place| place.0 as usize == missing);
                let ok = |said: &Said| said.outcome == Outcome::Ok;
                places.into_iter().any(|place| seen.was_refused(*place, ok))
            });
            return self.refuse(if believed { 19 } else { 3 }, text);
        }
        let Some(seen) = self.runs.get(&key.run) else { return };
        if attempt > 1 {
            match seen.verdicts.get(&(task, attempt - 1)) {
                None => {
                    let text =
                        format!("task {task}: attempt {attempt} before the verdict on the last");
                    return self.refuse(4, text);
                }
                Some(said) if said.is_final() => {
                    let text = format!("task {task}: attempt {attempt} though it was decided");
                    let believed = seen.was_refused((task, attempt - 1), |said| !said.is_final());
                    return self.refuse(if believed { 19 } else { 6 }, text);
                }
                Some(_) => {}
            }
        }
        let Some(plan) = self.run_plan(key.run) else { return };
        let Some(retries) = plan.tasks.get(task as usize).map(|task| task.retries) else {
            return self.refuse(20, format!("task {task} is not in the file"));
        };
        let spent = (1..attempt).filter_map(|it| seen.verdicts.get(&(task, it)));
        let spent = spent.filter(|said| said.is_failure()).count();
        if spent > retries {
            self.refuse(21, format!("task {task} is tried again after {spent} failures"));
        }
    }

    fn take_verdict(&mut self, run: RunId, queue: &str, place: (u32, u32), stored: &Stored) {
        let verdict: Verdict = match codec::decode(&stored.payload) {
            Ok(verdict) => verdict,
            Err(error) => return self.refuse(20, format!("{}: {error}", stored.subject)),
        };
        if subject::verdict(&verdict.key(), queue) != stored.subject {
            return self.refuse(
                20,
                format!("{} holds the verdict on {:?}", stored.subject, verdict.key()),
            );
        }
        let said = Said::of(&verdict);
        let sealed = verdict.worker.is_none();
        let seen = self.runs.entry(run).or_default();
        if seen.end.is_some() {
            // Forgotten with the run's other verdicts, and told in no LAST.
            rare::reach("a verdict came after the end of its run");
            return;
        }
        let before = seen.verdicts.insert(place, said.clone());
        if seen.lost.remove(&place) {
            rare::reach("a verdict that was lost is stored again");
            seen.is_shaken |= before.as_ref() != Some(&said);
        } else if before.is_some() {
            return self.refuse(1, format!("{} is stored twice", stored.subject));
        }
        let has_run =
            seen.executions.get(&place).is_some_and(|all| all.iter().any(|it| it.is_done()));
        let was_offered = seen.was_offered(place);
        if !verdict.then.is_empty() {
            rare::reach("a worker went on with what its offer carried");
        }
        match verdict.outcome {
            Outcome::Ok if !has_run || !was_offered => {
                self.refuse(2, format!("{} is ok, and nobody did it", stored.subject));
            }
            Outcome::Timeout if sealed => rare::reach("a coordinator sealed an attempt"),
            Outcome::Timeout => rare::reach("an attempt ran out of time"),
            Outcome::Lost if said.retryable => rare::reach("a worker handed back what it ran"),
            Outcome::Lost => {
                rare::reach("an attempt that kills workers was given up");
                // The first beginning leaves no note, each later one does, under the offer's name.
                let notes = self.runs.get(&run).and_then(|seen| {
                    let offers = seen.carried.get(&place).into_iter().chain([&place]);
                    offers.filter_map(|offer| seen.notes.get(offer)).max()
                });
                let deaths = notes.copied().unwrap_or(0) + 1;
                if deaths < 3 {
                    self.refuse(21, format!("{} after {deaths} deaths", stored.subject));
                }
            }
            Outcome::Ok | Outcome::Failed | Outcome::Cancelled => {}
        }
    }

    fn take_end(&mut self, run: RunId, stored: &Stored) {
        let end = match codec::decode(&stored.payload) {
            Ok(end) => end,
            Err(error) => return self.refuse(20, format!("{}: {error}", stored.subject)),
        };
        self.check_end(run, &end);
        let seen = self.runs.entry(run).or_default();
        // What was lost and not stored again is no verdict, whoever was told of it.
        for place in std::mem::take(&mut seen.lost) {
            seen.verdicts.remove(&place);
        }
        if seen.owners.is_empty() {
            return self.refuse(12, format!("run {run} ends and was never taken"));
        }
        if seen.end.replace(end).is_some() {
            self.refuse(8, format!("run {run} ends twice"));
        }
    }
}
