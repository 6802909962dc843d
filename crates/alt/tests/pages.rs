//! The pages of the codes: each example does what its page says of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

use alt::{Check, Code};

const JOBS: &[&str] = &["echo", "exec", "http", "sleep", "transform"];

/// The codes whose pages have no complete file to show: their files are too large or not JSON.
const WITHOUT_EXAMPLE: &[Code] = &[
    Code::Encoding,
    Code::Yaml,
    Code::FileSize,
    Code::TaskCount,
    Code::EdgeCount,
    Code::ItemCount,
    Code::Depth,
    Code::StringSize,
    Code::ObjectSize,
    Code::ExpressionCount,
    Code::ReferenceWork,
];

/// Codes named by the diagnostics of `file`, in their order.
fn codes(file: &str) -> Vec<Code> {
    let check = Check { jobs: Some(JOBS), ..Check::default() };
    let report = alt::read(file.as_bytes(), &check);
    assert_eq!(report.more_errors + report.more_warnings, 0);
    report.diagnostics.iter().map(|found| found.code).collect()
}

/// The JSON examples after the line `title` that look like complete files.
fn examples<'p>(page: &'p str, title: &str, end: &str) -> Vec<&'p str> {
    let (_, part) = page.split_once(title).unwrap();
    let part = part.split(end).next().unwrap();
    part.split("```json\n")
        .skip(1)
        .map(|block| block.split("\n```").next().unwrap())
        .filter(|block| block.starts_with('{') && block.contains("\"tasks\""))
        .collect()
}

#[test]
fn a_right_example_has_no_fault_and_a_wrong_one_has_that_of_its_page() {
    let mut faults = Vec::new();
    for &code in Code::ALL {
        let page = code.explain();
        for example in examples(page, "\nRight:\n", "\nWrong:\n") {
            let found = codes(example);
            if !found.is_empty() {
                faults.push(format!("{code}: right example: {found:?}"));
            }
        }
        for example in examples(page, "\nWrong:\n", "\nRight:\n") {
            let found = codes(example);
            if found.is_empty() || found.iter().any(|&found| found != code) {
                faults.push(format!("{code}: wrong example: {found:?}"));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_page_without_a_complete_example_is_one_that_cannot_have_it() {
    for &code in Code::ALL {
        let page = code.explain();
        let count = examples(page, "\nWrong:\n", "\nRight:\n").len();
        assert_eq!(count == 0, WITHOUT_EXAMPLE.contains(&code), "{code}");
    }
}
