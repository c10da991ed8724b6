//! The same with a store in a bucket: settings by URL, credentials by the platform's own variables.

use std::path::Path;
use std::process::Command;

use crate::servers::weed::{ADMIN, Identity, Weed};
use crate::{catalogue, command, stderr, stdout};

/// Every command finds its credentials itself.
fn with_bucket(weed: &Weed, who: Identity, folder: &Path, args: &[&str]) -> Command {
    let mut command = command(folder, args);
    command.env("MILLINER_STORE", format!("s3://tests/cli?endpoint=http://{}", weed.address()));
    command.env("AWS_ACCESS_KEY_ID", who.id).env("AWS_SECRET_ACCESS_KEY", who.secret);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_imports_another_draws() {
    let weed = Weed::shared().await;
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    let run = |who, args: &[&str]| with_bucket(&weed, who, folder.path(), args).output().unwrap();

    let imported = run(ADMIN, &["import", "catalogue"]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    assert!(stdout(&imported).contains("3 added"), "{}", stdout(&imported));
    let again = run(ADMIN, &["import", "catalogue"]);
    assert!(
        stdout(&again).contains("0 added") && stdout(&again).contains("3 unchanged"),
        "{}",
        stdout(&again)
    );
    let drawn = run(ADMIN, &["render", "/c/cat;w=32/hat.png", "-o", "cat.png"]);
    assert!(drawn.status.success(), "{}", stderr(&drawn));
    assert!(std::fs::read(folder.path().join("cat.png")).unwrap().starts_with(b"\x89PNG"));

    let refused = run(Identity { secret: "wrong", ..ADMIN }, &["import", "catalogue"]);
    let told = stderr(&refused);
    assert!(!refused.status.success() && told.contains("refused") && told.contains("403"), "{told}");
}
