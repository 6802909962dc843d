//! The way from YAML to JSON: what comes out is JSON, and small enough for what went in.

/// Reads `bytes` as YAML, and what comes of it as an ALT file.
pub fn hold(bytes: &[u8]) {
    match alt::yaml_to_json(bytes) {
        Ok(json) => {
            alt::Json::from_text(json.as_str()).expect("the output is JSON");
            // Each level adds two spaces a line, each character at most one escape of six bytes.
            let (out, into) = (json.len(), bytes.len());
            assert!(out <= 1024 + into * 256, "{out} bytes of {into}");
            let _report = alt::read(json.as_bytes(), &alt::Check::default());
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "refused for no reason");
            if let Ok(source) = str::from_utf8(bytes) {
                for found in &faults {
                    let text = found.render("fuzz", source, false);
                    assert!(!text.contains('\u{1b}'), "{text:?}");
                }
            }
        }
    }
}
