//! Holds a LAST against itself and against the files beside it.

mod archive;
mod bundle;
mod consistency;
mod files;
mod folder;
mod timing;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::Path;

use crate::read::read;
use crate::{FileDigest, PublicKey, gunzip};

pub use archive::load;
pub use bundle::Papers;

/// How many problems are told.
const TOLD: usize = 100;

/// What was found to be in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Task results.
    pub tasks: usize,
    /// Artifacts, each read and hashed.
    pub artifacts: usize,
    /// Outputs kept in files, each read and hashed.
    pub outputs: usize,
    /// Bytes of all files read, `last.json` and the ALT file included.
    pub bytes: u64,
    /// Files that the manifest names, each read and hashed; `None` when there is no manifest.
    pub manifest: Option<usize>,
    /// Who signed the manifest; `None` when nobody did.
    pub signed_by: Option<PublicKey>,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A JSON pointer into `last.json`, or the path of a file.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// `place: message`, safe to print.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::escape::visible;
        write!(f, "{}: {}", visible(&self.place), visible(&self.message))
    }
}

impl std::error::Error for Problem {}

/// Problems as they are found; the first hundred are kept.
#[derive(Debug, Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < TOLD {
            self.0.push(Problem { place: place.into(), message: message.into() });
        }
    }
}

/// A key as a part of a JSON pointer.
pub(crate) fn pointer(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Asks for the digest of a file by its path from the folder of the LAST.
type Fetch<'a> = &'a mut dyn FnMut(&str) -> Result<FileDigest, String>;

/// Checks the LAST at `path`: a folder, the `last.json` or `last.json.gz` in one, or an archive.
///
/// It must read strictly, agree with itself (counts, status, rate, times, waits, graph, slack,
/// critical path), and the ALT file, every artifact and every stored output must be inside its
/// folder with the size and SHA-256 it names; so must everything that the manifest names, and a
/// signature must fit the manifest. A folder may have no manifest, an archive must.
///
/// # Errors
/// The problems found, at most a hundred.
pub fn verify(path: &Path) -> Result<Verified, Vec<Problem>> {
    let file = if path.is_dir() { folder::result_in(path) } else { path.to_owned() };
    let place = file.display().to_string();
    let fail = |message: String| vec![Problem { place: place.clone(), message }];
    let unread = |error: std::io::Error| fail(format!("cannot be read: {error}"));
    let opened = File::open(&file).map_err(unread)?;
    if let Some(form) = archive::form_of(&opened).map_err(unread)? {
        return archive::check(&place, form, opened);
    }
    let bytes = std::fs::read(&file).and_then(gunzip).map_err(unread)?;
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let folder = folder.canonicalize().map_err(|error| fail(error.to_string()))?;
    let papers = folder::papers(&folder).map_err(|problem| vec![problem])?;
    check(&place, &bytes, &papers, &mut |path| folder::digest(&folder, path))
}

/// Checks the LAST whose `last.json` is `bytes`, as [`verify()`] does, wherever its files are.
///
/// `fetch` is asked for each file once, by its path from the folder of the LAST, which is relative
/// and leads nowhere else. Its error ends a sentence that begins with the path: `is missing`.
///
/// # Errors
/// The problems found, at most a hundred; places are JSON pointers or `last.json`.
pub fn verify_last(bytes: &[u8], fetch: Fetch<'_>) -> Result<Verified, Vec<Problem>> {
    check("last.json", bytes, &Papers::default(), fetch)
}

/// The same with the papers of the bundle, whose files are asked for as well.
///
/// # Errors
/// As [`verify_last`]; places may be `manifest.json` or `manifest.sig` too.
pub fn verify_bundle(
    bytes: &[u8],
    papers: &Papers,
    fetch: Fetch<'_>,
) -> Result<Verified, Vec<Problem>> {
    check("last.json", bytes, papers, fetch)
}

fn check(
    place: &str,
    bytes: &[u8],
    papers: &Papers,
    fetch: Fetch<'_>,
) -> Result<Verified, Vec<Problem>> {
    let last = read(bytes)
        .map_err(|error| vec![Problem { place: place.to_owned(), message: error.to_string() }])?;
    let mut problems = Problems::default();
    consistency::check(&last, &mut problems);
    // A file that the LAST and the manifest name is read once.
    let mut known = BTreeMap::new();
    let mut once = |path: &str| {
        let found = known.entry(path.to_owned()).or_insert_with(|| fetch(path));
        found.clone()
    };
    files::check(&last, &mut once, &mut problems);
    let held = bundle::check(&last, bytes, papers, &mut once, &mut problems);
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    let read = known.values().flatten().map(|digest| digest.size);
    Ok(Verified {
        tasks: last.task_results.len(),
        artifacts: last.artifacts.len(),
        outputs: last
            .task_results
            .iter()
            .filter(|task| task.output_ref.as_ref().is_some_and(|output| !output.missing))
            .count(),
        bytes: read.fold(bytes.len() as u64, u64::saturating_add),
        manifest: held.files,
        signed_by: held.signed_by,
    })
}
