//! What was asked: the ALT file, read with positions, checked whole, turned into a graph.

mod code;
mod diagnostic;
pub mod expression;
mod graph;
mod json;
pub mod limits;
mod links;
mod model;
mod options;
mod read;
mod references;
mod render;
mod schema;
mod shape;
mod structure;
mod value;
mod visible;
mod yaml;

pub use code::{Code, UnknownCode};
pub use diagnostic::{Diagnostic, Fix, Related, Severity};
pub use graph::Graph;
pub use json::Json;
pub use model::{AltFile, Mode, Priority, Task, TaskIndex};
pub use options::{ArchiveChoice, LastOptions};
pub use read::{Alt, Check, Report, read, refused};
pub use schema::schema;
pub use shape::nearest;
pub use visible::visible;
pub use yaml::yaml_to_json;
