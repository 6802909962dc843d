//! A run as it goes on: asked of its conductor while there is one, else read from its record.

use std::time::Duration;

use bus::Bus;
use protocol::{Answer, End, Question, RunId, RunRecord, Snapshot};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::Client;

/// The wait after the first look at a run; doubles with each, so that a short run is seen as well.
const SOON: Duration = Duration::from_millis(20);

/// The longest wait between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What a watcher sees of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Something changed, or the run is seen for the first time. Without a conductor there is
    /// nobody to name its tasks, and they are none.
    Progress(Box<Snapshot>),
    /// The LAST is stored. Nothing comes after this.
    Ended(End),
}

/// Looks at one run until it ends. Dropping it ends the looking.
#[derive(Debug)]
pub struct Watch {
    seen: mpsc::Receiver<Result<Seen, bus::Error>>,
    _looking: AbortOnDropHandle<()>,
}

impl Watch {
    /// Waits for something new. Cancel-safe: what was not taken is there the next time.
    ///
    /// # Errors
    /// The bus's, when waiting longer would not help; [`bus::Error::Closed`] after the end.
    pub async fn next(&mut self) -> Result<Seen, bus::Error> {
        self.seen.recv().await.unwrap_or(Err(bus::Error::Closed))
    }
}

impl<B: Bus> Client<B> {
    /// Looks at a run from now on, soon four times a second. Must be called inside a tokio runtime.
    ///
    /// A server that is out of reach for a while is waited for.
    #[must_use]
    pub fn watch(&self, run: RunId) -> Watch {
        // One place: who watches slowly sees the newest, for the next look waits for it.
        let (tell, seen) = mpsc::channel(1);
        let client = self.clone();
        let looking = tokio::spawn(async move {
            let ended = tokio::select! {
                biased;
                ended = client.ended(run) => ended.map(Seen::Ended),
                fault = client.look(run, &tell) => Err(fault),
            };
            let _ = tell.send(ended).await;
        });
        Watch { seen, _looking: AbortOnDropHandle::new(looking) }
    }

    /// Tells every change until the road is gone.
    async fn look(&self, run: RunId, tell: &mpsc::Sender<Result<Seen, bus::Error>>) -> bus::Error {
        let mut wait = Duration::ZERO;
        let mut last: Option<Snapshot> = None;
        loop {
            sleep(wait).await;
            wait = LOOK.min(SOON.max(2 * wait));
            let found = match self.snapshot(run).await {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(bus::Error::Unknown(why)) => {
                    debug!(%run, why, "looking again");
                    continue;
                }
                Err(fault) => return fault,
            };
            if last.as_ref().is_some_and(|last| is_same(last, &found)) {
                continue;
            }
            if tell.send(Ok(Seen::Progress(Box::new(found.clone())))).await.is_err() {
                return bus::Error::Closed;
            }
            last = Some(found);
        }
    }

    /// How a run stands: as its conductor says, else as its record does, without tasks; `None`
    /// while it has neither.
    ///
    /// # Errors
    /// The bus's.
    pub async fn snapshot(&self, run: RunId) -> Result<Option<Snapshot>, bus::Error> {
        match self.bus.ask(run, Question::Snapshot).await {
            Ok(Some(Answer::Snapshot(snapshot))) => return Ok(Some(snapshot)),
            // A conductor that is busy or has just gone: its last record stands meanwhile.
            Ok(_) | Err(bus::Error::Unknown(_)) => {}
            Err(error) => return Err(error),
        }
        let record = self.bus.record_of(run).await?;
        Ok(record.map(|record: RunRecord| Snapshot { record, tasks: Vec::new() }))
    }
}

/// Whether two looks show the same to a person: times that pass are no news.
fn is_same(one: &Snapshot, other: &Snapshot) -> bool {
    let stands = |snapshot: &Snapshot| {
        let tasks = snapshot.tasks.iter();
        tasks.map(|task| (task.id.clone(), task.attempt, task.standing.name())).collect::<Vec<_>>()
    };
    one.record.counts == other.record.counts && stands(one) == stands(other)
}
