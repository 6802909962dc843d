//! What the variables and flags make of the settings.

use std::time::Duration;

use super::*;

const SEED: &str = "SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let owned = variables.iter().map(|&(name, value)| (name.to_owned(), value.into()));
    Settings::from(&owned.collect()).map_err(|failure| failure.message)
}

fn origin(settings: &Settings, setting: &str) -> (String, String) {
    let found = settings.origins.iter().find(|origin| origin.setting == setting);
    found.map(|origin| (origin.value.clone(), origin.from.clone())).unwrap()
}

#[test]
fn seed_names_are_honoured_and_the_longer_ones_go_first() {
    let defaults = read(&[]).unwrap();
    assert_eq!((defaults.out, defaults.max_concurrent), (PathBuf::from("out"), 4));
    let both = [("OUTPUT_DIR", "a"), ("RUNNER_OUTPUT_DIR", "b"), ("MAX_CONCURRENT_TASKS", "9")];
    let both = read(&both).unwrap();
    assert_eq!((both.out, both.max_concurrent), (PathBuf::from("b"), 9));
    assert!(read(&[("RUNNER_ALLOW_EXEC", "1")]).unwrap().allow_exec);
    assert!(!read(&[("RUNNER_ALLOW_EXEC", "")]).unwrap().allow_exec);
    let log = read(&[("RUNNER_LOG_LEVEL", "Warn,worker=debug")]).unwrap().log;
    assert_eq!((log.filter.as_str(), log.format), ("warn,worker=debug", LogFormat::Text));
    assert_eq!(read(&[("RUNNER_LOG_FORMAT", "JSON")]).unwrap().log.format, LogFormat::Json);
    let older = read(&[("NATS_URL", "nats://a"), ("NATS_CREDS", "c")]).unwrap();
    assert_eq!((older.nats.url.as_str(), older.nats.credentials), ("nats://a", Some("c".into())));
    let newer = read(&[("NATS_URL", "nats://a"), ("RUNNER_NATS_URL", "tls://b:4")]).unwrap();
    assert_eq!(newer.nats.url, "tls://b:4");
}

#[test]
fn garbage_is_an_error_that_names_the_variable() {
    for (name, value) in [
        ("RUNNER_MAX_CONCURRENT_TASKS", "many"),
        ("MAX_CONCURRENT_TASKS", "0"),
        ("RUNNER_SLOTS", "1025"),
        ("RUNNER_ALLOW_EXEC", "perhaps"),
        ("RUNNER_ALLOW_PRIVATE_ADDRESSES", "2"),
        ("RUNNER_LOG_LEVEL", "loud"),
        ("RUNNER_LOG_LEVEL", "warn,worker"),
        ("RUNNER_LOG_LEVEL", "worker=loud"),
        ("RUNNER_LOG_FORMAT", "yaml"),
        ("RUNNER_NATS_URL", "http://host"),
        ("NATS_URL", "nats://host:many"),
        ("RUNNER_NATS_URL", "nats://a,,nats://b"),
        ("RUNNER_NATS_INBOX", "a..b"),
        ("RUNNER_NATS_INBOX", "a.>"),
        ("RUNNER_LEASE_SECONDS", "1"),
        ("RUNNER_LEASE_SECONDS", "3601"),
        ("RUNNER_LEASE_SECONDS", "-5"),
        ("RUNNER_HEALTH_ADDRESS", "everywhere"),
        ("RUNNER_HEALTH_ADDRESS", "127.0.0.1:70000"),
    ] {
        let message = read(&[(name, value)]).unwrap_err();
        assert!(message.contains(name) && message.contains(value), "{message}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let secret = "hush-hush";
    let url = format!("nats://user:{secret}@host");
    let settings = read(&[
        ("RUNNER_NATS_URL", &url),
        ("RUNNER_NATS_NKEY", SEED),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", "eu-1"),
    ]);
    let settings = settings.unwrap();
    let shown = format!("{:?}", settings.origins);
    assert!(!shown.contains(secret) && !shown.contains(SEED), "{shown}");
    assert!(shown.contains("eu-1"), "{shown}");
    assert!(!format!("{:?}", settings.nats.nkey).contains(SEED));
    let settings = read(&[
        ("OPENAI_API_KEY", secret),
        ("AI_SERVICE_URL", "https://host/v1?token=hush-hush"),
        ("RUNNER_AI_MODEL", "small"),
    ]);
    let settings = settings.unwrap();
    let shown = format!("{:?} {:?}", settings.origins, settings.model);
    assert!(!shown.contains(secret) && shown.contains("https://host/v1"), "{shown}");
    assert_eq!(settings.model.unwrap().key.as_deref(), Some(secret));
    let slip = read(&[("RUNNER_AI_API_KEY", "hush hush")]).unwrap_err();
    assert!(slip.contains("RUNNER_AI_API_KEY") && !slip.contains("hush hush"), "{slip}");
    let slip = read(&[("RUNNER_NATS_NKEY", "SUhush")]).unwrap_err();
    assert!(slip.contains("RUNNER_NATS_NKEY") && !slip.contains("hush"), "{slip}");
    let slip = read(&[("RUNNER_NATS_URL", "http://user:hush@host")]).unwrap_err();
    assert!(!slip.contains("hush"), "{slip}");
}

#[test]
fn two_seeds_are_one_too_many() {
    let message = read(&[("RUNNER_NATS_NKEY", SEED), ("RUNNER_NATS_NKEY_FILE", "f")]).unwrap_err();
    assert!(message.contains("both"), "{message}");
}

#[test]
fn each_setting_knows_where_it_came_from() {
    let settings = read(&[("NATS_URL", "nats://a:1"), ("RUNNER_LEASE_SECONDS", "30")]).unwrap();
    assert_eq!(settings.nats.lease, Duration::from_secs(30));
    assert!(!settings.has_no_server());
    assert_eq!(origin(&settings, "NATS server"), ("nats://a:1".into(), "NATS_URL".into()));
    assert_eq!(origin(&settings, "lease, seconds").1, "RUNNER_LEASE_SECONDS");
    assert_eq!(origin(&settings, "slots of a worker"), ("5".into(), "default".into()));
    assert_eq!(origin(&settings, "attempts at once in `run`"), ("4".into(), "default".into()));
    assert!(origin(&settings, "store").0.starts_with("file:///"));
    let flags = ConnectionFlags {
        nats_url: Some("nats://u:p@b:2".to_owned()),
        store_url: Some("memory:///".to_owned()),
        creds: None,
    };
    let settings = settings.with(&flags).unwrap();
    assert_eq!(settings.nats.url, "nats://u:p@b:2");
    let expected = ("nats://***@b:2".into(), "flag --nats-url".into());
    assert_eq!(origin(&settings, "NATS server"), expected);
    assert_eq!(origin(&settings, "store").1, "flag --store-url");
    assert!(read(&[]).unwrap().has_no_server());
}

#[test]
fn a_health_address_is_an_address_a_port_or_off() {
    for (text, expected) in [
        ("off", Health::Off),
        ("9464", Health::At(([127, 0, 0, 1], 9464).into())),
        ("0.0.0.0:80", Health::At(([0, 0, 0, 0], 80).into())),
        ("localhost:0", Health::At(([127, 0, 0, 1], 0).into())),
    ] {
        assert_eq!(read(&[("RUNNER_HEALTH_ADDRESS", text)]).unwrap().health, expected);
    }
}
