//! `discord` against a webhook on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use job::testing::Bench;
use job::{Error, Permissions};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};
use wiremock::matchers::{any, body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn server() -> (MockServer, Bench) {
    jobs::link();
    let server = MockServer::start().await;
    let bench = Bench::new().unwrap();
    let bench = bench.with_variable("DISCORD_WEBHOOK_URL", &format!("{}/all", server.uri()));
    (server, bench)
}

async fn run(bench: &Bench, parameters: Value) -> Result<Value, Error> {
    let output = bench.run("discord", &parameters.to_string()).await?;
    Ok(output.read().unwrap())
}

async fn paths(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.url.path().to_owned()).collect()
}

async fn answer(server: &MockServer, template: ResponseTemplate) {
    Mock::given(any()).respond_with(template).mount(server).await;
}

#[tokio::test]
async fn a_message_is_sent_as_discord_takes_it() {
    let (server, bench) = server().await;
    let expected = json!({"content": "hi", "embeds": [{"title": "T"}], "tts": true});
    Mock::given(method("POST"))
        .and(path("/all"))
        .and(header("content-type", "application/json"))
        .and(body_json(&expected))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let output = run(&bench, expected).await.unwrap();
    assert_eq!(output, json!({"status": 204, "webhook": "DISCORD_WEBHOOK_URL"}));
}

#[tokio::test]
async fn a_proposal_goes_where_its_outcome_belongs() {
    let (server, bench) = server().await;
    answer(&server, ResponseTemplate::new(204)).await;
    let at = |place: &str| format!("{}/{place}", server.uri());
    let message = |status: &str| json!({"content": "x", "proposal_status": status});
    for status in ["passed", "failed", "veto_window_open", "veto_window_closed"] {
        run(&bench, message(status)).await.unwrap();
    }
    let bench = bench
        .with_variable("DISCORD_WEBHOOK_URL_PASSED", &at("passed"))
        .with_variable("DISCORD_WEBHOOK_URL_FAILED", &at("failed"));
    for status in ["passed", "failed", "veto_window_open"] {
        run(&bench, message(status)).await.unwrap();
    }
    let expected = ["/all", "/all", "/all", "/all", "/passed", "/failed", "/all"];
    assert_eq!(paths(&server).await, expected);
    let error = run(&bench, message("undecided")).await.unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }), "{error}");
}

#[tokio::test]
async fn an_address_in_a_message_is_not_trusted() {
    let (server, bench) = server().await;
    answer(&server, ResponseTemplate::new(204)).await;
    let mine = format!("{}/mine", server.uri());
    let named = mine.replace("127.0.0.1", "localhost");
    for url in [&mine, &named] {
        let message = json!({"content": "x", "webhook_url": url});
        let error = run(&bench, message).await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{url}: {error}");
    }
    assert_eq!(paths(&server).await, Vec::<String>::new());
    let permissions = Permissions { allow_private_addresses: true, ..Permissions::default() };
    let bench = bench.with_permissions(permissions);
    let output = run(&bench, json!({"content": "x", "webhook_url": mine})).await.unwrap();
    assert_eq!(output["webhook"], "webhook_url");
    assert_eq!(paths(&server).await, ["/mine"]);
}

#[tokio::test]
async fn a_status_decides_whether_to_try_again() {
    for (status, retryable) in [(500, true), (502, true), (400, false), (401, false), (404, false)]
    {
        let (server, bench) = server().await;
        answer(&server, ResponseTemplate::new(status).set_body_string("why")).await;
        let error = run(&bench, json!({"content": "x"})).await.unwrap_err();
        assert_eq!(error.retryable(), retryable, "{error}");
        assert!(error.to_string().ends_with(": why"), "{error}");
        assert_eq!(paths(&server).await.len(), 1);
    }
}

#[tokio::test]
async fn a_short_limit_is_waited_for() {
    let (server, bench) = server().await;
    let limit = json!({"message": "slow down", "retry_after": 0.25, "global": false});
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "1");
    let limited = Mock::given(any()).respond_with(limited.set_body_json(&limit));
    limited.up_to_n_times(2).mount(&server).await;
    answer(&server, ResponseTemplate::new(204)).await;
    let began = Instant::now();
    run(&bench, json!({"content": "x"})).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert_eq!(paths(&server).await.len(), 3);
}

#[tokio::test]
async fn for_a_long_limit_the_job_rests() {
    let (server, bench) = server().await;
    answer(&server, ResponseTemplate::new(429).insert_header("retry-after", "600")).await;
    let error = run(&bench, json!({"content": "x"})).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("429"), "{error}");
    let error = run(&bench, json!({"content": "y"})).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("cools down")), "{error}");
    assert_eq!(paths(&server).await.len(), 1);
}

#[tokio::test]
async fn no_error_tells_the_address_of_a_webhook() {
    jobs::link();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/webhooks/1/hidden");
    let bench = Bench::new().unwrap().with_variable("DISCORD_WEBHOOK_URL", &url);
    let error = run(&bench, json!({"content": "x"})).await.unwrap_err();
    assert!(error.retryable() && !error.to_string().contains("hidden"), "{error}");
    let bench = Bench::new().unwrap().with_variable("DISCORD_WEBHOOK_URL", "hidden");
    let error = run(&bench, json!({"content": "x"})).await.unwrap_err();
    assert!(matches!(error, Error::Skipped(_)) && !error.to_string().contains("hidden"), "{error}");
}

#[tokio::test]
async fn messages_that_discord_would_refuse_are_not_sent() {
    let (server, bench) = server().await;
    let table = [
        (json!({}), "`content`: is empty"),
        (json!({"content": " "}), "`content`: is empty"),
        (json!({"content": "é".repeat(2001)}), "2001 characters"),
        (json!({"content": "x", "embeds": vec![json!({}); 11]}), "`embeds`: are 11"),
        (json!({"message": "x"}), "unknown field `message`"),
    ];
    for (message, expected) in table {
        let error = run(&bench, message).await.unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(paths(&server).await, Vec::<String>::new());
}
