//! `dao_proposal_conclude`: concludes a proposal once its time has come.

use job::{Check, Context, Error, Job, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{self, Call, Doubt, Sent, check_principal, send};
use crate::fingerprint::fingerprint;

const SCRIPT: &str = "aibtc-cohort-0/dao-tools/extensions/action-proposal-voting/public/\
                      conclude-action-proposal.ts";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Its number in the contract.
    proposal_id: u64,
    voting_contract: String,
    /// What is carried out when the proposal has passed.
    action_contract: String,
    token_contract: String,
    /// Sends what an earlier attempt may have sent.
    #[serde(default)]
    again: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    proposal_id: u64,
    sent: Sent,
    /// Whether an earlier attempt had sent it.
    before: bool,
}

#[derive(Default)]
struct DaoProposalConclude;

/// Concludes a proposal of a DAO.
#[job(
    "dao_proposal_conclude",
    queue = "dao_proposal_conclude",
    interval_seconds = 60,
    max_retries = 2,
    retry_delay_seconds = 90,
    timeout_seconds = 240,
    max_concurrent = 1,
    batch_size = 2,
    requires_blockchain = true,
    requires_wallet = true,
    idempotent = false
)]
impl Job for DaoProposalConclude {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Ok(contract::check(context)?)
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        let Parameters { proposal_id, voting_contract, action_contract, token_contract, again } =
            parameters;
        check_principal("voting_contract", &voting_contract)?;
        check_principal("action_contract", &action_contract)?;
        check_principal("token_contract", &token_contract)?;
        let (network, number) = (contract::network(&context)?, proposal_id.to_string());
        let call = Call {
            key: fingerprint("conclude", &[network, &voting_contract, &number]),
            script: SCRIPT,
            args: vec![voting_contract, action_contract, token_contract, number],
            doubt: if again { Doubt::Send } else { Doubt::Ask },
        };
        let (sent, before) = send(&call, &context).await?;
        Ok(Output { proposal_id, sent, before })
    }
}
