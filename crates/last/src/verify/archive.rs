//! A bundle in one file: every entry is held against the manifest as it is unpacked, and no further.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use zip::ZipArchive;

use super::{Papers, Problem, Verified, check as check_last, folder};
use crate::gzip::bounded;
use crate::path::stay_inside;
use crate::{
    ALT_FILE, ArchiveForm, FileDigest, MANIFEST_FILE, Manifest, RESULT_BYTES, SIGNATURE_FILE,
    gunzip,
};

/// The longest manifest that is read, bytes: a million files need about half of it.
const MANIFEST_BYTES: u64 = 512 << 20;

/// The longest signature that is read, bytes.
const SIGNATURE_BYTES: u64 = 64 << 10;

/// The largest window of zstd that is unpacked, as a power of two: 128 MiB of memory.
const WINDOW: u32 = 27;

const LAST: &str = "last.json";

/// How the file is packed, by its first bytes; `None` when it is no archive.
pub(super) fn form_of(mut file: &File) -> io::Result<Option<ArchiveForm>> {
    let mut magic = Vec::new();
    file.take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(match magic.as_slice() {
        // The second one is of a zip without entries.
        b"PK\x03\x04" | b"PK\x05\x06" => Some(ArchiveForm::Zip),
        [0x28, 0xB5, 0x2F, 0xFD] => Some(ArchiveForm::TarZst),
        _ => None,
    })
}

/// What an archive was found to hold.
#[derive(Debug, Default)]
struct Unpacked {
    last: Option<Vec<u8>>,
    papers: Papers,
    /// Every other entry that was to be there.
    found: BTreeMap<String, Result<FileDigest, String>>,
}

/// Checks the bundle in an archive that is called `name`.
pub(super) fn check(name: &str, form: ArchiveForm, file: File) -> Result<Verified, Vec<Problem>> {
    let unpacked = match form {
        ArchiveForm::Zip => unpack_zip(file),
        ArchiveForm::TarZst => unpack_tar(file, |_| false),
    };
    // What is wrong inside is told by the name of the archive and of the entry.
    let told =
        |problem: Problem| Problem { place: format!("{name}: {}", problem.place), ..problem };
    let Unpacked { last, papers, found } = unpacked.map_err(|problem| vec![told(problem)])?;
    let gone = |place: &str| vec![told(problem(place, "is missing"))];
    let last = last.ok_or_else(|| gone(LAST))?;
    if papers.manifest.is_none() {
        return Err(gone(MANIFEST_FILE));
    }
    let mut fetch =
        |path: &str| found.get(path).cloned().unwrap_or_else(|| Err("is missing".to_owned()));
    check_last(LAST, &last, &papers, &mut fetch)
        .map_err(|problems| problems.into_iter().map(told).collect())
}

fn problem(place: &str, message: impl ToString) -> Problem {
    Problem { place: place.to_owned(), message: message.to_string() }
}

/// What an entry may hold, by its name.
#[derive(Debug, Default)]
struct Bounds(BTreeMap<String, u64>);

impl Bounds {
    fn of(manifest: &[u8]) -> Result<Self, Problem> {
        let manifest = Manifest::read(manifest).map_err(|error| problem(MANIFEST_FILE, error))?;
        Ok(Self(manifest.files.into_iter().map(|file| (file.path, file.size)).collect()))
    }

    /// The most that the entry may hold.
    fn most(&self, name: &str) -> Result<u64, Problem> {
        let most = self.0.get(name).copied();
        most.ok_or_else(|| problem(name, format!("is in the archive and not in `{MANIFEST_FILE}`")))
    }
}

/// The digest of an entry that may hold `most` bytes. One byte more is enough to refuse it.
fn digest(entry: impl Read, most: u64) -> Result<FileDigest, String> {
    match FileDigest::read(entry.take(most.saturating_add(1))) {
        Ok(digest) if digest.size > most => Err(format!("holds more than its {most} bytes")),
        Ok(digest) => Ok(digest),
        Err(error) => Err(format!("cannot be unpacked: {error}")),
    }
}

/// The whole of an entry that may hold `most` bytes.
fn whole(name: &str, entry: impl Read, most: u64) -> Result<Vec<u8>, Problem> {
    bounded(entry, most).map_err(|error| problem(name, format!("cannot be unpacked: {error}")))
}

fn unpack_zip(file: File) -> Result<Unpacked, Problem> {
    let mut zip = open_zip(file)?;
    let manifest = zip_entry(&mut zip, MANIFEST_FILE, MANIFEST_BYTES)?
        .ok_or_else(|| problem(MANIFEST_FILE, "is missing"))?;
    let bounds = Bounds::of(&manifest)?;
    let signature = zip_entry(&mut zip, SIGNATURE_FILE, SIGNATURE_BYTES)?;
    let last = zip_entry(&mut zip, LAST, bounds.most(LAST)?.min(RESULT_BYTES))?;
    let mut found = BTreeMap::new();
    for place in 0..zip.len() {
        let entry =
            zip.by_index(place).map_err(|error| problem(&format!("entry {place}"), error))?;
        let name = match entry.name() {
            Ok(name) => name.into_owned(),
            Err(error) => return Err(problem(&format!("entry {place}"), error)),
        };
        if is_paper(&name) {
            continue;
        }
        stay_inside(&name).map_err(|error| problem(&name, error))?;
        if !entry.is_file() || entry.is_symlink() {
            return Err(problem(&name, "is not a file"));
        }
        let most = bounds.most(&name)?;
        if name != LAST {
            let digest = digest(entry, most);
            found.insert(name, digest);
        }
    }
    let papers = Papers { manifest: Some(manifest), signature };
    Ok(Unpacked { last, papers, found })
}

fn is_paper(name: &str) -> bool {
    name == MANIFEST_FILE || name == SIGNATURE_FILE
}

fn open_zip(file: File) -> Result<ZipArchive<BufReader<File>>, Problem> {
    let opened = ZipArchive::new(BufReader::new(file));
    opened.map_err(|error| problem("its directory", format!("cannot be read: {error}")))
}

/// The whole of an entry; `None` when there is none of that name.
fn zip_entry(
    zip: &mut ZipArchive<BufReader<File>>,
    name: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, Problem> {
    match zip.by_name(name) {
        Ok(entry) => whole(name, entry, most).map(Some),
        Err(zip::result::ZipError::FileNotFound) => Ok(None),
        Err(error) => Err(problem(name, format!("cannot be unpacked: {error}"))),
    }
}

/// Unpacks from the beginning until `enough` says so of what was found.
fn unpack_tar(file: File, enough: impl Fn(&Unpacked) -> bool) -> Result<Unpacked, Problem> {
    let damaged = |error: io::Error| problem("the archive", format!("cannot be unpacked: {error}"));
    let mut decoder = zstd::Decoder::new(file).map_err(damaged)?;
    decoder.window_log_max(WINDOW).map_err(damaged)?;
    let mut tar = tar::Archive::new(decoder);
    let (mut unpacked, mut seen) = (Unpacked::default(), BTreeSet::new());
    let mut bounds = Bounds::default();
    for entry in tar.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !seen.insert(name.clone()) {
            return Err(problem(&name, "is in the archive twice"));
        }
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(problem(&name, "is not a file"));
        }
        if unpacked.papers.manifest.is_none() && name != MANIFEST_FILE {
            return Err(problem(MANIFEST_FILE, "is not the first file of the archive"));
        }
        match name.as_str() {
            MANIFEST_FILE => {
                let text = whole(&name, entry, MANIFEST_BYTES)?;
                bounds = Bounds::of(&text)?;
                unpacked.papers.manifest = Some(text);
            }
            SIGNATURE_FILE => {
                unpacked.papers.signature = Some(whole(&name, entry, SIGNATURE_BYTES)?);
            }
            LAST => {
                let most = bounds.most(&name)?.min(RESULT_BYTES);
                unpacked.last = Some(whole(&name, entry, most)?);
            }
            _ => {
                stay_inside(&name).map_err(|error| problem(&name, error))?;
                let digest = digest(entry, bounds.most(&name)?);
                unpacked.found.insert(name, digest);
            }
        }
        if enough(&unpacked) {
            break;
        }
    }
    Ok(unpacked)
}

/// The text of the result at `path`, which may be whatever [`super::verify()`] takes, and of the ALT
/// file beside it if that is there and `path` is not a tar. Nothing is checked.
///
/// # Errors
/// What cannot be read.
pub fn load(path: &Path) -> Result<(Vec<u8>, Option<Vec<u8>>), Problem> {
    let file = if path.is_dir() { folder::result_in(path) } else { path.to_owned() };
    let place = file.display().to_string();
    let unread = |error: io::Error| problem(&place, format!("cannot be read: {error}"));
    let inside = |found: Problem| Problem { place: format!("{place}: {}", found.place), ..found };
    let mut opened = File::open(&file).map_err(unread)?;
    let missing = || inside(problem(LAST, "is missing"));
    match form_of(&opened).map_err(unread)? {
        None => {
            let bytes = bounded(&mut opened, RESULT_BYTES).and_then(gunzip).map_err(unread)?;
            Ok((bytes, std::fs::read(file.with_file_name(ALT_FILE)).ok()))
        }
        Some(ArchiveForm::Zip) => {
            let mut zip = open_zip(opened).map_err(inside)?;
            let last = zip_entry(&mut zip, LAST, RESULT_BYTES).map_err(inside)?;
            let alt = zip_entry(&mut zip, ALT_FILE, alt::limits::FILE_BYTES as u64);
            Ok((last.ok_or_else(missing)?, alt.map_err(inside)?))
        }
        Some(ArchiveForm::TarZst) => {
            let unpacked = unpack_tar(opened, |found| found.last.is_some()).map_err(inside)?;
            Ok((unpacked.last.ok_or_else(missing)?, None))
        }
    }
}
