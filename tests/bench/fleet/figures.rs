//! What a system did: raw times, and the one figure that is made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::shape::Shape;

/// All that was measured of one system.
#[derive(Debug, Default)]
pub(crate) struct System {
    /// Its name and version.
    pub name: String,
    /// What survives a death of its server.
    pub durability: String,
    /// By shape; one that it cannot run is absent.
    pub times: BTreeMap<Shape, Times>,
    /// Resident MiB at the end, or at most, by process.
    pub memory: Vec<(String, u64)>,
    /// What else is to be told of it.
    pub notes: Vec<String>,
}

/// How long a shape took.
#[derive(Debug, Clone)]
pub(crate) enum Times {
    /// Each repetition, from the submission until all results were known.
    Whole(Vec<Duration>),
    /// Each graph by itself.
    Each(Vec<Duration>),
}

impl System {
    /// Takes note of a shape, beside what was noted of it before.
    pub(crate) fn time(&mut self, shape: Shape, times: Times) {
        match (self.times.get_mut(&shape), times) {
            (Some(Times::Whole(known)), Times::Whole(more))
            | (Some(Times::Each(known)), Times::Each(more)) => known.extend(more),
            (_, times) => drop(self.times.insert(shape, times)),
        }
    }

    /// Says how a shape went, if it was run.
    pub(crate) fn say(&self, shape: Shape) {
        if self.times.contains_key(&shape) {
            eprintln!("  {}: {} {}", self.name, self.shown(shape), shape.unit());
        }
    }

    /// Takes note of what a process occupies, unless it was more before.
    pub(crate) fn weigh(&mut self, process: String, mib: u64) {
        match self.memory.iter_mut().find(|(known, _)| *known == process) {
            Some((_, most)) => *most = mib.max(*most),
            None => self.memory.push((process, mib)),
        }
    }

    /// Takes note of something else, once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The figure of a shape, in its unit: of the middle repetition, or the middle graph.
    pub(crate) fn figure(&self, shape: Shape) -> Option<f64> {
        let times = self.times.get(&shape)?;
        let middle = times.at(0.5).as_secs_f64();
        Some(match shape {
            Shape::Fan(tasks) => count(tasks) / middle,
            Shape::Layered => 4_000.0 / middle,
            Shape::Burst(graphs) => count(graphs) / middle,
            Shape::Chain(tasks) => middle * 1_000.0 / count(tasks),
            Shape::Small | Shape::One => middle * 1_000.0,
        })
    }

    /// The figure as it is printed; a latency with its 99th percentile.
    pub(crate) fn shown(&self, shape: Shape) -> String {
        let Some(figure) = self.figure(shape) else { return "–".to_owned() };
        match &self.times[&shape] {
            Times::Whole(times) => {
                let few =
                    if times.len() < 3 { format!(" ({}×)", times.len()) } else { String::new() };
                let digits = if figure < 10.0 { 2 } else { 0 };
                format!("{figure:.digits$}{few}")
            }
            times @ Times::Each(_) => {
                let tail = times.at(0.99).as_secs_f64() * 1_000.0;
                format!("{figure:.1} / {tail:.1}")
            }
        }
    }
}

impl Times {
    fn at(&self, share: f64) -> Duration {
        let (Self::Whole(times) | Self::Each(times)) = self;
        let mut times = times.clone();
        times.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count of some hundreds"
        )]
        let place = (count(times.len()) * share) as usize;
        times[place.min(times.len() - 1)]
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of tasks is far below 2^52")]
pub(crate) const fn count(number: usize) -> f64 {
    number as f64
}
