//! `dao_deployment_tweet` against a model service on this machine, and that `tweet` takes what it gives.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use alt::Mode;
use job::Error;
use job::testing::Bench;
use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn saying(text: &str) -> (MockServer, Bench) {
    jobs::link();
    let server = MockServer::start().await;
    let answer = json!({"choices": [{"message": {"role": "assistant", "content": text}}]});
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", "Bearer k"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let bench = Bench::new().unwrap().with_variable("AI_API_KEY", "k");
    let bench = bench.with_variable("AI_SERVICE_URL", &server.uri());
    (server, bench.with_variable("AI_MODEL", "m"))
}

async fn run(bench: &Bench, parameters: Value) -> Result<Value, Error> {
    let output = bench.run("dao_deployment_tweet", &parameters.to_string()).await?;
    Ok(output.read().unwrap())
}

fn dao() -> Value {
    json!({"name": "Faces", "symbol": "FACES", "mission": "To be seen"})
}

#[tokio::test]
async fn the_model_is_told_the_facts_and_its_text_becomes_a_post() {
    let (server, bench) = saying(" \"Meet Faces, a DAO to be seen.\"\n").await;
    let bench = bench.with_mode(Mode::Normal, Some("a pirate".to_owned()));
    let output = run(&bench, dao()).await.unwrap();
    assert_eq!(output, json!({"posts": ["Meet Faces, a DAO to be seen."]}));
    let asked = &server.received_requests().await.unwrap()[0];
    let asked: Value = asked.body_json().unwrap();
    assert_eq!(asked["model"], "m");
    let instructions = asked["messages"][0]["content"].as_str().unwrap();
    assert!(instructions.contains("a pirate"), "{instructions}");
    let facts = asked["messages"][1]["content"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(facts).unwrap(), dao());
}

#[tokio::test]
async fn a_model_that_thinks_for_long_is_not_waited_for_when_the_task_is_cancelled() {
    let (server, bench) = saying("too late").await;
    server.reset().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let stop = async {
        while server.received_requests().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.cancelled().cancel();
    };
    let (ended, ()) = tokio::join!(run(&bench, dao()), stop);
    assert_eq!(ended, Err(Error::Cancelled));
}

#[tokio::test]
async fn what_it_gives_is_what_tweet_takes() {
    let (_server, bench) = saying(&format!("{} {}", "a".repeat(279), "b".repeat(10))).await;
    let output = run(&bench, dao()).await.unwrap();
    let posts = output["posts"].as_array().unwrap();
    assert_eq!(posts.len(), 2);
    assert!(posts.iter().all(|post| post.as_str().unwrap().chars().count() <= 280));
    let twitter = MockServer::start().await;
    let answer = json!({"data": {"id": "1"}});
    let mock = Mock::given(any()).respond_with(ResponseTemplate::new(201).set_body_json(answer));
    mock.expect(2).mount(&twitter).await;
    let mut bench = bench.with_variable("TWITTER_API_URL", &twitter.uri());
    for name in ["CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET"] {
        bench = bench.with_variable(&format!("TWITTER_{name}"), "x");
    }
    bench.run("tweet", &output.to_string()).await.unwrap();
}

#[tokio::test]
async fn a_model_that_says_nothing_or_too_much_is_asked_again() {
    for text in [" ", &"word ".repeat(300)] {
        let (_server, bench) = saying(text).await;
        let error = run(&bench, dao()).await.unwrap_err();
        assert!(error.retryable(), "{error}");
    }
    let (server, bench) = saying("x").await;
    let busy = Mock::given(any()).respond_with(ResponseTemplate::new(429)).with_priority(1);
    busy.mount(&server).await;
    let error = run(&bench, dao()).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("429"), "{error}");
    let error = run(&bench, dao()).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("cools down")), "{error}");
}

#[tokio::test]
async fn a_dao_has_a_name_and_a_worker_a_key() {
    let (_server, bench) = saying("x").await;
    let error = run(&bench, json!({"name": " "})).await.unwrap_err();
    assert!(error.to_string().contains("`name`: is empty"), "{error}");
    let error = run(&bench, json!({"dao_id": 1})).await.unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }), "{error}");
    let error = run(&Bench::new().unwrap(), dao()).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("AI_API_KEY")), "{error}");
}
