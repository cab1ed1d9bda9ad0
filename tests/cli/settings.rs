//! Flags win over the environment, which wins over `timeline.toml`.

use super::{Sandbox, finish};

#[test]
fn flags_win_over_environment_over_file() {
    let sandbox = Sandbox::new();
    // Ports on which nothing listens: the refusal says which address was tried.
    sandbox.file("timeline.toml", "server = \"http://127.0.0.1:3\"\n");
    sandbox.file("other.toml", "server = \"http://127.0.0.1:4\"\n");
    let check = |args: &[&str], env: &[(&str, &str)], address: &str| {
        let run = finish(sandbox.command().arg("queries").args(args).envs(env.iter().copied()));
        assert_eq!(run.code, 3);
        assert!(run.stderr.contains(address), "{address}: {}", run.stderr);
    };
    let env = [("TIMELINE_SERVER", "http://127.0.0.1:2")];
    check(&["--server", "http://127.0.0.1:1/"], &env, "127.0.0.1:1:");
    check(&[], &env, "127.0.0.1:2:");
    check(&[], &[], "127.0.0.1:3:");
    check(&["--config", "other.toml"], &[], "127.0.0.1:4:");
    check(&[], &[("TIMELINE_CONFIG", "other.toml")], "127.0.0.1:4:");
}

#[test]
fn wrong_settings_are_wrong_usage() {
    let sandbox = Sandbox::new();
    sandbox.file("timeline.toml", "formt = \"csv\"\n");
    let run = sandbox.run(&["queries"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("timeline.toml") && run.stderr.contains("formt"), "{}", run.stderr);
    assert_eq!(sandbox.run(&["queries", "--config", "none.toml"]).code, 2);
}

#[test]
fn every_variable_of_serve_has_a_setting() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  a: bool }\nmetric m = duration_where(latest(a))\n");
    sandbox.file("e.ndjson", "");
    let serve = ["serve", "p.tl", "--source", "file:e.ndjson", "--listen", "127.0.0.1:0", "--exit-at-end"];
    sandbox.file(
        "timeline.toml",
        "keep = '1h'\nsubscription = 's'\nadvertise = 'h:1'\npulsar_token_file = 't'\npulsar_ca = 'c'\nstate = 'd'\notlp = ''\n",
    );
    assert_eq!(sandbox.run(&serve).code, 0);
    sandbox.file("timeline.toml", "keep = 'soon'\nstate = 'd'\n");
    let run = sandbox.run(&serve);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("keep") && run.stderr.contains("soon"), "{}", run.stderr);
    assert_eq!(finish(sandbox.command().args(serve).env("TIMELINE_KEEP", "2h")).code, 0);
    // Refused for what it is, or because the build has none.
    sandbox.file("timeline.toml", "otlp = 'nowhere'\nstate = 'd'\n");
    for (run, url) in [
        (sandbox.run(&serve), "nowhere"),
        (finish(sandbox.command().args(serve).env("TIMELINE_OTLP", "h:1")), "h:1"),
        (sandbox.run(&[&serve[..], &["--otlp", "ftp://h"]].concat()), "ftp://h"),
    ] {
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.starts_with(&format!("timeline: --otlp {url}: this ")), "{}", run.stderr);
    }
}

#[cfg(all(feature = "lake", feature = "s3"))]
#[test]
fn history_without_a_place_lies_beside_the_state() {
    let sandbox = Sandbox::new();
    sandbox
        .file("p.tl", "source s { key k  time t in s  end after 1s  a: bool }\nmetric m = duration_where(latest(a))\n");
    let event = |key: &str, t: i64| format!("{{\"k\":\"{key}\",\"t\":{t},\"a\":true}}\n");
    sandbox.file("e.ndjson", format!("{}{}", event("a", 0), event("b", 1000)));
    let serve = ["serve", "p.tl", "--source", "file:e.ndjson", "--listen", "127.0.0.1:0", "--exit-at-end", "--state"];
    let run = |more: &[&str]| finish(sandbox.command().args(serve).args(more));
    assert_eq!(run(&["one", "--history"]).code, 0);
    assert!(sandbox.path().join("one-history/finals/_delta_log").is_dir());
    // Noted once; and from the settings.
    assert_eq!(run(&["one"]).code, 0);
    sandbox.file("timeline.toml", "history = true\nhistory_backlog = '2GiB'\n");
    assert_eq!(run(&["two"]).code, 0);
    assert!(sandbox.path().join("two-history/finals/_delta_log").is_dir());
    sandbox.file("timeline.toml", "history_backlog = 'much'\n");
    let refused = run(&["two"]);
    assert!(refused.code == 2 && refused.stderr.contains("history_backlog"), "{}", refused.stderr);
    sandbox.file("timeline.toml", "");
    for (wrong, why) in [("s3://", "bucket"), ("p.tl", "p.tl is a file"), ("gs://bucket/x", "s3://BUCKET/PREFIX")] {
        let refused = run(&["three", "--history", wrong]);
        assert!(refused.code == 2 && refused.stderr.contains(why), "{wrong}: {}", refused.stderr);
    }
}

#[test]
fn a_token_of_the_environment_wins_over_the_file_of_the_settings() {
    let sandbox = Sandbox::new();
    sandbox.file("timeline.toml", "server = \"http://127.0.0.1:3\"\ntoken_file = \"none\"\n");
    assert_eq!(sandbox.run(&["queries"]).code, 2);
    assert_eq!(finish(sandbox.command().arg("queries").env("TIMELINE_TOKEN", "word")).code, 3);
}
