//! Completions and manual pages.

use super::{Sandbox, finish};
use crate::served::Server;

#[test]
fn completions_know_every_subcommand() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = sandbox.run(&["completions", shell]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        for command in ["demo", "eval", "session", "outliers"] {
            assert!(run.stdout.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["man", "--dir", "man1"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    let page = std::fs::read_to_string(sandbox.path().join("man1/timeline-query.1")).unwrap();
    assert!(page.contains("timeline query") && page.contains("SELECT"), "{page}");
    assert_eq!(sandbox.run(&["man", "query"]).expect(0, &page).stderr, "");
    let root = sandbox.run(&["man"]).stdout;
    assert_eq!(root, std::fs::read_to_string(sandbox.path().join("man1/timeline.1")).unwrap());
}

#[test]
fn completions_know_what_a_processor_has() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "video.tl",
        "source s { key k  time t in s  b: bool }\nmetric bright = has_existed(b)\nalert dark = latest(b)\n",
    );
    let log = ["a-1", "a-2", "b 3", "c"].map(|key| format!("{{\"k\":\"{key}\",\"t\":1,\"b\":true}}\n"));
    sandbox.file("log.ndjson", log.concat());
    let server = Server::start_on(sandbox.path(), &["--source", "file:log.ndjson"]);
    assert_eq!(server.rows("SELECT session FROM sessions").len(), 4);
    let known = |args: &[&str]| sandbox.run(&[&["known"], args, &["--server", &server.url]].concat()).stdout;
    assert_eq!(known(&["queries"]), "bright\ndark\n");
    assert_eq!(known(&["queries", "b"]), "bright\n");
    // One that a shell would take for two words is not offered.
    assert_eq!(known(&["sessions"]), "a-1\na-2\nc\n");
    assert_eq!(known(&["sessions", "a-"]), "a-1\na-2\n");
    assert_eq!(known(&["sessions", "'"]), "");
    // In a shell.
    sandbox.file("completions", sandbox.run(&["completions", "bash"]).stdout);
    let program = sandbox.command().get_program().to_owned();
    let ask = "source ./completions; COMP_WORDS=(\"$0\" session a-); COMP_CWORD=2; _timeline_known timeline a- session; \
               printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", ask]).arg(program).current_dir(sandbox.path()).env("TIMELINE_SERVER", &server.url);
    let run = finish(&mut shell);
    assert!(run.stdout.contains("a-1\n") && run.stdout.contains("a-2\n"), "{} {}", run.stdout, run.stderr);
}
