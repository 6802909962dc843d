//! A graph too large to draw, folded: one band a level, or some neighbouring levels when those are many.

use alt::{Graph, TaskIndex};

use super::{Counts, paint};
use crate::TaskStatus;

/// More bands than this are folded further.
const BANDS: u32 = 60;

/// Neighbouring levels drawn as one box.
#[derive(Debug, Clone)]
pub(super) struct Band {
    /// The first of its levels, from 0.
    first: u32,
    /// The last of its levels.
    last: u32,
    /// Its tasks by status.
    pub(super) counts: Counts,
    /// Dependencies that arrive from earlier bands.
    pub(super) arriving: usize,
}

impl Band {
    /// `Level 3` or `Levels 4-7`, from 1.
    pub(super) fn name(&self) -> String {
        let (first, last) = (self.first + 1, self.last + 1);
        if first == last { format!("Level {first}") } else { format!("Levels {first}-{last}") }
    }

    /// How many tasks it has.
    pub(super) fn tasks(&self) -> usize {
        self.counts.iter().map(|count| *count as usize).sum()
    }
}

/// The bands of `graph`, which has `levels` levels.
pub(super) fn bands(
    graph: &Graph,
    levels: u32,
    end: &dyn Fn(TaskIndex) -> Option<TaskStatus>,
) -> Vec<Band> {
    let height = levels.div_ceil(BANDS).max(1);
    let mut bands: Vec<Band> = (0..levels.div_ceil(height))
        .map(|band| Band {
            first: band * height,
            last: ((band + 1) * height).min(levels) - 1,
            counts: Counts::default(),
            arriving: 0,
        })
        .collect();
    let of = |task: TaskIndex| (graph.level(task) / height) as usize;
    for task in (0_u32..).map(TaskIndex).take(graph.len()) {
        let here = of(task);
        let band = &mut bands[here];
        band.counts[paint::place(end(task))] += 1;
        let earlier = graph.dependencies(task).iter().filter(|source| of(**source) < here);
        band.arriving += earlier.count();
    }
    bands
}
