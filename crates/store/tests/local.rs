//! The store in a folder and in memory: the same calls, the same answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures::{TryStreamExt, stream};
use store::{Access, ConditionalWrites, Created, Error, Store, sha256};
use tempfile::TempDir;

/// Both, each empty; the folder goes with the second part.
fn stores() -> ([Store; 2], TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("out").display());
    let open = |url: &str| Store::open(url, &Access::default()).unwrap();
    ([open(&url), open("memory:///")], folder)
}

async fn entries(store: &Store, prefix: &str) -> Vec<(String, u64)> {
    let entries: Vec<_> = store.list(prefix).unwrap().try_collect().await.unwrap();
    let mut entries: Vec<_> = entries.into_iter().map(|entry| (entry.key, entry.size)).collect();
    entries.sort();
    entries
}

#[tokio::test]
async fn objects_are_put_read_copied_listed_and_forgotten() {
    let (stores, _folder) = stores();
    for store in stores {
        store.put("run/1/x%2Fy.txt", "one").await.unwrap();
        store.put("run/1/x%2Fy.txt", "first").await.unwrap();
        store.put("run/2", "").await.unwrap();
        store.put("running", "stays").await.unwrap();
        assert_eq!(store.get("run/1/x%2Fy.txt").await.unwrap(), "first", "{store:?}");
        assert_eq!(store.get("run/2").await.unwrap(), "", "{store:?}");
        assert_eq!(store.head("running").await.unwrap(), Some(5), "{store:?}");
        assert_eq!(store.head("run/3").await.unwrap(), None, "{store:?}");
        assert!(matches!(store.get("run/3").await, Err(Error::Missing(_))), "{store:?}");
        assert!(matches!(store.copy("run/3", "x").await, Err(Error::Missing(_))), "{store:?}");
        assert!(matches!(store.put("a//b", "").await, Err(Error::Key(_))), "{store:?}");
        store.copy("run/1/x%2Fy.txt", "kept/copy").await.unwrap();
        let run = [("run/1/x%2Fy.txt".to_owned(), 5), ("run/2".to_owned(), 0)];
        assert_eq!(entries(&store, "run").await, run, "{store:?}");
        store.forget("run").await.unwrap();
        store.forget("run").await.unwrap();
        let kept = [("kept/copy".to_owned(), 5), ("running".to_owned(), 5)];
        assert_eq!(entries(&store, "").await, kept, "{store:?}");
    }
}

#[tokio::test]
async fn several_objects_are_put_in_one_turn_and_one_that_cannot_be_says_which() {
    let (stores, _folder) = stores();
    for store in &stores {
        let objects: Vec<_> =
            (0..20).map(|it| (format!("all/{it}.txt"), format!("{it}").into())).collect();
        store.put_all(objects).await.unwrap();
        assert_eq!(entries(store, "all").await.len(), 20, "{store:?}");
        assert_eq!(store.get("all/7.txt").await.unwrap(), "7", "{store:?}");
        store.put_all(Vec::new()).await.unwrap();
        let objects = ["all/7.txt", "a//b"].map(|key| (key.to_owned(), "new".into()));
        let refused = store.put_all(objects.to_vec()).await.unwrap_err();
        assert!(matches!(&refused, Error::Key(key) if key == "a//b"), "{refused} in {store:?}");

        let texts = || vec![("all/7.txt".to_owned(), "seven".into())];
        for (created, result) in [(Created::Stored, "first"), (Created::Exists, "second")] {
            let put = store.put_all_then_new(texts(), ("last".to_owned(), result.into())).await;
            assert_eq!(put.unwrap(), created, "{store:?}");
            assert_eq!(store.get("all/7.txt").await.unwrap(), "seven", "{store:?}");
            assert_eq!(store.get("last").await.unwrap(), "first", "{store:?}");
        }
        // What comes last does not come at all when something before it cannot be stored.
        let broken = vec![("a//b".to_owned(), "new".into())];
        let refused = store.put_all_then_new(broken, ("other".to_owned(), "x".into())).await;
        assert!(matches!(refused, Err(Error::Key(_))), "{store:?}");
        assert_eq!(store.head("other").await.unwrap(), None, "{store:?}");
    }
}

#[tokio::test]
async fn pieces_are_stored_as_they_come_and_not_at_all_when_one_fails() {
    const MIB: usize = 1 << 20;
    let (stores, _folder) = stores();
    for store in &stores {
        for count in [0, 1, 7, 8, 9, 30] {
            let content: Vec<u8> = (0_u8..=250).cycle().take(count * MIB + 3).collect();
            let pieces = content.chunks(MIB).map(|piece| Ok::<_, Error>(piece.to_vec().into()));
            store.put_stream("a/stream.bin", stream::iter(pieces)).await.unwrap();
            assert!(store.get("a/stream.bin").await.unwrap() == content, "{count} in {store:?}");
            let fault = || Error::Missing("gone".to_owned());
            let pieces = content.chunks(MIB).map(|piece| Ok(piece.to_vec().into()));
            let broken = stream::iter(pieces.chain([Err(fault())]));
            let error = store.put_stream("a/broken.bin", broken).await.unwrap_err();
            assert_eq!(error.to_string(), fault().to_string());
            assert_eq!(store.head("a/broken.bin").await.unwrap(), None, "{count} in {store:?}");
        }
    }
}

#[tokio::test]
async fn files_pass_unchanged_at_the_sizes_where_the_way_changes() {
    const MIB: usize = 1 << 20;
    let (stores, folder) = stores();
    let (up, down) = (folder.path().join("up"), folder.path().join("down"));
    for size in [0, 1, MIB, 8 * MIB, 8 * MIB + 1, 17 * MIB + 3, 64 * MIB, 64 * MIB + 1] {
        let content: Vec<u8> = (0_u8..=250).cycle().take(size).collect();
        std::fs::write(&up, &content).unwrap();
        for store in &stores {
            let digest = store.put_file("a/file.bin", &up).await.unwrap();
            assert_eq!((digest.size, &digest.sha256), (size as u64, &sha256(&content)));
            assert_eq!(store.get_to_file("a/file.bin", &down).await.unwrap(), digest);
            assert!(std::fs::read(&down).unwrap() == content, "{size} in {store:?}");
            assert!(store.get("a/file.bin").await.unwrap() == content, "{size} in {store:?}");
            let key = format!("new/{size}.bin");
            let created = store.put_file_new(&key, &up).await.unwrap();
            assert_eq!(created, (Created::Stored, digest), "{size} in {store:?}");
            assert!(store.get(&key).await.unwrap() == content, "{size} in {store:?}");
        }
    }
    // Nothing half done is left beside the file.
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["down", "out", "up"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_or_written_is_named() {
    let (stores, folder) = stores();
    let nowhere = folder.path().join("no/where");
    for store in stores {
        store.put("k", "x").await.unwrap();
        let errors = [
            store.put_file("k", &nowhere).await.unwrap_err(),
            store.put_file_new("k", folder.path()).await.unwrap_err(),
            store.get_to_file("k", &nowhere).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::File { .. }), "{error:?}");
        }
        let missing = store.get_to_file("none", &folder.path().join("down")).await;
        assert!(matches!(missing, Err(Error::Missing(_))), "{store:?}");
        assert!(!folder.path().join("down").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_that_create_the_same_key_one_wins() {
    let (stores, _folder) = stores();
    for store in stores {
        let racers = (0..32).map(|racer| {
            let store = store.clone();
            tokio::spawn(async move { (racer, store.put_new("k", racer.to_string()).await) })
        });
        let mut winners = Vec::new();
        for racer in futures::future::join_all(racers).await {
            let (racer, created) = racer.unwrap();
            if created.unwrap() == Created::Stored {
                winners.push(racer.to_string());
            }
        }
        assert_eq!(winners.len(), 1, "{store:?}");
        assert_eq!(store.get("k").await.unwrap(), winners[0], "{store:?}");
    }
}

#[tokio::test]
async fn a_probe_finds_everything_in_order_and_leaves_nothing() {
    let (stores, folder) = stores();
    for store in stores {
        let probe = store.probe().await;
        assert!(probe.checks.iter().all(|check| check.ok) && probe.is_usable(), "{probe:#?}");
        assert_eq!(probe.conditional_writes, ConditionalWrites::Honoured);
        assert_eq!(probe.verdict(), "conditional writes: honoured");
        assert_eq!(entries(&store, "").await, []);
        let json = serde_json::to_value(&probe).unwrap();
        assert_eq!(json["conditional_writes"], "honoured");
        assert_eq!(json["checks"][0]["name"], "write");
    }
    assert_eq!(std::fs::read_dir(folder.path().join("out")).unwrap().count(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_fetched_file_may_be_read_by_whom_any_new_file_may() {
    use std::os::unix::fs::PermissionsExt;
    let (_, folder) = stores();
    let store = Store::memory();
    store.put("k", "x").await.unwrap();
    let (plain, fetched) = (folder.path().join("plain"), folder.path().join("fetched"));
    std::fs::write(&plain, "x").unwrap();
    store.get_to_file("k", &fetched).await.unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&fetched), mode(&plain));
}
