//! A submission that cannot be run: kept aside with the reasons, and ended with a LAST that says so.

use bus::{Bus, StoredSubmission};
use bytes::Bytes;
use last::{Refusal, Refusals};
use protocol::{End, Quarantined, RunRecord, RunStatus, Source, limits, subject};
use serde::Deserialize;
use serde_json::Value;
use store::key;
use tracing::warn;

use crate::dispatch::insist;
use crate::finish::{self, LAST};
use crate::{Desk, Error};

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
    finish::until_stored(run, &desk.settings.metrics, || async {
        if let Some(file) = file {
            desk.store.put(&format!("{folder}/{}", last::ALT_FILE), file.clone()).await?;
        }
        desk.store.put(&format!("{folder}/summary.txt"), made.summary.clone()).await?;
        desk.store.put(&format!("{folder}/{LAST}"), bytes.clone()).await
    })
    .await;
    let reasons = refusals.listed.iter().take(limits::QUARANTINE_REASONS).map(reason).collect();
    keep_aside(desk, stored, file, reasons).await?;
    let end = End {
        run,
        last_key: format!("{folder}/{LAST}"),
        last_sha256: made.sha256,
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
