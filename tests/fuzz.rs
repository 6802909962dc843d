//! What holds for any bytes, on the kept samples and on random changes of them.
//!
//! libFuzzer runs the same modules for as long as one likes: `just fuzz`.
#![expect(unreachable_pub, reason = "the same files are a library for libFuzzer")]
#![expect(clippy::expect_used, reason = "a test fails by panicking, in what it calls as well")]

mod codec;
mod expression;
mod last;
mod read;
mod subject;
mod yaml;

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

use crate::source::root;

/// Changed samples that a target is tried with: a second or two of a debug build.
const CASES: u32 = 20_000;

/// The same where each has a template engine read it.
const FEW_CASES: u32 = 2_000;

/// Pieces that readers treat in a way of their own.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"-",
    b"#",
    b"&a ",
    b"*a",
    b"|\n",
    b"? ",
    b"'",
    b"${{",
    b"}}",
    b"$${{",
    b" tasks.a.output ",
    b"|",
    b"(",
    b".",
    b"*",
    b">",
    b"0",
    b"+1",
    b"-0.0",
    b"1e400",
    b"18446744073709551616",
    b"null",
    b"true",
    b"\x00",
    b"\x1b",
    b"\x7f",
    b"\xff",
    b"\xc3\xa9",
    b"\xef\xbb\xbf",
    b"\xdf\xff\xff\xff",
    b"../",
    b"%2e",
];

/// One change of a sample; places are fractions of its length.
#[derive(Debug, Clone)]
enum Change {
    /// Some bytes are gone.
    Cut(Index, u8),
    /// Some bytes stand there twice.
    Double(Index, u8),
    /// A byte is another.
    Byte(Index, u8),
    /// A piece is put in.
    Piece(Index, Index),
    /// The rest of another sample follows.
    Splice(Index, Index, Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<Index>;
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, length)| Change::Cut(at, length)),
        (at(), any::<u8>()).prop_map(|(at, length)| Change::Double(at, length)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), at()).prop_map(|(at, piece)| Change::Piece(at, piece)),
        (at(), at(), at()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
    ];
    vec(change, 0..8)
}

/// `bytes` after one change; `samples` are those of its target.
fn changed(mut bytes: Vec<u8>, change: &Change, samples: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: &Index, length: usize| at.index(length + 1);
    let length = bytes.len();
    match change {
        Change::Cut(at, many) => {
            let from = place(at, length);
            bytes.drain(from..length.min(from + usize::from(*many)));
        }
        Change::Double(at, many) => {
            let from = place(at, length);
            let again = bytes[from..length.min(from + usize::from(*many))].to_vec();
            bytes.splice(from..from, again);
        }
        Change::Byte(at, byte) => {
            if let Some(there) = bytes.get_mut(place(at, length)) {
                *there = *byte;
            }
        }
        Change::Piece(at, piece) => {
            let from = place(at, length);
            bytes.splice(from..from, piece.get(PIECES).iter().copied());
        }
        Change::Splice(at, other, from) => {
            let other = other.get(samples);
            bytes.truncate(place(at, length));
            bytes.extend_from_slice(&other[place(from, other.len())..]);
        }
    }
    bytes
}

/// The samples kept for a target, in the order of their names.
fn samples(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/fuzz/corpus").join(target);
    let entries = folder.read_dir().unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{}: too few samples", folder.display());
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Holds a target to its word: each sample, then changed samples and bytes out of nowhere.
fn try_out(target: &str, cases: u32, hold: fn(&[u8])) {
    let samples = samples(target);
    for sample in &samples {
        hold(sample);
    }
    let of_a_sample = (any::<Index>(), changes()).prop_map({
        let samples = samples.clone();
        move |(sample, changes)| {
            let sample = sample.get(&samples).clone();
            changes.iter().fold(sample, |bytes, change| changed(bytes, change, &samples))
        }
    });
    let tried = prop_oneof![9 => of_a_sample, 1 => vec(any::<u8>(), 0..64)];
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let held = TestRunner::new(config).run(&tried, |bytes| {
        hold(&bytes);
        Ok(())
    });
    if let Err(error) = held {
        panic!("{target}: {error}");
    }
}

#[test]
fn any_bytes_are_a_message_or_an_error() {
    try_out("codec", CASES, codec::hold);
}

#[test]
fn any_parameters_resolve_or_say_why_not() {
    try_out("expression", FEW_CASES, expression::hold);
}

#[test]
fn any_bytes_are_a_result_that_holds_or_problems_that_are_told() {
    try_out("last", CASES, last::hold);
}

#[test]
fn any_bytes_are_a_request_or_faults_that_are_shown() {
    try_out("read", CASES, read::hold);
}

#[test]
fn a_subject_is_read_as_it_is_written_and_only_so() {
    try_out("subject", CASES, subject::hold);
}

#[test]
fn any_yaml_is_json_or_faults_that_are_shown() {
    try_out("yaml", CASES, yaml::hold);
}
