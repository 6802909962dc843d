//! What AI tasks used, told from their outputs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::escape::cut;
use crate::model::TaskResult;

/// Models that are listed one by one.
const LISTED: usize = 50;
/// Columns of a model's name.
const NAME_COLUMNS: usize = 80;

/// Requests and tokens by model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage(BTreeMap<String, Used>);

/// What one model was used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Used {
    pub(super) tasks: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// In US dollars; 0 when no output names a cost.
    pub(super) cost_usd: f64,
}

/// The part of an output that tells what a model used, in the words of the common services.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Tokens>,
    #[serde(default)]
    cost_usd: Option<f64>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default, alias = "prompt_tokens")]
    input_tokens: Option<u64>,
    #[serde(default, alias = "completion_tokens")]
    output_tokens: Option<u64>,
}

impl Usage {
    /// Takes note of what the output of `task` says, if it says something.
    pub(super) fn note(&mut self, task: &TaskResult) {
        let Some(output) = &task.output else { return };
        // Most outputs are no answers of a model, and need not be read.
        if !output.text().contains("\"usage\"") {
            return;
        }
        let Ok(Said { model, usage: Some(tokens), cost_usd }) = output.read::<Said>() else {
            return;
        };
        let name = model.map_or_else(|| "(unnamed)".to_owned(), |name| cut(&name, NAME_COLUMNS));
        let known = self.0.len() < LISTED || self.0.contains_key(&name);
        let used = self.0.entry(if known { name } else { "(others)".to_owned() }).or_default();
        used.tasks += 1;
        used.input_tokens = used.input_tokens.saturating_add(tokens.input_tokens.unwrap_or(0));
        used.output_tokens = used.output_tokens.saturating_add(tokens.output_tokens.unwrap_or(0));
        used.cost_usd += cost_usd.filter(|cost| cost.is_finite()).unwrap_or(0.0);
    }

    /// By model's name.
    pub(super) fn models(&self) -> impl Iterator<Item = (&str, Used)> {
        self.0.iter().map(|(name, used)| (name.as_str(), *used))
    }
}
