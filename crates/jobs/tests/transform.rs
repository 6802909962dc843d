//! `transform` as a worker runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use alt::Json;
use job::Error;
use job::testing::Bench;
use serde_json::json;
use tokio::time::{Instant, sleep};

fn bench() -> Bench {
    jobs::link();
    let text = |text: &str| Json::from_text(text).unwrap();
    Bench::new()
        .unwrap()
        .with_output("a", text(r#"[{"k": "x", "n": 1}, {"k": "y", "n": 2}, {"n": 3}]"#))
        .with_output("b \"q\"", text("1e400"))
}

async fn run(parameters: &str) -> Result<String, Error> {
    Ok(bench().run("transform", parameters).await?.text().to_owned())
}

#[tokio::test]
async fn steps_filter_map_reduce_and_rewrite_in_this_order() {
    let big = "10000000000000000000000000000000000000000";
    let table = [
        (r#"{"input": [1,2,3,4], "filter": ". % 2 == 0"}"#, "[2,4]"),
        (r#"{"input": [1,null,false,0], "filter": "."}"#, "[1,0]"),
        (r#"{"input": [1], "filter": "empty"}"#, "[]"),
        (r#"{"input": [1,2], "map": "., . * 10"}"#, "[1,10,2,20]"),
        (r#"{"input": [1,2,3], "reduce": ". + $item"}"#, "6"),
        (r#"{"input": [1,2,3], "reduce": {"update": ". + $item"}}"#, "6"),
        (r#"{"input": ["b"], "reduce": {"init": {}, "update": ".[$item] += 1"}}"#, r#"{"b":1}"#),
        (r#"{"input": [], "reduce": {"init": 1e400, "update": "."}}"#, "1e400"),
        (r#"{"input": {"a": [5,6]}, "expression": ".a | add"}"#, "11"),
        (r#"{"input_from_dependency": "a", "map": ".n", "expression": "add"}"#, "6"),
        (
            r#"{"input_from_dependency": "a", "filter_key": "k", "filter_value": "y"}"#,
            r#"[{"k":"y","n":2}]"#,
        ),
        (
            r#"{"input": [1,2,3,4], "filter": ". > 1", "map": ". * 2", "reduce": ". + $item",
                "expression": "{sum: .}"}"#,
            r#"{"sum":18}"#,
        ),
        (r#"{"expression": "keys"}"#, r#"["a","b \"q\""]"#),
        (r#"{"expression": ".[\"b \\\"q\\\"\"]"}"#, "1e400"),
        (r#"{"input": [{"def": 1}], "map": ".def"}"#, "[1]"),
        (r#"{"input": 1, "expression": "{def: .} | .def as $x | $x"}"#, "1"),
        (r#"{"input": null}"#, "null"),
        (
            r#"{"input": [{"a": null}, {}], "filter_key": "a", "filter_value": null}"#,
            r#"[{"a":null}]"#,
        ),
    ];
    for (parameters, expected) in table {
        assert_eq!(run(parameters).await.as_deref(), Ok(expected), "{parameters}");
    }
    let exact = format!(r#"{{"a":[{big},1e400,-0.0,"\u00e9"]}}"#);
    let output = run(&format!(r#"{{"input": {exact}, "expression": "."}}"#)).await.unwrap();
    assert_eq!(output, format!(r#"{{"a":[{big},1e400,-0.0,"é"]}}"#));
}

#[tokio::test]
async fn loops_of_the_standard_library_still_work() {
    let table = [
        ("[range(3)]", "[0,1,2]"),
        ("[range(5; 0; -2)]", "[5,3,1]"),
        ("[range(0; 1; 0.5)]", "[0,0.5]"),
        ("[limit(3; repeat(1))]", "[1,1,1]"),
        ("[1 | while(. < 9; . * 2)]", "[1,2,4,8]"),
        ("1 | until(. > 9; . * 2)", "16"),
        ("[[1, [2]] | recurse(if type == \"array\" then .[] else empty end)] | length", "4"),
        ("[[1, [2]] | ..] | length", "4"),
        ("[paths]", "[[\"a\"]]"),
        ("[path(recurse(.[]?))]", "[[],[\"a\"]]"),
        ("walk(if type == \"number\" then . + 1 else . end)", r#"{"a":2}"#),
        ("[1, [2, [3]]] | flatten", "[1,2,3]"),
        ("\"a,b\" | split(\",\") | join(\"-\")", "\"a-b\""),
        ("\"a1b22\" | [scan(\"[0-9]+\")]", r#"["1","22"]"#),
        ("debug | stderr | .a", "1"),
        ("to_entries", r#"[{"key":"a","value":1}]"#),
    ];
    for (expression, expected) in table {
        let parameters = json!({"input": {"a": 1}, "expression": expression}).to_string();
        assert_eq!(run(&parameters).await.as_deref(), Ok(expected), "{expression}");
    }
}

async fn refused(parameters: &str, place: &str, expected: &str) {
    let error = run(parameters).await.unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }), "{parameters}: {error}");
    let text = error.to_string();
    assert!(text.contains(place) && text.contains(expected), "{parameters}: {text}");
}

#[tokio::test]
async fn a_wrong_expression_is_named_with_the_place_of_its_fault() {
    let table = [
        (".a +", "found the end at line 1, column 5"),
        ("\n  .a | nope(1)", "no filter `nope` at line 2, column 8"),
        ("(1", "closing parenthesis"),
        ("$item", "no variable `$item`"),
        ("1 | def f: 1 + f; f", "defines a function at line 1, column 5; use built-in"),
        (r#""\(def f: f; f)""#, "defines a function"),
        ("[def f: f; f]", "defines a function"),
        ("env", "no filter `env`"),
        ("$ENV", "no variable `$ENV`"),
        ("input", "no filter `input`"),
        ("import \"a\" as a; 1", "module"),
    ];
    for (expression, expected) in table {
        for step in ["filter", "map", "expression"] {
            let parameters = json!({"input": [], step: expression}).to_string();
            refused(&parameters, &format!("`{step}`"), expected).await;
        }
    }
    refused(r#"{"reduce": {"update": "+"}}"#, "`reduce.update`", "is not a jq expression").await;
}

#[tokio::test]
async fn parameters_that_do_not_go_together_are_named() {
    let table = [
        (r#"{"reduce": 1}"#, "`reduce`", "invalid type"),
        (r#"{"filter_key": "a"}"#, "`filter_value`", "is missing"),
        (r#"{"filter_value": "a"}"#, "`filter_key`", "is missing"),
        (r#"{"input": 1, "input_from_dependency": "a"}"#, "`input`", "not both"),
        (r#"{"input_from_dependency": "z"}"#, "`input_from_dependency`", "there are `a`"),
        (r#"{"map": "."}"#, "`map`", "works on an array, and its input is an object"),
        (r#"{"fliter": "."}"#, "parameters", "unknown field `fliter`"),
    ];
    for (parameters, place, expected) in table {
        refused(parameters, place, expected).await;
    }
}

#[tokio::test]
async fn what_goes_wrong_while_it_runs_is_a_failure_for_good() {
    let table = [
        (".a", "cannot index"),
        ("error(\"mine\")", "mine"),
        ("1, 2", "more than one output"),
        ("empty", "has no output"),
        ("nan", "not JSON"),
        ("{(1|tojson|tobytes): 1}", "not JSON"),
        ("halt", "calls `halt`"),
        ("halt(3)", "calls `halt`"),
        ("try halt catch 1", "calls `halt`"),
        ("[[1]] | recurse(.[]?) |= .", "path"),
    ];
    for (expression, expected) in table {
        let parameters = json!({"input": 1, "expression": expression}).to_string();
        let error = run(&parameters).await.unwrap_err();
        assert!(!error.retryable(), "{expression}: {error}");
        assert!(error.to_string().contains(expected), "{expression}: {error}");
    }
}

#[tokio::test]
async fn an_endless_loop_ends_when_the_attempt_is_stopped() {
    let bench = bench();
    let stop = async {
        sleep(Duration::from_millis(100)).await;
        bench.cancelled().cancel();
    };
    let begun = Instant::now();
    let parameters = r#"{"expression": "last(repeat(.))"}"#;
    let (ended, ()) = tokio::join!(bench.run("transform", parameters), stop);
    assert_eq!(ended, Err(Error::Cancelled));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn deep_values_do_not_end_the_process() {
    let deep = format!("{}{}", "[".repeat(1001), "]".repeat(1001));
    let error = run(&format!(r#"{{"input": {deep}}}"#)).await.unwrap_err();
    assert!(error.to_string().contains("nests 1001 deep"), "{error}");
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(run(&format!(r#"{{"input": {deep}}}"#)).await.as_ref(), Ok(&deep));
    let built = json!({"input": 1, "expression": "reduce range(50000) as $i (0; [.])"});
    let error = run(&built.to_string()).await.unwrap_err();
    assert!(error.to_string().contains("nests over 1000 deep"), "{error}");
    let code = format!("{}1{}", "(".repeat(8000), ")".repeat(8000));
    let parameters = json!({"input": 1, "expression": code}).to_string();
    assert_eq!(run(&parameters).await.as_deref(), Ok("1"));
}
