//! What only a store behind a network has: races between machines, rights, lines that break, large bodies in parts.

use std::time::{Duration, Instant};

use aws_sdk_s3::types::{ChecksumMode, ServerSideEncryption};
use bytes::Bytes;
use compositor::{CompositeKey, Digest, Format};
use futures::FutureExt;
use futures::future::join_all;
use origin::config::S3Url;
use origin::store::{ObjectKey, Records, Store, StoreError};

use crate::proxy::Proxy;
use crate::servers::weed::{ADMIN, Identity, READER, Weed};
use crate::store::{image, record};
use crate::together;

/// What the store promises for a call of a few bytes is 5 s; the rest is for a machine that has other things to do.
const BUDGET: Duration = Duration::from_secs(8);

macro_rules! checks {
    ($test:ident: $($name:ident),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let weed = Weed::shared().await;
            together(vec![$((stringify!($name), $name(weed.clone(), stringify!($name)).boxed())),+]).await;
        }
    };
}

type Shared = std::sync::Arc<Weed>;

checks!(objects:
    of_32_who_make_one_record_one_does,
    what_is_stored_says_what_it_is,
    a_large_original_goes_up_in_parts,
    more_records_than_a_page_holds_are_listed,
    prefixes_do_not_leak,
    a_bucket_that_is_not_there_is_an_error,
    who_may_not_is_refused,
);

checks!(lines:
    a_body_that_ends_early_is_never_returned,
    a_body_with_a_wrong_bit_is_never_returned,
    a_large_body_with_a_wrong_bit_is_never_returned,
    damage_on_the_way_is_asked_for_again,
    a_change_whose_answer_was_lost_is_no_conflict,
    a_dead_server_costs_the_budget_and_no_more,
    a_call_has_three_attempts,
    a_body_that_stops_coming_is_given_up,
    a_slow_line_has_the_time_it_needs,
    a_line_that_comes_back_is_used_again,
);

/// A store behind a line of its own.
async fn behind_a_line(weed: &Weed, prefix: &str) -> (Proxy, Store) {
    let proxy = Proxy::before(weed.address()).await;
    let url = S3Url { endpoint: Some(proxy.url()), ..weed.url(prefix, "") };
    let store = weed.store_as(ADMIN, &url).await;
    (proxy, store)
}

/// An original of so many bytes that do not repeat.
fn original(bytes: usize) -> (ObjectKey, Bytes) {
    let mut state = 0x9e37_79b9_u32;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    let noise: Bytes = noise.take(bytes).collect();
    (ObjectKey::Original(Digest::of(&noise)), noise)
}

fn path_of(error: &StoreError) -> &str {
    match error {
        StoreError::Conflict { path }
        | StoreError::Io { path, .. }
        | StoreError::Unavailable { path, .. }
        | StoreError::Refused { path, .. }
        | StoreError::Damaged { path, .. } => path,
    }
}

async fn of_32_who_make_one_record_one_does(weed: Shared, name: &'static str) {
    let key = record("race");
    let all = (0..32).map(|i| {
        let (weed, key) = (weed.clone(), key.clone());
        async move { weed.store(name).await.swap(&key, None, Some(format!("{i}").into())).await.map(|()| i) }
    });
    let all: Vec<_> = join_all(all).await;
    let winners: Vec<_> = all.iter().filter_map(|done| done.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1, "{all:?}");
    assert!(all.iter().all(|done| matches!(done, Ok(_) | Err(StoreError::Conflict { .. }))), "{all:?}");
    let held = weed.store(name).await.get(&key).await.unwrap().unwrap();
    assert_eq!(held, winners[0].to_string());
}

async fn what_is_stored_says_what_it_is(weed: Shared, name: &'static str) {
    let store = weed.store_as(ADMIN, &weed.url(name, "&sse=aes256")).await;
    let (image, bytes) = image("cat");
    let composite = ObjectKey::Composite("07".repeat(20).parse::<CompositeKey>().unwrap(), Format::Webp);
    store.put(&image, bytes.clone()).await.unwrap();
    store.put(&composite, bytes.clone()).await.unwrap();
    store.swap(&record("cat"), None, Some("{}".into())).await.unwrap();
    assert_eq!(store.get(&composite).await.unwrap(), Some(bytes));

    let client = weed.client().await;
    for (key, content_type, cache_control, class) in [
        (image, "application/octet-stream", "max-age=31536000, immutable", None),
        (composite, "image/webp", "max-age=31536000, immutable", Some("composite")),
        (record("cat"), "application/json", "no-cache", None),
    ] {
        let path = format!("{name}/{key}");
        let head = client.head_object().bucket("tests").key(&path).checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        assert_eq!(head.content_type(), Some(content_type), "{path}");
        assert_eq!(head.cache_control(), Some(cache_control), "{path}");
        assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::Aes256), "{path}");
        assert!(head.checksum_sha256().is_some(), "{path}");
        let tags = client.get_object_tagging().bucket("tests").key(&path).send().await.unwrap();
        let tags: Vec<_> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
        assert_eq!(tags, class.map(|class| ("class", class)).into_iter().collect::<Vec<_>>(), "{path}");
    }
}

async fn a_large_original_goes_up_in_parts(weed: Shared, name: &'static str) {
    let store = weed.store(name).await;
    let (key, bytes) = original(20 << 20);
    for _ in 0..2 {
        store.put(&key, bytes.clone()).await.unwrap();
    }
    assert!(store.get(&key).await.unwrap() == Some(bytes), "the bytes are those that were put");
    assert_eq!(store.paths().await.unwrap(), [key.to_string()]);

    let client = weed.client().await;
    let path = format!("{name}/{key}");
    let head = client.head_object().bucket("tests").key(&path).send().await.unwrap();
    assert!(head.e_tag().unwrap().ends_with("-3\""), "{:?}", head.e_tag());
    let begun = client.list_multipart_uploads().bucket("tests").prefix(name).send().await.unwrap();
    assert!(begun.uploads().is_empty(), "{begun:?}");
}

async fn more_records_than_a_page_holds_are_listed(weed: Shared, name: &'static str) {
    let client = weed.client().await;
    let put = |i: usize| {
        let key = format!("{name}/{}", record(&format!("cat-{i:04}")));
        client.put_object().bucket("tests").key(key).body(Bytes::from_static(b"{}").into()).send()
    };
    for chunk in (0..1_010).collect::<Vec<usize>>().chunks(32) {
        for done in join_all(chunk.iter().map(|i| put(*i))).await {
            done.unwrap();
        }
    }
    let store = weed.store(name).await;
    let listed = store.list(Records::Assets).await.unwrap();
    assert_eq!((listed.len(), listed[1_009].name.as_str()), (1_010, "cat-1009"));
    assert_eq!(store.paths().await.unwrap().len(), 1_010);
}

async fn prefixes_do_not_leak(weed: Shared, name: &'static str) {
    let (key, bytes) = image("cat");
    weed.store(&format!("{name}/a")).await.put(&key, bytes).await.unwrap();
    for other in ["b", "aa", "a/b"] {
        let store = weed.store(&format!("{name}/{other}")).await;
        assert!(!store.contains(&key).await.unwrap(), "{other}");
        assert_eq!(store.get(&key).await.unwrap(), None, "{other}");
        assert_eq!(store.paths().await.unwrap(), [""; 0], "{other}");
    }
    assert_eq!(weed.store(name).await.paths().await.unwrap(), [format!("a/{key}")]);
}

async fn a_bucket_that_is_not_there_is_an_error(weed: Shared, name: &'static str) {
    let store = weed.store_as(ADMIN, &S3Url { bucket: "no-such-bucket".into(), ..weed.url(name, "") }).await;
    // This server makes a bucket of whatever is put into it, so only reading is asked.
    assert_all_refused(vec![
        store.get(&image("cat").0).await.unwrap_err(),
        store.contains(&image("cat").0).await.unwrap_err(),
        store.read(&record("cat")).await.unwrap_err(),
        store.swap(&record("cat"), None, Some("{}".into())).await.unwrap_err(),
        store.list(Records::Assets).await.unwrap_err(),
        store.paths().await.unwrap_err(),
        store.check().await.unwrap_err(),
    ]);
}

async fn who_may_not_is_refused(weed: Shared, name: &'static str) {
    let url = weed.url(name, "");
    let (key, bytes) = image("cat");
    weed.store(name).await.put(&key, bytes.clone()).await.unwrap();
    assert_refused(&weed.store_as(Identity { secret: "wrong", ..ADMIN }, &url).await).await;
    assert_refused(&weed.store_as(Identity { id: "nobody", ..ADMIN }, &url).await).await;

    let reader = weed.store_as(READER, &url).await;
    assert_eq!(reader.get(&key).await.unwrap(), Some(bytes.clone()));
    let error = reader.put(&image("hat").0, bytes).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    let error = reader.swap(&record("cat"), None, Some("{}".into())).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
}

/// Nothing that a store is asked reads a refusal as an absence.
async fn assert_refused(store: &Store) {
    let (key, bytes) = image("cat");
    assert_all_refused(vec![
        store.get(&key).await.unwrap_err(),
        store.contains(&key).await.unwrap_err(),
        store.put(&key, bytes).await.unwrap_err(),
        store.put(&original(9 << 20).0, original(9 << 20).1).await.unwrap_err(),
        store.read(&record("cat")).await.unwrap_err(),
        store.swap(&record("cat"), None, Some("{}".into())).await.unwrap_err(),
        store.list(Records::Assets).await.unwrap_err(),
        store.paths().await.unwrap_err(),
        store.check().await.unwrap_err(),
    ]);
}

fn assert_all_refused(errors: Vec<StoreError>) {
    for (i, error) in errors.iter().enumerate() {
        assert!(matches!(error, StoreError::Refused { .. }), "{i}: {error}");
        assert!(!error.to_string().contains("secret-of"), "{error}");
    }
}

async fn a_body_that_ends_early_is_never_returned(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let (key, bytes) = original(200_000);
    store.put(&key, bytes.clone()).await.unwrap();
    proxy.cut_after(100_000);
    assert_damaged(&store, &key).await;
    proxy.heal();
    assert!(store.get(&key).await.unwrap() == Some(bytes));
}

async fn a_body_with_a_wrong_bit_is_never_returned(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let (key, bytes) = original(200_000);
    store.put(&key, bytes.clone()).await.unwrap();
    store.swap(&record("cat"), None, Some(bytes.clone())).await.unwrap();
    for key in [&key, &record("cat")] {
        proxy.flip_every(100_000);
        assert_damaged(&store, key).await;
        proxy.heal();
        assert!(store.get(key).await.unwrap() == Some(bytes.clone()));
    }
}

async fn a_large_body_with_a_wrong_bit_is_never_returned(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let (key, bytes) = original(9 << 20);
    store.put(&key, bytes).await.unwrap();
    proxy.flip_every(5 << 20);
    assert_damaged(&store, &key).await;
}

async fn assert_damaged(store: &Store, key: &ObjectKey) {
    let error = store.get(key).await.map(|bytes| bytes.map(|bytes| bytes.len())).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert_eq!(path_of(&error), key.to_string());
}

async fn damage_on_the_way_is_asked_for_again(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let (key, bytes) = original(200_000);
    store.put(&key, bytes.clone()).await.unwrap();
    proxy.flip_once_after(100_000);
    assert!(store.get(&key).await.unwrap() == Some(bytes.clone()));
    proxy.cut_once_after(100_000);
    assert!(store.get(&key).await.unwrap() == Some(bytes));
}

async fn a_change_whose_answer_was_lost_is_no_conflict(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let key = record("cat");
    store.swap(&key, None, Some("one".into())).await.unwrap();
    let (_, revision) = store.read(&key).await.unwrap().unwrap();
    proxy.lose_answer_to("PUT ");
    store.swap(&key, Some(revision), Some("two".into())).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap(), "two");
    let stale = store.swap(&key, Some(revision), Some("three".into())).await.unwrap_err();
    assert!(matches!(stale, StoreError::Conflict { .. }), "{stale}");
}

async fn a_dead_server_costs_the_budget_and_no_more(weed: Shared, name: &'static str) {
    let (held, silent) = behind_a_line(&weed, name).await;
    held.hold_after(0);
    let (refusing, refused) = behind_a_line(&weed, name).await;
    refusing.refuse();
    let nobody = S3Url { endpoint: Some(format!("http://{}", nobodys_address())), ..weed.url(name, "") };
    let nobody = weed.store_as(ADMIN, &nobody).await;
    join_all([silent, refused, nobody].iter().map(assert_unavailable)).await;
}

async fn a_call_has_three_attempts(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let (key, bytes) = image("cat");
    store.put(&key, bytes).await.unwrap();
    proxy.answer("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let error = store.get(&key).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert_eq!(proxy.struck(), 3);
}

/// Every call ends within the budget and says that it may work later.
async fn assert_unavailable(store: &Store) {
    let (key, bytes) = image("cat");
    let started = Instant::now();
    let took = |done: Result<(), StoreError>| {
        let error = done.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(started.elapsed() < BUDGET, "{:?}", started.elapsed());
    };
    tokio::join!(
        async { took(store.get(&key).await.map(drop)) },
        async { took(store.contains(&key).await.map(drop)) },
        async { took(store.put(&key, bytes.clone()).await) },
        async { took(store.swap(&record("cat"), None, Some("{}".into())).await) },
        async { took(store.list(Records::Assets).await.map(drop)) },
        async { took(store.check().await) },
    );
}

/// Where nobody listens.
fn nobodys_address() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn a_body_that_stops_coming_is_given_up(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let (key, bytes) = original(200_000);
    store.put(&key, bytes).await.unwrap();
    proxy.hold_after(100_000);
    let started = Instant::now();
    let error = store.get(&key).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(started.elapsed() < BUDGET, "{:?}", started.elapsed());
}

async fn a_slow_line_has_the_time_it_needs(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    let (key, bytes) = original(3_500 << 10);
    proxy.throttle(640 << 10);
    let started = Instant::now();
    store.put(&key, bytes.clone()).await.unwrap();
    assert!(started.elapsed() > Duration::from_secs(5), "it was a slow one: {:?}", started.elapsed());
    assert!(store.get(&key).await.unwrap() == Some(bytes));
}

async fn a_line_that_comes_back_is_used_again(weed: Shared, name: &'static str) {
    let (proxy, store) = behind_a_line(&weed, name).await;
    store.check().await.unwrap();
    proxy.reset();
    let error = store.check().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    proxy.delay(Duration::from_millis(50));
    store.check().await.unwrap();
    proxy.heal();
    store.check().await.unwrap();
}
