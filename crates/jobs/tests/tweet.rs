//! `tweet` against an API on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};

use job::testing::Bench;
use job::{Error, Permissions};
use protocol::RunId;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, path_regex, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, Times};

const VARIABLES: [&str; 4] = [
    "TWITTER_CONSUMER_KEY",
    "TWITTER_CONSUMER_SECRET",
    "TWITTER_ACCESS_TOKEN",
    "TWITTER_ACCESS_TOKEN_SECRET",
];

async fn server() -> (MockServer, Bench) {
    jobs::link();
    let server = MockServer::start().await;
    let permissions = Permissions { allow_private_addresses: true, ..Permissions::default() };
    let mut bench = Bench::new().unwrap().with_permissions(permissions);
    for name in VARIABLES {
        bench = bench.with_variable(name, &format!("value-of-{name}"));
    }
    let bench = bench.with_variable("TWITTER_API_URL", &server.uri());
    (server, bench)
}

async fn run(bench: &Bench, parameters: Value) -> Result<Value, Error> {
    let output = bench.run("tweet", &parameters.to_string()).await?;
    Ok(output.read().unwrap())
}

/// Posts get the ids t1, t2 and so on.
async fn accept_posts(server: &MockServer) {
    let number = AtomicUsize::new(0);
    let answer = move |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let id = format!("t{}", number.fetch_add(1, Ordering::Relaxed) + 1);
        ResponseTemplate::new(201).set_body_json(json!({"data": {"id": id, "text": body["text"]}}))
    };
    Mock::given(method("POST")).and(path("/2/tweets")).respond_with(answer).mount(server).await;
}

/// The next posts, so many, are answered so; it goes before what is mounted.
async fn first(server: &MockServer, times: u64, template: ResponseTemplate) {
    let mock = Mock::given(path("/2/tweets")).respond_with(template).with_priority(1);
    mock.up_to_n_times(times).mount(server).await;
}

async fn sent(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    let posts = requests.iter().filter(|request| request.url.path() == "/2/tweets");
    posts.map(|request| request.body_json().unwrap()).collect()
}

#[tokio::test]
async fn posts_become_a_thread_and_each_is_signed() {
    let (server, bench) = server().await;
    accept_posts(&server).await;
    let long = format!("{} {}", "a".repeat(200), "b".repeat(100));
    let output = run(&bench, json!({"posts": ["one", long, "three"]})).await.unwrap();
    assert_eq!(output, json!({"ids": ["t1", "t2", "t3", "t4"], "resumed": 0}));
    let reply = |id: &str| json!({"in_reply_to_tweet_id": id});
    let expected = [
        json!({"text": "one"}),
        json!({"text": "a".repeat(200), "reply": reply("t1")}),
        json!({"text": "b".repeat(100), "reply": reply("t2")}),
        json!({"text": "three", "reply": reply("t3")}),
    ];
    assert_eq!(sent(&server).await, expected);
    let mut nonces = Vec::new();
    for request in server.received_requests().await.unwrap() {
        let header = request.headers["authorization"].to_str().unwrap().to_owned();
        assert!(header.starts_with("OAuth oauth_consumer_key=\"value-of-TWITTER_CONSUMER_KEY\""));
        assert!(header.contains("oauth_signature=\"") && !header.contains("SECRET"), "{header}");
        nonces.push(header);
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 4, "each request has a signature of its own");
}

#[tokio::test]
async fn a_repeated_attempt_goes_on_where_the_last_one_stopped() {
    let (server, bench) = server().await;
    accept_posts(&server).await;
    let thread = json!({"posts": ["one", "two", "three"]});
    let two = Mock::given(body_json(json!({
        "text": "two", "reply": {"in_reply_to_tweet_id": "t1"}
    })));
    let broken = two.respond_with(ResponseTemplate::new(503)).with_priority(1);
    broken.up_to_n_times(1).mount(&server).await;
    let error = run(&bench, thread.clone()).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("503"), "{error}");
    let output = run(&bench, thread.clone()).await.unwrap();
    assert_eq!(output, json!({"ids": ["t1", "t2", "t3"], "resumed": 1}));
    let output = run(&bench, thread).await.unwrap();
    assert_eq!(output, json!({"ids": ["t1", "t2", "t3"], "resumed": 3}));
    let texts: Vec<_> = sent(&server).await.iter().map(|post| post["text"].clone()).collect();
    assert_eq!(texts, ["one", "two", "two", "three"]);
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_not_posted_twice() {
    let duplicate = || {
        let detail = "You are not allowed to create a Tweet with duplicate content.";
        let body = json!({"detail": detail, "title": "Forbidden", "status": 403});
        ResponseTemplate::new(403).set_body_json(body)
    };
    let (server, bench) = server().await;
    first(&server, 1, ResponseTemplate::new(500)).await;
    run(&bench, json!({"posts": ["last"]})).await.unwrap_err();
    first(&server, 1, duplicate()).await;
    let output = run(&bench, json!({"posts": ["last"]})).await.unwrap();
    assert_eq!(output, json!({"ids": [null], "resumed": 0}));

    first(&server, 1, ResponseTemplate::new(500)).await;
    run(&bench, json!({"posts": ["one", "two"]})).await.unwrap_err();
    first(&server, 1, duplicate()).await;
    let error = run(&bench, json!({"posts": ["one", "two"]})).await.unwrap_err();
    assert!(error.to_string().contains("post 1 is on Twitter") && !error.retryable(), "{error}");

    first(&server, 1, duplicate()).await;
    let error = run(&bench, json!({"posts": ["said before"]})).await.unwrap_err();
    assert!(error.to_string().contains("posted the same") && !error.retryable(), "{error}");
}

#[tokio::test]
async fn a_thread_that_broke_off_goes_on_in_another_run_and_a_complete_one_is_new() {
    let (server, bench) = server().await;
    accept_posts(&server).await;
    let thread = json!({"posts": ["one", "two"]});
    let two = Mock::given(body_json(json!({
        "text": "two", "reply": {"in_reply_to_tweet_id": "t1"}
    })));
    let broken = two.respond_with(ResponseTemplate::new(400)).with_priority(1);
    broken.up_to_n_times(1).mount(&server).await;
    let error = run(&bench, thread.clone()).await.unwrap_err();
    assert!(!error.retryable(), "{error}");
    let bench = bench.with_run(RunId::from_bits(2));
    let output = run(&bench, thread.clone()).await.unwrap();
    assert_eq!(output, json!({"ids": ["t1", "t2"], "resumed": 1}));
    let bench = bench.with_run(RunId::from_bits(3));
    let output = run(&bench, thread).await.unwrap();
    assert_eq!(output, json!({"ids": ["t3", "t4"], "resumed": 0}));
}

#[tokio::test]
async fn when_twitter_wants_fewer_requests_the_job_rests() {
    for header in [Some("120"), None] {
        let (server, bench) = server().await;
        accept_posts(&server).await;
        let mut limited = ResponseTemplate::new(429);
        if let Some(seconds) = header {
            limited = limited.insert_header("retry-after", seconds);
        }
        first(&server, 1, limited).await;
        let error = run(&bench, json!({"posts": ["x"]})).await.unwrap_err();
        assert!(error.retryable() && error.to_string().contains("429"), "{error}");
        let error = run(&bench, json!({"posts": ["y"]})).await.unwrap_err();
        assert!(matches!(&error, Error::Skipped(why) if why.contains("cools down")), "{error}");
        assert_eq!(sent(&server).await.len(), 1);
    }
}

/// A server that has a picture and takes its upload, in the given number of pieces.
async fn with_picture(bytes: &[u8], kind: &str, pieces: impl Into<Times>) -> (MockServer, Bench) {
    let (server, bench) = server().await;
    accept_posts(&server).await;
    let picture = ResponseTemplate::new(200).set_body_bytes(bytes);
    Mock::given(path("/p.png")).respond_with(picture).mount(&server).await;
    let begun = json!({"media_type": kind, "total_bytes": bytes.len(),
        "media_category": if kind == "image/gif" { "tweet_gif" } else { "tweet_image" }});
    let data = |value: Value| ResponseTemplate::new(200).set_body_json(json!({"data": value}));
    let begin = Mock::given(path("/2/media/upload/initialize")).and(body_json(begun));
    begin.respond_with(data(json!({"id": "m1"}))).mount(&server).await;
    let append = Mock::given(path("/2/media/upload/m1/append"));
    append.respond_with(data(json!({}))).expect(pieces).mount(&server).await;
    let pending = json!({"id": "m1", "processing_info": {"state": "pending",
        "check_after_secs": 1}});
    let finalize = Mock::given(path("/2/media/upload/m1/finalize"));
    finalize.respond_with(data(pending)).mount(&server).await;
    let look = Mock::given(path("/2/media/upload")).and(query_param("command", "STATUS"));
    let look = look.and(query_param("media_id", "m1"));
    let done = json!({"id": "m1", "processing_info": {"state": "succeeded"}});
    look.respond_with(data(done)).mount(&server).await;
    (server, bench)
}

#[tokio::test]
async fn a_picture_is_uploaded_in_pieces_and_shown_with_its_post() {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.resize(1024 * 1024 + 3, 7);
    let (server, bench) = with_picture(&bytes, "image/png", 2).await;
    let address = format!("{}/p.png", server.uri());
    let thread = json!({"posts": ["one", format!("two {address}")]});
    run(&bench, thread).await.unwrap();
    let expected = [
        json!({"text": "one"}),
        json!({"text": "two", "reply": {"in_reply_to_tweet_id": "t1"},
               "media": {"media_ids": ["m1"]}}),
    ];
    assert_eq!(sent(&server).await, expected);
    let mut uploaded = Vec::new();
    for request in server.received_requests().await.unwrap() {
        if !request.url.path().ends_with("/append") {
            continue;
        }
        let kind = request.headers["content-type"].to_str().unwrap();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        let body = request.body.strip_suffix(end.as_slice()).unwrap();
        let head = b"application/octet-stream\r\n\r\n";
        let at = body.windows(head.len()).position(|window| window == head).unwrap();
        uploaded.extend_from_slice(&body[at + head.len()..]);
    }
    assert!(uploaded == bytes, "{} bytes of {}", uploaded.len(), bytes.len());
}

#[tokio::test]
async fn the_first_of_the_images_goes_with_the_first_post() {
    let (server, bench) = with_picture(b"GIF89a..", "image/gif", 1).await;
    let address = format!("{}/p.png", server.uri());
    run(&bench, json!({"posts": ["one"], "images": [address, "unused"]})).await.unwrap();
    let expected = json!({"text": "one", "media": {"media_ids": ["m1"]}});
    assert_eq!(sent(&server).await, [expected]);
}

#[tokio::test]
async fn what_is_no_picture_stops_the_thread_before_it_begins() {
    let mut large = b"\x89PNG\r\n\x1a\n".to_vec();
    large.resize(5 * 1024 * 1024 + 1, 0);
    for (bytes, expected) in [(b"<html>".to_vec(), "no JPEG"), (large, "more than 5242880")] {
        let (server, bench) = with_picture(&bytes, "image/png", 0).await;
        let address = format!("{}/p.png", server.uri());
        let error = run(&bench, json!({"posts": [format!("a {address}")]})).await.unwrap_err();
        assert!(error.to_string().contains(expected) && !error.retryable(), "{error}");
        assert_eq!(sent(&server).await, [] as [Value; 0]);
    }
    let (server, bench) = with_picture(b"GIF89a", "image/gif", 0).await;
    let bench = bench.with_permissions(Permissions::default());
    let address = format!("{}/p.png", server.uri());
    let error = run(&bench, json!({"posts": ["a"], "images": [address]})).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
}

#[tokio::test]
async fn the_old_form_is_refused() {
    let (server, bench) = server().await;
    Mock::given(path_regex(".*")).respond_with(ResponseTemplate::new(201)).mount(&server).await;
    let table = [
        (json!({"message": "hi"}), "`message`: is the old form; give `posts`"),
        (json!({"chunks": ["hi"]}), "`chunks`: is the old form; give `posts`"),
        (json!({}), "`posts`: has no text"),
        (json!({"posts": [" ", ""]}), "`posts`: has no text"),
        (json!({"posts": "hi"}), "expected a sequence"),
        (json!({"posts": vec!["x"; 101]}), "101 posts"),
    ];
    for (parameters, expected) in table {
        let error = run(&bench, parameters).await.unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(sent(&server).await, [] as [Value; 0]);
}

#[tokio::test]
async fn without_its_keys_nothing_begins() {
    let (_server, bench) = server().await;
    let bench = bench.with_variable("TWITTER_ACCESS_TOKEN", "x");
    let bench = bench.with_variable("TWITTER_API_URL", "nowhere");
    let error = run(&bench, json!({"posts": ["x"]})).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("TWITTER_API_URL")), "{error}");
    let bench = Bench::new().unwrap().with_variable("TWITTER_CONSUMER_KEY", "x");
    let error = run(&bench, json!({"posts": ["x"]})).await.unwrap_err();
    let missing = "TWITTER_CONSUMER_SECRET";
    assert!(matches!(&error, Error::Skipped(why) if why.contains(missing)), "{error}");
}
