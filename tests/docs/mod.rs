//! Pages of `docs/` that are made from the language and its tests. `UPDATE=1 cargo test docs` writes them anew.

mod compose;
mod grammar;
mod helm;
mod recipes;
mod reliability;

use crate::cli::{Sandbox, finish};
use event_feeder::RecordCode;
use std::fmt::Write;
use std::path::Path;
use timeline_dsl::catalogue::{self, Operator};

const HEAD: &str = "\
# Operators

Every operator of the language, from what most programs begin with to what few need; [language.md](language.md) has the rules that all of them share.
`e` is an event, `p` an event predicate or a condition, `b` a condition (`state<bool>`), `s` a state, `x` a number, `D` a length of time.
A worker takes `O(1)` memory in each session if it keeps a few words whatever happens, and `O(window)` if it keeps what happened within its window.
A timer means that the timeline also changes where no event arrives; it does so at the exact nanosecond.
Under every operator stands a test of `tests/golden/operators`, as `timeline test --draw` draws it.
This page is written by a test (`tests/docs`), from the same words that the editor shows.
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page as it should be against the one that is there.
#[track_caller]
fn check(path: &str, expected: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert!(there == expected, "{} is not up to date (UPDATE=1 writes it): {differs:?}", path.display());
}

fn section(operator: &Operator) -> String {
    let slug = operator.name.replace(' ', "_");
    let test = format!("tests/golden/operators/{slug}.tltest");
    let sandbox = Sandbox::new();
    let mut command = sandbox.command();
    let run = finish(command.args(["test", "--draw"]).arg(root().join(&test)).env("COLUMNS", "96"));
    assert_eq!(run.code, 0, "{test}: {}{}", run.stdout, run.stderr);
    // Between the line that says `ok` and the summary.
    let lines: Vec<&str> = run.stdout.lines().collect();
    let drawing = lines[1..lines.len() - 1].join("\n");
    let timer = if operator.timer.is_empty() { "none" } else { operator.timer };
    let mut out = format!("\n## {}\n\n`{}`\n\n", operator.name, operator.form.replace("), ", ")`, `"));
    for sentence in operator.meaning.split(". ").map(|s| s.trim_end_matches('.')) {
        let _ = writeln!(out, "{sentence}.");
    }
    let _ = writeln!(out, "\n| gives | before | memory | timer |\n|---|---|---|---|");
    let _ = writeln!(
        out,
        "| {} | {} | {} | {timer} |\n",
        operator.gives.replace("event<bool>", "`event<bool>`").replace("state<bool>", "`state<bool>`"),
        operator.before,
        operator.memory
    );
    let _ = writeln!(out, "```text\n{drawing}\n```");
    out
}

#[test]
fn the_page_of_operators_is_what_they_do() {
    let sections: String = catalogue::supported().iter().map(section).collect();
    check("docs/operators.md", &format!("{HEAD}{sections}"));
}

#[test]
fn every_test_of_an_operator_is_on_the_page() {
    let names: Vec<String> = catalogue::supported().iter().map(|o| o.name.replace(' ', "_")).collect();
    for entry in std::fs::read_dir(root().join("tests/golden/operators")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap().to_owned();
        assert!(names.contains(&name), "{name} is no operator");
    }
}

const CODES_HEAD: &str = "\
# Codes of input

What is wrong with records, files and topics has a code that never changes its meaning.
A command that stops says it in brackets, a processor that goes on in a line on standard error; `SELECT * FROM dead_letters` has the code of every record and value that was set aside.
Codes of programs are in [errors.md](errors.md).
This page is written by a test (`tests/docs`).

| code | what it says | what to do |
|---|---|---|
";

const STATE_HEAD: &str = "
## Codes of a state

What is wrong with the state itself, or with what its parts say of each other; [reliability.md](reliability.md) has what is done about each.
`NAME` stands for the file's name, as the message has it.

| code | what it says | what to do |
|---|---|---|
";

#[test]
fn codes_of_input() {
    let mut page = CODES_HEAD.to_owned();
    for code in RecordCode::ALL {
        let _ = writeln!(page, "| {code} | {} | {} |", code.meaning(), code.help());
    }
    page += STATE_HEAD;
    for code in processor::code::StateCode::ALL {
        let _ = writeln!(page, "| {code} | {} | {} |", code.meaning(), code.help());
    }
    check("docs/codes.md", &page);
}
