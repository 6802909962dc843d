//! The jobs of a program, by name.

use std::collections::BTreeMap;
use std::fmt;

use protocol::{Catalogue, DEFAULT_QUEUE, JobPolicy, limits};

use crate::Declaration;

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
}

/// The jobs of a program, by name.
#[derive(Debug, Clone)]
pub struct Registry(BTreeMap<&'static str, &'static Declaration>);

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
        for declaration in declarations {
            let name = declaration.name;
            if !valid_name(name) {
                let place = Place(declaration).to_string();
                return Err(RegistryError::InvalidName { name, place });
            }
            if let Some(other) = jobs.insert(name, declaration) {
                let [first, second] = sorted(other, declaration);
                return Err(RegistryError::Duplicate { name, first, second });
            }
        }
        if jobs.is_empty() {
            return Err(RegistryError::Empty);
        }
        check_queues(jobs.values().copied())?;
        Ok(Self(jobs))
    }

    /// The job of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static Declaration> {
        self.0.get(name).copied()
    }

    /// All jobs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static Declaration> + '_ {
        self.0.values().copied()
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }

    /// What a coordinator has to know of them.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let policies = self.iter().map(|job| (job.name.to_owned(), policy(job)));
        Catalogue(policies.collect())
    }
}

fn policy(job: &Declaration) -> JobPolicy {
    JobPolicy {
        queue: queue(job).unwrap_or_else(|| DEFAULT_QUEUE.to_owned()),
        max_concurrent: job.options.max_concurrent,
        retries: job.options.max_retries,
        timeout_seconds: job.options.timeout_seconds.unwrap_or(limits::TIMEOUT_SECONDS),
    }
}

/// The queue of a job with a limit; queue names have no `.`, because it parts subjects.
fn queue(job: &Declaration) -> Option<String> {
    job.options.max_concurrent.map(|_| job.name.replace('.', "_"))
}

fn check_queues(jobs: impl Iterator<Item = &'static Declaration>) -> Result<(), RegistryError> {
    let every_other = "every job without a limit".to_owned();
    let mut taken = BTreeMap::from([(DEFAULT_QUEUE.to_owned(), every_other)]);
    for job in jobs {
        let Some(queue) = queue(job) else { continue };
        let place = Place(job).to_string();
        if let Some(other) = taken.insert(queue.clone(), place.clone()) {
            return Err(RegistryError::SharedQueue { queue, place, other });
        }
    }
    Ok(())
}

fn valid_name(name: &str) -> bool {
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
    use super::*;
    use crate::Options;

    fn leaked(name: &'static str, line: u32, options: Options) -> &'static Declaration {
        Box::leak(Box::new(Declaration {
            name,
            description: "A job of a test.",
            options,
            file: "src/some.rs",
            line,
            run: |parameters, _| Box::pin(async { Ok(parameters) }),
        }))
    }

    fn limited(name: &'static str, line: u32) -> &'static Declaration {
        leaked(name, line, Options { max_concurrent: Some(2), ..Options::default() })
    }

    fn plain(name: &'static str, line: u32) -> &'static Declaration {
        leaked(name, line, Options::default())
    }

    #[test]
    fn a_registry_that_cannot_work_is_refused_with_the_places() {
        let table: [(&[_], _); 5] = [
            (&[], "`use your_jobs as _;`"),
            (&[plain("a", 9), plain("a", 3)], "src/some.rs:3 and src/some.rs:9"),
            (&[plain("a b", 4)], "`a b` at src/some.rs:4"),
            (&[limited("a.b", 1), limited("a_b", 2)], "src/some.rs:2 needs the queue `a_b`"),
            (&[limited("default", 7)], "as every job without a limit does"),
        ];
        for (jobs, expected) in table {
            let text = Registry::new(jobs.iter().copied()).unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn jobs_are_found_by_name_and_listed_sorted() {
        let registry = Registry::new([plain("b", 1), plain("a", 2)]).unwrap();
        assert_eq!(registry.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(registry.get("b").map(|job| job.line), Some(1));
        assert!(registry.get("c").is_none());
    }

    #[test]
    fn only_a_job_with_a_limit_has_a_queue_of_its_own() {
        let slow = Options { timeout_seconds: Some(9), max_retries: 3, max_concurrent: Some(2) };
        let registry = Registry::new([plain("a", 1), leaked("b.c", 2, slow)]).unwrap();
        let catalogue = registry.catalogue();
        assert_eq!(catalogue.0["a"], JobPolicy::default());
        let expected = JobPolicy {
            queue: "b_c".to_owned(),
            max_concurrent: Some(2),
            retries: 3,
            timeout_seconds: 9,
        };
        assert_eq!(catalogue.0["b.c"], expected);
    }
}
