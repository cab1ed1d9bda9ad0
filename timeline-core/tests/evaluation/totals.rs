//! Aggregates across sessions, by hand. Times are in seconds.

use super::build::{Program, Row, group, log, run_until, text};
use timeline_core::plan::{
    Aggregate, AggregateFunction, AggregateMembers, Compare, EndRule, Every, GroupOf, NodeId, Op,
};
use timeline_core::reference::{MetricValue, PointNumber, ReferenceTotal, totals};
use timeline_core::{Plan, SECOND, Time, Type, Value};

const ALL: [AggregateFunction; 6] = [
    AggregateFunction::Count,
    AggregateFunction::Sum,
    AggregateFunction::Avg,
    AggregateFunction::Min,
    AggregateFunction::Max,
    AggregateFunction::Percentile(50),
];

fn exact(x: i128) -> PointNumber {
    PointNumber::Exact(x)
}

fn number(x: i128) -> MetricValue {
    MetricValue::Number(exact(x))
}

fn seconds(x: i128) -> MetricValue {
    number(x * i128::from(SECOND))
}

fn ratio(numerator: i128, denominator: i128) -> MetricValue {
    MetricValue::Ratio { numerator: exact(numerator), denominator: exact(denominator) }
}

fn check(plan: &Plan, rows: &[Row], until: Time, expected: &[(Vec<Option<Value>>, Vec<MetricValue>)]) {
    let log = log(plan, rows);
    let run = run_until(plan, &log, until);
    let found = totals(plan, run.sessions.iter().map(|s| &s.1), until * SECOND);
    let expected: Vec<ReferenceTotal> = expected
        .iter()
        .map(|(group, values)| ReferenceTotal { metric: 0, group: group.clone(), values: values.clone() })
        .collect();
    assert_eq!(found, expected);
}

fn one_metric(members: AggregateMembers, by: &[(&str, GroupOf)], root: impl Fn(&mut Program) -> NodeId) -> Plan {
    let mut p = Program::new();
    let root = root(&mut p);
    let group_by = by.iter().map(|(name, of)| group(name, of.clone())).collect();
    p.metric("m", root, &[], Some(Aggregate { group_by, functions: ALL.to_vec(), members }));
    p.end(EndRule { silence: Some(5 * SECOND), ..EndRule::default() });
    p.finish()
}

fn duration(p: &mut Program) -> NodeId {
    let of = p.latest("b", Type::Bool);
    p.add(Op::DurationWhere { of })
}

#[test]
fn members_choose_between_live_and_closed() {
    let (yes, no) = ([("b", Some(Value::Bool(true)))], [("b", Some(Value::Bool(false)))]);
    // At 20 the first session is closed with 3 seconds, the second is live with 2, the third live with 4.
    let rows: [Row; 5] = [(0, "x", &yes), (3, "x", &no), (16, "z", &yes), (16, "y", &yes), (18, "y", &no)];
    let s = i128::from(SECOND);
    let all = vec![number(3), seconds(9), ratio(9 * s, 3), seconds(2), seconds(4), seconds(3)];
    let live = vec![number(2), seconds(6), ratio(6 * s, 2), seconds(2), seconds(4), seconds(2)];
    let closed = vec![number(1), seconds(3), ratio(3 * s, 1), seconds(3), seconds(3), seconds(3)];
    for (members, expected) in
        [(AggregateMembers::All, all), (AggregateMembers::Live, live), (AggregateMembers::Closed, closed)]
    {
        check(&one_metric(members, &[], duration), &rows, 20, &[(vec![], expected)]);
    }
}

#[test]
fn ratios_are_put_together_sum_over_sum() {
    let plan = one_metric(AggregateMembers::All, &[], |p| {
        let numerator = duration(p);
        let of = p.is("s", "play");
        let denominator = p.add(Op::DurationWhere { of });
        p.add(Op::Ratio { numerator, denominator })
    });
    let (b, play, stop) = ([("b", Some(Value::Bool(true)))], [("s", text("play"))], [("b", Some(Value::Bool(false)))]);
    // At 4: x is 4/2, y is 3/1, z is 2/0, which has no value but adds its numerator.
    let rows: [Row; 6] = [(0, "x", &b), (1, "y", &b), (2, "x", &play), (2, "z", &b), (3, "y", &play), (4, "z", &stop)];
    let s = i128::from(SECOND);
    let expected = vec![
        number(2),
        MetricValue::Absent,
        ratio(9 * s, 3 * s),
        ratio(4 * s, 2 * s),
        ratio(3 * s, s),
        ratio(4 * s, 2 * s),
    ];
    check(&plan, &rows, 4, &[(vec![], expected)]);
}

#[test]
fn floats_are_summed_exactly_and_absent_values_do_not_count() {
    let plan = one_metric(AggregateMembers::All, &[], |p| {
        let of = p.latest("x", Type::Float);
        p.add(Op::NumberOf(of))
    });
    let value = |x: f64| [("x", Some(Value::Float(x)))];
    let (big, small, minus, null) = (value(1e100), value(1.0), value(-1e100), [("x", None)]);
    let rows: [Row; 4] = [(0, "a", &big), (0, "b", &small), (0, "c", &minus), (0, "d", &null)];
    let float = |x: f64| MetricValue::Number(PointNumber::Float(x));
    let expected = vec![number(3), float(1.0), float(1.0 / 3.0), float(-1e100), float(1e100), float(1.0)];
    check(&plan, &rows, 0, &[(vec![], expected)]);
    check(&plan, &[(0, "d", &null)], 0, &[]);
}

#[test]
fn groups_are_states_when_the_session_is_read_or_dimensions() {
    let mut p = Program::new();
    let duration = duration(&mut p);
    let cdn = p.latest("cdn", Type::String);
    let split = p.add(Op::Split { of: duration, by: vec![cdn], cap: Op::USUALLY_REMEMBERED });
    let country = p.latest("country", Type::String);
    let of = [group("cdn", GroupOf::Dimension(0)), group("country", GroupOf::State(country))];
    let functions = vec![AggregateFunction::Count, AggregateFunction::Sum];
    p.metric("m", split, &["cdn"], Some(Aggregate { group_by: of.into(), functions, members: AggregateMembers::All }));
    let plan = p.finish();
    let start = [("b", Some(Value::Bool(true))), ("cdn", text("C1"))];
    let (country, switch) = ([("country", text("NL"))], [("cdn", text("C2"))]);
    let rows: [Row; 4] = [(0, "x", &start), (1, "x", &country), (3, "x", &switch), (4, "y", &start)];
    let total = |cdn: &str, country: Option<Value>, sum| (vec![text(cdn), country], vec![number(1), seconds(sum)]);
    check(&plan, &rows, 5, &[total("C1", text("NL"), 3), total("C2", text("NL"), 2), total("C1", None, 1)]);
}

#[test]
fn truths_are_counted_and_ordered_but_not_summed() {
    let plan = one_metric(AggregateMembers::All, &[], |p| {
        let duration = duration(p);
        p.duration_is(duration, Compare::Ge, 2 * SECOND)
    });
    let yes = [("b", Some(Value::Bool(true)))];
    let state = |b: bool| MetricValue::State(Value::Bool(b));
    let expected =
        vec![number(2), MetricValue::Absent, MetricValue::Absent, state(false), state(true), MetricValue::Absent];
    check(&plan, &[(0, "x", &yes), (3, "y", &yes)], 4, &[(vec![], expected)]);
}

#[test]
fn the_percentile_is_the_nearest_rank() {
    let mut p = Program::new();
    let of = p.latest("n", Type::Int);
    let root = p.add(Op::NumberOf(of));
    let functions: Vec<AggregateFunction> = [1, 25, 50, 51, 95, 99].map(AggregateFunction::Percentile).to_vec();
    p.metric("m", root, &[], Some(Aggregate { group_by: vec![], functions, members: AggregateMembers::All }));
    let plan = p.finish();
    let values: Vec<_> = [40, 10, 30, 20].map(|n| [("n", Some(Value::Int(n)))]).to_vec();
    let rows: Vec<Row> = ["a", "b", "c", "d"].iter().zip(&values).map(|(key, v)| (0, *key, v.as_slice())).collect();
    check(&plan, &rows, 0, &[(vec![], [10, 10, 20, 30, 40, 40].map(number).to_vec())]);
}

#[test]
fn events_count_in_the_group_and_in_the_window_of_their_instant() {
    let mut p = Program::new();
    let down = p.latest("b", Type::Bool);
    let fall = p.add(Op::Fall { of: down });
    let length = p.add(Op::DurationOfPreviousState { of: down });
    let root = p.add(Op::At { event: fall, of: length });
    let cdn = p.latest("cdn", Type::String);
    let every = Every::length(10 * SECOND);
    let keys = vec![group("every", GroupOf::Window(every)), group("cdn", GroupOf::State(cdn))];
    let aggregate = Aggregate { group_by: keys, functions: ALL.to_vec(), members: AggregateMembers::All };
    p.metric("outage", root, &[], Some(aggregate));
    p.end(EndRule { silence: Some(5 * SECOND), ..EndRule::default() });
    let plan = p.finish();
    let (up, down) = ([("b", Some(Value::Bool(false)))], [("b", Some(Value::Bool(true))), ("cdn", text("C1"))]);
    let moved = [("b", Some(Value::Bool(false))), ("cdn", text("C2"))];
    // The last one goes on when its session ends, which ends no outage.
    let rows: [Row; 6] =
        [(0, "x", &down), (1, "y", &down), (2, "x", &up), (4, "y", &moved), (6, "x", &down), (10, "x", &up)];
    let total = |window: &str, cdn: &str, values: &[i128]| {
        let (count, sum) = (values.len() as i128, values.iter().sum::<i128>());
        let s = i128::from(SECOND);
        let (least, most) = (values.iter().min().copied().unwrap_or(0), values.iter().max().copied().unwrap_or(0));
        let values =
            vec![number(count), seconds(sum), ratio(sum * s, count), seconds(least), seconds(most), seconds(least)];
        (vec![text(window), text(cdn)], values)
    };
    let (first, second) = ("1970-01-01T00:00:00Z", "1970-01-01T00:00:10Z");
    let expected = [total(first, "C1", &[2]), total(second, "C1", &[4]), total(first, "C2", &[3])];
    check(&plan, &rows, 30, &expected);
}
