//! Tables of text: columns as wide as their widest cell, or Markdown.

/// Lines of cells, two spaces apart; the first line is the head.
#[must_use]
pub fn aligned(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A Markdown table of these lines of cells; the first line is the head.
#[must_use]
pub fn markdown(rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut lines = rows.iter();
    let mut text = lines
        .next()
        .map_or_else(String::new, |head| format!("{}|{}\n", line(head), "---|".repeat(head.len())));
    lines.for_each(|cells| text.push_str(&line(cells)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_one_another() {
        let rows = [["file", "b"], ["é", "yy"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "file  b\né     yy\n");
        assert_eq!(markdown(&rows), "| file | b |\n|---|---|\n| é | yy |\n");
    }
}
