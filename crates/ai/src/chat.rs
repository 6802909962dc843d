//! A conversation with a model, and what it says next.

use serde::{Deserialize, Serialize};

use crate::{Error, Service, Usage};

/// Bytes of an answer: far more than a model says in one go.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chat {
    /// The model, as the service names it.
    pub model: String,
    /// What was said so far.
    pub messages: Vec<Message>,
    /// How freely it chooses its words, 0 to 2; its own default if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The most tokens that it may answer; its own bound if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// By whom.
    pub role: Role,
    /// What.
    pub content: String,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Whoever set the model its task.
    System,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its words; never blank.
    pub text: String,
    /// The model that answered, as the service names it; the one that was asked if it does not.
    pub model: String,
    /// Why it stopped: `stop`, `length` and others.
    pub finish_reason: Option<String>,
    /// What it cost, if the service says so.
    pub usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    model: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    message: Said,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Said {
    content: Option<String>,
}

impl Service {
    /// Asks a model: `POST …/chat/completions`. One request, whatever comes of it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn chat(&self, chat: &Chat) -> Result<Reply, Error> {
        let answer: Answer = self.post("chat/completions", chat, ANSWER_BYTES).await?;
        let Some(Choice { message, finish_reason }) = answer.choices.into_iter().next() else {
            return Err(Error::Garbled("there is no choice in it".to_owned()));
        };
        let text = message.content.filter(|text| !text.trim().is_empty());
        let text = text.ok_or_else(|| Error::Garbled("there is no text in it".to_owned()))?;
        let model = answer.model.filter(|model| !model.is_empty());
        let model = model.unwrap_or_else(|| chat.model.clone());
        Ok(Reply { text, model, finish_reason, usage: answer.usage })
    }
}
