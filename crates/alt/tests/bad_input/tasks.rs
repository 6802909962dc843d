//! Links between tasks: ids, dependencies, rings, references.

use alt::{Check, Code, limits};

use crate::{CHECK, hold_each, read, said, said_to, task_with, tasks_of};

/// Tasks `(id, dependencies)` without parameters.
fn linked(tasks: &[(&str, &[&str])]) -> String {
    let tasks: Vec<_> = tasks
        .iter()
        .map(|(id, dependencies)| {
            format!(r#""id": "{id}", "description": "D", "dependencies": {dependencies:?}"#)
        })
        .collect();
    tasks_of(&tasks.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn dependencies_name_other_tasks_of_the_file_once() {
    // Rows 19 to 23.
    type Tasks<'a> = &'a [(&'a str, &'a [&'a str])];
    let cases: &[(Tasks<'_>, &[&str])] = &[
        (&[("a", &[]), ("b", &["a"])], &[]),
        (&[("b", &["a"]), ("a", &[])], &[]),
        (&[("a", &[]), ("a", &[])], &["ALT0201 /tasks/1/id"]),
        (&[("a", &[]), ("a", &[]), ("a", &[])], &["ALT0201 /tasks/1/id", "ALT0201 /tasks/2/id"]),
        (&[("a", &["a"])], &["ALT0202 /tasks/0/dependencies/0"]),
        (&[("a", &["b"])], &["ALT0203 /tasks/0/dependencies/0"]),
        (&[("a", &[""])], &["ALT0203 /tasks/0/dependencies/0"]),
        (
            &[("a", &[]), ("b", &["a", "x", "A"])],
            &["ALT0203 /tasks/1/dependencies/1", "ALT0203 /tasks/1/dependencies/2"],
        ),
        (&[("a", &[]), ("b", &["a", "a"])], &["ALT0205 /tasks/1/dependencies/1 warning"]),
        (&[("a", &["b"]), ("b", &["a"])], &["ALT0204 /tasks/0/dependencies"]),
        (
            &[("a", &["a", "b"]), ("b", &["a"])],
            &["ALT0202 /tasks/0/dependencies/0", "ALT0204 /tasks/0/dependencies"],
        ),
        (
            &[("a", &["b"]), ("b", &["a"]), ("c", &["d"]), ("d", &["c", "a"])],
            &["ALT0204 /tasks/0/dependencies", "ALT0204 /tasks/2/dependencies"],
        ),
    ];
    for (tasks, expected) in cases {
        assert_eq!(said(linked(tasks)), *expected, "{tasks:?}");
    }
}

#[test]
fn a_repeated_dependency_counts_once() {
    // Row 22.
    let alt = read(linked(&[("a", &[]), ("b", &["a", "a", "a"])]).as_bytes(), &CHECK).alt.unwrap();
    assert_eq!(alt.file().tasks[1].dependencies.len(), 1);
    assert_eq!(alt.graph().edge_count(), 1);
}

#[test]
fn a_repeated_id_shows_both_places() {
    // Row 19.
    let file = "{\"id\": \"f\", \"title\": \"F\", \"tasks\": [\n{\"id\": \"é\", \"description\": \"D\"},\n  {\"description\": \"é\", \"id\": \"é\"}\n]}";
    let report = read(file.as_bytes(), &CHECK);
    let found = &report.diagnostics[0];
    assert_eq!((found.code, found.line, found.column), (Code::DuplicateId, 3, 30));
    assert_eq!(&file[found.span.clone()], "\"é\"");
    assert_eq!(found.related.len(), 1);
    assert_eq!(file[..found.related[0].span.start].matches('\n').count(), 1);
}

#[test]
fn a_ring_is_told_in_the_direction_of_waiting() {
    // Row 23.
    let file = linked(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["c"])]);
    let report = read(file.as_bytes(), &CHECK);
    assert_eq!(report.diagnostics.len(), 1);
    assert_eq!(report.diagnostics[0].message, "tasks wait for each other: `a` → `b` → `c` → `a`");
}

#[test]
fn a_task_without_a_job_is_an_echo_and_a_known_type_is_a_job() {
    // Row 38.
    let cases: &[(&str, &str)] = &[
        ("", "echo"),
        (r#""parameters": null"#, "echo"),
        (r#""job": "http""#, "http"),
        (r#""parameters": {"type": "sleep"}"#, "sleep"),
        (r#""parameters": {"task_type": "exec", "type": "sleep"}"#, "exec"),
        (r#""parameters": {"type": "unheard"}"#, "echo"),
        (r#""parameters": {"x": {"type": "sleep"}}"#, "echo"),
        (r#""job": "echo", "parameters": {"type": "sleep"}"#, "echo"),
    ];
    for (fields, expected) in cases {
        let alt = read(task_with(fields).as_bytes(), &CHECK).alt.unwrap();
        assert_eq!(alt.file().tasks[0].job, *expected, "{fields}");
    }
    let report = read(task_with(r#""job": "ehco""#).as_bytes(), &CHECK);
    let help = report.diagnostics[0].help.clone().unwrap();
    for job in crate::JOBS {
        assert!(help.contains(job), "{help}");
    }
    let any = Check::default();
    assert_eq!(said_to(task_with(r#""job": "ehco""#), &any), Vec::<String>::new());
}

#[test]
fn a_prompt_without_ai_is_remarked() {
    let prompt = task_with(r#""parameters": {"prompt": "x"}"#);
    assert_eq!(said(&prompt), ["ALT0116 /tasks/0/parameters warning"]);
    let with_ai = Check { jobs: Some(&["ai", "echo"]), ai: true, ..CHECK };
    assert_eq!(said_to(&prompt, &with_ai), Vec::<String>::new());
    let alt = read(prompt.as_bytes(), &with_ai).alt.unwrap();
    assert_eq!(alt.file().tasks[0].job, "ai");
}

/// Tasks `a`, `b` after `a`, `c` after `b`, `z` on its own, and `t` after `c` with a parameter.
fn with_text(text: &str) -> String {
    let parameters = format!(
        r#""id": "t", "description": "D", "dependencies": ["c"], "parameters": {{"x": ["y", {}]}}"#,
        serde_json::to_string(text).unwrap()
    );
    tasks_of(&[
        r#""id": "a", "description": "D""#,
        r#""id": "b", "description": "D", "dependencies": ["a"]"#,
        r#""id": "c", "description": "D", "dependencies": ["b"]"#,
        r#""id": "z", "description": "D""#,
        &parameters,
    ])
}

#[test]
fn an_expression_is_read_and_names_tasks_that_are_complete_by_then() {
    // Rows 42 and 43.
    let cases: &[(&str, &[&str])] = &[
        ("${{ tasks.c.output }}", &[]),
        ("${{ tasks.a.output.x[0] }} and ${{ tasks[\"b\"].output }}", &[]),
        ("$${{ anything", &[]),
        ("{{ x }} {% y %} {# z #} ${7*7} ${secret:NOPE}", &[]),
        ("${{ tasks.c.output", &["ALT0301 /tasks/4/parameters"]),
        ("${{", &["ALT0301 /tasks/4/parameters"]),
        ("${{ }}", &["ALT0301 /tasks/4/parameters"]),
        ("${{ tasks.c.output + }}", &["ALT0301 /tasks/4/parameters"]),
        ("${{ {% if %} }}", &["ALT0301 /tasks/4/parameters"]),
        ("${{ secret.NOPE }}", &["ALT0302 /tasks/4/parameters"]),
        ("${{ env.HOME }}", &["ALT0302 /tasks/4/parameters"]),
        ("${{ tasks }}", &["ALT0302 /tasks/4/parameters"]),
        ("${{ tasks.c.status }}", &["ALT0302 /tasks/4/parameters"]),
        ("${{ tasks.nope.output }}", &["ALT0303 /tasks/4/parameters"]),
        ("${{ tasks[\"../etc\"].output }}", &["ALT0303 /tasks/4/parameters"]),
        ("${{ tasks.z.output }}", &["ALT0304 /tasks/4/parameters"]),
        ("${{ tasks.t.output }}", &["ALT0304 /tasks/4/parameters"]),
        (
            "${{ tasks.z.output }} ${{ tasks.nope.output }} ${{ x }}",
            &[
                "ALT0302 /tasks/4/parameters",
                "ALT0303 /tasks/4/parameters",
                "ALT0304 /tasks/4/parameters",
            ],
        ),
    ];
    hold_each(cases, with_text);
}

#[test]
fn what_an_expression_names_is_an_ancestor_of_its_task() {
    let alt = read(with_text("${{ tasks.a.output }} ${{ tasks.c.output }}").as_bytes(), &CHECK)
        .alt
        .unwrap();
    let task = &alt.file().tasks[4];
    assert_eq!((task.dependencies.len(), task.references.len()), (1, 1));
    assert_eq!(task.references[0].get(), 0);
}

#[test]
fn expressions_are_bounded() {
    let many = |count: usize| "${{1}}".repeat(count);
    let long = |bytes: usize| format!("${{{{{:<bytes$}}}}}", "1");
    let refused = ["ALT0408 /tasks/4/parameters"];
    assert_eq!(said(with_text(&many(limits::EXPRESSIONS))), Vec::<String>::new());
    assert_eq!(said(with_text(&many(limits::EXPRESSIONS + 1))), refused);
    assert_eq!(said(with_text(&long(limits::EXPRESSION_BYTES))), Vec::<String>::new());
    assert_eq!(said(with_text(&long(limits::EXPRESSION_BYTES + 1))), refused);
}

#[test]
fn a_deep_expression_is_refused_and_nothing_overflows() {
    for open in ["(", "[", "{1:", "not ", "-", "tasks.c.output|string|"] {
        let text = format!("${{{{ {} }}}}", open.repeat(4_000 / open.len()));
        let found = said(with_text(&text));
        assert_eq!(found, ["ALT0301 /tasks/4/parameters"], "{open}");
    }
}

#[test]
fn references_are_checked_beside_other_faults_but_not_across_a_ring() {
    let file = tasks_of(&[
        r#""id": "a", "description": "D", "dependencies": ["b"], "parameters": {"x": "${{ tasks.z.output }}"}"#,
        r#""id": "b", "description": "D", "dependencies": ["a"], "parameters": {"x": "${{ tasks.nope.output }}"}"#,
        r#""id": "z", "description": "D""#,
    ]);
    assert_eq!(said(file), ["ALT0204 /tasks/0/dependencies", "ALT0303 /tasks/1/parameters"]);
}
