//! What a model says of a finished run: asked once, stored, and from then on a fact like any other.
//!
//! It is asked before the LAST is made, and its answer is stored create-only before it is used; so is
//! that there is none. Whoever takes the run over finds it there and writes the same LAST.

use std::fmt;
use std::sync::Arc;

use bus::{Bus, Recorded};
use futures::future::BoxFuture;
use last::Prompt;
use protocol::{Insights, RunId, Told};
use tracing::warn;

use crate::dispatch::insist;
use crate::facts::Telling;
use crate::kept::Kept;
use crate::make::{self, Story};
use crate::{Desk, Error};

/// Who is asked what to think of a run.
pub trait Adviser: fmt::Debug + Send + Sync {
    /// Asks. Ends within a bound of its own, and asks nobody on after it was dropped.
    fn advise<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Advice, Silence>>;
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Its words; what is beyond [`protocol::limits::INSIGHTS_BYTES`] is cut.
    pub text: String,
    /// The model.
    pub model: String,
    /// The tokens that it took, if that is known.
    pub tokens: Option<u64>,
}

/// Why a model said nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// For the LAST: a few words that name no address and repeat nothing of an answer.
    pub reason: String,
    /// For the log.
    pub detail: String,
}

/// Where no model can be asked.
const NOBODY: &str = "no model service is set where the run ended";
/// Where what is stored cannot be read, which stands.
const DAMAGED: &str = "what is stored of it cannot be read";

/// The story with what a model says of it, if that is wanted.
pub(crate) async fn take<B: Bus>(
    desk: &Desk<B>,
    mut story: Story,
    mut kept: Kept,
) -> Result<(Arc<Story>, Kept), Error> {
    if !story.wanted.insights {
        return Ok((Arc::new(story), kept));
    }
    let run = story.engine.plan().run();
    if let Some(told) = insist(|| stored(desk, run)).await? {
        story.told = Some(told);
        return Ok((Arc::new(story), kept));
    }
    let mut story = Arc::new(story);
    let told = match &desk.settings.adviser {
        None => {
            warn!(run.id = %run, "no insights: {NOBODY}");
            Told::Nothing { reason: NOBODY.to_owned() }
        }
        Some(adviser) => {
            let asking = make::with_facts(desk, &story, kept, Telling::First, last::prompt);
            let prompt;
            (prompt, kept) = asking.await?;
            said(run, adviser.advise(&prompt).await)
        }
    };
    let insights = Insights { run, told: told.bounded() };
    let recorded = insist(|| desk.bus.advise(insights.clone())).await?;
    let told = match recorded {
        Recorded::Stored => insights.told,
        Recorded::Refused => insist(|| standing(desk, run)).await?,
    };
    Arc::make_mut(&mut story).told = Some(told);
    Ok((story, kept))
}

fn said(run: RunId, answer: Result<Advice, Silence>) -> Told {
    match answer {
        Ok(Advice { text, model, tokens }) => Told::Text { text, model, tokens },
        Err(Silence { reason, detail }) => {
            warn!(run.id = %run, detail, "no insights");
            Told::Nothing { reason }
        }
    }
}

/// What is stored, if anything is.
async fn stored<B: Bus>(desk: &Desk<B>, run: RunId) -> Result<Option<Told>, bus::Error> {
    match desk.bus.insights_of(run).await {
        Ok(found) => Ok(found.map(|insights| insights.told.bounded())),
        Err(bus::Error::Damaged(why)) => {
            warn!(run.id = %run, %why, "insights that cannot be read");
            Ok(Some(Told::Nothing { reason: DAMAGED.to_owned() }))
        }
        Err(error) => Err(error),
    }
}

/// What is stored, where something must be.
async fn standing<B: Bus>(desk: &Desk<B>, run: RunId) -> Result<Told, bus::Error> {
    let missing = || bus::Error::Unknown(format!("run {run}: its insights are not found"));
    stored(desk, run).await?.ok_or_else(missing)
}
