//! libFuzzer's way into [`fuzz::read`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::read::hold(bytes));
