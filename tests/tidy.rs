//! The house rules, on the text of every file.

use std::collections::BTreeSet;

use crate::source::{Source, paths, refuse, root, sources};

/// What may stand at the top, besides dotfiles: a newcomer reads this list first.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates",
    "deploy",
    "justfile",
    "nats",
    "tests",
];

/// Names that say nothing about what is inside, so that anything may go in.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "mod", "models", "types", "util", "utils"];

/// Lines of a file that one person can hold in mind.
const LINES: usize = 500;

/// What is not finished, is not committed.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "todo!(", "dbg!("];

/// Places of one machine, which mean nothing on another.
const MACHINE_PATHS: &[&str] = &["/work/", "/root/", "/home/", "/Users/"];

/// This file, which must name what it refuses.
const THIS: &str = "tests/tidy.rs";

/// Written by tools or lawyers, or odd on purpose; their white space is not ours.
fn is_foreign(path: &str) -> bool {
    path == "Cargo.lock"
        || path.starts_with("tests/fuzz/corpus/")
        || path.starts_with("LICENSE-")
        || [".snap", ".stderr", ".stdout"].iter().any(|end| path.ends_with(end))
}

#[test]
fn a_rust_file_says_first_what_it_is_for() {
    refuse(&over_sources(unexplained));
}

fn unexplained(source: &Source) -> Vec<String> {
    if !source.is_rust() || source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![format!("{}:1: begin with one line `//! ` that names its one thing", source.path)]
}

#[test]
fn a_rust_file_has_at_most_500_lines() {
    refuse(&over_sources(too_long));
}

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if !source.is_rust() || lines <= LINES {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines; split it, {LINES} are the most", source.path)]
}

#[test]
fn a_name_says_what_is_inside() {
    let faults: Vec<_> = paths().iter().flat_map(|path| empty_names(path)).collect();
    refuse(&faults);
}

fn empty_names(path: &str) -> Vec<String> {
    if !path.ends_with(".rs") {
        return Vec::new();
    }
    let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let empty = parts.filter(|part| EMPTY_NAMES.contains(part));
    empty.map(|part| format!("{path}: `{part}` says nothing: name its one thing")).collect()
}

#[test]
fn white_space_is_clean() {
    refuse(&over_sources(unclean));
}

fn unclean(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    if is_foreign(path) || text.is_empty() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let fault = if line.ends_with('\r') {
            "ends with a carriage return"
        } else if line.contains('\t') {
            "holds a tab"
        } else if line.ends_with(' ') {
            "ends with a space"
        } else {
            continue;
        };
        faults.push(format!("{path}:{}: the line {fault}", number + 1));
    }
    if !text.ends_with('\n') || text.ends_with("\n\n") {
        faults.push(format!("{path}: end with one newline"));
    }
    faults
}

#[test]
fn nothing_is_left_unfinished() {
    refuse(&over_sources(unfinished));
}

fn unfinished(source: &Source) -> Vec<String> {
    if source.path == THIS || is_foreign(&source.path) {
        return Vec::new();
    }
    let marks = |line: &str| UNFINISHED.iter().copied().find(|mark| holds_word(line, mark));
    found(source, |line| Some(format!("`{}`: finish it, or open an issue", marks(line)?)))
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    refuse(&over_sources(local));
}

fn local(source: &Source) -> Vec<String> {
    if source.path == THIS {
        return Vec::new();
    }
    let places = |line: &str| MACHINE_PATHS.iter().copied().find(|place| holds_word(line, place));
    found(source, |line| Some(format!("`{}` is a path of one machine", places(line)?)))
}

/// The lines of a file that have a fault.
fn found(source: &Source, fault: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let lines = source.text.lines().enumerate();
    lines
        .filter_map(|(number, line)| {
            Some(format!("{}:{}: {}", source.path, number + 1, fault(line)?))
        })
        .collect()
}

/// Whether `word` stands in `line` by itself, and not at the end or start of a longer one.
fn holds_word(line: &str, word: &str) -> bool {
    let joins = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open = word.ends_with(['(', '/']);
        !before.is_some_and(joins) && (open || !after.is_some_and(joins))
    })
}

#[test]
fn the_top_level_is_fixed() {
    let paths = paths();
    let faults: BTreeSet<_> = paths.iter().filter_map(|path| misplaced(path)).collect();
    refuse(&faults.into_iter().collect::<Vec<_>>());
}

fn misplaced(path: &str) -> Option<String> {
    let top = path.split('/').next()?;
    let known = TOP.contains(&top) || top.starts_with('.');
    (!known).then(|| format!("{top}: the top level is fixed: {}, dotfiles", TOP.join(", ")))
}

#[test]
fn each_folder_at_the_top_explains_itself() {
    let folders = TOP.iter().filter(|name| root().join(name).is_dir());
    let silent = folders.filter(|name| !root().join(name).join("README.md").is_file());
    refuse(&silent.map(|name| format!("{name}/README.md: write it")).collect::<Vec<_>>());
}

#[test]
fn each_manifest_follows_the_workspace() {
    refuse(&over_sources(unruly_manifest));
}

fn unruly_manifest(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let Some(folder) = path.strip_suffix("/Cargo.toml") else {
        return Vec::new();
    };
    if path == "tests/fuzz/Cargo.toml" && text.contains("\n[workspace]\n") {
        // A fuzz target needs a nightly compiler and is a workspace of its own.
        return Vec::new();
    }
    let mut faults = Vec::new();
    if !text.contains("\n[lints]\nworkspace = true\n") {
        faults.push(format!("{path}: add `[lints]` with `workspace = true`"));
    }
    let folder = folder.rsplit('/').next().unwrap_or(folder);
    if !text.contains(&format!("[package]\nname = \"{folder}\"\n")) {
        faults.push(format!("{path}: the name of the package is that of its folder, `{folder}`"));
    }
    for (name, line) in dependencies(text) {
        // A crate that turns a feature of its own on for its tests names no version.
        let itself = name == folder && line.contains("path = \".\"");
        let inherited = line.contains("workspace = true");
        if !inherited && !itself {
            faults.push(format!("{path}: `{name}`: write it as `{name}.workspace = true`"));
        }
    }
    faults
}

/// The dependencies of a manifest: the name and the line of each.
fn dependencies(manifest: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            let name = section.rsplit_once("dependencies.").map(|(_, name)| name);
            found.extend(name.map(|name| (name, line)));
        } else if section.ends_with("dependencies") && line.starts_with(char::is_alphanumeric) {
            let name = line.split([' ', '.', '=']).next().unwrap_or(line);
            found.push((name, line));
        }
    }
    found
}

#[test]
fn each_dependency_of_the_workspace_is_used() {
    let sources = sources();
    let (top, crates): (Vec<_>, Vec<_>) = sources
        .iter()
        .filter(|source| source.name() == "Cargo.toml")
        .partition(|source| source.path == "Cargo.toml");
    let offered: BTreeSet<_> =
        top.iter().flat_map(|source| dependencies(&source.text)).map(|(name, _)| name).collect();
    let used: BTreeSet<_> =
        crates.iter().flat_map(|source| dependencies(&source.text)).map(|(name, _)| name).collect();
    assert!(offered.contains("serde"), "the list of the workspace was not found");
    let idle = offered.difference(&used);
    refuse(&idle.map(|name| format!("Cargo.toml: no crate uses `{name}`")).collect::<Vec<_>>());
}

#[test]
fn each_crate_is_a_member_and_in_the_map_of_the_crates() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let (manifest, map) = (read("Cargo.toml"), read("crates/README.md"));
    let mut faults = Vec::new();
    for entry in root().join("crates").read_dir().unwrap() {
        let entry = entry.unwrap();
        if !entry.path().join("Cargo.toml").is_file() {
            continue;
        }
        let name = entry.file_name().into_string().unwrap();
        if !manifest.contains(&format!("    \"crates/{name}\",\n")) {
            faults.push(format!("Cargo.toml: list `crates/{name}` in `members`"));
        }
        if !map.contains(&format!("`{name}`")) {
            faults.push(format!("crates/README.md: say what `{name}` is for"));
        }
    }
    faults.sort();
    refuse(&faults);
}

fn over_sources(rule: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    sources().iter().flat_map(rule).collect()
}

type Rule = fn(&Source) -> Vec<String>;

/// Fails unless the rule refuses the first text, once, and lets the second pass.
#[track_caller]
fn tell_apart(rule: Rule, path: &str, bad: &str, fine: &str) {
    let check = |text: &str| rule(&Source { path: path.into(), text: text.into() });
    assert_eq!(check(bad).len(), 1, "{path}: {bad:?}: {:?}", check(bad));
    assert_eq!(check(fine), Vec::<String>::new(), "{path}: {fine:?}");
}

#[test]
fn each_rule_on_texts_refuses_its_sample() {
    let table: &[(Rule, &str, &str)] = &[
        (unexplained, "// Says little.\n", "//! A thing.\n"),
        (too_long, &"\n".repeat(501), &"\n".repeat(500)),
        (unclean, "a \n", "a\n"),
        (unclean, "\ta\n", "    a\n"),
        (unclean, "a\r\n", "a\n\nb\n"),
        (unclean, "a", ""),
        (unclean, "a\n\n", "a\n"),
        (unfinished, "// TODO: later\n", "// TODOS are a word\n"),
        (unfinished, "let x = dbg!(y);\n", "let x = y;\n"),
        (local, "open(\"/home/ada/x\")\n", "see a.org/home/x\n"),
    ];
    for (rule, bad, fine) in table {
        tell_apart(*rule, "a.rs", bad, fine);
    }
}

#[test]
fn the_rule_on_manifests_refuses_its_samples() {
    let good = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n\n[dependencies]\n";
    let table = [
        ("b = \"1\"", "b.workspace = true"),
        ("b = { path = \"../b\" }", "b = { workspace = true, features = [\"c\"] }"),
        ("b = { path = \".\" }", "a = { path = \".\", features = [\"c\"] }"),
        ("[dependencies.b]", "[features]"),
    ];
    let with = |line: &str| format!("{good}{line}\n");
    for (bad, fine) in table {
        tell_apart(unruly_manifest, "crates/a/Cargo.toml", &with(bad), &with(fine));
    }
    // A fuzz folder is let off, once it is a workspace of its own.
    let apart = "[package]\nname = \"a-fuzz\"\n\n[workspace]\n\n[lints]\nworkspace = true\n";
    tell_apart(
        unruly_manifest,
        "tests/fuzz/Cargo.toml",
        &apart.replace("[workspace]\n\n", ""),
        apart,
    );
    for (from, to) in [("\"a\"", "\"b\""), ("[lints]", "[lint]")] {
        tell_apart(unruly_manifest, "crates/a/Cargo.toml", &good.replace(from, to), good);
    }
}

#[test]
fn the_rules_on_names_refuse_their_samples() {
    for (bad, fine) in [("src/utils.rs", "src/utile.rs"), ("src/common/a.rs", "src/model.rs")] {
        assert_eq!(empty_names(bad).len(), 1, "{bad}");
        assert!(empty_names(fine).is_empty(), "{fine}");
    }
    for (bad, fine) in [("docs/a.md", "deploy/a.md"), ("a.toml", ".a.toml")] {
        assert!(misplaced(bad).is_some(), "{bad}");
        assert!(misplaced(fine).is_none(), "{fine}");
    }
}
