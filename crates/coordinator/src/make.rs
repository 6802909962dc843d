//! Makes the bundle of a finished run: the result assembled, its picture drawn, its report written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use alt::TaskIndex;
use bus::Bus;
use bytes::Bytes;
use engine::Run;
use futures::stream::{self, StreamExt};
use last::{
    ArtifactType, AssembleError, Assembled, Beside, FileDigest, Picture, Promotion, RunFacts,
    TaskFacts,
};
use protocol::{JobStats, RunId, RunStatus, Told};
use tempfile::TempPath;

use crate::aside::{aside_if_large, is_small};
use crate::bookkeeper::Counted;
use crate::bundle::{Bundle, Content, LAST, Member, Wanted};
use crate::facts::{TaskLedger, Telling, finished_at};
use crate::finish::until_stored;
use crate::kept::Kept;
use crate::spool::{Spool, Spooled};
use crate::{Desk, Error, Settings};

/// Bytes of the ALT file that the report is given.
const SOURCE: usize = 64 << 10;

/// Bytes of a text that the report is given.
const TEXT: usize = 4 << 10;

/// Texts that the report is given, and the largest file that is fetched for one, bytes.
const TEXTS: usize = 64;
const TEXT_FILE: u64 = 64 << 10;

/// Texts on their way at once.
const AT_ONCE: usize = 8;

/// All that is known of a finished run but its verdicts.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    /// The run, decided.
    pub(crate) engine: Arc<Run>,
    /// Why the run was cancelled, if it was.
    pub(crate) cancelled: Option<String>,
    /// The earlier run whose results were taken over, if there is one.
    pub(crate) reused: Option<RunId>,
    /// The ALT file.
    pub(crate) file: Bytes,
    /// What belongs to the bundle.
    pub(crate) wanted: Wanted,
    /// What a model said of the run, if one was to be asked.
    pub(crate) told: Option<Told>,
    /// Keys that verdicts name and under which nothing is stored any more.
    pub(crate) gone: BTreeSet<String>,
    /// Whether nobody conducted the run before.
    pub(crate) first: bool,
}

/// What is ready to be stored.
pub(crate) struct Made {
    pub(crate) bundle: Bundle,
    pub(crate) status: RunStatus,
    /// The files it is stored from, which go with it.
    pub(crate) _scratch: Vec<TempPath>,
}

/// Makes the bundle; and what there is to count of each job, by the name that tasks have for it.
pub(crate) async fn make<B: Bus>(
    desk: &Desk<B>,
    story: &Arc<Story>,
    kept: Kept,
) -> Result<(Made, BTreeMap<String, JobStats>), Error> {
    let scratch = desk.settings.scratch.clone();
    let assembling = with_facts(desk, story, kept, Telling::Last, move |run, task| {
        let mut out = Spool::new(&scratch);
        let mut counted = Counted::default();
        let mut counting = |index: TaskIndex| {
            let facts = task(index)?;
            counted.count(&run.alt.file().tasks[index.get()].job, &facts.attempts);
            Ok(facts)
        };
        let assembled = last::assemble(&mut out, run, &mut counting)?;
        Ok((assembled, out.finish()?, counted.by_job()))
    });
    let ((assembled, written, counted), _) = assembling.await?;
    let mut texts = BTreeMap::new();
    if story.wanted.html {
        texts = beginnings(desk, story.engine.plan().run(), &assembled.promotions).await;
    }
    let (settings, story) = (desk.settings.clone(), Arc::clone(story));
    let made = aside_if_large(story.file.len(), move || {
        bundle(&settings, &story, assembled, texts, written)
    })
    .await??;
    Ok((made, counted))
}

/// Tells the facts of a task.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(TaskIndex) -> Result<TaskFacts, Error>;

/// Does `work` with the facts of a run, aside if it is large: it may have a million tasks.
pub(crate) async fn with_facts<B: Bus, T: Send + 'static>(
    desk: &Desk<B>,
    story: &Arc<Story>,
    mut kept: Kept,
    telling: Telling,
    work: impl FnOnce(&RunFacts<'_>, Ask<'_>) -> Result<T, AssembleError<Error>> + Send + 'static,
) -> Result<(T, Kept), Error> {
    let (bus, runtime) = (desk.bus.clone(), tokio::runtime::Handle::current());
    let (durability, story) = (desk.settings.durability.clone(), Arc::clone(story));
    let size = story.file.len();
    // Who works where it is asked for cannot wait for facts meanwhile, so there they come first.
    let mut told = None;
    if is_small(size) {
        let ledger = TaskLedger::new(&desk.bus, &story.engine, &mut kept, telling);
        told = Some(ledger.all().await?.into_iter());
    }
    aside_if_large(size, move || {
        let Story { engine, cancelled, reused, file, wanted, told: insights, gone, .. } = &*story;
        let plan = engine.plan();
        let alt = plan.alt();
        let digest = FileDigest { size: file.len() as u64, sha256: store::sha256(file) };
        let facts = RunFacts {
            run: plan.run(),
            alt,
            mode: alt.file().mode,
            persona: alt.file().persona.as_deref(),
            started: engine.started_at(),
            finished: finished_at(engine),
            counts: engine.counts(),
            cancelled: cancelled.as_deref(),
            chaos: plan.chaos().map(|chaos| (chaos.seed, chaos.level)),
            durability: &durability,
            alt_file: Some(&digest),
            reuse: *reused,
            artifacts: wanted.artifacts,
            gone,
            insights: insights.as_ref(),
        };
        let done = if let Some(told) = &mut told {
            let unknown = || Error::Bus(bus::Error::UnknownRun(plan.run()));
            work(&facts, &mut |_| told.next().ok_or_else(unknown))
        } else {
            let mut tasks = TaskLedger::new(&bus, engine, &mut kept, telling);
            work(&facts, &mut |_| runtime.block_on(tasks.next()))
        };
        Ok((done.map_err(|error| Error::Last(error.to_string()))?, kept))
    })
    .await?
}

/// The beginnings of texts that tasks left, by their path, as many as the report shows. One that is
/// gone is left out; that is told when it is to be copied.
async fn beginnings<B: Bus>(
    desk: &Desk<B>,
    run: RunId,
    promotions: &[Promotion],
) -> BTreeMap<String, String> {
    let texts = promotions.iter().filter(|it| {
        let (kind, _) = last::artifact_kind(&it.to);
        let is_text = matches!(kind, ArtifactType::Text | ArtifactType::Json | ArtifactType::Log);
        is_text && it.digest.size <= TEXT_FILE
    });
    let found = stream::iter(texts.take(TEXTS).cloned().collect::<Vec<_>>()).map(|it| async move {
        let got = until_stored(run, &desk.settings.metrics, || async {
            match desk.store.get(&it.from).await {
                Err(store::Error::Missing(_)) => Ok(None),
                got => got.map(Some),
            }
        });
        got.await.map(|bytes| (it.to.clone(), start_of(&bytes, TEXT)))
    });
    found.buffered(AT_ONCE).filter_map(std::future::ready).collect().await
}

/// The beginning of an ALT file, as a report shows it.
pub(crate) fn source_of(file: &Bytes) -> String {
    start_of(file, SOURCE)
}

fn start_of(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(most)]);
    // What was cut within a character ends before it.
    text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned()
}

/// The files of the bundle.
fn bundle(
    settings: &Settings,
    Story { engine, file, wanted, .. }: &Story,
    assembled: Assembled,
    texts: BTreeMap<String, String>,
    written: Spooled,
) -> Result<Made, Error> {
    let plan = engine.plan();
    let Assembled { sha256, size, status, promotions, ends, summary, outline } = assembled;
    let mut beside = vec![Member::text("summary.txt", summary)];
    if wanted.html {
        let sources = Beside { alt: Some(source_of(file)), texts };
        let report = outline.report(Some(plan.alt()), &sources);
        let report = report.map_err(|error| Error::Last(error.to_string()))?;
        beside.push(Member::text("report.html", report));
    }
    drop(outline);
    if wanted.graph {
        let picture = Picture::new(plan.alt(), Some(&ends));
        beside.push(Member::text("graph.svg", picture.svg()));
        beside.push(Member::text("graph.dot", picture.dot()));
    }
    beside.push(Member::text(last::ALT_FILE, file.clone()));
    beside.extend(promotions.into_iter().map(|it| Member {
        path: it.to,
        digest: it.digest,
        content: Content::Object(it.from),
    }));
    let mut scratch = Vec::new();
    let packed = wanted.compression.then(|| compressed(&settings.scratch, &written));
    let packed = packed.transpose()?.map(|packed| content(packed, &mut scratch));
    let content = content(written, &mut scratch);
    let last = Member { path: LAST.to_owned(), digest: FileDigest { size, sha256 }, content };
    let bundle = Bundle::new(plan.run(), settings, wanted.archives.clone(), (last, packed), beside);
    Ok(Made { bundle, status, _scratch: scratch })
}

/// Where what was written is read from; a file is put with those that go when all is stored.
fn content(written: Spooled, scratch: &mut Vec<TempPath>) -> Content {
    match written {
        Spooled::Small(bytes) => Content::Bytes(bytes),
        Spooled::Large(path) => {
            let content = Content::File(path.to_path_buf());
            scratch.push(path);
            content
        }
    }
}

/// The result, compressed.
fn compressed(folder: &Path, last: &Spooled) -> Result<Spooled, Error> {
    let mut packed = Spool::new(folder);
    let packing = match last {
        Spooled::Small(bytes) => last::gzip(&mut &bytes[..], &mut packed),
        Spooled::Large(path) => {
            File::open(path).and_then(|mut file| last::gzip(&mut file, &mut packed))
        }
    };
    packing.and_then(|_| packed.finish()).map_err(|error| Error::Last(error.to_string()))
}
