//! One suite over every back end of links: memory, and Redis as one server, behind a sentinel and as a cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use compositor::{CompositeKey, Digest, Format};
use futures::stream::{self, StreamExt};
use origin::clock::unix_now;
use origin::config::{RedisUrl, StoreUrl};
use origin::fleet::{Fleet, News};
use origin::links::{Begun, Lease, Link, Links, Settled, Told};
use origin::store::Store;

use crate::servers::redis::{Cluster, RedisServer, Sentinels};
use crate::servers::until;

fn shared(url: &str) -> Links {
    Links::open(Some(&fleet(url)), &memory()).unwrap()
}

fn fleet(url: &str) -> Fleet {
    let Ok(url) = url.parse::<RedisUrl>() else { panic!("{url} is a URL") };
    Fleet::new(&url, Duration::from_millis(250)).unwrap()
}

fn memory() -> Store {
    futures::executor::block_on(Store::open(&StoreUrl::Memory)).unwrap()
}

fn key(number: u32) -> CompositeKey {
    format!("{number:040x}").parse().unwrap()
}

fn link(number: u32, ingredients: &[&str]) -> Link {
    Link {
        key: key(number),
        recipe: format!("/c/cat;w={number}.png"),
        format: Format::Png,
        width: number,
        height: 1,
        bytes: 10,
        content: None,
        ingredients: ingredients.iter().map(|text| Digest::of(text.as_bytes())).collect(),
        created: 1,
        placeholder: None,
        hits: 0,
        used: 0,
    }
}

#[tokio::test]
async fn memory_keeps_links() {
    let links = Links::open(None, &memory()).unwrap();
    records(&links).await;
}

#[tokio::test]
async fn one_redis_keeps_links_and_leases() {
    let server = RedisServer::start().await;
    let links = shared(&server.url());
    records(&links).await;
    leases(&links, &shared(&server.url())).await;
    other_deployments_see_nothing(&server).await;
}

#[tokio::test]
async fn a_cluster_keeps_links_and_leases() {
    let cluster = Cluster::start().await;
    let links = shared(&cluster.url());
    records(&links).await;
    leases(&links, &shared(&cluster.url())).await;
}

#[tokio::test]
async fn after_a_failover_the_new_master_is_found() {
    let mut sentinels = Sentinels::start().await;
    let links = shared(&sentinels.url());
    records(&links).await;
    links.set(link(1, &["cat"])).await.unwrap();
    let name = fleet(&sentinels.url()).name(key(1), "link");
    until("the replica has it", async || sentinels.replica.ask(&["EXISTS", &name]).await == "1").await;
    sentinels.master.kill();
    until("links are kept again", async || links.set(link(2, &["cat"])).await.is_ok()).await;
    assert_eq!(links.get(&key(1)).await.unwrap(), Some(link(1, &["cat"])));
    leases(&links, &shared(&sentinels.url())).await;
}

#[tokio::test]
async fn when_a_node_of_a_cluster_is_gone_its_replica_is_found() {
    let mut cluster = Cluster::with_replicas().await;
    let (links, link) = (shared(&cluster.url()), link(1, &[]));
    links.set(link.clone()).await.unwrap();
    let owner = cluster.owner_of(&fleet(&cluster.url()).name(link.key, "link")).await;
    let size = cluster.masters[owner].ask(&["DBSIZE"]).await;
    until("the replica has all", async || cluster.replicas[owner].ask(&["DBSIZE"]).await == size).await;
    cluster.masters[owner].kill();
    until("links are kept again", async || links.set(link.clone()).await.is_ok()).await;
    assert_eq!(links.get(&link.key).await.unwrap(), Some(link));
    let standing = cluster.masters.iter().enumerate().find(|(number, _)| *number != owner).unwrap().1;
    leases(&links, &shared(&format!("redis+cluster://{}", standing.address()))).await;
}

/// What holds for all of them.
async fn records(links: &Links) {
    let (one, two) = (link(1, &["cat", "hat"]), link(2, &["cat"]));
    assert_eq!(links.get(&one.key).await.unwrap(), None);
    for link in [&one, &two, &two] {
        links.set(link.clone()).await.unwrap();
    }
    assert_eq!(links.get(&one.key).await.unwrap(), Some(one.clone()));
    let mut drawn = links.drawn_from(&Digest::of(b"cat")).await.unwrap();
    drawn.sort_by_key(ToString::to_string);
    let mut expected = vec![one.key, two.key];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(drawn, expected);
    assert_eq!(links.drawn_from(&Digest::of(b"hat")).await.unwrap(), [one.key]);

    links.count_hits(&one.key, 3).await.unwrap();
    links.count_hits(&one.key, 2).await.unwrap();
    let counted = links.get(&one.key).await.unwrap().unwrap();
    assert_eq!(counted.hits, 5);
    assert!(counted.used > 1_700_000_000, "{}", counted.used);
    links.count_hits(&key(99), 1).await.unwrap();
    assert_eq!(links.get(&key(99)).await.unwrap(), None, "what has no link gets none by being counted");

    let (long_ago, in_a_minute) = (1, unix_now() + 60);
    assert_eq!(links.unused_since(long_ago, 10).await.unwrap(), []);
    let mut unused = links.unused_since(in_a_minute, 10).await.unwrap();
    unused.sort_by_key(ToString::to_string);
    assert_eq!(unused, expected);
    assert_eq!(links.unused_since(in_a_minute, 1).await.unwrap().len(), 1);

    links.remove(&one.key).await.unwrap();
    links.remove(&one.key).await.unwrap();
    assert_eq!(links.unused_since(in_a_minute, 10).await.unwrap(), [two.key]);
    assert_eq!(links.get(&one.key).await.unwrap(), None);
    assert_eq!(links.drawn_from(&Digest::of(b"hat")).await.unwrap(), []);
    links.remove(&two.key).await.unwrap();
    a_popular_ingredient_is_purged_whole(links).await;
    links.check().await.unwrap();
}

/// More composites than one call brings.
async fn a_popular_ingredient_is_purged_whole(links: &Links) {
    let all: BTreeSet<CompositeKey> = (1000..3500).map(key).collect();
    let kept = (1000..3500).map(|number| links.set(link(number, &["popular"])));
    stream::iter(kept).buffer_unordered(32).for_each(async |kept| kept.unwrap()).await;
    let found = async || links.drawn_from(&Digest::of(b"popular")).await.unwrap();
    assert_eq!(found().await.into_iter().collect::<BTreeSet<_>>(), all);
    let removed = all.iter().map(|key| links.remove(key));
    stream::iter(removed).buffer_unordered(32).for_each(async |removed| removed.unwrap()).await;
    assert_eq!(found().await, []);
}

/// Two instances, one right to render.
async fn leases(here: &Links, there: &Links) {
    one_has_it_and_news_say_when_it_is_done(here, there).await;
    a_failure_is_told_for_a_moment(here, there).await;
    a_released_lease_is_anybodys(here, there).await;
    a_dead_holders_lease_passes_on_and_a_late_one_changes_nothing(here, there).await;
    a_link_to_nothing_is_dropped(here, there).await;
}

async fn granted(links: &Links, key: &CompositeKey) -> Lease {
    match links.begin(key, false).await {
        Begun::Granted(lease) => lease,
        other => panic!("{other:?}"),
    }
}

async fn one_has_it_and_news_say_when_it_is_done(here: &Links, there: &Links) {
    let link = link(10, &["fish"]);
    let Links::Redis(redis) = there else { panic!("a shared back end") };
    let mut news = redis.fleet().listen();
    // The first call also connects, and with that starts to listen.
    assert_eq!(there.get(&link.key).await.unwrap(), None);
    let lease = granted(here, &link.key).await;
    assert!(lease.is_shared());
    let Begun::Taken { left } = there.begin(&link.key, false).await else { panic!("it is taken") };
    assert!(left <= Duration::from_secs(5), "{left:?}");
    assert!(here.settle(lease, Settled::Linked(&link)).await.unwrap());
    while news.recv().await.unwrap() != News::Settled(link.key) {}
    let Begun::Found(found) = there.begin(&link.key, false).await else { panic!("it is there") };
    assert_eq!(Link { used: 0, ..*found }, link);
    assert_eq!(there.drawn_from(&Digest::of(b"fish")).await.unwrap(), [link.key]);
    there.remove(&link.key).await.unwrap();
}

async fn a_failure_is_told_for_a_moment(here: &Links, there: &Links) {
    let key = key(11);
    let told = Told { slug: "bad-image".to_owned(), detail: "torn".to_owned(), pointer: None };
    let lease = granted(here, &key).await;
    assert!(here.settle(lease, Settled::Failed(&told)).await.unwrap());
    let Begun::Failed(heard) = there.begin(&key, false).await else { panic!("it has failed") };
    assert_eq!(heard, told);
    until("it may be tried again", async || matches!(there.begin(&key, false).await, Begun::Granted(_)))
        .await;
}

async fn a_released_lease_is_anybodys(here: &Links, there: &Links) {
    let lease = granted(here, &key(12)).await;
    assert!(here.settle(lease, Settled::Released).await.unwrap());
    let lease = granted(there, &key(12)).await;
    assert!(there.settle(lease, Settled::Released).await.unwrap());
}

async fn a_dead_holders_lease_passes_on_and_a_late_one_changes_nothing(here: &Links, there: &Links) {
    let link = link(13, &["cat"]);
    let Links::Redis(redis) = here else { panic!("a shared back end") };
    // A holder that does not beat: its process hangs.
    drop(granted(here, &link.key).await);
    let mut successor = None;
    until("the lease passes on", async || {
        match there.begin(&link.key, false).await {
            Begun::Granted(lease) => successor = Some(lease),
            other => drop(other),
        }
        successor.is_some()
    })
    .await;
    let late = redis.settle(&link.key, "the token of the late one", Settled::Linked(&link)).await.unwrap();
    assert!(!late, "a late holder is told so");
    assert_eq!(there.get(&link.key).await.unwrap(), None, "and what it brings is not written");
    assert!(!redis.extend(&link.key, "the token of the late one").await.unwrap());
    let lease = successor.unwrap();
    assert!(there.settle(lease, Settled::Linked(&link)).await.unwrap());
    there.remove(&link.key).await.unwrap();
}

async fn a_link_to_nothing_is_dropped(here: &Links, there: &Links) {
    let link = link(14, &[]);
    here.set(link.clone()).await.unwrap();
    let Begun::Granted(lease) = there.begin(&link.key, true).await else { panic!("nothing is there") };
    assert_eq!(here.get(&link.key).await.unwrap(), None);
    assert!(
        matches!(here.begin(&link.key, true).await, Begun::Taken { .. }),
        "one renders, not all who noticed"
    );
    there.settle(lease, Settled::Linked(&link)).await.unwrap();
    there.remove(&link.key).await.unwrap();
}

async fn other_deployments_see_nothing(server: &RedisServer) {
    let ours = shared(&server.url());
    ours.set(link(20, &["cat"])).await.unwrap();
    let theirs = shared(&format!("{}?prefix=other", server.url()));
    assert_eq!(theirs.get(&key(20)).await.unwrap(), None);
    assert_eq!(theirs.drawn_from(&Digest::of(b"cat")).await.unwrap(), []);
}

#[tokio::test]
async fn without_a_redis_calls_end_soon_and_then_at_once() {
    let mut server = RedisServer::start().await;
    let links = shared(&server.url());
    links.check().await.unwrap();
    server.hang();
    let (mut slow, mut quick) = (0, 0);
    for _ in 0..20 {
        let start = std::time::Instant::now();
        assert!(links.get(&key(1)).await.is_err());
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        if took > Duration::from_millis(100) { slow += 1 } else { quick += 1 }
    }
    assert!(slow <= 6 && quick >= 14, "{slow} waited, {quick} did not");
    assert!(matches!(links.begin(&key(1), false).await, Begun::Granted(lease) if !lease.is_shared()));
    server.wake();
    until("it answers again", async || links.check().await.is_ok()).await;
    server.kill();
    until("the breaker is open", async || links.check().await.is_err()).await;
    server.start_again().await;
    until("it answers again", async || links.check().await.is_ok()).await;
}
