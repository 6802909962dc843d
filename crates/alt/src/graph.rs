//! The graph of a validated file: both directions, an order, levels and ranks, all in flat arrays.
//!
//! petgraph's own graphs cost 24 bytes an edge and give no levels; this one costs 8 and lends
//! itself to petgraph's algorithms through [`visit`]. Nothing here recurses: a chain of a million
//! tasks is ordinary.

mod visit;

use petgraph::algo::{kosaraju_scc, toposort};

use crate::TaskIndex;

/// Neighbours of every task, one slice each, in one array.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Adjacency {
    /// Where each task's slice begins; one more than there are tasks.
    starts: Vec<u32>,
    targets: Vec<TaskIndex>,
}

impl Adjacency {
    /// The targets of each list, in the order given.
    fn forward(lists: &[&[TaskIndex]]) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        let mut targets = Vec::with_capacity(lists.iter().map(|list| list.len()).sum());
        starts.push(0);
        for list in lists {
            targets.extend_from_slice(list);
            starts.push(narrow(targets.len()));
        }
        Self { starts, targets }
    }

    /// The same edges the other way round, each slice in file order.
    fn reversed(&self) -> Self {
        let mut starts = vec![0_u32; self.starts.len()];
        for target in &self.targets {
            starts[target.get() + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut targets = vec![TaskIndex(0); self.targets.len()];
        for (index, bounds) in self.starts.windows(2).enumerate() {
            for target in &self.targets[bounds[0] as usize..bounds[1] as usize] {
                let place = &mut next[target.get()];
                targets[*place as usize] = TaskIndex(narrow(index));
                *place += 1;
            }
        }
        Self { starts, targets }
    }

    fn of(&self, task: TaskIndex) -> &[TaskIndex] {
        let range = self.starts[task.get()] as usize..self.starts[task.get() + 1] as usize;
        &self.targets[range]
    }
}

/// Counts fit 32 bits: [`crate::limits::TASKS`] and [`crate::limits::EDGES`] are checked first.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Edges whose ends are known to exist, cycles not yet ruled out.
#[derive(Debug)]
pub(crate) struct Links {
    dependencies: Adjacency,
    dependents: Adjacency,
}

impl Links {
    /// `lists[i]` are the dependencies of task `i`, each below `lists.len()`.
    pub(crate) fn new(lists: &[&[TaskIndex]]) -> Self {
        let dependencies = Adjacency::forward(lists);
        let dependents = dependencies.reversed();
        Self { dependencies, dependents }
    }

    fn len(&self) -> usize {
        self.dependencies.starts.len() - 1
    }

    /// The graph, or for each knot of tasks that wait for each other its shortest ring.
    ///
    /// A ring is listed in the direction of waiting: each task depends on the next, the last on the
    /// first.
    pub(crate) fn order(self) -> Result<Graph, Vec<Vec<TaskIndex>>> {
        match toposort(&self, None) {
            Ok(order) => Ok(Graph::new(self, order)),
            Err(_) => Err(self.rings()),
        }
    }

    fn rings(&self) -> Vec<Vec<TaskIndex>> {
        let mut member = vec![u32::MAX; self.len()];
        let mut rings = Vec::new();
        let mut knots: Vec<_> =
            kosaraju_scc(self).into_iter().filter(|knot| knot.len() > 1).collect();
        for knot in &mut knots {
            knot.sort_unstable();
        }
        knots.sort_unstable();
        for (number, knot) in knots.iter().enumerate() {
            for task in knot {
                member[task.get()] = narrow(number);
            }
        }
        for (number, knot) in knots.iter().enumerate() {
            rings.push(self.shortest_ring(knot[0], |task| member[task.get()] == narrow(number)));
        }
        rings
    }

    /// Breadth first from `start` along dependencies inside a knot until `start` comes up again.
    fn shortest_ring(
        &self,
        start: TaskIndex,
        inside: impl Fn(TaskIndex) -> bool,
    ) -> Vec<TaskIndex> {
        let mut came_from = std::collections::BTreeMap::from([(start, start)]);
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(task) = queue.pop_front() {
            for &next in self.dependencies.of(task) {
                if next == start {
                    let mut ring = vec![task];
                    while let Some(&before) = ring.last().and_then(|last| came_from.get(last)) {
                        if ring.last() == Some(&start) {
                            break;
                        }
                        ring.push(before);
                    }
                    ring.reverse();
                    return ring;
                }
                if inside(next) && !came_from.contains_key(&next) {
                    came_from.insert(next, task);
                    queue.push_back(next);
                }
            }
        }
        vec![start]
    }
}

/// A graph without cycles. Tasks are the indices `0..len`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    dependencies: Adjacency,
    dependents: Adjacency,
    order: Vec<TaskIndex>,
    level: Vec<u32>,
    rank: Vec<u32>,
}

impl Graph {
    /// The graph of these lists: `lists[i]` are the dependencies of task `i`, each below
    /// `lists.len()`, and there are at most [`crate::limits::EDGES`]. `None` when some tasks wait
    /// for each other.
    #[must_use]
    pub fn of(lists: &[&[TaskIndex]]) -> Option<Self> {
        Links::new(lists).order().ok()
    }

    fn new(links: Links, order: Vec<TaskIndex>) -> Self {
        let Links { dependencies, dependents } = links;
        let mut level = vec![0; order.len()];
        for &task in &order {
            let before = dependencies.of(task).iter().map(|d| level[d.get()] + 1).max();
            level[task.get()] = before.unwrap_or(0);
        }
        let mut rank = vec![0; order.len()];
        for &task in order.iter().rev() {
            let after = dependents.of(task).iter().map(|d| rank[d.get()] + 1).max();
            rank[task.get()] = after.unwrap_or(0);
        }
        Self { dependencies, dependents, order, level, rank }
    }

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many dependencies there are in all.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.dependencies.targets.len()
    }

    /// What must complete before `task`, in file order.
    #[must_use]
    pub fn dependencies(&self, task: TaskIndex) -> &[TaskIndex] {
        self.dependencies.of(task)
    }

    /// What waits for `task`, in file order.
    #[must_use]
    pub fn dependents(&self, task: TaskIndex) -> &[TaskIndex] {
        self.dependents.of(task)
    }

    /// Every task after all it depends on.
    #[must_use]
    pub fn order(&self) -> &[TaskIndex] {
        &self.order
    }

    /// The longest way from a task without dependencies, in steps; 0 for such a task.
    #[must_use]
    pub fn level(&self, task: TaskIndex) -> u32 {
        self.level[task.get()]
    }

    /// The longest way to a task that nothing waits for, in steps: the critical path from here.
    #[must_use]
    pub fn rank(&self, task: TaskIndex) -> u32 {
        self.rank[task.get()]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(lists: &[Vec<u32>]) -> Links {
        let lists: Vec<Vec<TaskIndex>> =
            lists.iter().map(|list| list.iter().copied().map(TaskIndex).collect()).collect();
        Links::new(&lists.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn a_diamond_has_levels_and_ranks() {
        let graph = links(&[vec![], vec![0], vec![0], vec![1, 2]]).order().unwrap();
        let all = |f: fn(&Graph, TaskIndex) -> u32| {
            (0..4).map(|task| f(&graph, TaskIndex(task))).collect::<Vec<_>>()
        };
        assert_eq!(all(Graph::level), [0, 1, 1, 2]);
        assert_eq!(all(Graph::rank), [2, 1, 1, 0]);
        assert_eq!(graph.dependents(TaskIndex(0)), [TaskIndex(1), TaskIndex(2)]);
        assert_eq!(graph.edge_count(), 4);
    }

    #[test]
    fn each_knot_shows_its_shortest_ring_in_the_direction_of_waiting() {
        // 0 waits for 1, 1 for 2, 2 for 0 and for 1; 3 and 4 wait for each other; 5 is free.
        let rings = links(&[vec![1], vec![2], vec![0, 1], vec![4], vec![3, 0], vec![]]);
        let rings = rings.order().unwrap_err();
        let plain: Vec<Vec<u32>> =
            rings.iter().map(|ring| ring.iter().map(|task| task.0).collect()).collect();
        assert_eq!(plain, [vec![0, 1, 2], vec![3, 4]]);
    }

    #[test]
    fn a_chain_of_a_million_needs_no_stack() {
        let lists: Vec<Vec<u32>> =
            (0..1_000_000).map(|i| if i == 0 { vec![] } else { vec![i - 1] }).collect();
        let graph = links(&lists).order().unwrap();
        assert_eq!(graph.level(TaskIndex(999_999)), 999_999);
        assert_eq!(graph.rank(TaskIndex(0)), 999_999);
        let mut lists = lists;
        lists[0].push(999_999);
        assert_eq!(links(&lists).order().unwrap_err()[0].len(), 1_000_000);
    }

    proptest! {
        #[test]
        fn the_order_respects_every_edge(edges in prop::collection::vec((1_u32..60, 0_u32..60), 0..200)) {
            let mut lists = vec![Vec::new(); 60];
            for (to, from) in edges {
                if from < to && !lists[to as usize].contains(&from) {
                    lists[to as usize].push(from);
                }
            }
            let graph = links(&lists).order().unwrap();
            let mut place = vec![0; 60];
            for (at, task) in graph.order().iter().enumerate() {
                place[task.get()] = at;
            }
            for task in (0..60).map(TaskIndex) {
                for dependency in graph.dependencies(task) {
                    prop_assert!(place[dependency.get()] < place[task.get()]);
                    prop_assert!(graph.dependents(*dependency).contains(&task));
                }
            }
        }
    }
}
