//! A bench to try a job on without a worker: scratch folder, outputs in memory, permissions.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use alt::{Json, Mode, TaskIndex};
use async_trait::async_trait;
use protocol::{Attempt, AttemptKey, DEFAULT_QUEUE, Input, RunId};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{
    Context, ContextParts, Environment, Error, Outputs, Permissions, Registry, ShortMemory,
};

/// Everything one attempt needs; dropping it removes the scratch folder.
#[derive(Debug)]
pub struct Bench {
    scratch: TempDir,
    cancelled: CancellationToken,
    outputs: BTreeMap<String, Json>,
    permissions: Permissions,
    environment: Environment,
    memory: Arc<ShortMemory>,
    mode: Mode,
    persona: Option<String>,
    run: RunId,
}

impl Bench {
    /// A bench with an empty scratch folder, no dependencies and no permissions.
    ///
    /// # Errors
    /// The file system's, when there can be no scratch folder.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            scratch: tempfile::tempdir()?,
            cancelled: CancellationToken::new(),
            outputs: BTreeMap::new(),
            permissions: Permissions::default(),
            environment: Environment::default(),
            memory: Arc::default(),
            mode: Mode::Normal,
            persona: None,
            run: RunId::from_bits(1),
        })
    }

    /// Adds a dependency that has completed with `output`.
    #[must_use]
    pub fn with_output(mut self, id: impl Into<String>, output: Json) -> Self {
        self.outputs.insert(id.into(), output);
        self
    }

    /// Sets what the job may do.
    #[must_use]
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Adds a variable of the worker.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    /// Sets the mode and the persona of the run.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode, persona: Option<String>) -> Self {
        self.mode = mode;
        self.persona = persona;
        self
    }

    /// Sets the run that attempts belong to from now on; without it, all are of one and the same task.
    #[must_use]
    pub fn with_run(mut self, run: RunId) -> Self {
        self.run = run;
        self
    }

    /// The scratch folder.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Cancel it to stop the job.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// The context of a first attempt: run 1 if no other was set, task 0, id `task`.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context_of("test")
    }

    fn context_of(&self, job: &str) -> Context {
        let inputs: Vec<Input> = (1..)
            .zip(self.outputs.keys())
            .map(|(index, id)| Input {
                id: id.clone(),
                task: TaskIndex(index),
                attempt: Attempt::FIRST,
                queue: DEFAULT_QUEUE.to_owned(),
            })
            .collect();
        Context::new(ContextParts {
            key: AttemptKey { run: self.run, task: TaskIndex(0), attempt: Attempt::FIRST },
            task: "task".to_owned(),
            job: job.to_owned(),
            scratch: self.scratch.path().to_owned(),
            cancelled: self.cancelled.clone(),
            dependencies: inputs.len(),
            inputs,
            outputs: Arc::new(Memory(self.outputs.clone())),
            permissions: Arc::new(self.permissions.clone()),
            environment: Arc::new(self.environment.clone()),
            memory: Arc::<ShortMemory>::clone(&self.memory),
            mode: self.mode,
            persona: self.persona.clone(),
        })
    }

    /// Runs the linked-in job `name` with `parameters`, which are JSON text: its checks, its work and
    /// its clean-up. What it remembers is there at the next call.
    ///
    /// # Errors
    /// The job's; [`Error::Parameter`] when there is no such job or the text is not JSON.
    pub async fn run(&self, name: &str, parameters: &str) -> Result<Json, Error> {
        let registry = Registry::discover().map_err(|fault| Error::fatal(fault.to_string()))?;
        let Some(declaration) = registry.get(name) else {
            let names = registry.names().collect::<Vec<_>>().join("`, `");
            return Err(Error::fatal(format!("no job `{name}`; there are `{names}`")));
        };
        let parameters = Json::from_text(parameters)
            .map_err(|fault| Error::parameter("", format!("not JSON: {fault}")))?;
        let (code, context) = ((declaration.begin)(), self.context_of(declaration.name));
        let ended = Arc::clone(&code).run(parameters, context.clone()).await;
        code.cleanup(context).await;
        ended
    }
}

#[derive(Debug)]
struct Memory(BTreeMap<String, Json>);

#[async_trait]
impl Outputs for Memory {
    async fn output(&self, input: &Input) -> Result<Json, Error> {
        let output = self.0.get(&input.id).cloned();
        output.ok_or_else(|| Error::Unavailable(format!("no output of `{}`", input.id)))
    }
}
