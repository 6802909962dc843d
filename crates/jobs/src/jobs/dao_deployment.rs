//! `dao_deployment`: deploys the contracts of a DAO from its seven settings.

use job::{Check, Context, Error, Job, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::{self, Call, Doubt, Sent, check_principal, send};
use crate::fingerprint::fingerprint;

const SCRIPT: &str = "stacks-contracts/deploy-dao.ts";
/// In the order in which the script takes them.
const SETTINGS: [&str; 7] = [
    "token_symbol",
    "token_name",
    "token_description",
    "token_max_supply",
    "token_decimals",
    "origin_address",
    "mission",
];

/// The settings are `token_symbol`, `token_name`, `token_description`, `token_max_supply`,
/// `token_decimals`, `origin_address` and `mission`, as a message of the queue has them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    parameters: Map<String, Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    token_symbol: String,
    network: String,
    sent: Sent,
    /// Whether an earlier attempt had deployed it.
    before: bool,
}

/// Contracts that are there already are what was wanted, so a call whose end was not seen is repeated.
#[derive(Default)]
struct DaoDeployment;

/// Deploys the contracts of a DAO.
#[job(
    "dao_deployment",
    queue = "dao_deployment",
    aliases = ["dao"],
    interval_seconds = 60,
    priority = "high",
    max_retries = 2,
    retry_delay_seconds = 120,
    timeout_seconds = 600,
    max_concurrent = 1,
    batch_size = 1,
    requires_blockchain = true,
    requires_wallet = true
)]
impl Job for DaoDeployment {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Ok(contract::check(context)?)
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        let args = settings(&parameters.parameters)?;
        check_principal("parameters.origin_address", &args[5])?;
        let (network, token_symbol) = (contract::network(&context)?, args[0].clone());
        let texts: Vec<&str> =
            [network].into_iter().chain(args.iter().map(String::as_str)).collect();
        let call = Call {
            key: fingerprint("dao", &texts),
            script: SCRIPT,
            args: args.to_vec(),
            doubt: Doubt::Exists,
        };
        let (sent, before) = send(&call, &context).await?;
        Ok(Output { token_symbol, network: network.to_owned(), sent, before })
    }
}

/// All seven as texts, none of which a program could take for an option.
fn settings(given: &Map<String, Value>) -> Result<[String; 7], Error> {
    let text = |name: &str| match given.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
        _ => None,
    };
    let missing: Vec<&str> = SETTINGS.into_iter().filter(|name| text(name).is_none()).collect();
    if !missing.is_empty() {
        let problem = format!("has no {}; each is a text or a whole number", missing.join(", "));
        return Err(Error::parameter("parameters", problem));
    }
    if let Some(name) = given.keys().find(|name| !SETTINGS.contains(&name.as_str())) {
        let problem = format!("is unknown; there are {}", SETTINGS.join(", "));
        return Err(Error::parameter(format!("parameters.{name}"), problem));
    }
    let settings = SETTINGS.map(|name| text(name).unwrap_or_default());
    for (name, text) in SETTINGS.iter().zip(&settings) {
        let number = ["token_max_supply", "token_decimals"].contains(name);
        if number && !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let problem = "is not a whole number from 0";
            return Err(Error::parameter(format!("parameters.{name}"), problem));
        }
        if text.starts_with('-') {
            return Err(Error::parameter(format!("parameters.{name}"), "begins with `-`"));
        }
    }
    Ok(settings)
}
