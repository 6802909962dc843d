//! Fuzzes the way from YAML to JSON: what comes out is JSON, and small enough for what went in.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match alt::yaml_to_json(bytes) {
    Ok(json) => {
        alt::Json::from_text(json.as_str()).expect("the output is JSON");
        // Each level adds two spaces a line, each character at most one escape of six bytes.
        assert!(
            json.len() <= 1024 + bytes.len() * 256,
            "{} bytes of {}",
            json.len(),
            bytes.len()
        );
        let _report = alt::read(json.as_bytes(), &alt::Check::default());
    }
    Err(faults) => {
        assert!(!faults.is_empty());
        if let Ok(source) = str::from_utf8(bytes) {
            for found in &faults {
                let _text = found.render("fuzz", source, false);
            }
        }
    }
});
