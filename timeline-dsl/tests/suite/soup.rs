//! Any text at all: the front end answers, and what it answers can be shown.

use proptest::prelude::*;
use timeline_dsl::{
    Compilation, Defaults, ExplainFormat, ProgramText, SessionSize, compile, compile_expression, explain,
    is_expression, render, render_json,
};

const PIECES: &[&str] = &[
    "source",
    "let",
    "metric",
    "alert",
    "operator",
    "table",
    "until",
    "[",
    "]",
    "t[",
    "].y",
    "f",
    "state",
    "16",
    "from",
    "\"f.wasm\"",
    "s",
    "{",
    "}",
    "key",
    "time",
    "in",
    "ms",
    "order",
    "by",
    "lateness",
    "end",
    "when",
    "after",
    "or",
    "all",
    "late",
    "ledger",
    "repair",
    "idle",
    "never",
    "future",
    "dedup",
    "null",
    "is",
    "missing",
    "csv",
    "delimiter",
    "decimal",
    "as",
    "\"a[0].b\"",
    "\"%d.%m.%Y\"",
    "\"UTC\"",
    "\";\"",
    "within",
    "scope",
    "where",
    "if",
    "coalesce",
    "lower",
    "abs",
    "starts_with",
    "longest",
    "integral",
    "time_weighted_avg",
    "duration_of_previous_state",
    "x",
    "y",
    "z",
    ":",
    ":",
    "string",
    "int",
    "float",
    "bool",
    "from",
    ",",
    ";",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "!",
    "+",
    "-",
    "*",
    "/",
    "|",
    "&",
    "(",
    ")",
    "(",
    ")",
    ".",
    "latest(",
    "has_existed(",
    "has_existed_within(",
    "held_for(",
    "duration_where(",
    "duration_in_cur_state(",
    "TL_EqualTo(",
    "TL_And(",
    "col(",
    "first(",
    "ttl",
    "over",
    "last",
    "split",
    "scope",
    "every",
    "as",
    "aggregate(",
    "group_by(",
    "count",
    "sum",
    "p95",
    "keep",
    "spans",
    "true",
    "false",
    "5",
    "1.5",
    "5s",
    "1h30m",
    "3parsecs",
    "1e400",
    "0",
    "\"a\"",
    "\"",
    "'b'",
    "\"\\u12\"",
    "//",
    "\n",
    "\n",
    "\n",
    "é",
    "日",
    "\u{202e}",
    "#",
    "\t",
    "\\",
    "\u{0}",
];

const DECLARATIONS: &str = "source s { key k time t in ms x: string y: int z: bool }\n";

fn look_at(compilation: &Compilation, programs: &[ProgramText]) {
    assert!(compilation.diagnostics.len() <= timeline_dsl::diagnostics::MAX_DIAGNOSTICS + 1);
    for d in &compilation.diagnostics {
        assert!(d.help.is_some(), "{d:?} has no help");
        let text = &programs[d.file].text;
        assert!(d.span.start <= d.span.end && d.span.end <= text.len(), "{d:?}");
        assert!(text.is_char_boundary(d.span.start) && text.is_char_boundary(d.span.end), "{d:?}");
    }
    render(&compilation.diagnostics, programs, true);
    render_json(&compilation.diagnostics, programs);
    if compilation.is_ok() {
        for plan in &compilation.plans {
            for format in [ExplainFormat::Text, ExplainFormat::Dot, ExplainFormat::Svg, ExplainFormat::Json] {
                explain(plan, &SessionSize::default(), format);
            }
        }
    }
}

fn try_text(text: String) {
    is_expression(&text);
    let defaults = Defaults { key: Some("k".into()), time: Some("t".into()), ..Defaults::default() };
    let program = ProgramText { name: "soup".into(), text, ..ProgramText::default() };
    look_at(&compile_expression(&program.text, &defaults), std::slice::from_ref(&program));
    let programs = [program.clone(), program];
    look_at(&compile(&programs), &programs);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn tokens_in_any_order(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60), declared: bool) {
        try_text(format!("{}{}", if declared { DECLARATIONS } else { "" }, pieces.join(" ")));
    }

    #[test]
    fn tokens_as_an_expression(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
        try_text(format!("{DECLARATIONS}metric m = duration_where(latest(x) == \"a\") {}", pieces.join(" ")));
    }

    #[test]
    fn any_characters(text in any::<String>()) {
        try_text(text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        try_text(String::from_utf8_lossy(&bytes).into_owned());
    }

    #[test]
    fn a_program_cut_anywhere(at in 0usize..2000) {
        let whole = include_str!("../golden/video.tl");
        let mut at = at.min(whole.len());
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        try_text(whole[..at].to_owned());
        try_text(whole[at..].to_owned());
    }
}
