//! What an author writes: the Job trait, its Context, and the registry of jobs.
//!
//! A job is one async function with an attribute; nothing else has to be edited to add it:
//!
//! ```
//! use job::{Context, Error, job};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Parameters {
//!     words: Vec<String>,
//! }
//!
//! #[derive(Serialize)]
//! struct Output {
//!     sentence: String,
//! }
//!
//! #[job("join", description = "Joins words to a sentence.", timeout_seconds = 5)]
//! async fn join(parameters: Parameters, context: Context) -> Result<Output, Error> {
//!     if parameters.words.is_empty() {
//!         return Err(Error::parameter("words", "is empty; give at least one word"));
//!     }
//!     context.log(format!("{} words", parameters.words.len()));
//!     Ok(Output { sentence: parameters.words.join(" ") })
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let bench = job::testing::Bench::new()?;
//! let output = bench.run("join", r#"{"words": ["it", "works"]}"#).await?;
//! assert_eq!(output.text(), r#"{"sentence":"it works"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! A job may run more than once: a worker can die after the effect and before its report. Make the
//! effect safe to repeat, or derive a key for it from [`Context::key`].

mod code;
mod context;
mod credential;
mod declaration;
mod error;
mod hooks;
pub mod knobs;
mod log;
mod memory;
mod options;
mod registry;
mod schemas;
pub mod testing;

pub use code::Code;
pub use context::{Context, ContextParts, Outputs, Permissions};
pub use credential::{Credential, Environment};
pub use declaration::{BoxFuture, Declaration};
pub use error::Error;
pub use hooks::{Check, Job, Skip};
pub use job_macros::job;
pub use log::Log;
pub use memory::{Memory, ShortMemory};
pub use options::{Options, Rhythm};
pub use registry::{Registry, RegistryError, is_name};
pub use schemas::Schemas;

/// What the code written by [`macro@job`] calls; not for people.
#[doc(hidden)]
pub mod macros_support {
    pub use alt::Priority;
    pub use inventory;
    pub use protocol::Misfire;

    pub use crate::schemas::{Described, Probe, Undescribed};

    /// What an async function gives back when all is well.
    pub trait Fallible {
        /// The output.
        type Output;
    }

    impl<T> Fallible for Result<T, crate::Error> {
        type Output = T;
    }
}
