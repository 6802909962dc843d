//! `agent_account_deployer`: deploys the account contract of an agent, unless it is there.

use job::{Check, Context, Error, Job, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{self, Call, Doubt, Sent, check_principal, send};
use crate::fingerprint::fingerprint;

const SCRIPT: &str = "aibtc-cohort-0/contract-tools/deploy-agent-account.ts";

/// The agent's address on the worker's network is used.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    owner_address: String,
    agent_mainnet_address: Option<String>,
    agent_testnet_address: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    agent_address: String,
    network: String,
    sent: Sent,
    /// Whether an earlier attempt had deployed it.
    before: bool,
}

/// A contract that is there already is what was wanted, so a call whose end was not seen is repeated.
#[derive(Default)]
struct AgentAccountDeployer;

/// Deploys the account contract of an agent.
#[job(
    "agent_account_deployer",
    queue = "agent_account_deploy",
    aliases = ["agent_account_deploy"],
    interval_seconds = 60,
    max_retries = 2,
    retry_delay_seconds = 180,
    timeout_seconds = 120,
    max_concurrent = 1,
    batch_size = 5,
    requires_blockchain = true,
    requires_wallet = true
)]
impl Job for AgentAccountDeployer {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Ok(contract::check(context)?)
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        let Parameters { owner_address, agent_mainnet_address, agent_testnet_address } = parameters;
        let network = contract::network(&context)?;
        let (name, agent) = match network {
            "mainnet" => ("agent_mainnet_address", agent_mainnet_address),
            _ => ("agent_testnet_address", agent_testnet_address),
        };
        let Some(agent) = agent else {
            let problem = format!("is missing; the worker's network is {network}");
            return Err(Error::parameter(name, problem));
        };
        check_principal("owner_address", &owner_address)?;
        check_principal(name, &agent)?;
        let call = Call {
            key: fingerprint("account", &[network, &owner_address, &agent]),
            script: SCRIPT,
            args: vec![owner_address, agent.clone(), network.to_owned()],
            doubt: Doubt::Exists,
        };
        let (sent, before) = send(&call, &context).await?;
        Ok(Output { agent_address: agent, network: network.to_owned(), sent, before })
    }
}
