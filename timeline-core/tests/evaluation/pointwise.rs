//! Every operator of the reference, checked at every integer nanosecond against what it says of its inputs at that instant.
//!
//! All changes of timelines fall on integers, so these readings tell everything; they share no interval arithmetic with
//! the evaluator. A state that holds "just before `t`" is the one at `t - 1`.

use super::strategies::tables;
use super::strategies::trial::{self, TRIALS};
use super::strategies::{Case, cases};
use proptest::prelude::*;
use timeline_core::plan::{Compare, EventExpr, Every, Op, RatioUnit, TimelineKind, Unit};
use timeline_core::reference::{
    EventRank, NodeTimeline, Occurrence, Piecewise, PointNumber, Session, ShareTimeline, run, whole,
};
use timeline_core::{Field, Linear, NodeId, Plan, SECOND, Time, Value};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn operators_say_what_their_definitions_say(case in cases()) {
        let Case { plan, log, until } = &case;
        let run = run(plan, log, *until);
        for (_, session) in &run.sessions {
            let at = Instants { plan, session, all: whole(plan, session) };
            for (id, _) in plan.iter() {
                // Windows are shorter than 10: twice that after the last event everything has settled.
                for t in session.origin..=session.last + 20 {
                    at.check(id, t)?;
                }
            }
        }
    }
}

/// The timelines of a session, to be asked instant by instant.
struct Instants<'a> {
    plan: &'a Plan,
    session: &'a Session,
    all: Vec<NodeTimeline>,
}

type Checked = Result<(), TestCaseError>;

impl Instants<'_> {
    fn check(&self, id: NodeId, t: Time) -> Checked {
        let op = &self.plan.node(id).op;
        let since = |length: Time| (t - length).max(self.session.origin)..=t;
        let known_since = |length: Time| t - length >= self.session.origin;
        match op {
            Op::Event(_) | Op::ConstantNumber { .. } => Ok(()),
            Op::Constant(value) => self.state_is(id, t, Some(value.clone())),
            Op::Latest { of, ttl } => {
                let last = self.events(*of).iter().rfind(|e| e.time <= t && ttl.is_none_or(|d| t < e.time + d));
                self.state_is(id, t, last.and_then(|e| e.payload.clone()))
            }
            Op::HasExisted { of } => {
                self.truth_is(id, t, Some((self.session.origin..=t).any(|u| self.matched(*of, u))))
            }
            Op::HasExistedWithin { of, window } => {
                let is_event = matches!(self.plan.node(*of).kind, TimelineKind::Event(_));
                // The dense window (t - window, t] has in it what a state is from t - window on, but no event there.
                let range = since(if is_event { window - 1 } else { *window });
                self.truth_is(id, t, Some(range.into_iter().any(|u| self.matched(*of, u))))
            }
            Op::HeldFor { of, length } => {
                let held = known_since(*length) && since(*length).all(|u| self.truth(*of, u) == Some(true));
                self.truth_is(id, t, Some(held))
            }
            Op::DurationWhere { of } => {
                let ticks = (self.session.origin..t).filter(|u| self.truth(*of, *u) == Some(true)).count();
                self.number_is(id, t, Some(PointNumber::Exact(ticks as i128)))
            }
            Op::DurationInCurState { of } => {
                let now = self.state(*of, t);
                let entered = (self.session.origin..=t).rev().take_while(|u| self.state(*of, *u) == now).count() - 1;
                self.number_is(id, t, Some(PointNumber::Exact(if now.is_some() { entered as i128 } else { 0 })))
            }
            Op::CompareStates { compare, left, right } => {
                let sides = self.state(*left, t).zip(self.state(*right, t));
                self.truth_is(id, t, sides.map(|(a, b)| compare.holds(a.compare(&b).expect("comparable"))))
            }
            Op::CompareNumbers { compare, left, right } => {
                self.truth_is(id, t, self.compared(*compare, *left, *right, t))
            }
            Op::Not(a) => self.truth_is(id, t, self.truth(*a, t).map(|a| !a)),
            Op::And(a, b) => {
                let sides = [self.truth(*a, t), self.truth(*b, t)];
                let all = sides.iter().all(|s| *s == Some(true)).then_some(true);
                self.truth_is(id, t, if sides.contains(&Some(false)) { Some(false) } else { all })
            }
            Op::Or(a, b) => {
                let sides = [self.truth(*a, t), self.truth(*b, t)];
                let none = sides.iter().all(|s| *s == Some(false)).then_some(false);
                self.truth_is(id, t, if sides.contains(&Some(true)) { Some(true) } else { none })
            }
            Op::NumberOf(of) => {
                let expected = self.state(*of, t).map(|value| match value {
                    Value::Int(x) => PointNumber::Exact(i128::from(x)),
                    Value::Float(x) => PointNumber::Float(x),
                    other => panic!("not numeric: {other}"),
                });
                self.number_is(id, t, expected)
            }
            Op::DelayedNumber { of, length } => {
                let past = t - length;
                let expected = (past >= self.session.origin).then(|| self.number(*of, past)).flatten();
                self.number_is(id, t, expected)
            }
            Op::InstantOf(of) => {
                let expected = self.state(*of, t).map(|value| match value {
                    Value::Int(x) => PointNumber::Exact(i128::from(x)),
                    other => panic!("not whole: {other}"),
                });
                self.number_is(id, t, expected)
            }
            Op::DurationOf(of) => {
                let expected = match self.plan.node(*of).kind {
                    TimelineKind::Number(_) => self.number(*of, t),
                    _ => self.state(*of, t).map(|value| match value {
                        Value::Int(x) => PointNumber::Exact(i128::from(x)),
                        other => panic!("not whole: {other}"),
                    }),
                };
                self.number_is(id, t, expected)
            }
            Op::Add(a, b) => self.number_is(id, t, self.sum(self.number(*a, t), self.number(*b, t), 1)),
            Op::Sub(a, b) => self.number_is(id, t, self.sum(self.number(*a, t), self.number(*b, t), -1)),
            Op::Scale { of, factor } => {
                let factor = PointNumber::Exact(i128::from(*factor));
                self.number_is(id, t, self.number(*of, t).map(|x| x.times(factor)))
            }
            Op::Ratio { numerator, denominator } => {
                let NodeTimeline::Ratio { numerator: n, denominator: d } = &self.all[id.index()] else {
                    panic!("a ratio")
                };
                prop_assert_eq!(n.at(t).map(PointNumber::from), self.number(*numerator, t));
                prop_assert_eq!(d.at(t).map(PointNumber::from), self.number(*denominator, t));
                Ok(())
            }
            Op::Mul(a, b) => {
                let product = self.number(*a, t).zip(self.number(*b, t)).map(|(a, b)| a.times(b));
                self.number_is(id, t, product)
            }
            Op::Longest { of } => {
                let mut best = (0, 0);
                for u in self.session.origin..t {
                    best.1 = if self.truth(*of, u) == Some(true) { best.1 + 1 } else { 0 };
                    best.0 = best.1.max(best.0);
                }
                self.number_is(id, t, Some(PointNumber::Exact(best.0)))
            }
            Op::DurationOfPreviousState { of } => {
                // The last instant that still had a value which another instant up to `t` has not.
                let left = (self.session.origin + 1..=t).rev().find(|u| {
                    let before = self.state(*of, u - 1);
                    before.is_some() && before != self.state(*of, *u)
                });
                let length = left.map(|u| {
                    let value = self.state(*of, u - 1);
                    (self.session.origin..u).rev().take_while(|v| self.state(*of, *v) == value).count()
                });
                self.number_is(id, t, length.map(|length| PointNumber::Exact(length as i128)))
            }
            Op::Integral { of, over } => {
                let counts = |u: &Time| over.is_none_or(|over| self.truth(over, *u) == Some(true));
                let values = (self.session.origin..t).filter(counts).filter_map(|u| self.number(*of, u));
                self.number_is(id, t, Some(PointNumber::Float(values.map(PointNumber::as_float).sum::<f64>() + 0.0)))
            }
            Op::If { condition, then, otherwise } => {
                let chosen = if self.truth(*condition, t) == Some(true) { *then } else { *otherwise };
                self.same_as(id, t, chosen)
            }
            Op::Coalesce(a, b) => {
                let has_value = match self.plan.node(*a).kind {
                    TimelineKind::Number(_) => self.number(*a, t).is_some(),
                    _ => self.state(*a, t).is_some(),
                };
                self.same_as(id, t, if has_value { *a } else { *b })
            }
            Op::Exists(of) => {
                let has_value = match self.plan.node(*of).kind {
                    TimelineKind::Number(_) => self.number(*of, t).is_some(),
                    TimelineKind::Ratio(_) => {
                        let NodeTimeline::Ratio { numerator: n, denominator: d } = &self.all[of.index()] else {
                            panic!("a ratio")
                        };
                        n.at(t).is_some() && d.at(t).is_some_and(|d| PointNumber::from(d).as_float() != 0.0)
                    }
                    _ => self.state(*of, t).is_some(),
                };
                self.truth_is(id, t, Some(has_value))
            }
            Op::Concurrency { of, .. } => self.truth_is(id, t, Some(self.truth(*of, t) == Some(true))),
            Op::Every(Every::Length { length, offset }) => {
                self.state_is(id, t, Some(Value::Int(t - (t - offset).rem_euclid(*length))))
            }
            Op::Every(Every::Calendar { .. }) => Ok(()),
            Op::Scope { of, by } => {
                let now = self.state(*by, t);
                let begun = (self.session.origin..=t).rev().take_while(|u| self.state(*by, *u) == now).last();
                // What jumps at the change belongs to the new scope: it goes on from the nanosecond before.
                let before = begun.filter(|u| *u > self.session.origin).and_then(|u| self.continued(*of, u - 1));
                self.number_is(id, t, self.sum(self.number(*of, t), before.or(Some(PointNumber::Exact(0))), -1))
            }
            Op::OverLast { of, window } => {
                let past =
                    if known_since(*window) { self.number(*of, t - window) } else { Some(PointNumber::Exact(0)) };
                self.number_is(id, t, self.sum(self.number(*of, t), past, -1))
            }
            Op::Apply { function, of } => {
                let arguments: Vec<Option<Value>> = of.iter().map(|id| self.sampled(*id, t)).collect();
                self.state_is(id, t, function.apply(&arguments))
            }
            Op::Either(a, b) => {
                let places: std::collections::BTreeSet<EventRank> =
                    self.matches(*a, t).chain(self.matches(*b, t)).map(|e| e.place).collect();
                let expected: Vec<_> = places.into_iter().map(|place| (place, Some(Value::Bool(true)))).collect();
                prop_assert_eq!(self.at(id, t), expected, "{:?} at {}", op, t);
                Ok(())
            }
            Op::Rise { of } => self.happens(id, t, usize::from(self.turns(*of, t, false, true))),
            Op::Fall { of } => self.happens(id, t, usize::from(self.turns(*of, t, true, false))),
            Op::Changes { of } => {
                let before = (t > self.session.origin).then(|| self.state(*of, t - 1)).flatten();
                let both = before.zip(self.state(*of, t));
                self.happens(id, t, usize::from(both.is_some_and(|(a, b)| a != b)))
            }
            Op::At { event, of } => {
                let sampled = self.sampled(*of, t);
                let expected: Vec<_> = self.matches(*event, t).map(|e| (e.place, sampled.clone())).collect();
                prop_assert_eq!(self.at(id, t), expected, "{:?} at {}", op, t);
                Ok(())
            }
            Op::TimeOf { event } => {
                let expected: Vec<_> = self.matches(*event, t).map(|e| (e.place, Some(Value::Int(t)))).collect();
                prop_assert_eq!(self.at(id, t), expected, "{:?} at {}", op, t);
                Ok(())
            }
            Op::Each { event, value, of } => {
                let said = |e: &Occurrence| (e.place, self.said(value, of, e));
                let expected: Vec<_> = self.matches(*event, t).map(said).collect();
                prop_assert_eq!(self.at(id, t), expected, "{:?} at {}", op, t);
                Ok(())
            }
            Op::Filter { event, condition, of } => {
                let all = self.events(*event).iter().filter(|e| e.time == t);
                let kept = all.filter(|e| self.said(condition, of, e) == Some(Value::Bool(true)));
                let expected: Vec<_> = kept.map(|e| (e.place, e.payload.clone())).collect();
                prop_assert_eq!(self.at(id, t), expected, "{:?} at {}", op, t);
                Ok(())
            }
            Op::FollowedBy { first, then, window } => {
                let recent = |b: &Occurrence| {
                    let earlier = (t - window + 1..t).any(|u| self.matches(*first, u).next().is_some());
                    earlier || self.matches(*first, t).any(|a| a.place < b.place)
                };
                let follows = self.matches(*then, t).filter(|b| recent(b));
                let expected: Vec<_> = follows.map(|b| (b.place, Some(Value::Bool(true)))).collect();
                prop_assert_eq!(self.at(id, t), expected, "{:?} at {}", op, t);
                Ok(())
            }
            Op::NotFollowedBy { first, then, window } => {
                let begun = t - window;
                let followed = |a: &Occurrence| {
                    let later = (begun + 1..t).any(|u| self.matches(*then, u).next().is_some());
                    later || self.matches(*then, begun).any(|b| a.place < b.place)
                };
                let alone = self.matches(*first, begun).filter(|a| !followed(a)).count();
                self.happens(id, t, alone)
            }
            Op::Count { of } => {
                let count: usize = (self.session.origin..=t).map(|u| self.matches(*of, u).count()).sum();
                self.number_is(id, t, Some(PointNumber::Exact(count as i128)))
            }
            Op::CountWithin { of, window } => {
                let count: usize = since(window - 1).map(|u| self.matches(*of, u).count()).sum();
                self.number_is(id, t, Some(PointNumber::Exact(count as i128)))
            }
            Op::First { of } => {
                let payload = self.past(*of, t).find_map(|e| e.payload.clone());
                self.state_is(id, t, payload)
            }
            Op::Previous { of, n } => {
                let past: Vec<_> = self.past(*of, t).collect();
                let place = past.len().checked_sub(1 + usize::from(*n));
                self.state_is(id, t, place.and_then(|i| past[i].payload.clone()))
            }
            Op::IsNew { of, cap } => {
                let past: Vec<(Time, Value)> =
                    self.past(*of, t).filter_map(|e| Some((e.time, e.payload.clone()?))).collect();
                let new = past.len().checked_sub(1).is_some_and(|last| first_seen(&past, last, *cap) == past[last].0);
                self.state_is(id, t, Some(Value::Bool(new)))
            }
            Op::Sum { of } => {
                let zero = match self.plan.node(id).kind {
                    TimelineKind::Number(Unit::Float) => PointNumber::Float(0.0),
                    _ => PointNumber::Exact(0),
                };
                let mut payloads = self.past(*of, t).filter_map(|e| e.payload.as_ref()).map(|value| match value {
                    Value::Int(x) => PointNumber::Exact(i128::from(*x)),
                    Value::Float(x) => PointNumber::Float(*x),
                    other => panic!("not numeric: {other}"),
                });
                self.number_is(id, t, payloads.try_fold(zero, |sum, x| self.sum(Some(sum), Some(x), 1)))
            }
            Op::Min { of } => {
                let mut payloads: Vec<Value> = self.past(*of, t).filter_map(|e| e.payload.clone()).collect();
                payloads.sort();
                self.state_is(id, t, payloads.first().cloned())
            }
            Op::Max { of } => {
                let mut payloads: Vec<Value> = self.past(*of, t).filter_map(|e| e.payload.clone()).collect();
                payloads.sort();
                self.state_is(id, t, payloads.last().cloned())
            }
            Op::TimeSince { of } => {
                let last = (self.session.origin..=t).rev().find(|u| self.matched(*of, *u));
                // A state that ceased to be true at `u + 1` was last true at `u`, and all the time up to `u + 1`.
                let is_state = !matches!(self.plan.node(*of).kind, TimelineKind::Event(_));
                let end = |u: Time| if is_state && u < t { u + 1 } else { u };
                self.number_is(id, t, last.map(|u| PointNumber::Exact(i128::from(t - end(u)))))
            }
            Op::User { operator, of } => {
                let mut state = operator.code.initial().to_vec();
                let mut said = None;
                for event in self.past(of[0], t) {
                    let argument = |input: &NodeId| {
                        let here = self.past(*input, t).find(|e| (e.time, e.place) == (event.time, event.place));
                        here.and_then(|e| e.payload.clone())
                    };
                    let Some(arguments) = of.iter().map(argument).collect() else { continue };
                    match operator.call(event.time, arguments, &mut state) {
                        Ok(value) => said = value,
                        Err(_) => {
                            said = None;
                            break;
                        }
                    }
                }
                self.state_is(id, t, said)
            }
            Op::Split { of, by, cap } => self.check_split(id, *of, by, *cap as usize, t),
            other => {
                let said = TRIALS.iter().find_map(|trial| (trial.says)(other, self, t));
                let said = said.unwrap_or_else(|| panic!("{other:?} has no definition"));
                match (self.plan.node(id).kind, said) {
                    (TimelineKind::Number(_), Some(Value::Float(x))) => {
                        self.number_is(id, t, Some(PointNumber::Float(x)))
                    }
                    (_, said) => self.state_is(id, t, said),
                }
            }
        }
    }

    /// Whether the truth of a state goes from one value to another at `t`; before the session nothing is true.
    fn turns(&self, of: NodeId, t: Time, from: bool, to: bool) -> bool {
        let before = t > self.session.origin && self.truth(of, t - 1) == Some(true);
        before == from && (self.truth(of, t) == Some(true)) == to
    }

    /// What an expression says of the record that an event stands at, and of timelines at its instant.
    fn said(&self, e: &EventExpr, of: &[NodeId], event: &Occurrence) -> Option<Value> {
        let say = |e: &EventExpr| self.said(e, of, event);
        let truth = |e: &EventExpr| say(e).map(|value| value == Value::Bool(true));
        match e {
            EventExpr::Column(column) => {
                let EventRank::Record(source, order, position) = event.place else {
                    panic!("a record stands behind it")
                };
                let at = (event.time, source, order, position);
                let record =
                    self.session.records.iter().find(|record| record.sort_key() == at).expect("of this session");
                match &record.fields[column.index()] {
                    Field::Value(value) => Some(value.clone()),
                    Field::Missing | Field::Null => None,
                }
            }
            EventExpr::Constant(value) => Some(value.clone()),
            EventExpr::Sample(n) => self.sampled(of[usize::from(*n)], event.time),
            EventExpr::Compare(compare, a, b) => {
                Some(Value::Bool(compare.holds(say(a)?.compare(&say(b)?).expect("the builder saw to that"))))
            }
            EventExpr::Call(function, all) => function.apply(&all.iter().map(say).collect::<Vec<_>>()),
            EventExpr::Lookup(column, key) => {
                tables::says(column, &key.iter().map(say).collect::<Vec<_>>(), event.time)
            }
            EventExpr::Not(a) => truth(a).map(|a| Value::Bool(!a)),
            EventExpr::And(a, b) if truth(a) == Some(false) || truth(b) == Some(false) => Some(Value::Bool(false)),
            EventExpr::Or(a, b) if truth(a) == Some(true) || truth(b) == Some(true) => Some(Value::Bool(true)),
            EventExpr::And(a, b) => truth(a).zip(truth(b)).map(|_| Value::Bool(true)),
            EventExpr::Or(a, b) => truth(a).zip(truth(b)).map(|_| Value::Bool(false)),
        }
    }

    /// What a state or a number says as the payload of an event.
    fn sampled(&self, of: NodeId, t: Time) -> Option<Value> {
        match self.plan.node(of).kind {
            TimelineKind::State(_) => self.state(of, t),
            TimelineKind::Ratio(unit) => {
                let NodeTimeline::Ratio { numerator: n, denominator: d } = &self.all[of.index()] else {
                    panic!("a ratio")
                };
                let sides = n
                    .at(t)
                    .zip(d.at(t))
                    .map(|(n, d)| (PointNumber::from(n).as_float(), PointNumber::from(d).as_float()));
                sides.filter(|(_, d)| *d != 0.0).map(|(n, d)| match unit {
                    RatioUnit::Plain => Value::Float(n / d),
                    RatioUnit::PerSecond => Value::Float(n / d * SECOND as f64),
                    RatioUnit::Duration => Value::Int((n / d).round() as i64),
                })
            }
            kind => self.number(of, t).map(|x| match (x, kind) {
                (PointNumber::Exact(x), TimelineKind::Number(Unit::Int | Unit::Duration)) => Value::Int(x as i64),
                (x, _) => Value::Float(x.as_float()),
            }),
        }
    }

    /// The matches of an event at `t`.
    fn matches(&self, of: NodeId, t: Time) -> impl Iterator<Item = &Occurrence> {
        let counts = |payload: &Option<Value>| !matches!(payload, None | Some(Value::Bool(false)));
        self.events(of).iter().filter(move |e| e.time == t && counts(&e.payload))
    }

    /// All events at or before `t`.
    fn past(&self, of: NodeId, t: Time) -> impl Iterator<Item = &Occurrence> {
        self.events(of).iter().filter(move |e| e.time <= t)
    }

    fn at(&self, id: NodeId, t: Time) -> Vec<(EventRank, Option<Value>)> {
        self.events(id).iter().filter(|e| e.time == t).map(|e| (e.place, e.payload.clone())).collect()
    }

    /// So many events after all records of the instant.
    fn happens(&self, id: NodeId, t: Time, times: usize) -> Checked {
        let expected = vec![(EventRank::Instant, Some(Value::Bool(true))); times];
        prop_assert_eq!(self.at(id, t), expected, "{:?} at {}", self.plan.node(id).op, t);
        Ok(())
    }

    /// Shares add up to the whole, and those that are not in force stand still (unless a window slides over them).
    fn check_split(&self, id: NodeId, of: NodeId, by: &[NodeId], cap: usize, t: Time) -> Checked {
        let NodeTimeline::Split(shares) = &self.all[id.index()] else { panic!("a split") };
        let named = |b: &NodeId, t: Time| Some(self.plan.node(*b).op.as_dimension(self.state(*b, t)?));
        let is_clock = |b: &NodeId| matches!(self.plan.node(*b).op, Op::Every(_));
        let none = |t: Time| by.iter().map(|b| named(b, t).filter(|_| is_clock(b))).collect::<Vec<Option<Value>>>();
        let begun = |t: Time| shares.iter().filter(move |s| s.since <= t);
        let clock = by.iter().position(is_clock);
        // A cap is one of each window.
        let of_now = |s: &&ShareTimeline| clock.is_none_or(|d| s.dimensions[d] == none(t)[d]);
        let named_shares = begun(t).filter(of_now).filter(|s| s.dimensions != none(t)).count();
        prop_assert!(named_shares <= cap, "{:?} at {}", shares, t);
        // Values without a share of their own are charged to that of absent ones.
        let charged = |t: Time| {
            let values: Vec<Option<Value>> = by.iter().map(|b| named(b, t)).collect();
            if begun(t).any(|s| s.dimensions == values) { values } else { none(t) }
        };
        let in_force = charged(t);
        let beyond = by.iter().any(|b| named(b, t).is_some() && !is_clock(b)) && in_force == none(t);
        for share in begun(t) {
            let window = share.window.map(|(begin, end)| end - begin);
            let length = clock.map(|d| match self.plan.node(by[d]).op {
                Op::Every(Every::Length { length, .. }) => length,
                _ => panic!("a clock of a length"),
            });
            prop_assert_eq!(window, length);
            prop_assert!(share.window.is_none_or(|(begin, end)| begin <= share.since && share.since < end));
        }
        prop_assert!(!beyond || named_shares == cap, "{:?} at {}", shares, t);
        prop_assert_eq!(shares.iter().filter(|s| s.dimensions == in_force && s.since <= t).count(), 1);
        let side = |whole: &NodeTimeline, below: bool, t: Time| match whole {
            NodeTimeline::Number(x) => x.at(t),
            NodeTimeline::Ratio { numerator, .. } if !below => numerator.at(t),
            NodeTimeline::Ratio { denominator, .. } => denominator.at(t),
            other => panic!("not a number: {other:?}"),
        };
        let value = |whole: &NodeTimeline, below: bool, t: Time| side(whole, below, t).map(PointNumber::from);
        if self.plan.counted_at_once(id).is_some() {
            for share in begun(t) {
                let NodeTimeline::State(state) = &share.timeline else { panic!("a condition") };
                let counts = self.truth(of, t) == Some(true) && share.dimensions == in_force;
                prop_assert_eq!(state.at(t), Some(Value::Bool(counts)), "{:?} at {}", share, t);
            }
            return Ok(());
        }
        let windowed = matches!(self.plan.node(of).op, Op::OverLast { .. });
        for below in [false, true] {
            let sum = shares
                .iter()
                .try_fold(PointNumber::Exact(0), |sum, s| self.sum(Some(sum), value(&s.timeline, below, t), 1));
            prop_assert_eq!(sum, value(&self.all[of.index()], below, t), "{:?} at {}", shares, t);
            let next = charged(t + 1);
            for share in shares.iter().filter(|s| !windowed && s.dimensions != in_force && s.dimensions != next) {
                let still = (value(&share.timeline, below, t), value(&share.timeline, below, t + 1));
                prop_assert_eq!(still.0, still.1, "{:?} at {}", share, t);
            }
        }
        Ok(())
    }

    /// Whether a choice says what the chosen node says, as a float where the choice may be one.
    fn same_as(&self, id: NodeId, t: Time, chosen: NodeId) -> Checked {
        match self.plan.node(id).kind {
            TimelineKind::Number(unit) => {
                let value = self.number(chosen, t);
                self.number_is(id, t, value.map(|x| if unit.is_float() { PointNumber::Float(x.as_float()) } else { x }))
            }
            _ => self.state_is(id, t, self.state(chosen, t)),
        }
    }

    fn compared(&self, compare: Compare, left: NodeId, right: NodeId, t: Time) -> Option<bool> {
        let NodeTimeline::Ratio { numerator, denominator } = &self.all[left.index()] else {
            let sign = self.number(left, t)?.compare(self.number(right, t)?);
            return Some(compare.holds(sign.cmp(&0)));
        };
        let Op::ConstantNumber { numerator: p, denominator: q, .. } = self.plan.node(right).op else {
            panic!("a ratio is compared with a constant");
        };
        let per = if self.plan.node(left).kind == TimelineKind::Ratio(RatioUnit::PerSecond) { SECOND } else { 1 };
        let (n, d) = (PointNumber::from(numerator.at(t)?), PointNumber::from(denominator.at(t)?));
        let exact = |x: i64| PointNumber::Exact(i128::from(x));
        let (n, d) = if d.sign() < 0 { (n.times(exact(-1)), d.times(exact(-1))) } else { (n, d) };
        (d.sign() != 0).then(|| compare.holds(n.times(exact(q * per)).compare(d.times(exact(p))).cmp(&0)))
    }

    fn sum(&self, a: Option<PointNumber>, b: Option<PointNumber>, sign: i128) -> Option<PointNumber> {
        match (a?, b?.times(PointNumber::Exact(sign))) {
            (PointNumber::Exact(a), PointNumber::Exact(b)) => Some(PointNumber::Exact(a + b)),
            (a, b) => Some(PointNumber::Float(a.as_float() + b.as_float())),
        }
    }

    fn matched(&self, of: NodeId, t: Time) -> bool {
        let counts = |payload: &Option<Value>| !matches!(payload, None | Some(Value::Bool(false)));
        match &self.all[of.index()] {
            NodeTimeline::Events(events) => events.iter().any(|e| e.time == t && counts(&e.payload)),
            _ => self.truth(of, t) == Some(true),
        }
    }

    fn events(&self, id: NodeId) -> &[Occurrence] {
        let NodeTimeline::Events(events) = &self.all[id.index()] else { panic!("an event") };
        events
    }

    fn state(&self, id: NodeId, t: Time) -> Option<Value> {
        let NodeTimeline::State(state) = &self.all[id.index()] else { panic!("a state") };
        state.at(t)
    }

    fn truth(&self, id: NodeId, t: Time) -> Option<bool> {
        self.state(id, t).map(|value| value == Value::Bool(true))
    }

    fn number(&self, id: NodeId, t: Time) -> Option<PointNumber> {
        let NodeTimeline::Number(number): &NodeTimeline = &self.all[id.index()] else { panic!("a number") };
        let number: &Piecewise<Option<Linear>> = number;
        number.at(t).map(PointNumber::from)
    }

    /// What a number would be a nanosecond later if it went on as it is.
    fn continued(&self, id: NodeId, t: Time) -> Option<PointNumber> {
        let NodeTimeline::Number(number) = &self.all[id.index()] else { panic!("a number") };
        number.at(t).map(|x| PointNumber::from(x.after(1)))
    }

    fn state_is(&self, id: NodeId, t: Time, expected: Option<Value>) -> Checked {
        prop_assert_eq!(self.state(id, t), expected, "{:?} at {}", self.plan.node(id).op, t);
        Ok(())
    }

    fn truth_is(&self, id: NodeId, t: Time, expected: Option<bool>) -> Checked {
        self.state_is(id, t, expected.map(Value::Bool))
    }

    fn number_is(&self, id: NodeId, t: Time, expected: Option<PointNumber>) -> Checked {
        prop_assert_eq!(self.number(id, t), expected, "{:?} at {}", self.plan.node(id).op, t);
        Ok(())
    }
}

impl trial::Instants for Instants<'_> {
    fn origin(&self) -> Time {
        self.session.origin
    }

    fn state(&self, id: NodeId, t: Time) -> Option<Value> {
        self.state(id, t)
    }

    fn value(&self, id: NodeId, t: Time) -> Option<Value> {
        self.sampled(id, t)
    }

    fn events(&self, id: NodeId) -> &[Occurrence] {
        self.events(id)
    }

    fn truth(&self, id: NodeId, t: Time) -> Option<bool> {
        self.truth(id, t)
    }
}

#[test]
fn instants_may_be_farther_apart_than_64_bits_tell() {
    let running = Piecewise::constant(-7, Some(Linear::Exact { value: 0, slope: 1 }));
    assert_eq!(running.at(Time::MAX).map(PointNumber::from), Some(PointNumber::Exact(i128::from(Time::MAX) + 7)));
}

/// When the value of an event was first seen, as far as that is remembered: it is as long as fewer than `cap` others came
/// since it did.
fn first_seen(past: &[(Time, Value)], place: usize, cap: u32) -> Time {
    let (time, value) = &past[place];
    let Some(before) = past[..place].iter().rposition(|(_, other)| other == value) else { return *time };
    let between: std::collections::BTreeSet<&Value> = past[before + 1..place].iter().map(|(_, value)| value).collect();
    if between.len() < cap as usize { first_seen(past, before, cap) } else { *time }
}
