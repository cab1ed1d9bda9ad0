//! The timelines of a session's nodes as whole functions over dense time, as if nothing more ever happened.

use super::events::{EventRank, Occurrence};
use super::logic::{boolean, evaluate, evaluate_with, truth};
use super::number::{NumberTimeline, cumulative, over_last};
use super::piecewise::Piecewise;
use super::session::Session;
use super::split::{ShareTimeline, shares};
use super::state::{StateSpan, StateTimeline, true_stretches};
use crate::plan::{EventExpr, Node, NodeId, Op, TimelineKind, Unit};
use crate::{Field, Linear, Plan, Record, Time, Value, decimal};

/// A node's timeline from the session's origin on, without end.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeTimeline {
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
    Split(Vec<ShareTimeline>),
}

/// The timelines of all nodes of the plan, by node.
pub fn whole(plan: &Plan, session: &Session) -> Vec<NodeTimeline> {
    let mut done: Vec<NodeTimeline> = vec![];
    for node in &plan.nodes {
        // A node reads only nodes before it.
        let made = node.op.meaning(&Inputs { plan, session, done: &done, node });
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
        place: EventRank::Record(record.source, record.order, record.position),
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
pub(crate) struct Inputs<'a> {
    pub(crate) plan: &'a Plan,
    session: &'a Session,
    done: &'a [NodeTimeline],
    node: &'a Node,
}

impl Inputs<'_> {
    /// What the node is.
    pub(crate) fn kind(&self) -> TimelineKind {
        self.node.kind
    }

    /// Where the session begins.
    pub(crate) fn origin(&self) -> Time {
        self.session.origin
    }

    /// How far the session is looked at.
    pub(crate) fn horizon(&self) -> Time {
        self.session.horizon
    }

    /// The session's records.
    pub(crate) fn records(&self) -> &[Record] {
        &self.session.records
    }

    /// An input, whatever it is.
    pub(crate) fn whole(&self, id: NodeId) -> &NodeTimeline {
        &self.done[id.index()]
    }

    /// What an expression says of the record behind an event, and of timelines at its instant.
    pub(crate) fn says(&self, expression: &EventExpr, of: &[NodeId], event: &Occurrence) -> Option<Value> {
        let place = |record: &Record| EventRank::Record(record.source, record.order, record.position);
        let is_behind = |record: &&Record| (record.time, place(record)) == (event.time, event.place);
        let record = self.session.records.iter().find(is_behind);
        evaluate_with(expression, (event.time, record), &|n| self.sample(of[usize::from(n)], event.time))
    }

    /// What a state or a number is at an instant, as the payload of an event.
    pub(crate) fn sample(&self, of: NodeId, t: Time) -> Option<Value> {
        match self.plan.node(of).kind {
            TimelineKind::Number(unit) => self.number(of).at(t).map(|x| x.sample(unit == Unit::Float)),
            TimelineKind::Ratio(unit) => match &self.done[of.index()] {
                NodeTimeline::Ratio { numerator: n, denominator: d } => n.at(t)?.quotient(d.at(t)?, unit),
                other => unreachable!("the builder gives a ratio here, not {other:?}"),
            },
            _ => self.state(of).at(t),
        }
    }

    /// The sign of a sum of numbers that stand still, as if it had been calculated on paper.
    pub(crate) fn sign(&self, sum: &[(NodeId, i64)], t: Time) -> Option<i32> {
        let says = |id: NodeId| match &self.done[id.index()] {
            NodeTimeline::Number(number) => number.at(t),
            NodeTimeline::Events(_) | NodeTimeline::State(_) | NodeTimeline::Ratio { .. } | NodeTimeline::Split(_) => {
                None
            }
        };
        decimal::sign(self.plan, sum, &says)
    }

    /// Where anything turns of which these nodes are made.
    pub(crate) fn turns_below(&self, of: &[NodeId]) -> Vec<Time> {
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
    pub(crate) fn starts(&self, of: NodeId) -> Vec<Time> {
        match &self.done[of.index()] {
            NodeTimeline::State(state) => state.starts(),
            NodeTimeline::Number(number) => number.starts(),
            NodeTimeline::Ratio { numerator, denominator } => [numerator.starts(), denominator.starts()].concat(),
            NodeTimeline::Events(_) | NodeTimeline::Split(_) => vec![],
        }
    }

    pub(crate) fn split(&self, of: NodeId, by: &[NodeId], cap: u32) -> Vec<ShareTimeline> {
        let dimensions = by.iter().fold(Piecewise::constant(self.session.origin, vec![]), |all, id| {
            let named = |value: Option<Value>| value.map(|value| self.plan.node(*id).op.as_dimension(value));
            all.with(self.state(*id), |all, value| all.into_iter().chain([named(value)]).collect())
        });
        let clock = by.iter().position(|id| matches!(self.plan.node(*id).op, Op::Every(_)));
        let dimensions = super::split::capped(&dimensions, clock, cap);
        let mut shares = shares(&dimensions, |dims| match &self.plan.node(of).op {
            Op::Ratio { numerator, denominator } => NodeTimeline::Ratio {
                numerator: self.share(*numerator, dims, &dimensions),
                denominator: self.share(*denominator, dims, &dimensions),
            },
            Op::Concurrency { .. } => NodeTimeline::State(
                self.state(of)
                    .with(&dimensions, |is, in_force| boolean(Some(truth(&is) == Some(true) && in_force == *dims))),
            ),
            _ => NodeTimeline::Number(self.share(of, dims, &dimensions)),
        });
        if let Some(Op::Every(every)) = clock.map(|clock| &self.plan.node(by[clock]).op) {
            for share in &mut shares {
                share.window = Some(super::accrue::window(every, share.since));
            }
        }
        shares
    }

    /// One value's share of a number. `over last` windows the share of what it reads.
    fn share(&self, of: NodeId, dims: &Vec<Option<Value>>, all: &Piecewise<Vec<Option<Value>>>) -> NumberTimeline {
        let unit = self.unit(of);
        let share = |of: NodeId| super::split::share(&cumulative(self.number(of), unit), all, dims, unit);
        match &self.plan.node(of).op {
            Op::OverLast { of, window } => over_last(&share(*of), *window, unit).map(Some),
            _ => share(of).map(Some),
        }
    }

    /// Where an event (at its instants) or a boolean state is true, as stretches; those of events are empty.
    pub(crate) fn stretches(&self, of: NodeId) -> Vec<StateSpan> {
        match &self.done[of.index()] {
            NodeTimeline::Events(events) => {
                events.iter().filter(|e| matches(&e.payload)).map(|e| (e.time, Some(e.time))).collect()
            }
            _ => true_stretches(self.state(of)),
        }
    }

    pub(crate) fn unit(&self, id: NodeId) -> Unit {
        match self.plan.node(id).kind {
            TimelineKind::Number(unit) => unit,
            other => unreachable!("the builder gives a number here, not {other}"),
        }
    }

    pub(crate) fn events(&self, id: NodeId) -> &[Occurrence] {
        match &self.done[id.index()] {
            NodeTimeline::Events(events) => events,
            other => unreachable!("the builder gives an event here, not {other:?}"),
        }
    }

    pub(crate) fn state(&self, id: NodeId) -> &StateTimeline {
        match &self.done[id.index()] {
            NodeTimeline::State(state) => state,
            other => unreachable!("the builder gives a state here, not {other:?}"),
        }
    }

    pub(crate) fn number(&self, id: NodeId) -> &NumberTimeline {
        match &self.done[id.index()] {
            NodeTimeline::Number(number) => number,
            other => unreachable!("the builder gives a number here, not {other:?}"),
        }
    }
}
