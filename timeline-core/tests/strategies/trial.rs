//! Operators that are tried with a line each: how a random plan makes one, and what it says, instant by instant.
//!
//! The second is a definition of its own: it reads nothing but what the inputs say at whole nanoseconds, at which everything
//! changes, and shares no interval arithmetic with the evaluators.

use super::tables;
use timeline_core::plan::{LocalHours, NodeId, Op, TimelineKind, Unit};
use timeline_core::reference::Occurrence;
use timeline_core::{Time, Type, Value};

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Trial {
    /// What its inputs are.
    pub(crate) takes: &'static [Takes],
    /// The operator over such nodes, with a length.
    pub(crate) makes: fn(&[NodeId], Time) -> Op,
    /// What it says at an instant, if it is this one.
    pub(crate) says: fn(&Op, &dyn Instants, Time) -> Option<Option<Value>>,
}

/// What an input is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Takes {
    /// A `state<bool>`.
    Condition,
    /// A state of any type.
    State,
    /// A state of that type.
    Of(Type),
    /// A numeric state, or a number that changes in steps.
    Steps,
    /// A numeric event.
    Numbers,
    /// A number.
    Number,
}

impl Takes {
    pub(crate) fn fits(self, kind: TimelineKind) -> bool {
        match self {
            Takes::Condition => kind == TimelineKind::State(Type::Bool),
            Takes::State => matches!(kind, TimelineKind::State(_)),
            Takes::Of(ty) => kind == TimelineKind::State(ty),
            Takes::Number => matches!(kind, TimelineKind::Number(_)),
            Takes::Numbers => matches!(kind, TimelineKind::Event(Type::Int | Type::Float)),
            Takes::Steps => matches!(
                kind,
                TimelineKind::State(Type::Int | Type::Float)
                    | TimelineKind::Number(Unit::Int | Unit::Float | Unit::Duration)
            ),
        }
    }
}

/// What a definition may ask.
pub(crate) trait Instants {
    /// The first instant of the session.
    fn origin(&self) -> Time;
    /// The value of a state.
    fn state(&self, id: NodeId, t: Time) -> Option<Value>;
    /// The value of a state or a number, as the payload of an event.
    fn value(&self, id: NodeId, t: Time) -> Option<Value>;
    /// All events of an event.
    fn events(&self, id: NodeId) -> &[Occurrence];
    /// The truth of a condition.
    fn truth(&self, id: NodeId, t: Time) -> Option<bool>;
}

/// All of them.
pub(crate) const TRIALS: &[Trial] = &[
    Trial {
        takes: &[Takes::Condition, Takes::Condition],
        makes: |of, _| Op::Since { held: of[0], begun: of[1] },
        says: |op, at, t| {
            let Op::Since { held, begun } = op else { return None };
            let last = (at.origin()..=t).rev().find(|u| at.truth(*begun, *u) == Some(true));
            let holds = last.is_some_and(|last| (last..=t).all(|u| at.truth(*held, u) == Some(true)));
            Some(Some(Value::Bool(holds)))
        },
    },
    Trial {
        takes: &[Takes::State],
        makes: |of, length| Op::Delayed { of: of[0], length },
        says: |op, at, t| {
            let Op::Delayed { of, length } = op else { return None };
            let past = t - length;
            Some(if past >= at.origin() { at.state(*of, past) } else { None })
        },
    },
    Trial {
        takes: &[Takes::Of(Type::String)],
        makes: |of, number| Op::Lookup { column: tables::column(number, &[Type::String]), of: of.to_vec() },
        says: looked_up,
    },
    Trial {
        takes: &[Takes::Of(Type::String), Takes::Of(Type::Bool)],
        makes: |of, number| Op::Lookup { column: tables::column(number, &[Type::String, Type::Bool]), of: of.to_vec() },
        says: looked_up,
    },
    Trial {
        takes: &[],
        // Before and after the beginning of a Thursday, or of the day of a log that is far from it.
        makes: |_, length| {
            let (from, until) = (length % 4 * 3, if length % 2 == 0 { LocalHours::DAY - length } else { length });
            let days = if length % 3 == 0 { 0b111_0111 } else { 0b000_1100 };
            Op::During(LocalHours { hours: vec![(from, until), (length + 9, length + 15)], days, zone: None })
        },
        says: |op, _, t| {
            let Op::During(LocalHours { hours, days, .. }) = op else { return None };
            // The fifth of January 1970 was a Monday.
            let is_on = |t: Time| days >> (t.div_euclid(LocalHours::DAY) - 4).rem_euclid(7) & 1 == 1;
            let holds = hours.iter().any(|(from, until)| {
                let length = (until - from).rem_euclid(LocalHours::DAY);
                let begun = t - (t - from).rem_euclid(LocalHours::DAY);
                t - begun < length && is_on(begun)
            });
            Some(Some(Value::Bool(holds)))
        },
    },
    Trial {
        takes: &[Takes::Steps],
        makes: |of, window| Op::ExtremeOverLast { of: of[0], window, greatest: window % 2 == 0 },
        says: |op, at, t| {
            let Op::ExtremeOverLast { of, window, greatest } = op else { return None };
            // What is in force at `t - window` still is just behind it.
            let mut values: Vec<Value> = (at.origin().max(t - window)..=t).filter_map(|u| at.value(*of, u)).collect();
            values.sort();
            Some(if *greatest { values.pop() } else { values.into_iter().next() })
        },
    },
    Trial {
        takes: &[Takes::Numbers, Takes::Condition],
        makes: |of, length| Op::Slant { of: of[0], over: (length % 2 == 0).then_some(of[1]) },
        says: |op, at, t| {
            let Op::Slant { of, over } = op else { return None };
            let float = |payload: &Option<Value>| match payload {
                Some(Value::Int(x)) => Some(*x as f64),
                Some(Value::Float(x)) => Some(*x),
                _ => None,
            };
            // What rounding loses is kept beside the sum, for parts of a line are no binary fractions.
            let (mut sum, mut lost) = (0.0f64, 0.0);
            for line in at.events(*of).windows(2).filter(|line| line[1].time <= t && line[0].time < line[1].time) {
                let (Some(from), Some(to)) = (float(&line[0].payload), float(&line[1].payload)) else { continue };
                let length = line[1].time - line[0].time;
                // In the middle of its nanosecond `n` the line has come so far, in halves of a nanosecond.
                let counts = |n: &Time| over.is_none_or(|over| at.truth(over, line[0].time + n) == Some(true));
                let doubled: Time = (0..length).filter(counts).map(|n| 2 * n + 1).sum();
                let part = (to - from) * doubled as f64 / (2 * length) as f64;
                let next = sum + part;
                lost += if sum.abs() >= part.abs() { (sum - next) + part } else { (part - next) + sum };
                sum = next;
            }
            Some(Some(Value::Float(sum + lost)))
        },
    },
    Trial {
        takes: &[Takes::Number],
        makes: |of, length| Op::DelayedNumber { of: of[0], length },
        // Of a number that moves there is more to say than its value: the definition is beside those of other numbers.
        says: |_, _, _| None,
    },
];

/// What a table says, whatever its key.
fn looked_up(op: &Op, at: &dyn Instants, t: Time) -> Option<Option<Value>> {
    let Op::Lookup { column, of } = op else { return None };
    let key: Vec<Option<Value>> = of.iter().map(|id| at.state(*id, t)).collect();
    Some(tables::says(column, &key, t))
}
