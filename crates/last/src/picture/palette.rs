//! The colours that pictures, report and dashboard share: variables, one set for light, one for dark.

/// CSS that sets every colour. The colours of a status are `--<word>` (border, icon) and
/// `--<word>-fill`; a test holds them to the paints.
pub(crate) const PALETTE: &str = "\
:root{color-scheme:light dark;--page:#fcfcfd;--card:#fff;--text:#1f2933;--soft:#52606d;\
--rule:#cbd2d9;--line:#9aa5b1;--tip:#8592a0;--cut:#b8c1cc;--link:#1d5fbf;--on-mark:#fff;\
--completed:#1a7f37;--completed-fill:#e9f7ee;--failed:#c9252d;--failed-fill:#ffeceb;\
--timeout:#b45309;--timeout-fill:#fff3e3;--cancelled:#6b7280;--cancelled-fill:#f3f4f6;\
--planned:#3b6fc4;--planned-fill:#eef4ff;--queue:#8a94a0;--limit:#7c3aed;--backoff:#c2780c}\n\
@media screen and (prefers-color-scheme:dark){:root{--page:#14171b;--card:#1b1f25;--text:#e4e7eb;\
--soft:#a3adb8;--rule:#3a424c;--line:#5d6875;--tip:#7b8794;--cut:#46505b;--link:#7fb0f5;\
--on-mark:#14171b;--completed:#3fb968;--completed-fill:#12301f;--failed:#f47067;\
--failed-fill:#3a1a1c;--timeout:#e0943f;--timeout-fill:#38270f;--cancelled:#98a1ad;\
--cancelled-fill:#25292f;--planned:#6f9bea;--planned-fill:#16243d;--queue:#7b8794;\
--limit:#b18cf7;--backoff:#d9a04a}}\n";

#[cfg(test)]
mod tests {
    use super::super::paint::PAINTS;
    use super::PALETTE;

    #[test]
    fn every_paint_has_its_colours() {
        let (light, dark) = PALETTE.split_once("@media").unwrap();
        for paint in PAINTS {
            let wanted = format!("--{0}:{1};--{0}-fill:{2}", paint.word, paint.stroke, paint.fill);
            assert!(light.contains(&wanted), "{wanted}");
            let wanted = format!("--{}:#", paint.word);
            assert!(dark.contains(&wanted), "{wanted}");
        }
    }
}
