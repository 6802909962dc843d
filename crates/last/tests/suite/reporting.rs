//! The report: what it says, what it links, how large it gets, and that nothing breaks out of it.

use last::{Beside, LastFile, report};

use crate::sample::{RELEASE, assemble, release};

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
