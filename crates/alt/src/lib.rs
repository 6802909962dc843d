//! What was asked: the ALT file, read with positions, checked whole, turned into a graph.

mod json;
mod model;

pub use json::Json;
pub use model::{AltFile, Mode, Priority, Task, TaskIndex};
