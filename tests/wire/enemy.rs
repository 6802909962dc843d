//! Bytes that are no message, and ids of runs that nobody submitted.

use serde_json::json;

use super::pack::{submission, verdict};

/// Bytes that look like nothing, the same in every run of a test.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    });
    next.flatten().take(length).collect()
}

/// An id in the form of a run's.
pub(super) fn stranger(number: usize) -> String {
    format!("0190{number:028x}")
}

/// What is not a message of any kind, by what is wrong with it.
pub(super) fn junk() -> Vec<(&'static str, Vec<u8>)> {
    let whole = submission(&stranger(999_999), b"{}");
    let cut = whole[..whole.len() / 2].to_vec();
    let mut longer = whole.clone();
    longer.extend(b"more");
    let (mut later, mut earlier) = (whole.clone(), whole);
    (later[0], earlier[0]) = (2, 0);
    vec![
        ("empty", Vec::new()),
        ("a version and nothing else", vec![1]),
        ("noise", noise(300)),
        ("much noise", noise(700_000)),
        ("another schema", json!({"hello": ["world"], "run": 7}).to_string().into()),
        (
            "a confirmation",
            json!({"stream": "RUN", "seq": 7, "duplicate": true}).to_string().into(),
        ),
        ("a later version", later),
        ("an earlier version", earlier),
        ("cut off", cut),
        ("more than a message", longer),
        ("of another kind", verdict(&stranger(999_998), 0, 1, "1")),
        // Lengths that nothing follows, and a depth that nobody needs.
        ("a map of four milliards", [&[1, 0xdf][..], &[0xff; 4]].concat()),
        ("text of four milliards", [&[1, 0xdb][..], &[0xff; 4]].concat()),
        ("a hundred thousand lists", [&[1][..], &[0x91; 100_000]].concat()),
        ("lists of JSON", vec![b'['; 100_000]),
    ]
}
