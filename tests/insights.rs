//! What a model says of a run: asked where that is wanted, kept in the LAST, and no harm when it fails.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::door::{Done, Door};
use crate::rig::Rig;

const KEY: &str = "sk-nobody-may-read-this";

/// What would be markup, if anything of it were.
const HOSTILE: &str = "All <b>well</b>.<script>alert(1)</script>\n\"Then\" & {{ 7 * 7 }}\u{1b}[31m";

/// A model service on this machine.
struct Service {
    /// It answers for as long as this lives.
    runtime: Runtime,
    server: MockServer,
}

impl Service {
    /// One that gives these answers, the last of them again and again.
    fn with(answers: Vec<ResponseTemplate>) -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let last = answers.len() - 1;
            for (place, answer) in answers.into_iter().enumerate() {
                let mock = Mock::given(method("POST")).and(path("/v1/chat/completions"));
                let mock = mock.respond_with(answer);
                let mock = if place < last { mock.up_to_n_times(1) } else { mock };
                mock.mount(&server).await;
            }
            server
        });
        Self { runtime, server }
    }

    /// One that says `text`.
    fn saying(text: &str) -> Self {
        Self::with(vec![said(text)])
    }

    fn asked(&self) -> Vec<Request> {
        self.runtime.block_on(self.server.received_requests()).unwrap()
    }
}

fn said(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "model": "small-<1>",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42},
    }))
}

/// Two tasks of which one fails.
fn file(last: &Value) -> Value {
    json!({"id": "b", "title": "The nightly build", "last": last, "tasks": [
        {"id": "say", "description": "x", "job": "echo", "parameters": {"text": "said"}},
        {"id": "fall", "description": "x", "job": "transform", "retry_count": 0,
         "parameters": {"expression": "error(\"the disk was full\")"}},
    ]})
}

/// A folder with that file, where the service is known.
fn door(service: &Service, last: &Value) -> Door {
    let mut door = Door::new();
    door.set("RUNNER_AI_SERVICE_URL", service.server.uri());
    door.set("OPENAI_API_KEY", KEY);
    door.alt("b.alt.json", &file(last));
    door
}

/// The LAST and the report of a run, which must hold.
fn results(door: &Door, done: &Done) -> (Value, String) {
    let line = done.line();
    door.call(&["verify", &line]).code(0);
    let beside =
        |name: &str| std::fs::read_to_string(door.path(&line.replace("last.json", name))).unwrap();
    assert!(!beside("summary.txt").contains("insights"), "the summary is as it was");
    (serde_json::from_str(&beside("last.json")).unwrap(), beside("report.html"))
}

#[test]
fn what_a_model_says_is_in_the_last_and_a_text_in_the_report() {
    let service = Service::saying(HOSTILE);
    let mut door = door(&service, &json!({"ai_insights": true}));
    door.set("RUNNER_AI_MODEL", "small");
    door.set("RUNNER_LOG_LEVEL", "trace");
    let done = door.call(&["run", "b.alt.json"]).code(4);
    assert!(!done.stderr.contains(KEY), "the key is in the log");
    let (last, report) = results(&door, &done);
    let expected = json!({"text": HOSTILE, "model": "small-<1>", "tokens": 42});
    assert_eq!(last["metadata"]["ai_insights"], expected);
    for text in ["&lt;script&gt;alert(1)", "&lt;b&gt;well", "{{ 7 * 7 }}\\u{1b}", "small-&lt;1&gt;"]
    {
        assert!(report.contains(text), "{text}: {report}");
    }
    assert!(!report.contains("<script>alert"), "{report}");
    let shown = door.call(&["show", &done.line()]).code(0).stdout;
    assert!(shown.contains("What small-<1> says of it") && !shown.contains('\u{1b}'), "{shown}");
    let asked = service.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {KEY}"));
    let body: Value = asked[0].body_json().unwrap();
    assert_eq!(body["model"], "small");
    let data = body["messages"][1]["content"].as_str().unwrap();
    for text in ["The nightly build", "1 of 2 tasks completed", "fall", "the disk was full"] {
        assert!(data.contains(text), "{text}: {data}");
    }
    assert!(data.len() < 17_000 && data.contains("Critical path"), "{data}");
}

#[test]
fn nobody_is_asked_unless_somebody_wants_it() {
    let service = Service::saying("Fine.");
    let mut door = door(&service, &json!({}));
    let told = |door: &Door, flags: &[&str]| {
        let done = door.call(&[&["run", "b.alt.json"], flags].concat()).code(4);
        let last = results(door, &done).0;
        assert_eq!(last["metadata"].get("ai_insights_error"), None, "{last:#}");
        last["metadata"].get("ai_insights").is_some()
    };
    assert!(!told(&door, &[]), "unsaid");
    assert!(told(&door, &["--ai-insights"]), "by flag");
    door.set("RUNNER_ENABLE_AI_INSIGHTS", "1");
    assert!(told(&door, &[]), "by variable");
    assert!(!told(&door, &["--ai-insights=false"]), "the flag goes before the variable");
    door.set("RUNNER_ENABLE_AI_INSIGHTS", "0");
    door.alt("b.alt.json", &file(&json!({"ai_insights": true})));
    assert!(!told(&door, &[]), "the variable goes before the file");
    door.unset("RUNNER_ENABLE_AI_INSIGHTS");
    assert!(told(&door, &[]), "by file");
    assert_eq!(service.asked().len(), 3);
}

#[test]
fn a_model_that_fails_costs_nothing_but_its_words() {
    let answer = ResponseTemplate::new;
    let busy = || answer(503).insert_header("retry-after", "0").set_body_string("PRIVATE");
    for (answers, asked, expected) in [
        (vec![busy()], 2, "the model service answered 503"),
        (vec![answer(401).set_body_string("PRIVATE")], 1, "the model service answered 401"),
        (vec![busy(), answer(400)], 2, "the model service answered 400"),
        (vec![said("late").set_delay(Duration::from_secs(60))], 1, "no answer within 1 s"),
        (vec![answer(429).insert_header("retry-after", "60")], 1, "the model service answered 429"),
        (
            vec![answer(200).set_body_string("<html>")],
            1,
            "the answer of the model service cannot be used",
        ),
        (
            vec![answer(200).set_body_json(json!({"choices": []}))],
            1,
            "the answer of the model service cannot be used",
        ),
    ] {
        let service = Service::with(answers);
        let mut door = door(&service, &json!({"ai_insights": true}));
        door.set("AI_TIMEOUT_SECONDS", "1");
        let done = door.call(&["run", "b.alt.json"]).code(4);
        let warnings = done.stderr.lines().filter(|line| line.contains("insights")).count();
        assert_eq!(warnings, 1, "{}", done.stderr);
        let (last, report) = results(&door, &done);
        assert_eq!(last["metadata"].get("ai_insights"), None, "{last:#}");
        assert_eq!(last["metadata"]["ai_insights_error"], expected);
        assert!(report.contains(expected) && !report.contains("PRIVATE"), "{report}");
        assert_eq!(service.asked().len(), asked, "{expected}");
    }
    // One more try may do.
    let service = Service::with(vec![busy(), said("Fine.")]);
    let door = door(&service, &json!({"ai_insights": true}));
    let last = results(&door, &door.call(&["run", "b.alt.json"]).code(4)).0;
    assert_eq!(last["metadata"]["ai_insights"]["text"], "Fine.");
}

#[test]
fn a_service_that_is_not_set_or_cannot_be_one_is_told() {
    let mut door = Door::new();
    door.alt("b.alt.json", &file(&json!({"ai_insights": true})));
    let done = door.call(&["run", "b.alt.json"]).code(4);
    let told = &results(&door, &done).0["metadata"]["ai_insights_error"];
    assert_eq!(told, "no model service is set where the run ended");
    for (name, value) in [
        ("RUNNER_AI_SERVICE_URL", "host:8000"),
        ("AI_SERVICE_URL", "https://me:secret@host"),
        ("RUNNER_AI_API_KEY", "a secret with spaces"),
        ("AI_TIMEOUT_SECONDS", "0"),
        ("RUNNER_ENABLE_AI_INSIGHTS", "perhaps"),
    ] {
        door.set(name, value);
        let refused = door.call(&["run", "b.alt.json"]).code(2);
        assert!(refused.stderr.contains(name), "{refused:?}");
        assert!(!refused.stderr.contains("secret"), "{refused:?}");
        door.unset(name);
    }
}

#[test]
fn on_a_fleet_the_coordinator_asks() {
    let service = Service::saying("Fine.");
    let url = service.server.uri();
    let rig = Rig::with(&[("AI_SERVICE_URL", &url), ("RUNNER_AI_API_KEY", KEY)]).and_work(2);
    rig.door.alt("b.alt.json", &file(&json!({})));
    let asked = rig.call(&["submit", "b.alt.json", "--ai-insights"]).code(0).line();
    rig.until(&asked, "partial_success");
    let quiet = rig.call(&["submit", "b.alt.json"]).code(0).line();
    rig.until(&quiet, "partial_success");
    for (run, expected) in [(&asked, json!("Fine.")), (&quiet, Value::Null)] {
        let last = rig.call(&["show", run, "--json"]).code(0).json();
        assert_eq!(last["metadata"]["ai_insights"]["text"], expected, "{last:#}");
        rig.call(&["verify", run]).code(0);
    }
    assert_eq!(service.asked().len(), 1);
}
