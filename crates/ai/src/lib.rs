//! How models are called: chat and embeddings over the interface that most services speak.
//!
//! One call is one request. Whether to ask again, and when, is left to the caller: an [`Error`] says
//! what there is to decide by.

mod chat;
mod embed;
mod error;
mod place;
mod service;

pub use chat::{Chat, Message, Reply, Role};
pub use embed::{Embed, Embeddings};
pub use error::Error;
pub use service::{Service, SettingError, Settings, Usage};
