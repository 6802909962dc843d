//! Which job runs a task: the one it names, or the one its parameters point to.

use super::Origin;
use super::reader::{Owner, Reader, nearest};
use crate::diagnostic::{Diagnostic, quote};
use crate::value::{Field, fields, string};
use crate::{Check, Code};

const AI: &str = "ai";
const ECHO: &str = "echo";

/// The jobs there are.
#[derive(Debug)]
pub(super) struct Jobs<'c> {
    known: Option<&'c [&'c str]>,
    ai: bool,
}

impl<'c> Jobs<'c> {
    pub(super) fn new(check: &Check<'c>) -> Self {
        Self { known: check.jobs, ai: check.ai }
    }

    fn knows(&self, job: &str) -> bool {
        self.known.is_none_or(|known| known.contains(&job))
    }

    /// The job of a task: `job`, else `parameters.task_type` or `.type` if it is a job, else `ai`
    /// for a prompt, else `echo`.
    pub(super) fn resolve<'a>(
        &self,
        reader: &mut Reader<'a, '_>,
        owner: Owner,
        named: Option<&Field<'a>>,
        origin: &Origin<'a>,
    ) -> String {
        if let Some(field) = named {
            return self.named(reader, owner, field).unwrap_or_default();
        }
        let hints = origin.parameters.filter(|raw| {
            ["\"task_type\"", "\"type\"", "\"prompt\""].iter().any(|key| raw.get().contains(key))
        });
        let hints = hints.and_then(|raw| fields(raw)).unwrap_or_default();
        for key in ["task_type", "type"] {
            let hint = hints.iter().find(|field| field.key == key);
            let job = hint.and_then(|field| string(field.value));
            if let Some(job) = job.filter(|job| self.known.is_some() && self.knows(job)) {
                return job.into_owned();
            }
        }
        let prompt = hints.iter().find(|field| field.key == "prompt");
        if (self.ai || prompt.is_some()) && self.known.is_some() && self.knows(AI) {
            return AI.to_owned();
        }
        if let Some(prompt) = prompt {
            let span = reader.span(prompt.key_text);
            reader.findings.warning(|| {
                Diagnostic::warning(Code::PromptWithoutAi, span, owner.pointer("parameters"))
                    .message("this task has a prompt, but no job `ai` is known")
                    .label("will only be repeated by `echo`")
            });
        }
        ECHO.to_owned()
    }

    fn named<'a>(
        &self,
        reader: &mut Reader<'a, '_>,
        owner: Owner,
        field: &Field<'a>,
    ) -> Option<String> {
        let job = reader.name(owner, field)?;
        if self.knows(&job) {
            return Some(job.into_owned());
        }
        let known = self.known.unwrap_or_default();
        let near = nearest(&job, known.iter().copied());
        let span = reader.span(field.value.get());
        reader.refuse(owner, field, Code::UnknownJob, |fault| {
            let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let fault = fault
                .message(format!("no job is called {}", quote(&job)))
                .label("no such job")
                .help(format!("the jobs here are {}", names.join(", ")));
            match near {
                Some(near) => fault.fix(span, format!("\"{near}\"")),
                None => fault,
            }
        });
        None
    }
}
