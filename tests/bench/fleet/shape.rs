//! The shapes that every system runs, under the names that the peers' scripts know.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// Layers of the layered shape, and tasks of each.
const LAYERS: usize = 20;
const WIDTH: usize = 200;
/// Tasks of the layer before that each one needs.
const NEEDS: usize = 3;
/// Of the small graph: a; b and c need a; d needs both; e needs d.
const SMALL: [&[usize]; 5] = [&[], &[0], &[0], &[1, 2], &[3]];

/// A graph, and how many of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// So many tasks that need nothing, in one graph.
    Fan(usize),
    /// So many tasks, each needs the one before.
    Chain(usize),
    /// 20 layers of 200, each task needs three of the layer before.
    Layered,
    /// So many graphs of five, submitted at once.
    Burst(usize),
    /// 300 graphs of five, ten under way.
    Small,
    /// 200 graphs of one task, one after the other.
    One,
}

impl Shape {
    /// What is measured of every system.
    pub(crate) const ALL: [Self; 8] = [
        Self::Fan(1_000),
        Self::Fan(10_000),
        Self::Fan(100_000),
        Self::Chain(500),
        Self::Layered,
        Self::Burst(1_000),
        Self::Small,
        Self::One,
    ];

    /// What a figure of this shape counts.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Fan(_) | Self::Layered => "tasks/s",
            Self::Chain(_) => "ms a hop",
            Self::Burst(_) => "graphs/s",
            Self::Small | Self::One => "ms, p50",
        }
    }

    /// Whether a greater figure is the better one.
    pub(crate) const fn more_is_better(self) -> bool {
        matches!(self, Self::Fan(_) | Self::Layered | Self::Burst(_))
    }

    /// In words, for the head of a column.
    pub(crate) fn heading(self) -> String {
        match self {
            Self::Fan(tasks) => format!("fan of {tasks}"),
            Self::Chain(tasks) => format!("chain of {tasks}"),
            Self::Layered => "layers, 20 × 200 × 3".to_owned(),
            Self::Burst(graphs) => format!("{graphs} graphs of five at once"),
            Self::Small => "graph of five, ten under way".to_owned(),
            Self::One => "one task, idle fleet".to_owned(),
        }
    }

    /// Its ALT file; each of a burst is this one.
    pub(crate) fn alt(self) -> Vec<u8> {
        let mut lot = 7_u64;
        match self {
            Self::Fan(tasks) => file(tasks, |_| Vec::new()),
            Self::Chain(tasks) => file(tasks, |task| task.checked_sub(1).into_iter().collect()),
            Self::Layered => file(LAYERS * WIDTH, |task| above(task, &mut lot)),
            Self::Burst(_) | Self::Small => file(SMALL.len(), |task| SMALL[task].to_vec()),
            Self::One => file(1, |_| Vec::new()),
        }
    }
}

/// Three tasks of the layer above, drawn by a generator of Knuth's (MMIX).
fn above(task: usize, lot: &mut u64) -> Vec<usize> {
    let Some(layer) = (task / WIDTH).checked_sub(1) else { return Vec::new() };
    let mut needs = Vec::new();
    while needs.len() < NEEDS {
        *lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(*lot >> 33).unwrap() % WIDTH;
        let needed = layer * WIDTH + place;
        if !needs.contains(&needed) {
            needs.push(needed);
        }
    }
    needs
}

fn file(tasks: usize, mut needs: impl FnMut(usize) -> Vec<usize>) -> Vec<u8> {
    let mut text = r#"{"id": "bench", "title": "A benchmark", "tasks": ["#.to_owned();
    for task in 0..tasks {
        let needs: Vec<String> = needs(task).iter().map(|it| format!("\"t{it}\"")).collect();
        let comma = if task == 0 { "" } else { "," };
        let needs = needs.join(", ");
        write!(
            text,
            "{comma}\n{{\"id\": \"t{task}\", \"description\": \"-\", \"dependencies\": [{needs}]}}"
        )
        .unwrap();
    }
    text.push_str("\n]}\n");
    text.into_bytes()
}

impl fmt::Display for Shape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fan(tasks) => write!(out, "fan-{tasks}"),
            Self::Chain(tasks) => write!(out, "chain-{tasks}"),
            Self::Layered => out.write_str("layered"),
            Self::Burst(graphs) => write!(out, "burst-{graphs}"),
            Self::Small => out.write_str("small"),
            Self::One => out.write_str("one"),
        }
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|shape| shape.to_string() == word)
            .ok_or_else(|| format!("`{word}` is no shape of this benchmark"))
    }
}
