//! Hand-checked examples of numbers that accrue, of choices and of scopes. Times are in seconds.

use super::build::{Program, log, run_until};
use timeline_core::plan::{NodeId, Op};
use timeline_core::reference::{NodeTimeline, PointNumber, whole};
use timeline_core::{SECOND, Time, Type, Value};

/// A column and its value; null is `None`.
type Field<'a> = (&'a str, Option<Value>);

/// What the number is at some seconds, in seconds of a duration or value seconds of an area; `None` is absent.
fn readings(build: impl Fn(&mut Program) -> NodeId, events: &[(Time, &[Field])], at: &[Time]) -> Vec<Option<f64>> {
    let mut p = Program::new();
    let node = build(&mut p);
    let plan = p.finish();
    let rows: Vec<_> = events.iter().map(|(t, values)| (*t, "s", *values)).collect();
    let events = log(&plan, &rows);
    let run = run_until(&plan, &events, 100);
    let all = whole(&plan, &run.sessions[0].1);
    let NodeTimeline::Number(number) = &all[node.index()] else { panic!("a number: {all:?}") };
    let read = |t: &Time| number.at(t * SECOND).map(|x| PointNumber::from(x).as_float() / SECOND as f64);
    at.iter().map(read).collect()
}

fn all(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

/// True on [0, 4), [6, 8), [10, 17).
fn stretches() -> Vec<(Time, [Field<'static>; 1])> {
    let edges = [(0, true), (4, false), (6, true), (8, false), (10, true), (17, false)];
    edges.map(|(t, b)| (t, [("b", Some(Value::Bool(b)))])).to_vec()
}

#[test]
fn the_longest_stretch_grows_from_where_it_is_overtaken() {
    let stretches = stretches();
    let events: Vec<_> = stretches.iter().map(|(t, v)| (*t, v.as_slice())).collect();
    let longest = |p: &mut Program| {
        let of = p.latest("b", Type::Bool);
        p.add(Op::Longest { of })
    };
    let found = readings(longest, &events, &[0, 3, 4, 7, 8, 12, 14, 15, 17, 40]);
    assert_eq!(found, all(&[0.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 5.0, 7.0, 7.0]));
}

#[test]
fn the_previous_state_is_the_last_value_that_was_left() {
    let text = |s: &str| Some(Value::text(s));
    // a on [0, 5), absent on [5, 7), b on [7, 10), then a.
    let events: [(Time, &[_]); 4] =
        [(0, &[("x", text("a"))]), (5, &[("x", None)]), (7, &[("x", text("b"))]), (10, &[("x", text("a"))])];
    let previous = |p: &mut Program| {
        let of = p.latest("x", Type::String);
        p.add(Op::DurationOfPreviousState { of })
    };
    let found = readings(previous, &events, &[0, 4, 5, 8, 9, 10, 30]);
    assert_eq!(found, [None, None, Some(5.0), Some(5.0), Some(5.0), Some(3.0), Some(3.0)]);
}

#[test]
fn an_integral_counts_where_it_is_told_to() {
    let number = |x: f64| Some(Value::Float(x));
    let events: [(Time, &[_]); 5] = [
        (0, &[("power", number(2.0)), ("b", Some(Value::Bool(true)))]),
        (3, &[("power", number(0.5))]),
        (5, &[("b", Some(Value::Bool(false)))]),
        (9, &[("b", Some(Value::Bool(true)))]),
        (11, &[("power", None)]),
    ];
    let integral = |over: bool| {
        move |p: &mut Program| {
            let state = p.latest("power", Type::Float);
            let of = p.add(Op::NumberOf(state));
            let b = p.latest("b", Type::Bool);
            p.add(Op::Integral { of, over: over.then_some(b) })
        }
    };
    assert_eq!(readings(integral(false), &events, &[0, 3, 5, 9, 11, 40]), all(&[0.0, 6.0, 7.0, 9.0, 10.0, 10.0]));
    assert_eq!(readings(integral(true), &events, &[0, 3, 5, 9, 11, 40]), all(&[0.0, 6.0, 7.0, 7.0, 8.0, 8.0]));
}

#[test]
fn a_scope_begins_anew_at_each_change() {
    let stretches = stretches();
    let events: Vec<_> = stretches.iter().map(|(t, v)| (*t, v.as_slice())).collect();
    let scoped = |p: &mut Program| {
        let by = p.latest("b", Type::Bool);
        let of = p.add(Op::DurationWhere { of: by });
        p.add(Op::Scope { of, by })
    };
    // The scope of what is false has nothing in it.
    let found = readings(scoped, &events, &[0, 3, 4, 5, 7, 9, 16, 17, 40]);
    assert_eq!(found, all(&[0.0, 3.0, 0.0, 0.0, 1.0, 0.0, 6.0, 0.0, 0.0]));
}

#[test]
fn an_absent_condition_is_not_true_and_an_absent_value_gives_way() {
    let int = |x: i64| Some(Value::Int(x * SECOND));
    let events: [(Time, &[_]); 4] = [
        (0, &[("n", int(1)), ("m", int(2))]),
        (1, &[("b", Some(Value::Bool(true)))]),
        (2, &[("n", None)]),
        (3, &[("b", Some(Value::Bool(false)))]),
    ];
    let choice = |p: &mut Program| {
        let [then, otherwise] = ["n", "m"].map(|name| p.latest(name, Type::Int));
        let condition = p.latest("b", Type::Bool);
        let chosen = p.add(Op::If { condition, then, otherwise });
        p.add(Op::NumberOf(chosen))
    };
    assert_eq!(readings(choice, &events, &[0, 1, 2, 3]), [Some(2.0), Some(1.0), None, Some(2.0)]);
    let first = |p: &mut Program| {
        let [a, b] = ["n", "m"].map(|name| p.latest(name, Type::Int));
        let first = p.add(Op::Coalesce(a, b));
        p.add(Op::NumberOf(first))
    };
    assert_eq!(readings(first, &events, &[0, 1, 2, 3]), all(&[1.0, 1.0, 2.0, 2.0]));
}
