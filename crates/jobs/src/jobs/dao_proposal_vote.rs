//! `dao_proposal_vote`: casts the votes on a proposal that have not been cast.

use job::{Check, Context, Error, Job, Skip, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{self, Call, Doubt, Sent, check_principal, send};
use crate::fingerprint::fingerprint;

const SCRIPT: &str = "aibtc-cohort-0/agent-account/public/vote-on-action-proposal.ts";

/// Votes on one proposal, each by the account of an agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Its number in the contract.
    proposal_id: u64,
    voting_contract: String,
    votes: Vec<Vote>,
    /// Sends what an earlier attempt may have sent.
    #[serde(default)]
    again: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Vote {
    agent_account_contract: String,
    vote: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    proposal_id: u64,
    votes: Vec<Cast>,
    /// How many of them were cast before this attempt.
    cast_before: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Cast {
    agent_account_contract: String,
    vote: bool,
    sent: Sent,
}

/// Each vote is remembered, so a repeated attempt casts only what is left.
#[derive(Default)]
struct DaoProposalVote;

/// Votes on a proposal of a DAO through the accounts of agents.
#[job(
    "dao_proposal_vote",
    queue = "dao_proposal_vote",
    interval_seconds = 60,
    priority = "high",
    max_retries = 2,
    retry_delay_seconds = 60,
    timeout_seconds = 300,
    max_concurrent = 1,
    batch_size = 3,
    requires_blockchain = true,
    requires_wallet = true,
    idempotent = false
)]
impl Job for DaoProposalVote {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Ok(contract::check(context)?)
    }

    async fn validate_task_specific(&self, parameters: &Parameters, _context: &Context) -> Check {
        if parameters.votes.is_empty() {
            return Err(Skip::because("there are no votes to cast"));
        }
        Ok(())
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        let Parameters { proposal_id, voting_contract, votes, again } = parameters;
        check_principal("voting_contract", &voting_contract)?;
        for (index, vote) in votes.iter().enumerate() {
            let name = format!("votes.{index}.agent_account_contract");
            check_principal(&name, &vote.agent_account_contract)?;
        }
        let (number, mut cast_before) = (proposal_id.to_string(), 0);
        let (mut cast, mut failed) = (Vec::new(), None);
        for Vote { agent_account_contract, vote } in votes {
            let network = contract::network(&context)?;
            let same = [network, &voting_contract, &number, &agent_account_contract];
            let args = [&agent_account_contract, &voting_contract, &number, &vote.to_string()];
            let call = Call {
                key: fingerprint("vote", &same),
                script: SCRIPT,
                args: args.map(Clone::clone).to_vec(),
                doubt: if again { Doubt::Send } else { Doubt::Ask },
            };
            match send(&call, &context).await {
                Ok((sent, before)) => {
                    cast_before += usize::from(before);
                    cast.push(Cast { agent_account_contract, vote, sent });
                }
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => {
                    context.log(format!("the vote of {agent_account_contract}: {error}"));
                    failed = worse(failed, error);
                }
            }
        }
        match failed {
            None => Ok(Output { proposal_id, votes: cast, cast_before }),
            Some(error) => Err(error),
        }
    }
}

/// One vote that may be cast later makes another attempt worth it; the rest is remembered.
fn worse(old: Option<Error>, new: Error) -> Option<Error> {
    match old {
        Some(old) if old.retryable() || !new.retryable() => Some(old),
        Some(_) | None => Some(new),
    }
}
