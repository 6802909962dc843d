//! What petgraph asks of a graph before it runs its algorithms on it.

use std::iter::{Copied, Map};
use std::ops::Range;
use std::slice::Iter;

use petgraph::Direction;
use petgraph::visit::{
    GraphBase, IntoNeighbors, IntoNeighborsDirected, IntoNodeIdentifiers, VisitMap, Visitable,
};

use super::{Links, narrow};
use crate::TaskIndex;

impl GraphBase for Links {
    type NodeId = TaskIndex;
    type EdgeId = (TaskIndex, TaskIndex);
}

impl<'a> IntoNeighbors for &'a Links {
    type Neighbors = Copied<Iter<'a, TaskIndex>>;

    /// Edges point from a dependency to its dependents: the direction of time.
    fn neighbors(self, task: TaskIndex) -> Self::Neighbors {
        self.neighbors_directed(task, Direction::Outgoing)
    }
}

impl<'a> IntoNeighborsDirected for &'a Links {
    type NeighborsDirected = Copied<Iter<'a, TaskIndex>>;

    fn neighbors_directed(self, task: TaskIndex, direction: Direction) -> Self::NeighborsDirected {
        match direction {
            Direction::Outgoing => self.dependents.of(task).iter().copied(),
            Direction::Incoming => self.dependencies.of(task).iter().copied(),
        }
    }
}

impl IntoNodeIdentifiers for &Links {
    type NodeIdentifiers = Map<Range<u32>, fn(u32) -> TaskIndex>;

    fn node_identifiers(self) -> Self::NodeIdentifiers {
        (0..narrow(self.len())).map(TaskIndex as fn(u32) -> TaskIndex)
    }
}

impl Visitable for Links {
    type Map = Seen;

    fn visit_map(&self) -> Seen {
        Seen(vec![false; self.len()])
    }

    fn reset_map(&self, map: &mut Seen) {
        map.0.fill(false);
    }
}

/// Which tasks a walk has been to.
#[derive(Debug)]
pub(crate) struct Seen(Vec<bool>);

impl VisitMap<TaskIndex> for Seen {
    fn visit(&mut self, task: TaskIndex) -> bool {
        !std::mem::replace(&mut self.0[task.get()], true)
    }

    fn is_visited(&self, task: &TaskIndex) -> bool {
        self.0[task.get()]
    }

    fn unvisit(&mut self, task: TaskIndex) -> bool {
        std::mem::replace(&mut self.0[task.get()], false)
    }
}
