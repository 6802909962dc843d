//! A graph too large to draw task by task: tasks that stand alike are one group, or neighbouring
//! levels are, when there are too many kinds.

mod alike;

use std::collections::BTreeMap;

use alt::{Alt, Graph, TaskIndex};

use super::paint;
use super::{Counts, LABEL_COLUMNS};
use crate::TaskStatus;
use crate::escape::cut;

/// More bands than this are folded further.
const BANDS: u32 = 60;
/// More groups than this would be a picture as hard to read as that of the tasks.
const GROUPS: usize = 120;
/// Groups of more levels than this would be a picture too wide for any screen.
const LEVELS: u32 = 24;

/// Tasks drawn as one box.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// What a person calls it.
    pub(super) name: String,
    /// Its first level, from 0.
    pub(super) level: u32,
    /// Its tasks by status.
    pub(super) counts: Counts,
}

impl Group {
    /// How many tasks it has.
    pub(super) fn tasks(&self) -> usize {
        self.counts.iter().map(|count| *count as usize).sum()
    }
}

/// Every task in a group.
#[derive(Debug, Clone)]
pub(crate) struct Folding {
    of: Vec<u32>,
    pub(super) groups: Vec<Group>,
    /// Source, target, and how many dependencies they stand for; sorted; none inside a group.
    pub(super) edges: Vec<(usize, usize, usize)>,
    /// Whether the groups are levels in a row.
    pub(super) banded: bool,
}

impl Folding {
    pub(crate) fn of(&self, task: usize) -> usize {
        self.of.get(task).map_or(0, |group| *group as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn name(&self, group: usize) -> String {
        self.groups[group].name.clone()
    }

    pub(crate) fn tasks(&self, group: usize) -> usize {
        self.groups[group].tasks()
    }

    /// Word, sign and count of each status that is there.
    pub(crate) fn counts(&self, group: usize) -> Vec<(&'static str, char, u32)> {
        let present = paint::present(&self.groups[group].counts);
        present.map(|(paint, count)| (paint.word, paint.sign, count)).collect()
    }
}

/// Folds the graph of `alt`, which has `levels` levels, into groups of tasks that stand alike, or else
/// into bands of levels.
pub(super) fn fold(
    alt: &Alt,
    levels: u32,
    end: &dyn Fn(TaskIndex) -> Option<TaskStatus>,
) -> Folding {
    let graph = alt.graph();
    let (of, names, banded) = match Some(levels)
        .filter(|levels| *levels <= LEVELS)
        .and_then(|_| alike::classes(alt, GROUPS))
    {
        Some(of) => {
            let names = names(alt, &of);
            (of, names, false)
        }
        None => {
            let height = levels.div_ceil(BANDS).max(1);
            let of = all(graph).map(|task| graph.level(task) / height).collect();
            let name = |band: u32| {
                let (first, last) = (band * height + 1, ((band + 1) * height).min(levels));
                let one = first == last;
                if one { format!("Level {first}") } else { format!("Levels {first}-{last}") }
            };
            (of, (0..levels.div_ceil(height)).map(name).collect(), true)
        }
    };
    let mut groups: Vec<Group> = names
        .into_iter()
        .map(|name| Group { name, level: u32::MAX, counts: Counts::default() })
        .collect();
    let mut edges: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for task in all(graph) {
        let here = of[task.get()] as usize;
        let group = &mut groups[here];
        group.counts[paint::place(end(task))] += 1;
        group.level = group.level.min(graph.level(task));
        for source in graph.dependencies(task) {
            let there = of[source.get()] as usize;
            if there != here {
                *edges.entry((there, here)).or_default() += 1;
            }
        }
    }
    let edges = edges.into_iter().map(|((source, target), count)| (source, target, count));
    Folding { of, groups, edges: edges.collect(), banded }
}

fn all(graph: &Graph) -> impl Iterator<Item = TaskIndex> {
    (0_u32..).map(TaskIndex).take(graph.len())
}

/// The name of each group: the id of its only task, or what the ids of its tasks begin with.
fn names(alt: &Alt, of: &[u32]) -> Vec<String> {
    let count = of.iter().max().map_or(0, |last| *last as usize + 1);
    let mut names: Vec<Option<(&str, bool)>> = vec![None; count];
    for (task, group) in alt.file().tasks.iter().zip(of) {
        let id = task.id.as_str();
        let name = &mut names[*group as usize];
        *name = Some(name.map_or((id, false), |(start, _)| (common(start, id), true)));
    }
    let name = |name: Option<(&str, bool)>| match name {
        Some(("", true)) => "various".to_owned(),
        Some((start, true)) => format!("{}…", cut(start, LABEL_COLUMNS * 2)),
        Some((id, false)) => cut(id, LABEL_COLUMNS * 2),
        None => String::new(),
    };
    names.into_iter().map(name).collect()
}

/// What both begin with.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    let end = same.map(|(c, _)| c.len_utf8()).sum();
    &one[..end]
}
