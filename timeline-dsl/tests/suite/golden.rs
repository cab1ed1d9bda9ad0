//! Programs in `tests/golden/*.tl` and what the front end says to them, in `*.out` beside each.
//!
//! A line `//// file NAME` begins a further program of one compilation; `//// defaults none` leaves an expression
//! without key and time. `TIMELINE_BLESS=1 cargo test -p timeline-dsl` writes the expected files anew.

use crate::given::Given;
use std::fs;
use std::path::{Path, PathBuf};
use timeline_dsl::{
    Compilation, Defaults, ExplainFormat, ProgramText, SessionSize, compile_expression, compile_with, explain,
    is_expression, render,
};

#[test]
fn programs_give_what_is_written_beside_them() {
    let mut wrong = vec![];
    for path in cases() {
        let found = answer(&path);
        let expected_path = path.with_extension("out");
        if std::env::var_os("TIMELINE_BLESS").is_some() {
            fs::write(&expected_path, &found).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}:\n--- expected\n{expected}\n+++ found\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|e| e == "tl"));
    all.sort();
    assert!(!all.is_empty());
    all
}

fn answer(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let programs = programs(name, &text);
    let compilation = compile_case(&programs, &text);
    let mut out = render(&compilation.diagnostics, &programs, false);
    if compilation.is_ok() {
        for plan in &compilation.plans {
            let sizes = SessionSize { session_bytes: 8 * plan.nodes.len(), node_bytes: vec![8; plan.nodes.len()] };
            out.push_str(&explain(plan, &sizes, ExplainFormat::Text));
        }
    }
    out
}

fn compile_case(programs: &[ProgramText], text: &str) -> Compilation {
    if !is_expression(&programs[0].text) {
        return compile_with(programs, &Given);
    }
    let given = |field: &str| (!text.contains("//// defaults none")).then(|| field.to_owned());
    let defaults = Defaults { key: given("sessionId"), time: given("ts"), ..Defaults::default() };
    compile_expression(&programs[0].text, &defaults)
}

fn programs(name: &str, text: &str) -> Vec<ProgramText> {
    let mut all: Vec<ProgramText> = vec![];
    for line in text.split_inclusive('\n') {
        let file = line.strip_prefix("//// file ").map(str::trim);
        if let (Some(file), _) | (None, (true, file)) = (file, (all.is_empty(), name)) {
            all.push(ProgramText { name: file.to_owned(), text: String::new(), ..ProgramText::default() });
        }
        if !line.starts_with("//// file ") {
            all.last_mut().unwrap().text.push_str(line);
        }
    }
    all
}
