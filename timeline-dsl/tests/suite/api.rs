//! What callers rely on beside the text.

use std::collections::{BTreeMap, BTreeSet};
use timeline_core::plan::{FieldPath, Need, TimeUnit};
use timeline_core::{SECOND, Type};
use timeline_dsl::{Defaults, ProgramText, compile, compile_expression, is_expression, render_json};

fn program(name: &str, text: &str, without: &[&str]) -> ProgramText {
    let without = without.iter().map(|s| s.to_string()).collect();
    ProgramText { name: name.into(), text: text.into(), without, ..ProgramText::default() }
}

const SOURCE: &str = "source s { key k  time t in ms  x: string }\n";

#[test]
fn outputs_left_out_keep_their_names() {
    let text = format!("{SOURCE}metric a = duration_where(latest(x) == \"a\")\nmetric b = a * 2\nalert c = a > 5s");
    let one = compile(&[program("one", &text, &["a", "c"])]);
    assert!(one.is_ok());
    let names: Vec<&str> = one.plans[0].metrics.iter().map(|m| m.name.as_str()).collect();
    assert_eq!((names, one.plans[0].alerts.len()), (vec!["b"], 0));
    // And one of those that come later may not see it.
    let mut unspoken = program("one", &text, &["a", "b", "c"]);
    unspoken.unspoken = BTreeSet::from(["a".to_owned()]);
    let speaks =
        compile(&[program("old", &text, &["a", "b", "c"]), unspoken.clone(), program("two", "metric d = a", &[])]);
    assert!(speaks.is_ok(), "the one before it is spoken of: {:?}", speaks.diagnostics);
    assert!(!compile(&[unspoken, program("two", "metric d = a", &[])]).is_ok());
    // Another program may define the name that is left out.
    let other = format!("{SOURCE}metric a = duration_where(latest(x) == \"z\")");
    let both = compile(&[program("one", &text, &["a", "b", "c"]), program("two", &other, &[])]);
    assert!(both.is_ok(), "{:?}", both.diagnostics);
    assert_eq!(both.plans[0].metrics.len(), 1);
    assert!(!compile(&[program("one", &text, &[]), program("two", &other, &[])]).is_ok());
}

#[test]
fn only_what_outputs_need_is_in_the_plan() {
    let text = "source s { key k  time t in ms  x: string  y: string }\n\
                let unused = has_existed(y == \"a\")\nmetric a = latest(x)";
    let plan = &compile(&[program("one", text, &[])]).plans[0];
    assert_eq!((plan.columns.len(), plan.nodes.len()), (1, 2));
}

#[test]
fn key_and_time_come_from_flags_or_common_names() {
    let known = |names: &[(&str, Type)]| names.iter().map(|(n, t)| (n.to_string(), *t)).collect::<BTreeMap<_, _>>();
    let text = "has_existed(a == 1)";
    let found = compile_expression(
        text,
        &Defaults {
            known: known(&[("Session_ID", Type::String), ("timestamp", Type::String), ("a", Type::Int)]),
            lateness: 3 * SECOND,
            ..Defaults::default()
        },
    );
    assert!(found.is_ok());
    let source = &found.plans[0].source;
    assert_eq!(source.key, [FieldPath::name("Session_ID")]);
    assert_eq!((source.time.dotted().as_str(), source.time_unit.clone()), ("timestamp", TimeUnit::Rfc3339));
    assert_eq!((source.name.as_str(), source.lateness), ("events", 3 * SECOND));
    assert_eq!(found.plans[0].columns[0].ty, Type::Int);
    assert_eq!(found.plans[0].metrics[0].name, "result");

    let given = Defaults { key: Some("user.id, host".into()), time: Some("at.ms".into()), ..Defaults::default() };
    let source = compile_expression(text, &given).plans[0].source.clone();
    assert_eq!(source.key, [FieldPath(vec!["user".into(), "id".into()]), FieldPath::name("host")]);
    assert_eq!((source.time.dotted().as_str(), source.time_unit), ("at.ms", TimeUnit::Milliseconds));

    let typo = Defaults {
        key: Some("sesionId".into()),
        time: Some("ts".into()),
        known: known(&[("sessionId", Type::String), ("ts", Type::Int)]),
        ..Defaults::default()
    };
    let found = compile_expression(text, &typo);
    assert!(found.is_ok(), "only a warning: a sample need not show every field");
    assert!(found.diagnostics[0].help.as_deref().is_some_and(|h| h.contains("did you mean `sessionId`?")));
}

#[test]
fn a_key_that_might_be_another_is_said() {
    let said = |names: &[&str]| {
        let known = names.iter().map(|name| (name.to_string(), Type::Int)).collect();
        let found = compile_expression("has_existed(a == 1)", &Defaults { known, ..Defaults::default() });
        assert!(found.is_ok());
        found.diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(said(&["id", "ts", "User", "a"]), ["`id` is taken for the key of a session, and it might be `User`"]);
    for names in [&["id", "ts", "a"][..], &["sessionId", "id", "userId", "ts", "a"], &["user", "host", "ts", "a"]] {
        assert!(said(names).is_empty(), "{names:?}");
    }
}

#[test]
fn what_most_records_have_is_taken_for_key_and_time() {
    // Of each field in how many records it is.
    let taken = |fields: &[(&str, u64)]| {
        let known = fields.iter().map(|(name, _)| (name.to_string(), Type::Int)).collect();
        let counts = fields.iter().map(|(name, count)| (name.to_string(), *count)).collect();
        let found = compile_expression("has_existed(a == 1)", &Defaults { known, counts, ..Defaults::default() });
        assert!(found.is_ok(), "{:?}", found.diagnostics);
        let source = &found.plans[0].source;
        (source.key[0].dotted(), source.time.dotted())
    };
    let is = |key: &str, time: &str| (key.to_owned(), time.to_owned());
    assert_eq!(taken(&[("ID", 1), ("id", 8), ("ts", 9), ("a", 9)]), is("id", "ts"));
    assert_eq!(taken(&[("ID", 8), ("id", 1), ("TS", 8), ("ts", 1), ("a", 9)]), is("ID", "TS"));
    // A likelier name counts more than a few records, and less than most of them.
    assert_eq!(taken(&[("sessionId", 7), ("id", 9), ("ts", 9), ("a", 9)]), is("sessionId", "ts"));
    assert_eq!(taken(&[("sessionId", 2), ("id", 9), ("time", 9), ("ts", 2), ("a", 9)]), is("id", "time"));
    assert_eq!(taken(&[("ID", 5), ("id", 5), ("ts", 5), ("a", 9)]), is("ID", "ts"));
}

/// What some record has to have for a plan, and the names of the columns that it is of.
fn needs(metrics: &str) -> Vec<String> {
    let text = format!("source s {{ key k  time t in ms  x: string, y: string, n: float, b: bool }}\n{metrics}");
    let found = compile(&[program("one", &text, &[])]);
    assert!(found.is_ok(), "{:?}", found.diagnostics);
    let plan = &found.plans[0];
    let columns = |set: u64| {
        let own = plan.columns.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
        own.map(|(_, column)| column.name.as_str()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    let mut all: Vec<String> = (plan.needs().iter())
        .map(|need| match &need.what {
            Need::Text(text) => format!("{} = {text}", columns(need.columns)),
            Need::Row(table) => format!("{} in {}", columns(need.columns), table.shape().name),
            Need::Together => columns(need.columns),
        })
        .collect();
    all.sort();
    all
}

#[test]
fn what_some_record_has_to_have_follows_from_the_plan() {
    let state = "metric m = duration_where(latest(x) == \"a\" || \"b\" != latest(x) || first(y) == \"a\")";
    assert_eq!(needs(state), ["x = a", "x = b", "y = a"]);
    assert_eq!(needs("metric m = count(x in (\"a\", \"b\") && n > 5)"), ["n x", "x = a", "x = b"]);
    // One text once, and nothing of what is made of others, or is no text.
    let twice =
        "metric m = count(x == \"a\")\nmetric o = count_within(x == \"a\", 5s)\nmetric p = count(lower(x) == \"c\")";
    assert_eq!(needs(twice), ["x = a"]);
    assert_eq!(needs("metric m = duration_where(latest(n) == 5 && latest(b))"), Vec::<String>::new());
    // Together is what a condition needs to be true, or a value to be there.
    assert_eq!(needs("metric m = count(n > 5 || b)"), Vec::<String>::new());
    assert_eq!(needs("metric m = count(!(n > 5 || b))"), ["b n"]);
    assert_eq!(needs("metric m = count(!(n > 5 && b))"), Vec::<String>::new());
    assert_eq!(needs("metric m = count(n > 5 && !exists(x))"), Vec::<String>::new());
    assert_eq!(needs("metric m = sum(at(b, n * 2.0))"), ["b n"]);
    assert_eq!(needs("metric m = sum(at(b, coalesce(n, 1.0)))"), Vec::<String>::new());
    assert_eq!(needs("metric m = count(filter(n, latest(b) && x == \"a\"))"), ["n x", "x = a"]);
    // What ends sessions counts for every metric.
    let ends = "source e { key k  time t in ms  end when z == \"end\"  z: string, w: float }\nmetric m = sum(w)";
    let plan = &compile(&[program("one", ends, &[])]).plans[0];
    assert_eq!((plan.needs().len(), plan.needs_of(&BTreeSet::new())), (1, 1));
}

#[test]
fn types_come_from_use_then_from_the_sample() {
    let known: BTreeMap<String, Type> = [("a", Type::Int), ("b", Type::Int), ("c", Type::Int), ("d", Type::Bool)]
        .map(|(n, t)| (n.to_owned(), t))
        .into();
    let defaults = Defaults { key: Some("k".into()), time: Some("t".into()), known, ..Defaults::default() };
    let text = "duration_where(latest(a) == \"x\" && latest(b) > 1.5 && latest(e) < 2 && latest(g)) \
                split by latest(c), latest(d), latest(f)";
    let found = compile_expression(text, &defaults);
    let types: BTreeMap<&str, Type> = found.plans[0].columns.iter().map(|c| (c.name.as_str(), c.ty)).collect();
    let expected = [
        ("a", Type::String),
        ("b", Type::Int),
        ("c", Type::Int),
        ("d", Type::Bool),
        ("e", Type::Float),
        ("f", Type::String),
        ("g", Type::Bool),
    ];
    assert_eq!(types, BTreeMap::from(expected));
}

#[test]
fn expressions_are_told_from_declarations() {
    for text in ["latest(x)", "x split by y", "x over last 5s", "// only\n(x)", "!a", "a.b == 1", "metric"] {
        assert!(is_expression(text), "{text}");
    }
    for text in ["", "// nothing", SOURCE, "let a = b", "metirc a = b", "a = b", "source {"] {
        assert!(!is_expression(text), "{text}");
    }
}

#[test]
fn diagnostics_are_json_too() {
    let programs = [program("a \"b\".tl", "let x = é", &[])];
    let json = render_json(&compile(&programs).diagnostics, &programs);
    assert!(json.starts_with("[{\"code\":\"TL0304\",\"severity\":\"error\",\"message\":\"no source is declared\""));
    assert!(json.contains("\"file\":\"a \\\"b\\\".tl\",\"line\":1,\"column\":1,\"start\":0,\"end\":10"), "{json}");
    assert_eq!(programs[0].without, BTreeSet::new());
}
