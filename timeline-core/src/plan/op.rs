//! The operators: what a worker computes.

use super::every::Every;
use super::expression::{Compare, EventExpr};
use super::hours::LocalHours;
use super::kind::Unit;
use super::scalar::Scalar;
use super::table::TableColumn;
use super::user::UserOperator;
use crate::{Time, Value};
use std::fmt;
use std::sync::Arc;

/// The number of a node in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u16);

impl NodeId {
    /// The most nodes in a plan.
    pub const MAX_NODES: usize = 1 << 16;

    pub(crate) fn new(index: usize) -> Self {
        NodeId(u16::try_from(index).expect("a plan has at most NodeId::MAX_NODES nodes, which the builder asserts"))
    }

    /// The index into [`super::Plan::nodes`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// What a worker computes. Windows and lengths are in nanoseconds and positive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `event<T>`: one event for every record in which at least one of the expression's columns is present.
    Event(EventExpr),
    /// A value that is always there; of a state's type.
    Constant(Value),
    /// The payload of the last event at or before `t` (the paper's `TL_LatestEventToState`); a null payload makes it absent.
    /// With a `ttl` it is absent again that long after the last event.
    Latest {
        /// An event.
        of: NodeId,
        /// How long a value lasts.
        ttl: Option<Time>,
    },
    /// True from the first match on (`TL_HasExisted`). Never absent.
    HasExisted {
        /// An event (booleans match where true, others where not null) or a `state<bool>`.
        of: NodeId,
    },
    /// Some match in `(t - window, t]` (`TL_HasExistedWithin`); over a state `[s, e)`: true on `[s, e + window)`. Never absent.
    HasExistedWithin {
        /// An event or a `state<bool>`.
        of: NodeId,
        /// The look-back.
        window: Time,
    },
    /// True from `s + length` on, for each span `[s, e)` where the input is true. Never absent.
    HeldFor {
        /// A `state<bool>`.
        of: NodeId,
        /// How long it must have been true.
        length: Time,
    },
    /// Time for which the input was true since the session began (`TL_DurationWhere`); absent counts as false.
    DurationWhere {
        /// A `state<bool>`.
        of: NodeId,
    },
    /// Time since the current value was entered (`TL_DurationInCurState`); 0 while absent.
    DurationInCurState {
        /// A state of any type.
        of: NodeId,
    },
    /// States compared; absent if either side is. Both of one type, or both numeric.
    CompareStates {
        /// The comparison.
        compare: Compare,
        /// Left side.
        left: NodeId,
        /// Right side.
        right: NodeId,
    },
    /// Numbers compared, with exact crossing instants; absent if either side is.
    /// The left side may be a ratio if the right one is a [`Op::ConstantNumber`].
    CompareNumbers {
        /// The comparison.
        compare: Compare,
        /// A number or a ratio.
        left: NodeId,
        /// A number.
        right: NodeId,
    },
    /// Kleene negation.
    Not(NodeId),
    /// Kleene conjunction; the smaller fingerprint first.
    And(NodeId, NodeId),
    /// Kleene disjunction; the smaller fingerprint first.
    Or(NodeId, NodeId),
    /// A numeric state read as a number; absent where the state is.
    NumberOf(NodeId),
    /// Whole nanoseconds, a `state<int>` or a whole number, read as a duration; absent where they are.
    DurationOf(NodeId),
    /// Whole nanoseconds since the Unix epoch, a `state<int>`, read as an instant; absent where it is.
    InstantOf(NodeId),
    /// A constant number: nanoseconds for [`Unit::Duration`]; `numerator / denominator` so that decimals stay exact.
    ConstantNumber {
        /// Numerator.
        numerator: i64,
        /// Denominator, positive; 1 for durations and whole numbers.
        denominator: i64,
        /// What it counts.
        unit: Unit,
    },
    /// Sum of two numbers; absent if either is. The smaller fingerprint first.
    Add(NodeId, NodeId),
    /// Difference of two numbers; absent if either is.
    Sub(NodeId, NodeId),
    /// A number times a whole number.
    Scale {
        /// A number.
        of: NodeId,
        /// The factor.
        factor: i64,
    },
    /// A ratio, kept as its two numbers; absent where either is absent or the denominator is zero.
    Ratio {
        /// A number.
        numerator: NodeId,
        /// A number.
        denominator: NodeId,
    },
    /// The length of the longest stretch so far on which the input is true, the one that goes on included; absent counts as false.
    Longest {
        /// A `state<bool>`.
        of: NodeId,
    },
    /// How long the last value that was left had been in force; absence is no value. Absent before a value was left.
    DurationOfPreviousState {
        /// A state of any type.
        of: NodeId,
    },
    /// The value times the time for which it was in force, summed since the session began; absent counts as 0.
    Integral {
        /// A plain number that does not move by itself.
        of: NodeId,
        /// A `state<bool>`: only while it is true.
        over: Option<NodeId>,
    },
    /// What the straight lines that join the values of an event enclose beyond the steps that its last value makes: the
    /// integral of the last value and this one are that of the lines. A null ends a line that nothing goes on from.
    Slant {
        /// A numeric event.
        of: NodeId,
        /// A `state<bool>`: only while it is true.
        over: Option<NodeId>,
    },
    /// Whether the first input has been true at every instant since the last one at which the second was, that one included:
    /// where the second has ended, also just before its end. False before the second was true; never absent.
    Since {
        /// A `state<bool>`.
        held: NodeId,
        /// A `state<bool>`.
        begun: NodeId,
    },
    /// What the input was so long ago; absent before.
    Delayed {
        /// A state.
        of: NodeId,
        /// How long ago.
        length: Time,
    },
    /// The same of a number, which goes on so long ago as it did then.
    DelayedNumber {
        /// A number.
        of: NodeId,
        /// How long ago.
        length: Time,
    },
    /// One input where the condition is true, the other where it is false or absent (as `CASE WHEN` of SQL).
    If {
        /// A `state<bool>`.
        condition: NodeId,
        /// A state or a number.
        then: NodeId,
        /// Another one of the same type, or a number of the same measure.
        otherwise: NodeId,
    },
    /// The first input where it has a value, else the second.
    Coalesce(NodeId, NodeId),
    /// Whether a state, a number or a ratio has a value; never absent.
    Exists(NodeId),
    /// A function of what states, and numbers that change in steps, say at each instant; a state.
    Apply {
        /// The function; choices have operators of their own.
        function: Scalar,
        /// States, plain numbers and ratios that do not move by themselves, of the types that the function takes.
        of: Vec<NodeId>,
    },
    /// What the row of a table in force at each instant says of a key; absent without one, and where a part of the key is.
    Lookup {
        /// What is said.
        column: TableColumn,
        /// The key: a state for each column of it, of its type.
        of: Vec<NodeId>,
    },
    /// The product of two numbers of which at most one moves by itself; absent if either is. The smaller fingerprint first.
    Mul(NodeId, NodeId),
    /// `x` less what it was just before the last change of the state; what jumps at the change belongs to the new scope.
    Scope {
        /// A cumulative number.
        of: NodeId,
        /// A state.
        by: NodeId,
    },
    /// `x(t) - x(t - window)`, with `x` 0 before the session. The input is cumulative.
    OverLast {
        /// A cumulative number.
        of: NodeId,
        /// The window.
        window: Time,
    },
    /// The greatest, or the least, of the values that were in force in `(t - window, t]`; absent where there was none.
    ExtremeOverLast {
        /// A numeric state, or a number or a ratio that changes in steps; a duration counts as its nanoseconds, of which
        /// [`Op::DurationOf`] makes a duration again.
        of: NodeId,
        /// The window.
        window: Time,
        /// Which of the two.
        greatest: bool,
    },
    /// An event, true, wherever the input becomes true; absence counts as false, and so does all before the session.
    Rise {
        /// A `state<bool>`.
        of: NodeId,
    },
    /// An event, true, wherever the input stops being true; the end of the session is none.
    Fall {
        /// A `state<bool>`.
        of: NodeId,
    },
    /// An event, true, wherever the input goes from one value to another; to and from absence is none.
    Changes {
        /// A state of any type.
        of: NodeId,
    },
    /// An event, true, at every place where one of the two has a match: a record, or the instant itself.
    /// The smaller fingerprint first.
    Either(NodeId, NodeId),
    /// For every match of the event one that carries what the timeline is at that instant; null where it is absent.
    /// A duration is carried as its nanoseconds, of which [`Op::DurationOf`] makes a duration again.
    At {
        /// An event.
        event: NodeId,
        /// A state, a number or a ratio, but no area.
        of: NodeId,
    },
    /// For every match of the event one that carries its instant, as its nanoseconds, of which [`Op::InstantOf`] makes an
    /// instant again.
    TimeOf {
        /// An event.
        event: NodeId,
    },
    /// For every match of the event one that carries what the expression says of the record behind it.
    Each {
        /// An event; if the expression has columns, one of records of their source.
        event: NodeId,
        /// What is carried; null where it is absent.
        value: EventExpr,
        /// The timelines that it reads at that instant, as [`Op::At`] would.
        of: Vec<NodeId>,
    },
    /// The events for which the expression is true of the record behind them, with their payloads, false and null ones too.
    Filter {
        /// An event; if the expression has columns, one of records of their source.
        event: NodeId,
        /// Of truth values.
        condition: EventExpr,
        /// The timelines that it reads at that instant, as [`Op::At`] would.
        of: Vec<NodeId>,
    },
    /// An event, true, at every match of `then` that has an earlier match of `first` in `(t - window, t]`.
    FollowedBy {
        /// An event.
        first: NodeId,
        /// An event.
        then: NodeId,
        /// How long ago the first one may be.
        window: Time,
    },
    /// An event, true, `window` after every match of `first` that no later match of `then` follows in `[t, t + window)`.
    NotFollowedBy {
        /// An event.
        first: NodeId,
        /// An event.
        then: NodeId,
        /// How long the second one is waited for.
        window: Time,
    },
    /// How many matches there were since the session began.
    Count {
        /// An event.
        of: NodeId,
    },
    /// How many matches there were in `(t - window, t]`.
    CountWithin {
        /// An event.
        of: NodeId,
        /// The look-back.
        window: Time,
    },
    /// The first payload that is not null; absent before it.
    First {
        /// An event.
        of: NodeId,
    },
    /// Whether the payload of the last event came in no event before its instant. Nulls are skipped; false before the first.
    ///
    /// Only the `cap` values that were last seen are remembered: one that was forgotten is new again.
    IsNew {
        /// An event.
        of: NodeId,
        /// How many values are remembered, 1 to [`Op::MAX_REMEMBERED`].
        cap: u32,
    },
    /// The payload of the event that stands `n` before the last one, nulls counted; absent where there is none.
    Previous {
        /// An event.
        of: NodeId,
        /// At least 1, at most [`Op::MAX_PREVIOUS`].
        n: u16,
    },
    /// The sum of the payloads, from 0 on; floats are added one after another.
    Sum {
        /// A numeric event.
        of: NodeId,
    },
    /// The least payload; absent before the first.
    Min {
        /// A numeric event.
        of: NodeId,
    },
    /// The greatest payload; absent before the first.
    Max {
        /// A numeric event.
        of: NodeId,
    },
    /// Time since the last match, or since a state was last true: 0 while it is. Absent before the first.
    TimeSince {
        /// An event or a `state<bool>`.
        of: NodeId,
    },
    /// The input's truth, absent counting as false, with the instants at which it turned: for how many sessions of a
    /// group it is true at once. For the root of a metric.
    Concurrency {
        /// A `state<bool>`.
        of: NodeId,
        /// Of how many true spans a session keeps the turns, 1 to [`Op::MAX_REMEMBERED`]: the last ones. Those before them
        /// count in the mean, and no longer in the peak.
        cap: u32,
    },
    /// The clock in windows: the instant at which the present one began.
    /// Among the dimensions of a [`Op::Split`] that instant is written as a text.
    Every(Every),
    /// Whether a local clock shows these hours. Never absent.
    During(LocalHours),
    /// Charges every sub-span of the input to the values of the dimensions then in force. Only a metric's root.
    Split {
        /// A cumulative number, a ratio of such, or [`Op::OverLast`] of one.
        of: NodeId,
        /// States, at least one.
        by: Vec<NodeId>,
        /// How many values have a share of their own, 1 to [`Op::MAX_REMEMBERED`]: those that come first into force.
        /// All others are charged to the share of absent values, which is not counted here.
        cap: u32,
    },
    /// What an operator of the user says of the events so far; nothing before the first, and from where it fails.
    User {
        /// The operator.
        operator: Arc<UserOperator>,
        /// Its arguments, events of records: a record counts that has them all.
        of: Vec<NodeId>,
    },
}

impl Op {
    /// How many values [`Op::IsNew`], [`Op::Split`] and [`Op::Concurrency`] may remember for each session.
    pub const MAX_REMEMBERED: u32 = 10_000;

    /// How many the last two remember where nothing is said.
    pub const USUALLY_REMEMBERED: u32 = 1000;

    /// How far [`Op::Previous`] looks back at most: so many payloads are kept for each session.
    pub const MAX_PREVIOUS: u16 = 100;

    /// All events of another node, made in the pass that ends their instant.
    pub fn all_of(event: NodeId) -> Self {
        Op::Filter { event, condition: EventExpr::Constant(Value::Bool(true)), of: vec![] }
    }

    /// The value of a dimension that it is: windows of the clock are named by the instant at which they begin.
    pub fn as_dimension(&self, value: Value) -> Value {
        match (self, value) {
            (Op::Every(every), Value::Int(start)) => every.name(start),
            (_, value) => value,
        }
    }

    /// The window that a value of [`Op::as_dimension`] names: its first instant, and the first after it.
    pub fn window_of_dimension(&self, value: &Value) -> Option<(Time, Time)> {
        match self {
            Op::Every(every) => every.of_name(value),
            _ => None,
        }
    }
}
