//! What holds for any bytes, for libFuzzer; the same modules are tests in `tests/fuzz.rs`.

pub mod codec;
pub mod expression;
pub mod last;
pub mod read;
pub mod subject;
pub mod yaml;
