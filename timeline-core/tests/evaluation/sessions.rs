//! Where sessions begin and end, who is late, and what is read at the end. Times are in seconds.

use super::build::{Program, log, run_until, seconds};
use timeline_core::plan::{EndRule, Op};
use timeline_core::reference::{
    CloseReason, LedgerReason, MetricValue, PointNumber, ReferenceRun, SpanValue, alerts, finals, run, spans,
};
use timeline_core::{Plan, SECOND, Time, Type, Value};

/// A plan that ends as said, with `duration_where(latest(b))` as metric and alerts on `latest(b)` and on a look-back of 3.
fn plan(end: impl Fn(&mut Program) -> EndRule, lateness: Time) -> Plan {
    let mut p = Program::new();
    let b = p.latest("b", Type::Bool);
    let duration = p.add(Op::DurationWhere { of: b });
    p.metric("duration", duration, &[], None);
    p.alert("b", b);
    let within = p.add(Op::HasExistedWithin { of: b, window: 3 * SECOND });
    p.alert("within", within);
    let end = end(&mut p);
    p.end(end);
    let mut plan = p.finish();
    plan.source.lateness = lateness * SECOND;
    plan
}

fn silence(seconds: Time) -> impl Fn(&mut Program) -> EndRule {
    move |_| EndRule { silence: Some(seconds * SECOND), ..EndRule::default() }
}

fn max_age(seconds: Time) -> impl Fn(&mut Program) -> EndRule {
    move |_| EndRule { max_age: Some(seconds * SECOND), ..EndRule::default() }
}

/// `end when latest event says stop == true`.
fn stop(p: &mut Program) -> EndRule {
    EndRule { when: Some(p.event("stop", Type::Bool)), ..EndRule::default() }
}

/// A log of one key: times and values of `b`; `!` before a time is written as a stop event.
fn events(plan: &Plan, rows: &[(Time, &str)]) -> Vec<timeline_core::reference::LogEvent> {
    let values: Vec<Vec<(&str, Option<Value>)>> = rows
        .iter()
        .map(|(_, what)| match *what {
            "stop" => vec![("stop", Some(Value::Bool(true)))],
            "null" => vec![("b", None)],
            "" => vec![],
            b => vec![("b", Some(Value::Bool(b == "true")))],
        })
        .collect();
    let rows: Vec<_> = rows.iter().zip(&values).map(|((t, _), v)| (*t, "s", v.as_slice())).collect();
    log(plan, &rows)
}

type Cut = (Time, Time, Option<(Time, CloseReason)>);

/// Origin, last event and close of every session.
fn cuts(run: &ReferenceRun) -> Vec<Cut> {
    let close = |s: &timeline_core::reference::Session| s.close.map(|c| (seconds(c.at), c.reason));
    run.sessions.iter().map(|(_, s)| (seconds(s.origin), seconds(s.last), close(s))).collect()
}

fn check(plan: &Plan, rows: &[(Time, &str)], horizon: Time, expected: &[Cut]) {
    let events = events(plan, rows);
    assert_eq!(cuts(&run_until(plan, &events, horizon)), expected, "{rows:?} until {horizon}");
}

#[test]
fn an_end_event_takes_its_whole_instant() {
    use CloseReason::EndEvent;
    let plan = plan(stop, 0);
    check(&plan, &[(0, "true"), (5, "stop"), (5, "false")], 5, &[(0, 5, Some((5, EndEvent)))]);
    check(&plan, &[(0, "stop")], 0, &[(0, 0, Some((0, EndEvent)))]);
    check(&plan, &[(0, "true"), (5, "stop"), (6, "true")], 6, &[(0, 5, Some((5, EndEvent))), (6, 6, None)]);
    check(&plan, &[(0, "true"), (5, "stop")], 4, &[(0, 0, None)]);
}

#[test]
fn silence_is_known_only_beyond_its_instant() {
    use CloseReason::Silence;
    let plan = plan(silence(10), 0);
    check(&plan, &[(0, ""), (10, "true")], 20, &[(0, 10, None)]);
    check(&plan, &[(0, ""), (10, "true")], 21, &[(0, 10, Some((20, Silence)))]);
    check(&plan, &[(0, ""), (11, "true")], 11, &[(0, 0, Some((10, Silence))), (11, 11, None)]);
}

#[test]
fn maximum_age_includes_its_instant() {
    use CloseReason::MaxAge;
    let plan = plan(max_age(10), 0);
    check(&plan, &[(0, ""), (10, "true")], 10, &[(0, 10, Some((10, MaxAge)))]);
    check(&plan, &[(0, ""), (9, "true")], 9, &[(0, 9, None)]);
    check(&plan, &[(0, ""), (9, "true"), (11, "")], 11, &[(0, 9, Some((10, MaxAge))), (11, 11, None)]);
}

#[test]
fn the_first_rule_to_strike_closes() {
    let rule = |p: &mut Program| EndRule { silence: Some(4 * SECOND), max_age: Some(6 * SECOND), ..stop(p) };
    let plan = plan(rule, 0);
    check(&plan, &[(0, "")], 9, &[(0, 0, Some((4, CloseReason::Silence)))]);
    check(&plan, &[(0, ""), (3, "")], 9, &[(0, 3, Some((6, CloseReason::MaxAge)))]);
    check(&plan, &[(0, ""), (2, "")], 6, &[(0, 2, Some((6, CloseReason::MaxAge)))]);
    check(&plan, &[(0, ""), (3, ""), (6, "stop")], 9, &[(0, 6, Some((6, CloseReason::EndEvent)))]);
}

#[test]
fn what_comes_after_an_end_begins_a_session_whatever_the_lateness() {
    use CloseReason::{EndEvent, MaxAge, Silence};
    for lateness in [0, 2, 60] {
        let ended = [(0, 5, Some((5, EndEvent))), (6, 7, None)];
        check(&plan(stop, lateness), &[(0, ""), (5, "stop"), (6, ""), (7, "true")], 7, &ended);
        let silent = [(0, 0, Some((10, Silence))), (11, 12, None)];
        check(&plan(silence(10), lateness), &[(0, ""), (11, ""), (12, "")], 12, &silent);
        let aged = [(0, 9, Some((10, MaxAge))), (11, 12, None)];
        check(&plan(max_age(10), lateness), &[(0, ""), (9, ""), (11, ""), (12, "")], 12, &aged);
    }
}

/// As [`stop`], lingering for two seconds.
fn lingering(p: &mut Program) -> EndRule {
    EndRule { linger: 2 * SECOND, ..stop(p) }
}

#[test]
fn only_what_an_event_ended_lingers() {
    let rule = |p: &mut Program| EndRule { silence: Some(4 * SECOND), max_age: Some(9 * SECOND), ..lingering(p) };
    let plan = plan(rule, 0);
    check(&plan, &[(0, ""), (5, "")], 5, &[(0, 0, Some((4, CloseReason::Silence))), (5, 5, None)]);
    let aged = [(0, 8, Some((9, CloseReason::MaxAge))), (10, 10, None)];
    check(&plan, &[(0, ""), (4, ""), (8, ""), (10, "")], 10, &aged);
    // An end by an event goes before age at the same instant, so it lingers.
    let ended = [(0, 9, Some((9, CloseReason::EndEvent))), (12, 12, None)];
    check(&plan, &[(0, ""), (4, ""), (8, ""), (9, "stop"), (11, ""), (12, "")], 12, &ended);
}

#[test]
fn a_session_lingers_from_its_end_on_and_no_longer() {
    let plan = plan(lingering, 0);
    let events = events(&plan, &[(0, ""), (5, "stop"), (6, ""), (7, "true"), (8, ""), (9, "")]);
    let run = run_until(&plan, &events, 9);
    assert_eq!(cuts(&run), [(0, 5, Some((5, CloseReason::EndEvent))), (8, 9, None)]);
    let late: Vec<_> = run.late.iter().map(|l| (l.event.record.position, l.reason)).collect();
    assert_eq!(late, [(2, LedgerReason::SessionClosed), (3, LedgerReason::SessionClosed)]);
}

#[test]
fn late_is_judged_against_the_watermark_before_the_cut() {
    let plan = plan(silence(100), 2);
    let events = events(&plan, &[(0, ""), (5, ""), (3, ""), (2, ""), (4, "")]);
    let run = run_until(&plan, &events, 4);
    let late: Vec<_> = run.late.iter().map(|l| (l.event.record.position, l.reason)).collect();
    assert_eq!(late, [(3, LedgerReason::BehindWatermark(3 * SECOND))]);
    let positions: Vec<_> = run.sessions[0].1.records.iter().map(|r| r.position).collect();
    assert_eq!(positions, [0, 2, 4], "by time, without the late one and the one after the horizon");
}

#[test]
fn the_horizon_is_the_last_accepted_event() {
    let plan = plan(silence(100), 0);
    let events = events(&plan, &[(0, ""), (5, ""), (4, "")]);
    assert_eq!(run(&plan, &events, None).horizon, Some(5 * SECOND));
    assert_eq!(run(&plan, &[], None).horizon, None);
}

/// The metric's value, its spans `(start, end, value)` and the alerts `(alert, start, end)` of the first session.
type Shown = (Time, Vec<(Time, Option<Time>, Time)>, Vec<(usize, Time, Option<Time>)>);

fn shown(plan: &Plan, rows: &[(Time, &str)], horizon: Time) -> Shown {
    let exact = |value: i128| seconds(Time::try_from(value).expect("a short duration"));
    let events = events(plan, rows);
    let run = run_until(plan, &events, horizon);
    let session = &run.sessions[0].1;
    let read = finals(plan, session, horizon * SECOND);
    let MetricValue::Number(PointNumber::Exact(value)) = read[0].value else { panic!("a duration: {read:?}") };
    let span = |s: timeline_core::reference::MetricSpan| match s.span.value {
        SpanValue::Number(x) => {
            let PointNumber::Exact(value) = PointNumber::from(x) else { panic!("exact: {x:?}") };
            (seconds(s.span.start), s.span.end.map(seconds), exact(value))
        }
        other => panic!("a number: {other:?}"),
    };
    let alert = |a: timeline_core::reference::AlertStretch| (a.alert, seconds(a.start), a.end.map(seconds));
    (
        exact(value),
        spans(plan, session, horizon * SECOND).into_iter().map(span).collect(),
        alerts(plan, session, horizon * SECOND).into_iter().map(alert).collect(),
    )
}

#[test]
fn an_open_session_is_shown_through_the_horizon() {
    let plan = plan(silence(100), 0);
    let all = (3, vec![(0, Some(2), 0), (2, None, 0)], vec![(0, 2, None), (1, 2, None)]);
    assert_eq!(shown(&plan, &[(0, "false"), (2, "true")], 5), all);
    let begun = (0, vec![(0, Some(2), 0), (2, None, 0)], vec![(0, 2, None), (1, 2, None)]);
    assert_eq!(shown(&plan, &[(0, "false"), (2, "true")], 2), begun, "what begins at the horizon is a row");
    let over = (2, vec![(0, Some(2), 0), (2, Some(4), 0), (4, None, 2)], vec![(0, 2, Some(4)), (1, 2, None)]);
    assert_eq!(shown(&plan, &[(0, "false"), (2, "true"), (4, "null")], 4), over, "what ends at the horizon has ended");
}

#[test]
fn what_begins_at_an_end_event_has_no_length() {
    let plan = plan(stop, 0);
    let all = (3, vec![(0, Some(2), 0), (2, Some(5), 0)], vec![(0, 2, Some(5)), (1, 2, Some(5))]);
    assert_eq!(shown(&plan, &[(0, "false"), (2, "true"), (5, "stop")], 9), all);
    let late = (0, vec![(0, Some(5), 0)], vec![]);
    assert_eq!(shown(&plan, &[(0, "false"), (5, "stop"), (5, "true")], 9), late);
    let only = (0, vec![(0, Some(0), 0)], vec![]);
    assert_eq!(shown(&plan, &[(0, "stop"), (0, "true")], 9), only);
}

#[test]
fn silence_is_not_billed_but_its_alerts_stay_told() {
    let plan = plan(silence(10), 0);
    let all = (3, vec![(0, Some(2), 0), (2, Some(5), 0)], vec![(0, 2, Some(15)), (1, 2, Some(15))]);
    assert_eq!(shown(&plan, &[(0, "false"), (2, "true"), (5, "")], 16), all);
    let within = (0, vec![(0, Some(0), 0)], vec![(0, 0, Some(10)), (1, 0, Some(10))]);
    assert_eq!(shown(&plan, &[(0, "true")], 11), within, "one event is no time");
    let faded = (2, vec![(0, Some(2), 0)], vec![(0, 0, Some(2)), (1, 0, Some(5))]);
    assert_eq!(shown(&plan, &[(0, "true"), (2, "false")], 13), faded, "a look-back fades after the last event");
}

#[test]
fn billed_silence_is_counted_up_to_the_close() {
    let billed = |_: &mut Program| EndRule { silence: Some(10 * SECOND), billed: true, ..EndRule::default() };
    let plan = plan(billed, 0);
    let all = (13, vec![(0, Some(2), 0), (2, Some(15), 0)], vec![(0, 2, Some(15)), (1, 2, Some(15))]);
    assert_eq!(shown(&plan, &[(0, "false"), (2, "true"), (5, "")], 16), all);
}

/// The dimension values of a split that have a final row, with their seconds.
fn charged(end: impl Fn(&mut Program) -> EndRule, rows: &[(Time, &str)], horizon: Time) -> Vec<(Option<bool>, Time)> {
    let mut p = Program::new();
    let of = p.event("b", Type::Bool);
    let b = p.add(Op::Latest { of, ttl: Some(4 * SECOND) });
    let ever = p.add(Op::Constant(Value::Bool(true)));
    let elapsed = p.add(Op::DurationWhere { of: ever });
    let split = p.add(Op::Split { of: elapsed, by: vec![b], cap: Op::USUALLY_REMEMBERED });
    p.metric("m", split, &["b"], None);
    let end = end(&mut p);
    p.end(end);
    let plan = p.finish();
    let events = events(&plan, rows);
    let run = run_until(&plan, &events, horizon);
    let row = |row: timeline_core::reference::FinalValue| {
        let MetricValue::Number(PointNumber::Exact(value)) = row.value else { panic!("a duration: {row:?}") };
        let dimension = row.dimensions[0].as_ref().map(|v| *v == Value::Bool(true));
        (dimension, seconds(Time::try_from(value).expect("a short duration")))
    };
    finals(&plan, &run.sessions[0].1, horizon * SECOND).into_iter().map(row).collect()
}

#[test]
fn dimensions_have_a_row_from_their_first_instant_to_the_reading() {
    let (yes, no) = (Some(true), Some(false));
    let never = |_: &mut Program| EndRule::default();
    assert_eq!(charged(never, &[(0, "true"), (3, "false")], 2), [(yes, 2)], "after the horizon");
    assert_eq!(charged(never, &[(0, "true"), (3, "false")], 3), [(yes, 3), (no, 0)], "at the horizon");
    assert_eq!(charged(never, &[(0, ""), (1, "true")], 6), [(None, 2), (yes, 4)], "absence is a value too");
    assert_eq!(charged(stop, &[(0, "true"), (3, "stop"), (3, "false")], 9), [(yes, 3), (no, 0)], "at the close");
    assert_eq!(charged(silence(9), &[(0, "true"), (3, "")], 13), [(yes, 3)], "after the last event of a silent end");
    assert_eq!(charged(silence(9), &[(0, "true"), (4, "")], 14), [(yes, 4), (None, 0)], "at its last event");
}

#[test]
fn age_closes_with_what_is_then_true() {
    let plan = plan(max_age(10), 0);
    let all = (8, vec![(0, Some(2), 0), (2, Some(10), 0)], vec![(0, 2, Some(10)), (1, 2, Some(10))]);
    assert_eq!(shown(&plan, &[(0, "false"), (2, "true")], 20), all);
}
