//! The plan: one directed graph of workers, as a flat list in which every node follows its inputs.
//!
//! A plan belongs to one source, or to a group of sources that share a key, and holds all queries deployed on it.
//! [`PlanBuilder::add`] is the only way to make a node, and it returns the existing node where one with the same meaning
//! is already there: **identical sub-timelines are one node**, within a program and across programs.
//! Identity is structural: operator, constants and inputs, never names or places in the text.
//!
//! **Invariant:** `nodes[i]` refers only to nodes `j < i`; every [`TimelineKind`] is the one that [`PlanBuilder::add`] derived.

mod builder;
mod description;
mod encoding;
mod every;
mod expression;
mod fingerprint;
mod hours;
mod kind;
mod made;
mod names;
mod needs;
mod op;
mod output;
mod path;
mod scalar;
mod source;
mod table;
mod user;

pub use builder::{BuildError, PlanBuilder};
pub use description::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, MemoryClass, Notation, OperatorDescription, Parameter, Straight,
    Timer,
};
pub use every::{CalendarUnit, Every};
pub use expression::{Compare, EventExpr};
pub use fingerprint::Fingerprint;
pub use hours::LocalHours;
pub(crate) use kind::comparable;
pub use kind::{RatioUnit, TimelineKind, Unit};
pub(crate) use made::Made;
pub use names::NodeNames;
pub use needs::{Need, RecordNeed};
pub use op::{NodeId, Op};
pub use output::{Aggregate, AggregateFunction, AggregateMembers, Alert, Beside, DISTINCT, GroupKey, GroupOf, Metric};
pub use path::{BadPath, FieldPath, Step};
pub use scalar::Scalar;
pub use source::{
    ColumnId, Csv, Dedup, EndRule, FUTURE, Idle, MAX_SOURCES, Nulls, SourceColumn, SourceDefinition, TimeFormat,
    TimeUnit,
};
pub use table::{Difference, LookupTable, TableColumn, TableConflict, TableRow, TableRows, TableShape};
pub use user::{MAX_PARAMETERS, MAX_STATE_BYTES, Operate, OperatorFault, UserOperator};

/// The version of the rules by which plans are read: of what a plan says beside what its text holds.
///
/// State and rows of one version are never taken for those of another. It goes up whenever an unchanged plan over an
/// unchanged log comes to mean something else.
///
/// | version | since when |
/// |---|---|
/// | 1 | the beginning |
/// | 2 | what comes after an end begins a session, whatever the lateness; a value that does not fit ends the state |
/// | 3 | sums of floats keep what rounding loses |
/// | 4 | windows of `every` are told as they end |
pub const RULES: u32 = 4;

/// A compiled set of queries on one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where the events come from; the first source of a group.
    pub source: SourceDefinition,
    /// The other sources of a group, whose keys are those of the first: events of all of them make one session.
    pub joined: Vec<SourceDefinition>,
    /// The number of the deployment from whose moment on the logs are read; 0 where they are read from their start.
    pub since: u32,
    /// The columns that the nodes and the source's rules read, and no others; a [`ColumnId`] is an index here.
    pub columns: Vec<SourceColumn>,
    /// The workers, inputs first.
    pub nodes: Vec<Node>,
    /// When a session ends.
    pub end: EndRule,
    /// Which events count once although the log holds them several times; at most one rule for each source.
    pub dedup: Vec<Dedup>,
    /// What is kept and queryable, in the order of the programs.
    pub metrics: Vec<Metric>,
    /// Boolean timelines whose true spans become rows, in the order of the programs.
    pub alerts: Vec<Alert>,
    /// What programs call the workers.
    pub names: NodeNames,
}

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it computes, from which inputs.
    pub op: Op,
    /// What it is: event, state, number or ratio.
    pub kind: TimelineKind,
    /// Its meaning as a number that is the same in every program, build and machine.
    pub fingerprint: Fingerprint,
    /// Whether it is a number that changes with time alone, of itself or through what it reads.
    pub moves: bool,
    /// Whether it is a sum of what is counted up from zero at the start of the session, so that shares of it add up.
    pub is_cumulative: bool,
}

impl Plan {
    /// The node of that number.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// All sources, in the order that breaks ties between their events; a [`SourceColumn::source`] is an index here.
    pub fn sources(&self) -> impl Iterator<Item = &SourceDefinition> {
        std::iter::once(&self.source).chain(&self.joined)
    }

    /// The source of that number.
    pub fn source_at(&self, source: usize) -> &SourceDefinition {
        source.checked_sub(1).map_or(&self.source, |joined| &self.joined[joined])
    }

    /// What the source or the group is called: `page`, `page+backend`; read from a deployment on, `page@3`.
    pub fn name(&self) -> String {
        let name = self.sources().map(|source| source.name.as_str()).collect::<Vec<_>>().join("+");
        if self.since == 0 { name } else { format!("{name}@{}", self.since) }
    }

    /// The columns of one source, under their numbers.
    pub fn columns_of(&self, source: usize) -> impl Iterator<Item = (ColumnId, &SourceColumn)> {
        let numbered = (0..).map(ColumnId).zip(&self.columns);
        numbered.filter(move |(_, column)| usize::from(column.source) == source)
    }

    /// For how many sessions at once a metric's condition is true, if that is what its root counts: the node of the turns.
    pub fn counted_at_once(&self, root: NodeId) -> Option<NodeId> {
        let is_counted = |id: NodeId| matches!(self.node(id).op, Op::Concurrency { .. });
        match self.node(root).op {
            Op::Split { of, .. } if is_counted(of) => Some(of),
            _ => is_counted(root).then_some(root),
        }
    }

    /// The clock by whose windows a metric's root is told, if it is: which of its dimensions that is, and its node.
    pub fn windows_of(&self, root: NodeId) -> Option<(usize, NodeId)> {
        let Op::Split { by, .. } = &self.node(root).op else { return None };
        let clock = by.iter().position(|id| matches!(self.node(*id).op, Op::Every(_)))?;
        Some((clock, by[clock]))
    }

    /// The windows by which rows of a metric are told, if they are.
    pub fn told_by<'p>(&'p self, metric: &'p Metric) -> Option<&'p Every> {
        if let Some((_, every)) = metric.windows_of_events() {
            return Some(every);
        }
        let (_, clock) = self.windows_of(metric.root)?;
        match &self.node(clock).op {
            Op::Every(every) => Some(every),
            _ => None,
        }
    }

    /// Whether what is aggregated of a metric is the events of its root, and nothing of its sessions.
    pub fn is_of_events(&self, root: NodeId) -> bool {
        matches!(self.node(root).kind, TimelineKind::Event(_))
    }

    /// What the values of a metric are, whose root that is: of events their payloads.
    pub fn value_kind(&self, root: NodeId) -> TimelineKind {
        match self.node(root).kind {
            TimelineKind::Event(_) if self.carries_durations(root) => TimelineKind::Number(Unit::Duration),
            TimelineKind::Event(ty) => TimelineKind::State(ty),
            other => other,
        }
    }

    /// Whether the payloads of an event are durations, as their nanoseconds.
    pub fn carries_durations(&self, event: NodeId) -> bool {
        let mut made = &self.node(event).op;
        while let Op::Filter { event, .. } = made {
            made = &self.node(*event).op;
        }
        match made {
            Op::At { of, .. } => {
                matches!(
                    self.node(*of).kind,
                    TimelineKind::Number(Unit::Duration) | TimelineKind::Ratio(RatioUnit::Duration)
                )
            }
            // Columns have no unit, and what is said beside them has none.
            _ => false,
        }
    }

    /// Whether windows of the clock are over as soon as time has come so far, whatever events there are. Where silence ends a
    /// session and is not billed, a window is over when an event has come behind it, or the session has ended.
    pub fn windows_end_by_clock(&self) -> bool {
        let is_told_by_events = self.end.silence.is_some() && !self.end.billed;
        let is_windowed =
            |metric: &Metric| self.windows_of(metric.root).is_some() || metric.windows_of_events().is_some();
        !is_told_by_events && self.metrics.iter().any(is_windowed)
    }

    /// Whether a node can be charged to dimensions: cumulative, a ratio of such, or such over a window.
    pub fn can_split(&self, id: NodeId) -> bool {
        let is_cumulative = |id: &NodeId| self.node(*id).is_cumulative;
        match &self.node(id).op {
            Op::Ratio { numerator, denominator } => is_cumulative(numerator) && is_cumulative(denominator),
            Op::OverLast { of, .. } => is_cumulative(of),
            _ => is_cumulative(&id),
        }
    }

    /// The columns of which an event's records have some: those behind it, which `at` and `filter` can ask. None where an
    /// event may have no record.
    pub fn record_columns(&self, event: NodeId) -> u64 {
        match &self.node(event).op {
            Op::Event(e) => e.columns(),
            Op::At { event, .. } | Op::TimeOf { event } | Op::Each { event, .. } | Op::Filter { event, .. } => {
                self.record_columns(*event)
            }
            Op::FollowedBy { then, .. } => self.record_columns(*then),
            Op::Either(a, b) => match (self.record_columns(*a), self.record_columns(*b)) {
                (0, _) | (_, 0) => 0,
                (a, b) => a | b,
            },
            // What is true of an instant has none; what is no event neither.
            _ => 0,
        }
    }

    /// The columns of records that a node reads by itself, as a set of column bits.
    pub fn columns_read(&self, id: NodeId) -> u64 {
        match &self.node(id).op {
            Op::Event(e) => e.columns(),
            Op::Each { value, .. } => value.columns(),
            Op::Filter { condition, .. } => condition.columns(),
            // Others read nodes.
            _ => 0,
        }
    }

    /// The source of the records behind an event, by its number; `None` where it may have none, or one of several sources.
    pub fn record_source(&self, event: NodeId) -> Option<u8> {
        let columns = self.record_columns(event);
        let mut sources =
            (0..).zip(&self.columns).filter(|(i, _)| columns >> i & 1 == 1).map(|(_, c): (u32, _)| c.source);
        let first = sources.next()?;
        sources.all(|source| source == first).then_some(first)
    }

    /// The time zones whose clocks it asks, each once.
    pub fn zones(&self) -> Vec<&str> {
        let mut zones: Vec<&str> = vec![];
        for node in &self.nodes {
            match &node.op {
                Op::Every(Every::Calendar { zone: Some(zone), .. })
                | Op::During(LocalHours { zone: Some(zone), .. })
                    if !zones.contains(&&**zone) =>
                {
                    zones.push(zone);
                }
                _ => {}
            }
        }
        zones
    }

    /// All nodes with their numbers, inputs first.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, node)| (NodeId::new(i), node))
    }
}
