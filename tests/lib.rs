//! Promises are tested in `main.rs`; this library is empty.
