//! The jobs of a program, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use protocol::{Catalogue, DEFAULT_QUEUE, JobPolicy};

use crate::Declaration;
use crate::knobs::{Setting, SettingError};

/// Why the jobs of a program cannot be used as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// There is none.
    #[error(
        "no jobs are linked into this program: a crate that nothing names is left out by the \
         linker; add `use your_jobs as _;` to its main file"
    )]
    Empty,
    /// Two have the same name.
    #[error("two jobs are named `{name}`: {first} and {second}; rename one")]
    Duplicate {
        /// The name.
        name: &'static str,
        /// `file:line` of one.
        first: String,
        /// `file:line` of the other.
        second: String,
    },
    /// A name that cannot be used.
    #[error("the job name `{name}` at {place} is not 1-64 letters, digits, `_`, `-` and `.`")]
    InvalidName {
        /// The name.
        name: &'static str,
        /// `file:line` of its declaration.
        place: String,
    },
    /// Two jobs with a limit would share a queue, and so one limit.
    #[error("the job at {place} needs the queue `{queue}` for itself, as {other} does; rename it")]
    SharedQueue {
        /// The queue.
        queue: String,
        /// `file:line` of the job.
        place: String,
        /// Who has the queue already.
        other: String,
    },
    /// Two jobs would take each other's messages.
    #[error("the job at {place} drains the queue `{queue}`, as the one at {other} does")]
    SharedMessages {
        /// The message queue.
        queue: &'static str,
        /// `file:line` of one job.
        place: String,
        /// `file:line` of the other.
        other: String,
    },
    /// Nothing would ever look at a queue.
    #[error(
        "the job at {place} drains the queue `{queue}` and has no schedule to do so: it needs \
         `interval_seconds` or `cron`"
    )]
    Undrained {
        /// The message queue.
        queue: &'static str,
        /// `file:line` of the job.
        place: String,
    },
    /// A job waits for one that is not there, or for itself.
    #[error("the job at {place} depends on `{dependency}`, which is {problem}")]
    Dependency {
        /// `file:line` of the job.
        place: String,
        /// What it depends on.
        dependency: &'static str,
        /// Why it cannot.
        problem: &'static str,
    },
}

/// The jobs of a program, by name, each with the options that it has here.
#[derive(Debug, Clone)]
pub struct Registry {
    jobs: BTreeMap<&'static str, Declaration>,
    /// Older names, and what they are called now.
    aliases: BTreeMap<&'static str, &'static str>,
    /// Where options were set from outside.
    settings: Vec<Setting>,
}

impl Registry {
    /// All jobs linked into this program.
    ///
    /// # Errors
    /// Those of [`Registry::new`].
    pub fn discover() -> Result<Self, RegistryError> {
        Self::new(inventory::iter::<Declaration>)
    }

    /// The jobs given.
    ///
    /// # Errors
    /// [`RegistryError`] when there is none, when two have one name, when a name is not valid or
    /// when two that have a limit would share a queue.
    pub fn new(
        declarations: impl IntoIterator<Item = &'static Declaration>,
    ) -> Result<Self, RegistryError> {
        let mut jobs = BTreeMap::new();
        let mut named = BTreeMap::new();
        for declaration in declarations {
            for &name in [declaration.name].iter().chain(declaration.options.aliases) {
                if !is_name(name) {
                    let place = Place(declaration).to_string();
                    return Err(RegistryError::InvalidName { name, place });
                }
                if let Some(other) = named.insert(name, declaration) {
                    let [first, second] = sorted(other, declaration);
                    return Err(RegistryError::Duplicate { name, first, second });
                }
            }
            jobs.insert(declaration.name, *declaration);
        }
        let aliases = named.into_iter().map(|(name, job)| (name, job.name));
        let aliases = aliases.filter(|(name, job)| name != job).collect();
        if jobs.is_empty() {
            return Err(RegistryError::Empty);
        }
        check_queues(jobs.values())?;
        check_messages(jobs.values())?;
        check_dependencies(&jobs)?;
        Ok(Self { jobs, aliases, settings: Vec::new() })
    }

    /// The same jobs with these options, the last of one name going before the others.
    ///
    /// # Errors
    /// [`SettingError`] for a job or an option that is not there, or a value that cannot be.
    pub fn with(mut self, settings: Vec<Setting>) -> Result<Self, SettingError> {
        for Setting { job, option, value, source } in settings {
            let problem = match self.jobs.get_mut(job.as_str()) {
                Some(known) => known.options.set(&option, &value).err(),
                None => Some(format!("there is no job `{job}`; `runner jobs ls` lists them")),
            };
            if let Some(problem) = problem {
                return Err(SettingError { source_name: source, problem });
            }
            self.settings.push(Setting { job, option, value, source });
        }
        let refused = |option: &str, error: RegistryError| SettingError {
            source_name: option.to_owned(),
            problem: error.to_string(),
        };
        check_queues(self.jobs.values()).map_err(|error| refused("max_concurrent", error))?;
        check_messages(self.jobs.values()).map_err(|error| refused("queue", error))?;
        Ok(self)
    }

    /// Those of the jobs that `chosen` says, with the options that they have here.
    #[must_use]
    pub fn only(&self, chosen: impl Fn(&str) -> bool) -> Self {
        let mut some = self.clone();
        some.jobs.retain(|name, _| chosen(name));
        some.aliases.retain(|_, name| chosen(name));
        some
    }

    /// Where an option of a job was set from outside last.
    #[must_use]
    pub fn source(&self, job: &str, option: &str) -> Option<&str> {
        let of = |setting: &&Setting| setting.job == job && setting.option == option;
        self.settings.iter().rev().find(of).map(|setting| setting.source.as_str())
    }

    /// The job of this name, or that had it before.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Declaration> {
        self.jobs.get(self.aliases.get(name).copied().unwrap_or(name))
    }

    /// All jobs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Declaration> {
        self.jobs.values()
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.jobs.keys().copied()
    }

    /// What a coordinator has to know of them.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let mut policies: BTreeMap<_, _> =
            self.iter().map(|job| (job.name.to_owned(), job.options.policy(job.name))).collect();
        for (&alias, job) in &self.aliases {
            // A job is run by itself once, whatever else it is called.
            let policy = policies.get(*job).cloned();
            policies.extend(
                policy.map(|job| {
                    (alias.to_owned(), JobPolicy { schedule: None, drains: None, ..job })
                }),
            );
        }
        Catalogue(policies)
    }
}

fn check_queues<'a>(jobs: impl Iterator<Item = &'a Declaration>) -> Result<(), RegistryError> {
    let every_other = "every job without a limit".to_owned();
    let mut taken = BTreeMap::from([(DEFAULT_QUEUE.to_owned(), every_other)]);
    for job in jobs {
        let Some(queue) = job.options.own_queue(job.name) else { continue };
        let place = Place(job).to_string();
        if let Some(other) = taken.insert(queue.clone(), place.clone()) {
            return Err(RegistryError::SharedQueue { queue, place, other });
        }
    }
    Ok(())
}

fn check_messages<'a>(jobs: impl Iterator<Item = &'a Declaration>) -> Result<(), RegistryError> {
    let mut drained = BTreeMap::new();
    for job in jobs {
        let Some(queue) = job.options.queue else { continue };
        let place = Place(job).to_string();
        if job.options.rhythm.is_none() {
            return Err(RegistryError::Undrained { queue, place });
        }
        if let Some(other) = drained.insert(queue, place.clone()) {
            return Err(RegistryError::SharedMessages { queue, place, other });
        }
    }
    Ok(())
}

/// A ring of jobs that wait for each other never begins; it is shown by one of its jobs.
fn check_dependencies(jobs: &BTreeMap<&'static str, Declaration>) -> Result<(), RegistryError> {
    for job in jobs.values() {
        let mut seen = BTreeSet::new();
        let mut rest: Vec<&'static str> = job.options.dependencies.to_vec();
        while let Some(dependency) = rest.pop() {
            let known = jobs.get(dependency);
            let problem = match known {
                None => "no job of this program",
                Some(_) if dependency == job.name => "itself, or waits for it",
                Some(known) if seen.insert(dependency) => {
                    rest.extend(known.options.dependencies);
                    continue;
                }
                Some(_) => continue,
            };
            let place = Place(job).to_string();
            return Err(RegistryError::Dependency { place, dependency, problem });
        }
    }
    Ok(())
}

/// Whether a job can be called so: 1-64 letters, digits, `_`, `-` and `.`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Link order is not fixed; the text of an error is.
fn sorted(one: &Declaration, other: &Declaration) -> [String; 2] {
    let mut places = [one, other];
    places.sort_by_key(|job| (job.file, job.line));
    places.map(|job| Place(job).to_string())
}

struct Place<'a>(&'a Declaration);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file, self.0.line)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alt::Json;

    use super::*;
    use crate::{Context, Error, Job, Options, Rhythm, Schemas};

    #[derive(Default)]
    struct Same;

    impl Job for Same {
        type Parameters = Json;
        type Output = Json;

        async fn run(&self, parameters: Json, _context: Context) -> Result<Json, Error> {
            Ok(parameters)
        }
    }

    fn leaked(name: &'static str, line: u32, options: Options) -> &'static Declaration {
        let anything = || Schemas { parameters: true.into(), output: true.into() };
        Box::leak(Box::new(Declaration {
            name,
            title: name,
            description: "A job of a test.",
            options,
            file: "src/some.rs",
            line,
            begin: || Arc::new(Same),
            schemas: anything,
        }))
    }

    fn limited(name: &'static str, line: u32) -> &'static Declaration {
        leaked(name, line, Options { max_concurrent: Some(2), ..Options::default() })
    }

    fn plain(name: &'static str, line: u32) -> &'static Declaration {
        leaked(name, line, Options::default())
    }

    fn after(name: &'static str, others: &'static [&'static str]) -> &'static Declaration {
        leaked(name, 5, Options { dependencies: others, ..Options::default() })
    }

    #[test]
    fn a_registry_that_cannot_work_is_refused_with_the_places() {
        let drains = |name, line, rhythm| {
            leaked(name, line, Options { queue: Some("q"), rhythm, ..Options::default() })
        };
        let often = Some(Rhythm::Every(1));
        let table: [(&[_], _); 10] = [
            (&[], "`use your_jobs as _;`"),
            (&[plain("a", 9), plain("a", 3)], "src/some.rs:3 and src/some.rs:9"),
            (&[plain("a b", 4)], "`a b` at src/some.rs:4"),
            (&[limited("a.b", 1), limited("a_b", 2)], "src/some.rs:2 needs the queue `a_b`"),
            (
                &[drains("a", 1, often), drains("b", 2, often)],
                "drains the queue `q`, as the one at",
            ),
            (&[drains("a", 1, None)], "src/some.rs:1 drains the queue `q` and has no schedule"),
            (&[limited("default", 7)], "as every job without a limit does"),
            (&[after("a", &["b"])], "src/some.rs:5 depends on `b`, which is no job of this"),
            (&[after("a", &["a"])], "depends on `a`, which is itself"),
            (
                &[after("a", &["b"]), after("b", &["a"])],
                "depends on `a`, which is itself, or waits",
            ),
        ];
        for (jobs, expected) in table {
            let text = Registry::new(jobs.iter().copied()).unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
        }
        Registry::new([after("a", &["b", "c"]), after("b", &["c"]), plain("c", 1)]).unwrap();
    }

    #[test]
    fn jobs_are_found_by_name_and_listed_sorted() {
        let registry = Registry::new([plain("b", 1), plain("a", 2)]).unwrap();
        assert_eq!(registry.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(registry.get("b").map(|job| job.line), Some(1));
        assert!(registry.get("c").is_none());
    }

    #[test]
    fn a_queue_of_its_own_has_what_not_every_worker_may_run_or_not_at_any_time() {
        let one = |name, options| leaked(name, 2, options).options.policy(name).queue;
        let plain = Options::default();
        assert_eq!(one("a", plain), DEFAULT_QUEUE);
        assert_eq!(one("b.c", Options { max_concurrent: Some(2), ..plain }), "b_c");
        assert_eq!(one("b", Options { requires: &[crate::Credential::Ai], ..plain }), "b");
    }
}
