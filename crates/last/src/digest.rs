//! The size and the SHA-256 of a file, which tell it from every other.

use std::io::{self, Read};

use sha2::Digest as _;

use crate::sheet::hex;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// What a file is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// Bytes.
    pub size: u64,
    /// Lower-case hex SHA-256.
    pub sha256: String,
}

impl FileDigest {
    /// Reads `source` to its end, a little at a time.
    ///
    /// # Errors
    /// When `source` fails.
    pub fn read(mut source: impl Read) -> io::Result<Self> {
        let mut hash = sha2::Sha256::default();
        let mut buffer = vec![0; CHUNK];
        let mut size = 0;
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => return Ok(Self { size, sha256: hex(&hash.finalize()) }),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(&buffer[..read]);
            size += read as u64;
        }
    }
}
