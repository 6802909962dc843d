//! What the rig is told to do.

use crate::faults::{self, Fault};
use crate::parts::{self, Apart};

/// The words of the command line, read.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// How long a fleet at work is disturbed, seconds.
    pub(crate) seconds: u64,
    /// Files submitted a minute.
    pub(crate) rate: u64,
    /// Tasks of a large run. The matrix wants 100,000, which takes a debug build many minutes.
    pub(crate) tasks: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) apart: Vec<Apart>,
}

impl Options {
    /// Reads `--seed N --minutes M --rate N --tasks N --faults a,b`, each with a default.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(crate) fn read(words: &[String]) -> Result<Self, String> {
        let (mut seed, mut seconds, mut rate, mut tasks) = (1, 60, 40, 20_000);
        let mut names: Vec<String> = Vec::new();
        for pair in words.chunks(2) {
            let [name, value] = pair else {
                return Err(format!("{pair:?} has no value"));
            };
            let number =
                || value.parse::<f64>().map_err(|error| format!("{name} {value}: {error}"));
            match name.as_str() {
                "--seed" => seed = value.parse().map_err(|error| format!("{value}: {error}"))?,
                "--minutes" => seconds = (number()? * 60.0).round().max(0.0) as u64,
                "--rate" => rate = number()?.max(1.0) as u64,
                "--tasks" => tasks = number()?.max(1000.0) as u64,
                "--faults" => names = value.split(',').map(str::to_owned).collect(),
                _ => return Err(format!("{name} is not known")),
            }
        }
        let (all, apart) = (faults::all(), parts::all());
        if names.is_empty() || names == ["all"] {
            return Ok(Self { seed, seconds, rate, tasks, faults: all, apart });
        }
        let known = |name: &String| {
            all.iter().any(|it| it.name == *name) || apart.iter().any(|it| it.name == *name)
        };
        if let Some(odd) = names.iter().find(|name| !known(name)) {
            let all = all.iter().map(|it| it.name).chain(apart.iter().map(|it| it.name));
            let all: Vec<&str> = all.collect();
            return Err(format!("no fault is called {odd}; there are {}", all.join(", ")));
        }
        let asked = |name: &str| names.iter().any(|it| it == name);
        let faults = all.into_iter().filter(|it| asked(it.name)).collect();
        let apart = apart.into_iter().filter(|it| asked(it.name)).collect();
        Ok(Self { seed, seconds, rate, tasks, faults, apart })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Options::read(&words)
    }

    #[test]
    fn words_are_read_and_odd_ones_refused() {
        let options = read("--seed 7 --minutes 0.5 --faults nats-kill,worker-kill").unwrap();
        assert_eq!((options.seed, options.seconds, options.faults.len()), (7, 30, 2));
        assert_eq!(read("").unwrap().faults.len(), faults::all().len());
        for odd in ["--seed", "--seed x", "--faults nothing", "--what 1"] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
