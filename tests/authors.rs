//! What an author of jobs is promised: a file that is written for them and works as it is, and a
//! program of their own that is one line.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::door::{Door, own, profile};
use crate::source::root;

/// The names of the jobs that a program lists.
fn jobs(door: &Door) -> Vec<String> {
    let listed = door.call(&["jobs", "ls", "--json"]).code(0).json();
    let names = listed.as_array().unwrap().iter();
    names.map(|job| job["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_program_of_ones_own_has_its_jobs_beside_the_built_in_ones() {
    let door = Door::of(own());
    let names = jobs(&door);
    for name in ["count-items", "echo", "transform"] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    let described = door.call(&["jobs", "describe", "count-items", "--json"]).code(0).json();
    assert_eq!(described["parameters"]["required"], json!(["items"]), "{described:#}");
    door.alt(
        "x.alt.json",
        &json!({"id": "x", "title": "X", "tasks": [
            {"id": "some", "description": "x", "job": "count-items",
             "parameters": {"items": ["a", "b", "c"]}},
            {"id": "none", "description": "x", "job": "count-items", "parameters": {"items": []}},
            {"id": "sum", "description": "x", "job": "echo", "dependencies": ["some"],
             "parameters": {"n": "${{ tasks.some.output.items }}"}}]}),
    );
    let done = door.call(&["run", "x.alt.json"]).code(0);
    let results = &done.last(&door)["task_results"];
    assert_eq!(results["some"]["output"], json!({"items": 3}), "{results:#}");
    assert_eq!(results["sum"]["output"]["n"], 3, "{results:#}");
    assert_eq!(results["none"]["reason"], "skipped: there are no items", "{results:#}");
    assert!(!jobs(&Door::new()).contains(&"count-items".to_owned()), "only there");
}

#[test]
fn the_job_of_that_program_is_what_init_writes() {
    let door = Door::new();
    std::fs::create_dir_all(door.path("src/jobs")).unwrap();
    let done = door.call(&["init", "--job", "count-items"]).code(0);
    assert_eq!(done.stdout, "src/jobs/count_items.rs\n");
    let written = std::fs::read_to_string(door.path("src/jobs/count_items.rs")).unwrap();
    let committed = root().join("tests/own/src/jobs/count_items.rs");
    assert_eq!(written, std::fs::read_to_string(committed).unwrap());
}

/// A crate that an author of jobs has already: with a job, and the folder that its build looks into.
fn crate_of_an_author(door: &Door) -> PathBuf {
    let ours = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let place = |name: &str| root().join("crates").join(name).display().to_string();
    let workspace = ours("Cargo.toml");
    let version = |name: &str| {
        let line = workspace.lines().find(|line| line.starts_with(&format!("{name} = ")));
        line.unwrap_or_else(|| panic!("the workspace has no {name}")).to_owned()
    };
    let profiles = &workspace[workspace.find("[profile.dev]").unwrap()..];
    std::fs::create_dir_all(door.path("src/jobs")).unwrap();
    let (job, job_build) = (place("job"), place("job-build"));
    let (serde, schemars, tokio) = (version("serde"), version("schemars"), version("tokio"));
    door.write(
        "Cargo.toml",
        format!(
            "[package]\nname = \"theirs\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             job = {{ path = {job:?} }}\n{schemars}\n{serde}\n\n[build-dependencies]\n\
             job-build = {{ path = {job_build:?} }}\n\n[dev-dependencies]\n{tokio}\n\n{profiles}"
        ),
    );
    door.write("Cargo.lock", ours("Cargo.lock"));
    door.write("build.rs", ours("tests/own/build.rs"));
    door.write("src/jobs/count_items.rs", ours("tests/own/src/jobs/count_items.rs"));
    door.write(
        "src/lib.rs",
        "#![deny(warnings)]\ninclude!(concat!(env!(\"OUT_DIR\"), \"/jobs.rs\"));\n",
    );
    door.path("src/jobs")
}

/// The tests of the crate in the folder of a door, by cargo: whether they passed, and what it said.
fn tested(door: &Door, target: &Path) -> (bool, String) {
    let done = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--lib", "--target-dir"])
        .arg(target)
        .current_dir(door.path("."))
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (done.status.success(), said.concat())
}

#[test]
fn what_init_writes_compiles_and_passes_its_test_without_another_file_being_touched() {
    let door = Door::new();
    let folder = crate_of_an_author(&door);
    // What was built of other crates is used again; a name of its own keeps it apart from all else.
    let target = profile().parent().unwrap().to_owned();
    let (passed, said) = tested(&door, &target);
    assert!(passed && said.contains("1 passed"), "{said}");
    let before = door.files("src");
    door.call(&["init", "--job", "Fetch.prices-2"]).code(0);
    let added: Vec<_> = door.files("src").into_iter().filter(|it| !before.contains(it)).collect();
    assert_eq!(added, ["jobs/fetch_prices_2.rs"]);
    let (passed, said) = tested(&door, &target);
    assert!(passed && said.contains("2 passed"), "{said}");
    assert!(said.contains("fetch_prices_2::tests::it_works"), "{said}");
    // The test that is written can fail.
    let path = folder.join("fetch_prices_2.rs");
    let broken = std::fs::read_to_string(&path).unwrap().replace("items.len()", "items.len() + 1");
    std::fs::write(&path, broken).unwrap();
    let (passed, said) = tested(&door, &target);
    assert!(!passed && said.contains("1 failed"), "{said}");
}

#[test]
fn init_overwrites_nothing_and_says_what_to_do_instead() {
    let door = Door::new();
    let refused = |words: &[&str], problem: &str, help: &str| {
        let done = door.call(&[&["init"], words].concat()).code(2);
        assert_eq!(done.stdout, "");
        assert!(done.stderr.contains(problem) && done.stderr.contains(help), "{}", done.stderr);
    };
    refused(&["--job", "greet"], "no folder of jobs here", "--into");
    refused(&["--job", "greet", "--into", "gone"], "`gone` is no folder", "make it first");
    std::fs::create_dir_all(door.path("src/jobs")).unwrap();
    door.write("src/request.rs", "//! Not a job.\n");
    refused(&["--job", "a b"], "`a b` cannot be the name of a job", "1 to 64 letters");
    refused(&["--job", "../a"], "`../a` cannot be the name of a job", "a letter first");
    refused(&["--job", "loop"], "`loop` is a word of Rust", "`loop_it`");
    refused(&["--job", "echo"], "there is a job `echo`: ", "another name");
    refused(&["--job", "request"], "src/jobs/../request.rs` is there already", "another name");
    door.call(&["init", "--job", "greet"]).code(0);
    let own = "//! Filled in.\n";
    door.write("src/jobs/greet.rs", own);
    refused(&["--job", "greet"], "`src/jobs/greet.rs` is there already", "left as it is");
    refused(&["--job", "Greet"], "`src/jobs/greet.rs` is there already", "left as it is");
    assert_eq!(std::fs::read_to_string(door.path("src/jobs/greet.rs")).unwrap(), own);
    // In a checkout of Runner it goes to the built-in ones, and another folder may be named.
    std::fs::create_dir_all(door.path("crates/jobs/src/jobs")).unwrap();
    std::fs::create_dir_all(door.path("elsewhere/jobs")).unwrap();
    door.call(&["init", "--job", "greet"]).code(0);
    door.call(&["init", "--job", "greet", "--into", "elsewhere/jobs"]).code(0);
    assert_eq!(door.files("crates"), ["jobs/src/jobs/greet.rs"]);
    assert_eq!(door.files("elsewhere"), ["jobs/greet.rs"]);
    assert_eq!(door.files("src"), ["jobs/greet.rs", "request.rs"]);
}
