//! The JSON Schema of a LAST, made from the types that write it.

use crate::LastFile;

/// The JSON Schema of [`LastFile`], pretty-printed, as committed in `last.schema.json`.
#[must_use]
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(LastFile);
    schema.insert("title".to_owned(), "LAST".into());
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_of_the_types() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("last.schema.json");
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        // As values: the order of keys is a matter of how serde_json was built.
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        if read(&committed) != read(&schema()) {
            std::fs::write(&path, schema()).unwrap();
            panic!("last.schema.json was out of date and has been rewritten: commit it");
        }
    }
}
