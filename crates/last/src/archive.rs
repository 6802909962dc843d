//! Writes a bundle into one file as its files pass by: a zip, or a tar under zstd.
//!
//! The same files make the same bytes: dates, owners and modes are fixed, the order is the caller's,
//! and the compressors are compiled in. Memory does not grow with the size of a file.

use std::io::{self, Write};

use sha2::Digest as _;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::path::artifact_kind;
use crate::sheet::hex;
use crate::{ArtifactType, FileDigest};

/// Sizes from here on need the larger records of zip64.
const ZIP64: u64 = 0xFFFF_FFFF;

/// The level of deflate: twice the time of a higher one buys two per cent.
const DEFLATE: i64 = 6;

/// The level of zstd.
const ZSTD: i32 = 3;

/// The unit in which a tar counts, bytes.
const BLOCK: usize = 512;

/// How a bundle becomes one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveForm {
    /// `last.zip`: opens everywhere, and each file can be read by itself.
    Zip,
    /// `last.tar.zst`: smaller, and read from its beginning.
    TarZst,
}

impl ArchiveForm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Zip, Self::TarZst];

    /// The name of the archive beside the LAST.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Zip => "last.zip",
            Self::TarZst => "last.tar.zst",
        }
    }
}

/// Why an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file is not what the manifest says of it.
    #[error(
        "`{path}` is not what the run left: {} bytes with the SHA-256 {}, not {} with {}",
        found.size, found.sha256, expected.size, expected.sha256
    )]
    Changed {
        /// Its path in the bundle.
        path: String,
        /// What passed by.
        found: FileDigest,
        /// What was announced.
        expected: FileDigest,
    },
    /// The archive's format refuses it, or what is below cannot be written.
    #[error("`{path}` cannot be written into the archive: {source}")]
    Write {
        /// Its path in the bundle; the archive's name at its end.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// An archive being written to a `W`.
pub struct Archive<W: Write> {
    form: Form<W>,
    file: Option<Passing>,
}

enum Form<W: Write> {
    Zip(Box<ZipWriter<StreamWriter<W>>>),
    Tar(Box<tar::Builder<zstd::Encoder<'static, W>>>),
}

/// The file that passes by.
struct Passing {
    path: String,
    expected: FileDigest,
    size: u64,
    hash: sha2::Sha256,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn new(form: ArchiveForm, out: W) -> io::Result<Self> {
        let form = match form {
            ArchiveForm::Zip => Form::Zip(Box::new(ZipWriter::new_stream(out))),
            ArchiveForm::TarZst => {
                let mut encoder = zstd::Encoder::new(out, ZSTD)?;
                encoder.include_checksum(true)?;
                Form::Tar(Box::new(tar::Builder::new(encoder)))
            }
        };
        Ok(Self { form, file: None })
    }

    /// Begins the file at `path`, which has ended the one before; `expected` is what will pass by.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn begin(&mut self, path: &str, expected: FileDigest) -> Result<(), ArchiveError> {
        let begun = match &mut self.form {
            Form::Zip(zip) => zip.start_file(path, zipped(path, expected.size)).map_err(Into::into),
            Form::Tar(tar) => {
                let mut header = tarred(expected.size);
                // The header alone: what comes after it is written piece by piece.
                tar.append_data(&mut header, path, io::empty())
            }
        };
        begun.map_err(|source| ArchiveError::Write { path: path.to_owned(), source })?;
        let hash = sha2::Sha256::default();
        self.file = Some(Passing { path: path.to_owned(), expected, size: 0, hash });
        Ok(())
    }

    /// The next piece of the file that was begun.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn write(&mut self, piece: &[u8]) -> Result<(), ArchiveError> {
        let Some(file) = &mut self.file else {
            let source = io::ErrorKind::InvalidInput.into();
            return Err(ArchiveError::Write { path: String::new(), source });
        };
        file.size += piece.len() as u64;
        file.hash.update(piece);
        let written = match &mut self.form {
            Form::Zip(zip) => zip.write_all(piece),
            Form::Tar(tar) => tar.get_mut().write_all(piece),
        };
        written.map_err(|source| ArchiveError::Write { path: file.path.clone(), source })
    }

    /// Ends the file that was begun, if there is one.
    ///
    /// # Errors
    /// [`ArchiveError::Changed`] when something else passed by than was announced.
    pub fn end(&mut self) -> Result<(), ArchiveError> {
        let Some(Passing { path, expected, size, hash }) = self.file.take() else {
            return Ok(());
        };
        let found = FileDigest { size, sha256: hex(&hash.finalize()) };
        if found != expected {
            return Err(ArchiveError::Changed { path, found, expected });
        }
        if let Form::Tar(tar) = &mut self.form {
            let zeroes = [0; BLOCK];
            let gap = usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or(0);
            let filled = tar.get_mut().write_all(&zeroes[..gap]);
            filled.map_err(|source| ArchiveError::Write { path, source })?;
        }
        Ok(())
    }

    /// Ends the archive; all of it is in what is returned.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn finish(mut self) -> Result<W, ArchiveError> {
        self.end()?;
        let (form, finished) = match self.form {
            Form::Zip(zip) => {
                (ArchiveForm::Zip, zip.finish().map(StreamWriter::into_inner).map_err(Into::into))
            }
            Form::Tar(tar) => {
                (ArchiveForm::TarZst, tar.into_inner().and_then(zstd::Encoder::finish))
            }
        };
        finished.map_err(|source| ArchiveError::Write { path: form.file_name().to_owned(), source })
    }
}

impl<W: Write> std::fmt::Debug for Archive<W> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.file.as_ref().map(|file| &file.path);
        out.debug_struct("Archive").field("file", &path).finish_non_exhaustive()
    }
}

/// How a file stands in a zip: 1980 is the earliest date it knows, and means none.
fn zipped(path: &str, size: u64) -> SimpleFileOptions {
    let options = SimpleFileOptions::default()
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
        .large_file(size >= ZIP64);
    if shrinks(path) {
        let options = options.compression_method(CompressionMethod::Deflated);
        options.compression_level(Some(DEFLATE))
    } else {
        options.compression_method(CompressionMethod::Stored)
    }
}

/// Whether deflate is worth its time: text is, pictures and programs are not.
fn shrinks(path: &str) -> bool {
    let (kind, media) = artifact_kind(path);
    matches!(kind, ArtifactType::Text | ArtifactType::Json | ArtifactType::Log)
        || matches!(media, "image/svg+xml" | "image/bmp")
}

fn tarred(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header
}
