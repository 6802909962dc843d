//! Diagnostics as people read them: one snapshot for each typical fault.

use alt::{Check, Report};

const JOBS: &[&str] = &["echo", "exec", "http", "sleep", "transform"];

fn read(source: &str) -> Report {
    let check = Check { jobs: Some(JOBS), ..Check::default() };
    alt::read(source.as_bytes(), &check)
}

/// All diagnostics of a file, without colours.
fn rendered(source: &str) -> String {
    let report = read(source);
    let texts = report.diagnostics.iter();
    let texts: Vec<_> = texts.map(|found| found.render("plan.alt.json", source, false)).collect();
    texts.join("\n")
}

#[test]
fn a_missing_dependency_has_a_suggestion() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tasks": [
    {"id": "load_orders", "description": "Load the orders"},
    {"id": "count", "description": "Count them", "dependencies": ["load_order"]}
  ]
}
"#
    ));
}

#[test]
fn a_missing_dependency_unlike_any_id_has_none() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tasks": [
    {"id": "count", "description": "Count them", "dependencies": ["zebra"]}
  ]
}
"#
    ));
}

#[test]
fn a_ring_shows_each_of_its_links() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tasks": [
    {"id": "load", "description": "Load", "dependencies": ["send"]},
    {"id": "count", "description": "Count", "dependencies": ["load"]},
    {"id": "send", "description": "Send", "dependencies": ["count"]}
  ]
}
"#
    ));
}

#[test]
fn a_repeated_id_shows_both_places() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tasks": [
    {"id": "load", "description": "Load the orders"},
    {"id": "load", "description": "Load the customers"}
  ]
}
"#
    ));
}

#[test]
fn a_wrong_type_says_what_is_wanted() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tags": "report",
  "tasks": [
    {"id": "load", "description": "Load the orders", "timeout_seconds": "30"}
  ]
}
"#
    ));
}

#[test]
fn an_unknown_field_has_a_fix() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tasks": [
    {"id": "load", "description": "Load the orders", "time_out_seconds": 30}
  ]
}
"#
    ));
}

#[test]
fn an_unknown_job_has_a_fix_and_the_list() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tasks": [
    {"id": "load", "description": "Load the orders", "job": "htttp"}
  ]
}
"#
    ));
}

#[test]
fn a_syntax_error_shows_where_reading_stopped() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report", // every night
  "tasks": []
}
"#
    ));
}

#[test]
fn a_file_that_stops_short_shows_its_end() {
    insta::assert_snapshot!(rendered("{\n  \"id\": \"nightly\",\n  \"tasks\": [\n"));
}

#[test]
fn an_empty_file_is_called_empty() {
    insta::assert_snapshot!(rendered(""));
}

#[test]
fn expressions_say_what_is_wrong_with_them() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "nightly",
  "title": "Nightly report",
  "tasks": [
    {"id": "load", "description": "Load"},
    {"id": "open", "description": "D", "parameters": {"x": "${{ tasks.load.output"}},
    {"id": "bad", "description": "D", "parameters": {"x": "${{ 1 + }}"}},
    {"id": "name", "description": "D", "parameters": {"x": "${{ env.HOME }}"}},
    {"id": "typo", "description": "D", "parameters": {"x": "${{ tasks.laod.output }}"}},
    {"id": "early", "description": "D", "parameters": {"x": "${{ tasks.load.output }}"}}
  ]
}
"#
    ));
}

#[test]
fn hostile_text_is_escaped_wherever_it_is_shown() {
    let source = "{
  \"id\": \"night\\u001b[2Jly\",
  \"title\": \"\u{202e}Nightly\u{2066} report\", \"\u{1b}[31m\": 1,
  \"tasks\": [
    {\"id\": \"\u{202e}load\", \"description\": \"Load\"},
    {\"id\": \"count\", \"description\": \"Count\", \"dependencies\": [\"lo\u{200f}ad\\u0007\"]}
  ]
}
"
    .replace("\"\u{1b}[31m\"", "\"\\u001b[31m\"");
    let text = rendered(&source);
    let steers = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}\u{200f}".contains(c);
    assert!(!text.contains(steers), "{text:?}");
    insta::assert_snapshot!(text);
}

#[test]
fn no_character_of_a_file_or_its_name_steers_a_terminal() {
    let hostile = (0..0x20).chain(0x7f..0xa0).chain(0x2000..0x2070).chain(0xe0000..0xe0080);
    let more = ['\u{61c}', '\u{feff}', '\u{fff9}', '\u{fffb}'];
    let hostile = hostile.filter_map(char::from_u32).chain(more);
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{feff}\u{fff9}\u{fffb}".contains(c)
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
    };
    for character in hostile.filter(|&character| steers(character)) {
        // Once as a text before a fault of its line, once as a fault itself.
        let source = format!(
            "{{\"id\": \"f\", \"title\": \"{character}\", \"tasks\": [{{\"id\": \"{character}a\", \"mode\": 1}}]}}"
        );
        let report = read(&source);
        assert!(!report.diagnostics.is_empty(), "{character:?}");
        for found in &report.diagnostics {
            let text = found.render(&format!("pl{character}an"), &source, false);
            assert!(!text.contains(steers), "{character:?}: {text:?}");
            assert!(found.render("plan", &source, true).contains(found.code.name()));
        }
    }
}

#[test]
fn a_raw_escape_in_a_broken_file_is_shown_harmless() {
    let text = rendered("{\"id\": \"\u{1b}[2Jx\", \u{202e}}\n");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_fault_in_a_line_of_a_megabyte_is_shown_with_its_surroundings() {
    let list = vec!["\"x\""; 130_000].join(", ");
    let source = format!(
        r#"{{"id": "f", "title": "F", "metadata": {{"a": [{list}]}}, "mode": "dreem", "tasks": [{{"id": "t", "description": "D", "parameters": {{"b": [{}]}}}}]}}"#,
        &list[..200_000 - 2]
    );
    let text = rendered(&source);
    assert!(text.len() < 2_000, "{} bytes", text.len());
    insta::assert_snapshot!(text);
}

#[test]
fn two_places_far_apart_in_a_long_line_are_both_shown() {
    let list = vec!["\"x\""; 20_000].join(", ");
    let source = format!(
        r#"{{"id": "f", "title": "F", "tasks": [{{"id": "t", "description": "D", "parameters": {{"a": [{list}]}}}}, {{"id": "t", "description": "D"}}]}}"#
    );
    let text = rendered(&source);
    assert!(text.len() < 2_000, "{} bytes", text.len());
    insta::assert_snapshot!(text);
}

#[test]
fn all_faults_of_a_file_are_shown_in_one_go() {
    insta::assert_snapshot!(rendered(
        r#"{
  "id": "",
  "title": "Nightly report",
  "version": "2.0",
  "created_at": "yesterday",
  "mode": "turbo",
  "mode": "dream",
  "tasks": [
    {"id": "load", "retry_count": 300, "queue": "a.b"},
    {"id": "count", "description": "Count", "dependencies": ["count", "laod"]},
    "send"
  ]
}
"#
    ));
}

#[test]
fn a_diagnostic_for_machines_has_every_field() {
    let report = read(
        r#"{"id": "f", "title": "F", "tasks": [{"id": "ab", "description": "D"}, {"id": "b", "description": "D", "dependencies": ["abc"]}]}"#,
    );
    let json = serde_json::to_string_pretty(&report.diagnostics).unwrap();
    insta::assert_snapshot!(json);
}
