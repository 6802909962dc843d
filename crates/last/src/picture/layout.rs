//! Where each box goes and where each line runs: columns by level, long lines in lanes between boxes.

use super::Node;
use super::order::Columns;

/// Width of a box, pixels.
pub(super) const WIDTH: i64 = 208;
/// Height of a box, pixels.
pub(super) const HEIGHT: i64 = 46;
/// Between two columns.
pub(super) const GAP: i64 = 72;
/// Between two boxes of a column.
const SPACE: i64 = 18;
/// Height of a lane with the space around it.
const LANE: i64 = 14;
/// How often the columns are gone through for heights, once each way.
const PASSES: usize = 6;

/// Everything in whole pixels from the top left corner of the graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    /// The column and the middle of each box, by node.
    pub(super) boxes: Vec<(i64, i64)>,
    /// The points of each line, by edge: where it enters and leaves each column, same height.
    pub(super) lines: Vec<Vec<(i64, i64)>>,
    /// Of the whole.
    pub(super) width: i64,
    /// Of the whole.
    pub(super) height: i64,
}

/// Lays out `nodes` and `edges` (source, target).
pub(super) fn layout(nodes: &[Node], edges: &[(usize, usize)]) -> Layout {
    let (mut columns, lanes) = columns(nodes, edges);
    columns.untangle();
    let heights = heights(&columns, nodes.len());
    let top = |item: usize| heights[item] - extent(item, nodes.len()) / 2;
    let bottom = |item: usize| heights[item] + extent(item, nodes.len()) / 2;
    let items = 0..heights.len();
    let above = items.clone().map(top).min().unwrap_or(0);
    let below = items.map(bottom).max().unwrap_or(0);
    let at = |level: usize| i64::try_from(level).unwrap_or(0) * (WIDTH + GAP);
    let lines = edges
        .iter()
        .map(|&(source, target)| {
            let first = nodes[source].level;
            let lanes = &lanes[source][..nodes[target].level - first - 1];
            let stops = [source].into_iter().chain(lanes.iter().copied()).chain([target]);
            (first..).zip(stops).map(|(level, item)| (at(level), heights[item] - above)).collect()
        })
        .collect();
    let count = columns.columns.len();
    Layout {
        boxes: (0..nodes.len())
            .map(|node| (at(nodes[node].level), heights[node] - above))
            .collect(),
        lines,
        width: if count == 0 { 0 } else { at(count) - GAP },
        height: below - above,
    }
}

/// Columns of nodes and lanes. Lines of one source that go the same way share their lanes.
fn columns(nodes: &[Node], edges: &[(usize, usize)]) -> (Columns, Vec<Vec<usize>>) {
    let count = nodes.iter().map(|node| node.level + 1).max().unwrap_or(0);
    let mut out = Columns { columns: vec![Vec::new(); count], ..Columns::default() };
    for (index, node) in nodes.iter().enumerate() {
        out.columns[node.level].push(index);
    }
    let mut lanes: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut items = nodes.len();
    for &(source, target) in edges {
        let first = nodes[source].level + 1;
        while lanes[source].len() < nodes[target].level - first {
            out.columns[first + lanes[source].len()].push(items);
            lanes[source].push(items);
            items += 1;
        }
    }
    out.left = vec![Vec::new(); items];
    out.right = vec![Vec::new(); items];
    let mut link = |from: usize, to: usize| {
        out.right[from].push(to);
        out.left[to].push(from);
    };
    for (source, lanes) in lanes.iter().enumerate() {
        let mut from = source;
        for lane in lanes {
            link(from, *lane);
            from = *lane;
        }
    }
    for &(source, target) in edges {
        let span = nodes[target].level - nodes[source].level;
        link(if span == 1 { source } else { lanes[source][span - 2] }, target);
    }
    (out, lanes)
}

/// The height an item takes: a box, or a lane.
const fn extent(item: usize, nodes: usize) -> i64 {
    if item < nodes { HEIGHT } else { 0 }
}

/// The middle of each item: near its neighbours, in the order of its column, not touching others.
fn heights(columns: &Columns, nodes: usize) -> Vec<i64> {
    let mut heights = vec![0; columns.left.len()];
    for column in &columns.columns {
        let offsets = offsets(column, nodes);
        column.iter().zip(offsets).for_each(|(item, offset)| heights[*item] = offset);
    }
    let count = columns.columns.len();
    for pass in 0..=2 * PASSES {
        for step in 0..count {
            let rightwards = pass % 2 == 0;
            let column = &columns.columns[if rightwards { step } else { count - 1 - step }];
            let wish = |item: usize| {
                // The last pass looks both ways, so that a box with many parents and one child sits
                // between them.
                let both = pass == 2 * PASSES;
                let left = columns.left[item].iter().filter(|_| both || rightwards);
                let right = columns.right[item].iter().filter(|_| both || !rightwards);
                let near: Vec<i64> = left.chain(right).map(|near| heights[*near]).collect();
                match i64::try_from(near.len()) {
                    Ok(count) if count > 0 => near.iter().sum::<i64>() / count,
                    _ => heights[item],
                }
            };
            let wishes: Vec<i64> = column.iter().map(|item| wish(*item)).collect();
            let settled = settle(&wishes, &offsets(column, nodes));
            column.iter().zip(settled).for_each(|(item, height)| heights[*item] = height);
        }
    }
    heights
}

/// The middles of a column's items when it is packed tight from 0.
fn offsets(column: &[usize], nodes: usize) -> Vec<i64> {
    let mut at = 0;
    let mut out = Vec::with_capacity(column.len());
    for (index, item) in column.iter().enumerate() {
        if let Some(above) = index.checked_sub(1).map(|above| column[above]) {
            let space = if *item < nodes && above < nodes { SPACE } else { LANE };
            at += extent(above, nodes) / 2 + space + extent(*item, nodes) / 2;
        }
        out.push(at);
    }
    out
}

/// The heights nearest to `wishes` (least squares) that keep the order and the distances of `offsets`.
///
/// Without the distances that is isotonic regression, solved by pooling adjacent violators.
fn settle(wishes: &[i64], offsets: &[i64]) -> Vec<i64> {
    let mut blocks: Vec<(i64, i64)> = Vec::with_capacity(wishes.len());
    for (wish, offset) in wishes.iter().zip(offsets) {
        let mut block = (wish - offset, 1);
        while let Some(above) = blocks.pop_if(|above| above.0 * block.1 > block.0 * above.1) {
            block = (above.0 + block.0, above.1 + block.1);
        }
        blocks.push(block);
    }
    let mut out = Vec::with_capacity(wishes.len());
    for (sum, count) in blocks {
        for _ in 0..count {
            out.push(sum.div_euclid(count) + offsets[out.len()]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::picture::Face;

    fn nodes(levels: &[usize]) -> Vec<Node> {
        levels
            .iter()
            .map(|level| Node { id: String::new(), level: *level, face: Face::One(None) })
            .collect()
    }

    #[test]
    fn a_box_sits_between_its_neighbours() {
        let layout =
            layout(&nodes(&[0, 1, 1, 1, 2]), &[(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)]);
        assert_eq!(layout.boxes[0].1, layout.boxes[2].1);
        assert_eq!(layout.boxes[4].1, layout.boxes[2].1);
        assert_eq!(layout.width, 3 * WIDTH + 2 * GAP);
        assert_eq!(layout.height, 3 * HEIGHT + 2 * SPACE);
    }

    #[test]
    fn a_long_line_keeps_clear_of_the_boxes_it_passes() {
        let layout = layout(&nodes(&[0, 1, 2]), &[(0, 1), (1, 2), (0, 2)]);
        let lane = layout.lines[2][1].1;
        assert!((lane - layout.boxes[1].1).abs() >= HEIGHT / 2 + LANE, "{layout:?}");
    }

    /// Nodes 0..n, each linked to earlier ones, at the level that follows.
    fn graph(sources: &[Vec<usize>]) -> (Vec<Node>, Vec<(usize, usize)>) {
        let (mut levels, mut edges) = (Vec::<usize>::new(), Vec::new());
        for (target, sources) in sources.iter().enumerate() {
            let mut sources: Vec<usize> =
                if target == 0 { vec![] } else { sources.iter().map(|one| one % target).collect() };
            sources.sort_unstable();
            sources.dedup();
            levels.push(sources.iter().map(|source| levels[*source] + 1).max().unwrap_or(0));
            edges.extend(sources.into_iter().map(|source| (source, target)));
        }
        (nodes(&levels), edges)
    }

    proptest! {
        #[test]
        fn no_box_touches_another_box_or_a_line(
            sources in prop::collection::vec(prop::collection::vec(0_usize..1000, 0..4), 0..40),
        ) {
            let (nodes, edges) = graph(&sources);
            let layout = layout(&nodes, &edges);
            for (one, (x, y)) in layout.boxes.iter().enumerate() {
                prop_assert!(*y >= HEIGHT / 2 && y + HEIGHT / 2 <= layout.height);
                for (left, middle) in &layout.boxes[one + 1..] {
                    prop_assert!(left != x || (middle - y).abs() >= HEIGHT + SPACE);
                }
                for (line, (source, target)) in layout.lines.iter().zip(&edges) {
                    let mine = *source == one || *target == one;
                    for (left, middle) in line.iter().filter(|_| !mine) {
                        prop_assert!(left != x || (middle - y).abs() >= HEIGHT / 2 + LANE);
                    }
                }
            }
        }

        #[test]
        fn settled_items_keep_their_distances(
            items in prop::collection::vec((-500_i64..500, 1_i64..80), 0..40),
        ) {
            let wishes: Vec<i64> = items.iter().map(|(wish, _)| *wish).collect();
            let mut at = 0;
            let offsets: Vec<i64> = items.iter().map(|(_, step)| { at += step; at }).collect();
            let settled = settle(&wishes, &offsets);
            prop_assert_eq!(settled.len(), wishes.len());
            for index in 1..settled.len() {
                prop_assert!(settled[index] - settled[index - 1] >= offsets[index] - offsets[index - 1]);
            }
        }
    }
}
