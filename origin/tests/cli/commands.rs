//! The commands that end by themselves.

use crate::{catalogue, command, milliner, stderr, stdout, support};

#[test]
fn import_reports_each_asset_and_is_idempotent() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    let first = milliner(folder.path(), &["import", "catalogue"]);
    assert!(first.status.success(), "{}", stderr(&first));
    let lines: Vec<String> =
        stdout(&first).lines().map(|l| l.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[..3], ["added cat base", "added photo base", "added hat overlay"]);
    assert!(
        stdout(&first).ends_with(
            "3 added, 0 replaced, 0 updated, 0 unchanged, 0 refused; the catalogue has 3 assets\n"
        )
    );
    let again = milliner(folder.path(), &["import", "catalogue"]);
    assert!(stdout(&again).contains("0 added, 0 replaced, 0 updated, 3 unchanged"));

    std::fs::write(folder.path().join("catalogue/overlays/hat.png"), support::png(20, 10, [1, 2, 3, 255]))
        .unwrap();
    std::fs::remove_file(folder.path().join("catalogue/cats/cat.toml")).unwrap();
    let changed = milliner(folder.path(), &["import", "catalogue"]);
    assert!(stdout(&changed).contains("0 added, 1 replaced, 1 updated, 1 unchanged"), "{}", stdout(&changed));
}

#[test]
fn import_takes_fonts() {
    let folder = tempfile::tempdir().unwrap();
    let fonts = folder.path().join("catalogue/fonts");
    std::fs::create_dir_all(&fonts).unwrap();
    std::fs::write(fonts.join("sans.ttf"), support::TTF).unwrap();
    std::fs::write(fonts.join("sans.toml"), "kind = \"font\"\ntitle = \"Sans\"\nlicence = \"OFL-1.1\"\n")
        .unwrap();
    std::fs::write(fonts.join("serif.otf"), support::OTF).unwrap();
    std::fs::write(fonts.join("OFL.txt"), "the licence").unwrap();
    let output = milliner(folder.path(), &["import", "catalogue"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let lines: Vec<String> =
        stdout(&output).lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[0], format!("added sans font {} bytes", support::TTF.len()));
    assert_eq!(lines[1], format!("added serif font {} bytes", support::OTF.len()));
    std::fs::write(fonts.join("serif.otf"), &support::OTF[..200]).unwrap();
    let broken = milliner(folder.path(), &["import", "catalogue"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(stderr(&broken).contains("serif.otf: the font cannot be used: it ends"), "{}", stderr(&broken));
}

#[test]
fn import_names_what_it_refuses_and_takes_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    std::fs::write(folder.path().join("catalogue/cats/cat.toml"), "colour = 1").unwrap();
    let output = milliner(folder.path(), &["import", "catalogue"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("catalogue/cats/cat.toml: "), "{}", stderr(&output));
    assert!(stdout(&output).contains("2 added") && stdout(&output).contains("1 refused"));
    std::fs::write(folder.path().join("catalogue/overlays/photo.png"), support::png(1, 1, [0; 4])).unwrap();
    let twice = milliner(folder.path(), &["import", "catalogue"]);
    assert!(stderr(&twice).contains("are both the asset `photo`"), "{}", stderr(&twice));
    assert!(stderr(&milliner(folder.path(), &["import", "nowhere"])).contains("nowhere"));
}

#[test]
fn render_is_the_same_from_the_store_from_a_folder_and_from_files() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    assert!(milliner(folder.path(), &["import", "catalogue"]).status.success());
    let recipe = "/c/cat;w=48/hat.png";
    let cases: [&[&str]; 3] = [
        &[],
        &["--catalogue", "catalogue", "--store", "memory:"],
        &["--asset", "cat=catalogue/cats/cat.svg", "--asset", "hat=catalogue/overlays/hat.png"],
    ];
    let mut pictures = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let out = format!("out{i}.png");
        let output = milliner(folder.path(), &[&["render", recipe, "-o", &out], *case].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).starts_with(&format!("{out}  48×48  ")), "{}", stdout(&output));
        pictures.push(std::fs::read(folder.path().join(out)).unwrap());
    }
    assert!(pictures.iter().all(|picture| *picture == pictures[0]));
    let piped = milliner(folder.path(), &["render", recipe, "-o", "-"]);
    assert_eq!(piped.stdout, pictures[0]);

    let many = milliner(folder.path(), &["render", "/c/cat;w=48.jpg", recipe, recipe, "-o", "many/"]);
    assert!(many.status.success(), "{}", stderr(&many));
    let file = stdout(&many).lines().nth(1).and_then(|line| line.split("  ").next()).unwrap().to_owned();
    assert_eq!(std::fs::read(folder.path().join(file)).unwrap(), pictures[0]);
    assert_eq!(std::fs::read_dir(folder.path().join("many")).unwrap().count(), 2, "a file for each key");
}

#[test]
fn a_text_that_names_no_font_finds_it_among_the_files() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    let fonts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../compositor/tests/fonts");
    let font = format!("sans={}", fonts.join("blocks.ttf").display());
    let arguments = ["render", "/c/cat/~text;t=SGk.png", "-o", "x.png", "--catalogue", "catalogue"];
    let output = milliner(folder.path(), &[&arguments[..], &["--asset", &font]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let without = milliner(folder.path(), &arguments);
    assert!(stderr(&without).contains("/layers/0/font: there is no asset `sans`"), "{}", stderr(&without));
}

#[test]
fn render_explains_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    for (args, says) in [
        (vec!["/c/cat.png", "-o", "x.png"], "there is no store at ./data (MILLINER_STORE)"),
        (vec!["/c/dog.png", "-o", "x.png", "--asset", "cat=catalogue/cats/cat.svg"], "known here: cat"),
        (vec!["/c/cat;w=0.png", "-o", "x.png"], "/base/w"),
        (vec!["/c/cat.png", "-o", "x.jpg", "--catalogue", "catalogue"], "makes a png"),
        (
            vec!["/c/cat.png", "/c/cat.png", "-o", "x.png", "--catalogue", "catalogue"],
            "2 recipes make 2 files, and x.png is no folder; write x.png/ for one",
        ),
        (vec!["/c/cat.png", "-o", "x.png", "--asset", "cat=nothing.png"], "nothing.png"),
        (vec!["/c/cat.png", "-o", "x.png", "--asset", "cat"], "id=file"),
        (
            vec!["/c/phto.png", "-o", "x.png", "--catalogue", "catalogue"],
            "/base: there is no asset `phto` in the catalogue; did you mean `photo`?\n  known here: cat, photo, hat",
        ),
        (
            vec![
                "/c/cat;w=400.png",
                "-o",
                "x.png",
                "--catalogue",
                "catalogue",
                "--limit-canvas-pixels",
                "9000",
            ],
            "/base: the canvas has 160000 pixels; at most 9000 are allowed: lower `w`, `h` or `dpr`, or raise \
             MILLINER_LIMIT_CANVAS_PIXELS",
        ),
        (
            vec!["tabby/..", "-o", "x.png"],
            "milliner: the path is `tabby/..`; allowed: `/c/{base}/{layer}….{format}`, such as",
        ),
    ] {
        let output = milliner(folder.path(), &[vec!["render"], args].concat());
        assert!(!output.status.success());
        assert!(stderr(&output).contains(says), "{says}: {}", stderr(&output));
        assert!(!folder.path().join("x.png").exists() && !folder.path().join("x.jpg").exists());
        assert!(!folder.path().join("data").exists(), "reading makes no store");
    }
}

#[test]
fn explain_speaks_to_people_and_machines() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    let args = ["explain", "http://localhost:8080/c/cat/hat;rotate=352.auto?k=x", "--catalogue", "catalogue"];
    let text = stdout(&milliner(folder.path(), &args));
    assert!(text.contains("canonical   /c/cat/hat;rotate=-8.auto"), "{text}");
    let json = milliner(folder.path(), &[&args[..], &["--json", "--accept", "image/png"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["recipe"], &json["width"]), (&"/c/cat/hat;rotate=-8.png".into(), &64.into()));
}

#[test]
fn sweep_says_what_it_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let swept = milliner(folder.path(), &["sweep", "--unused-for", "30d"]);
    assert_eq!(stdout(&swept), "swept 0 composites that nobody asked for in 30days\n", "{}", stderr(&swept));
    let odd = milliner(folder.path(), &["sweep", "--unused-for", "soon"]);
    assert!(stderr(&odd).contains("30d") || stderr(&odd).contains("time span"), "{}", stderr(&odd));
}

#[test]
fn sign_makes_urls_that_verify() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        command(folder.path(), &["sign", "/c/cat;h=8;w=8.png", "--public-url", "https://img.example"])
            .env("MILLINER_SIGNING_KEYS", "main:0123456789abcdef")
            .output()
            .unwrap();
    let url = stdout(&output);
    let (path, query) = url.trim().strip_prefix("https://img.example").unwrap().split_once('?').unwrap();
    assert_eq!(path, "/c/cat;w=8;h=8.png");
    let query = compositor::Query::parse(query).unwrap();
    assert!(compositor::signature::verify(b"0123456789abcdef", path, None, &query.signature.unwrap()));
}

#[test]
fn sign_says_how_to_set_a_key_and_how_to_write_a_time_span() {
    let folder = tempfile::tempdir().unwrap();
    let unset = stderr(&milliner(folder.path(), &["sign", "/c/cat.png"]));
    assert!(unset.contains("export MILLINER_SIGNING_KEYS=\"main:$(openssl rand -hex 32)\""), "{unset}");
    let other = command(folder.path(), &["sign", "/c/cat.png", "--key", "old"])
        .env("MILLINER_SIGNING_KEYS", "main:0123456789abcdef")
        .output()
        .unwrap();
    assert!(
        stderr(&other).contains("no signing key `old`; MILLINER_SIGNING_KEYS has: main"),
        "{}",
        stderr(&other)
    );
    for (command, span) in [("sign", "soon"), ("sign", "0s"), ("keys", "never")] {
        let args: &[&str] = match command {
            "sign" => &["sign", "/c/cat.png", "--expires-in", span],
            _ => &["keys", "create", "--name", "x", "--scope", "read", "--expires-in", span],
        };
        let told = stderr(&milliner(folder.path(), args));
        assert!(told.contains("allowed: a time span such as `90s`, `15m`, `1h` or `7d`"), "{told}");
    }
}

#[test]
fn keys_are_shown_once_and_listed_without_their_secret() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |args: &[&str]| milliner(folder.path(), &[&["keys"], args].concat());
    let created = keys(&[
        "create",
        "--name",
        "ci",
        "--scope",
        "read,write",
        "--expires-in",
        "90days",
        "--per-minute",
        "60",
    ]);
    let text = stdout(&created).trim().to_owned();
    // The secret may have an underscore of its own.
    let [_, id, secret] = text.splitn(3, '_').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let id = id.to_owned();
    assert!(text.starts_with("mk_") && secret.len() >= 20, "{text}");
    let listed = stdout(&keys(&["list"]));
    assert!(
        listed.starts_with(&id) && listed.contains("ci  read,write") && !listed.contains(secret),
        "{listed}"
    );
    let record = std::fs::read_to_string(folder.path().join(format!("data/keys/{id}.json"))).unwrap();
    assert!(!record.contains(secret));
    let rotated = stdout(&keys(&["rotate", &id])).trim().to_owned();
    assert!(rotated.starts_with(&format!("mk_{id}_")) && rotated != text);
    assert!(keys(&["revoke", &id]).status.success());
    assert!(stdout(&keys(&["list"])).contains("revoked"));
    assert!(stderr(&keys(&["revoke", "000000000000"])).contains("there is no key"));
}

#[test]
fn keys_are_of_an_environment_and_a_user_and_listed_by_both() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |args: &[&str]| milliner(folder.path(), &[&["keys"], args].concat());
    let create = |name: &str, more: &[&str]| {
        let made = keys(&[&["create", "--name", name, "--scope", "read"], more].concat());
        assert!(made.status.success(), "{}", stderr(&made));
        assert!(stderr(&made).contains(name));
    };
    create("plain", &[]);
    create("anna-live", &["--user", "anna", "--environment", "production"]);
    create("anna-test", &["--user", "anna", "--environment", "staging"]);
    create("ben-live", &["--user", "ben@example.org", "--environment", "production"]);
    let listed = |args: &[&str]| {
        let listed = stdout(&keys(&[&["list"], args].concat()));
        let mut names: Vec<_> =
            listed.lines().map(|line| line.split("  ").nth(1).unwrap().to_owned()).collect();
        names.sort();
        (names.join(" "), listed)
    };
    assert_eq!(listed(&[]).0, "anna-live anna-test ben-live plain");
    assert_eq!(listed(&["--user", "anna"]).0, "anna-live anna-test");
    assert_eq!(listed(&["--environment", "production"]).0, "anna-live ben-live");
    let (names, text) = listed(&["--user", "anna", "--environment", "production"]);
    assert_eq!(names, "anna-live");
    assert!(text.contains("  user anna  environment production"), "{text}");
    let by_variable =
        command(folder.path(), &["keys", "list"]).env("MILLINER_ENVIRONMENT", "staging").output();
    assert!(stdout(&by_variable.unwrap()).contains("anna-test"));
    let spaces = keys(&["create", "--name", "x", "--scope", "read", "--user", "a b"]);
    assert!(stderr(&spaces).contains("a user has 1 to 64 letters"), "{}", stderr(&spaces));
}

#[test]
fn a_rotated_key_shows_until_when_both_secrets_live_and_an_ended_one_is_not_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |args: &[&str]| milliner(folder.path(), &[&["keys"], args].concat());
    let created = stdout(&keys(&["create", "--name", "ci", "--scope", "read"]));
    let id = created.split('_').nth(1).unwrap();
    assert!(!stdout(&keys(&["list"])).contains("old secret"));
    let rotated = keys(&["rotate", id, "--grace", "2h"]);
    assert!(
        rotated.status.success() && stderr(&rotated).contains("old secret until 20"),
        "{}",
        stderr(&rotated)
    );
    let listed = stdout(&keys(&["list"]));
    assert!(listed.contains("old secret until 20") && listed.lines().count() == 1, "{listed}");
    assert!(keys(&["revoke", id]).status.success());
    assert!(!stdout(&keys(&["list"])).contains("old secret"));
    let ended = keys(&["rotate", id]);
    assert!(!ended.status.success() && stdout(&ended).is_empty());
    assert!(stderr(&ended).contains("is expired or revoked"), "{}", stderr(&ended));
    assert!(stderr(&keys(&["rotate", "000000000000"])).contains("there is no key 000000000000"));
}

#[test]
fn help_lists_the_settings_that_a_command_uses() {
    let folder = tempfile::tempdir().unwrap();
    let listed = |command: &[&str]| {
        let help = stdout(&milliner(folder.path(), &[command, &["--help"]].concat()));
        let settings = origin::config::SETTINGS.iter();
        settings
            .filter(|setting| help.contains(&format!("--{} <", setting.flag)))
            .map(|s| s.variable)
            .collect::<Vec<_>>()
    };
    let every: Vec<_> = origin::config::SETTINGS.iter().map(|setting| setting.variable).collect();
    assert_eq!(listed(&["serve"]), every);
    assert_eq!(listed(&[]), Vec::<&str>::new());
    let log = ["MILLINER_LOG", "MILLINER_LOG_FORMAT"];
    let sign = ["MILLINER_PUBLIC_URL", "MILLINER_SIGNING_KEYS"];
    assert_eq!(listed(&["sign"]), [&sign[..], &log].concat());
    for keys in [&["keys"][..], &["keys", "list"]] {
        assert_eq!(listed(keys), [&["MILLINER_STORE", "MILLINER_ENVIRONMENT"][..], &log].concat());
    }
    assert!(
        !listed(&["render"]).contains(&"MILLINER_LISTEN") && listed(&["render"]).contains(&"MILLINER_STORE")
    );
    let unused = milliner(folder.path(), &["sign", "/c/cat.png", "--limit-queue", "5"]);
    assert!(stderr(&unused).contains("unexpected argument '--limit-queue'"), "{}", stderr(&unused));
}

#[test]
fn what_a_command_does_not_use_cannot_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    catalogue(folder.path());
    let render =
        ["render", "/c/cat.png", "-o", "x.png", "--catalogue", "catalogue", "--limit-working-bytes", "4GiB"];
    let output = command(folder.path(), &render)
        .env("MILLINER_LISTEN", "nowhere")
        .env("MILLINER_SIGNING", "required")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_slip_in_a_variable_stops_a_server_and_warns_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    // Put together, so that the test of all variables does not find it.
    let slip = concat!("MILLINER", "_STROE");
    let told = format!("the variable {slip} is no setting; did you mean MILLINER_STORE?");
    let run = |args: &[&str]| command(folder.path(), args).env(slip, "memory:").output().unwrap();
    let server = run(&["serve"]);
    assert_eq!((server.status.code(), stderr(&server)), (Some(1), format!("milliner: {told}\n")));
    let list = run(&["keys", "list"]);
    assert!(list.status.success());
    assert_eq!(stderr(&list), format!("milliner: warning: {told}\n"));
}

#[test]
fn every_variable_that_the_project_reads_is_known() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let list = std::process::Command::new("git").args(["ls-files"]).current_dir(root).output().unwrap();
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
    let of_text = |text: String| {
        let named =
            |rest: &str| rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect::<String>();
        text.split("MILLINER_").skip(1).map(named).collect::<Vec<_>>()
    };
    let names = stdout(&list).lines().map(read).flat_map(of_text).collect::<std::collections::BTreeSet<_>>();
    assert!(names.len() > 30);
    // What ends in `_` is the beginning of several.
    for name in names.iter().filter(|name| !name.is_empty() && !name.ends_with('_')) {
        assert!(
            origin::config::is_ours(&format!("MILLINER_{name}")),
            "MILLINER_{name} is not known to anybody"
        );
    }
}

#[test]
fn wrong_settings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let by_variable =
        command(folder.path(), &["serve"]).env("MILLINER_STORE", "ftp://bucket").output().unwrap();
    let by_flag = milliner(folder.path(), &["serve", "--store", "ftp://bucket"]);
    for output in [by_variable, by_flag] {
        assert_eq!(output.status.code(), Some(1));
        let told = stderr(&output);
        assert!(
            told.contains("MILLINER_STORE") && told.contains("ftp://bucket") && told.contains("file:PATH"),
            "{told}"
        );
    }
}

#[test]
fn completions_are_printed_for_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&milliner(folder.path(), &["completions", shell])).contains("milliner"), "{shell}");
    }
}
