//! The order of boxes within each column: barycentre sweeps, the one with fewest crossings kept.

/// How often the columns are gone through, once each way.
const SWEEPS: usize = 12;

/// Columns of items, and what each item is linked to in the columns beside it.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// Items by column, top to bottom.
    pub(super) columns: Vec<Vec<usize>>,
    /// Each item's links to the column before.
    pub(super) left: Vec<Vec<usize>>,
    /// Each item's links to the column after.
    pub(super) right: Vec<Vec<usize>>,
}

impl Columns {
    /// Orders every column so that few links cross. Linear in links per sweep but for the sorting.
    pub(super) fn untangle(&mut self) {
        let mut places = vec![0; self.left.len()];
        self.columns.iter().for_each(|column| number(column, &mut places));
        let mut best = (self.crossings(&places), self.columns.clone());
        for sweep in 0..SWEEPS {
            if best.0 == 0 {
                break;
            }
            let count = self.columns.len();
            for step in 1..count {
                let rightwards = sweep % 2 == 0;
                let index = if rightwards { step } else { count - 1 - step };
                let links = if rightwards { &self.left } else { &self.right };
                let column = &mut self.columns[index];
                column.sort_by_key(|item| barycentre(&links[*item], *item, &places));
                number(column, &mut places);
            }
            let crossings = self.crossings(&places);
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
    }

    /// How many pairs of links cross.
    fn crossings(&self, places: &[usize]) -> usize {
        let mut total = 0;
        for (index, column) in self.columns.iter().enumerate().skip(1) {
            // A Fenwick tree over the column before counts, for each link, those that end above
            // and begin below.
            let size = self.columns[index - 1].len();
            let mut tree = vec![0_usize; size + 1];
            let mut inserted = 0;
            for item in column {
                let begins: Vec<usize> =
                    self.left[*item].iter().map(|from| places[*from]).collect();
                for begin in &begins {
                    total += inserted - prefix(&tree, begin + 1);
                }
                for begin in begins {
                    inserted += 1;
                    let mut node = begin + 1;
                    while node <= size {
                        tree[node] += 1;
                        node += node & node.wrapping_neg();
                    }
                }
            }
        }
        total
    }
}

/// How many entries of a Fenwick tree are at or below `end`.
fn prefix(tree: &[usize], end: usize) -> usize {
    let (mut node, mut sum) = (end, 0);
    while node > 0 {
        sum += tree[node];
        node -= node & node.wrapping_neg();
    }
    sum
}

fn number(column: &[usize], places: &mut [usize]) {
    column.iter().enumerate().for_each(|(place, item)| places[*item] = place);
}

/// The mean place of `links`, in 1/1024; an item without any stays where it is.
fn barycentre(links: &[usize], item: usize, places: &[usize]) -> usize {
    if links.is_empty() {
        return places[item] * 1024;
    }
    links.iter().map(|link| places[*link] * 1024).sum::<usize>() / links.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(columns: Vec<Vec<usize>>, links: &[(usize, usize)]) -> Columns {
        let count = columns.iter().map(Vec::len).sum();
        let mut out = Columns { columns, left: vec![vec![]; count], right: vec![vec![]; count] };
        for (from, to) in links {
            out.left[*to].push(*from);
            out.right[*from].push(*to);
        }
        out
    }

    #[test]
    fn crossings_are_counted_and_undone() {
        let mut tangle =
            columns(vec![vec![0, 1, 2], vec![3, 4, 5]], &[(0, 5), (1, 4), (2, 3), (0, 4)]);
        assert_eq!(tangle.crossings(&[0, 1, 2, 0, 1, 2]), 4);
        tangle.untangle();
        assert_eq!(tangle.columns, [vec![0, 1, 2], vec![5, 4, 3]]);
    }
}
