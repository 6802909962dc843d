//! libFuzzer's way into [`fuzz::yaml`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::yaml::hold(bytes));
