//! Fields: numbers, words, versions, times, types.

use alt::{Mode, Priority, limits};

use crate::{CHECK, file_with, hold, hold_each, read, task_with, tasks_of};

const FINE: &[&str] = &[];

#[test]
fn a_timeout_is_a_whole_number_of_seconds_up_to_a_week() {
    // Row 13.
    let wrong: &[&str] = &["ALT0103 /tasks/0/timeout_seconds"];
    let outside: &[&str] = &["ALT0111 /tasks/0/timeout_seconds"];
    let unusual: &[&str] = &["ALT0119 /tasks/0/timeout_seconds warning"];
    let cases: &[(&str, &[&str])] = &[
        ("1", FINE),
        ("7200", FINE),
        ("null", FINE),
        ("7201", unusual),
        ("604800", unusual),
        ("0", outside),
        ("-1", outside),
        ("-0", outside),
        ("1.5", outside),
        ("1.0", outside),
        ("1e3", outside),
        ("604801", outside),
        ("4294967296", outside),
        ("4294967297", outside),
        ("100000000000000000000", outside),
        ("1e400", outside),
        ("\"30\"", wrong),
        ("true", wrong),
        ("[30]", wrong),
        ("{}", wrong),
    ];
    hold_each(cases, |text| task_with(&format!("\"timeout_seconds\": {text}")));
}

#[test]
fn retries_are_counted_up_to_255() {
    // Row 14.
    let outside: &[&str] = &["ALT0111 /tasks/0/retry_count"];
    let wrong: &[&str] = &["ALT0103 /tasks/0/retry_count"];
    let unusual: &[&str] = &["ALT0119 /tasks/0/retry_count warning"];
    let cases: &[(&str, &[&str])] = &[
        ("0", FINE),
        ("20", FINE),
        ("null", FINE),
        ("21", unusual),
        ("255", unusual),
        ("256", outside),
        ("-1", outside),
        ("18446744073709551616", outside),
        ("0.5", outside),
        ("\"3\"", wrong),
        ("true", wrong),
    ];
    hold_each(cases, |text| task_with(&format!("\"retry_count\": {text}")));
}

#[test]
fn a_mode_is_one_of_four_words() {
    // Row 30.
    let cases: &[(&str, &[&str])] = &[
        ("\"normal\"", FINE),
        ("\"NORMAL\"", FINE),
        ("\"Dream\"", FINE),
        ("\"explore\"", FINE),
        ("\"chaos\"", FINE),
        ("null", FINE),
        ("\"turbo\"", &["ALT0110 /mode"]),
        ("\"\"", &["ALT0110 /mode"]),
        ("\"normal \"", &["ALT0110 /mode"]),
        ("1", &["ALT0103 /mode"]),
        ("[\"normal\"]", &["ALT0103 /mode"]),
    ];
    hold_each(cases, |text| file_with(&format!("\"mode\": {text}")));
    let report = read(file_with(r#""mode": "turbo""#).as_bytes(), &CHECK);
    let help = report.diagnostics[0].help.clone().unwrap();
    for word in ["normal", "dream", "explore", "chaos"] {
        assert!(help.contains(word), "{help}");
    }
    let alt = read(file_with(r#""mode": "DREAM""#).as_bytes(), &CHECK).alt.unwrap();
    assert_eq!(alt.file().mode, Mode::Dream);
    let alt = read(file_with(r#""mode": null"#).as_bytes(), &CHECK).alt.unwrap();
    assert_eq!(alt.file().mode, Mode::Normal);
}

#[test]
fn a_version_is_one_point_something() {
    // Row 31.
    let cases: &[(&str, &[&str])] = &[
        ("\"1.0\"", FINE),
        ("\"1.17\"", FINE),
        ("null", FINE),
        ("\"\"", &["ALT0108 /version"]),
        ("\"1\"", &["ALT0108 /version"]),
        ("\"1.\"", &["ALT0108 /version"]),
        ("\"1.0.0\"", &["ALT0108 /version"]),
        ("\"1.0.0-rc\"", &["ALT0108 /version"]),
        ("\"2.0\"", &["ALT0108 /version"]),
        ("\"0.9\"", &["ALT0108 /version"]),
        ("\"11.0\"", &["ALT0108 /version"]),
        ("\"v1.0\"", &["ALT0108 /version"]),
        ("\" 1.0\"", &["ALT0108 /version"]),
        ("\"1.٣\"", &["ALT0108 /version"]),
        ("1", &["ALT0103 /version"]),
        ("1.0", &["ALT0103 /version"]),
    ];
    hold_each(cases, |text| file_with(&format!("\"version\": {text}")));
    let report = read(file_with(r#""version": "2.0""#).as_bytes(), &CHECK);
    let help = report.diagnostics[0].help.clone().unwrap();
    assert!(help.contains("1.0"), "{help}");
    let alt = read(file_with("").as_bytes(), &CHECK).alt.unwrap();
    assert_eq!(alt.file().version, "1.0");
}

#[test]
fn a_time_is_rfc_3339_with_a_zone() {
    // Row 32.
    let wrong: &[&str] = &["ALT0109 /created_at"];
    let cases: &[(&str, &[&str])] = &[
        ("\"2026-01-31T12:00:00Z\"", FINE),
        ("\"2026-01-31T12:00:00.123456789+05:30\"", FINE),
        ("\"2024-02-29T00:00:00-08:00\"", FINE),
        ("\"2016-12-31T23:59:60Z\"", FINE),
        ("null", FINE),
        ("\"\"", wrong),
        ("\"yesterday\"", wrong),
        ("\"2023-02-30T00:00:00Z\"", wrong),
        ("\"2025-02-29T00:00:00Z\"", wrong),
        ("\"2026-13-01T00:00:00Z\"", wrong),
        ("\"2026-01-31T24:00:01Z\"", wrong),
        ("\"2026-01-31T12:00:61Z\"", wrong),
        ("\"2026-01-31T12:00:00\"", wrong),
        ("\"2026-01-31\"", wrong),
        ("\"10000-01-01T00:00:00Z\"", wrong),
        ("\"1769860800\"", wrong),
        ("1769860800", &["ALT0103 /created_at"]),
        ("true", &["ALT0103 /created_at"]),
    ];
    hold_each(cases, |text| file_with(&format!("\"created_at\": {text}")));
}

#[test]
fn a_field_of_the_file_has_its_type() {
    let texts =
        ["id", "title", "version", "created_at", "description", "persona", "mode", "priority"];
    let others = ["7", "true", "[]", "{}"];
    for field in texts {
        hold(others.map(|value| {
            let rest = ["id", "title"].iter().filter(|&&required| required != field);
            let rest: String = rest.map(|name| format!("\"{name}\": \"x\", ")).collect();
            let file = format!("{{{rest}\"{field}\": {value}, \"tasks\": [{{\"id\": \"t\", \"description\": \"D\"}}]}}");
            (file, vec![format!("ALT0103 /{field}")])
        }));
    }
    let cases: &[(&str, &[&str])] = &[
        (r#""chaos_level": 0"#, &["ALT0111 /chaos_level"]),
        (r#""chaos_level": 11"#, &["ALT0111 /chaos_level"]),
        (r#""chaos_level": "5""#, &["ALT0103 /chaos_level"]),
        (r#""mode": "Chaos", "chaos_level": 10"#, FINE),
        (r#""chaos_level": 10"#, &["ALT0117 /chaos_level warning"]),
        (r#""mode": "dream", "chaos_level": null"#, FINE),
        (r#""expected_completion_time": -1"#, &["ALT0111 /expected_completion_time"]),
        (r#""expected_completion_time": 4294967295"#, FINE),
        (r#""expected_completion_time": 4294967296"#, &["ALT0111 /expected_completion_time"]),
        (r#""priority": "urgent""#, &["ALT0110 /priority"]),
        (r#""priority": "normal""#, FINE),
        (r#""tags": "x""#, &["ALT0103 /tags"]),
        (r#""tags": ["a", 1, null]"#, &["ALT0103 /tags", "ALT0103 /tags"]),
        (r#""tags": []"#, FINE),
        (r#""metadata": []"#, &["ALT0103 /metadata"]),
        (r#""metadata": "x""#, &["ALT0103 /metadata"]),
        (r#""metadata": null"#, FINE),
        (r#""last": []"#, &["ALT0103 /last"]),
        (r#""last": null"#, FINE),
        (r#""last": {"html": null, "graph": false, "artifacts": true}"#, FINE),
        (
            r#""last": {"html": 1, "compression": "yes"}"#,
            &["ALT0103 /last/html", "ALT0103 /last/compression"],
        ),
        (r#""last": {"archive": true}"#, FINE),
        (r#""last": {"archive": "Tar.Zst"}"#, FINE),
        (r#""last": {"archive": "rar"}"#, &["ALT0110 /last/archive"]),
        (r#""last": {"archive": 7}"#, &["ALT0103 /last/archive"]),
        (
            r#""mode": 1, "version": 2, "tags": 3"#,
            &["ALT0103 /mode", "ALT0103 /version", "ALT0103 /tags"],
        ),
    ];
    hold_each(cases, file_with);
}

#[test]
fn a_field_of_a_task_has_its_type() {
    // Rows 29 and 36.
    let cases: &[(&str, &[&str])] = &[
        (r#""dependencies": "a""#, &["ALT0103 /tasks/0/dependencies"]),
        (r#""dependencies": {}"#, &["ALT0103 /tasks/0/dependencies"]),
        (r#""dependencies": [null]"#, &["ALT0103 /tasks/0/dependencies/0"]),
        (
            r#""dependencies": [["a"], 7]"#,
            &["ALT0103 /tasks/0/dependencies/0", "ALT0103 /tasks/0/dependencies/1"],
        ),
        (r#""dependencies": null"#, FINE),
        (r#""parameters": [1]"#, &["ALT0103 /tasks/0/parameters"]),
        (r#""parameters": 7"#, &["ALT0103 /tasks/0/parameters"]),
        (r#""parameters": "x""#, &["ALT0103 /tasks/0/parameters"]),
        (r#""parameters": null"#, FINE),
        (r#""tags": {"a": 1}"#, &["ALT0103 /tasks/0/tags"]),
        (r#""priority": 1"#, &["ALT0103 /tasks/0/priority"]),
        (r#""priority": "hihg""#, &["ALT0110 /tasks/0/priority"]),
        (r#""queue": 7"#, &["ALT0103 /tasks/0/queue"]),
        (r#""queue": """#, &["ALT0114 /tasks/0/queue"]),
        (r#""queue": "a.b""#, &["ALT0114 /tasks/0/queue"]),
        (r#""queue": ">""#, &["ALT0114 /tasks/0/queue"]),
        (r#""queue": "gpu_2-A""#, FINE),
        (r#""job": 7"#, &["ALT0103 /tasks/0/job"]),
        (r#""job": """#, &["ALT0107 /tasks/0/job"]),
        (r#""job": "ech""#, &["ALT0115 /tasks/0/job"]),
        (r#""job": "ECHO""#, &["ALT0115 /tasks/0/job"]),
        (r#""job": null"#, FINE),
        (r#""status": "pending""#, &["ALT0117 /tasks/0/status warning"]),
    ];
    hold_each(cases, task_with);
    let long = "q".repeat(limits::QUEUE_CHARS);
    let queue = |name: &str| task_with(&format!("\"queue\": \"{name}\""));
    let refused = vec!["ALT0114 /tasks/0/queue".to_owned()];
    hold([(queue(&long), Vec::new()), (queue(&format!("{long}q")), refused)]);
}

#[test]
fn tasks_are_a_list_of_objects() {
    // Rows 28 and 29.
    let cases: &[(&str, &[&str])] = &[
        (r#", "tasks": []"#, &["ALT0118 /tasks warning"]),
        ("", &["ALT0104"]),
        (r#", "tasks": null"#, &["ALT0103 /tasks"]),
        (r#", "tasks": {}"#, &["ALT0103 /tasks"]),
        (r#", "tasks": "x""#, &["ALT0103 /tasks"]),
        (
            r#", "tasks": [null, 7, "x", []]"#,
            &["ALT0103 /tasks/0", "ALT0103 /tasks/1", "ALT0103 /tasks/2", "ALT0103 /tasks/3"],
        ),
        (
            r#", "tasks": [{"id": "a", "description": "A"}, {"id": "b", "description": "B"}, {"id": "c", "description": "C"}, "d"]"#,
            &["ALT0103 /tasks/3"],
        ),
        (r#", "tasks": [{}]"#, &["ALT0104 /tasks/0", "ALT0104 /tasks/0 warning"]),
    ];
    hold_each(cases, |tasks| format!(r#"{{"id": "f", "title": "F"{tasks}}}"#));
    let cases: &[(&str, &[&str])] = &[
        ("{}", &["ALT0104", "ALT0104", "ALT0104"]),
        (r#"{"tasks": []}"#, &["ALT0104", "ALT0104", "ALT0118 /tasks warning"]),
        (
            r#"{"id": null, "title": null, "tasks": []}"#,
            &["ALT0103 /id", "ALT0103 /title", "ALT0118 /tasks warning"],
        ),
    ];
    hold_each(cases, str::to_owned);
}

#[test]
fn a_task_takes_the_priority_of_its_file() {
    let file = r#"{"tasks": [{"id": "a", "description": "A"}, {"id": "b", "description": "B", "priority": "low"}],
        "id": "f", "title": "F", "priority": "high"}"#;
    let alt = read(file.as_bytes(), &CHECK).alt.unwrap();
    let priorities: Vec<_> = alt.file().tasks.iter().map(|task| task.priority).collect();
    assert_eq!(priorities, [Priority::High, Priority::Low]);
}

#[test]
fn sizes_are_bounded_to_the_byte() {
    // Row 36, and the rest of the limits.
    let words = |count: usize| format!("[{}]", vec!["\"x\""; count].join(","));
    let object = |bytes: usize| format!("{{\"x\":\"{}\"}}", "x".repeat(bytes - 8));
    let many = |bytes: usize| {
        let text = format!("\"{}\"", "x".repeat(limits::STRING_BYTES / 2));
        let count = bytes / text.len() + 1;
        format!("{{\"x\":[{}]}}", vec![text; count].join(","))
    };
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
    let cases = [
        (task_with(&format!("\"parameters\": {}", object(limits::PARAMETERS_BYTES))), None),
        (
            task_with(&format!("\"parameters\": {}", object(limits::PARAMETERS_BYTES + 1))),
            Some("ALT0407 /tasks/0/parameters"),
        ),
        (file_with(&format!("\"metadata\": {}", object(limits::METADATA_BYTES))), None),
        (
            file_with(&format!("\"metadata\": {}", object(limits::METADATA_BYTES + 1))),
            Some("ALT0407 /metadata"),
        ),
        (file_with(&format!("\"description\": {}", text(limits::STRING_BYTES))), None),
        (
            file_with(&format!("\"description\": {}", text(limits::STRING_BYTES + 1))),
            Some("ALT0406 /description"),
        ),
        (task_with(&format!("\"extra\": {}", many(limits::TASK_BYTES))), Some("ALT0407 /tasks/0")),
        (file_with(&format!("\"tags\": {}", words(limits::TAGS))), None),
        (file_with(&format!("\"tags\": {}", words(limits::TAGS + 1))), Some("ALT0404 /tags")),
        (
            task_with(&format!("\"tags\": {}", words(limits::TAGS + 1))),
            Some("ALT0404 /tasks/0/tags"),
        ),
    ];
    hold(cases.map(|(file, expected)| (file, expected.map(str::to_owned).into_iter().collect())));
}

#[test]
fn a_blank_text_is_refused_where_people_read_it() {
    let cases: &[(&str, &[&str])] = &[
        (r#""id": "t", "description": """#, &["ALT0112 /tasks/0/description"]),
        (r#""id": "t", "description": " \t\n""#, &["ALT0112 /tasks/0/description"]),
        (r#""id": "t", "description": null"#, &["ALT0104 /tasks/0 warning"]),
        (r#""id": "t""#, &["ALT0104 /tasks/0 warning"]),
        (r#""id": "t", "description": 7"#, &["ALT0103 /tasks/0/description"]),
    ];
    hold_each(cases, |fields| tasks_of(&[fields]));
    let cases: &[(&str, &[&str])] = &[
        (r#""title": """#, &["ALT0112 /title"]),
        (r#""title": "\u3000\u00a0""#, &["ALT0112 /title"]),
    ];
    hold_each(cases, |title| {
        format!(r#"{{"id": "f", {title}, "tasks": [{{"id": "t", "description": "D"}}]}}"#)
    });
}
