//! The report: what it says, what it links, how large it gets, and that nothing breaks out of it.

use std::fs;
use std::path::{Path, PathBuf};

use last::{Beside, LastFile, Picture, report};

use crate::sample::{RELEASE, assemble, release};
use crate::shapes::{Named, all, file, played};

fn last() -> LastFile {
    let (text, _) = assemble(&release());
    last::read(text.as_bytes()).unwrap()
}

fn beside() -> Beside {
    let text = ("artifacts/000001-fetch/site/page.html".to_owned(), "<p>hello</p>".to_owned());
    Beside { alt: Some(RELEASE.to_owned()), texts: [text].into() }
}

#[test]
fn what_was_assembled_and_what_was_read_back_make_the_same_report() {
    let alt = release();
    let (_, assembled) = assemble(&alt);
    let made = assembled.outline.report(Some(&alt), &beside()).unwrap();
    assert_eq!(made, report(&last(), Some(&alt), &beside()).unwrap());
    insta::assert_snapshot!("report", made);
}

/// Where the reports and pictures of the sample runs are left, for people and for browsers.
pub(crate) fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/report");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes report and picture of a run of `tasks` to [`folder`]; returns the report.
pub(crate) fn left(name: &str, tasks: &[Named]) -> String {
    let (source, alt) = file(name, tasks);
    let (_, assembled) = played(&alt);
    let beside = Beside { alt: Some(source), ..Beside::default() };
    let made = assembled.outline.report(Some(&alt), &beside).unwrap();
    fs::write(folder().join(format!("{name}.html")), &made).unwrap();
    let picture = Picture::new(&alt, Some(&assembled.ends));
    fs::write(folder().join(format!("{name}.svg")), picture.svg()).unwrap();
    made
}

#[test]
fn a_run_of_every_shape_has_a_report_of_less_than_five_megabytes() {
    for (name, tasks) in all() {
        let made = left(name, &tasks);
        assert!(made.len() < 5_000_000, "{name}: {}", made.len());
        if tasks.len() <= 200 {
            assert!(made.len() < 1_000_000, "{name}: {}", made.len());
        }
    }
}
