//! The artifacts as the page shows them: pictures seen, texts begun, everything linked.

use alt::Alt;
use serde::Serialize;
use std::collections::BTreeMap;

use super::Beside;
use super::text::{Budget, Excerpt, cost, href};
use crate::escape::visible;
use crate::model::{Artifact, ArtifactType, LastFile};
use crate::summary::bytes;

/// Artifacts that are listed.
const LISTED: usize = 500;
/// Pictures that are shown.
const PICTURES: usize = 60;
/// Bytes of a picture that is shown: a page is to open at once.
const PICTURE_BYTES: u64 = 4 << 20;
/// What all previews may cost, bytes of HTML.
const PREVIEWS_BYTES: usize = 128 << 10;
/// What one preview may cost.
const PREVIEW_BYTES: usize = 4 << 10;

/// An artifact.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    name: String,
    href: Option<String>,
    picture: bool,
    preview: Option<Excerpt>,
    task: String,
    task_href: Option<String>,
    mime: String,
    size: String,
    sha256: String,
}

/// The first artifacts, and how many more there are.
pub(super) fn artifacts(last: &LastFile, alt: Option<&Alt>, beside: &Beside) -> (Vec<Kept>, usize) {
    let listed = &last.artifacts[..last.artifacts.len().min(LISTED)];
    let places = places(listed, alt);
    let readable = listed.iter().filter(|it| beside.texts.contains_key(&it.path)).count();
    let mut budget = Budget::new(PREVIEWS_BYTES, readable);
    let mut pictures = 0;
    let kept = listed.iter().map(|artifact| {
        let fits = artifact.size_bytes <= PICTURE_BYTES;
        let picture = artifact.artifact_type == ArtifactType::Image && fits && pictures < PICTURES;
        pictures += usize::from(picture);
        let preview = beside.texts.get(&artifact.path).map(|text| {
            let excerpt = Excerpt::of(text, budget.share(PREVIEW_BYTES));
            budget.take(cost(&excerpt));
            let size = usize::try_from(artifact.size_bytes).unwrap_or(usize::MAX);
            Excerpt { hidden: excerpt.hidden + size.saturating_sub(text.len()), ..excerpt }
        });
        let place = places.get(artifact.task_id.as_str());
        Kept {
            name: visible(&artifact.name),
            href: href(&artifact.path),
            picture,
            preview: preview.filter(|excerpt| !excerpt.is_empty()),
            task: visible(&artifact.task_id),
            task_href: place.map(|place| format!("#task-{place}")),
            mime: visible(&artifact.mime_type),
            size: bytes(artifact.size_bytes),
            sha256: visible(&artifact.sha256),
        }
    });
    (kept.collect(), last.artifacts.len() - listed.len())
}

/// Where in the file the tasks are that left `artifacts`.
fn places<'a>(artifacts: &'a [Artifact], alt: Option<&Alt>) -> BTreeMap<&'a str, usize> {
    let mut places: BTreeMap<&str, Option<usize>> =
        artifacts.iter().map(|artifact| (artifact.task_id.as_str(), None)).collect();
    for (place, task) in alt.iter().flat_map(|alt| alt.file().tasks.iter().enumerate()) {
        if let Some(found) = places.get_mut(task.id.as_str()) {
            *found = Some(place);
        }
    }
    places.into_iter().filter_map(|(id, place)| place.map(|place| (id, place))).collect()
}

/// `12 files, 3.4 MB`.
pub(super) fn sum(last: &LastFile) -> String {
    let size = last.artifacts.iter().map(|it| it.size_bytes).fold(0, u64::saturating_add);
    let noun = if last.artifacts.len() == 1 { "file" } else { "files" };
    format!("{} {noun}, {}", last.artifacts.len(), bytes(size))
}
