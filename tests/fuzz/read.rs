//! The reader of ALT files: whatever the bytes, a report that can be shown.

use alt::Check;

/// Reads `bytes` as an ALT file, laxly and strictly, and shows what was found.
pub fn hold(bytes: &[u8]) {
    let jobs = ["echo", "exec", "http", "sleep", "transform"];
    for strict in [false, true] {
        let check = Check { jobs: strict.then_some(&jobs), strict, ..Check::default() };
        let report = alt::read(bytes, &check);
        assert_eq!(report.alt.is_none(), report.errors().next().is_some());
        if let Ok(source) = str::from_utf8(bytes) {
            for found in &report.diagnostics {
                let text = found.render("fuzz", source, false);
                assert!(!text.contains('\u{1b}'), "{text:?}");
            }
        }
        if let Some(alt) = report.alt {
            assert_eq!(alt.graph().len(), alt.file().tasks.len());
            assert_eq!(alt.graph().order().len(), alt.file().tasks.len());
        }
    }
}
