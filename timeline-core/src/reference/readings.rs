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
use super::number::Number;
use super::piecewise::{Extent, Piece, Piecewise, Span};
use super::session::{CloseReason, Session};
use super::split::Dimensions;
use super::state::true_stretches;
use super::whole::{Whole, whole};
use super::windows::Row;
use crate::plan::{Kind, Unit};
use crate::{Linear, Plan, SECOND, Time, Value};

/// A metric's value at one instant.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// No value.
    Absent,
    /// The value of a state.
    State(Value),
    /// The value of a number.
    Number(Number),
    /// A quotient, as its two sides, durations in nanoseconds (also for a number per second).
    /// Where the denominator is zero it has no value, but its sides still add up.
    Ratio {
        /// Above the line.
        numerator: Number,
        /// Below the line.
        denominator: Number,
    },
}

/// A metric's value when the session is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Final {
    /// Index into [`Plan::metrics`].
    pub metric: usize,
    /// The dimension values charged with it; empty without a split.
    pub dimensions: Dimensions,
    /// The value.
    pub value: Reading,
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
    pub dimensions: Dimensions,
    /// From when to when, and what it is; no end while open.
    pub span: Span<SpanValue>,
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

impl Piece for SpanValue {
    fn after(&self, dt: i128) -> Self {
        match self {
            SpanValue::Absent | SpanValue::State(_) => self.clone(),
            SpanValue::Number(x) => SpanValue::Number(Piece::after(x, dt)),
            SpanValue::Ratio { numerator, denominator } => {
                SpanValue::Ratio { numerator: Piece::after(numerator, dt), denominator: Piece::after(denominator, dt) }
            }
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
pub struct AlertSpan {
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
    State(Vec<Span<Option<Value>>>),
    /// A piecewise-linear function.
    Number(Vec<Span<Option<Linear>>>),
    /// A quotient, as its two sides.
    Ratio {
        /// Above the line.
        numerator: Vec<Span<Option<Linear>>>,
        /// Below the line.
        denominator: Vec<Span<Option<Linear>>>,
    },
    /// The shares of a split, in the order in which their dimensions came into force.
    Split(Vec<(Dimensions, Timeline)>),
}

/// The value of every metric when the session is read, by metric, then in the order in which dimensions came into force.
pub fn finals(plan: &Plan, session: &Session, horizon: Time) -> Vec<Final> {
    rows(plan, session, horizon).into_iter().map(|(own, _)| own).collect()
}

/// The same, each with its row.
pub(super) fn rows(plan: &Plan, session: &Session, horizon: Time) -> Vec<(Final, Row)> {
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
            (Reading::Number(x), Kind::Number(Unit::Area)) => {
                Reading::Number(Number::Float(x.as_float() / SECOND as f64))
            }
            (value, _) => value,
        };
        let Row { start, end, .. } = row;
        (Final { metric, value, dimensions, start, end, with }, row)
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
fn jump_at_the_end(values: &Piecewise<SpanValue>, extent: Extent) -> Option<Span<SpanValue>> {
    let Extent::UpTo(end) = extent else { return None };
    let value = values.at(end);
    let jumps = values.before(end).is_none_or(|before| before.level() != value.level());
    jumps.then_some(Span { start: end, end: Some(end), value })
}

/// The true spans of every alert, by alert, then by start.
pub fn alerts(plan: &Plan, session: &Session, horizon: Time) -> Vec<AlertSpan> {
    let (all, extent) = (whole(plan, session), run_to(session, horizon));
    let rows = plan.alerts.iter().enumerate().flat_map(|(alert, root)| match &all[root.root.index()] {
        Whole::State(state) => true_stretches(state)
            .into_iter()
            .flat_map(|(start, end)| extent.show(start, end))
            .map(|(start, end)| {
                let with = root.with.iter().map(|beside| state_of(read(&all[beside.of.index()], start)));
                AlertSpan { alert, start, end, with: with.collect() }
            })
            .collect(),
        _ => vec![],
    });
    rows.collect()
}

/// The timeline of every node, by node.
pub fn timelines(plan: &Plan, session: &Session, horizon: Time) -> Vec<Timeline> {
    let extent = Extent::Through(run_to(session, horizon).limit());
    whole(plan, session).into_iter().map(|timeline| shown(timeline, extent)).collect()
}

/// The value of a timeline at an instant. Events have none.
pub(super) fn read(timeline: &Whole, at: Time) -> Reading {
    match timeline {
        Whole::Events(_) | Whole::Split(_) => Reading::Absent,
        Whole::State(state) => state.at(at).map_or(Reading::Absent, Reading::State),
        Whole::Number(number) => number.at(at).map_or(Reading::Absent, |x| Reading::Number(x.into())),
        Whole::Ratio { numerator, denominator } => match (numerator.at(at), denominator.at(at)) {
            (Some(n), Some(d)) => Reading::Ratio { numerator: n.into(), denominator: d.into() },
            _ => Reading::Absent,
        },
    }
}

/// The value that a state was read to have.
fn state_of(reading: Reading) -> Option<Value> {
    match reading {
        Reading::State(value) => Some(value),
        Reading::Absent | Reading::Number(_) | Reading::Ratio { .. } => None,
    }
}

/// The value of a timeline just before an instant behind the session's first one.
pub(super) fn read_before(timeline: &Whole, at: Time) -> Reading {
    let number = |x: Option<Option<Linear>>| x.flatten().map(Number::from);
    match timeline {
        Whole::Events(_) | Whole::Split(_) => Reading::Absent,
        Whole::State(state) => state.before(at).flatten().map_or(Reading::Absent, Reading::State),
        Whole::Number(x) => number(x.before(at)).map_or(Reading::Absent, Reading::Number),
        Whole::Ratio { numerator, denominator } => {
            match (number(numerator.before(at)), number(denominator.before(at))) {
                (Some(numerator), Some(denominator)) => Reading::Ratio { numerator, denominator },
                _ => Reading::Absent,
            }
        }
    }
}

/// When finals, totals and spans are read.
pub(super) fn read_at(plan: &Plan, session: &Session, horizon: Time) -> Extent {
    match session.close {
        None => Extent::Through(horizon),
        Some(close) if close.reason == CloseReason::Silence && !plan.end.billed => Extent::UpTo(session.last),
        Some(close) => Extent::UpTo(close.at),
    }
}

/// How far timelines run, and alerts are told.
fn run_to(session: &Session, horizon: Time) -> Extent {
    session.close.map_or(Extent::Through(horizon), |close| Extent::UpTo(close.at))
}

/// A metric's timeline, or one share of it, as it is told.
struct Rooted {
    metric: usize,
    dimensions: Dimensions,
    row: Row,
    timeline: Whole,
}

/// The timelines of the metrics, with those dimensions that are in force at some instant up to the reading.
fn rooted(plan: &Plan, session: &Session, horizon: Time) -> Vec<Rooted> {
    let all = whole(plan, session);
    let row = Row::whole(plan, session, horizon);
    let rows = plan.metrics.iter().enumerate().flat_map(|(metric, own)| match &all[own.root.index()] {
        Whole::Split(shares) => shares
            .iter()
            .filter(|share| share.since <= row.at)
            .map(|share| Rooted {
                metric,
                dimensions: share.dimensions.clone(),
                row: share.window.map_or(row, |window| Row::of(plan, session, horizon, window)),
                timeline: share.timeline.clone(),
            })
            .filter(|rooted| !rooted.row.needs_jump || has_jumped(&read(&rooted.timeline, row.at)))
            .collect(),
        // Events have no value: they are counted, and nothing is shown of a session.
        Whole::Events(_) => vec![],
        other => vec![Rooted { metric, dimensions: vec![], row, timeline: other.clone() }],
    });
    rows.collect()
}

/// Whether what began at an instant has come to something there.
fn has_jumped(reading: &Reading) -> bool {
    match reading {
        Reading::Absent | Reading::State(_) => false,
        Reading::Number(x) => x.sign() != 0,
        Reading::Ratio { numerator, denominator } => numerator.sign() != 0 || denominator.sign() != 0,
    }
}

/// A metric's timeline as one function. Events have no value at any instant.
fn values(timeline: &Whole, origin: Time) -> Piecewise<SpanValue> {
    match timeline {
        Whole::Events(_) | Whole::Split(_) => Piecewise::constant(origin, SpanValue::Absent),
        Whole::State(state) => state.map(|value| value.map_or(SpanValue::Absent, SpanValue::State)),
        Whole::Number(number) => number.map(|x| x.map_or(SpanValue::Absent, SpanValue::Number)),
        Whole::Ratio { numerator, denominator } => numerator.with(denominator, |n, d| match (n, d) {
            (Some(numerator), Some(denominator)) => SpanValue::Ratio { numerator, denominator },
            _ => SpanValue::Absent,
        }),
    }
}

fn shown(timeline: Whole, extent: Extent) -> Timeline {
    match timeline {
        Whole::Events(events) => Timeline::Events(events),
        Whole::State(state) => Timeline::State(state.shown(extent)),
        Whole::Number(number) => Timeline::Number(number.shown(extent)),
        Whole::Ratio { numerator, denominator } => {
            Timeline::Ratio { numerator: numerator.shown(extent), denominator: denominator.shown(extent) }
        }
        Whole::Split(shares) => {
            let begun = shares.into_iter().filter(|share| share.since <= extent.limit());
            Timeline::Split(begun.map(|share| (share.dimensions, shown(share.timeline, extent))).collect())
        }
    }
}
