//! Ids and texts: hostile names are refused, strange ones are kept letter by letter.

use alt::limits;

use crate::{CHECK, hold_each, read, said, tasks_of};

fn with_id(id: &str) -> String {
    tasks_of(&[&format!(r#""id": {id}, "description": "D""#)])
}

#[test]
fn an_id_is_1_to_256_visible_bytes() {
    // Rows 15 and 16.
    let refused: &[&str] = &["ALT0107 /tasks/0/id"];
    let cases: &[(&str, &[&str])] = &[
        ("\"\"", refused),
        ("\"  \"", refused),
        ("\"\\t\"", refused),
        ("\"\u{3000}\"", refused),
        ("\"a\\u0000b\"", refused),
        ("\"a\\nb\"", refused),
        ("\"a\\r\\nb\"", refused),
        ("\"a\\u001b[31mb\"", refused),
        ("\"a\\u007fb\"", refused),
        ("\"a\\u0085b\"", refused),
        ("\"a\u{9b}b\"", refused),
        ("\"a\u{202e}b\"", refused),
        ("\"a\\u202eb\"", refused),
        ("\"a\u{2066}b\"", refused),
        ("\"a\u{200f}b\"", refused),
        ("\"a\u{2028}b\"", refused),
        ("\"\u{feff}a\"", refused),
        ("\"a\u{e0041}b\"", refused),
        ("null", &["ALT0103 /tasks/0/id"]),
        ("7", &["ALT0103 /tasks/0/id"]),
        ("[\"a\"]", &["ALT0103 /tasks/0/id"]),
    ];
    hold_each(cases, with_id);
    for (bytes, expected) in
        [(256, None), (257, Some("ALT0107 /tasks/0/id")), (1 << 20, Some("ALT0107 /tasks/0/id"))]
    {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(said(with_id(&format!("\"{}\"", "x".repeat(bytes)))), expected, "{bytes}");
    }
    // Bytes, not characters.
    assert_eq!(said(with_id(&format!("\"{}\"", "é".repeat(128)))), Vec::<String>::new());
    assert_eq!(said(with_id(&format!("\"{}\"", "é".repeat(129)))), ["ALT0107 /tasks/0/id"]);
    assert_eq!(said(tasks_of(&[r#""description": "D""#])), ["ALT0104 /tasks/0"]);
}

#[test]
fn the_message_names_the_invisible_character() {
    // Row 16.
    for (id, name) in [("a\\u0000", "U+0000"), ("\u{202e}x", "U+202E"), ("\u{feff}", "U+FEFF")] {
        let report = read(with_id(&format!("\"{id}\"")).as_bytes(), &CHECK);
        let message = &report.diagnostics[0].message;
        assert!(message.contains(name), "{message}");
        assert!(message.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{message}");
    }
}

#[test]
fn a_strange_id_is_an_id_and_stays_as_it_is() {
    // Row 17.
    let long = format!("{}.x", "segment.".repeat(12));
    let ids = [
        "a.b",
        "*",
        ">",
        "a b",
        "$JS.API",
        "_INBOX.x",
        "../../etc",
        "/",
        "..",
        ".",
        "CON",
        "nul",
        "🦀",
        "👩\u{200d}👩\u{200d}👧",
        "a/b~c",
        "${x}",
        "{{x}}",
        "語",
        "-rf",
        "'; DROP TABLE runs; --",
        "a,b;c",
        "null",
        "e\u{301}",
        "é",
        &long,
    ];
    let tasks: Vec<_> =
        ids.iter().map(|id| format!(r#""id": "{id}", "description": "D""#)).collect();
    let file = tasks_of(&tasks.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(said(&file), Vec::<String>::new());
    let alt = read(file.as_bytes(), &CHECK).alt.unwrap();
    let kept: Vec<_> = alt.file().tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(kept, ids);
}

#[test]
fn ids_are_compared_by_their_characters() {
    // Row 18.
    let twins = [("A", "a"), ("é", "e\u{301}"), ("ﬁ", "fi"), ("a", "а"), ("x", "x ")];
    for (one, other) in twins {
        let tasks = [one, other].map(|id| format!(r#""id": "{id}", "description": "D""#));
        assert_eq!(
            said(tasks_of(&tasks.each_ref().map(String::as_str))),
            Vec::<String>::new(),
            "{one} {other}"
        );
    }
    // An escape is another way to write the same character.
    let tasks = [r#""id": "é", "description": "D""#, r#""id": "\u00e9", "description": "D""#];
    assert_eq!(said(tasks_of(&tasks)), ["ALT0201 /tasks/1/id"]);
}

#[test]
fn the_id_of_the_file_is_an_id() {
    let cases: &[(&str, &[&str])] =
        &[("\"\"", &["ALT0107 /id"]), ("\"a\\nb\"", &["ALT0107 /id"]), ("\"../x\"", &[])];
    hold_each(cases, |id| {
        format!(r#"{{"id": {id}, "title": "F", "tasks": [{{"id": "t", "description": "D"}}]}}"#)
    });
}

#[test]
fn a_text_for_people_may_say_anything() {
    // Row 35: whoever shows it escapes it.
    let texts = [
        "<script>alert(1)</script>",
        "\\\"><img onerror>",
        "${7*7}",
        "{{7*7}}",
        "=cmd|' /C calc'!A0",
        "\\u001b[2J\\u0007",
        "\u{202e}x",
        "%s%n",
        "\\u0000",
        "a\\nb",
    ];
    for text in texts {
        let file = format!(
            r#"{{"id": "f", "title": "x{text}", "description": "{text}", "persona": "{text}", "tags": ["{text}"],
            "tasks": [{{"id": "t", "description": "x{text}", "tags": ["{text}"]}}]}}"#
        );
        assert_eq!(said(&file), Vec::<String>::new(), "{text}");
        let alt = read(file.as_bytes(), &CHECK).alt.unwrap();
        let meant: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        assert_eq!(alt.file().tags, [meant]);
    }
}

#[test]
fn the_authors_text_is_cut_and_escaped_in_every_message() {
    let hostile = format!("\\u001b[31m\u{202e}{}", "x".repeat(limits::STRING_BYTES - 100));
    let files = [
        format!(r#"{{"id": "f", "title": "F", "mode": "{hostile}", "tasks": []}}"#),
        format!(r#"{{"id": "f", "title": "F", "version": "{hostile}", "tasks": []}}"#),
        format!(r#"{{"id": "f", "title": "F", "created_at": "{hostile}", "tasks": []}}"#),
        format!(r#"{{"id": "f", "title": "F", "{hostile}": 1, "tasks": []}}"#),
        format!(
            r#"{{"id": "f", "title": "F", "metadata": {{"{hostile}": 1, "{hostile}": 1}}, "tasks": []}}"#
        ),
        tasks_of(&[&format!(r#""id": "t", "description": "D", "queue": "{hostile}""#)]),
        tasks_of(&[&format!(r#""id": "t", "description": "D", "dependencies": ["{hostile}"]"#)]),
        tasks_of(&[&format!(
            r#""id": "t", "description": "D", "parameters": {{"x": "${{{{ {} }}}}"}}"#,
            &hostile[..300]
        )]),
    ];
    for file in &files {
        let report = read(file.as_bytes(), &CHECK);
        for found in &report.diagnostics {
            let rendered = found.render("a.json", file, false);
            let texts =
                [Some(&found.message), found.label.as_ref(), found.help.as_ref(), Some(&rendered)];
            for text in texts.into_iter().flatten() {
                assert!(!text.contains(['\u{1b}', '\u{202e}']), "{}: {text:?}", found.code);
            }
            assert!(found.message.len() < 2_000, "{}: {}", found.code, found.message.len());
        }
    }
}
