//! Completions and manual pages.

use super::Sandbox;

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
