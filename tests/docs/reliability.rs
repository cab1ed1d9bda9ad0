//! Every fault that `docs/reliability.md` says is survived has a command that repeats it, and that names tests that there are.

use super::root;
use std::path::Path;

/// The text of every Rust file below a folder, with its path.
fn sources(folder: &Path, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Where the tests of a command are.
fn folders(command: &str) -> Option<&'static [&'static str]> {
    let of = |kind: &str| command.starts_with(&format!("cargo test --workspace {kind} "));
    match () {
        () if of("--lib") => Some(&[
            "processor/checkpoint/src",
            "processor/src",
            "event-feeder/src",
            "timeline-core/src",
            "timeline-dsl/src",
        ]),
        () if of("--bins") => Some(&["src"]),
        () if of("--test main") => Some(&["tests"]),
        () if of("--test reference") => Some(&["processor/tests"]),
        () => None,
    }
}

#[test]
fn every_fault_has_a_command_and_that_its_tests() {
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let mut lines = page.lines().filter(|line| line.starts_with('|')).peekable();
    let (mut commands, mut rows) = (0, 0);
    while let Some(line) = lines.next() {
        if line.starts_with("|---") || lines.peek().is_some_and(|next| next.starts_with("|---")) {
            continue;
        }
        rows += 1;
        let own: Vec<&str> = line.split('`').filter(|piece| piece.starts_with("cargo ")).collect();
        assert!(!own.is_empty(), "no command: {line}");
        for command in own {
            commands += 1;
            let folders = folders(command).unwrap_or_else(|| panic!("not how tests are run: {command}"));
            let mut all = vec![];
            folders.iter().for_each(|folder| sources(&root().join(folder), &mut all));
            let filter = command.split(' ').next_back().unwrap_or_default();
            let last = filter.split("::").last().unwrap_or_default();
            let has = |(path, text): &(String, String)| {
                let is_module = path.ends_with(&format!("/{last}.rs")) || path.ends_with(&format!("/{last}/mod.rs"));
                (is_module && text.contains("#[test]")) || text.contains(&format!("fn {last}"))
            };
            assert!(all.iter().any(has), "no test of this name: {command}");
        }
    }
    assert!(rows > 30 && commands >= rows, "{rows} rows, {commands} commands");
}
