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
