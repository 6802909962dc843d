//! The LAST of a finished run: assembled, stored, named in the run's end.
//!
//! Artifacts first, `last.json` last: whoever finds a `last.json` finds all that it names. Its
//! bytes are a function of the file, the verdicts and what a model said, so a second writer writes
//! the same; so are those of everything beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use protocol::{End, JobStats, RunId};
use store::key;
use tracing::{error, warn};

use crate::bundle::Bundle;
use crate::kept::Kept;
use crate::make::{self, Made, Story};
use crate::{Desk, Error, Metrics, advice};

/// How long to wait before a result is stored again; doubles up to [`AGAIN_MOST`].
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// How often what a verdict names is looked for where nothing is. It was stored before it was named,
/// so a store that says so has lost it; three looks are for one that does not keep its word at once.
const LOOKS: u32 = 3;

/// Writes everything but the end, which is returned: from it on the run is over. With it comes what
/// there is to count of each job.
pub(crate) async fn finish<B: Bus>(
    desk: &Desk<B>,
    story: Story,
    kept: Kept,
) -> Result<(End, BTreeMap<String, JobStats>), Error> {
    let run = story.engine.plan().run();
    let folder = key::last_folder(&story.engine.plan().alt().file().id, &run.to_string());
    let (mut story, mut kept) = advice::take(desk, story, kept).await?;
    loop {
        let (made, counted) = make::make(desk, &story, kept).await?;
        let Made { bundle, status, _scratch } = made;
        match put(desk, &story, &bundle, &folder).await {
            Ok(last_sha256) => {
                let last_key = format!("{folder}/{}", bundle.result_name());
                return Ok((End { run, last_key, last_sha256, status }, counted));
            }
            // Each turn takes a file from those that are to be copied, so there is a last one.
            Err(gone) => {
                error!(run.id = %run, keys = ?gone, "gone from the store; the LAST says so");
                Arc::make_mut(&mut story).gone.extend(gone);
                // What was kept has been used up, and is read again.
                kept = Kept::new(Arc::clone(&desk.room));
            }
        }
    }
}

/// Stores the bundle; the keys of what is to be copied and is gone. The LAST of who conducted the run
/// before stands, and with it all that it names.
async fn put<B: Bus>(
    desk: &Desk<B>,
    story: &Story,
    bundle: &Bundle,
    folder: &str,
) -> Result<String, BTreeSet<String>> {
    let run = story.engine.plan().run();
    if !story.first {
        let look = || bundle.stored_result(&desk.store, folder);
        if let Some(there) = until_stored(run, &desk.settings.metrics, look).await {
            return Ok(there);
        }
    }
    let mut looks = 1;
    loop {
        let put = || bundle.put(&desk.store, folder);
        match until_stored(run, &desk.settings.metrics, put).await {
            Err(gone) if looks < LOOKS => {
                looks += 1;
                warn!(run.id = %run, keys = ?gone, "not in the store; looking again");
                tokio::time::sleep(AGAIN).await;
            }
            stored => return stored,
        }
    }
}

/// Stores until it is stored. Results are never given up: a full disk is emptied, a bucket comes
/// back.
pub(crate) async fn until_stored<T, F>(run: RunId, metrics: &Metrics, put: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, store::Error>>,
{
    let mut wait = AGAIN;
    loop {
        match put().await {
            Ok(stored) => return stored,
            Err(error) => {
                metrics.retry_store();
                warn!(run.id = %run, error = %error, again_s = wait.as_secs(), "result not stored");
            }
        }
        tokio::time::sleep(wait).await;
        wait = AGAIN_MOST.min(wait * 2);
    }
}

/// Forgets what the attempts left: what counts of it is beside the LAST now.
pub(crate) async fn tidy<B: Bus>(desk: &Desk<B>, run: RunId) {
    if let Err(error) = desk.store.forget(&key::attempts_folder(&run.to_string())).await {
        warn!(run.id = %run, error = %error, "what the attempts left is still there");
    }
}
