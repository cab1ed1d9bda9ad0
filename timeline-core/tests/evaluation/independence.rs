//! The two evaluators stand beside each other and know nothing of each other: what an operator means is never taken from how
//! it is done.

use std::path::{Path, PathBuf};

/// The files of a folder and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let all = entries.map(|entry| entry.expect("it can be read").path());
    all.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file, without its comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("the file is there");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

fn is_meaning(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "meaning.rs")
}

#[test]
fn meanings_know_no_steps() {
    let operators = files(&source().join("operators"));
    let meanings: Vec<_> = operators.iter().filter(|file| is_meaning(file)).collect();
    assert!(meanings.len() > 50, "each operator has one: {}", meanings.len());
    for file in meanings {
        let code = code(file);
        // What stands beside it is only reached through its parents.
        for forbidden in ["incremental", "super::", "self::", "operators"] {
            assert!(!code.contains(forbidden), "{} has `{forbidden}`", file.display());
        }
    }
    for file in files(&source().join("reference")) {
        for forbidden in ["incremental", "operators"] {
            assert!(!code(&file).contains(forbidden), "{} has `{forbidden}`", file.display());
        }
    }
}

#[test]
fn steps_know_no_meanings() {
    let operators = files(&source().join("operators"));
    let evaluator = files(&source().join("incremental"));
    // The bench of the operators' tests runs both.
    let is_bench = |file: &Path| file.file_name().is_some_and(|name| name == "testing.rs");
    for file in operators.iter().chain(&evaluator).filter(|file| !is_meaning(file) && !is_bench(file)) {
        for forbidden in ["reference", "meaning::"] {
            assert!(!code(file).contains(forbidden), "{} has `{forbidden}`", file.display());
        }
    }
}
