//! Texts as vectors.

use serde::{Deserialize, Serialize};

use crate::{Error, Service, Usage};

/// Bytes of an answer: two thousand texts of three thousand numbers, as services write them.
const ANSWER_BYTES: usize = 128 * 1024 * 1024;

/// What is to be turned into vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Embed {
    /// The model, as the service names it.
    pub model: String,
    /// The texts, none of them empty; how many at once is for the service to bound.
    pub input: Vec<String>,
    /// How many numbers a vector is to have; the model's own count if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
}

/// Texts as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One for each text, in their order, all of one length.
    pub vectors: Vec<Vec<f32>>,
    /// The model that answered; the one that was asked if the service does not say.
    pub model: String,
    /// What it cost, if the service says so.
    pub usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    data: Vec<Placed>,
    model: Option<String>,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Placed {
    index: usize,
    embedding: Vec<f32>,
}

impl Service {
    /// Turns texts into vectors: `POST …/embeddings`. One request, whatever comes of it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn embed(&self, embed: &Embed) -> Result<Embeddings, Error> {
        let mut answer: Answer = self.post("embeddings", embed, ANSWER_BYTES).await?;
        answer.data.sort_by_key(|placed| placed.index);
        let each_once = answer.data.iter().map(|placed| placed.index).eq(0..embed.input.len());
        let length = answer.data.first().map_or(0, |placed| placed.embedding.len());
        let alike = answer.data.iter().all(|placed| placed.embedding.len() == length);
        if !each_once || !alike {
            let why = format!("there is not one vector for each of {} texts", embed.input.len());
            return Err(Error::Garbled(why));
        }
        let model = answer.model.filter(|model| !model.is_empty());
        Ok(Embeddings {
            vectors: answer.data.into_iter().map(|placed| placed.embedding).collect(),
            model: model.unwrap_or_else(|| embed.model.clone()),
            usage: answer.usage,
        })
    }
}
