//! The live view as lines that fit: pure, so that its promise can be tested.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::board::Board;

/// More lines than this would hide what stood there before.
const MOST_ROWS: usize = 12;

/// Cells of the bar.
const BAR: u32 = 24;

/// The lines of one frame: at most `rows - 1` of them, none wider than `columns`.
pub(super) fn lines(
    board: &Board,
    elapsed: Duration,
    (rows, columns): (usize, usize),
    unicode: bool,
) -> Vec<String> {
    let most = rows.saturating_sub(1).min(MOST_ROWS);
    let mut lines = vec![head(board, elapsed), bar(board, unicode)];
    let room = most.saturating_sub(lines.len());
    let hidden = board.running.len().saturating_sub(room);
    // The last line says how many there was no room for.
    let shown = if hidden > 0 { room.saturating_sub(1) } else { board.running.len() };
    // Longest running first: that is what people wait for.
    let mut running: Vec<_> = board.running.iter().collect();
    running.sort_by_key(|(id, it)| (it.since, *id));
    let now = board.time();
    let sign = if unicode { '●' } else { '*' };
    for (id, it) in running.iter().take(shown) {
        let ran = Duration::from_millis(now.since(it.since));
        let mut line = format!(" {sign} {id}  {}", seconds(ran));
        if let Some(attempt) = it.attempt.filter(|attempt| attempt.get() > 1) {
            line.push_str(&format!("  attempt {attempt}"));
        }
        lines.push(line);
    }
    if hidden > 0 {
        let rest = board.running.len() - shown;
        lines.push(format!("   and {rest} more running"));
    }
    lines.truncate(most);
    lines.iter().map(|line| fit(line, columns, unicode)).collect()
}

fn head(board: &Board, elapsed: Duration) -> String {
    let counts = board.counts;
    let (decided, total) = (counts.decided(), counts.total());
    format!(" {}  {}  {decided}/{total} tasks", board.title(), seconds(elapsed))
}

fn bar(board: &Board, unicode: bool) -> String {
    let counts = board.counts;
    let total = u64::from(counts.total().max(1));
    let filled = u64::from(counts.decided()) * u64::from(BAR) / total;
    let (full, empty) = if unicode { ('█', '░') } else { ('#', '.') };
    let mut line = String::from(" ");
    line.extend((0..u64::from(BAR)).map(|cell| if cell < filled { full } else { empty }));
    let parts = [
        (counts.completed, "done"),
        (counts.failed + counts.timeout, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.running, "running"),
        (counts.backoff, "retrying"),
        (counts.offered + counts.ready, "ready"),
        (counts.waiting, "waiting"),
    ];
    let separator = if unicode { " · " } else { ", " };
    let told: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    line.push_str("  ");
    line.push_str(&told.join(separator));
    line
}

/// `text` cut to `columns` cells of a terminal.
pub(crate) fn fit(text: &str, columns: usize, unicode: bool) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mark, mark_width) = if unicode { ("…", 1) } else { ("~", 1) };
    let mut out = String::new();
    let mut used = 0;
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if used + width + mark_width > columns {
            break;
        }
        out.push(character);
        used += width;
    }
    if columns >= mark_width {
        out.push_str(mark);
    }
    out
}

/// A time as people say it: `0.4 s`, `18 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..10 => format!("{}.{} s", whole, time.subsec_millis() / 100),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alt::Alt;
    use proptest::prelude::*;
    use protocol::{Attempt, Counts, Timestamp};

    use super::*;
    use crate::progress::board::Running;

    fn alt(ids: &[String]) -> Arc<Alt> {
        let tasks: Vec<_> =
            ids.iter().map(|id| serde_json::json!({"id": id, "description": "x"})).collect();
        let file =
            serde_json::json!({"id": "a", "title": "Tägliche Übersicht 日本", "tasks": tasks});
        let report = alt::read(file.to_string().as_bytes(), &alt::Check::default());
        report.alt.unwrap_or_else(|| panic!("{:?}", report.diagnostics))
    }

    fn board(ids: &[String], running: usize, counts: Counts) -> Board {
        let mut board = Board::of_file(alt(ids));
        board.now = Timestamp(10_000);
        for id in ids.iter().take(running) {
            let running = Running { attempt: Attempt::new(2), since: Timestamp(7_600) };
            board.running.insert(alt::visible(id), running);
        }
        board.counts = counts;
        board
    }

    #[test]
    fn a_frame_says_how_far_and_what_runs() {
        let counts = Counts {
            completed: 12,
            failed: 1,
            running: 2,
            backoff: 1,
            waiting: 8,
            ..Counts::default()
        };
        let board = board(&["fetch".into(), "split".into()], 2, counts);
        let show = |size, unicode| lines(&board, Duration::from_secs(18), size, unicode);
        assert_eq!(
            show((24, 100), true),
            [
                " Tägliche Übersicht 日本  18 s  13/24 tasks",
                " █████████████░░░░░░░░░░░  12 done · 1 failed · 2 running · 1 retrying · 8 waiting",
                " ● fetch  2.4 s  attempt 2",
                " ● split  2.4 s  attempt 2",
            ]
        );
        assert_eq!(
            show((3, 30), false),
            [" Tägliche Übersicht 日本  18 ~", " #############...........  12~"]
        );
    }

    proptest! {
        #[test]
        fn a_frame_never_exceeds_the_terminal(
            ids in prop::collection::btree_set("\\PC{1,40}", 1..30),
            running in 0_usize..30,
            rows in 0_usize..40,
            columns in 0_usize..120,
            unicode: bool,
        ) {
            let ids: Vec<String> = ids
                .into_iter()
                .enumerate()
                .map(|(index, id)| format!("{index}-{}", id.replace(|c: char| !c.is_alphanumeric(), "日")))
                .collect();
            let board = board(&ids, running.min(ids.len()), Counts { waiting: 7, ..Counts::default() });
            let lines = lines(&board, Duration::from_secs(1), (rows, columns), unicode);
            prop_assert!(lines.len() <= rows.saturating_sub(1));
            for line in lines {
                prop_assert!(line.width() <= columns, "{line:?} in {columns}");
            }
        }
    }
}
