//! Answers that SeaweedFS does not give but other S3 servers do, and what the store makes of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use store::{Access, Created, Error, Store};
use wiremock::matchers::{header, method, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn open(server: &MockServer) -> Store {
    let address = server.uri();
    let options = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", &address),
    ];
    Store::open("s3://bucket/x", &options.into_iter().collect::<Access>()).unwrap()
}

fn stored() -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("etag", "\"1\"")
}

fn refused(status: u16, code: &str) -> ResponseTemplate {
    let body = format!("<Error><Code>{code}</Code><Message>In other words.</Message></Error>");
    ResponseTemplate::new(status).set_body_string(body)
}

#[tokio::test]
async fn a_conflict_is_tried_again_until_somebody_has_won() {
    for (last, expected) in
        [(stored(), Created::Stored), (refused(412, "PreconditionFailed"), Created::Exists)]
    {
        let server = MockServer::start().await;
        let conflict = refused(409, "ConditionalRequestConflict");
        let conditional = || Mock::given(method("PUT")).and(header("if-none-match", "*"));
        conditional().respond_with(conflict).up_to_n_times(3).mount(&server).await;
        conditional().respond_with(last).expect(1).mount(&server).await;
        assert_eq!(open(&server).put_new("k", "x").await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_conflict_that_never_ends_is_a_failure() {
    let server = MockServer::start().await;
    let conflict = refused(409, "OperationAborted");
    Mock::given(method("PUT")).respond_with(conflict).expect(7).mount(&server).await;
    let error = open(&server).put_new("k", "x").await.unwrap_err();
    assert!(matches!(error, Error::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("409 OperationAborted (In other words)"), "{error}");
}

#[tokio::test]
async fn a_server_that_refuses_conditions_is_asked_for_a_plain_write() {
    let server = MockServer::start().await;
    let refusal = refused(501, "NotImplemented");
    let conditional = Mock::given(method("PUT")).and(header("if-none-match", "*"));
    conditional.respond_with(refusal).with_priority(1).mount(&server).await;
    Mock::given(method("PUT")).respond_with(stored()).expect(2).mount(&server).await;
    let store = open(&server);
    assert_eq!(store.put_new("k", "x").await.unwrap(), Created::Stored);
    // It is not asked again what it has refused.
    let asked = server.received_requests().await.unwrap().len();
    assert_eq!(store.clone().put_new("k", "x").await.unwrap(), Created::Stored);
    assert_eq!(server.received_requests().await.unwrap().len(), asked + 1);
}

#[tokio::test]
async fn each_refusal_is_told_apart_from_the_others() {
    type Is = fn(&Error) -> bool;
    let cases: [(_, Is, &str); 7] = [
        (
            refused(400, "ExpiredToken"),
            |e| matches!(e, Error::Denied { .. }),
            "AWS_SECRET_ACCESS_KEY",
        ),
        (refused(401, "Unauthorized"), |e| matches!(e, Error::Denied { .. }), "401 Unauthorized"),
        (ResponseTemplate::new(403), |e| matches!(e, Error::Denied { .. }), "it answered 403"),
        (refused(404, "NoSuchBucket"), |e| matches!(e, Error::NoBucket(_)), "does not exist"),
        (ResponseTemplate::new(301), |e| matches!(e, Error::Setting { .. }), "AWS_REGION"),
        (
            refused(400, "AuthorizationHeaderMalformed"),
            |e| matches!(e, Error::Setting { .. }),
            "AWS_REGION",
        ),
        (refused(503, "SlowDown"), |e| matches!(e, Error::Failed { .. }), "503 SlowDown"),
    ];
    for (answer, is, said) in cases {
        let server = MockServer::start().await;
        Mock::given(method("PUT")).respond_with(answer).mount(&server).await;
        let error = open(&server).put("k", "x").await.unwrap_err();
        assert!(is(&error) && error.to_string().contains(said), "{said}: {error:?} {error}");
    }
}

#[tokio::test]
async fn a_large_upload_that_fails_leaves_no_parts_behind() {
    let server = MockServer::start().await;
    let begun = "<InitiateMultipartUploadResult><UploadId>7</UploadId>\
                 </InitiateMultipartUploadResult>";
    let begun = ResponseTemplate::new(200).set_body_string(begun);
    Mock::given(method("POST")).respond_with(begun).mount(&server).await;
    // The third part is still under way when the second is refused.
    let refusal = refused(403, "AccessDenied").set_delay(Duration::from_secs(1));
    let late = stored().set_delay(Duration::from_secs(60));
    for (part, answer) in [("1", stored()), ("2", refusal), ("3", late)] {
        let put = Mock::given(method("PUT")).and(query_param("partNumber", part));
        put.respond_with(answer).expect(1).mount(&server).await;
    }
    let gone = ResponseTemplate::new(204);
    Mock::given(method("DELETE")).respond_with(gone).expect(1).mount(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, vec![0; 30 << 20]).unwrap();
    let error = open(&server).put_file("k", &file).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
}
