//! The verb `jobs stats`: what was counted of each job, who runs it now, and what waits.

use std::collections::BTreeSet;
use std::time::Duration;

use client::JobLoad;
use protocol::{Holder, JobStats, Tally, Timestamp, Waiting};
use serde::Serialize;

use super::list::table;
use super::workers::LISTEN;
use super::{Fleet, lost};
use crate::exit::{Exit, Failure};
use crate::progress::seconds;
use crate::settings::Settings;
use crate::{catalogue, output};

/// What was counted of a job in some time, as JSON says it.
#[derive(Debug, Serialize)]
struct Sums {
    attempts: u64,
    executions: u64,
    /// Of the executions, those that were ok; 0 to 1.
    success_rate: Option<f64>,
    ok: u64,
    failed: u64,
    timed_out: u64,
    lost: u64,
    skipped: u64,
    cancelled: u64,
    handed_back: u64,
    retried: u64,
    dead_letters: u64,
    min_seconds: Option<f64>,
    avg_seconds: Option<f64>,
    max_seconds: Option<f64>,
}

/// Who runs an attempt of it, as JSON says it.
#[derive(Debug, Serialize)]
struct Seat {
    worker: String,
    run: String,
    task: u32,
    for_ms: u64,
}

/// What `jobs stats --json` says of one job.
#[derive(Debug, Serialize)]
struct Row {
    job: String,
    total: Sums,
    last_hour: Sums,
    /// RFC 3339, as are the next two.
    last_execution: Option<String>,
    last_success: Option<String>,
    last_failure: Option<String>,
    /// Attempts that may run at once.
    limit: Option<u32>,
    running: usize,
    holders: Vec<Seat>,
    waiting: Waiting,
}

pub(super) async fn stats(
    fleet: &Fleet,
    job: Option<&str>,
    json: bool,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let registry = catalogue::registry(settings)?;
    let mut stats = fleet.client.job_stats(&registry).await.map_err(|error| lost(&error))?;
    let mut loads =
        fleet.client.job_loads(&registry, LISTEN).await.map_err(|error| lost(&error))?;
    let mut names: BTreeSet<String> = registry.names().map(ToOwned::to_owned).collect();
    names.extend(stats.keys().chain(loads.keys()).cloned());
    if let Some(job) = job {
        let name = registry.get(job).map_or(job, |found| found.name);
        if !names.contains(name) {
            let known = names.into_iter().collect::<Vec<_>>().join(", ");
            let help = format!("there are {known}");
            return Err(Failure::usage(format!("there is no job `{job}`"), help));
        }
        names.retain(|known| known == name);
    }
    let limits = registry.catalogue().0;
    let now = Timestamp::now();
    let rows = names.into_iter().map(|name| {
        let limit = limits.get(&name).and_then(|policy| policy.max_concurrent);
        let (stats, load) = (stats.remove(&name), loads.remove(&name));
        row(name, limit, &stats.unwrap_or_default(), load.unwrap_or_default(), now)
    });
    let mut rows: Vec<Row> = rows.collect();
    match (job, json) {
        (None, true) => output::json(&rows)?,
        (None, false) => {
            let head = [
                "job",
                "attempts",
                "ok",
                "failed",
                "timeout",
                "lost",
                "retried",
                "skipped",
                "success",
                "min/avg/max",
                "running",
                "waiting",
            ];
            output::result(&table(&head, rows.iter().map(Row::cells).collect()))?;
        }
        (Some(_), json) => {
            for row in rows.drain(..) {
                if json {
                    output::json(&row)?;
                } else {
                    output::result(&row.lines())?;
                }
            }
        }
    }
    Ok(Exit::Success)
}

fn row(job: String, limit: Option<u32>, stats: &JobStats, load: JobLoad, now: Timestamp) -> Row {
    let when = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Row {
        job,
        total: sums(&stats.total),
        last_hour: sums(&stats.last_hour(now)),
        last_execution: when(stats.last_execution),
        last_success: when(stats.last_success),
        last_failure: when(stats.last_failure),
        limit,
        running: load.holders.len(),
        holders: load.holders.into_iter().map(seat).collect(),
        waiting: load.waiting,
    }
}

fn seat(Holder { worker, run, task, for_ms }: Holder) -> Seat {
    Seat { worker: worker.to_string(), run: run.to_string(), task: task.0, for_ms }
}

fn sums(tally: &Tally) -> Sums {
    let in_seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
    let timed = |ms: u64| (tally.timed > 0).then(|| in_seconds(ms));
    let Tally { ok, failed, timed_out, lost, skipped, cancelled, .. } = *tally;
    let Tally { handed_back, retried, dead_letters, .. } = *tally;
    Sums {
        attempts: tally.attempts(),
        executions: tally.executions(),
        success_rate: tally.success_rate(),
        ok,
        failed,
        timed_out,
        lost,
        skipped,
        cancelled,
        handed_back,
        retried,
        dead_letters,
        min_seconds: timed(tally.min_ms),
        avg_seconds: tally.average_ms().map(in_seconds),
        max_seconds: timed(tally.max_ms),
    }
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.1} %", rate * 100.0))
}

impl Sums {
    fn durations(&self) -> String {
        let shown = |time: Option<f64>| match time {
            Some(time) => seconds(Duration::from_secs_f64(time)),
            None => "-".to_owned(),
        };
        let each = [self.min_seconds, self.avg_seconds, self.max_seconds].map(shown);
        if self.avg_seconds.is_none() { "-".to_owned() } else { each.join(" / ") }
    }

    fn text(&self) -> String {
        let Self { attempts, ok, failed, timed_out, lost, skipped, .. } = self;
        let Self { cancelled, handed_back, retried, dead_letters, .. } = self;
        let attempts = output::counted(*attempts, "attempt", "attempts");
        let dead_letters = output::counted(*dead_letters, "dead letter", "dead letters");
        format!(
            "{attempts}: {ok} ok, {failed} failed, {timed_out} timed out, {lost} lost, \
             {skipped} skipped, {cancelled} cancelled, {handed_back} handed back; {retried} of \
             them retries; {dead_letters}; success {}; min / avg / max {}",
            percent(self.success_rate),
            self.durations(),
        )
    }
}

impl Row {
    fn running(&self) -> String {
        match self.limit {
            Some(limit) => format!("{} of {limit}", self.running),
            None => self.running.to_string(),
        }
    }

    fn cells(&self) -> Vec<String> {
        let Sums { attempts, ok, failed, timed_out, lost, retried, skipped, .. } = self.total;
        let Waiting { queued, ready, backoff } = self.waiting;
        let counts = [attempts, ok, failed, timed_out, lost, retried, skipped];
        let mut cells = vec![alt::visible(&self.job)];
        cells.extend(counts.map(|count| count.to_string()));
        cells.extend([
            percent(self.total.success_rate),
            self.total.durations(),
            self.running(),
            (u64::from(queued) + u64::from(ready) + u64::from(backoff)).to_string(),
        ]);
        cells
    }

    fn lines(&self) -> String {
        let when = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
        let Waiting { queued, ready, backoff } = self.waiting;
        let mut text = format!(
            "{}\n  in all: {}\n  last hour: {}\n  last execution {}, last success {}, last failure \
             {}\n  running: {}\n",
            alt::visible(&self.job),
            self.total.text(),
            self.last_hour.text(),
            when(&self.last_execution),
            when(&self.last_success),
            when(&self.last_failure),
            self.running(),
        );
        for Seat { worker, run, task, for_ms } in &self.holders {
            let ran = seconds(Duration::from_millis(*for_ms));
            text.push_str(&format!("    task {task} of run {run} on {worker} for {ran}\n"));
        }
        text.push_str(&format!(
            "  waiting: {queued} on the queue, {ready} for the window of their run, {backoff} for \
             their next attempt\n"
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_thing_is_not_said_to_be_many() {
        let text =
            |count| sums(&Tally { failed: count, dead_letters: count, ..Tally::default() }).text();
        let one = text(1);
        assert!(one.starts_with("1 attempt: ") && one.contains(" 1 dead letter; "), "{one}");
        let two = text(2);
        assert!(two.starts_with("2 attempts: ") && two.contains(" 2 dead letters; "), "{two}");
    }
}
