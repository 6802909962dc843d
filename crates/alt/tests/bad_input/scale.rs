//! Large files: what is within the limits passes, what is beyond is refused before it costs much.

use std::fmt::Write;

use alt::{Code, Severity, limits};

use crate::{CHECK, brief, file_with, read, said};

/// A file of `tasks` tasks, `t0` and so on; `dependencies` writes those of one.
fn large(tasks: usize, mut dependencies: impl FnMut(usize, &mut String)) -> String {
    let mut file = String::from(r#"{"id":"f","title":"F","tasks":["#);
    for task in 0..tasks {
        let comma = if task == 0 { "" } else { "," };
        write!(file, r#"{comma}{{"id":"t{task}","description":"D""#).unwrap();
        let mut list = String::new();
        dependencies(task, &mut list);
        if !list.is_empty() {
            write!(file, r#","dependencies":[{}]"#, list.trim_end_matches(',')).unwrap();
        }
        file.push('}');
    }
    file.push_str("]}");
    file
}

fn range(list: &mut String, tasks: std::ops::Range<usize>) {
    for task in tasks {
        write!(list, "\"t{task}\",").unwrap();
    }
}

#[test]
fn a_ring_of_50_000_shows_20_of_its_tasks() {
    // Row 23.
    let file = large(50_000, |task, list| {
        let before = (task + 1) % 50_000;
        range(list, before..before + 1);
    });
    let report = read(file.as_bytes(), &CHECK);
    let [found] = report.diagnostics.as_slice() else {
        panic!("{:?}", report.diagnostics);
    };
    assert_eq!(brief(found), "ALT0204 /tasks/0/dependencies");
    let shown = found.message.matches("`t").count();
    assert_eq!(shown, 21, "20 and the first once more: {}", found.message);
    assert!(found.message.contains("(49980 more)"), "{}", found.message);
    assert_eq!(found.related.len(), 19);
}

#[test]
fn rings_beyond_a_hundred_are_counted() {
    let file = large(1_000, |task, list| range(list, task ^ 1..(task ^ 1) + 1));
    let report = read(file.as_bytes(), &CHECK);
    assert_eq!((report.diagnostics.len(), report.more_errors), (100, 400));
}

#[test]
fn a_chain_is_as_long_as_it_likes() {
    // Row 24; a million tasks are read in the bench, and ordered in a test of the graph.
    let file = large(200_000, |task, list| {
        if task > 0 {
            range(list, task - 1..task);
        }
    });
    let alt = read(file.as_bytes(), &CHECK).alt.unwrap();
    let last = *alt.graph().order().last().unwrap();
    assert_eq!((last.get(), alt.graph().level(last)), (199_999, 199_999));
}

#[test]
fn a_thousand_by_a_thousand_mesh_passes() {
    // Row 25.
    let file = large(2_000, |task, list| {
        if task >= 1_000 {
            range(list, 0..1_000);
        }
    });
    let alt = read(file.as_bytes(), &CHECK).alt.unwrap();
    assert_eq!(alt.graph().edge_count(), 1_000_000);
}

#[test]
fn too_many_dependencies_in_all_are_refused() {
    // Row 26: 400 tasks of 10,000 are the limit, and the next task has one more.
    let file = large(10_401, |task, list| match task {
        0..10_000 => {}
        10_000..10_400 => range(list, 0..limits::DEPENDENCIES),
        _ => range(list, 0..1),
    });
    assert_eq!(said(file), ["ALT0403 /tasks"]);
}

#[test]
fn a_star_passes_and_a_join_is_bounded() {
    // Row 27.
    let star = large(100_001, |task, list| {
        if task > 0 {
            range(list, 0..1);
        }
    });
    let alt = read(star.as_bytes(), &CHECK).alt.unwrap();
    assert_eq!(alt.graph().dependents(alt::TaskIndex(0)).len(), 100_000);
    let join = |width: usize| {
        said(large(width + 1, |task, list| {
            if task == width {
                range(list, 0..width);
            }
        }))
    };
    assert_eq!(join(limits::DEPENDENCIES), Vec::<String>::new());
    assert_eq!(join(10_001), ["ALT0404 /tasks/10001/dependencies"]);
    assert_eq!(join(100_000), ["ALT0404 /tasks/100000/dependencies"]);
}

#[test]
fn of_a_million_empty_tasks_a_hundred_are_shown_and_all_are_counted() {
    // Row 28.
    let file = format!(
        r#"{{"id": "f", "title": "F", "tasks": [{}]}}"#,
        vec!["{}"; limits::TASKS].join(",")
    );
    let report = read(file.as_bytes(), &CHECK);
    let of = |severity| report.diagnostics.iter().filter(move |found| found.severity == severity);
    assert_eq!(of(Severity::Error).count(), limits::DIAGNOSTICS);
    assert_eq!(of(Severity::Warning).count(), limits::DIAGNOSTICS);
    let rest = limits::TASKS - limits::DIAGNOSTICS;
    assert_eq!((report.more_errors, report.more_warnings), (rest, rest));
    let places: Vec<_> = of(Severity::Error).map(|found| found.pointer.clone()).collect();
    let first: Vec<_> = (0..limits::DIAGNOSTICS).map(|task| format!("/tasks/{task}")).collect();
    assert_eq!(places, first, "the first ones");
}

#[test]
fn a_task_too_many_is_refused() {
    let tasks = vec!["0"; limits::TASKS + 1].join(",");
    let file = format!(r#"{{"id": "f", "title": "F", "tasks": [{tasks}]}}"#);
    let report = read(file.as_bytes(), &CHECK);
    let [found] = report.diagnostics.as_slice() else {
        panic!("{:?}", report.diagnostics);
    };
    assert_eq!(found.code, Code::TaskCount);
    assert!(found.message.starts_with("1000001 tasks"));
}

#[test]
fn faults_of_all_phases_share_one_hundred_places_in_order() {
    let file = large(300, |task, list| match task % 3 {
        0 => range(list, 900..901),
        1 => range(list, task..task + 1),
        _ => list.push_str("null,"),
    });
    let report = read(file.as_bytes(), &CHECK);
    assert_eq!((report.diagnostics.len(), report.more_errors), (100, 200));
    let pointers: Vec<_> = report.diagnostics.iter().map(|found| found.pointer.clone()).collect();
    let first: Vec<_> = (0..100).map(|task| format!("/tasks/{task}/dependencies/0")).collect();
    assert_eq!(pointers, first);
}

#[test]
fn missing_dependencies_of_a_large_file_are_told_at_once() {
    // A suggestion is looked for among a bounded number of ids, for a bounded number of faults.
    let file = large(100_000, |task, list| {
        range(list, task + 200_000..task + 200_001);
    });
    let report = read(file.as_bytes(), &CHECK);
    assert_eq!((report.diagnostics.len(), report.more_errors), (100, 99_900));
}

#[test]
fn many_dependencies_of_the_same_name_are_one() {
    let list = vec!["\"t\""; limits::DEPENDENCIES].join(",");
    let file = format!(
        r#"{{"id": "f", "title": "F", "tasks": [{{"id": "t", "description": "D"}},
        {{"id": "u", "description": "D", "dependencies": [{list}]}}]}}"#
    );
    let report = read(file.as_bytes(), &CHECK);
    assert_eq!((report.diagnostics.len(), report.more_warnings), (100, 9_899));
    assert_eq!(report.alt.unwrap().graph().edge_count(), 1);
}

#[test]
fn a_file_of_one_line_and_many_faults_has_its_columns_counted_once() {
    let words = vec!["1"; 500_000].join(",");
    let report = read(file_with(&format!("\"colour\": [{words}], \"mode\": 1")).as_bytes(), &CHECK);
    let [colour, mode] = report.diagnostics.as_slice() else {
        panic!("{:?}", report.diagnostics);
    };
    assert_eq!((colour.line, colour.column), (1, 27));
    assert_eq!((mode.line, mode.column), (1, 1_000_048));
}

#[test]
fn a_suggestion_for_a_long_name_among_long_names_costs_little() {
    let long = "x".repeat(limits::ID_BYTES - 8);
    let ids = large(20_000, |_, _| {}).replace(r#""id":"t"#, &format!(r#""id":"{long}"#));
    let unheard = vec![format!("\"y{}\"", "z".repeat(50_000)); 100].join(",");
    let file = ids.replace(
        "]}",
        &format!(r#",{{"id":"u","description":"D","dependencies":[{unheard}]}}]}}"#),
    );
    let report = read(file.as_bytes(), &CHECK);
    assert_eq!(report.diagnostics.len(), 100);
    let missing = |found: &alt::Diagnostic| found.code == Code::MissingDependency;
    assert!(report.diagnostics.iter().all(missing));
}

#[test]
fn the_place_of_a_fault_below_long_keys_is_told_in_few_words() {
    let key = "k".repeat(100_000);
    let repeated = vec![r#""a": 1"#; 101].join(", ");
    let (open, close) = (format!("{{\"{key}\": ").repeat(50), "}".repeat(50));
    let file = file_with(&format!("\"metadata\": {open}{{{repeated}}}{close}"));
    let report = read(file.as_bytes(), &CHECK);
    let repeated = report.errors().filter(|found| found.code == Code::DuplicateKey);
    let pointers: Vec<_> = repeated.map(|found| found.pointer.len()).collect();
    assert_eq!(pointers.len(), 99, "and that `metadata` is too large");
    assert!(pointers.iter().all(|&bytes| bytes < 20_000), "{pointers:?}");
}
