//! Texts made to hurt: deep, long, wide, and small ones that would grow without bound.

use std::fmt::Write;
use timeline_dsl::{Compilation, ExplainFormat, ProgramText, SessionSize, compile, explain, render};

pub(crate) const SOURCE: &str = "source s { key k  time t in ms  x: string  n: int }\n";

pub(crate) fn compile_text(text: &str) -> Compilation {
    compile(&[ProgramText { name: "p.tl".into(), text: text.into(), ..ProgramText::default() }])
}

pub(crate) fn codes(text: &str) -> Vec<&'static str> {
    compile_text(text).diagnostics.iter().map(|d| d.code).collect()
}

/// Programs that are too much, with the code that says so.
pub(crate) fn too_much() -> Vec<(&'static str, String)> {
    let many_errors = (0..100).fold(SOURCE.to_owned(), |text, i| format!("{text}let a{i} = nothing\n"));
    let mut doubling = format!("{SOURCE}let e0 = x == \"a\"\n");
    for i in 1..30 {
        let _ = writeln!(doubling, "let e{i} = e{} && e{}", i - 1, i - 1);
    }
    let mut columns = String::from("source s { key k  time t in ms");
    let mut sum = String::from("metric m = duration_where(");
    for i in 0..65 {
        let _ = write!(columns, "  c{i}: bool");
        let _ = write!(sum, "{}latest(c{i})", if i > 0 { " && " } else { "" });
    }
    let mut copies = format!("{SOURCE}let e = x == \"\"");
    (0..1000).for_each(|i| copies.push_str(&format!(" || x == \"{i}\"")));
    (0..10_000).for_each(|i| copies.push_str(&format!("\nalert a{i} = has_existed(e || x == \"z{i}\")")));
    vec![
        ("TL0219", copies),
        ("TL0007", format!("{SOURCE}let a = {}x{}", "(".repeat(100_000), ")".repeat(100_000))),
        ("TL0007", format!("{SOURCE}let a = {}x", "!".repeat(100_000))),
        ("TL0007", format!("{SOURCE}let a = {}x", "latest(".repeat(100_000))),
        ("TL0007", format!("{SOURCE}let a = latest(x){}", " over last 5s".repeat(50_000))),
        (
            "TL0219",
            format!(
                "{SOURCE}metric a = duration_where(latest(x) == \"a\") split by latest(x){}",
                ", latest(x)".repeat(80_000)
            ),
        ),
        ("TL0008", " ".repeat((1 << 20) + 1)),
        ("TL0010", many_errors),
        ("TL0219", doubling),
        ("TL0219", format!("{columns} }}\n{sum})")),
    ]
}

#[test]
fn what_is_too_much_is_refused() {
    for (code, text) in too_much() {
        let found = codes(&text);
        assert!(found.contains(&code), "{code} is not in {found:?}");
        assert!(found.len() <= 60);
    }
}

#[test]
fn nesting_up_to_the_limit_is_read() {
    let inner = "has_existed(x == \"a\")";
    let deep = (0..95).fold(inner.to_owned(), |e, _| format!("!({e} || {inner} && latest(n) + 1 * 2 < 3 && {inner})"));
    // Each round nests by two: beyond the limit it is refused, not read into a tree that is too deep.
    assert!(codes(&format!("{SOURCE}alert a = {deep}")).contains(&"TL0007"));
    let deep = (0..45).fold(inner.to_owned(), |e, _| format!("!({inner} || {inner} && latest(n) + 1 * 2 < 3 && {e})"));
    assert_eq!(codes(&format!("{SOURCE}alert a = {deep}")), Vec::<&str>::new());
    for (open, close) in [
        ("(1 || 1 && 1 == 1 + 1 * ", " over last 1 over last 1 over last 1 over last 1)"),
        ("latest(x || x && x == x + x * ", " split by x)"),
        ("held_for(x || x && x == x + x * ", " over last 1 over last 1 over last 1 over last 1, 5)"),
    ] {
        let deep = format!("{SOURCE}let a = {}x{}", open.repeat(99), close.repeat(99));
        assert!(!codes(&deep).contains(&"TL0007"), "{:?}", codes(&deep));
    }
    let calls = (0..45).fold("latest(n)".to_owned(), |e, _| format!("1 + (2 * ({e}))"));
    assert_eq!(codes(&format!("{SOURCE}metric a = {calls}")), Vec::<&str>::new());
}

#[test]
fn long_chains_are_no_nesting() {
    let terms = vec!["latest(n) > 3"; 10_000].join(" && ");
    assert_eq!(codes(&format!("{SOURCE}alert a = {terms}")), Vec::<&str>::new());
    let sum = vec!["latest(n)"; 10_000].join(" + ");
    let compilation = compile_text(&format!("{SOURCE}metric a = {sum}"));
    assert!(compilation.is_ok());
    for format in [ExplainFormat::Text, ExplainFormat::Dot, ExplainFormat::Svg, ExplainFormat::Json] {
        assert!(explain(&compilation.plans[0], &SessionSize::default(), format).len() < 40_000_000);
    }
}

#[test]
fn shared_inputs_are_not_written_out_again_and_again() {
    let mut text = format!("{SOURCE}let a0 = has_existed(x == \"a\")\n");
    for i in 1..500 {
        let _ = writeln!(text, "let a{i} = has_existed_within(a{} || !a{}, {i}s)", i - 1, i - 1);
    }
    let compilation = compile_text(&format!("{text}alert b = a499"));
    assert!(compilation.is_ok());
    let drawn = explain(&compilation.plans[0], &SessionSize::default(), ExplainFormat::Text);
    assert!(drawn.len() < 1_000_000, "{}", drawn.len());
    assert!(drawn.contains("continued from"));
}

#[test]
fn a_line_of_a_mebibyte_is_shown_in_part() {
    let text = format!("{SOURCE}let a = \"{}\" == nothing", "é".repeat(400_000));
    let program = ProgramText { name: "p.tl".into(), text, ..ProgramText::default() };
    let compilation = compile(std::slice::from_ref(&program));
    assert!(render(&compilation.diagnostics, &[program], false).len() < 2_000);
    let program = ProgramText {
        name: "p.tl".into(),
        text: format!("{SOURCE}let a = {}", "n".repeat(1_000_000)),
        ..ProgramText::default()
    };
    let compilation = compile(std::slice::from_ref(&program));
    assert!(render(&compilation.diagnostics, &[program], false).len() < 3_000);
}
