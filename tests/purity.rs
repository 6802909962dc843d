//! Which crate may use which, and what the deciding crates never reach.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::source::{Source, cargo, refuse, sources};

/// The crates that decide: the same input gives the same output, on any machine, at any time.
const PURE: &[&str] = &["alt", "engine", "last", "protocol"];

/// What each crate may use of ours, and why no more. Tests and benches may use anything.
const ALLOWED: &[(&str, &[&str], &str)] = &[
    ("alt", &[], "what was asked does not depend on how it is done"),
    ("protocol", &["alt"], "a message carries tasks and no decisions"),
    ("engine", &["alt", "protocol"], "a decision that waits or stores could not be replayed"),
    ("last", &["alt", "protocol"], "a result is made of what was asked and what was said"),
    ("job-macros", &[], "a macro rewrites syntax; its words live in job"),
    ("job-build", &[], "a build script lists files, and must be built before all else"),
    ("job", &["alt", "job-macros", "protocol"], "the author of a job sees no fleet"),
    (
        "jobs",
        &["ai", "alt", "job", "job-build", "protocol"],
        "a built-in job is written as any other job is",
    ),
    ("store", &[], "it keeps bytes by key and knows nobody's format"),
    ("ai", &[], "it calls models and knows nobody's tasks"),
    ("bus", &["alt", "protocol"], "it carries messages and decides nothing"),
    (
        "coordinator",
        &["alt", "bus", "engine", "last", "protocol", "store"],
        "it performs decisions and never runs a job",
    ),
    (
        "worker",
        &["alt", "bus", "job", "protocol", "store"],
        "it runs jobs and cannot peek at decisions",
    ),
    (
        "client",
        &[
            "ai",
            "alt",
            "bus",
            "coordinator",
            "engine",
            "job",
            "last",
            "protocol",
            "store",
            "worker",
        ],
        "it is all that a door may call",
    ),
    (
        "runner",
        &[
            "alt",
            "bus",
            "client",
            "coordinator",
            "job",
            "jobs",
            "last",
            "protocol",
            "store",
            "worker",
        ],
        "a door decides nothing, so it has no use for the engine",
    ),
    (
        "double",
        &["alt", "bus", "coordinator", "job", "jobs", "last", "protocol", "store", "worker"],
        "it plays the roles as the program does, and its parts are all for tests",
    ),
    ("own", &["job", "job-build", "runner"], "an author of jobs sees no more than this"),
    ("tests", &[], "promises are tested from outside; its parts are all for tests"),
];

/// Packages that no deciding crate may reach, however far below.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "it waits"),
    ("mio", "it waits"),
    ("async-std", "it waits"),
    ("smol", "it waits"),
    ("futures-executor", "it waits"),
    ("rayon", "threads finish in any order"),
    ("async-nats", "it talks to a server"),
    ("object_store", "it talks to a store"),
    ("reqwest", "it talks to a network"),
    ("hyper", "it talks to a network"),
    ("socket2", "it talks to a network"),
    ("rustls", "it talks to a network"),
    ("rustix", "it asks the system"),
    ("tempfile", "it touches the disk"),
    ("rand", "it is random"),
    ("fastrand", "it is random"),
    ("chrono", "times are jiff's, and are given"),
    ("tracing", "logs are written by those who act"),
    ("tracing-core", "logs are written by those who act"),
];

/// What the source of a pure crate does not say, and who else may not either.
const UNSAID: &[(&str, &[&str], &str)] = &[
    ("::now(", &["alt", "engine", "last"], "time is given, with the event or the file"),
    ("SystemTime", &["alt", "engine", "last"], "time is given, with the event or the file"),
    ("now_v7(", &["alt", "engine", "last"], "ids are given by who submits"),
    ("new_v4(", PURE, "a random id cannot be replayed"),
    ("getrandom", PURE, "chance enters as a recorded seed"),
    ("RandomState", PURE, "the order of a hash differs between two runs"),
    ("HashMap", &["engine"], "the order of a hash differs between two runs: use BTreeMap"),
    ("HashSet", &["engine"], "the order of a hash differs between two runs: use BTreeSet"),
    ("std::fs", &["alt", "engine", "protocol"], "the caller reads and gives bytes"),
    ("std::net", PURE, "messages travel by the bus"),
    ("std::env", PURE, "settings are read once, by the door"),
    ("std::process", PURE, "programs are started by jobs"),
    ("std::thread", PURE, "threads finish in any order"),
    ("async fn", PURE, "code that decides does not wait"),
    (".await", PURE, "code that decides does not wait"),
    ("tokio::spawn(", &["coordinator", "worker"], "bus::task::spawn: the simulator can end it"),
];

#[test]
fn a_crate_uses_only_what_its_place_allows() {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]).unwrap();
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let used = used(&metadata);
    assert!(used.contains_key("engine"), "cargo named no crates");
    refuse(&misplaced(&used));
}

/// Each crate of the workspace, and those of its dependencies that are ours.
fn used(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<_> = packages.iter().map(name).collect();
    let used = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let ours = dependencies
            .filter(|dependency| dependency["kind"] != "dev")
            .map(name)
            .filter(|name| ours.contains(name))
            .collect();
        (name(package), ours)
    });
    used.collect()
}

fn misplaced(used: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, uses) in used {
        let Some((_, allowed, why)) = ALLOWED.iter().find(|(row, ..)| row == name) else {
            faults.push(format!("crate `{name}` has no row in the table of tests/purity.rs"));
            continue;
        };
        let beyond = uses.iter().filter(|other| !allowed.contains(&other.as_str()));
        faults.extend(beyond.map(|other| format!("`{name}` may not use `{other}`: {why}")));
    }
    let gone = ALLOWED.iter().filter(|(row, ..)| !used.contains_key(*row));
    faults.extend(gone.map(|(row, ..)| format!("the table has a row for `{row}`, which is gone")));
    faults
}

#[test]
fn the_deciding_crates_reach_nothing_that_waits_talks_or_is_random() {
    for name in PURE {
        let reached = reached(name);
        assert!(reached.contains("serde"), "cargo named no dependencies of `{name}`");
        let faults: Vec<_> = IMPURE
            .iter()
            .filter(|(package, _)| reached.contains(*package))
            .map(|(package, why)| {
                format!(
                    "`{name}` reaches `{package}`: {why}. See `cargo tree -p {name} -i {package}`"
                )
            })
            .collect();
        refuse(&faults);
    }
}

/// Run ids are UUIDs of version 7, whose maker wants random bits; nothing else below may.
#[test]
fn random_bits_are_only_within_reach_of_the_maker_of_run_ids() {
    assert!(!reached("alt").contains("getrandom"), "an ALT file needs no random bits");
    for name in ["engine", "last", "protocol"] {
        if reached(name).contains("getrandom") {
            let tree = ["tree", "-p", name, "-e", "normal", "--prefix", "none"];
            let all = cargo(&tree).unwrap();
            let versions: BTreeSet<_> = all
                .lines()
                .filter_map(|line| line.strip_prefix("getrandom v")?.split(' ').next())
                .collect();
            // With its version: a crate that may not be reached can have another one.
            let above = versions.iter().flat_map(|version| {
                let spec = format!("getrandom@{version}");
                packages(&cargo(&[&tree[..], &["-i", &spec, "--depth", "1"]].concat()).unwrap())
            });
            let above: BTreeSet<_> = above.collect();
            // zip draws the salts of encrypted entries, and nothing here is encrypted.
            let mut expected: BTreeSet<_> = ["getrandom", "uuid"].map(str::to_owned).into();
            expected.extend((name == "last").then(|| "zip".to_owned()));
            assert_eq!(above, expected, "what `{name}` reaches uses random bits");
        }
    }
}

/// All packages below a crate, as it is built for this machine.
fn reached(name: &str) -> BTreeSet<String> {
    packages(&cargo(&["tree", "-p", name, "-e", "normal", "--prefix", "none"]).unwrap())
}

/// The first word of each line.
fn packages(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_deciding_crates_ask_no_clock_no_system_and_no_chance() {
    let faults: Vec<_> = sources().iter().flat_map(said).collect();
    refuse(&faults);
}

/// The words that a file of a pure crate may not say, outside its comments and tests.
fn said(source: &Source) -> Vec<String> {
    let Some((name, file)) =
        source.path.strip_prefix("crates/").and_then(|path| path.split_once("/src/"))
    else {
        return Vec::new();
    };
    if !source.is_rust() || file.ends_with("tests.rs") || file.contains("tests/") {
        return Vec::new();
    }
    let code = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let mut faults = Vec::new();
    for (number, line) in code.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        let unsaid =
            UNSAID.iter().filter(|(word, whom, _)| line.contains(word) && whom.contains(&name));
        faults.extend(unsaid.map(|(word, _, why)| {
            format!("{}:{}: `{word}` in `{name}`: {why}", source.path, number + 1)
        }));
    }
    faults
}

#[test]
fn each_rule_refuses_its_sample() {
    let uses = |name: &str, other: &str| {
        let mut used: BTreeMap<_, _> =
            ALLOWED.iter().map(|(name, ..)| ((*name).to_owned(), BTreeSet::new())).collect();
        used.entry(name.to_owned()).or_default().insert(other.to_owned());
        misplaced(&used)
    };
    assert_eq!(uses("engine", "protocol"), Vec::<String>::new());
    for (name, other) in
        [("worker", "engine"), ("runner", "engine"), ("alt", "protocol"), ("new", "alt")]
    {
        assert_eq!(uses(name, other).len(), 1, "`{name}` uses `{other}`");
    }
    for (word, whom, _) in UNSAID {
        for name in *whom {
            let path = format!("crates/{name}/src/run.rs");
            let said_in = |text: String| said(&Source { path: path.clone(), text }).len();
            assert_eq!(said_in(format!("let x = {word};\n")), 1, "{word} in {name}");
            assert_eq!(said_in(format!("    // Never {word}.\n")), 0, "{word} in {name}");
            let tested = format!("#[cfg(test)]\nmod tests {{\n    {word}\n}}\n");
            assert_eq!(said_in(tested), 0, "{word} in the tests of {name}");
        }
    }
}
