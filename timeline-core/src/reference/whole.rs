//! The timelines of a session's nodes as whole functions over dense time, as if nothing more ever happened.

use super::accrue::{choice, coalesce, duration_of_previous_state, integral, longest, scope, windows};
use super::events::{self, Occurrence, Place};
use super::fold;
use super::logic::{and, boolean, compare, evaluate, evaluate_with, or, truth};
use super::number::{
    Numbers, compare_numbers, constant, cumulative, duration_in_cur_state, duration_where, number_of, over_last,
};
use super::piecewise::Piecewise;
use super::ratio::{compare_ratio, exists};
use super::session::Session;
use super::split::{Share, shares};
use super::state::{State, Stretch, from_the_first, held, latest, prolonged, true_on, true_stretches};
use crate::plan::{EventExpr, Kind, Node, NodeId, Op, Unit};
use crate::{Field, Linear, Plan, Record, Time, Value, decimal};
use std::cmp::Ordering;

/// A node's timeline from the session's origin on, without end.
#[derive(Clone, Debug, PartialEq)]
pub enum Whole {
    /// Events by time, order and place in the log.
    Events(Vec<Occurrence>),
    /// A step function.
    State(Piecewise<Option<Value>>),
    /// A piecewise-linear function.
    Number(Piecewise<Option<Linear>>),
    /// A quotient, as its two sides.
    Ratio {
        /// Above the line.
        numerator: Piecewise<Option<Linear>>,
        /// Below the line.
        denominator: Piecewise<Option<Linear>>,
    },
    /// The shares of a split, in the order in which their dimensions came into force.
    Split(Vec<Share>),
}

/// The timelines of all nodes of the plan, by node.
pub fn whole(plan: &Plan, session: &Session) -> Vec<Whole> {
    let mut done: Vec<Whole> = vec![];
    for node in &plan.nodes {
        // A node reads only nodes before it.
        let made = Inputs { plan, session, done: &done }.make(node);
        done.push(made);
    }
    done
}

/// The events of an expression: one for every record that has at least one of its columns.
pub fn occurrences(expression: &EventExpr, records: &[Record]) -> Vec<Occurrence> {
    let columns = expression.columns();
    let speaks = |record: &&Record| {
        record.fields.iter().enumerate().any(|(i, field)| columns >> i & 1 == 1 && *field != Field::Missing)
    };
    let occurrence = |record: &Record| Occurrence {
        time: record.time,
        place: Place::Record(record.source, record.order, record.position),
        payload: evaluate(expression, record),
    };
    records.iter().filter(speaks).map(occurrence).collect()
}

/// Whether an event with this payload counts where a predicate is wanted: booleans where true, others where not null.
pub fn matches(payload: &Option<Value>) -> bool {
    match payload {
        None | Some(Value::Bool(false)) => false,
        Some(_) => true,
    }
}

/// What a node may read: the session, and the timelines of the nodes before it.
struct Inputs<'a> {
    plan: &'a Plan,
    session: &'a Session,
    done: &'a [Whole],
}

impl Inputs<'_> {
    fn make(&self, node: &Node) -> Whole {
        let origin = self.session.origin;
        let state = |id: &NodeId| self.state(*id);
        let number = |id: &NodeId| self.number(*id);
        match &node.op {
            Op::Event(expression) => Whole::Events(occurrences(expression, &self.session.records)),
            Op::Constant(value) => Whole::State(Piecewise::constant(origin, Some(value.clone()))),
            Op::Latest { of, ttl } => Whole::State(latest(origin, self.events(*of), *ttl)),
            Op::HasExisted { of } => Whole::State(true_on(origin, &from_the_first(&self.stretches(*of)))),
            Op::HasExistedWithin { of, window } => {
                Whole::State(true_on(origin, &prolonged(&self.stretches(*of), *window)))
            }
            Op::HeldFor { of, length } => Whole::State(true_on(origin, &held(&self.stretches(*of), *length))),
            Op::DurationWhere { of } => Whole::Number(duration_where(state(of))),
            Op::DurationInCurState { of } => Whole::Number(duration_in_cur_state(state(of))),
            Op::CompareStates { compare: c, left, right } => {
                Whole::State(state(left).with(state(right), |a, b| boolean(compare(*c, &a, &b))))
            }
            Op::CompareNumbers { compare, left, right } => {
                Whole::State(match (&self.done[left.index()], &self.plan.node(*right).op) {
                    (
                        Whole::Ratio { numerator: n, denominator: d },
                        Op::ConstantNumber { numerator: p, denominator: q, .. },
                    ) => {
                        let Kind::Ratio(unit) = self.plan.node(*left).kind else {
                            unreachable!("only a ratio has two sides");
                        };
                        let sides = self.plan.node(*left).op.inputs();
                        let exactly = |factors: [i64; 2], t: Time| {
                            self.sign(&[(*sides.first()?, factors[0]), (*sides.get(1)?, factors[1])], t)
                        };
                        compare_ratio(*compare, (n, d), unit, (*p, *q), &exactly, self.turns_below(&[*left]))
                    }
                    _ => {
                        let exactly = |t| self.sign(&[(*left, 1), (*right, -1)], t);
                        let turns = self.turns_below(&[*left, *right]);
                        compare_numbers(*compare, (number(left), number(right)), &exactly, turns)
                    }
                })
            }
            Op::Not(a) => Whole::State(state(a).map(|a| boolean(truth(&a).map(|a| !a)))),
            Op::And(a, b) => Whole::State(state(a).with(state(b), |a, b| boolean(and(truth(&a), truth(&b))))),
            Op::Or(a, b) => Whole::State(state(a).with(state(b), |a, b| boolean(or(truth(&a), truth(&b))))),
            Op::DurationOf(of) => match &self.done[of.index()] {
                Whole::Number(number) => Whole::Number(number.clone()),
                _ => Whole::Number(state(of).map(|value| number_of(&value))),
            },
            Op::NumberOf(of) => Whole::Number(state(of).map(|value| number_of(&value))),
            Op::ConstantNumber { numerator, denominator, unit } => {
                Whole::Number(Piecewise::constant(origin, Some(constant(*numerator, *denominator, *unit))))
            }
            Op::Add(a, b) => Whole::Number(number(a).with(number(b), |a, b| Some(a?.add(b?)))),
            Op::Sub(a, b) => Whole::Number(number(a).with(number(b), |a, b| Some(a?.sub(b?)))),
            Op::Scale { of, factor } => Whole::Number(number(of).map(|x| Some(x?.scale(*factor)))),
            Op::Mul(a, b) => Whole::Number(number(a).with(number(b), |a, b| Some(a?.times(b?)))),
            Op::Longest { of } => Whole::Number(longest(state(of))),
            Op::DurationOfPreviousState { of } => Whole::Number(duration_of_previous_state(state(of))),
            Op::Integral { of, over } => Whole::Number(integral(number(of), over.as_ref().map(state))),
            Op::If { condition, then, otherwise } => match node.kind {
                Kind::Number(unit) => {
                    let chosen = choice(state(condition), number(then), number(otherwise));
                    Whole::Number(chosen.map(|x| Some(x?.in_unit(unit))))
                }
                _ => Whole::State(choice(state(condition), state(then), state(otherwise))),
            },
            Op::Coalesce(a, b) => match node.kind {
                Kind::Number(unit) => Whole::Number(coalesce(number(a), number(b)).map(|x| Some(x?.in_unit(unit)))),
                _ => Whole::State(coalesce(state(a), state(b))),
            },
            Op::Exists(of) => Whole::State(match &self.done[of.index()] {
                Whole::State(state) => state.map(|value| boolean(Some(value.is_some()))),
                Whole::Number(number) => number.map(|x| boolean(Some(x.is_some()))),
                Whole::Ratio { numerator, denominator } => exists(numerator, denominator),
                other @ (Whole::Events(_) | Whole::Split(_)) => {
                    unreachable!("the builder gives what may have a value here, not {other:?}")
                }
            }),
            Op::Concurrency { of, .. } => {
                Whole::State(state(of).map(|value| boolean(Some(truth(&value) == Some(true)))))
            }
            Op::Every { length } => Whole::State(windows(origin, self.session.horizon, *length)),
            Op::Scope { of, by } => {
                let unit = self.unit(*of);
                Whole::Number(scope(&cumulative(number(of), unit), state(by), unit).map(Some))
            }
            Op::Ratio { numerator, denominator } => {
                Whole::Ratio { numerator: number(numerator).clone(), denominator: number(denominator).clone() }
            }
            Op::OverLast { of, window } => {
                let unit = self.unit(*of);
                Whole::Number(over_last(&cumulative(number(of), unit), *window, unit).map(Some))
            }
            Op::Rise { of } => Whole::Events(events::rises(state(of))),
            Op::Fall { of } => Whole::Events(events::falls(state(of))),
            Op::Changes { of } => Whole::Events(events::changes(state(of))),
            Op::Either(a, b) => Whole::Events(events::either(self.events(*a), self.events(*b))),
            Op::Apply { function, of } => {
                let turns = of.iter().flat_map(|id| self.starts(*id)).chain([origin]).collect();
                let says = |t| of.iter().map(|id| self.sample(*id, t)).collect::<Vec<_>>();
                Whole::State(Piecewise::at_instants(turns, |t| function.apply(&says(t))))
            }
            Op::At { event, of } => Whole::Events(events::at(self.events(*event), |t| self.sample(*of, t))),
            Op::Each { event, value, of } => {
                Whole::Events(events::each(self.events(*event), |e| self.says(value, of, e)))
            }
            Op::Filter { event, condition, of } => {
                let holds = |e: &Occurrence| truth(&self.says(condition, of, e)) == Some(true);
                Whole::Events(self.events(*event).iter().filter(|e| holds(e)).cloned().collect())
            }
            Op::FollowedBy { first, then, window } => {
                Whole::Events(events::followed_by(self.events(*first), self.events(*then), *window))
            }
            Op::NotFollowedBy { first, then, window } => {
                Whole::Events(events::not_followed_by(self.events(*first), self.events(*then), *window))
            }
            Op::Count { of } => Whole::Number(fold::count(origin, self.events(*of))),
            Op::CountWithin { of, window } => Whole::Number(fold::count_within(origin, self.events(*of), *window)),
            Op::First { of } => Whole::State(fold::first(origin, self.events(*of))),
            Op::Previous { of, n } => Whole::State(fold::previous(origin, self.events(*of), *n)),
            Op::IsNew { of, cap } => Whole::State(fold::is_new(origin, self.events(*of), *cap)),
            Op::Sum { of } => {
                let zero = match node.kind {
                    Kind::Number(Unit::Float) => Value::Float(0.0),
                    _ => Value::Int(0),
                };
                Whole::Number(fold::sum(origin, self.events(*of), zero))
            }
            Op::Min { of } => Whole::State(fold::extreme(origin, self.events(*of), Ordering::Less)),
            Op::Max { of } => Whole::State(fold::extreme(origin, self.events(*of), Ordering::Greater)),
            Op::TimeSince { of } => Whole::Number(fold::time_since(origin, &self.stretches(*of))),
            Op::Split { of, by, cap } => Whole::Split(self.split(*of, by, *cap)),
            Op::User { operator, of } => {
                let inputs: Vec<&[Occurrence]> = of.iter().map(|id| self.events(*id)).collect();
                Whole::State(super::user::user(origin, operator, &inputs))
            }
        }
    }

    /// What an expression says of the record behind an event, and of timelines at its instant.
    fn says(&self, expression: &EventExpr, of: &[NodeId], event: &Occurrence) -> Option<Value> {
        let place = |record: &Record| Place::Record(record.source, record.order, record.position);
        let is_behind = |record: &&Record| (record.time, place(record)) == (event.time, event.place);
        let record = self.session.records.iter().find(is_behind);
        evaluate_with(expression, record, &|n| self.sample(of[usize::from(n)], event.time))
    }

    /// What a state or a number is at an instant, as the payload of an event.
    fn sample(&self, of: NodeId, t: Time) -> Option<Value> {
        match self.plan.node(of).kind {
            Kind::Number(unit) => self.number(of).at(t).map(|x| x.sample(unit == Unit::Float)),
            Kind::Ratio(unit) => match &self.done[of.index()] {
                Whole::Ratio { numerator: n, denominator: d } => n.at(t)?.quotient(d.at(t)?, unit),
                other => unreachable!("the builder gives a ratio here, not {other:?}"),
            },
            _ => self.state(of).at(t),
        }
    }

    /// The sign of a sum of numbers that stand still, as if it had been calculated on paper.
    fn sign(&self, sum: &[(NodeId, i64)], t: Time) -> Option<i32> {
        let says = |id: NodeId| match &self.done[id.index()] {
            Whole::Number(number) => number.at(t),
            Whole::Events(_) | Whole::State(_) | Whole::Ratio { .. } | Whole::Split(_) => None,
        };
        decimal::sign(self.plan, sum, &says)
    }

    /// Where anything turns of which these nodes are made.
    fn turns_below(&self, of: &[NodeId]) -> Vec<Time> {
        let (mut open, mut seen, mut turns) = (of.to_vec(), vec![false; self.done.len()], vec![]);
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut seen[id.index()], true) {
                turns.extend(self.starts(id));
                open.extend(self.plan.node(id).op.inputs());
            }
        }
        turns
    }

    /// Where a state or a number turns.
    fn starts(&self, of: NodeId) -> Vec<Time> {
        match &self.done[of.index()] {
            Whole::State(state) => state.starts(),
            Whole::Number(number) => number.starts(),
            Whole::Ratio { numerator, denominator } => [numerator.starts(), denominator.starts()].concat(),
            Whole::Events(_) | Whole::Split(_) => vec![],
        }
    }

    fn split(&self, of: NodeId, by: &[NodeId], cap: u32) -> Vec<Share> {
        let dimensions = by.iter().fold(Piecewise::constant(self.session.origin, vec![]), |all, id| {
            let named = |value: Option<Value>| value.map(|value| self.plan.node(*id).op.as_dimension(value));
            all.with(self.state(*id), |all, value| all.into_iter().chain([named(value)]).collect())
        });
        let clock = by.iter().position(|id| matches!(self.plan.node(*id).op, Op::Every { .. }));
        let dimensions = super::split::capped(&dimensions, clock, cap);
        let mut shares = shares(&dimensions, |dims| match &self.plan.node(of).op {
            Op::Ratio { numerator, denominator } => Whole::Ratio {
                numerator: self.share(*numerator, dims, &dimensions),
                denominator: self.share(*denominator, dims, &dimensions),
            },
            Op::Concurrency { .. } => Whole::State(
                self.state(of)
                    .with(&dimensions, |is, in_force| boolean(Some(truth(&is) == Some(true) && in_force == *dims))),
            ),
            _ => Whole::Number(self.share(of, dims, &dimensions)),
        });
        if let Some(Op::Every { length }) = clock.map(|clock| &self.plan.node(by[clock]).op) {
            for share in &mut shares {
                share.window = Some(super::accrue::window(*length, share.since));
            }
        }
        shares
    }

    /// One value's share of a number. `over last` windows the share of what it reads.
    fn share(&self, of: NodeId, dims: &Vec<Option<Value>>, all: &Piecewise<Vec<Option<Value>>>) -> Numbers {
        let unit = self.unit(of);
        let share = |of: NodeId| super::split::share(&cumulative(self.number(of), unit), all, dims, unit);
        match &self.plan.node(of).op {
            Op::OverLast { of, window } => over_last(&share(*of), *window, unit).map(Some),
            _ => share(of).map(Some),
        }
    }

    /// Where an event (at its instants) or a boolean state is true, as stretches; those of events are empty.
    fn stretches(&self, of: NodeId) -> Vec<Stretch> {
        match &self.done[of.index()] {
            Whole::Events(events) => {
                events.iter().filter(|e| matches(&e.payload)).map(|e| (e.time, Some(e.time))).collect()
            }
            _ => true_stretches(self.state(of)),
        }
    }

    fn unit(&self, id: NodeId) -> Unit {
        match self.plan.node(id).kind {
            Kind::Number(unit) => unit,
            other => unreachable!("the builder gives a number here, not {other}"),
        }
    }

    fn events(&self, id: NodeId) -> &[Occurrence] {
        match &self.done[id.index()] {
            Whole::Events(events) => events,
            other => unreachable!("the builder gives an event here, not {other:?}"),
        }
    }

    fn state(&self, id: NodeId) -> &State {
        match &self.done[id.index()] {
            Whole::State(state) => state,
            other => unreachable!("the builder gives a state here, not {other:?}"),
        }
    }

    fn number(&self, id: NodeId) -> &Numbers {
        match &self.done[id.index()] {
            Whole::Number(number) => number,
            other => unreachable!("the builder gives a number here, not {other:?}"),
        }
    }
}
