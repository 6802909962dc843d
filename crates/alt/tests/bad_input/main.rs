//! Files that are wrong: each is refused by name and place, or is not wrong after all.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

mod fields;
mod json;
mod names;
mod scale;
mod tasks;
mod text;

use alt::{Check, Diagnostic, Report, Severity, limits};

const JOBS: &[&str] = &["echo", "exec", "http", "sleep", "transform"];

/// A reader that knows the built-in jobs.
const CHECK: Check<'static> =
    Check { jobs: Some(JOBS), ai: false, strict: false, mode: None, persona: None };

/// Reads a file, and holds the report to what is true of every report.
#[track_caller]
fn read(bytes: &[u8], check: &Check<'_>) -> Report {
    let report = alt::read(bytes, check);
    let errors = report.errors().count();
    assert_eq!(report.alt.is_none(), errors > 0, "refused if and only if");
    assert!(errors <= limits::DIAGNOSTICS);
    assert!(report.diagnostics.len() <= 2 * limits::DIAGNOSTICS);
    let starts = report.diagnostics.iter().map(|found| found.span.start);
    assert!(starts.is_sorted(), "by position");
    for found in &report.diagnostics {
        assert!(!found.message.is_empty(), "{found:?}");
        assert!(found.message.len() < 4_096, "{found:?}");
        assert!(found.line >= 1 && found.column >= 1, "{found:?}");
        assert!(found.span.start <= found.span.end, "{found:?}");
        assert!(found.span.end <= bytes.len().max(1), "{found:?}");
    }
    report
}

/// One diagnostic in a few words: `ALT0103 /tasks/0/id`, and what it is if it is no error.
fn brief(found: &Diagnostic) -> String {
    let remark = match found.severity {
        Severity::Error => "",
        Severity::Warning => " warning",
    };
    format!("{} {}{remark}", found.code, found.pointer).trim_end().to_owned()
}

/// All diagnostics of a file in a few words.
#[track_caller]
fn said(bytes: impl AsRef<[u8]>) -> Vec<String> {
    said_to(bytes, &CHECK)
}

#[track_caller]
fn said_to(bytes: impl AsRef<[u8]>, check: &Check<'_>) -> Vec<String> {
    let report = read(bytes.as_ref(), check);
    assert_eq!(report.more_errors + report.more_warnings, 0);
    report.diagnostics.iter().map(brief).collect()
}

/// A file with one task and more fields at its top: `"a": 1, "b": 2`.
fn file_with(fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { ", " };
    format!(
        r#"{{"id": "f", "title": "F"{comma}{fields}, "tasks": [{{"id": "t", "description": "D"}}]}}"#
    )
}

/// A file whose one task has more fields.
fn task_with(fields: &str) -> String {
    tasks_of(&[&format!(
        r#""id": "t", "description": "D"{}{fields}"#,
        if fields.is_empty() { "" } else { ", " }
    )])
}

/// A file whose tasks have these fields.
fn tasks_of(tasks: &[&str]) -> String {
    let tasks: Vec<_> = tasks.iter().map(|fields| format!("{{{fields}}}")).collect();
    format!(r#"{{"id": "f", "title": "F", "tasks": [{}]}}"#, tasks.join(", "))
}

/// Holds each file of a table to what is said of it, all at once.
#[track_caller]
fn hold(cases: impl IntoIterator<Item = (String, Vec<String>)>) {
    let mut faults = Vec::new();
    for (file, expected) in cases {
        let found = said(&file);
        if found != expected {
            let shown: String = file.chars().take(300).collect();
            faults.push(format!("{shown}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// As [`hold`], for a table of parts that `whole` makes files of.
#[track_caller]
fn hold_each(cases: &[(&str, &[&str])], whole: impl Fn(&str) -> String) {
    hold(cases.iter().map(|(part, expected)| {
        let expected = expected.iter().map(|&text| text.to_owned()).collect();
        (whole(part), expected)
    }));
}
