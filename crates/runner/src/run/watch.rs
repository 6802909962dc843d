//! Shows a run to whoever waits for its end.

use std::time::Duration;

use bus::{Bus, Follow};
use client::{Client, Seen};
use protocol::{Counts, End, RunId};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::interrupt::Interrupts;
use crate::progress::View;

/// How often the live view is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// How long a follower that hears nothing rests before it listens again.
const AGAIN: Duration = Duration::from_millis(250);

/// What Ctrl-C means to a run that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnInterrupt {
    /// The run lives in this process: it is stopped, and a second Ctrl-C leaves at once.
    Cancel,
    /// The run lives elsewhere, and goes on.
    Leave,
}

/// What is known when a run has ended.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) end: End,
    pub(crate) counts: Counts,
    pub(crate) interrupted: bool,
}

/// Shows a run until it ends; `None` when whoever watches left before.
pub(crate) async fn watch<B: Bus>(
    client: &Client<B>,
    run: RunId,
    mut view: View,
    (interrupts, on_interrupt): (&mut Interrupts, OnInterrupt),
) -> Result<Option<Watched>, bus::Error> {
    let begun = Instant::now();
    let mut follow = followed(client, run, &view).await?;
    let mut seen = client.watch(run);
    let mut frame = interval(FRAME);
    frame.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut interrupted = false;
    loop {
        tokio::select! {
            seen = seen.next() => match seen? {
                Seen::Progress(snapshot) => view.see(&snapshot),
                Seen::Ended(end) => {
                    // The end may be heard before the last verdicts, which are there all the same.
                    while let Ok(Ok(news)) = timeout(Duration::ZERO, news(&mut follow)).await {
                        view.hear(&news);
                    }
                    let record = client.record(run).await?;
                    let counts = record.map_or_else(Counts::default, |record| record.counts);
                    view.end(&end, counts, begun.elapsed());
                    return Ok(Some(Watched { end, counts, interrupted }));
                }
            },
            heard = news(&mut follow) => match heard {
                Ok(news) => view.hear(&news),
                // The road is down: what it had to say is still there when it is back.
                Err(bus::Error::Unknown(_)) => sleep(AGAIN).await,
                // The run is over and its news are forgotten; the end is near.
                Err(_) => follow = None,
            },
            _ = frame.tick() => view.draw(begun.elapsed()),
            () = interrupts.next() => {
                if on_interrupt == OnInterrupt::Leave {
                    view.leave(&format!("the run goes on; `runner cancel {run}` stops it"));
                    return Ok(None);
                }
                if interrupted {
                    view.leave("left at once; no LAST was written");
                    return Ok(None);
                }
                interrupted = true;
                view.note("stopping: what runs is given 10 s; Ctrl-C again leaves at once");
                match client.cancel(run, "stopped by Ctrl-C").await {
                    Ok(()) | Err(bus::Error::UnknownRun(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

async fn followed<B: Bus>(
    client: &Client<B>,
    run: RunId,
    view: &View,
) -> Result<Option<B::Follow>, bus::Error> {
    if !view.wants_news() {
        return Ok(None);
    }
    match client.follow(run).await {
        // Over before anybody could look: what is left to show is its end.
        Err(bus::Error::UnknownRun(_)) => Ok(None),
        followed => followed.map(Some),
    }
}

async fn news<F: Follow>(follow: &mut Option<F>) -> Result<Vec<bus::Heard>, bus::Error> {
    match follow {
        Some(follow) => follow.next().await,
        None => std::future::pending().await,
    }
}
