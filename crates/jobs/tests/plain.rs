//! `echo` and `sleep` as a worker runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use job::Error;
use job::testing::Bench;
use tokio::time::Instant;

fn bench() -> Bench {
    jobs::link();
    Bench::new().unwrap()
}

#[tokio::test]
async fn echo_changes_no_byte() {
    let exact = r#"{"z": 10000000000000000000000000000000000000000, "a":[1e400,-0.0 , "\u00e9"]}"#;
    for (given, expected) in [(exact, exact), ("null", "{}"), ("-0.0", "-0.0"), ("\"a\"", "\"a\"")]
    {
        assert_eq!(bench().run("echo", given).await.unwrap().text(), expected);
    }
}

#[tokio::test]
async fn sleep_waits_as_long_as_it_is_told() {
    let table = [
        (r#"{"ms": 150}"#, 150, "null"),
        (r#"{"seconds": 0.25, "output": {"n": 1e400}}"#, 250, r#"{"n": 1e400}"#),
        (r#"{"ms": 0}"#, 0, "null"),
    ];
    for (parameters, ms, output) in table {
        let begun = Instant::now();
        assert_eq!(bench().run("sleep", parameters).await.unwrap().text(), output);
        let lasted = begun.elapsed();
        let expected = Duration::from_millis(ms)..Duration::from_secs(5);
        assert!(expected.contains(&lasted), "{parameters}: {lasted:?}");
    }
}

#[tokio::test]
async fn sleep_ends_when_it_is_cancelled() {
    let bench = bench();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.cancelled().cancel();
    };
    let begun = Instant::now();
    let (ended, ()) = tokio::join!(bench.run("sleep", r#"{"seconds": 1000}"#), stop);
    assert_eq!(ended, Err(Error::Cancelled));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn sleep_refuses_what_is_no_time() {
    let table = [
        (r"{}", "give `ms` or `seconds`"),
        (r#"{"ms": 1, "seconds": 1}"#, "not both"),
        (r#"{"ms": -1}"#, "`ms`: is not between"),
        (r#"{"seconds": 1e9}"#, "`seconds`: is not between"),
        (r#"{"seconds": "1"}"#, "invalid type"),
        (r#"{"minutes": 1}"#, "unknown field `minutes`"),
    ];
    for (parameters, expected) in table {
        let error = bench().run("sleep", parameters).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.retryable());
    }
}
