//! Where a LAST is written before it is stored: in memory while it is small, in a file beyond that.
//!
//! Most runs are small, and a file that is made and deleted again for each of them costs a disk more
//! than all that stays.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::TempPath;

/// What is kept in memory, bytes.
const SMALL: usize = 256 << 10;

/// What is written to the disk at once, bytes.
const AT_ONCE: usize = 1 << 20;

/// Something to write to.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    written: Written,
}

#[derive(Debug)]
enum Written {
    Small(Vec<u8>),
    Large(BufWriter<File>, TempPath),
}

/// What was written.
#[derive(Debug)]
pub(crate) enum Spooled {
    /// All of it.
    Small(Bytes),
    /// In a file that goes with this.
    Large(TempPath),
}

impl Spool {
    /// Files, if any, are made in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), written: Written::Small(Vec::new()) }
    }

    /// All that was written.
    pub(crate) fn finish(self) -> io::Result<Spooled> {
        match self.written {
            Written::Small(bytes) => Ok(Spooled::Small(bytes.into())),
            Written::Large(mut file, path) => {
                file.flush()?;
                Ok(Spooled::Large(path))
            }
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Written::Small(small) = &mut self.written {
            if small.len() + bytes.len() <= SMALL {
                small.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            std::fs::create_dir_all(&self.folder)?;
            let made = tempfile::Builder::new().prefix("last-").tempfile_in(&self.folder)?;
            let (file, path) = made.into_parts();
            let mut file = BufWriter::with_capacity(AT_ONCE, file);
            file.write_all(small)?;
            self.written = Written::Large(file, path);
        }
        match &mut self.written {
            Written::Large(file, _) => file.write(bytes),
            Written::Small(small) => small.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.written {
            Written::Large(file, _) => file.flush(),
            Written::Small(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_goes_to_a_file_with_all_that_came_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(&folder.path().join("new"));
        spool.write_all(&[1; SMALL]).unwrap();
        assert!(!folder.path().join("new").exists());
        spool.write_all(&[2; 3]).unwrap();
        let Spooled::Large(path) = spool.finish().unwrap() else { panic!("it is large") };
        let read = std::fs::read(&path).unwrap();
        assert_eq!((read.len(), &read[SMALL - 1..]), (SMALL + 3, &[1, 2, 2, 2][..]));
        let mut small = Spool::new(folder.path());
        small.write_all(b"small").unwrap();
        assert!(matches!(small.finish().unwrap(), Spooled::Small(bytes) if &*bytes == b"small"));
    }
}
