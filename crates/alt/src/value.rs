//! JSON values as slices of the file: kinds, fields and items, with the place of each.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The kind of a value, told by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    List,
    Object,
}

impl Kind {
    pub(crate) fn of(raw: &RawValue) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }

    /// For messages: `a string`, `an object`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

/// One member of an object.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    pub(crate) key: Cow<'a, str>,
    /// The key as written, with quotes.
    pub(crate) key_text: &'a str,
    pub(crate) value: &'a RawValue,
}

struct Fields<'a>(Vec<Field<'a>>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((key, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
                    let key_text = key.get();
                    let key = string(key).unwrap_or(Cow::Borrowed(key_text));
                    fields.push(Field { key, key_text, value });
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// The members of an object in file order; `None` if the value is no object.
pub(crate) fn fields(raw: &RawValue) -> Option<Vec<Field<'_>>> {
    serde_json::from_str::<Fields<'_>>(raw.get()).ok().map(|fields| fields.0)
}

/// The items of a list; `None` if the value is no list.
pub(crate) fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// The text of a string, borrowed unless it has escapes; `None` if the value is no string.
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The bytes of `whole` that `part`, a slice of it, stands at.
pub(crate) fn span_in(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    debug_assert!(start <= whole.len(), "the part is a slice of the whole");
    start..start.saturating_add(part.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_items_know_their_places() {
        let text = r#" { "a\u0062" : [1, {"x": 1e400}], "c":null } "#;
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        let fields = fields(raw).unwrap();
        assert_eq!(fields[0].key, "ab");
        assert_eq!(&text[span_in(text, fields[0].key_text)], r#""a\u0062""#);
        let items = items(fields[0].value).unwrap();
        assert_eq!(&text[span_in(text, items[1].get())], r#"{"x": 1e400}"#);
        assert_eq!(Kind::of(fields[1].value), Kind::Null);
    }
}
