//! `dao_proposal_embedder`: vectors of the proposals that are new or have changed.

use std::collections::BTreeSet;

use alt::Json;
use job::{Check, Context, Error, Job, Skip, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fingerprint::fingerprint;
use crate::model::Model;

const ADDRESS: &str = "AI_EMBEDDINGS_URL";
const MODEL: &str = "AI_EMBEDDINGS_MODEL";
const DEFAULT_MODEL: &str = "text-embedding-ada-002";
/// The file of the vectors.
const FILE: &str = "embeddings.jsonl";
/// Texts of one request.
const TEXTS: usize = 50;
const PROPOSALS: usize = 1000;

/// Proposals as they are; what else their records hold is not looked at.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    proposals: Vec<Proposal>,
    model: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Proposal {
    id: String,
    title: Option<String>,
    content: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    action: Option<String>,
    summary: Option<String>,
}

impl Proposal {
    /// What of it the model reads.
    fn text(&self) -> String {
        let parts = [
            ("Title", &self.title),
            ("Content", &self.content),
            ("Type", &self.kind),
            ("Action", &self.action),
            ("Summary", &self.summary),
        ];
        let parts = parts.into_iter().filter_map(|(name, part)| {
            let part = part.as_deref()?.trim();
            (!part.is_empty()).then(|| format!("{name}: {part}"))
        });
        parts.collect::<Vec<_>>().join("\n")
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    embedded: usize,
    /// Those whose vectors an earlier task has given back.
    unchanged: usize,
    /// Those without a word in them.
    empty: usize,
    model: String,
    /// Numbers of one vector; 0 when there is none.
    dimensions: usize,
    /// A line `{"id", "model", "embedding"}` for each that was embedded.
    files: Vec<&'static str>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    model: &'a str,
    embedding: &'a [f32],
}

/// What is remembered of a proposal.
#[derive(Debug, Serialize, Deserialize)]
struct Embedded {
    /// Of its text and of the model.
    text: String,
    /// Who gave the vector back; an attempt of the same task that is repeated does so again.
    task: String,
}

/// A proposal to be embedded.
struct New<'a> {
    proposal: &'a Proposal,
    text: String,
    key: String,
    mark: Embedded,
}

#[derive(Default)]
struct DaoProposalEmbedder;

/// Embeds the proposals that are new or have changed.
#[job(
    "dao_proposal_embedder",
    queue = "dao_proposal_embedder",
    aliases = ["proposal_embedder"],
    interval_seconds = 300,
    priority = "low",
    max_retries = 3,
    retry_delay_seconds = 60,
    timeout_seconds = 180,
    max_concurrent = 1,
    batch_size = 10,
    requires_ai = true
)]
impl Job for DaoProposalEmbedder {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Model::of(ADDRESS, context)?;
        Ok(())
    }

    async fn validate_resources(&self, context: &Context) -> Check {
        // The prerequisites come after this, and a probe while the job rests would prolong the rest.
        context.check_cooled_down().await?;
        Model::of(ADDRESS, context)?.probe().await?;
        Ok(())
    }

    async fn validate_task_specific(&self, parameters: &Parameters, _context: &Context) -> Check {
        if parameters.proposals.is_empty() {
            return Err(Skip::because("there are no proposals"));
        }
        Ok(())
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        check(&parameters.proposals)?;
        let model = parameters.model.as_deref().or_else(|| context.variable(MODEL));
        let model = model.unwrap_or(DEFAULT_MODEL).to_owned();
        let (new, empty) = changed(&parameters.proposals, &model, &context).await?;
        let embedded = new.len();
        let unchanged = parameters.proposals.len() - embedded - empty;
        let (mut lines, mut dimensions) = (String::new(), 0);
        let service = Model::of(ADDRESS, &context)?;
        for some in new.chunks(TEXTS) {
            let texts: Vec<&str> = some.iter().map(|new| new.text.as_str()).collect();
            for (new, embedding) in some.iter().zip(service.embed(&model, &texts).await?) {
                dimensions = embedding.len();
                let id = &new.proposal.id;
                let line = Line { id, model: &model, embedding: &embedding };
                lines.push_str(Json::from_value(&line)?.text());
                lines.push('\n');
            }
        }
        let mut files = Vec::new();
        if embedded > 0 {
            let written = tokio::fs::write(context.scratch()?.join(FILE), lines).await;
            written.map_err(|fault| Error::Unavailable(format!("{FILE}: {fault}")))?;
            files.push(FILE);
        }
        for new in &new {
            context.remember(&new.key, &new.mark).await?;
        }
        Ok(Output { embedded, unchanged, empty, model, dimensions, files })
    }
}

fn check(proposals: &[Proposal]) -> Result<(), Error> {
    if proposals.len() > PROPOSALS {
        let problem = format!("are {}; at most {PROPOSALS}", proposals.len());
        return Err(Error::parameter("proposals", problem));
    }
    let mut ids = BTreeSet::new();
    match proposals.iter().position(|proposal| !ids.insert(proposal.id.as_str())) {
        Some(index) => {
            let problem = format!("`{}` is given twice", proposals[index].id);
            Err(Error::parameter(format!("proposals.{index}.id"), problem))
        }
        None => Ok(()),
    }
}

/// Those that are not remembered as they are, and how many have nothing to embed.
async fn changed<'a>(
    proposals: &'a [Proposal],
    model: &str,
    context: &Context,
) -> Result<(Vec<New<'a>>, usize), Error> {
    let task = format!("{}-{}", context.key().run, context.key().task.0);
    let (mut new, mut empty) = (Vec::new(), 0);
    for proposal in proposals {
        let text = proposal.text();
        if text.is_empty() {
            empty += 1;
            continue;
        }
        let key = fingerprint("proposal", &[&proposal.id]);
        let mark = Embedded { text: fingerprint("text", &[model, &text]), task: task.clone() };
        let known = context.recall::<Embedded>(&key).await?;
        if known.is_none_or(|known| known.text != mark.text || known.task == mark.task) {
            new.push(New { proposal, text, key, mark });
        }
    }
    Ok((new, empty))
}
