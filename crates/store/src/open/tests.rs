//! Addresses and options that open a store, and those that do not, with what is said then.

use super::*;

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "wJalrSECRET")];

fn access(more: &[(&str, &str)]) -> Access {
    KEYS.iter().chain(more).copied().collect()
}

#[test]
fn a_wrong_address_is_refused_with_what_would_be_right() {
    let cases = [
        ("out", "no scheme"),
        ("gs://bucket/x", "its scheme is not known; write s3://bucket/prefix"),
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("s3://bucket:9000/x", "cannot be a bucket"),
        ("s3://ab", "cannot be a bucket"),
        ("s3://bucket/a//b", "cannot be a prefix"),
        ("s3://bucket/../b", "cannot be a prefix"),
        ("s3://bucket?region=x", "more than a bucket and a prefix"),
        ("s3://id:wJalrSECRET@bucket", "more than a bucket and a prefix"),
        ("file://out", "three slashes"),
        ("memory:///name", "memory:///"),
    ];
    for (url, said) in cases {
        let error = Store::open(url, &access(&[])).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Url { .. }), "{url}: {text}");
        assert!(text.contains(said), "{url}: {text}");
        assert!(!text.contains("wJalrSECRET"), "{url}: {text}");
    }
}

#[test]
fn a_wrong_option_is_named() {
    let cases = [
        (("AWS_ENDPOINT_URL", "http://10.0.0.1:8333"), "AWS_ALLOW_HTTP=true"),
        (("AWS_ENDPOINT_URL", "http://127.0.0.1.example.org"), "AWS_ALLOW_HTTP=true"),
        (("AWS_ENDPOINT_URL_S3", "127.0.0.1:8333"), "AWS_ENDPOINT_URL_S3"),
        (("AWS_ENDPOINT_URL", "ftp://127.0.0.1"), "neither http:// nor https://"),
        (("AWS_ENDPOINT_URL", "https://id:wJalrSECRET@host"), "do not belong"),
        (("AWS_ALLOW_HTTP", "perhaps"), "perhaps"),
    ];
    for (option, said) in cases {
        let error = Store::open("s3://bucket", &access(&[option])).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Setting { .. }), "{option:?}: {text}");
        assert!(text.contains(said) && !text.contains("wJalrSECRET"), "{option:?}: {text}");
    }
}

#[test]
fn missing_credentials_are_missed_before_the_first_request() {
    let server = ("AWS_ENDPOINT_URL", "http://127.0.0.1:8333");
    let cases = [
        (vec![server], "none are given"),
        (vec![server, ("AWS_PROFILE", "work")], "AWS_PROFILE"),
        (vec![server, KEYS[0]], "AWS_SECRET_ACCESS_KEY is not set"),
        (vec![KEYS[1]], "AWS_ACCESS_KEY_ID is not set"),
        (vec![server, KEYS[0], ("AWS_SECRET_ACCESS_KEY", "")], "AWS_SECRET_ACCESS_KEY is not set"),
    ];
    for (options, said) in cases {
        let error = Store::open("s3://bucket", &options.iter().copied().collect()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Credentials { .. }), "{options:?}: {text}");
        assert!(text.contains(said) && text.contains("~/.aws"), "{options:?}: {text}");
    }
}

#[test]
fn a_store_opens_and_says_where_things_are() {
    let server = |url| ("AWS_ENDPOINT_URL", url);
    let cases = [
        ("s3://bucket/a/b/", vec![], "s3://bucket/a/b/k.json"),
        ("s3://bucket", vec![], "s3://bucket/k.json"),
        ("s3://bucket", vec![server("http://localhost:8333/")], "s3://bucket/k.json"),
        ("s3://bucket", vec![server("http://[::1]:8333")], "s3://bucket/k.json"),
        ("s3://bucket", vec![server("https://s3.example.org")], "s3://bucket/k.json"),
        (
            "s3://bucket",
            vec![server("http://10.0.0.1:8333"), ("AWS_ALLOW_HTTP", "true")],
            "s3://bucket/k.json",
        ),
        ("s3://bucket", vec![("AWS_BUCKET", "other"), ("AWS_PAGER", "less")], "s3://bucket/k.json"),
        ("S3://bucket", vec![], "s3://bucket/k.json"),
        ("memory:///", vec![], "k.json"),
    ];
    for (url, options, expected) in cases {
        let store = Store::open(url, &access(&options)).unwrap_or_else(|e| panic!("{url}: {e}"));
        assert_eq!(store.locate("k.json"), expected);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("a folder");
    let store = Store::open(Url::from_file_path(&path).unwrap().as_str(), &Access::default());
    assert_eq!(store.unwrap().locate("k.json"), path.join("k.json").display().to_string());
}

#[test]
fn no_text_for_debugging_shows_a_secret() {
    let access = access(&[("AWS_SESSION_TOKEN", "tokenSECRET"), ("NATS_PASSWORD", "natsSECRET")]);
    let store = Store::open("s3://bucket/x", &access).unwrap();
    assert_eq!(format!("{store:?}"), "Store(s3://bucket/x on AWS)");
    let text = format!("{access:?}");
    assert!(text.contains("AWS_SESSION_TOKEN") && !text.contains("wJalrSECRET"), "{text}");
    assert!(!text.contains("tokenSECRET") && !text.contains("NATS"), "{text}");
}

#[tokio::test]
async fn without_any_credentials_the_metadata_service_is_asked_and_named() {
    // Nobody listens on the port of tcpmux.
    let options = [("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")];
    let store = Store::open("s3://bucket", &options.into_iter().collect()).unwrap();
    let error = store.get("k").await.unwrap_err();
    assert!(matches!(error, Error::Credentials { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let store =
        Store::open("s3://bucket", &access(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")])).unwrap();
    let error = store.put("k", "x").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("no answer at s3://bucket on http://127.0.0.1:1"),
        "{error}"
    );
    let probe = store.probe().await;
    assert!(!probe.is_usable() && probe.checks.len() == 1, "{probe:?}");
    assert_eq!(probe.verdict(), "conditional writes: not known");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_says_nothing_is_unreachable() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let access = access(&[("AWS_ENDPOINT_URL", &address)]);
    let store = Store::open("s3://bucket", &access).unwrap();
    let started = tokio::time::Instant::now();
    let errors = [
        store.put("k", "x").await.unwrap_err(),
        store.get("k").await.unwrap_err(),
        store.forget("k").await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}
