//! Which tasks stand alike in a graph: at the same level, of the same job, below and above tasks
//! that stand alike.

use std::collections::BTreeMap;

use alt::{Alt, TaskIndex};

/// Rounds after which a graph counts as one without classes.
const ROUNDS: usize = 40;

/// The class of each task, counted by level, then by first task; `None` when there are more than
/// `most` or it takes too long to tell.
///
/// Begins with level and job, and tells classes apart by their neighbours' classes until nothing
/// changes. How many neighbours of a class a task has does not count: mappers with three and with
/// four inputs are mappers.
pub(super) fn classes(alt: &Alt, most: usize) -> Option<Vec<u32>> {
    let (graph, tasks) = (alt.graph(), &alt.file().tasks);
    let all = || (0_u32..).map(TaskIndex).take(graph.len());
    let mut known = BTreeMap::new();
    let mut of: Vec<u32> = Vec::with_capacity(graph.len());
    for task in all() {
        let key = (graph.level(task), tasks[task.get()].job.as_str());
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
        of.push(*known.entry(key).or_insert(next));
        if known.len() > most {
            return None;
        }
    }
    let mut count = known.len();
    for _ in 0..ROUNDS {
        let mut known: BTreeMap<(u32, Vec<u32>, Vec<u32>), u32> = BTreeMap::new();
        let mut next: Vec<u32> = Vec::with_capacity(of.len());
        for task in all() {
            let above = kinds(graph.dependencies(task), &of);
            let below = kinds(graph.dependents(task), &of);
            let fresh = u32::try_from(known.len()).unwrap_or(u32::MAX);
            next.push(*known.entry((of[task.get()], above, below)).or_insert(fresh));
            if known.len() > most {
                return None;
            }
        }
        of = next;
        if known.len() == count {
            return Some(by_level(alt, of, count));
        }
        count = known.len();
    }
    None
}

/// The classes of `tasks`, each once.
fn kinds(tasks: &[TaskIndex], of: &[u32]) -> Vec<u32> {
    let mut kinds: Vec<u32> = Vec::new();
    let mut last = None;
    for task in tasks {
        let kind = of[task.get()];
        // Neighbours in the file are mostly of one class.
        if last.replace(kind) != Some(kind) && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.sort_unstable();
    kinds
}

/// The same classes, numbered by level and then as they were.
fn by_level(alt: &Alt, of: Vec<u32>, count: usize) -> Vec<u32> {
    let mut levels = vec![0; count];
    for (task, class) in (0_u32..).map(TaskIndex).zip(&of) {
        levels[*class as usize] = alt.graph().level(task);
    }
    let mut order: Vec<u32> = (0..).take(count).collect();
    order.sort_by_key(|class| levels[*class as usize]);
    let mut number = vec![0; count];
    for (place, class) in (0..).zip(order) {
        number[class as usize] = place;
    }
    of.into_iter().map(|class| number[class as usize]).collect()
}
