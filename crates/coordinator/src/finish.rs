//! The LAST of a finished run: assembled, stored, named in the run's end.
//!
//! Artifacts first, `last.json` last: whoever finds a `last.json` finds all that it names. Its
//! bytes are a function of the file and the verdicts, so a second writer writes the same.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use bus::Bus;
use bytes::Bytes;
use engine::Run;
use futures::stream::{self, StreamExt, TryStreamExt};
use last::{Assembled, FileDigest, Picture, RunFacts};
use protocol::planted::{Bug, is_planted};
use protocol::{End, RunId};
use store::{Created, Store, key};
use tracing::{error, warn};

use crate::aside::aside;
use crate::facts::{TaskLedger, finished_at};
use crate::kept::Kept;
use crate::{Desk, Error, Metrics};

/// Artifacts copied at once.
const COPIES: usize = 8;

/// The name of the result in its folder.
pub(crate) const LAST: &str = "last.json";

/// How long to wait before a result is stored again; doubles up to [`AGAIN_MOST`].
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// What a LAST says beside what the engine knows.
pub(crate) struct Facts {
    /// Verdicts that need not be read again.
    pub(crate) kept: Kept,
    /// Why the run was cancelled, if it was.
    pub(crate) cancelled: Option<String>,
    /// The earlier run whose results were taken over, if there is one.
    pub(crate) reused: Option<RunId>,
    /// The ALT file.
    pub(crate) file: Bytes,
}

/// Writes everything but the end, which is returned: from it on the run is over.
pub(crate) async fn finish<B: Bus>(
    desk: &Desk<B>,
    engine: Run,
    facts: Facts,
) -> Result<End, Error> {
    let run = engine.plan().run();
    let folder = key::last_folder(&engine.plan().alt().file().id, &run.to_string());
    let file = facts.file.clone();
    let made = assemble(desk, engine, facts).await?;
    let metrics = &desk.settings.metrics;
    let put = || put_all(&desk.store, &folder, &made, &file);
    let last_sha256 = until_stored(run, metrics, put).await;
    let last_key = format!("{folder}/{LAST}");
    Ok(End { run, last_key, last_sha256, status: made.assembled.status })
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

/// Stores what the LAST names, then the LAST, whose digest is returned. May be done again from the
/// start.
async fn put_all(
    store: &Store,
    folder: &str,
    made: &Made,
    file: &Bytes,
) -> Result<String, store::Error> {
    let at = |name: &str| format!("{folder}/{name}");
    let mut copies = Vec::with_capacity(made.assembled.promotions.len());
    for promotion in &made.assembled.promotions {
        let (store, from, to) = (store.clone(), promotion.from.clone(), at(&promotion.to));
        copies.push(async move { store.copy(&from, &to).await });
    }
    stream::iter(copies).buffer_unordered(COPIES).try_collect::<()>().await?;
    store.put(&at(last::ALT_FILE), file.clone()).await?;
    store.put(&at("summary.txt"), made.assembled.summary.clone()).await?;
    store.put(&at("graph.svg"), made.svg.clone()).await?;
    store.put(&at("graph.dot"), made.dot.clone()).await?;
    let key = at(LAST);
    let (created, digest) = match store.put_file_new(&key, &made.path).await {
        Err(_) if is_planted(Bug::FailedWriteTakenAsDone) => return Ok(String::new()),
        put => put?,
    };
    if created == Created::Exists {
        // Whoever was here before wrote the same, for it is a function of what is stored; should it
        // not be the same, what may have been read already stands.
        let there = store::sha256(&store.get(&key).await?);
        if there != digest.sha256 {
            error!(key, there, ours = digest.sha256, "another LAST is there; it stands");
        }
        return Ok(there);
    }
    Ok(digest.sha256)
}

/// What is ready to be stored.
struct Made {
    assembled: Assembled,
    svg: String,
    dot: String,
    path: tempfile::TempPath,
}

/// Assembles, aside: a LAST may have a million tasks.
async fn assemble<B: Bus>(
    desk: &Desk<B>,
    engine: Run,
    Facts { kept, cancelled, reused, file: alt_file }: Facts,
) -> Result<Made, Error> {
    #[cfg(not(feature = "sim"))]
    let bus = desk.bus.clone();
    let durability = desk.settings.durability.clone();
    let scratch = desk.settings.scratch.clone();
    #[cfg(not(feature = "sim"))]
    let runtime = tokio::runtime::Handle::current();
    // One thread cannot wait for itself, so there the facts come first.
    #[cfg(feature = "sim")]
    let mut told = TaskLedger::new(&desk.bus, &engine, kept).all().await?.into_iter();
    aside(move || {
        let (file, path) = temporary(&scratch)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        let plan = engine.plan();
        let alt = plan.alt();
        let digest = FileDigest { size: alt_file.len() as u64, sha256: store::sha256(&alt_file) };
        let facts = RunFacts {
            run: plan.run(),
            alt,
            mode: alt.file().mode,
            persona: alt.file().persona.as_deref(),
            started: engine.started_at(),
            finished: finished_at(&engine),
            counts: engine.counts(),
            cancelled: cancelled.as_deref(),
            chaos: plan.chaos().map(|chaos| (chaos.seed, chaos.level)),
            durability: &durability,
            alt_file: Some(&digest),
            reuse: reused,
        };
        #[cfg(not(feature = "sim"))]
        let mut tasks = TaskLedger::new(&bus, &engine, kept);
        #[cfg(not(feature = "sim"))]
        let mut ask = |_| runtime.block_on(tasks.next());
        #[cfg(feature = "sim")]
        let mut ask = |_| told.next().ok_or(Error::Bus(bus::Error::UnknownRun(plan.run())));
        let assembled = last::assemble(&mut out, &facts, &mut ask)
            .map_err(|error| Error::Last(error.to_string()))?;
        out.flush().map_err(|error| Error::Last(error.to_string()))?;
        let picture = Picture::new(alt, Some(&assembled.ends));
        Ok(Made { svg: picture.svg(), dot: picture.dot(), assembled, path })
    })
    .await?
}

fn temporary(scratch: &PathBuf) -> Result<(File, tempfile::TempPath), Error> {
    let made = std::fs::create_dir_all(scratch)
        .and_then(|()| tempfile::Builder::new().prefix("last-").tempfile_in(scratch));
    let made = made.map_err(|source| store::Error::File { path: scratch.clone(), source })?;
    Ok(made.into_parts())
}

/// Forgets what the attempts left: what counts of it is beside the LAST now.
pub(crate) async fn tidy<B: Bus>(desk: &Desk<B>, run: RunId) {
    if let Err(error) = desk.store.forget(&key::attempts_folder(&run.to_string())).await {
        warn!(run.id = %run, error = %error, "what the attempts left is still there");
    }
}
