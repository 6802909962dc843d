//! `http` as a worker runs it, against a server on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use job::testing::Bench;
use job::{Error, Permissions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

fn bench() -> Bench {
    jobs::link();
    let permissions = Permissions { allow_private_addresses: true, ..Permissions::default() };
    Bench::new().unwrap().with_permissions(permissions)
}

async fn run(parameters: Value) -> Result<Value, Error> {
    let output = bench().run("http", &parameters.to_string()).await?;
    Ok(output.read().unwrap())
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(template).mount(&server).await;
    server
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_written() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/a"))
        .and(header("x-a", "1"))
        .and(header("content-type", "application/json"))
        .and(header("idempotency-key", "00000000000000000000000000000001-0"))
        .and(body_string(r#"{"b": 1}"#))
        .respond_with(ResponseTemplate::new(201).insert_header("x-b", "2").set_body_string("hi"))
        .mount(&server)
        .await;
    let parameters = format!(
        r#"{{"url": "{}/a", "method": "put", "headers": {{"X-A": "1"}}, "json": {{"b": 1}}}}"#,
        server.uri()
    );
    let output = bench().run("http", &parameters).await.unwrap();
    let output: Value = output.read().unwrap();
    assert_eq!(output["status"], 201);
    assert_eq!(output["headers"]["x-b"], "2");
    assert_eq!(output["body"], "hi");
    assert_eq!(output["encoding"], "text");
}

#[tokio::test]
async fn the_author_may_choose_the_key_and_the_method_follows_the_body() {
    let server = answering(ResponseTemplate::new(200)).await;
    run(json!({"url": server.uri(), "headers": {"Idempotency-Key": "mine"}})).await.unwrap();
    run(json!({"url": server.uri(), "body": "x"})).await.unwrap();
    let requests: Vec<Request> = server.received_requests().await.unwrap();
    assert_eq!(requests[0].headers["idempotency-key"], "mine");
    assert_eq!(requests[0].method.as_str(), "GET");
    assert_eq!(requests[1].method.as_str(), "POST");
    assert_eq!(requests[1].body, b"x");
}

#[tokio::test]
async fn a_body_takes_the_form_that_fits_it() {
    let exact = r#"{"n": 1e400, "m": 10000000000000000000000000000000000000000}"#;
    let table: [(&str, &[u8], &str, &str, &str); 9] = [
        ("application/json", exact.as_bytes(), "auto", exact, "json"),
        ("application/problem+json; charset=utf-8", b" [1]\n", "auto", "[1]", "json"),
        ("application/json", b"{oops", "auto", "\"{oops\"", "text"),
        ("text/plain", b"[1]", "auto", "\"[1]\"", "text"),
        ("text/plain", b"[1]", "json", "[1]", "json"),
        ("application/json", b"[1]", "text", "\"[1]\"", "text"),
        ("image/png", b"\xff\xfe", "auto", "\"//4=\"", "base64"),
        ("text/plain", b"\xff", "text", "\"\u{fffd}\"", "text"),
        ("text/plain", b"foo", "base64", "\"Zm9v\"", "base64"),
    ];
    for (kind, body, form, expected, encoding) in table {
        let server = answering(ResponseTemplate::new(200).set_body_raw(body, kind)).await;
        let parameters = json!({"url": server.uri(), "response": form}).to_string();
        let output = bench().run("http", &parameters).await.unwrap();
        let expected = format!(r#""body":{expected},"encoding":"{encoding}""#);
        assert!(output.text().contains(&expected), "{} lacks {expected}", output.text());
    }
    let server = answering(ResponseTemplate::new(200).set_body_string("oops")).await;
    let error = run(json!({"url": server.uri(), "response": "json"})).await.unwrap_err();
    assert!(error.to_string().contains("not JSON") && !error.retryable(), "{error}");
}

#[tokio::test]
async fn a_status_decides_whether_to_try_again() {
    let table = [(500, true), (503, true), (429, true), (408, true), (400, false), (404, false)];
    for (status, retryable) in table {
        let server = answering(ResponseTemplate::new(status).set_body_string("why")).await;
        let error = run(json!({"url": server.uri()})).await.unwrap_err();
        assert_eq!(error.retryable(), retryable, "{error}");
        let text = error.to_string();
        assert!(text.contains(&status.to_string()) && text.ends_with(": why"), "{text}");
        let expecting = json!({"url": server.uri(), "expect_status": [status]});
        assert_eq!(run(expecting).await.unwrap()["status"], status);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_a_failure_for_good() {
    let server = answering(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 5000])).await;
    let error = run(json!({"url": server.uri(), "max_bytes": 4999})).await.unwrap_err();
    assert!(error.to_string().contains("max_bytes (4999)") && !error.retryable(), "{error}");
    let output = run(json!({"url": server.uri(), "max_bytes": 5000})).await.unwrap();
    assert_eq!(output["body"].as_str().unwrap().len(), 5000);
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_for_and_not_for_ever() {
    let server = MockServer::start().await;
    let to = |place: &str| ResponseTemplate::new(302).insert_header("location", place);
    Mock::given(path("/a")).respond_with(to("/b")).mount(&server).await;
    Mock::given(path("/b")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    Mock::given(path("/loop")).respond_with(to("/loop")).mount(&server).await;
    Mock::given(path("/file")).respond_with(to("file:///etc/passwd")).mount(&server).await;
    let url = |place: &str| format!("{}{place}", server.uri());
    assert_eq!(run(json!({"url": url("/a")})).await.unwrap()["status"], 302);
    let following = |place: &str| json!({"url": url(place), "follow_redirects": true});
    assert_eq!(run(following("/a")).await.unwrap()["status"], 200);
    let error = run(following("/loop")).await.unwrap_err();
    assert!(error.to_string().contains("redirects") && !error.retryable(), "{error}");
    assert!(matches!(run(following("/file")).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn addresses_that_are_not_public_get_no_packet() {
    jobs::link();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hosts = ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"];
    for host in hosts {
        let parameters = json!({"url": format!("http://{host}:{port}/")}).to_string();
        let error = Bench::new().unwrap().run("http", &parameters).await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{host}: {error}");
    }
    let waited = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(waited.is_err(), "somebody connected");
}

#[tokio::test]
async fn faults_of_the_road_may_pass_and_are_told_with_their_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = run(json!({"url": format!("http://{address}/")})).await.unwrap_err();
    assert!(error.to_string().contains("refused") && error.retryable(), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    });
    let error = run(json!({"url": format!("http://{address}/")})).await.unwrap_err();
    assert!(error.retryable(), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_left_in_time() {
    let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(60))).await;
    let error = run(json!({"url": server.uri(), "timeout_seconds": 1})).await.unwrap_err();
    assert_eq!(error, Error::failed("no answer within 1 s"));
    let bench = bench();
    let parameters = json!({"url": server.uri()}).to_string();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.cancelled().cancel();
    };
    let (ended, ()) = tokio::join!(bench.run("http", &parameters), stop);
    assert_eq!(ended, Err(Error::Cancelled));
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let table = [
        (json!({}), "missing field `url`"),
        (json!({"url": "http://a.example", "methd": "GET"}), "unknown field `methd`"),
        (json!({"url": "http://a.example", "method": "CONNECT"}), "`method`"),
        (json!({"url": "http://a.example", "timeout_seconds": 0}), "`timeout_seconds`"),
        (json!({"url": "http://a.example", "max_bytes": 1_000_000_000}), "`max_bytes`"),
        (json!({"url": "http://a.example", "expect_status": [99]}), "`expect_status`"),
        (json!({"url": "http://a.example", "body": "", "json": 1}), "not both"),
        (json!({"url": "http://a.example", "headers": {"A": "b\r\nC: d"}}), "`headers.A`"),
        (json!({"url": "http://a.example", "headers": {"Host": "b"}}), "`headers.Host`"),
    ];
    for (parameters, expected) in table {
        let error = run(parameters).await.unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
