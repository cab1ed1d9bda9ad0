//! A worker written as a program would write it.

use timeline_core::plan::{Compare, EventExpr, NodeId, Op, Plan, Unit};
use timeline_core::{Time, Value};

/// The worker with all that it reads, as an expression of the language.
pub fn operator_text(plan: &Plan, id: NodeId) -> String {
    text(plan, id, 0)
}

/// How tightly an expression binds; a looser one inside gets parentheses.
const COMPARISON: u8 = 3;
const SUM: u8 = 4;
const PRODUCT: u8 = 5;
const TIGHT: u8 = 6;

fn text(plan: &Plan, id: NodeId, within: u8) -> String {
    let sub = |id: &NodeId| text(plan, *id, 0);
    let infix = |a: &NodeId, symbol: &str, b: &NodeId, level: u8| {
        bracketed(format!("{} {symbol} {}", text(plan, *a, level), text(plan, *b, level + 1)), level, within)
    };
    match &plan.node(id).op {
        Op::Event(e) => event(plan, e, within),
        Op::Constant(value) => constant(value),
        Op::Latest { of, ttl: None } => format!("latest({})", sub(of)),
        Op::Latest { of, ttl: Some(ttl) } => format!("latest({}, ttl {})", sub(of), duration(*ttl)),
        Op::HasExisted { of } => format!("has_existed({})", sub(of)),
        Op::HasExistedWithin { of, window } => format!("has_existed_within({}, {})", sub(of), duration(*window)),
        Op::HeldFor { of, length } => format!("held_for({}, {})", sub(of), duration(*length)),
        Op::DurationWhere { of } => format!("duration_where({})", sub(of)),
        Op::DurationInCurState { of } => format!("duration_in_cur_state({})", sub(of)),
        Op::CompareStates { compare, left, right } if matches!(plan.node(*left).op, Op::Constant(_)) => {
            infix(right, compare.flipped().symbol(), left, COMPARISON)
        }
        Op::CompareStates { compare, left, right } | Op::CompareNumbers { compare, left, right } => {
            infix(left, compare.symbol(), right, COMPARISON)
        }
        Op::Not(of) => format!("!{}", text(plan, *of, TIGHT)),
        Op::And(a, b) => infix(a, "&&", b, 2),
        Op::Or(a, b) => infix(a, "||", b, 1),
        Op::NumberOf(of) => text(plan, *of, within),
        Op::ConstantNumber { numerator, unit: Unit::Duration, .. } => duration(*numerator),
        Op::ConstantNumber { numerator, denominator: 1, .. } => numerator.to_string(),
        Op::ConstantNumber { numerator, denominator, .. } => (*numerator as f64 / *denominator as f64).to_string(),
        Op::Add(a, b) => infix(a, "+", b, SUM),
        Op::Sub(a, b) => infix(a, "-", b, SUM),
        Op::Scale { of, factor } => bracketed(format!("{} * {factor}", text(plan, *of, PRODUCT)), PRODUCT, within),
        Op::Ratio { numerator, denominator } => infix(numerator, "/", denominator, PRODUCT),
        Op::OverLast { of, window } => {
            bracketed(format!("{} over last {}", text(plan, *of, 1), duration(*window)), 0, within.min(1))
        }
        Op::Split { of, by } => {
            let by: Vec<String> = by.iter().map(sub).collect();
            format!("{} split by {}", sub(of), by.join(", "))
        }
    }
}

fn event(plan: &Plan, e: &EventExpr, within: u8) -> String {
    let infix = |a: &EventExpr, symbol: &str, b: &EventExpr, level: u8| {
        bracketed(format!("{} {symbol} {}", event(plan, a, level), event(plan, b, level + 1)), level, within)
    };
    match e {
        EventExpr::Column(c) => plan.columns[c.index()].name.clone(),
        EventExpr::Constant(value) => constant(value),
        EventExpr::Compare(compare, a, b) if matches!(**a, EventExpr::Constant(_)) => {
            infix(b, Compare::flipped(*compare).symbol(), a, COMPARISON)
        }
        EventExpr::Compare(compare, a, b) => infix(a, compare.symbol(), b, COMPARISON),
        EventExpr::Not(a) => format!("!{}", event(plan, a, TIGHT)),
        EventExpr::And(a, b) => infix(a, "&&", b, 2),
        EventExpr::Or(a, b) => infix(a, "||", b, 1),
    }
}

fn bracketed(text: String, level: u8, within: u8) -> String {
    if level < within { format!("({text})") } else { text }
}

fn constant(value: &Value) -> String {
    match value {
        Value::Str(text) => {
            let mut out = String::from("\"");
            for c in text.chars() {
                match c {
                    '"' => out.push_str("\\\""),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\t' => out.push_str("\\t"),
                    c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                    c => out.push(c),
                }
            }
            out.push('"');
            out
        }
        other => other.to_string(),
    }
}

/// A duration in the largest unit that writes it whole.
pub(super) fn duration(ns: Time) -> String {
    const UNITS: [(Time, &str); 6] =
        [(86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = UNITS.iter().find(|(unit, _)| ns != 0 && ns % unit == 0);
    unit.map_or_else(|| format!("{ns}ns"), |(unit, name)| format!("{}{name}", ns / unit))
}
