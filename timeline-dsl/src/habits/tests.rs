//! What help lines recommend compiles.

use super::functions::FUNCTIONS;
use super::words::{BEGINNINGS, PIPES, WORDS};
use super::{ABSENCE, PATTERNS, SIGNS};
use crate::{ProgramText, compile, render};

/// The names that help lines use, defined in several ways: in some a name is an event, in others a state.
const MEANINGS: [&str; 4] = [
    "source s { key k  time ts in ms  event: float  a: float  b: float  x: float  column: string  text: string }
     let state = latest(event) > 1
     let condition = latest(a) > 1\n",
    "source s { key k  time ts in ms  event: float  p: float  q: float  column: string  text: string }
     let a = latest(p)
     let b = latest(q)
     let x = count(event)
     let state = latest(event)
     let condition = p > 1\n",
    "source s { key k  time ts in ms  event: float  p: float  q: float  column: string  text: string }
     let a = latest(p) > 1
     let b = latest(q) > 1
     let x = latest(p)
     let state = a
     let condition = a\n",
    "source s { key k  time ts in ms  event: bool  x: string  column: string  text: string }
     let state = latest(event)\n",
];

/// The forms of a help line that are complete: neither a name alone nor a form with something left open.
fn forms(help: &str) -> Vec<String> {
    let shown = help.split('`').skip(1).step_by(2).map(|form| form.replace("\"...\"", "\"a\""));
    let is_name = |form: &str| form.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'|');
    shown.filter(|form| !is_name(form) && !form.contains("...") && !form.starts_with("timeline ")).collect()
}

/// The programs that a form may stand in.
fn programs(form: &str) -> Vec<String> {
    // An event is no metric, but a name for one.
    let whole = |metric: &str| -> Vec<String> {
        let as_metric = MEANINGS.map(|meaning| format!("{meaning}metric m = {metric}\n"));
        let as_name = MEANINGS.map(|meaning| format!("{meaning}let l = {metric}\nmetric m = count(event)\n"));
        as_metric.into_iter().chain(as_name).collect()
    };
    match form {
        _ if form.starts_with("metric ") || form.starts_with("let ") => {
            MEANINGS.map(|meaning| format!("{meaning}{form}\nmetric m = count(event)\n")).to_vec()
        }
        _ if form.starts_with("column: ") => {
            vec![format!("source s {{ key k  time ts in ms  {form} }}\nmetric m = count(column)\n")]
        }
        _ if form.starts_with("split by ") => whole(&format!("count(event) {form}")),
        "| keep spans" => whole("count(event) | keep spans"),
        _ if form.starts_with("| aggregate(group_by(column)") => {
            whole(&format!("count(event) split by latest(column) {form}"))
        }
        _ if form.starts_with("| ") => whole(&format!("count(event) {form}")),
        _ => whole(form),
    }
}

#[test]
fn what_a_help_line_recommends_compiles() {
    let tables = [FUNCTIONS, WORDS, BEGINNINGS, PIPES];
    let helps = tables.into_iter().flatten().map(|(_, help)| *help);
    let signs = SIGNS.into_iter().map(|(_, help)| help);
    let brackets = ["[5m]", "[\"a\"]", "["].map(|text| super::bracket(text, true).1);
    let words = ["is", "between", "like"].map(|word| super::word(word, "x").unwrap());
    let (mut count, mut wrong) = (0, vec![]);
    let fixed = helps.chain(signs).chain(brackets).chain([ABSENCE, PATTERNS]).map(str::to_owned);
    for help in fixed.chain(words) {
        for form in forms(&help) {
            let all: Vec<Vec<_>> = programs(&form)
                .into_iter()
                .map(|text| vec![ProgramText { name: "p".into(), text, ..ProgramText::default() }])
                .collect();
            let compiles = all.iter().any(|program| compile(program).is_ok());
            let said = || all.iter().map(|program| render(&compile(program).diagnostics, program, false));
            if !compiles {
                wrong.push(format!("`{form}` does not compile:\n{}", said().take(2).collect::<Vec<_>>().join("\n")));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 80, "{count} forms");
}

#[test]
fn clauses_that_are_recommended_compile() {
    for word in ["watermark", "id", "timestamp", "timeout", "sort", "unique", "until"] {
        let clause = super::clause(word).unwrap();
        let rest: String =
            ["key session", "time ts in ms"].into_iter().filter(|own| *own != clause).collect::<Vec<_>>().join("\n");
        let text = format!("source s {{\n{rest}\n{clause}\nid: string, type: string }}\nmetric m = count(type)\n");
        let program = [ProgramText { name: "p".into(), text, ..ProgramText::default() }];
        let compiled = compile(&program);
        assert!(compiled.is_ok(), "{}", render(&compiled.diagnostics, &program, false));
    }
}

#[test]
fn no_habit_is_a_word_of_the_language() {
    for (names, _) in FUNCTIONS {
        for name in *names {
            assert!(
                matches!(crate::names::lookup(name), crate::names::FunctionLookup::Unknown),
                "`{name}` is an operator"
            );
        }
    }
    let mut names: Vec<&str> = FUNCTIONS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    names.sort_unstable();
    let twice: Vec<&&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
