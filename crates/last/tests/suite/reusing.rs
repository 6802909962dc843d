//! Results taken over from an earlier run.

use std::collections::BTreeMap;
use std::convert::Infallible;

use alt::{Alt, Json, TaskIndex};
use last::{
    Artifact, Assembled, AttemptFacts, FileDigest, LastFile, Reusable, RunFacts, TaskEnd,
    TaskFacts, TaskStatus, reusable,
};
use proptest::prelude::*;
use protocol::{ArtifactRecord, Body, Counts, MissingFile, RunId};

use crate::sample::{alt, assemble, attempt, facts, release, run, sha256};

/// The key of the earlier run's folder.
const FOLDER: &str = "results/release/1";
/// The key of the folder of the run after it.
const NEXT: &str = "results/release/2";

/// Objects by key: a store in memory.
type Objects = BTreeMap<String, Vec<u8>>;

fn promote(objects: &mut Objects, assembled: &Assembled, folder: &str) {
    for promotion in &assembled.promotions {
        let content = objects[&promotion.from].clone();
        objects.insert(format!("{folder}/{}", promotion.to), content);
    }
}

/// The facts of a task that is taken over.
fn taken(task: TaskIndex, reusable: Reusable<'_>) -> TaskFacts {
    let mut attempt = attempt(task, 1, (0, 1, 0), Ok(reusable.output));
    let verdict = &mut attempt.verdict.body;
    verdict.artifacts = reusable.artifacts;
    verdict.missing = reusable.missing;
    verdict.reused_from = Some(reusable.reused_from);
    verdict.worker = None;
    facts(TaskEnd::Completed, 1, vec![attempt])
}

/// The LAST of a run of `alt` that takes all it can from `earlier`; the other tasks are cancelled.
fn take_over(alt: &Alt, number: u128, earlier: &LastFile, folder: &str) -> (LastFile, Assembled) {
    let mut known: BTreeMap<_, _> =
        reusable(earlier, folder).unwrap().map(|one| (one.task_id, one)).collect();
    let tasks = &alt.file().tasks;
    let completed = u32::try_from(known.len()).unwrap();
    let cancelled = u32::try_from(tasks.len()).unwrap() - completed;
    let run = RunFacts {
        run: RunId::from_bits(number),
        reuse: Some(earlier.execution_id.parse().unwrap()),
        ..run(alt, Counts { completed, cancelled, ..Counts::default() })
    };
    let mut tell = |task: TaskIndex| {
        Ok::<_, Infallible>(known.remove(tasks[task.get()].id.as_str()).map_or_else(
            || facts(TaskEnd::Cancelled { cause: None }, 1, vec![]),
            |reusable| taken(task, reusable),
        ))
    };
    let mut out = Vec::new();
    let assembled = last::assemble(&mut out, &run, &mut tell).unwrap();
    (last::read(&out).unwrap(), assembled)
}

/// What must be equal of a task that is taken over.
fn outputs(last: &LastFile) -> Vec<impl PartialEq + std::fmt::Debug + '_> {
    let completed = last.task_results.iter().filter(|task| task.status == TaskStatus::Completed);
    completed
        .map(|task| (&task.task_id, &task.output, &task.output_ref, &task.missing_files))
        .collect()
}

/// The artifacts, but for when they were made.
fn artifacts(last: &LastFile) -> Vec<Artifact> {
    let at = last.start_time;
    last.artifacts.iter().map(|one| Artifact { created_at: at, ..one.clone() }).collect()
}

#[test]
fn a_completed_task_is_taken_over_with_all_that_it_left() {
    let (text, _) = assemble(&release());
    let last = last::read(text.as_bytes()).unwrap();
    let found: Vec<_> = reusable(&last, FOLDER).unwrap().collect();
    assert_eq!(found.len(), 2);
    let (fetch, translate) = (&found[0], &found[1]);
    assert_eq!((fetch.task_id, translate.task_id), ("fetch", "translate"));
    let inline = Json::from_text("{\"status\":200,\"big\":1e400}").unwrap();
    assert_eq!(fetch.output, Body::Inline(inline));
    assert_eq!(fetch.reused_from.to_string(), last.execution_id);
    let named: Vec<_> =
        fetch.artifacts.iter().map(|one| (one.name.as_str(), one.key.as_str(), one.size)).collect();
    assert_eq!(
        named,
        [
            ("site/page.html", "results/release/1/artifacts/000001-fetch/site/page.html", 12),
            ("Site/Page.html", "results/release/1/artifacts/000001-fetch/2~Site/Page.html", 12),
        ]
    );
    assert_eq!(fetch.missing, last.task_results[1].missing_files);
    let Body::Stored { key, size, .. } = &translate.output else { panic!("it is kept in a file") };
    let stored = "results/release/1/outputs/000002-translate.json";
    assert_eq!((key.as_str(), *size), (stored, 16));
}

#[test]
fn a_run_that_took_over_says_so_and_keeps_the_run_that_executed() {
    let (text, _) = assemble(&release());
    let first = last::read(text.as_bytes()).unwrap();
    let (second, assembled) = take_over(&release(), 2, &first, FOLDER);
    let (third, _) = take_over(&release(), 3, &second, NEXT);
    for (last, earlier) in [(&second, &first), (&third, &second)] {
        let reuse = last.reuse.unwrap();
        assert_eq!((reuse.run.to_string(), reuse.tasks), (earlier.execution_id.clone(), 2));
        for task in &last.task_results {
            let origin = task.reused_from.map(|run| run.to_string());
            let completed = task.status == TaskStatus::Completed;
            assert_eq!(origin, completed.then(|| first.execution_id.clone()));
        }
        let line = format!("\n  reused      2 tasks of run {}\n", earlier.execution_id);
        assert!(last::show(last).contains(&line));
        assert!(last::summary_text(last).contains(&line));
    }
    assert_eq!(assembled.summary, last::summary_text(&second));
}

#[test]
fn a_run_that_could_take_over_nothing_says_that() {
    let alt = release();
    let (text, _) = assemble(&alt);
    let mut first = last::read(text.as_bytes()).unwrap();
    first.task_results.retain(|task| task.status != TaskStatus::Completed);
    let (second, _) = take_over(&alt, 2, &first, FOLDER);
    assert_eq!(second.reuse.map(|reuse| reuse.tasks), Some(0));
    assert!(last::show(&second).contains("\n  reused      0 tasks of run "));
}

#[test]
fn a_verdict_taken_over_by_a_run_that_takes_nothing_over_is_refused() {
    let alt = alt(r#"{"id": "n", "title": "N", "tasks": [{"id": "a", "description": "a"}]}"#);
    let mut tell = |task| {
        let mut attempt = attempt(task, 1, (0, 1, 0), Ok(Body::Inline(Json::null())));
        attempt.verdict.body.reused_from = Some(RunId::from_bits(9));
        Ok::<_, Infallible>(facts(TaskEnd::Completed, 1, vec![attempt]))
    };
    let run = run(&alt, Counts { completed: 1, ..Counts::default() });
    let error = last::assemble(&mut Vec::new(), &run, &mut tell).unwrap_err();
    assert!(error.to_string().ends_with("it was taken over, yet its run takes nothing over"));
}

#[test]
fn a_last_that_leads_elsewhere_is_not_taken_over() {
    let (text, _) = assemble(&release());
    let cases = [
        ("\"execution_id\": \"0", "\"execution_id\": \"x", "/execution_id: "),
        ("/site/page.html\",\"created", "/../../x\",\"created", "/artifacts/0/path: "),
        (
            "\"path\":\"outputs/",
            "\"path\":\"/outputs/",
            "/task_results/translate/output_ref/path: ",
        ),
        ("\"output\":{\"status\":200,\"big\":1e400},", "", "/task_results/fetch/output: "),
    ];
    for (from, to, expected) in cases {
        assert!(text.contains(from), "{from}");
        let last = last::read(text.replacen(from, to, 1).as_bytes()).unwrap();
        let Err(problem) = reusable(&last, FOLDER).map(Iterator::count) else {
            panic!("{to} was taken over")
        };
        assert!(problem.to_string().starts_with(expected), "{problem}");
    }
}

#[test]
fn an_output_too_large_for_a_verdict_is_not_taken_over() {
    let (text, _) = assemble(&release());
    let mut last = last::read(text.as_bytes()).unwrap();
    let large = format!("\"{}\"", "x".repeat(protocol::limits::INLINE_OUTPUT_BYTES));
    last.task_results[1].output = Some(Json::from_text(large).unwrap());
    let found: Vec<_> = reusable(&last, FOLDER).unwrap().map(|one| one.task_id).collect();
    assert_eq!(found, ["translate"]);
}

/// What a task of the earlier run left: nothing if it failed.
#[derive(Debug, Clone)]
struct Left {
    output: String,
    stored: bool,
    artifacts: Vec<(String, Vec<u8>)>,
    missing: bool,
}

fn left() -> impl Strategy<Value = Option<Left>> {
    let artifact = ("[aA./~2é]{0,5}", prop::collection::vec(any::<u8>(), 0..20));
    let artifacts = prop::collection::vec(artifact, 0..4);
    let some = ("\"\\PC{0,8}\"|\\[ 1,\n2 \\]|null|1e400", any::<bool>(), artifacts, any::<bool>());
    let some = some.prop_filter_map("JSON", |(output, stored, artifacts, missing)| {
        Json::from_text(output.clone()).ok()?;
        Some(Left { output, stored, artifacts, missing })
    });
    prop::option::weighted(0.8, some)
}

/// Puts what a task left into `objects`, and tells it as an attempt of the earlier run.
fn leave(objects: &mut Objects, task: TaskIndex, left: &Left) -> AttemptFacts {
    let mut put = |name: &str, content: &[u8]| {
        let key = format!(".attempts/{}/{name}", task.0);
        objects.insert(key.clone(), content.to_vec());
        (key, content.len() as u64, sha256(content))
    };
    let output = if left.stored {
        let (key, size, sha256) = put("output", left.output.as_bytes());
        Body::Stored { key, size, sha256 }
    } else {
        Body::Inline(Json::from_text(left.output.clone()).unwrap())
    };
    let mut attempt = attempt(task, 2, (0, 9, 5), Ok(output));
    let artifacts = left.artifacts.iter().enumerate().map(|(place, (name, content))| {
        let (key, size, sha256) = put(&place.to_string(), content);
        ArtifactRecord { name: name.clone(), key, size, sha256 }
    });
    attempt.verdict.body.artifacts = artifacts.collect();
    if left.missing {
        let gone = MissingFile { path: "gone".into(), reason: "not found".into() };
        attempt.verdict.body.missing = vec![gone];
    }
    attempt
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn taking_everything_over_gives_equal_outputs_and_artifacts(
        tasks in prop::collection::vec(left(), 0..6),
    ) {
        let listed: Vec<_> = (0..tasks.len())
            .map(|index| format!("{{\"id\":\"T~{index}/é\",\"description\":\"d\"}}"))
            .collect();
        let listed = listed.join(",");
        let alt = alt(&format!("{{\"id\":\"p\",\"title\":\"P\",\"tasks\":[{listed}]}}"));
        let mut objects = Objects::new();
        let completed = u32::try_from(tasks.iter().flatten().count()).unwrap();
        let failed = u32::try_from(tasks.len()).unwrap() - completed;
        let run = run(&alt, Counts { completed, failed, ..Counts::default() });
        let mut tell = |task: TaskIndex| Ok::<_, Infallible>(match &tasks[task.get()] {
            Some(left) => {
                facts(TaskEnd::Completed, 9, vec![leave(&mut objects, task, left)])
            }
            None => facts(TaskEnd::Failed, 9, vec![attempt(task, 1, (0, 9, 5), Err("no"))]),
        });
        let mut out = Vec::new();
        let assembled = last::assemble(&mut out, &run, &mut tell).unwrap();
        let first = last::read(&out).unwrap();
        promote(&mut objects, &assembled, FOLDER);
        // What the attempts left is forgotten once a run is over.
        objects.retain(|key, _| !key.starts_with(".attempts/"));

        let (second, assembled) = take_over(&alt, 2, &first, FOLDER);
        promote(&mut objects, &assembled, NEXT);
        prop_assert_eq!(format!("{:?}", outputs(&first)), format!("{:?}", outputs(&second)));
        prop_assert_eq!(artifacts(&first), artifacts(&second));

        for (last, folder) in [(&first, FOLDER), (&second, NEXT)] {
            let bytes = serde_json::to_vec(last).unwrap();
            let mut fetch = |path: &str| match objects.get(&format!("{folder}/{path}")) {
                Some(content) => FileDigest::read(content.as_slice()).map_err(|e| e.to_string()),
                None => Err("is missing".to_owned()),
            };
            prop_assert_eq!(last::verify_last(&bytes, &mut fetch).map(drop), Ok(()));
        }
    }
}
