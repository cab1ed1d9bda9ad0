//! Aggregates across sessions.
//!
//! Decisions:
//! * Every session, or every share of a split one, gives its group the value that its final row shows.
//! * A state of a number serves as a number. Of other states only `count`, `min` and `max` speak; the others are absent.
//! * A quotient counts where its denominator is not zero. Only its `avg`, sum over sum, also takes in the numerators
//!   (and the zeros) of those without one. Its `sum` is absent.
//! * The mean of durations and whole numbers is the quotient of sum and count, not yet rounded; that of floats is one float.
//! * A group in which nothing counts has no row.
//! * A metric of events has the values of its events: those that match, up to the end of their session, that instant
//!   included, or up to the horizon. Each belongs to the group of its instant.

use super::concurrency::{self, Presence};
use super::events::Occurrence;
use super::number::{PointNumber, number_of};
use super::readings::{FinalValue, MetricValue, read, read_at, read_before, rows};
use super::session::Session;
use super::split::ShareTimeline;
use super::state::StateTimeline;
use super::whole::{NodeTimeline, matches, whole};
use super::windows::ReferenceRow;
use crate::plan::{Aggregate, AggregateFunction, AggregateMembers, GroupOf, Op};
use crate::{Plan, Time, Value};
use std::cmp::Ordering;
use xsum::{Xsum, XsumSmall};

/// One group of an aggregated metric.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceTotal {
    /// Index into [`Plan::metrics`].
    pub metric: usize,
    /// The values of the group columns, in their order.
    pub group: Vec<Option<Value>>,
    /// The results of the functions, in their order.
    pub values: Vec<MetricValue>,
}

/// The values of the group columns, what its sessions add, when each was one of those that are counted at once, and for each
/// the values that are told apart.
type ReferenceGroup = (Vec<Option<Value>>, Vec<MetricValue>, Vec<Presence>, Vec<Vec<Option<Value>>>);

/// The totals of every aggregated metric, by metric, then in the order in which groups are first met.
pub fn totals<'a>(plan: &Plan, sessions: impl IntoIterator<Item = &'a Session>, horizon: Time) -> Vec<ReferenceTotal> {
    let sessions: Vec<&Session> = sessions.into_iter().collect();
    let mut totals = vec![];
    for (metric, aggregate) in plan.metrics.iter().enumerate().filter_map(|(i, m)| Some((i, m.aggregate.as_ref()?))) {
        let mut groups: Vec<ReferenceGroup> = vec![];
        for session in &sessions {
            let presences = presences(plan, metric, session, horizon);
            let rows = match plan.is_of_events(plan.metrics[metric].root) {
                true => happened(plan, metric, aggregate, session, horizon),
                false => grouped(plan, metric, aggregate, session, horizon),
            };
            let rows = rows.into_iter().enumerate();
            for (row, (mut group, value, is_final)) in rows {
                let apart = group.split_off(aggregate.group_by.len());
                if !counts(aggregate.members, is_final) {
                    continue;
                }
                let presence = presences.get(row).cloned();
                match groups.iter_mut().find(|(known, ..)| *known == group) {
                    Some((_, values, presences, all)) => {
                        values.push(value);
                        presences.extend(presence);
                        all.push(apart);
                    }
                    None => groups.push((group, vec![value], presence.into_iter().collect(), vec![apart])),
                }
            }
        }
        let rows = groups.into_iter().filter(|(_, values, ..)| values.iter().any(is_value));
        totals.extend(rows.map(|(group, values, presences, apart)| {
            let of = |function: &AggregateFunction| match function {
                AggregateFunction::Distinct { of, .. } => {
                    let place = aggregate.distinct().position(|own| own == *of).expect("it is one of these");
                    let counted = values.iter().zip(&apart).filter(|(value, _)| is_value(value));
                    distinct(counted.filter_map(|(_, apart)| apart[place].as_ref()))
                }
                function => apply(function, &values, &presences),
            };
            let values = aggregate.functions.iter().map(of).collect();
            ReferenceTotal { metric, group, values }
        }));
    }
    totals
}

impl MetricValue {
    /// How two values of one metric compare; quotients exactly. `None` for absent values and values of different kinds.
    pub fn compare(&self, other: &MetricValue) -> Option<Ordering> {
        match (self, other) {
            (MetricValue::State(a), MetricValue::State(b)) => a.compare(b),
            (MetricValue::Number(a), MetricValue::Number(b)) => Some(a.compare(*b).cmp(&0)),
            (
                MetricValue::Ratio { numerator: n, denominator: d },
                MetricValue::Ratio { numerator: m, denominator: e },
            ) if d.sign() != 0 && e.sign() != 0 => {
                Some((d.sign() * e.sign() * n.times(*e).compare(m.times(*d))).cmp(&0))
            }
            _ => None,
        }
    }
}

fn counts(members: AggregateMembers, is_final: bool) -> bool {
    match members {
        AggregateMembers::All => true,
        AggregateMembers::Closed => is_final,
        AggregateMembers::Live => !is_final,
    }
}

/// Where the metric counts sessions at once: when the session is one of them, for each of its final rows.
fn presences(plan: &Plan, metric: usize, session: &Session, horizon: Time) -> Vec<Presence> {
    let root = plan.metrics[metric].root;
    let Some(Op::Concurrency { cap, .. }) = plan.counted_at_once(root).map(|id| &plan.node(id).op) else {
        return vec![];
    };
    let extent = read_at(plan, session, horizon);
    let all = whole(plan, session);
    if let NodeTimeline::Split(shares) = &all[root.index()]
        && plan.windows_of(root).is_some()
    {
        let rows = rows(plan, session, horizon).into_iter().filter(|(own, _)| own.metric == metric);
        let share = |own: &FinalValue| shares.iter().find(|share| share.dimensions == own.dimensions);
        let windows: Vec<(ReferenceRow, &StateTimeline, (Time, Time))> = rows
            .filter_map(|(own, row)| match share(&own) {
                Some(ShareTimeline { window: Some(window), timeline: NodeTimeline::State(state), .. }) => {
                    Some((row, state, *window))
                }
                _ => None,
            })
            .collect();
        return Presence::of_windows(&windows, *cap, horizon);
    }
    let states: Vec<&StateTimeline> = match &all[root.index()] {
        NodeTimeline::State(state) => vec![state],
        NodeTimeline::Split(shares) => {
            let begun = shares.iter().filter(|share| share.since <= extent.limit());
            let states = begun.map(|share| match &share.timeline {
                NodeTimeline::State(state) => Some(state),
                _ => None,
            });
            states.flatten().collect()
        }
        _ => vec![],
    };
    Presence::of(session.origin, &states, extent, *cap)
}

/// What the events of a session add, likewise; whatever is said of them is final.
fn happened(
    plan: &Plan,
    metric: usize,
    aggregate: &Aggregate,
    session: &Session,
    horizon: Time,
) -> Vec<(Vec<Option<Value>>, MetricValue, bool)> {
    let root = plan.metrics[metric].root;
    let all = whole(plan, session);
    let NodeTimeline::Events(events) = &all[root.index()] else { return vec![] };
    let last = session.close.map_or(horizon, |close| close.at);
    let key = |of: &GroupOf, at: Time| match of {
        GroupOf::State(node) => match read(&all[node.index()], at) {
            MetricValue::State(value) => Some(value),
            _ => None,
        },
        GroupOf::Window(every) => Some(every.name(every.around(at).0)),
        GroupOf::Dimension(_) => None,
    };
    let counted = events.iter().filter(|event| event.time <= last && matches(&event.payload));
    let value = |payload: &Value| match payload {
        Value::Int(ns) if plan.carries_durations(root) => MetricValue::Number(PointNumber::Exact(i128::from(*ns))),
        value => as_number(&MetricValue::State(value.clone())),
    };
    let row = |event: &Occurrence| {
        let group = aggregate.beside().map(|of| key(&of, event.time)).collect();
        Some((group, value(event.payload.as_ref()?), true))
    };
    counted.filter_map(row).collect()
}

/// What a session adds: values with the groups they belong to, and whether each is final.
fn grouped(
    plan: &Plan,
    metric: usize,
    aggregate: &Aggregate,
    session: &Session,
    horizon: Time,
) -> Vec<(Vec<Option<Value>>, MetricValue, bool)> {
    let all = whole(plan, session);
    let is_windowed = plan.windows_of(plan.metrics[metric].root).is_some();
    let rows = rows(plan, session, horizon).into_iter().filter(|(own, _)| own.metric == metric);
    rows.map(|(own, row)| {
        let (at, before) = if is_windowed { row.groups_at() } else { (row.at, false) };
        let says = |node: &NodeTimeline| if before { read_before(node, at) } else { read(node, at) };
        let key = |of: &GroupOf| match of {
            GroupOf::Dimension(i) => own.dimensions.get(*i).cloned().flatten(),
            GroupOf::Window(_) => None,
            GroupOf::State(node) => match says(&all[node.index()]) {
                MetricValue::State(value) => Some(value),
                _ => None,
            },
        };
        (aggregate.beside().map(|of| key(&of)).collect(), as_number(&own.value), row.is_final)
    })
    .collect()
}

/// A state of a number serves as a number.
fn as_number(value: &MetricValue) -> MetricValue {
    match value {
        MetricValue::State(state) => {
            number_of(&Some(state.clone())).map_or_else(|| value.clone(), |x| MetricValue::Number(x.into()))
        }
        other => other.clone(),
    }
}

fn is_value(value: &MetricValue) -> bool {
    match value {
        MetricValue::Absent => false,
        MetricValue::State(_) | MetricValue::Number(_) => true,
        MetricValue::Ratio { denominator, .. } => denominator.sign() != 0,
    }
}

/// How many of the values are different.
fn distinct<'a>(values: impl Iterator<Item = &'a Value>) -> MetricValue {
    let mut seen: Vec<&Value> = vec![];
    for value in values {
        if seen.iter().all(|known| known.compare(value) != Some(Ordering::Equal)) {
            seen.push(value);
        }
    }
    MetricValue::Number(PointNumber::Exact(seen.len() as i128))
}

/// A function of the values of a group, of which at least one counts.
fn apply(function: &AggregateFunction, all: &[MetricValue], presences: &[Presence]) -> MetricValue {
    let mut values: Vec<&MetricValue> = all.iter().filter(|value| is_value(value)).collect();
    values.sort_by(|a, b| a.compare(b).expect("values of one metric that are not absent compare"));
    let count = values.len();
    match function {
        AggregateFunction::Count => MetricValue::Number(PointNumber::Exact(count as i128)),
        AggregateFunction::Sum => {
            numbers(&values).map_or(MetricValue::Absent, |numbers| MetricValue::Number(sum(&numbers)))
        }
        AggregateFunction::Avg => average(all, &values),
        AggregateFunction::Min => values[0].clone(),
        AggregateFunction::Max => values[count - 1].clone(),
        AggregateFunction::Now | AggregateFunction::Peak | AggregateFunction::Mean => {
            concurrency::count(function, presences)
        }
        AggregateFunction::Distinct { .. } => unreachable!("it asks for other values"),
        // The nearest rank: the first value that so many per cent of the values do not exceed.
        AggregateFunction::Percentile(_) if matches!(values[0], MetricValue::State(_)) => MetricValue::Absent,
        AggregateFunction::Percentile(p) => values[(usize::from(*p) * count).div_ceil(100) - 1].clone(),
    }
}

fn average(all: &[MetricValue], values: &[&MetricValue]) -> MetricValue {
    let sides = all.iter().filter_map(|value| match value {
        MetricValue::Ratio { numerator, denominator } => Some((*numerator, *denominator)),
        _ => None,
    });
    let (numerators, denominators): (Vec<PointNumber>, Vec<PointNumber>) = sides.unzip();
    if !numerators.is_empty() {
        return MetricValue::Ratio { numerator: sum(&numerators), denominator: sum(&denominators) };
    }
    match numbers(values).map(|numbers| sum(&numbers)) {
        None => MetricValue::Absent,
        Some(PointNumber::Float(sum)) => MetricValue::Number(PointNumber::Float(sum / values.len() as f64)),
        Some(sum) => MetricValue::Ratio { numerator: sum, denominator: PointNumber::Exact(values.len() as i128) },
    }
}

/// The values as numbers, if they are numbers.
fn numbers(values: &[&MetricValue]) -> Option<Vec<PointNumber>> {
    let number = |value: &&MetricValue| match value {
        MetricValue::Number(number) => Some(*number),
        _ => None,
    };
    values.iter().map(number).collect()
}

/// The exact sum, rounded once if there are floats.
fn sum(numbers: &[PointNumber]) -> PointNumber {
    let exact = numbers.iter().map(|number| match number {
        PointNumber::Exact(value) => Some(*value),
        PointNumber::Float(_) => None,
    });
    match exact.collect::<Option<Vec<i128>>>() {
        Some(values) => PointNumber::Exact(values.into_iter().fold(0, i128::saturating_add)),
        None => {
            let mut exact = XsumSmall::new();
            numbers.iter().for_each(|number| exact.add(number.as_float()));
            PointNumber::Float(exact.sum())
        }
    }
}
