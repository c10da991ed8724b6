//! The store: blobs that are written once, records that change by compare-and-set.

use std::path::Path;

use bytes::Bytes;
use compositor::{AssetId, Digest};
use futures::FutureExt;
use origin::config::StoreUrl;
use origin::store::{ObjectKey, Records, Store, StoreError};

use crate::servers::weed::Weed;
use crate::together;

/// Writes each test once and runs it on every back end.
macro_rules! on_every_back_end {
    ($($name:ident),+ $(,)?) => {
        mod files {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::Store::open(&super::StoreUrl::Files(folder.path().into())).await.unwrap();
                super::$name(store).await;
            })+
        }
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Store::open(&super::StoreUrl::Memory).await.unwrap()).await;
            })+
        }
        /// At once, since a server is not started as quickly as a folder is made.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn s3() {
            let weed = Weed::shared().await;
            together(vec![$((stringify!($name), $name(weed.store(stringify!($name)).await).boxed())),+]).await;
        }
    };
}

on_every_back_end!(
    what_is_put_is_there,
    putting_again_changes_nothing,
    what_is_removed_is_gone,
    a_record_changes_only_from_the_state_that_was_read,
    a_record_that_was_removed_can_be_made_again,
    of_many_writers_each_change_is_kept,
    records_are_listed_with_a_stamp_that_changes,
    it_is_ready,
);

pub fn image(text: &str) -> (ObjectKey, Bytes) {
    (ObjectKey::Image(Digest::of(text.as_bytes())), Bytes::from(text.to_owned()))
}

pub fn record(id: &str) -> ObjectKey {
    ObjectKey::Asset(id.parse::<AssetId>().unwrap())
}

async fn what_is_put_is_there(store: Store) {
    let (key, bytes) = image("cat");
    assert!(!store.contains(&key).await.unwrap());
    assert_eq!(store.get(&key).await.unwrap(), None);
    store.put(&key, bytes.clone()).await.unwrap();
    assert!(store.contains(&key).await.unwrap());
    assert_eq!(store.get(&key).await.unwrap(), Some(bytes));
    assert_eq!(store.paths().await.unwrap(), [key.to_string()], "and nothing else is left behind");
}

async fn what_is_removed_is_gone(store: Store) {
    let (key, bytes) = image("cat");
    assert!(!store.remove(&key).await.unwrap(), "there is nothing yet");
    store.put(&key, bytes.clone()).await.unwrap();
    assert!(store.remove(&key).await.unwrap());
    assert_eq!(store.get(&key).await.unwrap(), None);
    assert!(!store.remove(&key).await.unwrap());
    store.put(&key, bytes.clone()).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), Some(bytes));
}

async fn putting_again_changes_nothing(store: Store) {
    let (key, bytes) = image("cat");
    for _ in 0..2 {
        store.put(&key, bytes.clone()).await.unwrap();
    }
    let all: Vec<_> = (0..16).map(|_| store.put(&key, bytes.clone())).collect();
    for done in futures::future::join_all(all).await {
        done.unwrap();
    }
    assert_eq!(store.paths().await.unwrap().len(), 1);
}

async fn a_record_changes_only_from_the_state_that_was_read(store: Store) {
    let key = record("cat");
    assert_eq!(store.read(&key).await.unwrap(), None);
    store.swap(&key, None, Some("one".into())).await.unwrap();
    let again = store.swap(&key, None, Some("two".into())).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })));
    let (bytes, revision) = store.read(&key).await.unwrap().unwrap();
    assert_eq!(bytes, "one");
    store.swap(&key, Some(revision), Some("two".into())).await.unwrap();
    assert!(store.swap(&key, Some(revision), None).await.is_err());
    let (_, revision) = store.read(&key).await.unwrap().unwrap();
    store.swap(&key, Some(revision), None).await.unwrap();
    assert_eq!(store.read(&key).await.unwrap(), None);
    assert!(store.swap(&key, Some(revision), None).await.is_err());
}

async fn a_record_that_was_removed_can_be_made_again(store: Store) {
    let key = record("cat");
    for text in ["one", "two"] {
        store.swap(&key, None, Some(text.into())).await.unwrap();
        let (bytes, revision) = store.read(&key).await.unwrap().unwrap();
        assert_eq!(bytes, text);
        store.swap(&key, Some(revision), None).await.unwrap();
        assert_eq!((store.get(&key).await.unwrap(), store.contains(&key).await.unwrap()), (None, false));
        assert_eq!(store.list(Records::Assets).await.unwrap(), []);
        assert_eq!(store.paths().await.unwrap(), [""; 0]);
    }
}

async fn of_many_writers_each_change_is_kept(store: Store) {
    let key = record("counter");
    store.swap(&key, None, Some("0".into())).await.unwrap();
    let writers = (0..8).map(|_| {
        let (store, key) = (store.clone(), key.clone());
        tokio::spawn(async move {
            loop {
                let (bytes, revision) = store.read(&key).await.unwrap().unwrap();
                let next: u32 = std::str::from_utf8(&bytes).unwrap().parse::<u32>().unwrap() + 1;
                match store.swap(&key, Some(revision), Some(next.to_string().into())).await {
                    Ok(()) => break,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    assert_eq!(store.get(&key).await.unwrap().unwrap(), "8");
}

async fn records_are_listed_with_a_stamp_that_changes(store: Store) {
    for id in ["b", "a-1", "a"] {
        store.swap(&record(id), None, Some("1".into())).await.unwrap();
    }
    let (key, bytes) = image("cat");
    store.put(&key, bytes).await.unwrap();
    let first = store.list(Records::Assets).await.unwrap();
    let names: Vec<&str> = first.iter().map(|listed| listed.name.as_str()).collect();
    assert_eq!(names, ["a", "a-1", "b"], "by name, not by path");
    assert_eq!(store.list(Records::ApiKeys).await.unwrap(), []);
    let (_, revision) = store.read(&record("b")).await.unwrap().unwrap();
    store.swap(&record("b"), Some(revision), Some("2".into())).await.unwrap();
    let second = store.list(Records::Assets).await.unwrap();
    let changed: Vec<bool> = first.iter().zip(&second).map(|(before, after)| before != after).collect();
    assert_eq!(changed, [false, false, true]);
}

async fn it_is_ready(store: Store) {
    store.check().await.unwrap();
    assert!(store.paths().await.unwrap().is_empty(), "asking leaves nothing behind");
}

#[tokio::test]
async fn files_of_killed_writers_are_swept_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let open = || async { Store::open(&StoreUrl::Files(folder.path().into())).await.unwrap() };
    open().await;
    let leave = |name: &str, age_secs: u64| {
        let file = std::fs::File::create(folder.path().join("tmp").join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age_secs)).unwrap();
    };
    leave("1-0", 7200);
    leave("1-1", 5);
    assert_eq!(open().await.paths().await.unwrap(), ["tmp/1-1"], "a young one may be somebody's");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Store::open(&StoreUrl::Files(file.join("data"))).await.unwrap_err();
    assert!(error.to_string().contains("store:"), "{error}");
}

#[tokio::test]
async fn object_paths_stay_inside() {
    for key in [record("cat"), image("x").0] {
        let path = key.to_string();
        assert!(
            Path::new(&path).components().all(|part| matches!(part, std::path::Component::Normal(_))),
            "{path}"
        );
    }
}
