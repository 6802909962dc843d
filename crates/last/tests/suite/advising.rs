//! What a model is asked of a run, and what becomes of its answer.

use std::convert::Infallible;

use last::{Insights, LastFile, RunFacts};
use protocol::Told;
use protocol::limits::INSIGHTS_BYTES;

use crate::sample::{alt, assemble, facts, release, release_counts, release_task, run};

/// The sample run, of which a model said this.
fn told(told: &Told) -> (String, LastFile) {
    let alt = release();
    let mut out = Vec::new();
    let run = RunFacts { insights: Some(told), ..run(&alt, release_counts()) };
    let mut tell = |task| Ok::<_, Infallible>(release_task(task));
    let summary = last::assemble(&mut out, &run, &mut tell).unwrap().summary;
    let last = last::read(&out).unwrap();
    assert_eq!(summary, assemble(&alt).1.summary, "the summary is as it was");
    (String::from_utf8(out).unwrap(), last)
}

#[test]
fn an_answer_is_in_the_metadata_and_so_is_that_there_is_none() {
    let (text, model) = ("All \"well\".".to_owned(), "small".to_owned());
    let answer = Told::Text { text: text.clone(), model: model.clone(), tokens: None };
    let (bytes, last) = told(&answer);
    let line = r#"    "ai_insights": {"text":"All \"well\".","model":"small"},"#;
    assert!(bytes.lines().any(|it| it == line), "{bytes}");
    assert_eq!(last.metadata.insights(), Some(Ok(Insights { text, model, tokens: None })));
    let (_, last) = told(&Told::Nothing { reason: "no answer".to_owned() });
    assert_eq!(last.metadata.insights(), Some(Err("no answer".to_owned())));
    let without = last::read(assemble(&release()).0.as_bytes()).unwrap();
    assert_eq!(without.metadata.insights(), None);
}

#[test]
fn a_model_is_asked_about_what_came_of_the_run_and_why() {
    let alt = release();
    let mut tell = |task| Ok::<_, Infallible>(release_task(task));
    let prompt = last::prompt(&run(&alt, release_counts()), &mut tell).unwrap();
    for text in [
        "Release the site",
        "partial success",
        "2 of 6 tasks completed",
        "check: failed after 2 attempts: exit status 2",
        "Critical path (8.9 s)",
    ] {
        assert!(prompt.data.contains(text), "{text}: {}", prompt.data);
    }
    assert!(prompt.task.contains("data"), "{}", prompt.task);
}

#[test]
fn however_long_and_odd_its_texts_are_a_question_is_short_and_plain() {
    let long = "漢字🦀".repeat(10);
    let task = |place: usize| format!(r#"{{"id":"{long}{place}","description":"d"}}"#);
    let tasks: Vec<_> = (0..500).map(task).collect();
    let text = format!(r#"{{"id":"i","title":"{long}","tasks":[{}]}}"#, tasks.join(","));
    let alt = alt(&text);
    let counts = protocol::Counts { failed: 500, ..protocol::Counts::default() };
    let mut tell = |task| {
        let why = "\u{1b}[31m\u{202e}why\n".repeat(400);
        let failed = crate::sample::attempt(task, 1, (10, 500, 400), Err(&why));
        Ok::<_, Infallible>(facts(last::TaskEnd::Failed, 500, vec![failed]))
    };
    let prompt = last::prompt(&run(&alt, counts), &mut tell).unwrap();
    assert!(prompt.data.len() <= INSIGHTS_BYTES, "{}", prompt.data.len());
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!prompt.data.contains(steers), "{}", prompt.data);
}
