//! libFuzzer's way into [`fuzz::subject`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::subject::hold(bytes));
