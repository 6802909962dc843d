//! What the assembler writes, and that it is what the model reads.

use std::convert::Infallible;

use alt::TaskIndex;
use last::{AssembleError, TaskEnd, TaskStatus};
use protocol::Counts;
use protocol::RunStatus;

use crate::sample::{
    alt, assemble, attempt, facts, release, release_counts, release_task, run, sha256,
};

#[test]
fn a_small_run_is_written_as_committed() {
    let (text, assembled) = assemble(&release());
    insta::assert_snapshot!("last", text);
    insta::assert_snapshot!("summary", assembled.summary);
    insta::assert_debug_snapshot!("promotions", assembled.promotions);
    assert_eq!(assembled.sha256, sha256(text.as_bytes()));
    assert_eq!(assembled.size, text.len() as u64);
    assert_eq!(assembled.status, RunStatus::PartialSuccess);
    use TaskStatus::{Cancelled, Completed, Failed, Timeout};
    assert_eq!(assembled.ends, [Cancelled, Completed, Completed, Failed, Cancelled, Timeout]);
}

#[test]
fn the_same_facts_make_the_same_bytes() {
    assert_eq!(assemble(&release()), assemble(&release()));
}

/// A line without what makes it pretty: its indentation, and the space after a key that begins it.
fn compact(line: &str) -> String {
    let line = line.trim_start();
    let mut strings = serde_json::Deserializer::from_str(line).into_iter::<String>();
    let key = strings.next().and_then(Result::ok).map_or(0, |_| strings.byte_offset());
    let (key, rest) = line.split_at(key);
    let rest = rest.strip_prefix(": ").map_or_else(|| rest.to_owned(), |rest| format!(":{rest}"));
    format!("{key}{rest}")
}

#[test]
fn what_is_written_is_what_the_model_writes() {
    let (text, assembled) = assemble(&release());
    let last = last::read(text.as_bytes()).unwrap();
    let compact: String = text.lines().map(compact).collect();
    assert_eq!(compact, serde_json::to_string(&last).unwrap());
    assert_eq!(assembled.summary, last::summary_text(&last));
}

#[test]
fn a_terminal_shows_it_without_being_steered() {
    let (text, _) = assemble(&release());
    let shown = last::show(&last::read(text.as_bytes()).unwrap());
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
    insta::assert_snapshot!("shown", shown);
}

#[test]
fn a_file_without_tasks_succeeds_at_rate_one() {
    let alt = alt(r#"{"id": "none", "title": "None", "tasks": []}"#);
    let mut out = Vec::new();
    let mut tell = |_| Err("nobody should ask");
    let run = run(&alt, Counts::default());
    let assembled = last::assemble(&mut out, &run, &mut tell).unwrap();
    let last = last::read(&out).unwrap();
    assert_eq!((assembled.status, last.success_rate), (RunStatus::Success, 1.0));
    assert!(last.task_results.is_empty() && last.critical_path.task_ids.is_empty());
    assert_eq!(last.summary, "no tasks, in 9.0 s");
}

#[test]
fn a_cancelled_run_gives_its_reason_to_every_task() {
    let alt = alt(r#"{"id": "c", "title": "C", "tasks": [{"id": "a", "description": "a"}]}"#);
    let mut run = run(&alt, Counts { cancelled: 1, ..Counts::default() });
    run.cancelled = Some("asked by Ada");
    let mut out = Vec::new();
    let mut tell = |_| Ok::<_, Infallible>(facts(TaskEnd::Cancelled { cause: None }, 5, vec![]));
    last::assemble(&mut out, &run, &mut tell).unwrap();
    let last = last::read(&out).unwrap();
    let task = &last.task_results[0];
    assert_eq!(task.reason.as_deref(), Some("not run: the run was cancelled: asked by Ada"));
    assert_eq!(task.start_time, task.end_time);
    assert_eq!(last.status, RunStatus::Failure);
}

#[test]
fn facts_that_contradict_each_other_are_refused() {
    let alt = release();
    let wrong_counts = Counts { completed: 3, cancelled: 1, ..release_counts() };
    let mut out = Vec::new();
    let mut tell = |task| Ok::<_, Infallible>(release_task(task));
    let error = last::assemble(&mut out, &run(&alt, wrong_counts), &mut tell).unwrap_err();
    assert_eq!(error.to_string(), "the run counts 3 tasks completed, its tasks say 2");

    let mut tell = |task| {
        let failed = attempt(task, 1, (0, 1, 1), Err("no"));
        Ok::<_, Infallible>(facts(TaskEnd::Completed, 1, vec![failed]))
    };
    let error = last::assemble(&mut out, &run(&alt, release_counts()), &mut tell).unwrap_err();
    assert!(matches!(error, AssembleError::Contradiction { id, .. } if id == "deploy"));

    let mut tell = |task| {
        if task == TaskIndex(4) { Err("gone") } else { Ok(release_task(task)) }
    };
    let error = last::assemble(&mut out, &run(&alt, release_counts()), &mut tell).unwrap_err();
    assert_eq!(error.to_string(), "the facts of task `announce` could not be read: gone");
}

#[test]
fn a_null_output_is_an_output() {
    let alt = alt(r#"{"id": "n", "title": "N", "tasks": [{"id": "a", "description": "a"}]}"#);
    let run = run(&alt, Counts { completed: 1, ..Counts::default() });
    let mut tell = |task| {
        let null = protocol::Body::Inline(alt::Json::null());
        let attempt = attempt(task, 1, (0, 3, 2), Ok(null));
        Ok::<_, Infallible>(facts(TaskEnd::Completed, 3, vec![attempt]))
    };
    let mut out = Vec::new();
    last::assemble(&mut out, &run, &mut tell).unwrap();
    let last = last::read(&out).unwrap();
    assert_eq!(last.task_results[0].output.as_ref().map(alt::Json::text), Some("null"));
}

#[test]
fn a_long_critical_path_is_cut_and_counted() {
    let tasks: Vec<String> = (0..1_500)
        .map(|index: u32| {
            let before = index.checked_sub(1).map(|before| format!("\"t{before}\""));
            let before = before.unwrap_or_default();
            format!("{{\"id\":\"t{index}\",\"description\":\"d\",\"dependencies\":[{before}]}}")
        })
        .collect();
    let alt = alt(&format!("{{\"id\":\"l\",\"title\":\"L\",\"tasks\":[{}]}}", tasks.join(",")));
    let run = run(&alt, Counts { completed: 1_500, ..Counts::default() });
    let mut tell = |task: TaskIndex| {
        let body = protocol::Body::Inline(alt::Json::null());
        let attempt = attempt(task, 1, (0, 5, 1), Ok(body));
        Ok::<_, Infallible>(facts(TaskEnd::Completed, 5, vec![attempt]))
    };
    let mut out = Vec::new();
    last::assemble(&mut out, &run, &mut tell).unwrap();
    let path = last::read(&out).unwrap().critical_path;
    assert_eq!((path.task_ids.len(), path.length), (1_000, 1_500));
    assert_eq!((path.task_ids[0].as_str(), path.task_ids[999].as_str()), ("t0", "t999"));
}

#[test]
fn a_reader_is_told_where_a_file_is_wrong() {
    let (text, _) = assemble(&release());
    let duplicate = text.replace(
        "    \"fetch\": {\"task_id\":\"fetch\"",
        "    \"deploy\": {\"task_id\":\"deploy\"",
    );
    let cases = [
        (String::new(), "line 1, column 0: EOF while parsing a value"),
        (
            "{\"version\": \"2.0\", \"x\": 1}".to_owned(),
            "version `2.0` is not known; this Runner reads version `1.0`",
        ),
        (text.replacen("\"tags\"", "\"togs\"", 1), "unknown field `togs`"),
        (
            text.replacen("\"version\": \"1.0\"", "\"version\": \"1.1\"", 1),
            "version `1.1` is not known",
        ),
        (duplicate, "the key `deploy` comes twice"),
        (
            text.replace("    \"fetch\": {", "    \"fetsh\": {"),
            "the result at `fetsh` is of task `fetch`",
        ),
        (text.replace("2026-", "in 2026-"), "is not an RFC 3339 time"),
        (
            text.replacen("\"start_time\":\"", "\"reused_from\":\"ABC\",\"start_time\":\"", 1),
            "`ABC` is not a run id: 32 lower-case hex digits",
        ),
    ];
    for (text, expected) in cases {
        let error = last::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
