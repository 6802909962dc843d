//! The JSON: texts that only look like it are refused, and values keep every byte.

use alt::{Check, Code};

use crate::{CHECK, file_with, hold_each, read, said, said_to, task_with};

/// Not JSON, wherever a value stands.
const NOT_JSON: &[&str] = &[
    // Row 4: other languages' values.
    "// c\n1",
    "/* c */ 1",
    "# c\n1",
    "'x'",
    "NaN",
    "nan",
    "-NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "0x10",
    "0o7",
    "0b1",
    "+1",
    ".5",
    "-.5",
    "5.",
    "1_000",
    "1e",
    "1e+",
    "1.e1",
    "01",
    "-01",
    "-",
    "--1",
    "1.2.3",
    "1e1.5",
    "e5",
    "0e",
    "1f",
    "1n",
    "1L",
    "１",
    "undefined",
    "None",
    "True",
    "NULL",
    "nul",
    "tru",
    "falsey",
    "truefalse",
    "`x`",
    "“x”",
    "x",
    "@",
    "$",
    "\\",
    // Row 6: lists and objects.
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[,]",
    "[1 2]",
    "[1;2]",
    "[1:2]",
    "[1}",
    "[1",
    "1]",
    "[[]",
    "[\"x\":1]",
    "{1: 1}",
    "{a: 1}",
    "{'a': 1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\" 1}",
    "{\"a\"::1}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1,,\"b\":1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\",1}",
    "{null: 1}",
    "{[]: 1}",
    "{\"a\":1]",
    "{\"a\":1",
    "{",
    "[",
    "]",
    ":",
    ",",
    "{]",
    "{}}",
    "[]]",
    "",
    "{\"a\": 1; \"b\": 2}",
    "{\"a\"=1}",
    "{\"a\"=>1}",
    "<null>",
    "(1)",
    "1,",
    "1 2",
    "[]{}",
    // Row 6: strings.
    "\"",
    "\"x",
    "x\"",
    "\"x\"\"",
    "\"\\\"",
    "\"\\x41\"",
    "\"\\a\"",
    "\"\\0\"",
    "\"\\'\"",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u12G4\"",
    "\"\\U0041\"",
    "\"\\u{41}\"",
    "\"\\ \"",
    "\"a\nb\"",
    "\"a\tb\"",
    "\"a\rb\"",
    "\"a\u{0}b\"",
    "\"a\u{1f}b\"",
    "\"\\\n\"",
    "\"x\" \"y\"",
    "\"x\" + \"y\"",
    "\"\\u-123\"",
    "\"\\u 123\"",
    // Row 6: white space that JSON does not have.
    "\u{a0}1",
    "1\u{a0}",
    "\u{c}1",
    "\u{b}1",
    "\u{2028}1",
    "\u{feff}1",
    "\u{200b}1",
    "\u{3000}1",
    "\u{0}1",
    "\u{7f}1",
    "\u{85}1",
];

/// JSON, if strange: a job gets these bytes.
const JSON: &[&str] = &[
    // Row 11: digits that no machine number holds.
    "10000000000000000000000000000000000000000",
    "-9223372036854775809",
    "18446744073709551616",
    "0.1000000000000000055511151231257827021181583404541015625",
    "3.141592653589793238462643383279502884197169399375105820974944592307816406286",
    // Row 12: beyond floating point.
    "1e400",
    "-1e400",
    "1e-400",
    "-0.0",
    "-0",
    "0e0",
    "0E+5",
    "1E1",
    "1e+01",
    "1e-00",
    "-0e-0",
    "123.456e78",
    "1e999999999999999999",
    "0.00000000000000000000000000000000000000000001",
    // Row 7: values.
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "\"\"",
    "[[]]",
    "[{}]",
    "{\"\":{}}",
    "{\"\":\"\"}",
    "[null,1,\"x\",{}]",
    "[1,[2,[3,[4]]]]",
    "{\"a\":{\"b\":{\"c\":[]}}}",
    "[ ]",
    "{ }",
    "[\n]",
    "[1 , 2\t,\r\n3 ]",
    "{ \"a\" : 1 ,\n\"b\"\t: 2 }",
    "[[],[],{}]",
    // Row 7: strings.
    "\"\\u0000\"",
    "\"\\u001f\"",
    "\"\\u007f\"",
    "\"\u{7f}\"",
    "\"\\/\"",
    "\"/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\\\\"",
    "\"\\\\u0041\"",
    "\"\\\"\"",
    "\"\\u0041\"",
    "\"\\u00e9\"",
    "\"é\"",
    "\"e\u{301}\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uD83D\\uDE00\"",
    "\"😀\"",
    "\"\\ufffe\\uffff\"",
    "\"\u{fffe}\"",
    "\"\u{10ffff}\"",
    "\"\\udbff\\udfff\"",
    "\"\u{feff}\"",
    "\"\u{2028}\u{2029}\"",
    "\"\u{202e}\"",
    "\"//\"",
    "\"/* */\"",
    "\"#\"",
    "\"'\"",
    "\"[1,]\"",
    "\"{{7*7}}\"",
    "\"${7*7}\"",
    "\"{% x %}\"",
    "\"\\u2028\"",
    "\"\\u200b\"",
    "\"$${{ x }}\"",
    "\" \"",
    "\"null\"",
    "\"NaN\"",
    // Row 34: words that mean something elsewhere.
    "{\"__proto__\":{\"x\":1}}",
    "{\"constructor\":1}",
    "{\"$ref\":\"#/x\"}",
    "{\"<<\":\"*a\"}",
    "{\"*a\":\"&a\"}",
    "{\"!!str\":1}",
    "{\"a.b\":1,\"a/b\":2,\"a~b\":3}",
    "{\"$serde_json::private::RawValue\":\"1\"}",
    "{\"$serde_json::private::Number\":\"1\"}",
    "{\"toString\":null}",
    "{\"@type\":\"x\"}",
    // Row 9: two keys that look the same, and keys that differ in case.
    "{\"é\":1,\"e\u{301}\":2}",
    "{\"A\":1,\"a\":2}",
    "{\"\":1,\" \":2}",
];

#[test]
fn what_only_looks_like_json_is_refused() {
    let mut accepted = Vec::new();
    for text in NOT_JSON {
        for whole in [
            format!(r#"{{"id": {text}, "title": "F", "tasks": []}}"#),
            task_with(&format!(r#""parameters": {{"x": {text}}}"#)),
            task_with(&format!(r#""parameters": {{"x": [{text}, 1]}}"#)),
        ] {
            let found = said(&whole);
            if found != ["ALT0102"] {
                accepted.push(format!("{whole:?}: {found:?}"));
            }
        }
    }
    assert_eq!(accepted, Vec::<String>::new());
}

#[test]
fn parameters_and_metadata_keep_every_byte() {
    for text in JSON {
        let object = format!("{{\"x\" :{text}\n, \"y\":  [{text},{text}]}}");
        let file = task_with(&format!(r#""parameters":  {object} "#));
        let report = read(file.as_bytes(), &CHECK);
        let alt = report.alt.unwrap_or_else(|| panic!("{text}: {:?}", report.diagnostics));
        let kept = alt.file().tasks[0].parameters.as_ref();
        assert_eq!(kept.map(alt::Json::text), Some(object.as_str()));

        let file = file_with(&format!("\"metadata\": {object}"));
        let alt = read(file.as_bytes(), &CHECK).alt.unwrap();
        let kept = alt.file().metadata.as_ref();
        assert_eq!(kept.map(alt::Json::text), Some(object.as_str()));
    }
}

#[test]
fn half_of_a_surrogate_pair_is_no_character() {
    // Row 5.
    let cases: &[(&str, &[&str])] = &[
        (r#"{"x": "\ud800"}"#, &["ALT0113 /tasks/0/parameters/x"]),
        (r#"{"x": "\udc00"}"#, &["ALT0113 /tasks/0/parameters/x"]),
        (r#"{"x": "\udfff"}"#, &["ALT0113 /tasks/0/parameters/x"]),
        (r#"{"x": ["a", "\ud83dx"]}"#, &["ALT0113 /tasks/0/parameters/x/1"]),
        (r#"{"x": "\ud83d\u0041"}"#, &["ALT0113 /tasks/0/parameters/x"]),
        (r#"{"x": "\ud83d\ud83d"}"#, &["ALT0113 /tasks/0/parameters/x"]),
        (r#"{"x": "\ude00\ud83d"}"#, &["ALT0113 /tasks/0/parameters/x"]),
        (r#"{"x": "\ud83d\n"}"#, &["ALT0113 /tasks/0/parameters/x"]),
        (r#"{"\ud800": 1}"#, &["ALT0113 /tasks/0/parameters"]),
        (r#"{"x": "\\ud800"}"#, &[]),
    ];
    let codes = |found: &[String]| -> Vec<String> {
        found.iter().map(|brief| brief[..7].to_owned()).collect()
    };
    for (parameters, expected) in cases {
        let found = said(task_with(&format!("\"parameters\": {parameters}")));
        let expected: Vec<_> = expected.iter().map(|&text| text.to_owned()).collect();
        if parameters.contains(r#"{"\ud800""#) {
            // The place of a key without a name is that of its object, or of the key before it.
            assert_eq!(codes(&found), codes(&expected), "{parameters}");
        } else {
            assert_eq!(found, expected, "{parameters}");
        }
    }
}

#[test]
fn a_key_stands_once_in_its_object_at_every_level() {
    // Row 8.
    let cases: &[(&str, &[&str])] = &[
        (r#"{"id": "f", "title": "F", "tasks": [], "id": "g"}"#, &["ALT0105 /id"]),
        (
            r#"{"id": "f", "title": "F", "tasks": [{"id": "t", "description": "D", "id": "u"}]}"#,
            &["ALT0105 /tasks/0/id"],
        ),
        (
            r#"{"id": "f", "title": "F", "metadata": {"a": 1, "b": {"c": 1, "c": 1}}, "tasks": []}"#,
            &["ALT0105 /metadata/b/c"],
        ),
        (
            r#"{"id": "f", "title": "F", "tasks": [{"id": "t", "description": "D",
                "parameters": {"x": [{}, {"y": 1, "z": {"y": 1}, "y": 2}]}}]}"#,
            &["ALT0105 /tasks/0/parameters/x/1/y"],
        ),
        // Written in two ways.
        (
            r#"{"id": "f", "title": "F", "metadata": {"a": 1, "\u0061": 2, "a": 3}, "tasks": []}"#,
            &["ALT0105 /metadata/a", "ALT0105 /metadata/a"],
        ),
        (
            r#"{"id": "f", "title": "F", "metadata": {"a/b~c": 1, "a/b~c": 2}, "tasks": []}"#,
            &["ALT0105 /metadata/a~1b~0c"],
        ),
    ];
    for (file, expected) in cases {
        let found = said(file);
        let errors: Vec<_> =
            found.into_iter().filter(|brief| !brief.ends_with("warning")).collect();
        assert_eq!(errors, *expected, "{file}");
    }
}

#[test]
fn a_repeated_key_shows_both_places_and_is_found_in_a_large_object() {
    let report = read(file_with(r#""metadata": {"ab": 1, "ab": 2}"#).as_bytes(), &CHECK);
    let found = &report.diagnostics[0];
    assert_eq!((found.code, found.related.len()), (Code::DuplicateKey, 1));
    assert_eq!(found.related[0].span.start + 9, found.span.start);

    let keys: Vec<_> = (0..10_000).map(|n| format!("\"k{n}\": {n}")).collect();
    let keys = keys.join(", ");
    assert_eq!(said(file_with(&format!("\"metadata\": {{{keys}}}"))), Vec::<String>::new());
    let again = said(file_with(&format!("\"metadata\": {{{keys}, \"k9999\": 1}}")));
    assert_eq!(again, ["ALT0105 /metadata/k9999"]);
}

#[test]
fn an_unknown_field_is_a_remark_and_an_error_if_strict() {
    // Row 33.
    let strict = Check { strict: true, ..CHECK };
    let cases = [
        (file_with(r#""colour": 1"#), "ALT0106 /colour"),
        (file_with(r#""a/b~": 1"#), "ALT0106 /a~1b~0"),
        (file_with(r#""__proto__": {}"#), "ALT0106 /__proto__"),
        (file_with(r#""Title": "x""#), "ALT0106 /Title"),
        (task_with(r#""depends_on": []"#), "ALT0106 /tasks/0/depends_on"),
        (task_with(r#""$ref": "x""#), "ALT0106 /tasks/0/$ref"),
    ];
    for (file, expected) in &cases {
        assert_eq!(said(file), [format!("{expected} warning")]);
        assert_eq!(said_to(file, &strict), [*expected]);
    }
    assert_eq!(said_to(file_with(r#""$schema": "x""#), &strict), Vec::<String>::new());
}

#[test]
fn a_syntax_error_hides_what_would_only_follow_from_it() {
    let cases: &[(&str, &[&str])] =
        &[(r#"{"a": 1, "a": 2"#, &["ALT0102"]), (r#"{"a": "\ud800" "b"}"#, &["ALT0102"])];
    hold_each(cases, str::to_owned);
}
