//! A purge reaches CloudFront: signed with the platform's credentials, under one name however often it is sent, and not
//! again where that is of no use.

use std::net::SocketAddr;

use crate::proxy::Proxy;
use crate::server::Server;
use crate::servers::moto::Moto;
use crate::{catalogue, milliner};

const ACTION: &str = "cloudfront:CreateInvalidation";

/// What a server logs that drew three pictures of a cat, purged them, told CloudFront, and stopped.
async fn purge(at: SocketAddr, distribution: &str, (id, secret): &(String, String)) -> String {
    let cdn = format!("cloudfront:{distribution}?endpoint=http://{at}");
    let (id, secret) = (id.clone(), secret.clone());
    let work = move || {
        let folder = tempfile::tempdir().unwrap();
        catalogue(folder.path());
        assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
        let credentials = [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", &secret)];
        let server = Server::start_as(folder.path(), &["--cdn", &cdn], &credentials);
        for path in ["/c/cat.png", "/c/cat/hat.png", "/c/cat;w=20.jpg", "/c/photo.jpg"] {
            assert_eq!(server.get(path).0, 200, "{path}");
        }
        let (status, answer) = server.post_json("/v1/purge", "{\"asset\": \"cat\"}");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        server.stop()
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloudfront_takes_an_invalidation_that_is_signed_and_allowed() {
    let moto = Moto::alone().await;
    let distribution = moto.distribution().await;
    let allowed = moto.user("allowed", ACTION).await;
    let other = moto.user("other", "cloudfront:GetDistribution").await;
    moto.guard(true).await;
    let log = purge(moto.address(), &distribution, &allowed).await;
    let of_nobody = (allowed.0.clone(), "wrong".to_owned());
    let unsigned = purge(moto.address(), &distribution, &of_nobody).await;
    let not_allowed = purge(moto.address(), &distribution, &other).await;
    let nowhere = purge(moto.address(), "E000000000000", &allowed).await;
    moto.guard(false).await;

    let made = moto.invalidations(&distribution).await;
    let [(reference, paths)] = &made[..] else { panic!("{made:?}: {log}") };
    assert!(reference.starts_with("milliner-"), "{reference}");
    assert_eq!(paths.iter().filter(|path| path.starts_with("/i/")).count(), 3, "{paths:?}");
    let recipes: Vec<_> = paths.iter().filter(|path| path.starts_with("/c/")).collect();
    let expected = [
        "/c/cat.auto",
        "/c/cat.png",
        "/c/cat/hat.auto",
        "/c/cat/hat.png",
        "/c/cat;w=20.auto",
        "/c/cat;w=20.jpg",
    ];
    assert_eq!(recipes, expected);
    for (log, says) in [
        (unsigned, "it answered 403 Forbidden SignatureDoesNotMatch"),
        (not_allowed, "it answered 403 Forbidden AccessDenied"),
        (nowhere, "it answered 404 Not Found NoSuchDistribution"),
    ] {
        assert!(log.contains(says) && log.contains("the CDN was not told what to forget"), "{says}: {log}");
        assert!(!log.contains("again soon"), "it is of no use: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_whose_answer_was_lost_is_sent_again_under_the_same_name() {
    let moto = Moto::alone().await;
    let distribution = moto.distribution().await;
    let proxy = Proxy::before(moto.address()).await;
    proxy.lose_answer_to("POST /2020");
    let anybody = ("anybody".to_owned(), "secret".to_owned());
    let log = purge(proxy.address(), &distribution, &anybody).await;
    let made = moto.invalidations(&distribution).await;
    assert_eq!(made.len(), 2, "the one whose answer was lost, and the next: {log}");
    assert_eq!(made[0], made[1], "by its name CloudFront knows that they are one");
    assert!(log.contains("again soon") && !log.contains("was not told"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloudfront_that_is_not_there_is_given_up_after_three_attempts() {
    let moto = Moto::alone().await;
    let proxy = Proxy::before(moto.address()).await;
    proxy.refuse();
    let log = purge(proxy.address(), "E000000000000", &("anybody".to_owned(), "secret".to_owned())).await;
    assert_eq!(log.matches("again soon").count(), 2, "{log}");
    assert_eq!(log.matches("was not told").count(), 1, "{log}");
}
