//! What tasks leave: outputs, files, and the same LAST each time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use last::{ArtifactType, TaskStatus};
use protocol::RunStatus;
use serde_json::json;
use tokio::time::timeout;

use crate::bench::{RUNS, file, fleet, play, result, submit, until};

#[tokio::test]
async fn files_become_artifacts_and_what_is_not_there_is_reported() {
    let tasks = json!([{
        "id": "a/b", "description": "x", "job": "leaves",
        "parameters": {"files": ["report.md", "data.json", "absent.txt", "../../etc/passwd"]},
    }]);
    let (last, out) = play(&tasks, 1).await;
    assert_eq!(last.status, RunStatus::Success, "a missing file is not fatal");
    let told: Vec<_> = last
        .artifacts
        .iter()
        .map(|it| (it.name.as_str(), it.artifact_type, it.mime_type.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("report.md", ArtifactType::Text, "text/markdown"),
            ("data.json", ArtifactType::Json, "application/json"),
            ("output.txt", ArtifactType::Text, "text/plain"),
        ]
    );
    let missing: Vec<_> = last.task_results[0]
        .missing_files
        .iter()
        .map(|it| (it.path.as_str(), it.reason.as_str()))
        .collect();
    let expected =
        [("absent.txt", "not found"), ("../../etc/passwd", "outside the scratch folder")];
    assert_eq!(missing, expected);
    let attempts = out.path().join(".attempts");
    let left = attempts.read_dir().map_or(0, Iterator::count);
    assert_eq!(left, 0, "what the attempts left is forgotten");
}

#[tokio::test]
async fn a_large_output_is_kept_beside_the_last_and_reaches_the_next_task() {
    let tasks = json!([
        {"id": "big", "description": "x", "job": "leaves",
         "parameters": {"files": [], "bytes": 300_000}},
        {"id": "next", "description": "x", "job": "looks", "dependencies": ["big"]},
    ]);
    let (last, _out) = play(&tasks, 1).await;
    let big = &last.task_results[0];
    assert!(big.output.is_none());
    assert!(big.output_ref.as_ref().unwrap().size_bytes > 300_000);
    let length: usize = last.task_results[1].output.as_ref().unwrap().read().unwrap();
    assert!(length > 300_000);
}

#[tokio::test]
async fn a_reference_takes_in_what_an_ancestor_returned() {
    let tasks = json!([
        {"id": "big", "description": "x", "job": "leaves", "parameters": {"files": []}},
        {"id": "mid", "description": "x", "job": "looks", "dependencies": ["big"]},
        {"id": "end", "description": "x", "job": "leaves", "dependencies": ["mid"],
         "parameters": {"files": ["${{ tasks.big.output.text }}"]}},
        {"id": "bad", "description": "x", "job": "leaves", "dependencies": ["mid"],
         "parameters": {"files": ["${{ tasks.big.output.nothing }}"]}, "retry_count": 3},
    ]);
    let (last, _out) = play(&tasks, 2).await;
    assert_eq!(last.task_results[2].missing_files[0].path, "said");
    let bad = &last.task_results[3];
    assert_eq!((bad.status, bad.attempts.len()), (TaskStatus::Failed, 1), "not worth another try");
    assert!(bad.error.as_deref().unwrap().contains("there is no `nothing`"));
}

#[tokio::test]
async fn chaos_disturbs_inside_the_retries_and_tells_its_seed() {
    let tasks: Vec<_> = (0..30)
        .map(|index| json!({"id": format!("t{index}"), "description": "x", "job": "counted"}))
        .collect();
    let alt = json!({"id": "c", "title": "c", "mode": "chaos", "chaos_level": 10, "tasks": tasks});
    let out = tempfile::tempdir().unwrap();
    let fleet = fleet(out.path(), 8);
    let before = RUNS.load(Ordering::SeqCst);
    let run = submit(&fleet, alt.to_string()).await;
    let last = result(&fleet, run).await;
    assert_eq!(last.status, RunStatus::Success, "{}", last.summary);
    assert_eq!(last.chaos.as_ref().unwrap().level, 10);
    let attempts: usize = last.task_results.iter().map(|task| task.attempts.len()).sum();
    assert!(attempts > 30, "some attempts were made to fail");
    assert!(RUNS.load(Ordering::SeqCst) > before + 30, "and some ran twice");
}

#[tokio::test]
async fn an_empty_file_succeeds_at_once() {
    let out = tempfile::tempdir().unwrap();
    let fleet = fleet(out.path(), 1);
    let run = submit(&fleet, file(&json!([]))).await;
    let last = result(&fleet, run).await;
    assert_eq!((last.status, last.task_results.len()), (RunStatus::Success, 0));
    fleet.stop().await;
}

#[tokio::test]
async fn a_result_that_cannot_be_stored_now_is_stored_later() {
    let out = tempfile::tempdir().unwrap();
    // A file where the folder of this ALT has to be.
    let obstacle = out.path().join("test");
    std::fs::write(&obstacle, "").unwrap();
    let fleet = fleet(out.path(), 1);
    let tasks = json!([{"id": "t", "description": "x", "job": "counted"}]);
    let run = submit(&fleet, file(&tasks)).await;
    until(&fleet, run, |counts| counts.completed == 1).await;
    let early = timeout(Duration::from_millis(300), fleet.client().ended(run)).await;
    assert!(early.is_err(), "there is no end without a result");
    std::fs::remove_file(&obstacle).unwrap();
    assert_eq!(result(&fleet, run).await.status, RunStatus::Success);
    fleet.stop().await;
}

/// The first look is not believed, so this takes some seconds.
#[tokio::test]
async fn what_is_gone_from_the_store_is_told_and_holds_nothing_up() {
    let out = tempfile::tempdir().unwrap();
    let fleet = fleet(out.path(), 1);
    let folder = out.path().join(".attempts");
    let tasks = json!([
        {"id": "left", "description": "x", "job": "leaves",
         "parameters": {"files": ["report.md", "data.json"], "bytes": 300_000}},
        {"id": "fire", "description": "x", "job": "erases", "dependencies": ["left"],
         "parameters": {"folder": folder, "names": ["0", "output"]}},
    ]);
    let run = submit(&fleet, file(&tasks)).await;
    // Verified as well: the manifest names what is there.
    let last = timeout(Duration::from_secs(60), result(&fleet, run)).await.unwrap();
    assert_eq!(last.status, RunStatus::Success, "{}", last.summary);
    let erased: usize = last.task_results[1].output.as_ref().unwrap().read().unwrap();
    assert_eq!(erased, 2, "both were there");
    let left = &last.task_results[0];
    let told: Vec<_> = last.artifacts.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect();
    assert_eq!(told, [("artifact_0_1", "data.json"), ("artifact_0_2", "output.txt")]);
    let missing: Vec<_> = left.missing_files.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(missing, ["report.md"]);
    assert!(left.missing_files[0].reason.contains("gone from the store"), "{left:?}");
    let output = left.output_ref.as_ref().unwrap();
    assert!(output.missing && output.size_bytes > 300_000, "{output:?}");
    // Its task runs again when the run is built upon.
    let folder = "nowhere";
    let kept: Vec<_> = last::reusable(&last, folder).unwrap().map(|it| it.task_id).collect();
    assert_eq!(kept, ["fire"]);
    fleet.stop().await;
}
