//! A run's graph as a picture: every task up to some hundreds, one box a level beyond.

mod dot;
mod fold;
mod layout;
mod mermaid;
mod order;
mod paint;
mod rows;
mod svg;
mod text;

use alt::{Alt, TaskIndex};

use crate::TaskStatus;
use fold::Band;

/// More tasks than this are folded.
const NODES: usize = 300;
/// Lines that pass more columns than this, together, are folded: they would be a carpet.
const PASSES: u32 = 4000;
/// Terminal columns of a label.
const LABEL_COLUMNS: usize = 21;

/// A graph ready to be drawn. The same graph and ends make the same bytes.
#[derive(Debug, Clone)]
pub struct Picture {
    title: String,
    tasks: usize,
    edges: usize,
    levels: u32,
    counts: Counts,
    shape: Shape,
}

/// Tasks by status: as in [`TaskStatus::ALL`], then those without one.
type Counts = [u32; 5];

#[derive(Debug, Clone)]
enum Shape {
    /// Every task is a box.
    Full { nodes: Vec<Node>, edges: Vec<(usize, usize)> },
    /// Every level, or some neighbouring levels, is a box.
    Folded(Vec<Band>),
}

#[derive(Debug, Clone)]
struct Node {
    /// The whole id, as the author wrote it.
    id: String,
    level: usize,
    status: Option<TaskStatus>,
}

impl Picture {
    /// The graph of `alt`, painted by how each task ended; without `ends`, as a plan.
    ///
    /// Linear in tasks and dependencies.
    #[must_use]
    pub fn new(alt: &Alt, ends: Option<&[TaskStatus]>) -> Self {
        let (file, graph) = (alt.file(), alt.graph());
        let end = |task: TaskIndex| ends.and_then(|ends| ends.get(task.get()).copied());
        let all = (0_u32..).map(TaskIndex).take(graph.len());
        let mut counts = Counts::default();
        all.clone().for_each(|task| counts[paint::place(end(task))] += 1);
        let levels = all.clone().map(|task| graph.level(task) + 1).max().unwrap_or(0);
        let passes = all.clone().fold(0_u32, |sum, task| {
            let span = |source: &TaskIndex| graph.level(task) - graph.level(*source);
            graph.dependencies(task).iter().map(span).fold(sum, u32::saturating_add)
        });
        let shape = if graph.len() > NODES || passes > PASSES {
            Shape::Folded(fold::bands(graph, levels, &end))
        } else {
            let node = |task: TaskIndex| Node {
                id: file.tasks[task.get()].id.clone(),
                level: graph.level(task) as usize,
                status: end(task),
            };
            let into = |task: TaskIndex| {
                graph.dependencies(task).iter().map(move |source| (source.get(), task.get()))
            };
            Shape::Full {
                nodes: all.clone().map(node).collect(),
                edges: all.flat_map(into).collect(),
            }
        };
        let edges = graph.edge_count();
        Self { title: file.title.clone(), tasks: graph.len(), edges, levels, counts, shape }
    }

    /// An SVG document that needs no fonts, scripts or network.
    #[must_use]
    pub fn svg(&self) -> String {
        match &self.shape {
            Shape::Full { nodes, edges } => svg::document(self, nodes, edges),
            Shape::Folded(bands) => rows::document(self, bands),
        }
    }

    /// The graph in the DOT language of Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        dot::document(self)
    }

    /// The graph as a Mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::document(self)
    }

    /// The graph as lines of text, level by level.
    #[must_use]
    pub fn text(&self) -> String {
        text::document(self)
    }

    /// `5 tasks, 4 dependencies, 3 levels`.
    fn measure(&self) -> String {
        let levels = self.levels as usize;
        format!(
            "{}, {}, {}",
            paint::many(self.tasks, "task", "tasks"),
            paint::many(self.edges, "dependency", "dependencies"),
            paint::many(levels, "level", "levels"),
        )
    }
}
