//! What an attempt is given besides its parameters.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alt::{Json, Mode};
use async_trait::async_trait;
use protocol::{AttemptKey, Input};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::memory::{self, Memory};
use crate::{Check, Environment, Error, Log};

/// Names listed in an error, so that a task with 10,000 inputs has a readable one.
const NAMES_LISTED: usize = 20;

/// What the jobs of a worker may do. Nothing dangerous unless its operator says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Start programs.
    pub allow_exec: bool,
    /// Connect to loopback, private and other addresses that are not public.
    pub allow_private_addresses: bool,
}

/// Where the outputs of other tasks come from.
#[async_trait]
pub trait Outputs: Debug + Send + Sync {
    /// The output of `input`, which has completed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be fetched now; [`Error::Failed`] when it is damaged.
    async fn output(&self, input: &Input) -> Result<Json, Error>;
}

/// What a [`Context`] is made of.
#[derive(Debug)]
pub struct ContextParts {
    /// Which attempt it is.
    pub key: AttemptKey,
    /// The author's id of the task.
    pub task: String,
    /// The job's name.
    pub job: String,
    /// Where this attempt alone may have a folder; made when its job asks for it.
    pub scratch: PathBuf,
    /// Fires when the attempt has to stop.
    pub cancelled: CancellationToken,
    /// Dependencies first, in file order, then referenced ancestors.
    pub inputs: Vec<Input>,
    /// How many of `inputs` are dependencies.
    pub dependencies: usize,
    /// Where their outputs come from.
    pub outputs: Arc<dyn Outputs>,
    /// What the worker allows.
    pub permissions: Arc<Permissions>,
    /// The worker's variables.
    pub environment: Arc<Environment>,
    /// What the attempts of a job tell each other.
    pub memory: Arc<dyn Memory>,
    /// The run's mode.
    pub mode: Mode,
    /// The run's persona.
    pub persona: Option<String>,
}

/// What an attempt is given besides its parameters. Clones are the same context.
#[derive(Debug, Clone)]
pub struct Context {
    parts: Arc<ContextParts>,
    log: Log,
    /// Whether the scratch folder was asked for.
    has_scratch: Arc<AtomicBool>,
}

impl Context {
    /// A context of `parts`, with an empty log.
    #[must_use]
    pub fn new(parts: ContextParts) -> Self {
        Self { parts: Arc::new(parts), log: Log::default(), has_scratch: Arc::default() }
    }

    /// Which attempt it is. Its run and task stay the same when the attempt is repeated.
    #[must_use]
    pub fn key(&self) -> AttemptKey {
        self.parts.key
    }

    /// The name of the job.
    pub(crate) fn kind(&self) -> &str {
        &self.parts.job
    }

    /// The author's id of the task: any text, so never part of a path or a command.
    #[must_use]
    pub fn task_id(&self) -> &str {
        &self.parts.task
    }

    /// A folder of this attempt alone, removed after it. A file whose path relative to this folder
    /// is named in the output is kept. Made at the first call: most jobs need none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be made.
    pub fn scratch(&self) -> Result<&Path, Error> {
        let folder = &self.parts.scratch;
        self.has_scratch.store(true, Ordering::Relaxed);
        std::fs::create_dir_all(folder)
            .map_err(|fault| Error::Unavailable(format!("no scratch folder: {fault}")))?;
        Ok(folder)
    }

    /// Whether the attempt may have a scratch folder: for its worker, which removes it.
    #[must_use]
    pub fn has_scratch(&self) -> bool {
        self.has_scratch.load(Ordering::Relaxed)
    }

    /// Fires when the attempt has to stop; a job that then returns [`Error::Cancelled`] is not
    /// killed.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        &self.parts.cancelled
    }

    /// The tasks this one depends on, in file order.
    #[must_use]
    pub fn dependencies(&self) -> &[Input] {
        &self.parts.inputs[..self.parts.dependencies.min(self.parts.inputs.len())]
    }

    /// The output of the task with this id: a dependency, or an ancestor its parameters refer to.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the id is neither; else those of [`Outputs::output`].
    pub async fn output(&self, id: &str) -> Result<Json, Error> {
        let Some(input) = self.parts.inputs.iter().find(|input| input.id == id) else {
            return Err(Error::parameter("", self.unknown_input(id)));
        };
        self.parts.outputs.output(input).await
    }

    /// Adds `text` to the lines kept with the attempt; long ones are cut, many are counted only.
    pub fn log(&self, text: impl Into<String>) {
        self.log.push(&text.into());
    }

    /// The log, for the worker.
    #[must_use]
    pub fn log_handle(&self) -> Log {
        self.log.clone()
    }

    /// What the worker allows.
    #[must_use]
    pub fn permissions(&self) -> &Permissions {
        &self.parts.permissions
    }

    /// The worker's variable of this name, or with `RUNNER_` before it, if it has a value.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.parts.environment.get(name)
    }

    /// What an attempt of this job remembered under `key` last, in the whole fleet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be read now; [`Error::Failed`] when it is something else
    /// than `T`.
    pub async fn recall<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let kept = self.parts.memory.recall(&self.parts.job, key).await?;
        kept.map(|kept| memory::read(key, &kept)).transpose()
    }

    /// Remembers `value` under `key` for all later attempts of this job; the last one written stands.
    /// It outlives workers and runs, so it is for what must not be done twice: keep it small.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it may not have been stored; [`Error::Failed`] when it is no JSON
    /// or longer than [`protocol::limits::MEMORY_BYTES`], or the key longer than
    /// [`protocol::limits::MEMORY_KEY_BYTES`].
    pub async fn remember<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<(), Error> {
        let value = memory::written(key, value)?;
        self.parts.memory.remember(&self.parts.job, key, value).await
    }

    /// Has every attempt of this job skipped from now on for `pause`, for this reason: by the hook
    /// [`crate::Job::validate_prerequisites`]. A plain function asks by itself:
    /// `context.check_cooled_down().await?`.
    ///
    /// # Errors
    /// Those of [`Context::remember`].
    pub async fn cool_down(&self, pause: Duration, reason: &str) -> Result<(), Error> {
        let now = self.parts.memory.now();
        self.remember(memory::COOL_DOWN, &memory::CoolDown::new(now, pause, reason)).await
    }

    /// Skips while the job cools down.
    ///
    /// # Errors
    /// A [`crate::Skip`] that says until when and why, or that it cannot be found out.
    pub async fn check_cooled_down(&self) -> Check {
        match self.recall::<memory::CoolDown>(memory::COOL_DOWN).await? {
            Some(cool_down) => cool_down.check(self.parts.memory.now()),
            None => Ok(()),
        }
    }

    /// The run's mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.parts.mode
    }

    /// The run's persona.
    #[must_use]
    pub fn persona(&self) -> Option<&str> {
        self.parts.persona.as_deref()
    }

    fn unknown_input(&self, id: &str) -> String {
        let inputs = &self.parts.inputs;
        if inputs.is_empty() {
            return format!(
                "no output of `{id}`: the task has no dependencies; add `{id}` to them"
            );
        }
        let names = inputs.iter().take(NAMES_LISTED).map(|input| format!("`{}`", input.id));
        let names = names.collect::<Vec<_>>().join(", ");
        let more = match inputs.len().saturating_sub(NAMES_LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("no output of `{id}`: it is not a dependency; there are {names}{more}")
    }
}
