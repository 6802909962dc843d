//! What the pictures look like, and that no text breaks out of them.

use std::fmt::Write as _;

use alt::Alt;
use last::{Picture, TaskStatus};

use crate::sample::{alt, assemble, release};
use crate::shapes::{all, file, played};

/// `tasks` tasks; each depends on what `before` says.
fn graph(tasks: usize, before: impl Fn(usize) -> Vec<usize>) -> std::sync::Arc<Alt> {
    let mut text = String::from("{\"id\":\"g\",\"title\":\"Nightly build\",\"tasks\":[");
    for index in 0..tasks {
        let before: Vec<String> =
            before(index).iter().map(|task| format!("\"task {task}\"")).collect();
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"id\":\"task {index}\",\"description\":\"d\",\"dependencies\":[{}]}}",
            before.join(",")
        );
    }
    text.push_str("]}");
    alt(&text)
}

/// Four levels: 1, 400, 20, 1.
fn wide() -> std::sync::Arc<Alt> {
    graph(422, |task| match task {
        0 => vec![],
        1..=400 => vec![0],
        401..=420 => (0..20).map(|one| 1 + one * 20 + (task - 401)).collect(),
        _ => (401..=420).collect(),
    })
}

fn wide_ends() -> Vec<TaskStatus> {
    let end = |task: usize| match task {
        7 | 8 => TaskStatus::Failed,
        9 => TaskStatus::Timeout,
        407..=409 | 421 => TaskStatus::Cancelled,
        _ => TaskStatus::Completed,
    };
    (0..422).map(end).collect()
}

#[test]
fn a_small_graph_is_drawn_task_by_task() {
    let alt = release();
    let (_, assembled) = assemble(&alt);
    let picture = Picture::new(&alt, Some(&assembled.ends));
    insta::assert_snapshot!("small_svg", picture.svg());
    insta::assert_snapshot!("small_dot", picture.dot());
    insta::assert_snapshot!("small_mermaid", picture.mermaid());
    insta::assert_snapshot!("small_text", picture.text());
}

#[test]
fn a_large_graph_is_drawn_level_by_level() {
    let picture = Picture::new(&wide(), Some(&wide_ends()));
    insta::assert_snapshot!("folded_svg", picture.svg());
    insta::assert_snapshot!("folded_dot", picture.dot());
    insta::assert_snapshot!("folded_mermaid", picture.mermaid());
    insta::assert_snapshot!("folded_text", picture.text());
}

/// Pictures that people looked at; a change of them is to be looked at again.
#[test]
fn real_shapes_are_drawn_as_they_were_reviewed() {
    for (name, tasks) in all() {
        let (_, alt) = file(name, &tasks);
        let (_, assembled) = played(&alt);
        let svg = Picture::new(&alt, Some(&assembled.ends)).svg();
        assert_eq!(svg, Picture::new(&alt, Some(&assembled.ends)).svg());
        if ["diamond", "fan-1000", "layered", "map-reduce", "map-reduce-large"].contains(&name) {
            insta::assert_snapshot!(format!("shape_{name}"), svg);
        }
    }
}

#[test]
fn a_long_chain_is_drawn_in_few_bands() {
    let picture =
        Picture::new(&graph(100_000, |task| task.checked_sub(1).into_iter().collect()), None);
    let text = picture.text();
    assert!(text.contains("Levels 1-1667: 1,667 tasks: 1,667 ○ planned"), "{text}");
    assert!(text.lines().count() < 70);
    assert!(picture.svg().len() < 100_000);
}

#[test]
fn a_graph_without_tasks_is_a_picture_too() {
    let picture = Picture::new(&graph(0, |_| vec![]), None);
    assert_eq!(picture.text(), "Nightly build\n0 tasks, 0 dependencies, 0 levels\n");
    assert!(picture.svg().ends_with("</g>\n</svg>\n"));
}

#[test]
fn no_text_breaks_out_of_its_place() {
    let id = r#"\"]--></text><script>alert(1)</script>#;%%{init}`\\"#;
    let text = format!(
        r#"{{"id": "x", "title": "{id}", "tasks": [{{"id": "{id}", "description": "d"}}]}}"#
    );
    let picture = Picture::new(&alt(&text), None);
    assert!(!picture.svg().contains("<script"));
    let dot = picture.dot();
    for line in dot.lines() {
        let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert_eq!(quotes % 2, 0, "{line}");
    }
    let node =
        picture.mermaid().lines().find(|line| line.contains("n0[")).map(str::to_owned).unwrap();
    assert_eq!(node.matches('"').count(), 2, "{node}");
    assert!(!node.contains('`') && !node.contains("%%"), "{node}");
}
