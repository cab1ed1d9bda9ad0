//! Operators on events, each on a trace that was checked by hand. Times are in seconds.

use super::build::{Program, Row, log, run_until, seconds, text};
use timeline_core::plan::{Compare, EventExpr, NodeId, Op, Scalar};
use timeline_core::reference::{EventRank, NodeTimeline, Occurrence, PointNumber, whole};
use timeline_core::{SECOND, Time, Type, Value};

/// Two logins at one instant with an `x` between them, and others apart.
const LOGINS: [(Time, &str); 7] = [(0, "x"), (2, "login"), (2, "x"), (2, "login"), (5, "login"), (9, "x"), (20, "x")];

#[test]
fn turns_are_the_edges_of_true_spans() {
    let trace = [(0, "a"), (3, "b"), (3, "a"), (5, "b"), (8, "a"), (9, "c")];
    let at = |op: fn(NodeId) -> Op| {
        instants(&trace, |p| {
            let of = p.is("c", "a");
            p.add(op(of))
        })
    };
    // At 3 the final value is `a` still, so nothing turns; what is true at the origin becomes true there.
    assert_eq!(at(|of| Op::Rise { of }), [0, 8]);
    assert_eq!(at(|of| Op::Fall { of }), [5, 9]);
    // Absent at 0, where another column speaks; a change is from value to value.
    let changes = instants(&trace, |p| {
        let of = p.latest("c", Type::String);
        p.add(Op::Changes { of })
    });
    assert_eq!(changes, [5, 8, 9]);
}

#[test]
fn a_change_skips_what_goes_through_absence() {
    let mut p = Program::new();
    let of = p.latest("c", Type::String);
    let changes = p.add(Op::Changes { of });
    let plan = p.finish();
    let rows: [Row; 4] = [
        (0, "s", &[("c", text("a"))]),
        (1, "s", &[("c", None)]),
        (2, "s", &[("c", text("b"))]),
        (3, "s", &[("c", text("a"))]),
    ];
    let log = log(&plan, &rows);
    let run = run_until(&plan, &log, 9);
    let NodeTimeline::Events(events) = &whole(&plan, &run.sessions[0].1)[changes.index()] else { panic!("events") };
    assert_eq!(events.iter().map(|e| seconds(e.time)).collect::<Vec<_>>(), [3]);
}

#[test]
fn at_keeps_the_places_of_its_events_and_samples_the_final_value() {
    let all = events(&LOGINS, |p| {
        let (event, of) = (p.says("c", "login"), p.latest("c", Type::String));
        p.add(Op::At { event, of })
    });
    let found: Vec<_> = all.iter().map(|e| (seconds(e.time), e.place, e.payload.clone())).collect();
    let record = |position| EventRank::Record(0, None, position);
    assert_eq!(found, [(2, record(1), text("login")), (2, record(3), text("login")), (5, record(4), text("login"))]);
}

#[test]
fn followers_come_later_and_soon_enough() {
    let followed = |first: &str, then: &str, window: Time| {
        instants(&LOGINS, |p| {
            let (first, then) = (p.says("c", first), p.says("c", then));
            p.add(Op::FollowedBy { first, then, window: window * SECOND })
        })
    };
    // The `x` between the logins of one instant follows the first of them; 9 is four seconds after 5.
    assert_eq!(followed("login", "x", 5), [2, 9]);
    // Exactly the window later is too late.
    assert_eq!(followed("login", "x", 4), [2]);
    // Nothing follows itself: the first login follows nobody.
    assert_eq!(followed("login", "login", 4), [2, 5]);
}

#[test]
fn absence_is_told_once_for_every_event_that_stays_alone() {
    let alone = |first: &str, then: &str, window: Time| {
        instants(&LOGINS, |p| {
            let (first, then) = (p.says("c", first), p.says("c", then));
            p.add(Op::NotFollowedBy { first, then, window: window * SECOND })
        })
    };
    // The second login of 2 and that of 5 wait for an `x`; the one at 9 is in time for 5 + 5 and too late for 2 + 5 and 5 + 4.
    assert_eq!(alone("login", "x", 5), [7]);
    assert_eq!(alone("login", "x", 4), [6, 9]);
    // Those at 2 are one alone by itself: nothing follows the last login, which is told at 5 + 30 in a silent session.
    assert_eq!(alone("login", "login", 30), [35]);
    assert_eq!(alone("login", "never", 1), [3, 3, 6]);
}

#[test]
fn counts_see_every_event_of_an_instant() {
    let count = |op: fn(NodeId) -> Op, t: Time| {
        number(&LOGINS, t, |p| {
            let of = p.says("c", "login");
            p.add(op(of))
        })
    };
    let all = |t| count(|of| Op::Count { of }, t);
    assert_eq!([0, 2, 4, 5, 99].map(all), [0, 2, 2, 3, 3].map(exact));
    let within = |t| count(|of| Op::CountWithin { of, window: 4 * SECOND }, t);
    assert_eq!([0, 2, 5, 6, 8, 9].map(within), [0, 2, 3, 1, 1, 0].map(exact));
}

#[test]
fn what_is_new_is_new_for_its_whole_instant_and_again_when_it_was_forgotten() {
    let says = |cap: u32, t: Time| {
        let node = |p: &mut Program| {
            let of = p.event("c", Type::String);
            p.add(Op::IsNew { of, cap })
        };
        match evaluated(&LOGINS, node) {
            NodeTimeline::State(state) => state.at(t * SECOND) == Some(Value::Bool(true)),
            other => panic!("a state: {other:?}"),
        }
    };
    // Two logins and an `x` at 2, a login at 5, an `x` at 9.
    assert_eq!([0, 2, 4, 5, 8, 9].map(|t| says(9, t)), [true, true, true, false, false, false]);
    // Where one value is remembered the other is new each time.
    assert_eq!([0, 2, 5, 9, 20].map(|t| says(1, t)), [true, true, false, true, false]);
}

#[test]
fn time_since_starts_anew_at_every_match_and_after_a_true_span() {
    let since = |t| {
        number(&LOGINS, t, |p| {
            let of = p.says("c", "login");
            p.add(Op::TimeSince { of })
        })
    };
    assert_eq!([1, 2, 4, 5, 9].map(since), [None, exact(0), exact(2 * SECOND), exact(0), exact(4 * SECOND)]);
    let since = |t| {
        number(&LOGINS, t, |p| {
            let of = p.is("c", "login");
            p.add(Op::TimeSince { of })
        })
    };
    // True on [2, 9).
    assert_eq!([1, 2, 8, 9, 11].map(since), [None, exact(0), exact(0), exact(0), exact(2 * SECOND)]);
}

#[test]
fn gathered_payloads() {
    let mut p = Program::new();
    let of = p.event("n", Type::Int);
    let nodes = [Op::First { of }, Op::Previous { of, n: 1 }, Op::Min { of }, Op::Max { of }].map(|op| p.add(op));
    let sum = p.add(Op::Sum { of });
    let plan = p.finish();
    let says: [Option<Option<i64>>; 6] = [None, Some(None), Some(Some(5)), Some(Some(-2)), None, Some(Some(3))];
    let values: Vec<Vec<(&str, Option<Value>)>> =
        says.iter().map(|s| s.iter().map(|n| ("n", n.map(Value::Int))).collect()).collect();
    let rows: Vec<Row> = (0..).zip(&values).map(|(t, v)| (t, "s", v.as_slice())).collect();
    let log = log(&plan, &rows);
    let run = run_until(&plan, &log, 9);
    let all = whole(&plan, &run.sessions[0].1);
    let states = |t: Time| {
        nodes.map(|id| match &all[id.index()] {
            NodeTimeline::State(state) => state.at(t * SECOND).map(|v| v.to_string()).unwrap_or_default(),
            other => panic!("a state: {other:?}"),
        })
    };
    // first, previous, least, greatest: the null at 1 is skipped, but counts as the event before the 5.
    assert_eq!(states(1), ["", "", "", ""]);
    assert_eq!(states(2), ["5", "", "5", "5"]);
    assert_eq!(states(3), ["5", "5", "-2", "5"]);
    assert_eq!(states(5), ["5", "-2", "-2", "5"]);
    let NodeTimeline::Number(sum) = &all[sum.index()] else { panic!("a number") };
    assert_eq!([0, 2, 3, 5].map(|t| sum.at(t * SECOND).map(PointNumber::from)), [0, 5, 3, 6].map(exact));
}

fn exact(x: i64) -> Option<PointNumber> {
    Some(PointNumber::Exact(i128::from(x)))
}

/// What a node over the column `c` is, for a trace of its texts.
fn evaluated(trace: &[(Time, &str)], node: impl Fn(&mut Program) -> NodeId) -> NodeTimeline {
    let mut p = Program::new();
    let node = node(&mut p);
    let plan = p.finish();
    let values: Vec<_> = trace.iter().map(|(_, c)| [("c", text(c))]).collect();
    let rows: Vec<Row> = trace.iter().zip(&values).map(|((t, _), v)| (*t, "s", v.as_slice())).collect();
    let log = log(&plan, &rows);
    let run = run_until(&plan, &log, 99);
    whole(&plan, &run.sessions[0].1).swap_remove(node.index())
}

fn events(trace: &[(Time, &str)], node: impl Fn(&mut Program) -> NodeId) -> Vec<Occurrence> {
    match evaluated(trace, node) {
        NodeTimeline::Events(events) => events,
        other => panic!("events: {other:?}"),
    }
}

fn instants(trace: &[(Time, &str)], node: impl Fn(&mut Program) -> NodeId) -> Vec<Time> {
    events(trace, node).iter().map(|e| seconds(e.time)).collect()
}

fn number(trace: &[(Time, &str)], t: Time, node: impl Fn(&mut Program) -> NodeId) -> Option<PointNumber> {
    match evaluated(trace, node) {
        NodeTimeline::Number(number) => number.at(t * SECOND).map(PointNumber::from),
        other => panic!("a number: {other:?}"),
    }
}

#[test]
fn each_event_says_what_its_own_record_says_beside_the_timelines_of_its_instant() {
    let mut p = Program::new();
    let price = p.column("price", Type::Float);
    let event = p.event("price", Type::Float);
    let bid = p.latest("bid", Type::Float);
    let edge = EventExpr::Call(Scalar::Sub, vec![price.clone(), EventExpr::Sample(0)]);
    let each = p.add(Op::Each { event, value: edge, of: vec![bid] });
    let above = EventExpr::Compare(Compare::Gt, Box::new(price), Box::new(EventExpr::Sample(0)));
    let filter = p.add(Op::Filter { event: each, condition: above, of: vec![bid] });
    let plan = p.finish();
    let float = |x: f64| Some(Value::Float(x));
    // Two trades in one instant, and a bid of that instant between them, which holds for both.
    let rows: [Row; 6] = [
        (0, "s", &[("price", float(9.0))]),
        (1, "s", &[("bid", float(7.0))]),
        (4, "s", &[("price", float(11.0))]),
        (4, "s", &[("bid", float(11.5))]),
        (4, "s", &[("price", float(12.0))]),
        (5, "s", &[("price", None)]),
    ];
    let log = log(&plan, &rows);
    let run = run_until(&plan, &log, 9);
    let all = whole(&plan, &run.sessions[0].1);
    let said = |node: NodeId| {
        let NodeTimeline::Events(events) = &all[node.index()] else { panic!("events") };
        events.iter().map(|e| (seconds(e.time), e.payload.clone())).collect::<Vec<_>>()
    };
    // Without a bid there is no edge; a null is no match.
    assert_eq!(said(each), [(0, None), (4, float(-0.5)), (4, float(0.5))]);
    // The record behind an event of `at` is that of its event.
    assert_eq!(said(filter), [(4, float(0.5))]);
}

#[test]
fn a_filter_keeps_payloads_that_are_false_or_null() {
    let all = events(&LOGINS, |p| {
        let (event, of) = (p.says("c", "login"), p.is("c", "x"));
        p.add(Op::Filter { event, condition: EventExpr::Sample(0), of: vec![of] })
    });
    // At 2 the last word is a login, so no event of it stays; those that say false do.
    let found: Vec<_> = all.iter().map(|e| (seconds(e.time), e.payload.clone())).collect();
    let no = Some(Value::Bool(false));
    assert_eq!(found, [(0, no.clone()), (9, no.clone()), (20, no)]);
}
