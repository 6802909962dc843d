//! Ids: parsed once, valid ever after, safe in a subject and in a path.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// Text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}")]
pub struct InvalidId {
    /// The text, as given.
    pub text: String,
    /// The id it was read as.
    pub what: &'static str,
}

/// One execution of an ALT: a UUIDv7, written as 32 lower-case hex digits, 16 bytes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// A fresh id; ids made later sort later.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id of a run that was submitted at `at`, told from others of that moment by `entropy`.
    #[must_use]
    pub fn from_parts(at: crate::Timestamp, entropy: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at.0, &entropy).into_uuid())
    }

    /// The id as a number: the seed of everything a run draws by lot.
    #[must_use]
    pub const fn seed(self) -> u64 {
        let (high, low) = self.0.as_u64_pair();
        high ^ low
    }

    /// The id whose bits are `value`: for tests and for ids derived from a stream position.
    #[must_use]
    pub const fn from_bits(value: u128) -> Self {
        Self(Uuid::from_u128(value))
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Whoever reads it as text is to find it as it is printed: a uuid by itself has hyphens.
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl FromStr for RunId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId { text: text.to_owned(), what: "run id (32 hex digits)" };
        if text.len() != 32 {
            return Err(invalid());
        }
        Uuid::parse_str(text).map(Self).map_err(|_| invalid())
    }
}

/// A worker process, for as long as it lives: 1-32 lower-case letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkerId(String);

impl WorkerId {
    /// The only worker of a fleet inside one process.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WorkerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { text: text.to_owned(), what: "worker id (1-32 of a-z, 0-9, -)" })
        }
    }
}

impl TryFrom<String> for WorkerId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<WorkerId> for String {
    fn from(id: WorkerId) -> Self {
        id.0
    }
}

/// A try of a task, counted from 1. Also the fence against late reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(NonZeroU32);

impl Attempt {
    /// The first try.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The `number`-th try; `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The try after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number, from 1.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in a stream, from 1; 0 is before the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

/// The stored position of a run's owner record: a coordinator with an older one is refused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_one_form_as_text_and_is_sixteen_bytes_on_the_wire() {
        let run = RunId::from_bits(0x0199_0000_0000_7000_8000_0000_0000_00ff);
        let text = serde_json::to_string(&run).unwrap();
        assert_eq!(text, format!("\"{run}\""));
        assert_eq!(text, r#""019900000000700080000000000000ff""#);
        assert_eq!(serde_json::from_str::<RunId>(&text).unwrap(), run);
        let bytes = rmp_serde::to_vec(&run).unwrap();
        assert_eq!(bytes.len(), 2 + 16, "a header, and the id");
        assert_eq!(rmp_serde::from_slice::<RunId>(&bytes).unwrap(), run);
    }
}
