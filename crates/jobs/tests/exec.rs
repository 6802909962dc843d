//! `exec` as a worker runs it: programs start clean, end whole and tell what they did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use job::testing::Bench;
use job::{Error, Permissions};
use rustix::process::{Pid, test_kill_process_group};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

fn bench() -> Bench {
    jobs::link();
    let permissions = Permissions { allow_exec: true, ..Permissions::default() };
    Bench::new().unwrap().with_permissions(permissions)
}

async fn run(bench: &Bench, parameters: Value) -> Result<Value, Error> {
    let output = bench.run("exec", &parameters.to_string()).await?;
    Ok(output.read().unwrap())
}

fn sh(script: &str) -> Value {
    json!({"argv": ["/bin/sh", "-c", script]})
}

/// Waits until `file` in the scratch folder holds the group that a script wrote to it.
async fn group(bench: &Bench, file: &str) -> Pid {
    loop {
        let text = std::fs::read_to_string(bench.scratch().join(file)).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n') {
            return Pid::from_raw(pid.parse().unwrap()).unwrap();
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Whether no process of the group is left; the killed ones may need a moment to be buried.
async fn gone(group: Pid) -> bool {
    for _ in 0..100 {
        if test_kill_process_group(group).is_err() || all_dead(group) {
            return true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Whether every process of the group is a zombie: dead, and not yet collected by its new parent.
fn all_dead(group: Pid) -> bool {
    let folders = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stats =
        folders.filter_map(|folder| std::fs::read_to_string(folder.path().join("stat")).ok());
    stats.into_iter().all(|stat| {
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let fields: Vec<_> = after_name.split(' ').collect();
        let pgid = fields.get(2).and_then(|pgid| pgid.parse().ok());
        pgid != Some(group.as_raw_nonzero().get()) || fields[0] == "Z"
    })
}

#[tokio::test]
async fn a_worker_starts_no_programs_unless_it_is_allowed() {
    jobs::link();
    let error = Bench::new().unwrap().run("exec", &sh("true").to_string()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(why) if why.contains("--allow-exec")), "{error}");
}

#[tokio::test]
async fn a_program_gets_its_arguments_and_input_and_gives_its_output() {
    let table = [
        (json!({"command": "echo", "args": ["$HOME", "a  b", ";ls"]}), "$HOME a  b ;ls\n"),
        (json!({"argv": ["echo", "-n", "x"]}), "x"),
        (json!({"command": "cat", "stdin": "héllo"}), "héllo"),
        (json!({"command": "cat"}), ""),
        (json!({"command": "true", "stdin": "x".repeat(1_000_000)}), ""),
        (json!({"command": "/bin/sh", "args": ["-c", "echo $A"], "env": {"A": "1 2"}}), "1 2\n"),
    ];
    for (parameters, stdout) in table {
        let output = run(&bench(), parameters).await.unwrap();
        assert_eq!(output, json!({"exit_code": 0, "stdout": stdout, "stderr": ""}));
    }
}

#[tokio::test]
async fn the_environment_is_clean_and_the_folder_is_the_attempts_own() {
    let bench = bench();
    let output = run(&bench, json!({"command": "env", "env": {"A": "1"}})).await.unwrap();
    let mut lines: Vec<_> = output["stdout"].as_str().unwrap().lines().collect();
    lines.sort_unstable();
    let scratch = bench.scratch().display();
    let home = format!("HOME={scratch}");
    let temporary = format!("TMPDIR={scratch}");
    let path = "PATH=/usr/local/bin:/usr/bin:/bin";
    assert_eq!(lines, ["A=1", &home, "LANG=C.UTF-8", path, &temporary]);
    let output = run(&bench, json!({"command": "pwd"})).await.unwrap();
    assert_eq!(output["stdout"].as_str().unwrap().trim_end(), scratch.to_string());
}

async fn refused(parameters: Value, expected: &str) {
    let error = run(&bench(), parameters).await.unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }), "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

#[tokio::test]
async fn what_to_start_is_said_once() {
    let table = [
        (json!({}), "give `command` or `argv`"),
        (json!({"command": "true", "argv": ["true"]}), "not both"),
        (json!({"argv": ["true"], "args": ["x"]}), "not both"),
        (json!({"argv": []}), "is empty"),
        (json!({"command": ""}), "is empty"),
        (json!({"command": "true", "shell": true}), "unknown field `shell`"),
        (json!({"command": "true", "max_output_bytes": 99_000_000}), "`max_output_bytes`"),
    ];
    for (parameters, expected) in table {
        refused(parameters, expected).await;
    }
}

#[tokio::test]
async fn a_program_is_a_plain_name_or_an_absolute_path() {
    for program in ["../../bin/sh", "./x", "bin/x", "/bin/../bin/sh", ".", "..", "/", "true/"] {
        refused(json!({"command": program}), "neither a plain name nor an absolute path").await;
    }
}

#[tokio::test]
async fn arguments_that_the_system_would_refuse_are_named() {
    let table = [
        (json!({"command": "tr\0ue"}), "`command`: has a NUL"),
        (json!({"command": "true", "args": ["a\0b"]}), "`args.0`: has a NUL"),
        (json!({"command": "true", "env": {"A": "\0"}}), "`env.A`: has a NUL"),
        (json!({"command": "true", "args": ["x".repeat(10_000_000)]}), "use `stdin` or a file"),
        (json!({"command": "true", "args": vec!["x".repeat(100_000); 11]}), "use `stdin`"),
    ];
    for (parameters, expected) in table {
        refused(parameters, expected).await;
    }
}

#[tokio::test]
async fn variables_that_change_what_a_program_loads_are_refused() {
    let loaders = ["LD_PRELOAD", "ld_library_path", "DYLD_INSERT_LIBRARIES", "PATH", "BASH_ENV"];
    for name in loaders {
        refused(json!({"command": "true", "env": {name: "x"}}), "may not be set").await;
    }
    for name in ["A=B", "", "1A", "A B", "é"] {
        refused(json!({"command": "true", "env": {name: "x"}}), "letters, digits").await;
    }
}

#[tokio::test]
async fn an_output_is_a_path_inside_the_folder() {
    for path in ["../x", "/x", "a/./b", "a/../../b", "a\\..\\b", "", "a//b", "a/", "a\0"] {
        refused(json!({"command": "true", "outputs": [path]}), "`outputs.0`").await;
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_not_tried_again() {
    for program in ["no-such-program-here", "/no/such/program", "/etc/passwd"] {
        let error = run(&bench(), json!({"command": program})).await.unwrap_err();
        assert!(error.to_string().contains(program), "{error}");
        assert!(!error.retryable(), "{error}");
    }
}

#[tokio::test]
async fn an_exit_code_or_a_signal_is_a_failure_that_tells_why() {
    let table = [
        ("echo bad >&2; exit 3", "`/bin/sh` ended with exit code 3; stderr: bad"),
        ("exit 4", "`/bin/sh` ended with exit code 4"),
        ("kill -KILL $$", "`/bin/sh` was ended by SIGKILL (9)"),
        ("kill -SEGV $$", "`/bin/sh` was ended by SIGSEGV (11)"),
    ];
    for (script, expected) in table {
        let error = run(&bench(), sh(script)).await.unwrap_err();
        assert_eq!(error, Error::failed(expected));
    }
    let error = run(&bench(), sh("yes x | head -c 100000 >&2; exit 1")).await.unwrap_err();
    assert!(error.to_string().len() < 2200);
    let expected = json!({"argv": ["/bin/sh", "-c", "exit 3"], "expect_exit": [3]});
    assert_eq!(run(&bench(), expected).await.unwrap()["exit_code"], 3);
}

#[tokio::test]
async fn output_beyond_the_limit_is_dropped_and_never_blocks_the_program() {
    let script = "yes | head -c 50000000; yes e | head -c 3000000 >&2";
    let output = run(&bench(), sh(script)).await.unwrap();
    assert_eq!(output["stdout"].as_str().unwrap().len(), 1024 * 1024);
    assert_eq!(output["stdout_truncated"], true);
    assert_eq!(output["stderr_truncated"], true);
    let small = json!({"command": "echo", "args": ["abc"], "max_output_bytes": 2});
    assert_eq!(run(&bench(), small).await.unwrap()["stdout"], "ab");
}

#[tokio::test]
async fn endless_output_is_ended_by_cancellation() {
    let bench = bench();
    let stop = async {
        sleep(Duration::from_millis(300)).await;
        bench.cancelled().cancel();
    };
    let (ended, ()) = tokio::join!(run(&bench, json!({"command": "yes"})), stop);
    assert_eq!(ended, Err(Error::Cancelled));
}

#[tokio::test]
async fn bytes_that_are_not_text_are_also_given_in_base64() {
    let output = run(&bench(), sh(r"printf '\377\376\000a'")).await.unwrap();
    assert_eq!(output["stdout"], "\u{fffd}\u{fffd}\0a");
    assert_eq!(output["stdout_base64"], "//4AYQ==");
    assert_eq!(output.get("stderr_base64"), None);
}

#[tokio::test]
async fn files_named_as_outputs_are_named_in_the_output() {
    let bench = bench();
    let parameters =
        json!({"argv": ["/bin/sh", "-c", "echo 1 > a.csv"], "outputs": ["a.csv", "out/b"]});
    let output = run(&bench, parameters).await.unwrap();
    assert_eq!(output["files"], json!(["a.csv", "out/b"]));
    assert!(bench.scratch().join("a.csv").exists());
}

/// Runs a script that writes its group down, cancels it, and sees that nothing is left of it.
async fn cancelled(script: &str) -> Duration {
    let bench = bench();
    let stop = async {
        let group = group(&bench, "group").await;
        bench.cancelled().cancel();
        group
    };
    let begun = Instant::now();
    let (ended, group) = tokio::join!(run(&bench, sh(script)), stop);
    let took = begun.elapsed();
    assert_eq!(ended, Err(Error::Cancelled));
    assert!(gone(group).await);
    took
}

#[tokio::test]
async fn cancellation_ends_a_program_and_its_children() {
    let took = cancelled("echo $$ > group; sleep 1000 & sleep 1000").await;
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_program_that_ignores_the_request_to_end_is_killed_with_its_children() {
    let script = "trap '' TERM; echo $$ > group; sleep 1000 & while :; do sleep 1; done";
    let took = cancelled(script).await;
    assert!((4..9).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_dropped_attempt_leaves_no_process() {
    let bench = bench();
    let group = {
        let script = sh("echo $$ > group; sleep 1000 & sleep 1000");
        let running = Box::pin(run(&bench, script));
        tokio::select! {
            ended = running => panic!("{ended:?}"),
            group = group(&bench, "group") => group,
        }
    };
    assert!(gone(group).await);
}

#[tokio::test]
async fn a_program_that_ended_leaves_no_child_behind() {
    let bench = bench();
    let begun = Instant::now();
    let output = run(&bench, sh("echo $$ > group; sleep 1000 & echo done")).await.unwrap();
    assert_eq!(output["stdout"], "done\n");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(gone(group(&bench, "group").await).await);
}
