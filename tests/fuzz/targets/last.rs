//! libFuzzer's way into [`fuzz::last`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::last::hold(bytes));
