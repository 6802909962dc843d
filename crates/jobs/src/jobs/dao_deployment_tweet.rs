//! `dao_deployment_tweet`: what to post of a DAO that was deployed, in the form that `tweet` takes.

use job::{Check, Context, Error, Job, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Model;
use crate::posts::split;

const ADDRESS: &str = "AI_CHAT_URL";
const MODEL: &str = "AI_MODEL";
const DEFAULT_MODEL: &str = "gpt-4o-mini";
/// More posts than this are no announcement.
const POSTS: usize = 3;
const INSTRUCTIONS: &str = "You write posts for Twitter that announce a DAO which was just deployed. \
                            Answer with the text of one post of at most 280 characters and nothing \
                            else: no quotation marks around it, no explanation. Say only what the \
                            facts say.";

/// What is known of the DAO.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mission: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The parameters of `tweet`, and nothing else, so that it takes them by one reference.
#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    posts: Vec<String>,
}

#[derive(Default)]
struct DaoDeploymentTweet;

/// Writes the announcement of a DAO, in the form that `tweet` takes.
#[job(
    "dao_deployment_tweet",
    queue = "dao_deployment_tweet",
    aliases = ["dao_tweet"],
    interval_seconds = 60,
    max_retries = 3,
    retry_delay_seconds = 60,
    timeout_seconds = 180,
    max_concurrent = 1,
    batch_size = 5,
    requires_ai = true
)]
impl Job for DaoDeploymentTweet {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Model::of(ADDRESS, context)?;
        Ok(())
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        if parameters.name.trim().is_empty() {
            return Err(Error::parameter("name", "is empty"));
        }
        let facts = alt::Json::from_value(&parameters)?;
        let model = context.variable(MODEL).unwrap_or(DEFAULT_MODEL);
        let service = Model::of(ADDRESS, &context)?;
        let instructions = match context.persona() {
            Some(persona) => format!("{INSTRUCTIONS} Write as this persona: {persona}"),
            None => INSTRUCTIONS.to_owned(),
        };
        let said = service.answer(model, &instructions, facts.text()).await?;
        let posts = split(unquoted(said.trim()));
        if posts.is_empty() || posts.len() > POSTS {
            let problem = format!("the model wrote {} posts; 1 to {POSTS} are one", posts.len());
            return Err(Error::failed(problem));
        }
        Ok(Output { posts })
    }
}

/// Models quote what they were told not to.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).map_or(text, str::trim)
}
