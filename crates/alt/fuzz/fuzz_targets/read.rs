//! Fuzzes the reader of ALT files: whatever the bytes, a report that can be rendered.
#![no_main]

use alt::Check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let jobs = ["echo", "exec", "http", "sleep", "transform"];
    for strict in [false, true] {
        let check = Check {
            jobs: strict.then_some(&jobs),
            strict,
            ..Check::default()
        };
        let report = alt::read(bytes, &check);
        assert_eq!(report.alt.is_none(), report.errors().next().is_some());
        let Ok(source) = str::from_utf8(bytes) else {
            continue;
        };
        for found in &report.diagnostics {
            let text = found.render("fuzz", source, false);
            assert!(!text.contains('\u{1b}'), "{text:?}");
        }
        if let Some(alt) = report.alt {
            assert_eq!(alt.graph().len(), alt.file().tasks.len());
            assert_eq!(alt.graph().order().len(), alt.file().tasks.len());
        }
    }
});
