//! The golden traces of the language, each checked by hand. Times are in seconds unless a name says otherwise.

use super::build::{Program, log, run_until, seconds, text};
use timeline_core::plan::{Compare, EndRule, NodeId, Op};
use timeline_core::reference::{
    CloseReason, FinalValue, LogEvent, MetricSpan, MetricValue, NodeTimeline, PointNumber, SpanValue, Timeline, alerts,
    finals, spans, timelines, whole,
};
use timeline_core::{Linear, Plan, SECOND, Time, Type, Value};

#[test]
fn r1_charges_rebuffering_to_the_cdn_in_force() {
    let mut p = Program::new();
    let play = p.says("playerState", "play");
    let playing = p.add(Op::HasExisted { of: play });
    let seek = p.says("userAction", "seek");
    let seeking = p.add(Op::HasExistedWithin { of: seek, window: 5 * SECOND });
    let not_seeking = p.add(Op::Not(seeking));
    let buffering = p.is("playerState", "buffer");
    let quiet = p.add(Op::And(playing, not_seeking));
    let rebuffering = p.add(Op::And(quiet, buffering));
    let cirr = p.add(Op::DurationWhere { of: rebuffering });
    let cdn = p.latest("cdn", Type::String);
    let split = p.add(Op::Split { of: cirr, by: vec![cdn], cap: Op::USUALLY_REMEMBERED });
    let is_play = p.is("playerState", "play");
    let play_time = p.add(Op::DurationWhere { of: is_play });
    let both = p.add(Op::Add(cirr, play_time));
    let ratio = p.add(Op::Ratio { numerator: cirr, denominator: both });
    p.metric("cirr", split, &["cdn"], None);
    p.metric("play_time", play_time, &[], None);
    p.metric("ratio", ratio, &[], None);
    let end = p.says("userAction", "end");
    p.end(EndRule { when: Some(end), ..EndRule::default() });
    let plan = p.finish();

    let (cdn, state, action) = ("cdn", "playerState", "userAction");
    let says = [
        (0, cdn, "C1"),
        (3, state, "buffer"),
        (8, state, "play"),
        (20, action, "seek"),
        (21, state, "buffer"),
        (24, state, "play"),
        (40, state, "buffer"),
        (52, state, "play"),
        (55, cdn, "C2"),
        (60, state, "buffer"),
        (63, action, "seek"),
        (70, state, "play"),
        (75, action, "end"),
    ];
    let values: Vec<[(&str, Option<Value>); 1]> = says.iter().map(|s| [(s.1, text(s.2))]).collect();
    let events: Vec<(Time, &str, &[_])> = says.iter().zip(&values).map(|(s, v)| (s.0, "s", v.as_slice())).collect();
    let events = log(&plan, &events);

    let run = run_until(&plan, &events, 75);
    let [(_, session)] = run.sessions.as_slice() else { panic!("one session: {run:?}") };
    assert_eq!(session.close.map(|c| (c.at, c.reason)), Some((75 * SECOND, CloseReason::EndEvent)));

    let number = |seconds: i128| PointNumber::Exact(seconds * i128::from(SECOND));
    let duration = |seconds| MetricValue::Number(number(seconds));
    let row = |metric, dimensions: &[&str], value| FinalValue {
        metric,
        dimensions: dimensions.iter().map(|d| text(d)).collect(),
        value,
        start: 0,
        end: Some(75 * SECOND),
        with: vec![],
    };
    assert_eq!(
        finals(&plan, session, 75 * SECOND),
        [
            row(0, &["C1"], duration(12)),
            row(0, &["C2"], duration(5)),
            row(1, &[], duration(42)),
            row(2, &[], MetricValue::Ratio { numerator: number(17), denominator: number(59) }),
        ]
    );

    let shares: Vec<_> =
        spans(&plan, session, 75 * SECOND).into_iter().filter(|s| s.metric == 0).map(in_seconds).collect();
    let expected = [
        ("C1", 0, Some(40), 0, 0),
        ("C1", 40, Some(52), 0, 1),
        ("C1", 52, Some(75), 12, 0),
        ("C2", 0, Some(60), 0, 0),
        ("C2", 60, Some(63), 0, 1),
        ("C2", 63, Some(68), 3, 0),
        ("C2", 68, Some(70), 3, 1),
        ("C2", 70, Some(75), 5, 0),
    ];
    assert_eq!(shares, expected.map(|(cdn, start, end, value, slope)| (vec![text(cdn)], start, end, value, slope)));
}

#[test]
fn v2_matches_extend_and_never_stack() {
    let mut p = Program::new();
    let of = p.event("b", Type::Bool);
    let node = p.add(Op::HasExistedWithin { of, window: 5 * SECOND });
    let plan = p.finish();
    assert_eq!(true_spans(&plan, node, &[(0, false), (10, true), (13, true), (30, true)]), [(10, 18), (30, 35)]);
}

#[test]
fn v3_a_state_counts_until_its_end() {
    let (plan, node) = over_state(|of| Op::HasExistedWithin { of, window: 5 * SECOND });
    assert_eq!(true_spans(&plan, node, &ends(&[(10, 12), (20, 30)])), [(10, 17), (20, 35)]);
}

#[test]
fn v4_held_for_starts_late_and_ends_in_time() {
    let (plan, node) = over_state(|of| Op::HeldFor { of, length: 4 * SECOND });
    assert_eq!(true_spans(&plan, node, &ends(&[(0, 6), (9, 12), (20, 30)])), [(4, 6), (24, 30)]);
}

#[test]
fn v5_a_comparison_turns_at_the_exact_nanosecond() {
    for (compare, turn) in [(Compare::Ge, 13 * SECOND), (Compare::Gt, 13 * SECOND + 1)] {
        let mut p = Program::new();
        let of = p.latest("b", Type::Bool);
        let duration = p.add(Op::DurationWhere { of });
        let node = p.duration_is(duration, compare, 10 * SECOND);
        p.alert("long", node);
        let plan = p.finish();
        let events = bools(&plan, &ends(&[(0, 6), (9, 20)]));
        let run = run_until(&plan, &events, 40);
        let rows: Vec<_> = alerts(&plan, &run.sessions[0].1, 40 * SECOND).iter().map(|a| (a.start, a.end)).collect();
        assert_eq!(rows, [(turn, None)], "{compare:?}");
    }
}

#[test]
fn v6_and_v7_a_window_slides() {
    let readings = [(6, 6), (9, 6), (10, 7), (13, 7), (16, 7), (19, 10), (20, 10), (25, 5), (30, 0)];
    for (window, readings) in [(10, readings.as_slice()), (8, &[(12, 5)])] {
        let mut p = Program::new();
        let of = p.latest("b", Type::Bool);
        let of = p.add(Op::DurationWhere { of });
        let node = p.add(Op::OverLast { of, window: window * SECOND });
        let plan = p.finish();
        let events = bools(&plan, &ends(&[(0, 6), (9, 20)]));
        let run = run_until(&plan, &events, 40);
        let whole = whole(&plan, &run.sessions[0].1);
        let NodeTimeline::Number(number) = &whole[node.index()] else { panic!("a number: {whole:?}") };
        for (t, expected) in readings {
            let read = number.at(t * SECOND).map(PointNumber::from);
            assert_eq!(read, Some(PointNumber::Exact(i128::from(expected * SECOND))), "window {window} at {t}");
        }
    }
}

/// A span of a split duration in seconds: dimensions, start, end, value, slope.
fn in_seconds(row: MetricSpan) -> (Vec<Option<Value>>, Time, Option<Time>, Time, i128) {
    let SpanValue::Number(Linear::Exact { value, slope }) = row.span.value else { panic!("a duration: {row:?}") };
    let value = Time::try_from(value).expect("a short duration");
    (row.dimensions, seconds(row.span.start), row.span.end.map(seconds), seconds(value), slope)
}

/// A plan with one operator over `latest(b)`.
fn over_state(op: impl Fn(NodeId) -> Op) -> (Plan, NodeId) {
    let mut p = Program::new();
    let of = p.latest("b", Type::Bool);
    let node = p.add(op(of));
    (p.finish(), node)
}

/// The events of a boolean that is true on the given spans; the first event is at 0 and says false unless a span begins there.
fn ends(spans: &[(Time, Time)]) -> Vec<(Time, bool)> {
    std::iter::once((0, false)).chain(spans.iter().flat_map(|(s, e)| [(*s, true), (*e, false)])).collect()
}

fn bools(plan: &Plan, events: &[(Time, bool)]) -> Vec<LogEvent> {
    let values: Vec<_> = events.iter().map(|(_, b)| [("b", Some(Value::Bool(*b)))]).collect();
    let rows: Vec<_> = events.iter().zip(&values).map(|((t, _), v)| (*t, "s", v.as_slice())).collect();
    log(plan, &rows)
}

/// The true spans of a node in seconds, with the horizon at 40.
fn true_spans(plan: &Plan, node: NodeId, events: &[(Time, bool)]) -> Vec<(Time, Time)> {
    let events = bools(plan, events);
    let run = run_until(plan, &events, 40);
    let all = timelines(plan, &run.sessions[0].1, 40 * SECOND);
    let Timeline::State(spans) = &all[node.index()] else { panic!("a state: {all:?}") };
    let is_true = spans.iter().filter(|s| s.value == Some(Value::Bool(true)));
    is_true.map(|s| (seconds(s.start), seconds(s.end.expect("over before the horizon")))).collect()
}
