//! The store on a real S3 server, also when the server dies.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod weed;

use std::io::Write;
use std::time::Duration;

use futures::TryStreamExt;
use store::{ConditionalWrites, Created, Error, Store, sha256};
use weed::{BUCKET, Weed};

/// More than one page of a list, and than one bulk delete.
const MANY: usize = 1_100;

async fn keys(store: &Store, prefix: &str) -> Vec<String> {
    let entries: Vec<_> = store.list(prefix).unwrap().try_collect().await.unwrap();
    let mut keys: Vec<_> = entries.into_iter().map(|entry| entry.key).collect();
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_put_read_copied_listed_and_forgotten() {
    let weed = Weed::start().await;
    let (store, other) = (weed.store("a/prefix"), weed.store("other"));
    other.put("run/0", "stays").await.unwrap();

    let objects =
        (0..MANY).map(|i| (format!("run/{i:04}/x%2Fy.txt"), format!("object {i}").into()));
    store.put_all(objects.collect()).await.unwrap();
    store.put("running/0", "stays").await.unwrap();
    let texts = || vec![("run/0001/x%2Fy.txt".to_owned(), "object 1".into())];
    for (created, result) in [(Created::Stored, "first"), (Created::Exists, "second")] {
        let put = store.put_all_then_new(texts(), ("new/last".to_owned(), result.into())).await;
        assert_eq!(put.unwrap(), created);
        assert_eq!(store.get("new/last").await.unwrap(), "first");
    }
    store.forget("new").await.unwrap();

    let key = "run/0007/x%2Fy.txt";
    assert_eq!(store.get(key).await.unwrap(), "object 7");
    assert_eq!(store.head(key).await.unwrap(), Some(8));
    assert_eq!(store.head("run/none").await.unwrap(), None);
    assert!(matches!(store.get("run/none").await, Err(Error::Missing(_))));
    assert!(matches!(store.copy("run/none", "run/some").await, Err(Error::Missing(_))));
    store.copy(key, "kept/copy.txt").await.unwrap();
    assert_eq!(store.get("kept/copy.txt").await.unwrap(), "object 7");
    store.put("kept/empty", "").await.unwrap();
    assert_eq!(store.get("kept/empty").await.unwrap(), "");

    let listed = keys(&store, "run").await;
    assert_eq!(listed.len(), MANY);
    assert_eq!(listed[7], key);
    assert_eq!(keys(&weed.store("a"), "prefix").await.len(), MANY + 3);

    store.forget("run").await.unwrap();
    store.forget("run").await.unwrap();
    assert_eq!(keys(&store, "").await, ["kept/copy.txt", "kept/empty", "running/0"]);
    assert_eq!(other.get("run/0").await.unwrap(), "stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_streams_up_and_down_unchanged() {
    let weed = Weed::start().await;
    let store = weed.store("");
    let folder = tempfile::tempdir().unwrap();
    let (up, down) = (folder.path().join("up"), folder.path().join("down"));
    let content: Vec<u8> = (0..70_u32 << 18).flat_map(u32::to_le_bytes).collect();
    std::fs::File::create(&up).unwrap().write_all(&content).unwrap();
    let sum = sha256(&content);

    let digest = store.put_file("large.bin", &up).await.unwrap();
    assert_eq!((digest.size, digest.sha256.as_str()), (70 << 20, sum.as_str()));
    assert_eq!(store.head("large.bin").await.unwrap(), Some(70 << 20));
    assert_eq!(store.get_to_file("large.bin", &down).await.unwrap(), digest);
    assert!(std::fs::read(&down).unwrap() == content);
    let size = store.stream("large.bin").await.unwrap();
    let size = size.try_fold(0, async |sum, piece| Ok(sum + piece.len())).await.unwrap();
    assert_eq!(size, 70 << 20);

    // Beyond 64 MiB there is no condition.
    for _ in 0..2 {
        let stored = store.put_file_new("large.new", &up).await.unwrap();
        assert_eq!(stored, (Created::Stored, digest.clone()));
    }
    std::fs::File::options().write(true).open(&up).unwrap().set_len(20 << 20).unwrap();
    let (created, first) = store.put_file_new("small.new", &up).await.unwrap();
    assert_eq!((created, first.size), (Created::Stored, 20 << 20));
    assert_eq!(first.sha256, sha256(&content[..20 << 20]));
    let (created, second) = store.put_file_new("small.new", &up).await.unwrap();
    assert_eq!((created, second), (Created::Exists, first));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_that_create_the_same_key_one_wins() {
    let weed = Weed::start().await;
    let store = weed.store("races");
    // SeaweedFS looks once a second whether the key of another writer is free: a round takes seconds.
    for round in 0..2 {
        let key = format!("{round}.json");
        let racers = (0..32).map(|racer| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { (racer, store.put_new(&key, racer.to_string()).await) })
        });
        let mut winners = Vec::new();
        for racer in futures::future::join_all(racers).await {
            let (racer, created) = racer.unwrap();
            if created.unwrap() == Created::Stored {
                winners.push(racer.to_string());
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(store.get(&key).await.unwrap(), winners[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_conditions_honoured_and_leaves_nothing() {
    let weed = Weed::start().await;
    let store = weed.store("probed");
    let probe = store.probe().await;
    assert!(probe.is_usable() && probe.checks.iter().all(|check| check.ok), "{probe:#?}");
    assert_eq!(probe.conditional_writes, ConditionalWrites::Honoured);
    assert_eq!(keys(&store, "").await, [""; 0]);

    // As a server that refuses the condition.
    let options = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"];
    let access = weed.access();
    let options = options.map(|name| (name, access.get(name).unwrap()));
    let access = options.into_iter().chain([("AWS_CONDITIONAL_PUT", "disabled")]).collect();
    let probe = Store::open(&format!("s3://{BUCKET}"), &access).unwrap().probe().await;
    assert_eq!(probe.conditional_writes, ConditionalWrites::Ignored);
    assert!(probe.is_usable(), "{probe:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_served_with_the_type_of_their_ending() {
    let weed = Weed::start().await;
    let store = weed.store("");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, vec![b' '; 9 << 20]).unwrap();
    store.put("last.json", "{}").await.unwrap();
    store.put_file("large.html", &file).await.unwrap();
    store.copy("last.json", "copy.json").await.unwrap();
    // As artifacts are: under a number first, and served by their names from the copy.
    store.put_typed("attempt/0", "x", "text/csv").await.unwrap();
    store.put_file_typed("attempt/1", &file, "image/png").await.unwrap();
    store.copy("attempt/0", "table.csv").await.unwrap();
    store.copy("attempt/1", "picture.png").await.unwrap();
    let pieces = (0..20).map(|_| Ok::<_, store::Error>(vec![7; 1 << 20].into()));
    store.put_stream("last.zip", futures::stream::iter(pieces)).await.unwrap();
    assert_eq!(store.head("last.zip").await.unwrap(), Some(20 << 20));
    let client = s3(&weed);
    for (key, expected) in [
        ("last.json", "application/json"),
        ("large.html", "text/html; charset=utf-8"),
        ("copy.json", "application/json"),
        ("table.csv", "text/csv"),
        ("picture.png", "image/png"),
        ("last.zip", "application/zip"),
    ] {
        let found = object_store::ObjectStoreExt::get(&client, &key.into()).await.unwrap();
        let found = found.attributes.get(&object_store::Attribute::ContentType).unwrap().as_ref();
        assert_eq!(found, expected, "{key}");
    }
}

/// A client that shows what the store keeps to itself.
fn s3(weed: &Weed) -> object_store::aws::AmazonS3 {
    let access = weed.access();
    object_store::aws::AmazonS3Builder::new()
        .with_access_key_id(access.get("AWS_ACCESS_KEY_ID").unwrap())
        .with_secret_access_key(access.get("AWS_SECRET_ACCESS_KEY").unwrap())
        .with_endpoint(weed.address())
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_a_wrong_bucket_are_told_apart() {
    let weed = Weed::start().await;
    let wrong = Store::open(&format!("s3://{BUCKET}/x"), &weed.access_with("wrong")).unwrap();
    let errors = [
        wrong.put("k", "x").await.unwrap_err(),
        wrong.put_new("k", "x").await.unwrap_err(),
        wrong.get("k").await.unwrap_err(),
        wrong.head("k").await.unwrap_err(),
        wrong.copy("k", "l").await.unwrap_err(),
        wrong.forget("k").await.unwrap_err(),
        wrong.list("k").unwrap().try_next().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("access denied") && text.contains("AWS_SECRET_ACCESS_KEY"), "{text}");
    }
    let absent = Store::open("s3://absent/x", &weed.access()).unwrap();
    let errors = [
        absent.put("k", "x").await.unwrap_err(),
        absent.get("k").await.unwrap_err(),
        absent.copy("k", "l").await.unwrap_err(),
        absent.list("k").unwrap().try_next().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::NoBucket(_)), "{error:?}");
        assert!(error.to_string().contains("s3://absent/x on http://127.0.0.1"), "{error}");
    }
    assert_eq!(absent.head("k").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_fails_calls_cleanly_and_keeps_what_it_confirmed() {
    let mut weed = Weed::start().await;
    let store = weed.store("outage");
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for count in 0.. {
                if let Err(error) = store.put(&format!("{count}"), format!("{count}")).await {
                    return (count, error);
                }
            }
            unreachable!("a server that is killed ends this")
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    weed.kill();
    let (confirmed, error) = writer.await.unwrap();
    assert!(matches!(error, Error::Unreachable { .. } | Error::Failed { .. }), "{error:?}");
    assert!(confirmed > 0);
    let error = store.get("0").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&weed.address()), "{error}");

    weed.restart().await;
    store.put("after", "x").await.unwrap();
    for count in 0..confirmed {
        assert_eq!(store.get(&count.to_string()).await.unwrap(), count.to_string());
    }
}
