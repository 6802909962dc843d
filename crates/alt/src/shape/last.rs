//! The file's own options for its LAST.

use super::reader::{Owner, Reader};
use super::unknown;
use crate::value::{Field, Kind, fields};
use crate::{ArchiveChoice, Check, LastOptions, limits};

const LAST_FIELDS: &[&str] =
    &["html", "graph", "artifacts", "archive", "compression", "ai_insights"];

/// Reads the object `last`; what cannot be read is left unsaid, with a diagnostic.
pub(super) fn read<'a>(
    reader: &mut Reader<'a, '_>,
    field: &Field<'a>,
    check: &Check<'_>,
) -> LastOptions {
    let mut options = LastOptions::default();
    let object = reader.object(Owner::File, field, limits::METADATA_BYTES);
    for field in object.and_then(fields).unwrap_or_default() {
        let owner = Owner::Last;
        if Kind::of(field.value) == Kind::Null {
            continue;
        }
        match &*field.key {
            "html" => options.html = reader.switch(owner, &field),
            "graph" => options.graph = reader.switch(owner, &field),
            "artifacts" => options.artifacts = reader.switch(owner, &field),
            "compression" => options.compression = reader.switch(owner, &field),
            "ai_insights" => options.ai_insights = reader.switch(owner, &field),
            "archive" if Kind::of(field.value) == Kind::Boolean => {
                let is_wanted = reader.switch(owner, &field) == Some(true);
                let choice = if is_wanted { ArchiveChoice::Zip } else { ArchiveChoice::Off };
                options.archive = Some(choice);
            }
            "archive" => options.archive = reader.word(owner, &field, ArchiveChoice::WORDS),
            _ => unknown(reader, owner, &field, LAST_FIELDS, check),
        }
    }
    options
}
