//! Every code has a failing example and a section in `docs/errors.md`, whose example gives that code.

use crate::given::Given;
use crate::limits::{compile_text, too_much};
use std::collections::BTreeSet;
use timeline_dsl::diagnostics::codes::ALL;
use timeline_dsl::{Defaults, ProgramText, Severity, compile_expression, compile_with, is_expression};

const PAGE: &str = include_str!("../../../docs/errors.md");

/// Codes whose examples are too long for a page; `limits` has them.
const TOO_LONG_TO_PRINT: [&str; 4] = ["TL0007", "TL0008", "TL0010", "TL0219"];

#[test]
fn the_page_has_a_section_for_every_code_and_no_other() {
    let sections: Vec<&str> = PAGE.lines().filter_map(|l| l.strip_prefix("## ")).collect();
    let expected: Vec<String> = ALL.iter().map(|c| format!("{}: {}", c.name, c.title)).collect();
    assert_eq!(sections, expected);
}

#[test]
fn the_example_of_each_section_gives_its_code() {
    for section in PAGE.split("\n## ").skip(1) {
        let code = &section[..6];
        let Some(example) = section.split("```timeline\n").nth(1).and_then(|s| s.split("```").next()) else {
            assert!(TOO_LONG_TO_PRINT.contains(&code), "{code} has no example");
            continue;
        };
        let found = if is_expression(example) {
            compile_expression(example, &Defaults::default())
        } else {
            compile_with(&[ProgramText { name: "p.tl".into(), text: example.into(), ..ProgramText::default() }], &Given)
        };
        let found: BTreeSet<&str> = found.diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(found, BTreeSet::from([code]), "the example of {code}");
    }
}

#[test]
fn what_is_too_long_to_print_is_tried_elsewhere() {
    let tried: BTreeSet<&str> = too_much().iter().map(|(code, _)| *code).collect();
    assert_eq!(tried, BTreeSet::from(TOO_LONG_TO_PRINT));
}

#[test]
fn only_a_use_of_what_hides_a_column_is_spoken_of() {
    let codes = |definitions: &str| {
        let program = format!("source card {{ key id  time ts in ms  amount: float  open: bool }}\n{definitions}");
        let found = compile_text(&program).diagnostics;
        found.iter().map(|d| (d.code, d.severity == Severity::Warning)).collect::<Vec<_>>()
    };
    let said = ("TL0110", true);
    assert_eq!(codes("metric amount = sum(amount)\nmetric large = count(amount > 100)"), [said]);
    assert_eq!(codes("alert open = latest(open)\nmetric long = duration_where(open)"), [said]);
    for quiet in [
        "metric large = count(amount > 100)\nmetric amount = sum(amount)",
        "metric amount = sum(amount)\nmetric large = count(col(\"amount\") > 100)",
        "let amount = latest(col(\"amount\"))\nmetric large = duration_where(amount > 100)",
        "metric total = sum(amount)\nmetric large = duration_where(total > 100)",
    ] {
        assert!(codes(quiet).is_empty(), "{quiet}");
    }
}

#[test]
fn the_program_of_the_language_page_is_right() {
    let page = include_str!("../../../docs/language.md");
    let program = page.split("```timeline\n").nth(1).and_then(|s| s.split("```").next()).unwrap();
    let compilation = compile_text(program);
    assert!(compilation.diagnostics.is_empty(), "{:?}", compilation.diagnostics);
    assert_eq!(compilation.plans[0].metrics.len() + compilation.plans[0].alerts.len(), 3);
}
