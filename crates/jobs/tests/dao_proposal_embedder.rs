//! `dao_proposal_embedder` against a model service on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use job::Error;
use job::testing::Bench;
use protocol::RunId;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// A service whose vector of a text is its length in bytes, told in the wrong order.
fn embed(request: &Request) -> ResponseTemplate {
    let body: Value = request.body_json().unwrap();
    let texts = body["input"].as_array().unwrap().iter().enumerate();
    let vectors = texts.map(|(index, text)| {
        let length = text.as_str().unwrap().len();
        json!({"object": "embedding", "index": index, "embedding": [length, 0.25]})
    });
    let vectors: Vec<_> = vectors.rev().collect();
    let answer = json!({"object": "list", "model": "m", "data": vectors});
    ResponseTemplate::new(200).set_body_json(answer)
}

async fn server() -> (MockServer, Bench) {
    jobs::link();
    let server = MockServer::start().await;
    let mock = Mock::given(method("POST")).and(path("/v1/embeddings"));
    let mock = mock.and(header("authorization", "Bearer k"));
    mock.respond_with(embed).mount(&server).await;
    let bench = Bench::new().unwrap().with_variable("AI_API_KEY", "k");
    let bench = bench.with_variable("AI_SERVICE_URL", &server.uri());
    (server, bench)
}

async fn run(bench: &Bench, parameters: Value) -> Result<Value, Error> {
    let output = bench.run("dao_proposal_embedder", &parameters.to_string()).await?;
    Ok(output.read().unwrap())
}

/// What was asked to be embedded, request by request.
async fn asked(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    let asked = requests.iter().filter(|request| request.method.as_str() == "POST");
    asked.map(|request| request.body_json().unwrap()).collect()
}

fn lines(bench: &Bench) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.scratch().join("embeddings.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn proposal(id: &str, title: &str) -> Value {
    json!({"id": id, "title": title, "content": "C", "type": "T", "action": null, "status": "x"})
}

#[tokio::test]
async fn proposals_are_embedded_once() {
    let (server, bench) = server().await;
    let both = json!({"proposals": [proposal("a", "A"), proposal("b", "Bee"), {"id": "empty"}]});
    let output = run(&bench, both.clone()).await.unwrap();
    let model = "text-embedding-ada-002";
    let expected = json!({"embedded": 2, "unchanged": 0, "empty": 1, "model": model,
        "dimensions": 2, "files": ["embeddings.jsonl"]});
    assert_eq!(output, expected);
    let texts = ["Title: A\nContent: C\nType: T", "Title: Bee\nContent: C\nType: T"];
    assert_eq!(asked(&server).await, [json!({"model": model, "input": texts})]);
    let line =
        |id: &str, length: f64| json!({"id": id, "model": model, "embedding": [length, 0.25]});
    assert_eq!(lines(&bench), [line("a", 27.0), line("b", 29.0)]);
    let bench = bench.with_run(RunId::from_bits(2));
    let output = run(&bench, both).await.unwrap();
    assert_eq!((output["embedded"].as_u64(), output["unchanged"].as_u64()), (Some(0), Some(2)));
    assert_eq!(output["files"], json!([]));
    let changed = json!({"proposals": [proposal("a", "New"), proposal("b", "Bee")]});
    let output = run(&bench, changed).await.unwrap();
    assert_eq!((output["embedded"].as_u64(), output["unchanged"].as_u64()), (Some(1), Some(1)));
    assert_eq!(asked(&server).await.len(), 2);
}

#[tokio::test]
async fn a_repeated_attempt_and_another_model_embed_again() {
    let (server, bench) = server().await;
    let one = json!({"proposals": [proposal("a", "A")]});
    for _ in 0..2 {
        assert_eq!(run(&bench, one.clone()).await.unwrap()["embedded"], 1);
    }
    let bench = bench.with_run(RunId::from_bits(2)).with_variable("AI_EMBEDDINGS_MODEL", "m2");
    assert_eq!(run(&bench, one.clone()).await.unwrap()["model"], "m2");
    let mut other = one;
    other["model"] = json!("m3");
    assert_eq!(run(&bench, other).await.unwrap()["model"], "m3");
    assert_eq!(asked(&server).await.len(), 4);
}

#[tokio::test]
async fn many_proposals_take_several_requests() {
    let (server, bench) = server().await;
    let many: Vec<_> = (0..120).map(|id| proposal(&id.to_string(), "A")).collect();
    let output = run(&bench, json!({"proposals": many})).await.unwrap();
    assert_eq!(output["embedded"], 120);
    let sizes: Vec<_> =
        asked(&server).await.iter().map(|body| body["input"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
    assert_eq!(lines(&bench).len(), 120);
}

#[tokio::test]
async fn the_address_may_be_that_of_the_host_the_interface_or_the_call() {
    let (server, bench) = server().await;
    let mut bench = bench;
    for (id, place) in ["", "/", "/v1", "/v1/", "/v1/embeddings"].into_iter().enumerate() {
        bench = bench.with_variable("AI_EMBEDDINGS_URL", &format!("{}{place}", server.uri()));
        bench = bench.with_variable("AI_SERVICE_URL", "http://127.0.0.1:1");
        let proposals = json!({"proposals": [proposal(&id.to_string(), "A")]});
        assert_eq!(run(&bench, proposals).await.unwrap()["embedded"], 1, "{place}");
    }
}

#[tokio::test]
async fn a_failure_remembers_nothing() {
    let (server, bench) = server().await;
    let one = json!({"proposals": [proposal("a", "A")]});
    let short = json!({"data": []});
    let table = [
        (ResponseTemplate::new(500), true),
        (ResponseTemplate::new(400), false),
        (ResponseTemplate::new(200).set_body_json(short), true),
    ];
    for (template, retryable) in table {
        let mock = Mock::given(path("/v1/embeddings")).respond_with(template).with_priority(1);
        mock.up_to_n_times(1).mount(&server).await;
        let error = run(&bench, one.clone()).await.unwrap_err();
        assert_eq!(error.retryable(), retryable, "{error}");
    }
    let bench = bench.with_run(RunId::from_bits(2));
    assert_eq!(run(&bench, one).await.unwrap()["embedded"], 1);
}

#[tokio::test]
async fn what_cannot_work_does_not_begin() {
    let (server, bench) = server().await;
    let nothing = run(&bench, json!({})).await.unwrap_err();
    assert!(matches!(&nothing, Error::Skipped(why) if why.contains("no proposals")), "{nothing}");
    let twice = json!({"proposals": [proposal("a", "A"), proposal("a", "B")]});
    let error = run(&bench, twice).await.unwrap_err();
    assert!(error.to_string().contains("`proposals.1.id`: `a` is given twice"), "{error}");
    let models = Mock::given(path("/v1/models")).respond_with(ResponseTemplate::new(401));
    models.mount(&server).await;
    let one = json!({"proposals": [proposal("a", "A")]});
    let error = run(&bench, one.clone()).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("401")), "{error}");
    let error = Bench::new().unwrap().run("dao_proposal_embedder", "{}").await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("AI_API_KEY")), "{error}");
    assert_eq!(asked(&server).await, [] as [Value; 0]);
}
