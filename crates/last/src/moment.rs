//! A moment as a LAST writes it: RFC 3339 in UTC with milliseconds.

use std::borrow::Cow;
use std::fmt;

use protocol::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A [`Timestamp`] that reads and writes as `2026-11-21T06:46:30.123Z`.
///
/// Anything after the year 9999 is written as its last second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub Timestamp);

impl Moment {
    /// Milliseconds from `earlier` to here, 0 if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.since(earlier.0)
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = u64::try_from(jiff::Timestamp::MAX.as_second()).unwrap_or(u64::MAX / 1000);
        Timestamp(self.0.0.min(last * 1000)).fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment: jiff::Timestamp = text
            .parse()
            .map_err(|_| de::Error::custom(format_args!("`{text}` is not an RFC 3339 time")))?;
        u64::try_from(moment.as_millisecond())
            .map(|ms| Self(Timestamp(ms)))
            .map_err(|_| de::Error::custom(format_args!("`{text}` is before 1970")))
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 in UTC with milliseconds",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_json() {
        for ms in [0, 1, 999, 1_790_000_000_123, 253_402_207_200_000] {
            let text = serde_json::to_string(&Moment(Timestamp(ms))).unwrap();
            assert_eq!(serde_json::from_str::<Moment>(&text).unwrap().0.0, ms, "{text}");
        }
        assert!(Moment(Timestamp(u64::MAX)).to_string().starts_with("9999-12-30T22:00:00"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["\"\"", "\"yesterday\"", "\"1969-01-01T00:00:00Z\"", "12"] {
            assert!(serde_json::from_str::<Moment>(text).is_err(), "{text}");
        }
    }
}
