//! Where a store is, in the words of its messages.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Where a store is.
#[derive(Debug)]
pub(crate) enum Place {
    Folder(PathBuf),
    Bucket(Bucket),
    Memory,
}

/// A bucket of an S3 server, and the folder in it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// Without slashes at its ends; empty for the whole bucket.
    pub(crate) prefix: String,
    /// The address of the server; none for the one of AWS.
    pub(crate) endpoint: Option<String>,
    /// The metadata service that is asked for credentials because none were given.
    pub(crate) metadata: Option<String>,
    /// Set once the server has refused a condition: it would take its time to refuse the next.
    pub(crate) unconditional: AtomicBool,
}

impl Bucket {
    /// `s3://bucket/prefix`.
    pub(crate) fn url(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("s3://{}", self.name),
            prefix => format!("s3://{}/{prefix}", self.name),
        }
    }

    /// `s3://bucket/prefix on http://server`.
    pub(crate) fn at(&self) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or("AWS");
        format!("{} on {endpoint}", self.url())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => write!(out, "{}", folder.display()),
            Self::Bucket(bucket) => write!(out, "{}", bucket.at()),
            Self::Memory => write!(out, "memory"),
        }
    }
}
