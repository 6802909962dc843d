//! A run's graph as a picture: every task up to some hundreds, groups of tasks beyond.

mod dot;
mod fold;
mod layout;
mod mermaid;
mod order;
mod paint;
mod palette;
mod rows;
mod svg;
mod text;

use alt::{Alt, TaskIndex};

use crate::TaskStatus;
pub(crate) use fold::Folding;
use paint::Paint;
pub(crate) use palette::PALETTE;

/// More tasks than this are folded.
const NODES: usize = 300;
/// Lines that pass more columns than this, together, are folded: they would be a carpet.
const PASSES: u32 = 4000;
/// Terminal columns of a label.
const LABEL_COLUMNS: usize = 21;

/// A graph ready to be drawn. The same graph and ends make the same bytes.
///
/// Each task links to `#task-<place in the file>`, each group to `#group-<place>`: sections of the
/// report.
#[derive(Debug, Clone)]
pub struct Picture {
    title: String,
    tasks: usize,
    edges: usize,
    levels: u32,
    counts: Counts,
    folding: Option<Folding>,
    nodes: Vec<Node>,
    /// Source, target, and how many dependencies the line stands for.
    lines: Vec<(usize, usize, usize)>,
}

/// Tasks by status: as in [`TaskStatus::ALL`], then those without one.
type Counts = [u32; 5];

/// A box.
#[derive(Debug, Clone)]
struct Node {
    /// The whole id, as the author wrote it, or the name of a group.
    id: String,
    level: usize,
    face: Face,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy)]
enum Face {
    /// One task.
    One(Option<TaskStatus>),
    /// A group of tasks.
    Many(Counts),
}

impl Node {
    fn paint(&self) -> Paint {
        match self.face {
            Face::One(status) => paint::paint(status),
            Face::Many(counts) => paint::worst(&counts),
        }
    }

    /// `completed`, or `28 ✓ completed, 2 ✗ failed`.
    fn state(&self) -> String {
        match &self.face {
            Face::One(_) => self.paint().word.to_owned(),
            Face::Many(counts) => paint::tally(counts),
        }
    }

    /// ` ×30` behind the name of a group.
    fn times(&self) -> String {
        match &self.face {
            Face::One(_) => String::new(),
            Face::Many(counts) => match counts.iter().sum::<u32>() {
                1 => String::new(),
                count => format!(" ×{}", paint::grouped(count as usize)),
            },
        }
    }

    /// The section of the report that tells of it.
    fn link(&self, place: usize) -> String {
        match self.face {
            Face::One(_) => format!("#task-{place}"),
            Face::Many(_) => format!("#group-{place}"),
        }
    }

    /// Whether nothing came of it: what waited for it was not to run.
    const fn is_dead(&self) -> bool {
        match self.face {
            Face::One(status) => !matches!(status, None | Some(TaskStatus::Completed)),
            Face::Many([completed, .., planned]) => completed + planned == 0,
        }
    }
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
        let many = graph.len() > NODES || passes > PASSES;
        let folding = many.then(|| fold::fold(alt, levels, &end));
        let (nodes, lines) = match &folding {
            Some(folding) => (folding.groups.iter().map(group).collect(), folding.edges.clone()),
            None => {
                let node = |task: TaskIndex| Node {
                    id: file.tasks[task.get()].id.clone(),
                    level: graph.level(task) as usize,
                    face: Face::One(end(task)),
                };
                let into = |task: TaskIndex| {
                    graph.dependencies(task).iter().map(move |from| (from.get(), task.get(), 1))
                };
                (all.clone().map(node).collect(), all.flat_map(into).collect())
            }
        };
        let (title, tasks, edges) = (file.title.clone(), graph.len(), graph.edge_count());
        Self { title, tasks, edges, levels, counts, folding, nodes, lines }
    }

    /// An SVG document that needs no fonts, scripts or network; light or dark as its reader likes.
    #[must_use]
    pub fn svg(&self) -> String {
        if self.is_banded() { rows::document(self) } else { svg::document(self) }
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

    /// Which tasks are drawn as one; `None` when each is a box of its own.
    pub(crate) const fn folding(&self) -> Option<&Folding> {
        self.folding.as_ref()
    }

    /// Whether levels are drawn, one below the other.
    fn is_banded(&self) -> bool {
        self.folding.as_ref().is_some_and(|folding| folding.banded)
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

fn group(group: &fold::Group) -> Node {
    let (id, level) = (group.name.clone(), group.level as usize);
    Node { id, level, face: Face::Many(group.counts) }
}
