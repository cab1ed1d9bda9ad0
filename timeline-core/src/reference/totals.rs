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
use super::number::{Number, number_of};
use super::readings::{Final, Reading, read, read_at, read_before, rows};
use super::session::Session;
use super::split::Share;
use super::state::State;
use super::whole::{Whole, matches, whole};
use super::windows::Row;
use crate::plan::{Aggregate, Function, GroupOf, Members, Op};
use crate::{Plan, Time, Value};
use std::cmp::Ordering;
use xsum::{Xsum, XsumSmall};

/// One group of an aggregated metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Total {
    /// Index into [`Plan::metrics`].
    pub metric: usize,
    /// The values of the group columns, in their order.
    pub group: Vec<Option<Value>>,
    /// The results of the functions, in their order.
    pub values: Vec<Reading>,
}

/// The values of the group columns, what its sessions add, when each was one of those that are counted at once, and for each
/// the values that are told apart.
type Group = (Vec<Option<Value>>, Vec<Reading>, Vec<Presence>, Vec<Vec<Option<Value>>>);

/// The totals of every aggregated metric, by metric, then in the order in which groups are first met.
pub fn totals<'a>(plan: &Plan, sessions: impl IntoIterator<Item = &'a Session>, horizon: Time) -> Vec<Total> {
    let sessions: Vec<&Session> = sessions.into_iter().collect();
    let mut totals = vec![];
    for (metric, aggregate) in plan.metrics.iter().enumerate().filter_map(|(i, m)| Some((i, m.aggregate.as_ref()?))) {
        let mut groups: Vec<Group> = vec![];
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
            let of = |function: &Function| match function {
                Function::Distinct { of, .. } => {
                    let place = aggregate.distinct().position(|own| own == *of).expect("it is one of these");
                    let counted = values.iter().zip(&apart).filter(|(value, _)| is_value(value));
                    distinct(counted.filter_map(|(_, apart)| apart[place].as_ref()))
                }
                function => apply(function, &values, &presences),
            };
            let values = aggregate.functions.iter().map(of).collect();
            Total { metric, group, values }
        }));
    }
    totals
}

impl Reading {
    /// How two values of one metric compare; quotients exactly. `None` for absent values and values of different kinds.
    pub fn compare(&self, other: &Reading) -> Option<Ordering> {
        match (self, other) {
            (Reading::State(a), Reading::State(b)) => a.compare(b),
            (Reading::Number(a), Reading::Number(b)) => Some(a.compare(*b).cmp(&0)),
            (Reading::Ratio { numerator: n, denominator: d }, Reading::Ratio { numerator: m, denominator: e })
                if d.sign() != 0 && e.sign() != 0 =>
            {
                Some((d.sign() * e.sign() * n.times(*e).compare(m.times(*d))).cmp(&0))
            }
            _ => None,
        }
    }
}

fn counts(members: Members, is_final: bool) -> bool {
    match members {
        Members::All => true,
        Members::Closed => is_final,
        Members::Live => !is_final,
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
    if let Whole::Split(shares) = &all[root.index()]
        && plan.windows_of(root).is_some()
    {
        let rows = rows(plan, session, horizon).into_iter().filter(|(own, _)| own.metric == metric);
        let share = |own: &Final| shares.iter().find(|share| share.dimensions == own.dimensions);
        let windows: Vec<(Row, &State, (Time, Time))> = rows
            .filter_map(|(own, row)| match share(&own) {
                Some(Share { window: Some(window), timeline: Whole::State(state), .. }) => Some((row, state, *window)),
                _ => None,
            })
            .collect();
        return Presence::of_windows(&windows, *cap, horizon);
    }
    let states: Vec<&State> = match &all[root.index()] {
        Whole::State(state) => vec![state],
        Whole::Split(shares) => {
            let begun = shares.iter().filter(|share| share.since <= extent.limit());
            let states = begun.map(|share| match &share.timeline {
                Whole::State(state) => Some(state),
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
) -> Vec<(Vec<Option<Value>>, Reading, bool)> {
    let root = plan.metrics[metric].root;
    let all = whole(plan, session);
    let Whole::Events(events) = &all[root.index()] else { return vec![] };
    let last = session.close.map_or(horizon, |close| close.at);
    let key = |of: &GroupOf, at: Time| match of {
        GroupOf::State(node) => match read(&all[node.index()], at) {
            Reading::State(value) => Some(value),
            _ => None,
        },
        GroupOf::Window(every) => Some(every.name(every.around(at).0)),
        GroupOf::Dimension(_) => None,
    };
    let counted = events.iter().filter(|event| event.time <= last && matches(&event.payload));
    let value = |payload: &Value| match payload {
        Value::Int(ns) if plan.carries_durations(root) => Reading::Number(Number::Exact(i128::from(*ns))),
        value => as_number(&Reading::State(value.clone())),
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
) -> Vec<(Vec<Option<Value>>, Reading, bool)> {
    let all = whole(plan, session);
    let is_windowed = plan.windows_of(plan.metrics[metric].root).is_some();
    let rows = rows(plan, session, horizon).into_iter().filter(|(own, _)| own.metric == metric);
    rows.map(|(own, row)| {
        let (at, before) = if is_windowed { row.groups_at() } else { (row.at, false) };
        let says = |node: &Whole| if before { read_before(node, at) } else { read(node, at) };
        let key = |of: &GroupOf| match of {
            GroupOf::Dimension(i) => own.dimensions.get(*i).cloned().flatten(),
            GroupOf::Window(_) => None,
            GroupOf::State(node) => match says(&all[node.index()]) {
                Reading::State(value) => Some(value),
                _ => None,
            },
        };
        (aggregate.beside().map(|of| key(&of)).collect(), as_number(&own.value), row.is_final)
    })
    .collect()
}

/// A state of a number serves as a number.
fn as_number(value: &Reading) -> Reading {
    match value {
        Reading::State(state) => {
            number_of(&Some(state.clone())).map_or_else(|| value.clone(), |x| Reading::Number(x.into()))
        }
        other => other.clone(),
    }
}

fn is_value(value: &Reading) -> bool {
    match value {
        Reading::Absent => false,
        Reading::State(_) | Reading::Number(_) => true,
        Reading::Ratio { denominator, .. } => denominator.sign() != 0,
    }
}

/// How many of the values are different.
fn distinct<'a>(values: impl Iterator<Item = &'a Value>) -> Reading {
    let mut seen: Vec<&Value> = vec![];
    for value in values {
        if seen.iter().all(|known| known.compare(value) != Some(Ordering::Equal)) {
            seen.push(value);
        }
    }
    Reading::Number(Number::Exact(seen.len() as i128))
}

/// A function of the values of a group, of which at least one counts.
fn apply(function: &Function, all: &[Reading], presences: &[Presence]) -> Reading {
    let mut values: Vec<&Reading> = all.iter().filter(|value| is_value(value)).collect();
    values.sort_by(|a, b| a.compare(b).expect("values of one metric that are not absent compare"));
    let count = values.len();
    match function {
        Function::Count => Reading::Number(Number::Exact(count as i128)),
        Function::Sum => numbers(&values).map_or(Reading::Absent, |numbers| Reading::Number(sum(&numbers))),
        Function::Avg => average(all, &values),
        Function::Min => values[0].clone(),
        Function::Max => values[count - 1].clone(),
        Function::Now | Function::Peak | Function::Mean => concurrency::count(function, presences),
        Function::Distinct { .. } => unreachable!("it asks for other values"),
        // The nearest rank: the first value that so many per cent of the values do not exceed.
        Function::Percentile(_) if matches!(values[0], Reading::State(_)) => Reading::Absent,
        Function::Percentile(p) => values[(usize::from(*p) * count).div_ceil(100) - 1].clone(),
    }
}

fn average(all: &[Reading], values: &[&Reading]) -> Reading {
    let sides = all.iter().filter_map(|value| match value {
        Reading::Ratio { numerator, denominator } => Some((*numerator, *denominator)),
        _ => None,
    });
    let (numerators, denominators): (Vec<Number>, Vec<Number>) = sides.unzip();
    if !numerators.is_empty() {
        return Reading::Ratio { numerator: sum(&numerators), denominator: sum(&denominators) };
    }
    match numbers(values).map(|numbers| sum(&numbers)) {
        None => Reading::Absent,
        Some(Number::Float(sum)) => Reading::Number(Number::Float(sum / values.len() as f64)),
        Some(sum) => Reading::Ratio { numerator: sum, denominator: Number::Exact(values.len() as i128) },
    }
}

/// The values as numbers, if they are numbers.
fn numbers(values: &[&Reading]) -> Option<Vec<Number>> {
    let number = |value: &&Reading| match value {
        Reading::Number(number) => Some(*number),
        _ => None,
    };
    values.iter().map(number).collect()
}

/// The exact sum, rounded once if there are floats.
fn sum(numbers: &[Number]) -> Number {
    let exact = numbers.iter().map(|number| match number {
        Number::Exact(value) => Some(*value),
        Number::Float(_) => None,
    });
    match exact.collect::<Option<Vec<i128>>>() {
        Some(values) => Number::Exact(values.into_iter().fold(0, i128::saturating_add)),
        None => {
            let mut exact = XsumSmall::new();
            numbers.iter().for_each(|number| exact.add(number.as_float()));
            Number::Float(exact.sum())
        }
    }
}
