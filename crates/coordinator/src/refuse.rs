//! A submission that cannot be run: kept aside with the reasons, and ended with a LAST that says so.

use alt::LastOptions;
use bus::{Bus, StoredSubmission};
use bytes::Bytes;
use last::{Assembled, Beside, Refusal, Refusals};
use protocol::{End, Quarantined, RunRecord, RunStatus, Source, Submission, limits, subject};
use serde::Deserialize;
use serde_json::Value;
use store::key;
use tracing::warn;

use crate::bundle::{Bundle, Content, LAST, Member, Wanted};
use crate::dispatch::insist;
use crate::{Desk, Error, finish, make};

/// What a file that is refused may still say of itself.
#[derive(Debug, Default, Deserialize)]
struct Said {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    title: Value,
}

/// Ends a run of which nothing can run. May be done again from the start.
pub(crate) async fn refuse<B: Bus>(
    desk: &Desk<B>,
    stored: &StoredSubmission,
    file: Option<&Bytes>,
    refusals: &Refusals,
) -> Result<(), Error> {
    let submission = &stored.body;
    let run = submission.run;
    warn!(run.id = %run, errors = refusals.listed.len(), "submission refused");
    let text = file.map_or(&b""[..], |file| file);
    let said: Said = serde_json::from_slice(text).unwrap_or_default();
    let (id, title) = (said.id.as_str(), said.title.as_str());
    let digest =
        file.map(|file| last::FileDigest { size: file.len() as u64, sha256: store::sha256(file) });
    let facts = last::RefusedFacts {
        run,
        alt_id: id,
        title,
        at: stored.at,
        durability: &desk.settings.durability,
        alt_file: digest.as_ref(),
        refusals,
    };
    let mut bytes = Vec::new();
    let made = last::refused(&mut bytes, &facts).map_err(|error| Error::Last(error.to_string()))?;
    let name = id.filter(|id| !id.is_empty()).unwrap_or("refused");
    let folder = key::last_folder(name, &run.to_string());
    let bundle = bundle(desk, submission, Member::text(LAST, bytes), (made, file))?;
    let put = || bundle.put(&desk.store, &folder);
    let last_sha256 = finish::until_stored(run, &desk.settings.metrics, put).await;
    // Nothing of a run that never began is copied.
    let last_sha256 = last_sha256.unwrap_or_default();
    let reasons = refusals.listed.iter().take(limits::QUARANTINE_REASONS).map(reason).collect();
    keep_aside(desk, stored, file, reasons).await?;
    let end = End {
        run,
        last_key: format!("{folder}/{}", bundle.result_name()),
        last_sha256,
        status: RunStatus::Refused,
    };
    let record = RunRecord {
        alt_id: id.unwrap_or_default().chars().take(SHOWN).collect(),
        title: title.unwrap_or_default().chars().take(SHOWN).collect(),
        started: stored.at,
        end: Some(end.clone()),
        ..RunRecord::blank(run, desk.bus.now())
    };
    insist(|| desk.bus.report(record.clone())).await?;
    insist(|| desk.bus.end(end.clone())).await?;
    desk.settings.metrics.end(end.status);
    Ok(())
}

/// What is kept of a run that is refused.
fn bundle<B>(
    desk: &Desk<B>,
    submission: &Submission,
    last: Member,
    (made, file): (Assembled, Option<&Bytes>),
) -> Result<Bundle, Error> {
    let settings = &desk.settings;
    let wanted = Wanted::of(submission.last, settings.last, LastOptions::default());
    let packed = match &last.content {
        Content::Bytes(text) if wanted.compression => {
            let mut packed = Vec::new();
            last::gzip(&mut text.as_ref(), &mut packed)
                .map_err(|error| Error::Last(error.to_string()))?;
            Some(Content::Bytes(packed.into()))
        }
        _ => None,
    };
    let mut beside = vec![Member::text("summary.txt", made.summary)];
    if wanted.html {
        let source = Beside { alt: file.map(make::source_of), ..Beside::default() };
        let report = made.outline.report(None, &source);
        let report = report.map_err(|error| Error::Last(error.to_string()))?;
        beside.push(Member::text("report.html", report));
    }
    beside.extend(file.map(|file| Member::text(last::ALT_FILE, file.clone())));
    Ok(Bundle::new(submission.run, settings, wanted.archives, (last, packed), beside))
}

/// Keeps a submission for an operator, with the start of its file.
pub(crate) async fn keep_aside<B: Bus>(
    desk: &Desk<B>,
    stored: &StoredSubmission,
    file: Option<&Bytes>,
    reasons: Vec<String>,
) -> Result<(), Error> {
    let submission = &stored.body;
    let at = match submission.alt {
        Source::Inline(_) => subject::submission(submission.priority, submission.run),
        Source::Stored { ref key, .. } => key.clone(),
    };
    let bytes =
        file.map_or_else(Bytes::new, |file| file.slice(..file.len().min(limits::QUARANTINE_BYTES)));
    let (run, sequence) = (Some(submission.run), stored.sequence);
    let item = Quarantined { run, subject: at, sequence, reasons, bytes };
    insist(|| desk.bus.quarantine(item.clone())).await?;
    desk.settings.metrics.quarantine();
    Ok(())
}

/// A fault in one line.
fn reason(fault: &Refusal) -> String {
    let Refusal { code, line, column, message, .. } = fault;
    format!("{code} at line {line} column {column}: {message}")
}

/// Characters of an unchecked id or title that lists show.
const SHOWN: usize = 200;
