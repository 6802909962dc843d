//! Models are called over real HTTP: what is sent, what is read, and what each failure means.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ai::{Chat, Embed, Error, Message, Reply, Role, Service, SettingError, Settings, Usage};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY: &str = "sk-a-secret-of-somebody";

fn service(url: &str) -> Service {
    let (key, timeout) = (Some(KEY.to_owned()), Duration::from_secs(20));
    Service::new(Settings { url: url.to_owned(), key, timeout }).unwrap()
}

fn chat() -> Chat {
    let say = |role, content: &str| Message { role, content: content.to_owned() };
    Chat {
        model: "small".to_owned(),
        messages: vec![say(Role::System, "Be short."), say(Role::User, "Why?")],
        temperature: Some(0.5),
        max_tokens: None,
    }
}

/// What comes of a chat that is answered so.
async fn answered(answer: ResponseTemplate) -> Result<Reply, Error> {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
    service(&server.uri()).chat(&chat()).await
}

fn said(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn a_chat_is_sent_as_services_read_it_and_its_answer_read_as_they_send_it() {
    let server = MockServer::start().await;
    let asked = json!({
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Why?"},
        ],
        "temperature": 0.5,
    });
    let answer = json!({
        "id": "x", "object": "chat.completion", "model": "small-2026",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Because."}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    });
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", format!("Bearer {KEY}").as_str()))
        .and(header("content-type", "application/json"))
        .and(body_json(asked))
        .respond_with(said(answer))
        .expect(1)
        .mount(&server)
        .await;
    let reply = service(&server.uri()).chat(&chat()).await.unwrap();
    let usage = Usage { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };
    let expected = Reply {
        text: "Because.".to_owned(),
        model: "small-2026".to_owned(),
        finish_reason: Some("stop".to_owned()),
        usage: Some(usage),
    };
    assert_eq!(reply, expected);
}

#[tokio::test]
async fn what_a_service_leaves_out_is_done_without() {
    let bare = json!({"choices": [{"message": {"content": "Yes"}}]});
    let reply = answered(said(bare)).await.unwrap();
    assert_eq!((reply.model.as_str(), reply.usage, reply.finish_reason), ("small", None, None));
}

#[tokio::test]
async fn what_is_no_answer_is_told_so_and_not_asked_again() {
    for (body, expected) in [
        (json!({"choices": []}), "no choice"),
        (json!({"choices": [{"message": {"content": null}}]}), "no text"),
        (json!({"choices": [{"message": {"content": " \n"}}]}), "no text"),
        (json!({"result": "Yes"}), "another shape of JSON"),
    ] {
        let error = answered(said(body)).await.unwrap_err();
        assert!(matches!(error, Error::Garbled(_)) && !error.may_pass(), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let page = ResponseTemplate::new(200).set_body_string("<html>Welcome</html>");
    let error = answered(page).await.unwrap_err();
    assert!(error.to_string().contains("not JSON"), "{error}");
    let long = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 5 << 20]);
    let error = answered(long).await.unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn a_failure_says_whether_another_try_may_do_better_and_when() {
    for (status, may_pass) in [
        (429, true),
        (500, true),
        (503, true),
        (408, true),
        (400, false),
        (401, false),
        (302, false),
    ] {
        let body = json!({"error": {"message": format!("no, and {KEY} is no key"), "code": 7}});
        let answer = ResponseTemplate::new(status).set_body_json(body);
        let error = answered(answer.insert_header("retry-after", "3")).await.unwrap_err();
        assert_eq!(error.may_pass(), may_pass, "{error:?}");
        let wait = may_pass.then_some(Duration::from_secs(3));
        assert_eq!(error.retry_after(), wait, "{error:?}");
        let told = error.to_string();
        assert!(told.ends_with(&format!("answered {status}: no, and *** is no key")), "{told}");
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    }
    let date =
        ResponseTemplate::new(503).insert_header("retry-after", "Fri, 31 Dec 2026 23:59:59 GMT");
    let error = answered(date.set_body_string("later\r\n")).await.unwrap_err();
    let expected = Error::Busy { status: 503, retry_after: None, said: "later".to_owned() };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn nobody_there_and_nobody_in_time_are_told_apart() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let error = service(&address).chat(&chat()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)) && error.may_pass(), "{error:?}");
    let server = MockServer::start().await;
    let slow = said(json!({})).set_delay(Duration::from_secs(60));
    Mock::given(method("POST")).respond_with(slow).mount(&server).await;
    let timeout = Duration::from_millis(300);
    let settings = Settings { url: server.uri(), key: None, timeout };
    let error = Service::new(settings).unwrap().chat(&chat()).await.unwrap_err();
    assert_eq!(error, Error::Late(timeout));
}

#[tokio::test]
async fn texts_become_vectors_in_their_order() {
    let server = MockServer::start().await;
    let input = vec!["one".to_owned(), "two".to_owned()];
    let embed = Embed { model: "e".to_owned(), input, dimensions: Some(2) };
    let answer = |places: [usize; 2]| {
        let vector = |place| json!({"index": place, "embedding": [place, 0.5]});
        json!({"data": places.map(vector), "model": "e-1", "usage": {"prompt_tokens": 4, "total_tokens": 4}})
    };
    let asked = json!({"model": "e", "input": ["one", "two"], "dimensions": 2});
    Mock::given(path("/v1/embeddings"))
        .and(body_json(asked))
        .respond_with(said(answer([1, 0])))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/v1/embeddings")).respond_with(said(answer([0, 0]))).mount(&server).await;
    let service = service(&server.uri());
    let found = service.embed(&embed).await.unwrap();
    assert_eq!(found.vectors, [[0.0, 0.5], [1.0, 0.5]]);
    assert_eq!((found.model.as_str(), found.usage.unwrap().total_tokens), ("e-1", 4));
    let twice = service.embed(&embed).await.unwrap_err();
    assert!(matches!(twice, Error::Garbled(_)), "{twice:?}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_and_none_shows_its_key() {
    let settings = |url: &str, key: &str| Settings {
        url: url.to_owned(),
        key: Some(key.to_owned()),
        timeout: Duration::from_secs(1),
    };
    assert!(matches!(Service::new(settings("nowhere", KEY)), Err(SettingError::Url(_))));
    assert!(matches!(Service::new(settings("http://a", "a\nb")), Err(SettingError::Key)));
    let service = Service::new(settings("http://a/?token=hidden", KEY)).unwrap();
    let shown = format!("{service:?} {:?}", settings("http://a", KEY));
    assert!(!shown.contains(KEY) && !shown.contains("hidden"), "{shown}");
}
