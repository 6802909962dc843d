//! `chain_state_monitor`: the blocks that came since the last run, none left out, and what they begin.

use std::sync::OnceLock;

use alt::Json;
use job::{Check, Context, Error, Job, Skip, job};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hiro::{Hiro, Tip};

/// The key of what is remembered.
const CHAIN: &str = "chain";
/// Blocks of one run; what is left is for the next one.
const BLOCKS: usize = 20;
/// From so many missing blocks on, what is known of the chain is old.
const STALE_BLOCKS: u64 = 2;
/// Proposals that are watched at once, so that they can be remembered.
const WATCHED: usize = 200;
const ID_BYTES: usize = 128;

/// Proposals to watch from now on, also in later runs, until the last of their heights has passed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    proposals: Vec<Proposal>,
    /// The first block, when no run has remembered one; the tip if absent.
    from_height: Option<u64>,
}

/// Heights are those of the burn chain, Bitcoin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Proposal {
    id: String,
    vote_start: Option<u64>,
    vote_end: Option<u64>,
    exec_start: Option<u64>,
}

impl Proposal {
    fn heights(&self) -> [(Event, Option<u64>); 3] {
        [
            (Event::VoteStart, self.vote_start),
            (Event::VoteEnd, self.vote_end),
            (Event::ExecStart, self.exec_start),
        ]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Event {
    VoteStart,
    VoteEnd,
    ExecStart,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Output {
    /// Up to here, blocks have been given back.
    height: u64,
    burn_height: u64,
    tip: u64,
    /// Blocks that were missing when the run began; it gives back 20 of them at most.
    behind: u64,
    /// Whether two or more were missing.
    stale: bool,
    blocks: Vec<Block>,
    triggers: Vec<Trigger>,
}

/// A block as the API tells it, with all of its transactions.
#[derive(Debug, Serialize, JsonSchema)]
struct Block {
    height: u64,
    block: Json,
    transactions: Vec<Json>,
}

/// A height of a proposal that was passed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
struct Trigger {
    burn_height: u64,
    event: Event,
    proposal: String,
}

/// What is remembered from run to run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Chain {
    /// The task that moved it last.
    task: String,
    /// Where it was before that.
    before: Option<Place>,
    place: Option<Place>,
    watched: Vec<Proposal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    height: u64,
    burn_height: u64,
}

/// An attempt that is repeated gives back again what the last one did: that its output was stored is
/// not known.
#[derive(Default)]
struct ChainStateMonitor {
    tip: OnceLock<Tip>,
}

/// Gives back the blocks of the Stacks chain that came since its last run.
#[job(
    "chain_state_monitor",
    interval_seconds = 90,
    max_retries = 3,
    retry_delay_seconds = 120,
    timeout_seconds = 300,
    max_concurrent = 1,
    requires_blockchain = true
)]
impl Job for ChainStateMonitor {
    type Parameters = Parameters;
    type Output = Output;

    async fn validate_config(&self, context: &Context) -> Check {
        Hiro::of(context)?;
        Ok(())
    }

    async fn validate_resources(&self, context: &Context) -> Check {
        // The prerequisites come after this, and a probe while the job rests would prolong the rest.
        context.check_cooled_down().await?;
        let tip = Hiro::of(context)?.tip().await?;
        self.tip.get_or_init(|| tip);
        Ok(())
    }

    async fn validate_task_specific(&self, parameters: &Parameters, context: &Context) -> Check {
        let chain = begun(context).await?;
        let (Some(tip), Some(place)) = (self.tip.get(), chain.place) else {
            return Ok(());
        };
        if tip.height > place.height || !parameters.proposals.is_empty() {
            return Ok(());
        }
        Err(Skip::because(format!("there is no block after {}", place.height)))
    }

    async fn run(&self, parameters: Parameters, context: Context) -> Result<Output, Error> {
        check(&parameters)?;
        let hiro = Hiro::of(&context)?;
        let tip = match self.tip.get() {
            Some(tip) => tip.height,
            None => hiro.tip().await?.height,
        };
        let mut chain = begun(&context).await?;
        let first = match (chain.place, parameters.from_height) {
            (Some(place), _) => place.height.saturating_add(1),
            (None, from) => from.unwrap_or(tip),
        };
        chain.watch(parameters.proposals)?;
        let (blocks, reached) = follow(&hiro, first..=tip, &context).await?;
        let old = chain.place.or_else(|| reached.first().map(|&first| before(first)));
        let new = reached.last().copied().or(old);
        let (Some(old), Some(new)) = (old, new) else {
            return Err(Error::parameter("from_height", format!("is after the tip, {tip}")));
        };
        let triggers = chain.passed(old.burn_height, new.burn_height);
        let behind = (tip + 1).saturating_sub(first);
        let moved = Chain { task: task(&context), before: Some(old), place: Some(new), ..chain };
        context.remember(CHAIN, &moved).await?;
        let Place { height, burn_height } = new;
        let stale = behind >= STALE_BLOCKS;
        Ok(Output { height, burn_height, tip, behind, stale, blocks, triggers })
    }
}

impl Chain {
    fn watch(&mut self, proposals: Vec<Proposal>) -> Result<(), Error> {
        let passed = self.place.map_or(0, |place| place.burn_height);
        let open = |proposal: &Proposal| {
            proposal.heights().iter().any(|(_, height)| height.is_some_and(|at| at > passed))
        };
        self.watched.retain(open);
        for proposal in proposals {
            self.watched.retain(|known| known.id != proposal.id);
            self.watched.push(proposal);
        }
        if self.watched.len() <= WATCHED {
            return Ok(());
        }
        let problem =
            format!("would be {} with those watched; at most {WATCHED}", self.watched.len());
        Err(Error::parameter("proposals", problem))
    }

    /// What lies after `old` and not after `new`: by ranges, for a height that no block has is passed
    /// all the same.
    fn passed(&self, old: u64, new: u64) -> Vec<Trigger> {
        let mut triggers: Vec<Trigger> = self
            .watched
            .iter()
            .flat_map(|proposal| {
                proposal.heights().into_iter().filter_map(move |(event, height)| {
                    let burn_height = height.filter(|height| (old + 1..=new).contains(height))?;
                    Some(Trigger { burn_height, event, proposal: proposal.id.clone() })
                })
            })
            .collect();
        triggers.sort();
        triggers
    }
}

fn check(parameters: &Parameters) -> Result<(), Error> {
    for (index, proposal) in parameters.proposals.iter().enumerate() {
        if proposal.id.is_empty() || proposal.id.len() > ID_BYTES {
            let problem = format!("has not 1-{ID_BYTES} bytes");
            return Err(Error::parameter(format!("proposals.{index}.id"), problem));
        }
    }
    Ok(())
}

/// Where this task begins: where the last one ended, or where its own last attempt began.
async fn begun(context: &Context) -> Result<Chain, Error> {
    let chain: Chain = context.recall(CHAIN).await?.unwrap_or_default();
    let again = chain.task == task(context);
    Ok(if again { Chain { place: chain.before, ..chain } } else { chain })
}

/// The blocks of these heights up to the first that cannot be had, which the next run begins with.
async fn follow(
    hiro: &Hiro<'_>,
    heights: std::ops::RangeInclusive<u64>,
    context: &Context,
) -> Result<(Vec<Block>, Vec<Place>), Error> {
    let (mut blocks, mut reached) = (Vec::new(), Vec::new());
    for height in heights.take(BLOCKS) {
        match block(hiro, height).await {
            Ok((block, place)) => {
                blocks.push(block);
                reached.push(place);
            }
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) if blocks.is_empty() => return Err(error),
            Err(error) => {
                context.log(format!("stopped before block {height}: {error}"));
                break;
            }
        }
    }
    Ok((blocks, reached))
}

async fn block(hiro: &Hiro<'_>, height: u64) -> Result<(Block, Place), Error> {
    let (header, block) = hiro.block(height).await?;
    let transactions = hiro.transactions(&header.hash).await?;
    let place = Place { height, burn_height: header.burn_block_height };
    Ok((Block { height, block, transactions }, place))
}

/// Right before the first block there is: what begins with its own burn block has not been told.
fn before(first: Place) -> Place {
    Place {
        height: first.height.saturating_sub(1),
        burn_height: first.burn_height.saturating_sub(1),
    }
}

fn task(context: &Context) -> String {
    format!("{}-{}", context.key().run, context.key().task.0)
}
