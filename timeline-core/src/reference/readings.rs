//! What is shown of a session: final values, spans, alerts, and the timelines themselves.
//!
//! | session | timelines and alerts run to | finals, totals and spans are read at |
//! |---|---|---|
//! | open | the horizon, included | the horizon, included |
//! | closed by an end event or by age | the close | the right limit at the close |
//! | closed by silence `D` | `last + D` | the last event |
//! | the same, billed | `last + D` | the right limit at `last + D` |
//!
//! Rows of an open session include what begins at the horizon; alerts of a closed one nothing that begins where it ends.
//! Spans of a closed one end where it is read, and what jumps just there is a span without length, so that the last of the
//! spans always says what the final row does.
//! Rows of a split are those of the dimension values in force at some instant up to the reading; where one of them is a window of
//! the clock, they are of that window and read when it is over ([`super::windows`]).
//! Absence is a row of its own among spans, like false and zero.

use super::events::Occurrence;
use super::number::PointNumber;
use super::piecewise::{PieceSpan, PieceValue, Piecewise, ShownExtent};
use super::session::{CloseReason, Session};
use super::split::SplitKey;
use super::state::true_stretches;
use super::whole::{NodeTimeline, whole};
use super::windows::ReferenceRow;
use crate::plan::{TimelineKind, Unit};
use crate::{Linear, Plan, SECOND, Time, Value};

/// A metric's value at one instant.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// No value.
    Absent,
    /// The value of a state.
    State(Value),
    /// The value of a number.
    Number(PointNumber),
    /// A quotient, as its two sides, durations in nanoseconds (also for a number per second).
    /// Where the denominator is zero it has no value, but its sides still add up.
    Ratio {
        /// Above the line.
        numerator: PointNumber,
        /// Below the line.
        denominator: PointNumber,
    },
}

/// A metric's value when the session is read.
#[derive(Clone, Debug, PartialEq)]
pub struct FinalValue {
    /// Index into [`Plan::metrics`].
    pub metric: usize,
    /// The dimension values charged with it; empty without a split.
    pub dimensions: SplitKey,
    /// The value.
    pub value: MetricValue,
    /// The session's first instant, or that of a window in it.
    pub start: Time,
    /// Where it was read, if nothing changes it any more.
    pub end: Option<Time>,
    /// What is shown beside it: what the states were where it was read.
    pub with: Vec<Option<Value>>,
}

/// A stretch of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSpan {
    /// Index into [`Plan::metrics`].
    pub metric: usize,
    /// The dimension values charged with it; empty without a split.
    pub dimensions: SplitKey,
    /// From when to when, and what it is; no end while open.
    pub span: PieceSpan<SpanValue>,
}

/// What a metric is over a span, stated at the span's start.
#[derive(Clone, Debug, PartialEq)]
pub enum SpanValue {
    /// No value.
    Absent,
    /// A state's value.
    State(Value),
    /// A number's value and slope.
    Number(Linear),
    /// Both sides of a quotient.
    Ratio {
        /// Above the line.
        numerator: Linear,
        /// Below the line.
        denominator: Linear,
    },
}

impl PieceValue for SpanValue {
    fn after(&self, dt: i128) -> Self {
        match self {
            SpanValue::Absent | SpanValue::State(_) => self.clone(),
            SpanValue::Number(x) => SpanValue::Number(PieceValue::after(x, dt)),
            SpanValue::Ratio { numerator, denominator } => SpanValue::Ratio {
                numerator: PieceValue::after(numerator, dt),
                denominator: PieceValue::after(denominator, dt),
            },
        }
    }
}

impl SpanValue {
    /// The same at its instant, without its slopes.
    fn level(&self) -> SpanValue {
        match self {
            SpanValue::Absent | SpanValue::State(_) => self.clone(),
            SpanValue::Number(x) => SpanValue::Number(x.level()),
            SpanValue::Ratio { numerator, denominator } => {
                SpanValue::Ratio { numerator: numerator.level(), denominator: denominator.level() }
            }
        }
    }
}

/// A maximal stretch on which an alert is true.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertStretch {
    /// Index into [`Plan::alerts`].
    pub alert: usize,
    /// Its first instant.
    pub start: Time,
    /// The first instant after it, or the close; `None` while open.
    pub end: Option<Time>,
    /// What is shown beside it: what the states were at its first instant.
    pub with: Vec<Option<Value>>,
}

/// A node's timeline as far as it was computed, in maximal spans.
///
/// What holds at the last instant (the horizon, or the close: its right limit) is included, and has no end.
#[derive(Clone, Debug, PartialEq)]
pub enum Timeline {
    /// Events by time, order and place in the log.
    Events(Vec<Occurrence>),
    /// A step function.
    State(Vec<PieceSpan<Option<Value>>>),
    /// A piecewise-linear function.
    Number(Vec<PieceSpan<Option<Linear>>>),
    /// A quotient, as its two sides.
    Ratio {
        /// Above the line.
        numerator: Vec<PieceSpan<Option<Linear>>>,
        /// Below the line.
        denominator: Vec<PieceSpan<Option<Linear>>>,
    },
    /// The shares of a split, in the order in which their dimensions came into force.
    Split(Vec<(SplitKey, Timeline)>),
}

/// The value of every metric when the session is read, by metric, then in the order in which dimensions came into force.
pub fn finals(plan: &Plan, session: &Session, horizon: Time) -> Vec<FinalValue> {
    rows(plan, session, horizon).into_iter().map(|(own, _)| own).collect()
}

/// The same, each with its row.
pub(super) fn rows(plan: &Plan, session: &Session, horizon: Time) -> Vec<(FinalValue, ReferenceRow)> {
    let all = whole(plan, session);
    let shown = |Rooted { metric, dimensions, row, timeline }: Rooted| {
        let own = &plan.metrics[metric];
        let (at, before) = if plan.windows_of(own.root).is_some() { row.groups_at() } else { (row.at, false) };
        let states = own.with.iter().map(|beside| &all[beside.of.index()]);
        let with =
            states.map(|state| state_of(if before { read_before(state, at) } else { read(state, at) })).collect();
        let says = if row.before { read_before(&timeline, row.at) } else { read(&timeline, row.at) };
        let value = match (says, plan.node(plan.metrics[metric].root).kind) {
            // An area is kept times nanoseconds, and shown times seconds.
            (MetricValue::Number(x), TimelineKind::Number(Unit::Area)) => {
                MetricValue::Number(PointNumber::Float(x.as_float() / SECOND as f64))
            }
            (value, _) => value,
        };
        let ReferenceRow { start, end, .. } = row;
        (FinalValue { metric, value, dimensions, start, end, with }, row)
    };
    rooted(plan, session, horizon).into_iter().map(shown).collect()
}

/// The spans of every metric, by metric, then in the order in which dimensions came into force, then by start.
pub fn spans(plan: &Plan, session: &Session, horizon: Time) -> Vec<MetricSpan> {
    let shown = rooted(plan, session, horizon);
    let rows = shown.into_iter().flat_map(|Rooted { metric, dimensions, row, timeline }| {
        let values = values(&timeline, session.origin).from(row.start);
        let extent = row.extent();
        let jump = if row.before { None } else { jump_at_the_end(&values, extent) };
        let spans = values.shown(extent).into_iter().chain(jump);
        spans.map(move |span| MetricSpan { metric, dimensions: dimensions.clone(), span }).collect::<Vec<_>>()
    });
    rows.collect()
}

/// The right limit where everything ends, if that is another value than what was in force until then.
fn jump_at_the_end(values: &Piecewise<SpanValue>, extent: ShownExtent) -> Option<PieceSpan<SpanValue>> {
    let ShownExtent::UpTo(end) = extent else { return None };
    let value = values.at(end);
    let jumps = values.before(end).is_none_or(|before| before.level() != value.level());
    jumps.then_some(PieceSpan { start: end, end: Some(end), value })
}

/// The true spans of every alert, by alert, then by start.
pub fn alerts(plan: &Plan, session: &Session, horizon: Time) -> Vec<AlertStretch> {
    let (all, extent) = (whole(plan, session), run_to(session, horizon));
    let rows = plan.alerts.iter().enumerate().flat_map(|(alert, root)| match &all[root.root.index()] {
        NodeTimeline::State(state) => true_stretches(state)
            .into_iter()
            .flat_map(|(start, end)| extent.show(start, end))
            .map(|(start, end)| {
                let with = root.with.iter().map(|beside| state_of(read(&all[beside.of.index()], start)));
                AlertStretch { alert, start, end, with: with.collect() }
            })
            .collect(),
        _ => vec![],
    });
    rows.collect()
}

/// The timeline of every node, by node.
pub fn timelines(plan: &Plan, session: &Session, horizon: Time) -> Vec<Timeline> {
    let extent = ShownExtent::Through(run_to(session, horizon).limit());
    whole(plan, session).into_iter().map(|timeline| shown(timeline, extent)).collect()
}

/// The value of a timeline at an instant. Events have none.
pub(super) fn read(timeline: &NodeTimeline, at: Time) -> MetricValue {
    match timeline {
        NodeTimeline::Events(_) | NodeTimeline::Split(_) => MetricValue::Absent,
        NodeTimeline::State(state) => state.at(at).map_or(MetricValue::Absent, MetricValue::State),
        NodeTimeline::Number(number) => number.at(at).map_or(MetricValue::Absent, |x| MetricValue::Number(x.into())),
        NodeTimeline::Ratio { numerator, denominator } => match (numerator.at(at), denominator.at(at)) {
            (Some(n), Some(d)) => MetricValue::Ratio { numerator: n.into(), denominator: d.into() },
            _ => MetricValue::Absent,
        },
    }
}

/// The value that a state was read to have.
fn state_of(reading: MetricValue) -> Option<Value> {
    match reading {
        MetricValue::State(value) => Some(value),
        MetricValue::Absent | MetricValue::Number(_) | MetricValue::Ratio { .. } => None,
    }
}

/// The value of a timeline just before an instant behind the session's first one.
pub(super) fn read_before(timeline: &NodeTimeline, at: Time) -> MetricValue {
    let number = |x: Option<Option<Linear>>| x.flatten().map(PointNumber::from);
    match timeline {
        NodeTimeline::Events(_) | NodeTimeline::Split(_) => MetricValue::Absent,
        NodeTimeline::State(state) => state.before(at).flatten().map_or(MetricValue::Absent, MetricValue::State),
        NodeTimeline::Number(x) => number(x.before(at)).map_or(MetricValue::Absent, MetricValue::Number),
        NodeTimeline::Ratio { numerator, denominator } => {
            match (number(numerator.before(at)), number(denominator.before(at))) {
                (Some(numerator), Some(denominator)) => MetricValue::Ratio { numerator, denominator },
                _ => MetricValue::Absent,
            }
        }
    }
}

/// When finals, totals and spans are read.
pub(super) fn read_at(plan: &Plan, session: &Session, horizon: Time) -> ShownExtent {
    match session.close {
        None => ShownExtent::Through(horizon),
        Some(close) if close.reason == CloseReason::Silence && !plan.end.billed => ShownExtent::UpTo(session.last),
        Some(close) => ShownExtent::UpTo(close.at),
    }
}

/// How far timelines run, and alerts are told.
fn run_to(session: &Session, horizon: Time) -> ShownExtent {
    session.close.map_or(ShownExtent::Through(horizon), |close| ShownExtent::UpTo(close.at))
}

/// A metric's timeline, or one share of it, as it is told.
struct Rooted {
    metric: usize,
    dimensions: SplitKey,
    row: ReferenceRow,
    timeline: NodeTimeline,
}

/// The timelines of the metrics, with those dimensions that are in force at some instant up to the reading.
fn rooted(plan: &Plan, session: &Session, horizon: Time) -> Vec<Rooted> {
    let all = whole(plan, session);
    let row = ReferenceRow::whole(plan, session, horizon);
    let rows = plan.metrics.iter().enumerate().flat_map(|(metric, own)| match &all[own.root.index()] {
        NodeTimeline::Split(shares) => shares
            .iter()
            .filter(|share| share.since <= row.at)
            .map(|share| Rooted {
                metric,
                dimensions: share.dimensions.clone(),
                row: share.window.map_or(row, |window| ReferenceRow::of(plan, session, horizon, window)),
                timeline: share.timeline.clone(),
            })
            .filter(|rooted| !rooted.row.needs_jump || has_jumped(&read(&rooted.timeline, row.at)))
            .collect(),
        // Events have no value: they are counted, and nothing is shown of a session.
        NodeTimeline::Events(_) => vec![],
        other => vec![Rooted { metric, dimensions: vec![], row, timeline: other.clone() }],
    });
    rows.collect()
}

/// Whether what began at an instant has come to something there.
fn has_jumped(reading: &MetricValue) -> bool {
    match reading {
        MetricValue::Absent | MetricValue::State(_) => false,
        MetricValue::Number(x) => x.sign() != 0,
        MetricValue::Ratio { numerator, denominator } => numerator.sign() != 0 || denominator.sign() != 0,
    }
}

/// A metric's timeline as one function. Events have no value at any instant.
fn values(timeline: &NodeTimeline, origin: Time) -> Piecewise<SpanValue> {
    match timeline {
        NodeTimeline::Events(_) | NodeTimeline::Split(_) => Piecewise::constant(origin, SpanValue::Absent),
        NodeTimeline::State(state) => state.map(|value| value.map_or(SpanValue::Absent, SpanValue::State)),
        NodeTimeline::Number(number) => number.map(|x| x.map_or(SpanValue::Absent, SpanValue::Number)),
        NodeTimeline::Ratio { numerator, denominator } => numerator.with(denominator, |n, d| match (n, d) {
            (Some(numerator), Some(denominator)) => SpanValue::Ratio { numerator, denominator },
            _ => SpanValue::Absent,
        }),
    }
}

fn shown(timeline: NodeTimeline, extent: ShownExtent) -> Timeline {
    match timeline {
        NodeTimeline::Events(events) => Timeline::Events(events),
        NodeTimeline::State(state) => Timeline::State(state.shown(extent)),
        NodeTimeline::Number(number) => Timeline::Number(number.shown(extent)),
        NodeTimeline::Ratio { numerator, denominator } => {
            Timeline::Ratio { numerator: numerator.shown(extent), denominator: denominator.shown(extent) }
        }
        NodeTimeline::Split(shares) => {
            let begun = shares.into_iter().filter(|share| share.since <= extent.limit());
            Timeline::Split(begun.map(|share| (share.dimensions, shown(share.timeline, extent))).collect())
        }
    }
}
