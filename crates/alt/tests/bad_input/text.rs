//! The bytes: encodings, cut files, what follows the file, nesting, size.

use alt::{Code, limits};

use crate::{CHECK, file_with, read, said};

/// Every kind of value, an escape and letters of two, three and four bytes.
const WHOLE: &str = r#"{
  "id": "é", "title": "語 😀", "metadata": {"a": [1, -2.5e3, true, false, null]},
  "tasks": [
    {"id": "a", "description": "A \" \u00e9 \ud83d\ude00"},
    {"id": "b", "description": "B", "dependencies": ["a"], "parameters": {"x": {}}}
  ]
}
"#;

#[test]
fn a_text_that_is_no_object_is_refused() {
    // Row 1.
    let cases: &[(&str, &str)] = &[
        ("", "ALT0102 1:1"),
        ("   \n ", "ALT0102 2:1"),
        ("null", "ALT0103 1:1"),
        ("[]", "ALT0103 1:1"),
        ("\"x\"", "ALT0103 1:1"),
        ("7", "ALT0103 1:1"),
        ("true", "ALT0103 1:1"),
        ("é", "ALT0102 1:1"),
    ];
    for (text, expected) in cases {
        let report = read(text.as_bytes(), &CHECK);
        let [found] = report.diagnostics.as_slice() else {
            panic!("{text}: {report:?}");
        };
        let found = format!("{} {}:{}", found.code, found.line, found.column);
        assert_eq!(found, *expected, "{text:?}");
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused_where_it_was_cut() {
    // Row 2.
    assert_eq!(said(WHOLE), Vec::<String>::new());
    for cut in 0..WHOLE.trim_end().len() {
        let report = read(&WHOLE.as_bytes()[..cut], &CHECK);
        let [found] = report.diagnostics.as_slice() else {
            panic!("cut at {cut}: {report:?}");
        };
        let Some(text) = WHOLE.get(..cut) else {
            assert_eq!(found.code, Code::Encoding, "cut at {cut}");
            continue;
        };
        assert_eq!(found.code, Code::Syntax, "cut at {cut}");
        let lines = text.matches('\n').count() + 1;
        assert!(found.line == lines || found.line + 1 == lines, "cut at {cut}: {found:?}");
    }
}

#[test]
fn a_file_ends_where_its_object_ends() {
    // Row 3.
    let whole = file_with("");
    for after in ["x", "{}", "]", "}", ",", "\0", &whole] {
        assert_eq!(said(format!("{whole} {after}")), ["ALT0102"], "{after:?}");
    }
    assert_eq!(said(format!(" \r\n\t{whole}\r\n\t ")), Vec::<String>::new());
}

#[test]
fn what_is_not_plain_utf_8_is_refused_by_its_first_wrong_byte() {
    // Row 5.
    let whole = file_with("");
    let utf_16 =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { whole.encode_utf16().flat_map(bytes).collect() };
    let title = |bytes: &[u8]| [b"{\"title\": \"", bytes, b"\"}"].concat();
    let cases: &[(&str, Vec<u8>, usize)] = &[
        ("mark of UTF-8", [b"\xef\xbb\xbf", whole.as_bytes()].concat(), 1),
        ("UTF-16, little end first", utf_16(u16::to_le_bytes), 1),
        ("UTF-16, big end first", utf_16(u16::to_be_bytes), 1),
        ("mark of UTF-16", [b"\xff\xfe".to_vec(), utf_16(u16::to_le_bytes)].concat(), 1),
        ("other mark of UTF-16", [b"\xfe\xff".to_vec(), utf_16(u16::to_be_bytes)].concat(), 1),
        ("NUL", vec![0; 100], 1),
        ("Latin-1", title(b"caf\xe9"), 15),
        ("overlong slash", title(b"\xc0\xaf"), 12),
        ("overlong NUL", title(b"\xe0\x80\x80"), 12),
        ("surrogate", title(b"\xed\xa0\x80"), 12),
        ("beyond Unicode", title(b"\xf4\x90\x80\x80"), 12),
        ("lone continuation", title(b"\x80"), 12),
        ("never a byte of UTF-8", title(b"\xff"), 12),
        ("after a letter of two bytes", title(b"\xc3\xa9\xe9"), 13),
    ];
    for (what, bytes, column) in cases {
        let report = read(bytes, &CHECK);
        assert_eq!(report.diagnostics.len(), 1, "{what}");
        let found = &report.diagnostics[0];
        assert_eq!((found.code, found.line), (Code::Encoding, 1), "{what}");
        assert_eq!(found.column, *column, "{what}");
    }
    let marked = read(&cases[0].1, &CHECK);
    assert!(marked.diagnostics[0].message.contains("byte order mark"));
}

#[test]
fn brackets_are_nested_64_deep_at_most_whatever_follows() {
    // Row 10.
    let flood = "{\"a\":".repeat(10 * 1024 * 1024 / 5);
    let lists = "[".repeat(100_000);
    let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (text, column) in [(&flood, 64 * 5 + 1), (&lists, 65), (&closed, 65)] {
        let report = read(text.as_bytes(), &CHECK);
        assert_eq!(report.diagnostics.len(), 1);
        let found = &report.diagnostics[0];
        assert_eq!((found.code, found.line), (Code::Depth, 1));
        assert_eq!(found.column, column);
        assert_eq!(found.pointer.matches('/').count(), 64);
    }
    // The object of the file is the first level, `metadata` the second.
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        said(file_with(&format!(r#""metadata": {{"x": {open}{close}}}"#)))
    };
    assert_eq!(nested(limits::DEPTH - 2), Vec::<String>::new());
    assert_eq!(nested(limits::DEPTH - 1).len(), 1);
}

#[test]
fn a_file_above_the_limit_is_refused_unread() {
    // Row 37. Spaces alone would be a syntax error.
    let bytes = vec![b' '; limits::FILE_BYTES + 1];
    assert_eq!(said(&bytes), ["ALT0401"]);
}

#[test]
fn what_is_compressed_is_not_text() {
    // Row 37. Nothing is ever unpacked, so nothing can burst.
    for magic in [b"\x1f\x8b\x08\x00".as_slice(), b"\x28\xb5\x2f\xfd", b"PK\x03\x04\xff"] {
        assert_eq!(said(magic), ["ALT0101"], "{magic:?}");
    }
}

#[test]
fn yaml_is_read_without_its_traps() {
    // Row 47.
    let refused = [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "base: &base {a: 1}\ntask:\n  <<: *base\n",
        "a: !!python/object/apply:os.system [ls]\n",
        "a:\n\t- 1\n",
        "a: 1\na: 2\n",
        "--- {a: 1}\n--- {b: 1}\n",
        "a: .nan\n",
        "a: [1\n",
    ];
    for text in refused {
        let found = alt::yaml_to_json(text.as_bytes()).unwrap_err();
        assert!(found.iter().all(|found| found.code == Code::Yaml), "{text}: {found:?}");
        assert!(found[0].line >= 1, "{text}");
    }
    let json = alt::yaml_to_json(b"tasks: []\nmetadata: {a: no, b: 12345678901234567890123}\n");
    let json = json.unwrap();
    assert!(json.contains(r#""a": "no""#), "{json}");
    assert!(json.contains("12345678901234567890123"), "{json}");
}
