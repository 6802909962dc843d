//! Whatever the bytes: no panic, and what is valid comes back as it was written.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls as well")]

use alt::{Check, Mode, Priority, Report};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// All kinds of values and faults' neighbours: what a mutation starts from.
const SEED: &str = r#"{
  "id": "nightly", "version": "1.0", "created_at": "2026-01-31T12:00:00Z", "title": "Nightly \u00e9 😀",
  "mode": "chaos", "chaos_level": 3, "priority": "high", "tags": ["a"], "metadata": {"k": [1e400, -0.0]},
  "tasks": [
    {"id": "load", "description": "Load", "job": "http", "timeout_seconds": 30, "retry_count": 2},
    {"id": "count", "description": "Count", "dependencies": ["load"], "queue": "q_1",
     "parameters": {"rows": "${{ tasks.load.output.rows[0] }}", "n": null}}
  ]
}"#;

const YAML_SEED: &str = "id: nightly\ncommand: Nightly report\nmode: dream\ntimestamp: 2026-01-31T12:00:00\nsegments:\n  - id: hello\n    type: task\n    content: |\n      Say hello\n      and more\n    parameters: {a: 1, b: [x, 'y', \"z\"], c: 1.50}\n  - {id: again, content: Again, dependencies: [hello]}\n";

/// Pieces that mean something to a parser.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "${{",
    "}}",
    "$${{",
    "tasks",
    ".output",
    "null",
    "1e999",
    "-",
    "0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\u{feff}",
    "\u{202e}",
    "\0",
    "é",
    "😀",
    "&a",
    "*a",
    "<<",
    "!!x",
    "|",
    ">",
    "---",
    "...",
    "%",
    "@",
    "`",
    "#",
    "?",
    "- ",
    ": ",
    "'",
    "\"tasks\"",
    "\"id\"",
    "\"dependencies\": [\"load\"]",
];

#[derive(Debug, Clone)]
enum Change {
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, &'static str),
    Set(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), 1_usize..20).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), 1_usize..80).prop_map(|(at, count)| Change::Repeat(at, count)),
        (any::<Index>(), select(PIECES)).prop_map(|(at, text)| Change::Insert(at, text)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
    ]
}

fn changed(seed: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.as_bytes().to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let place = |at: &Index, count: usize| {
            let at = at.index(bytes.len());
            at..(at + count).min(bytes.len())
        };
        match change {
            Change::Remove(at, count) => drop(bytes.drain(place(at, *count))),
            Change::Repeat(at, count) => {
                let part = bytes[place(at, *count)].to_vec();
                let at = place(at, 0).start;
                bytes.splice(at..at, part);
            }
            Change::Insert(at, text) => {
                let at = place(at, 0).start;
                bytes.splice(at..at, text.bytes());
            }
            Change::Set(at, byte) => {
                let at = place(at, 0).start;
                bytes[at] = *byte;
            }
        }
    }
    bytes
}

/// Reads, renders what was found, and holds the report to what is always true.
fn survives(bytes: &[u8]) -> Report {
    let jobs = ["echo", "http"];
    let lenient = alt::read(bytes, &Check::default());
    let strict = Check { jobs: Some(&jobs), strict: true, ..Check::default() };
    let strict = alt::read(bytes, &strict);
    assert!(strict.alt.is_none() || lenient.alt.is_some(), "strict refuses more");
    let source = String::from_utf8_lossy(bytes);
    for report in [&lenient, &strict] {
        assert_eq!(report.alt.is_none(), report.errors().next().is_some());
        for found in &report.diagnostics {
            assert!(found.line >= 1 && found.column >= 1, "{found:?}");
            assert!(found.span.end <= bytes.len().max(1), "{found:?}");
            let text = found.render("a.json", &source, false);
            assert!(text.contains(found.code.name()), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        }
    }
    lenient
}

fn survives_as_yaml(bytes: &[u8]) {
    match alt::yaml_to_json(bytes) {
        Ok(json) => {
            let text = json.trim_end();
            assert_eq!(alt::Json::from_text(text).unwrap().text(), text);
            survives(json.as_bytes());
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            let source = String::from_utf8_lossy(bytes);
            for found in faults {
                assert!(found.render("a.yaml", &source, false).contains(found.code.name()));
            }
        }
    }
}

#[test]
fn the_seeds_are_valid() {
    assert!(survives(SEED.as_bytes()).alt.is_some());
    let json = alt::yaml_to_json(YAML_SEED.as_bytes()).unwrap();
    assert!(survives(json.as_bytes()).alt.is_some(), "{json}");
}

/// A task to be: everything that a file may say of it.
#[derive(Debug, Clone)]
struct Drawn {
    id: String,
    description: String,
    dependencies: Vec<Index>,
    parameters: Option<String>,
    timeout: Option<u32>,
    retries: Option<u8>,
    priority: Option<(&'static str, Priority)>,
    tags: Vec<String>,
}

/// JSON text with every kind of value and white space that a writer might choose.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(
            &[
                "null",
                "true",
                "false",
                "-0.0",
                "1e400",
                "1E-7",
                "[]",
                "{ }",
                "\"\\ud83d\\ude00\"",
                "\"$${{\""
            ][..]
        )
        .prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?",
        ".{0,12}".prop_map(|text| serde_json::to_string(&text.replace("${{", "")).unwrap()),
    ];
    let space = || select(&["", " ", "\n  ", "\t", "\r\n"][..]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let list = (vec(inner.clone(), 0..4), space()).prop_map(|(items, space)| {
            format!("[{space}{}{space}]", items.join(&format!(",{space}")))
        });
        let object = (vec(inner, 0..4), space()).prop_map(|(values, space)| {
            let fields = values.iter().enumerate();
            let fields: Vec<_> =
                fields.map(|(n, value)| format!("\"k{n}\"{space}:{value}")).collect();
            format!("{{{space}{}}}", fields.join(&format!("{space},")))
        });
        prop_oneof![list, object]
    })
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let priorities = &[
        ("critical", Priority::Critical),
        ("HIGH", Priority::High),
        ("normal", Priority::Medium),
        ("medium", Priority::Medium),
        ("low", Priority::Low),
    ];
    (
        "[^\\p{C}\\p{Z}]{1,30}",
        "[^\\p{C}\\p{Z}].{0,20}",
        vec(any::<Index>(), 0..5),
        prop::option::of(json_text().prop_map(|value| format!("{{ \"x\":{value}}}"))),
        prop::option::of(1_u32..=604_800),
        prop::option::of(any::<u8>()),
        prop::option::of(select(&priorities[..])),
        vec(".{0,8}", 0..3),
    )
        .prop_map(
            |(id, description, dependencies, parameters, timeout, retries, priority, tags)| Drawn {
                id,
                description,
                dependencies,
                parameters,
                timeout,
                retries,
                priority,
                tags,
            },
        )
}

/// The file of the drawn tasks, each depending on earlier ones only, and those dependencies.
fn written(tasks: &[Drawn]) -> (String, Vec<Vec<u32>>) {
    let quoted = |text: &String| serde_json::to_string(text).unwrap();
    let mut lists = Vec::new();
    let mut parts = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let mut list: Vec<u32> = Vec::new();
        if index > 0 {
            let drawn = task.dependencies.iter().map(|at| at.index(index));
            list.extend(drawn.map(|at| u32::try_from(at).unwrap()));
        }
        list.sort_unstable();
        list.dedup();
        let ids: Vec<_> = list.iter().map(|&at| &tasks[at as usize].id).collect();
        let mut part = format!(
            "{{\"id\": {}, \"description\": {}, \"dependencies\": {}, \"tags\": {}",
            quoted(&task.id),
            quoted(&task.description),
            serde_json::to_string(&ids).unwrap(),
            serde_json::to_string(&task.tags).unwrap(),
        );
        let fields = [
            ("parameters", task.parameters.clone()),
            ("timeout_seconds", task.timeout.map(|number| number.to_string())),
            ("retry_count", task.retries.map(|number| number.to_string())),
            ("priority", task.priority.map(|(word, _)| format!("\"{word}\""))),
        ];
        for (name, value) in fields {
            part.extend(value.map(|value| format!(", \"{name}\": {value}")));
        }
        parts.push(part + "}");
        lists.push(list);
    }
    let file = format!(
        "{{\"id\": \"f\", \"title\": \"F\", \"mode\": \"dream\", \"tasks\": [{}]}}",
        parts.join(",\n")
    );
    (file, lists)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        survives(&bytes);
        survives_as_yaml(&bytes);
    }

    #[test]
    fn any_pieces_are_read_without_a_panic(pieces in vec(select(PIECES), 0..40)) {
        survives(pieces.concat().as_bytes());
        survives_as_yaml(pieces.concat().as_bytes());
    }

    #[test]
    fn a_changed_file_is_read_without_a_panic(changes in vec(change(), 1..6)) {
        survives(&changed(SEED, &changes));
        survives_as_yaml(&changed(YAML_SEED, &changes));
    }

    #[test]
    fn any_text_in_an_expression_is_read_without_a_panic(text in ".{0,60}", pieces in vec(select(PIECES), 0..8)) {
        let text = serde_json::to_string(&format!("${{{{ {text}{} }}}}", pieces.concat())).unwrap();
        let file = format!(
            "{{\"id\": \"f\", \"title\": \"F\", \"tasks\": [{{\"id\": \"t\", \"description\": \"D\", \"parameters\": {{\"x\": {text}}}}}]}}"
        );
        survives(file.as_bytes());
    }

    #[test]
    fn what_was_written_is_what_is_read(mut tasks in vec(drawn(), 1..12)) {
        for (index, task) in tasks.iter_mut().enumerate() {
            task.id.push_str(&index.to_string());
        }
        let (file, lists) = written(&tasks);
        let report = survives(file.as_bytes());
        let Some(alt) = report.alt else {
            return Err(TestCaseError::fail(format!("{file}\n{:?}", report.diagnostics)));
        };
        prop_assert_eq!(alt.file().mode, Mode::Dream);
        prop_assert_eq!(alt.file().tasks.len(), tasks.len());
        for ((found, task), list) in alt.file().tasks.iter().zip(&tasks).zip(&lists) {
            prop_assert_eq!(&found.id, &task.id);
            prop_assert_eq!(&found.description, &task.description);
            prop_assert_eq!(found.parameters.as_ref().map(alt::Json::text), task.parameters.as_deref());
            prop_assert_eq!(found.timeout_seconds, task.timeout);
            prop_assert_eq!(found.retry_count, task.retries);
            prop_assert_eq!(found.priority, task.priority.map_or(Priority::Medium, |(_, priority)| priority));
            prop_assert_eq!(&found.tags, &task.tags);
            let dependencies: Vec<_> = found.dependencies.iter().map(|task| task.0).collect();
            prop_assert_eq!(&dependencies, list);
        }
    }
}
