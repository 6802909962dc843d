//! The shapes of what a job takes and gives, where its types describe themselves.

use std::marker::PhantomData;

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

/// JSON Schemas of a job; `true`, which is anything, where a type does not derive
/// [`JsonSchema`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schemas {
    /// What a task gives.
    pub parameters: Value,
    /// What it gets back.
    pub output: Value,
}

/// Asks a type for its schema without demanding that it has one: the method of [`Described`] is found
/// first where its bound holds, else the one of [`Undescribed`].
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// Of this type.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only the macro makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A type that describes itself.
pub trait Described {
    /// Its schema.
    fn schema(&self) -> Value;
}

impl<T: JsonSchema> Described for Probe<T> {
    fn schema(&self) -> Value {
        schema_for!(T).to_value()
    }
}

/// Any other type.
pub trait Undescribed {
    /// Anything.
    fn schema(&self) -> Value;
}

impl<T> Undescribed for &Probe<T> {
    fn schema(&self) -> Value {
        Value::Bool(true)
    }
}
