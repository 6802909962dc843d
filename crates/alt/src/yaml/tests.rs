//! Tests of the whole way from YAML to JSON: what is mapped, what is refused, and where.

use serde_json::{Value as Json, json};

use super::*;

fn converted(yaml: &str) -> Json {
    let json = yaml_to_json(yaml.as_bytes()).unwrap_or_else(|found| panic!("{yaml}\n{found:?}"));
    serde_json::from_str(&json).unwrap()
}

fn refused(yaml: &str) -> Vec<Diagnostic> {
    yaml_to_json(yaml.as_bytes()).expect_err(yaml)
}

const PRODUCED: &str = r#"
id: 3f0c7a52-0000-4000-8000-000000000001
version: '1.0'
timestamp: '2025-03-02T07:15:30.125000'
command: "Ka\xE7 dosya var, say ve yaz"
language: tr
mode: Chaos
persona: data_analyst
chaos_level: 5
segments:
- id: first
  task_type: execute
  content: "Ka\xE7 dosya var, say"
  parameters:
  - name: content
    value: "Ka\xE7 dosya"
    type: string
    required: true
    description: Task content
  - {name: depth, value: 1.50}
  dependencies: []
  metadata:
    confidence: 0.5
- id: second
  task_type: create
  content: yaz
  parameters: []
  dependencies: [first]
  metadata: {}
metadata: {}
saved_at: '2025-03-02T07:15:31'
"#;

#[test]
fn a_file_of_the_segmenting_producer_becomes_an_alt_file() {
    let expected = json!({
        "id": "3f0c7a52-0000-4000-8000-000000000001",
        "version": "1.0",
        "created_at": "2025-03-02T07:15:30.125000Z",
        "mode": "Chaos",
        "persona": "data_analyst",
        "chaos_level": 5,
        "tasks": [
            {
                "id": "first",
                "description": "Kaç dosya var, say",
                "parameters": {
                    "task_type": "execute",
                    "content": "Kaç dosya",
                    "depth": 1.5,
                    "metadata": {
                        "confidence": 0.5,
                        "parameters": {
                            "content": {
                                "type": "string",
                                "required": true,
                                "description": "Task content"
                            }
                        }
                    }
                }
            },
            {
                "id": "second",
                "description": "yaz",
                "dependencies": ["first"],
                "parameters": {"task_type": "create"}
            }
        ],
        "title": "Kaç dosya var, say ve yaz",
        "metadata": {"language": "tr", "saved_at": "2025-03-02T07:15:31"}
    });
    assert_eq!(converted(PRODUCED), expected);
    let text = yaml_to_json(PRODUCED.as_bytes()).unwrap();
    assert!(text.contains(r#""depth": 1.50"#), "digits are kept: {text}");
    assert!(text.starts_with("{\n  \"id\": \"3f0c"), "{text}");
}

#[test]
fn null_fields_and_folded_texts_of_producers_are_read() {
    let yaml = "id: a\ncommand: \"T\\xFCm .jpg dosyalar\\u0131n\\u0131 bul ve s\\u0131\\\n  \\ \
                k\\u0131\\u015Ft\\u0131r\"\nmode: Dream\nchaos_level: null\nsegments: []\n";
    let expected = json!({
        "id": "a",
        "title": "Tüm .jpg dosyalarını bul ve sı kıştır",
        "mode": "Dream",
        "tasks": []
    });
    assert_eq!(converted(yaml), expected);
}

#[test]
fn a_file_with_tasks_is_passed_through_key_by_key() {
    let yaml = "id: a\ntitle: T\ncommand: kept\ntasks:\n- id: b\n  description: |\n    two\n    \
                lines\n  parameters: {big: 123456789012345678901234567890, e: 1e400}\n";
    let json = yaml_to_json(yaml.as_bytes()).unwrap();
    let expected = r#"{
  "id": "a",
  "title": "T",
  "command": "kept",
  "tasks": [
    {
      "id": "b",
      "description": "two\nlines\n",
      "parameters": {
        "big": 123456789012345678901234567890,
        "e": 1e400
      }
    }
  ]
}
"#;
    assert_eq!(json, expected);
}

#[test]
fn plain_scalars_follow_the_core_schema_and_keep_their_digits() {
    let table = [
        ("no", r#""no""#),
        ("yes", r#""yes""#),
        ("on", r#""on""#),
        ("True", "true"),
        ("false", "false"),
        ("~", "null"),
        ("", "null"),
        ("Null", "null"),
        ("'null'", r#""null""#),
        ("'1'", r#""1""#),
        ("2025-04-28", r#""2025-04-28""#),
        ("12:30:45", r#""12:30:45""#),
        ("1_000", r#""1_000""#),
        ("0", "0"),
        ("-0.0", "-0.0"),
        ("1.50", "1.50"),
        ("1e400", "1e400"),
        ("1E-7", "1E-7"),
        ("99999999999999999999999", "99999999999999999999999"),
        ("+5", "5"),
        ("007", "7"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5.0"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0xZZ", r#""0xZZ""#),
        ("1.2.3", r#""1.2.3""#),
        ("e5", r#""e5""#),
        (".", r#"".""#),
        ("\"\\0\\e\"", r#""\u0000\u001b""#),
    ];
    for (yaml, expected) in table {
        let json = yaml_to_json(format!("- {yaml}\n").as_bytes());
        let json = json.unwrap_or_else(|found| panic!("{yaml}: {found:?}"));
        assert_eq!(json, format!("[\n  {expected}\n]\n"), "{yaml}");
    }
}

#[test]
fn what_hides_a_size_a_type_or_a_value_is_refused_with_its_place() {
    // The text, and the line, the column, the pointer and the words of its first fault.
    let table = [
        ("a: &x [1]\nb: 1\n", (1, 4), "/a", "the anchor `&x`"),
        ("a: 1\nb: *x\n", (2, 4), "/b", "the alias `*x`"),
        ("*x : 1\n", (1, 1), "", "the alias `*x`"),
        ("t:\n- <<: {a: 1}\n", (2, 3), "/t/0", "`<<` is refused"),
        ("t: !!python/object:os.system x\n", (1, 4), "/t", "the tag `!!python/object:os.system`"),
        ("t: !!str 5\n", (1, 4), "/t", "the tag `!!str`"),
        ("t: !own {a: 1}\n", (1, 4), "/t", "the tag `!own`"),
        ("a:\n\tb: 1\n", (2, 1), "/a", "a tab is used as indentation"),
        ("a: [\n\t1]\n", (2, 1), "/a/0", "a tab is used as indentation"),
        ("a:\n  - b\n\t- c\n", (3, 1), "/a/0", "a tab is used as indentation"),
        ("a: 1\nb: 2\n\"a\": 3\n", (3, 1), "/a", "the key stands twice"),
        ("a: 1\n---\nb: 2\n", (2, 1), "", "a second document"),
        ("? [a]\n: 1\n", (1, 3), "", "used as a key"),
        ("? \n: 1\n", (2, 1), "", "a key is empty"),
        ("a: .inf\n", (1, 4), "/a", "JSON has no number `.inf`"),
        ("a: -.Inf\n", (1, 4), "/a", "JSON has no number `-.Inf`"),
        ("a: .nan\n", (1, 4), "/a", "JSON has no number"),
        ("%YAML 1.1\n---\na: 1\n", (1, 1), "", "the text is not YAML"),
        ("a: [1\nb: 2\n", (2, 2), "/a/0", "the text is not YAML"),
        ("a: 'open\n", (2, 1), "/a", "the text is not YAML"),
        ("", (1, 1), "", "the file is empty"),
        ("# only this\n", (1, 1), "", "the file is empty"),
    ];
    for (yaml, (line, column), pointer, message) in table {
        let found = refused(yaml);
        let first = &found[0];
        assert!(first.message.contains(message), "{yaml:?}: {first:?}");
        assert_eq!((first.line, first.column), (line, column), "{yaml:?}: {first:?}");
        assert_eq!(first.pointer, pointer, "{yaml:?}: {first:?}");
        assert_eq!(first.code, Code::Yaml, "{yaml:?}");
        assert!(first.help.is_some(), "{yaml:?}");
    }
}

#[test]
fn an_alias_bomb_is_refused_without_being_unfolded() {
    let mut bomb = String::from("a0: &a0 [x, x]\n");
    for level in 1..40 {
        let below = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
    }
    let found = refused(&bomb);
    assert_eq!(found.len(), limits::DIAGNOSTICS);
    assert!(found.iter().all(|fault| fault.code == Code::Yaml));
}

#[test]
fn depth_is_bounded_however_it_is_written() {
    let block: String =
        (0..=limits::DEPTH).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let texts = [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100),
        block,
    ];
    for text in &texts {
        let found = refused(text);
        let start = &text[..20.min(text.len())];
        assert!(matches!(found[0].code, Code::Depth | Code::Yaml), "{start}: {:?}", found[0]);
    }
    assert_eq!(refused(&texts[0])[0].code, Code::Depth);
    let deepest = format!("{}{}", "[".repeat(limits::DEPTH), "]".repeat(limits::DEPTH));
    assert!(yaml_to_json(deepest.as_bytes()).is_ok());
}

#[test]
fn size_and_encoding_are_checked_before_anything_is_read() {
    let found = yaml_to_json(&vec![b' '; limits::YAML_BYTES + 1]).unwrap_err();
    assert!(found[0].message.contains("larger than 16 MiB"));
    let found = refused(&format!("[{}]", "a,".repeat(1_000_001)));
    assert!(found[0].message.contains("more than 1000000 values"), "{found:?}");
    let found = yaml_to_json(b"a: 1\nb: \xe9").unwrap_err();
    assert_eq!((found[0].code, found[0].line, found[0].column), (Code::Encoding, 2, 4));
    let found = refused("\u{feff}a: 1");
    assert_eq!((found[0].code, found[0].line), (Code::Encoding, 1));
}

#[test]
fn steps_that_alt_cannot_express_are_refused_unless_they_are_empty() {
    for step in ["loop", "condition", "function_def", "function_call", "variables"] {
        let yaml = format!("id: a\nsegments:\n- id: b\n  content: c\n  {step}: {{x: 1}}\n");
        let found = refused(&yaml);
        assert_eq!(found[0].message, format!("`{step}` cannot be expressed in an ALT file"));
        assert_eq!(found[0].pointer, format!("/segments/0/{step}"));
        assert_eq!(found[0].line, 5);
        let idle = yaml.replace("{x: 1}", "null");
        assert_eq!(converted(&idle)["tasks"][0], json!({"id": "b", "description": "c"}));
    }
    assert!(refused("segments: []\nfunctions: [f]\n")[0].message.contains("`functions`"));
    assert_eq!(converted("segments: []\nglobal_variables: {}\n"), json!({"tasks": []}));
}

#[test]
fn values_that_would_replace_each_other_are_refused() {
    let table = [
        ("tasks: []\nsegments: []\n", "`segments` and `tasks`"),
        ("segments: []\ntimestamp: '2025-01-01T00:00:00'\ncreated_at: x\n", "`created_at`"),
        ("segments: []\nlanguage: tr\nmetadata: {language: en}\n", "`language`"),
        ("segments:\n- parameters: [{name: a, value: 1}, {name: a, value: 2}]\n", "`a`"),
        ("segments:\n- task_type: x\n  parameters: {task_type: y}\n", "`task_type`"),
        ("segments:\n- parameters: {metadata: 1}\n  metadata: {b: 2}\n", "`metadata`"),
        ("segments:\n- parameters: [{value: 1}]\n", "the parameter has no name"),
        ("segments:\n- parameters: [[a, 1]]\n", "the parameter has no name"),
        ("segments:\n- parameters: text\n", "no list and no map"),
    ];
    for (yaml, message) in table {
        let found = refused(yaml);
        assert!(found[0].message.contains(message), "{yaml}: {found:?}");
    }
    let same = "segments:\n- task_type: x\n  parameters: {task_type: x}\nlanguage: tr\n\
                metadata: {language: tr}\n";
    let expected =
        json!({"tasks": [{"parameters": {"task_type": "x"}}], "metadata": {"language": "tr"}});
    assert_eq!(converted(same), expected);
}

#[test]
fn segments_map_field_by_field() {
    let table = [
        ("id: 7", json!({"id": "7"})),
        ("id: 1.10", json!({"id": "1.10"})),
        ("dependencies: [1, no]", json!({"dependencies": ["1", "no"]})),
        ("dependencies: null", json!({})),
        ("segment_id: a", json!({"id": "a"})),
        ("type: open", json!({"parameters": {"task_type": "open"}})),
        ("retry_count: 3", json!({"retry_count": 3})),
        ("retry_cuont: 3", json!({"retry_cuont": 3})),
        (
            "{content: a, description: b}",
            json!({"description": "b", "parameters": {"content": "a"}}),
        ),
        ("metadata: {confidence: 0.5}", json!({"parameters": {"metadata": {"confidence": 0.5}}})),
        ("parameters: [{name: a}]", json!({"parameters": {"a": null}})),
        ("just a text", json!("just a text")),
    ];
    for (segment, task) in table {
        let yaml = format!("segments:\n- {segment}\n");
        assert_eq!(converted(&yaml), json!({"tasks": [task]}), "{segment}");
    }
    assert_eq!(converted("segments: none\n"), json!({"tasks": "none"}));
    assert_eq!(converted("7"), json!(7));
}

#[test]
fn files_map_field_by_field() {
    let long = "word ".repeat(40);
    let cut = format!("{}…", "word ".repeat(24).trim_end());
    let endless = "x".repeat(300);
    let table = [
        ("version: 1.0".to_owned(), json!({"version": "1.0"})),
        (
            "created_at: 2025-04-28 00:28:21.5".into(),
            json!({"created_at": "2025-04-28T00:28:21.5Z"}),
        ),
        (
            "created_at: 2025-04-28T00:28:21+03:00".into(),
            json!({"created_at": "2025-04-28T00:28:21+03:00"}),
        ),
        ("timestamp: yesterday".into(), json!({"created_at": "yesterday"})),
        ("timestamp: null".into(), json!({})),
        ("metadata: {a: 1}".into(), json!({"metadata": {"a": 1}})),
        ("metadata: text".into(), json!({"metadata": "text"})),
        ("moed: Dream".into(), json!({"moed": "Dream"})),
        ("command: 12".into(), json!({"title": "12"})),
        ("original_command: a".into(), json!({"title": "a"})),
        (
            "command: |\n  two\n  lines".into(),
            json!({"title": "two lines", "description": "two\nlines\n"}),
        ),
        ("title: t\ncommand: c".into(), json!({"title": "t", "description": "c"})),
        (
            "title: t\ncommand: c\ndescription: d".into(),
            json!({"title": "t", "description": "d", "metadata": {"command": "c"}}),
        ),
        (format!("command: {long}"), json!({"title": cut, "description": long.trim_end()})),
        (
            format!("command: {endless}"),
            json!({"title": format!("{}…", "x".repeat(119)), "description": endless}),
        ),
    ];
    for (lines, mut file) in table {
        file["tasks"] = json!([]);
        assert_eq!(converted(&format!("{lines}\nsegments: []\n")), file, "{lines}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_json_or_a_placed_fault(
        text in "(segments:\n|tasks:\n)?([-?:&*!|>%@,{}#'\"\\[\\]<~ \t\n.0-9a-eé]|- |: |\n  ){0,60}",
    ) {
        match yaml_to_json(text.as_bytes()) {
            Ok(json) => {
                let read: Result<&serde_json::value::RawValue, _> = serde_json::from_str(&json);
                assert!(read.is_ok(), "{json}");
            }
            Err(found) => {
                assert!(!found.is_empty());
                for fault in found {
                    let inside = fault.span.start <= text.len().min(fault.span.end);
                    assert!(inside && fault.help.is_some(), "{fault:?}");
                    assert!(!fault.message.is_empty(), "{fault:?}");
                }
            }
        }
    }
}
