//! Size and SHA-256: how a reader knows that it has what was written.

use sha2::Digest as _;

/// What identifies a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Bytes.
    pub size: u64,
    /// Lower-case hex SHA-256.
    pub sha256: String,
}

/// The lower-case hex SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finish().sha256
}

/// A digest in the making.
#[derive(Debug, Default)]
pub(crate) struct Hasher {
    size: u64,
    hash: sha2::Sha256,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        let hex = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Digest { size: self.size, sha256: hex }
    }
}
