//! The text of a node means the node: compiled again, it is the same one.

use crate::given::Given;
use crate::limits::compile_text;
use proptest::prelude::*;
use timeline_core::plan::Fingerprint;
use timeline_dsl::{ProgramText, compile_with, operator_text};

pub(crate) const SOURCE: &str = "source s { key k  time t in ms  x: string  n: int  f: float  b: bool }\n";

fn root(expression: &str) -> (Fingerprint, String) {
    let compilation = compile_text(&format!("{SOURCE}metric m = {expression}"));
    assert!(compilation.is_ok(), "{expression}: {:?}", compilation.diagnostics);
    let plan = &compilation.plans[0];
    let root = plan.metrics[0].root;
    (plan.node(root).fingerprint, operator_text(plan, root))
}

fn event() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "x == \"a-b\"",
        "n >= -3",
        "f < 1.25",
        "b",
        "n == f",
        "x != \"\\\"\\n\"",
        "f == 1e30",
        "n > 1.5",
        "lower(x) in (\"a\")",
        "(n * 2 - f) / 3 >= -(n + 1)",
        "starts_with(upper(x), \"A\")",
        "length(trim(x)) > 1",
        "if(b, n, 0) == abs(coalesce(n, 3)) - 1 - (n - 2)",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), inner, prop::sample::select(vec!["&&", "||", "!"])).prop_map(|(a, b, sign)| match sign {
            "!" => format!("!({a})"),
            _ => format!("(({a}) {sign} ({b}))"),
        })
    })
}

/// Events that are made of others and of states.
fn made() -> impl Strategy<Value = String> {
    (event(), event(), 0..18).prop_map(|(a, b, how)| match how {
        9 => format!("({a}) || rise(latest({b}))"),
        11 => format!("at({a}, f - latest(n) * 2 - (n - latest(f)))"),
        12 => format!("filter(x, ({a}) && latest({b}))"),
        13 => format!("filter(at({a}, n), !({b}) || n * latest(f) > count({a}))"),
        14 => format!("filter(rise(latest({a})), latest({b}) || count({a}) > 3)"),
        15 => format!("at({a}, if({b}, coalesce(lower(x), latest(x)), latest(upper(x))))"),
        16 => format!("at({a}, duration_where(latest({b})) / 1s * (time_since({a}) / 1s) + f)"),
        17 => format!("followed_by({a}, filter({b}, n in (1, 2) && latest(b)), 3s)"),
        10 => format!("(fall(latest({a})) || ({b} || followed_by({b}, {a}, 5s)))"),
        0 => format!("at({a}, latest({b}))"),
        1 => format!("followed_by({a}, {b}, 5s)"),
        2 => format!("not_followed_by({a}, rise(latest({b})), 1h)"),
        3 => format!("fall(has_existed_within({a}, 5))"),
        4 => "changes(latest(x))".to_owned(),
        5 => format!("at(n, count({a}))"),
        7 => format!("at(x, first(at({a}, time_since({b}))))"),
        8 => format!("at(n, count({a}) / duration_where(latest({b})))"),
        _ => format!("rise(latest({a}))"),
    })
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        event().prop_map(|e| format!("has_existed({e})")),
        event().prop_map(|e| format!("has_existed_within({e}, 1500ms)")),
        event().prop_map(|e| format!("latest({e}, ttl 90)")),
        Just("latest(x) == \"a\"".to_owned()),
        Just("contains(lower(latest(x)), \"a\") || latest(n) in (1, 2)".to_owned()),
        Just("latest(n) > latest(f)".to_owned()),
        Just("contains(upper(coalesce(latest(x), first(x))), \"a\")".to_owned()),
        Just("abs(latest(n) - latest(f)) + round(sum(f) / count(x)) > 2".to_owned()),
        Just("latest(n) + 1 < latest(f) * 3".to_owned()),
        Just("duration_in_cur_state(latest(x)) > 1h".to_owned()),
        Just("coalesce(latest(x), \"a\") == latest(x, ttl 5s)".to_owned()),
        Just("integral(latest(f), where latest(b)) > 2.5".to_owned()),
        Just("latest(n) * latest(f) <= 1".to_owned()),
        Just("if(latest(b), latest(n), 1.5) > 1".to_owned()),
        Just("time_weighted_avg(latest(f), where !latest(b)) < 3".to_owned()),
        Just("sum(n) + 1 >= min(f) + max(n)".to_owned()),
        Just("first(x) == previous(x, 3)".to_owned()),
        made().prop_map(|e| format!("has_existed({e})")),
        made().prop_map(|e| format!("count({e}) > count_within({e}, 90)")),
        made().prop_map(|e| format!("time_since({e}) < 1h")),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), inner, 0..9).prop_map(|(a, b, how)| match how {
            0 => format!("(({a}) && ({b}))"),
            1 => format!("(({a}) || ({b}))"),
            2 => format!("!({a})"),
            3 => format!("held_for({a}, 3)"),
            4 => format!("keep_true_for({a}, 2m)"),
            5 => format!("if({a}, {b}, false)"),
            6 => format!("longest({a}) > 2s"),
            7 => format!("(duration_where({a}) scope by {b}) < 1m"),
            _ => format!("(duration_where({a}) <= 5s + 3)"),
        })
    })
}

fn number() -> impl Strategy<Value = String> {
    condition().prop_map(|c| format!("duration_where({c})")).prop_recursive(3, 6, 2, |inner| {
        (inner.clone(), inner, 0..11).prop_map(|(a, b, how)| match how {
            0 => format!("({a} + {b})"),
            1 => format!("({a} - ({b}))"),
            2 => format!("({a}) * 3"),
            3 => format!("-({a})"),
            4 => format!("(5s - ({a}))"),
            5 => format!("({a}) * latest(n)"),
            6 => format!("if(latest(b), {a}, {b})"),
            7 => format!("coalesce(duration_of_previous_state(latest(x)), {a})"),
            8 => "longest(latest(b)) * latest(n)".to_owned(),
            9 => format!("latest(n) * 2s - {a}"),
            _ => format!("({a} + 1.5s)"),
        })
    })
}

pub(crate) fn metric() -> impl Strategy<Value = String> {
    prop_oneof![
        condition(),
        number(),
        (number(), number(), 0..14).prop_map(|(a, b, how)| match how {
            10 => format!("({a}) / latest(f) - 5s"),
            11 => format!("sum(n) / ({a}) + 2"),
            12 => format!("({a}) / integral(latest(f)) + 0.5"),
            13 => format!("({a}) / ({b}) - 2s / ({b})"),
            0 => format!("({a}) / ({b})"),
            1 => format!("({a}) / ({b}) + 0.25"),
            2 => format!("2 - ({a}) / ({b}) * 1.5"),
            3 => format!("({a}) * 0.1"),
            4 => format!("({a}) / 7 - 1s"),
            5 => format!("({a}) / 3 * latest(f)"),
            6 => "integral(latest(n)) / 3 + 0.1".to_owned(),
            7 => "integral(latest(f)) / latest(n)".to_owned(),
            8 => "2 / (integral(latest(f)) - 0.5)".to_owned(),
            _ => format!("({a}) / latest(n)"),
        }),
        (condition(), condition()).prop_map(|(a, b)| {
            format!("duration_where({a}) - duration_where({b}) over last 90s split by latest(x), {b} as c")
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_node_written_and_read_is_the_same_node(expression in metric()) {
        let (fingerprint, text) = root(&expression);
        if !text.contains('…') {
            let text = text.replace(" split by latest(x), ", " split by latest(x), (") ;
            let text = if text.contains(" split by ") { format!("{text}) as c") } else { text };
            prop_assert_eq!(root(&text).0, fingerprint, "{}", text);
        }
    }
}

#[test]
fn what_is_looked_up_is_written_back() {
    const TABLES: &str = "table t from \"t.csv\" { key x  from since in s  price: float, on: bool }\n\
                          table u from \"u.csv\" { key n, x  n: int, name: string }\n";
    let root = |expression: &str| {
        let text = format!("{SOURCE}{TABLES}metric m = {expression}");
        let program = ProgramText { name: "p".into(), text, ..ProgramText::default() };
        let compilation = compile_with(&[program], &Given);
        assert!(compilation.is_ok(), "{expression}: {:?}", compilation.diagnostics);
        let plan = &compilation.plans[0];
        (plan.node(plan.metrics[0].root).fingerprint, operator_text(plan, plan.metrics[0].root))
    };
    for expression in [
        "t[latest(x)].price",
        "duration_where(t[\"north\"].on && u[latest(n), \"a-b\"].name == \"c\")",
        "sum(at(f, f * t[lower(x)].price - t[latest(x)].price))",
        "count(filter(x, u[n, latest(x)].name == x || !t[x].on))",
    ] {
        let (fingerprint, text) = root(expression);
        assert_eq!(root(&text), (fingerprint, text.clone()), "{expression}");
    }
}

/// All ways to put parentheses around a chain of so many columns, from that one on.
fn bracketings(sign: &str, from: usize, count: usize) -> Vec<String> {
    if count == 1 {
        return vec![format!("n == {from}")];
    }
    let mut all = vec![];
    for left in 1..count {
        for a in bracketings(sign, from, left) {
            all.extend(bracketings(sign, from + left, count - left).iter().map(|b| format!("({a} {sign} {b})")));
        }
    }
    all
}

#[test]
fn parentheses_within_a_chain_of_an_event_are_kept_where_they_are_another_tree() {
    for (sign, other) in [("&&", "||"), ("||", "&&")] {
        for count in 2..7 {
            for chain in bracketings(sign, 0, count) {
                for expression in [format!("count(filter(n, {chain}))"), format!("has_existed({chain} {other} b)")] {
                    let (fingerprint, text) = root(&expression);
                    assert_eq!(root(&text), (fingerprint, text.clone()), "{expression}");
                }
            }
        }
        let flat = format!("has_existed(n == 0 {sign} n == 1 {sign} n == 2 {sign} n == 3 {sign} n == 4)");
        assert_eq!(root(&flat).1, flat, "a chain is written as one");
    }
}
