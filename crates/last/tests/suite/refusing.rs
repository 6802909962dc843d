//! The LAST of a file that was refused.

use std::fmt::Write as _;
use std::fs;

use last::{Assembled, FileDigest, LastFile, Refusals, RefusedFacts};
use protocol::{RunId, RunStatus, Timestamp};

use crate::sample::{START, sha256};

/// Refused for a cycle, a dependency on nothing and a blank id; its title is hostile.
const BAD: &str = r#"{
    "id": "release", "title": "Release\u001b[31m", "togs": ["site"],
    "tasks": [
        { "id": "a", "description": "a", "dependencies": ["b"] },
        { "id": "b", "description": "b", "dependencies": ["a", "nobody"], "retry_count": 30 },
        { "id": " ", "description": "c" }
    ]
}"#;

fn refusals(text: &str) -> Refusals {
    let report = alt::read(text.as_bytes(), &alt::Check::default());
    assert!(report.alt.is_none(), "the file is to be refused");
    Refusals::of_file(&report)
}

fn facts<'a>(refusals: &'a Refusals, kept: Option<&'a FileDigest>) -> RefusedFacts<'a> {
    RefusedFacts {
        run: RunId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        alt_id: Some("release"),
        title: Some("Release\u{1b}[31m"),
        at: Timestamp(START),
        durability: "this machine's disk",
        alt_file: kept,
        refusals,
    }
}

fn refuse(facts: &RefusedFacts<'_>) -> (String, Assembled, LastFile) {
    let mut out = Vec::new();
    let assembled = last::refused(&mut out, facts).unwrap();
    let last = last::read(&out).unwrap();
    (String::from_utf8(out).unwrap(), assembled, last)
}

#[test]
fn a_refused_file_has_a_last_as_committed() {
    let refusals = refusals(BAD);
    let kept = FileDigest::read(BAD.as_bytes()).unwrap();
    let facts = facts(&refusals, Some(&kept));
    let (text, assembled, last) = refuse(&facts);
    insta::assert_snapshot!("last", text);
    insta::assert_snapshot!("shown", last::show(&last));
    assert_eq!(assembled.sha256, sha256(text.as_bytes()));
    assert_eq!(assembled.size, text.len() as u64);
    assert_eq!(assembled.status, RunStatus::Failure);
    assert!(assembled.promotions.is_empty() && assembled.ends.is_empty());
    assert_eq!(assembled.summary, last::summary_text(&last));
    assert_eq!(refuse(&facts).0, text, "the same facts make the same bytes");
}

#[test]
fn what_is_written_of_a_refused_file_is_what_the_model_writes() {
    let refusals = refusals(BAD);
    let (text, _, last) = refuse(&facts(&refusals, None));
    let again = serde_json::to_value(&last).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), again);
    let keys = |text: &str| {
        let mut keys: Vec<_> = again.as_object().unwrap().keys().cloned().collect();
        keys.sort_by_key(|key| text.find(&format!("\"{key}\":")));
        keys
    };
    let compact = serde_json::to_string(&last).unwrap();
    assert_eq!(keys(&text), keys(&compact), "the order is that of the model");
}

#[test]
fn a_refused_file_is_in_order() {
    let refusals = refusals(BAD);
    let kept = FileDigest::read(BAD.as_bytes()).unwrap();
    let (text, ..) = refuse(&facts(&refusals, Some(&kept)));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("last.json"), &text).unwrap();
    fs::write(folder.path().join(last::ALT_FILE), BAD).unwrap();
    let verified = last::verify(folder.path()).unwrap();
    assert_eq!((verified.tasks, verified.artifacts, verified.outputs), (0, 0, 0));
    assert_eq!(verified.bytes, (text.len() + BAD.len()) as u64);

    for (from, to, expected) in [
        ("\"status\": \"failure\"", "\"status\": \"success\"", "yet the file was refused"),
        ("\"success_rate\": 0.0", "\"success_rate\": 1.0", "/success_rate: is 1, must be 0"),
        ("\"task_count\": 0", "\"task_count\": 1", "/metadata/task_count"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(folder.path().join("last.json"), text.replacen(from, to, 1)).unwrap();
        let problems = last::verify(folder.path()).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().contains(expected), "{}", problems[0]);
    }
}

#[test]
fn what_is_no_json_has_neither_id_nor_title() {
    let refusals = refusals("{");
    let facts = RefusedFacts { alt_id: None, title: None, ..facts(&refusals, None) };
    let (_, assembled, last) = refuse(&facts);
    assert_eq!(last.summary, "the file was refused: 1 error");
    assert_eq!(last.refused_more, None);
    assert!(assembled.summary.starts_with("(a file without a title)\nfailure: the file was"));
    assert!(assembled.summary.contains("  file        (a file without an id)\n"));
}

#[test]
fn errors_beyond_a_hundred_are_counted() {
    let mut text = String::from("{\"id\":\"many\",\"title\":\"M\",\"tasks\":[");
    for index in 0..150 {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"id\":\"t{index}\",\"description\":\"d\",\"dependencies\":[\"x\"]}}"
        );
    }
    text.push_str("]}");
    let refusals = refusals(&text);
    let (_, assembled, last) = refuse(&facts(&refusals, None));
    assert_eq!(last.refused.as_ref().map(Vec::len), Some(100));
    assert_eq!(last.refused_more.map(|more| more.errors), Some(50));
    assert_eq!(last.summary, "the file was refused: 150 errors");
    assert!(last::show(&last).contains("\n  … and 50 more"));
    assert!(assembled.summary.contains("\n  … and 140 more"));
    assert!(assembled.summary.lines().count() < 40);
}

#[test]
fn an_endless_id_is_cut_between_characters() {
    let refusals = refusals("{");
    let long = "é".repeat(1_000_000);
    let facts =
        RefusedFacts { alt_id: Some(&long[..998]), title: Some(&long), ..facts(&refusals, None) };
    let (_, _, last) = refuse(&facts);
    assert!(last.alt_file_id.len() <= alt::limits::ID_BYTES);
    assert!(last.alt_file_title.len() <= alt::limits::STRING_BYTES);
}
