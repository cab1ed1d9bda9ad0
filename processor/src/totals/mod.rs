//! Aggregates across sessions: what a group's sessions come to.
//!
//! Closed sessions are folded in once and kept as a few numbers per group; live ones are read when somebody asks
//! (a copy of the row, advanced to the horizon: about as long as one event takes) and folded into a copy.
//! So an answer is exact at any instant, and the path of an event does nothing for it.
//! The alternative, keeping `(value, slope)` sums per group up to date at each change of slope, was left:
//! it costs every event what now only a question costs.
//!
//! **Invariant:** folding is commutative and associative to the bit: sums of durations are 128-bit integers, sums of floats
//! exact. No order of lanes, partitions or restarts changes an answer.

mod accumulator;
mod amount;
mod concurrency;
mod distinct;
mod exact_sum;
mod fold;
pub(crate) mod part;
mod quantiles;
mod wide;

pub use accumulator::Accumulator;
pub use amount::{Amount, FoldedNumber};
pub use concurrency::Concurrency;
pub use distinct::Distinct;
pub use exact_sum::ExactSum;
pub use fold::SessionFold;
pub use part::PartialTotal;
pub use quantiles::Quantiles;

use crate::records::SessionSnapshot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timeline_core::incremental::{ConcurrencyTurns, Dimensions, Match, Share};
use timeline_core::plan::{AggregateFunction, GroupOf, Plan};
use timeline_core::{Time, Value};

/// The values of the group columns, absent ones as `None`; groups sort absent first, then by bytes.
pub type GroupValues = Dimensions;

/// For each metric of a plan its groups. Metrics that are not aggregated have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricTotals {
    metrics: Vec<BTreeMap<GroupValues, Accumulator>>,
    /// Windows of which some row is not final.
    open: part::OpenWindows,
    /// What is before it is over in every partition that counts; none where that is not known.
    horizon: Option<Time>,
    /// What is before it changes no more in any of them.
    certain: Time,
}

/// From when to when a session, or a window of one, was read.
#[derive(Clone, Copy, Debug)]
struct SessionStretch {
    start: Time,
    /// If it is over.
    end: Option<Time>,
    read: Time,
    window: Option<(Time, Time)>,
}

/// One row of an aggregated metric.
#[derive(Clone, Debug, PartialEq)]
pub struct TotalRow {
    /// Index of the metric in the plan.
    pub metric: usize,
    /// Its group.
    pub group: GroupValues,
    /// The results, in the order of the metric's functions.
    pub values: Vec<Amount>,
    /// For each of these the relative error, if it has a column of its own; 0 where it is exact.
    pub errors: Vec<Option<f64>>,
    /// The relative error of percentiles, if they are not exact.
    pub percentile_error: Option<f64>,
    /// Of a group of a window of the clock whether no value of it comes or changes any more.
    pub closed: Option<bool>,
}

impl MetricTotals {
    /// No sessions.
    pub fn new(plan: &Plan) -> Self {
        let count = plan.metrics.len();
        MetricTotals {
            metrics: vec![BTreeMap::new(); count],
            open: vec![Default::default(); count],
            horizon: None,
            certain: Time::MIN,
        }
    }

    /// Says how far every partition is whose totals these are, and before which instant nothing changes any more.
    pub fn set_horizon(&mut self, horizon: Option<Time>, certain: Time) {
        self.horizon = horizon;
        self.certain = certain;
    }

    /// Folds a session in, for those metrics whose aggregates count it.
    pub fn add(&mut self, plan: &Plan, session: &SessionSnapshot) {
        let stretch =
            SessionStretch { start: session.start, end: session.end, read: session.read, window: session.window };
        for metric in 0..plan.metrics.len() {
            let turns = session.turns.get(metric).map_or(&[][..], Vec::as_slice);
            self.add_metric(plan, metric, stretch, (&session.shares[metric], &session.groups[metric], turns));
        }
    }

    /// Folds in what a metric says of a session: its shares, what is read beside them, and the turns of each share.
    fn add_metric(
        &mut self,
        plan: &Plan,
        metric: usize,
        session: SessionStretch,
        (shares, groups, turns): (&[Share], &[Option<Value>], &[ConcurrencyTurns]),
    ) {
        let Some(aggregate) = &plan.metrics[metric].aggregate else { return };
        let (root, is_closed) = (plan.metrics[metric].root, session.end.is_some());
        if session.window.is_some()
            && !is_closed
            && let Some((clock, _)) = plan.windows_of(root)
        {
            self.open[metric].extend(shares.iter().map(|share| share.dimensions[clock].clone()));
        }
        if !aggregate.counts(is_closed) {
            return;
        }
        let wants_percentiles = aggregate.wants_percentiles();
        let unit = plan.value_kind(root);
        for (share, Share { dimensions, reading }) in shares.iter().enumerate() {
            let amount = Amount::of(reading, unit);
            if amount == Amount::Absent {
                continue;
            }
            // Where nothing beside is a state, nothing was read.
            let state = |k: usize| groups.get(k).cloned().flatten();
            let group = aggregate.group_by.iter().enumerate().map(|(k, key)| match key.of {
                GroupOf::Dimension(d) => dimensions[d].clone(),
                GroupOf::State(_) | GroupOf::Window(_) => state(k),
            });
            let accumulator = self.metrics[metric].entry(group.collect()).or_default();
            accumulator.add(&amount, wants_percentiles);
            let keys = aggregate.group_by.len();
            let apart = groups.get(keys..keys + aggregate.distinct().count()).unwrap_or_default();
            accumulator.tell_apart(&amount, apart);
            if let Some(turns) = turns.get(share) {
                // What is true at the end of a window goes on in the next.
                let (from, is_over) = match session.window {
                    None => (session.start, is_closed),
                    Some((begin, end)) => (begin, is_closed && session.end != Some(end)),
                };
                let count = Concurrency::new(from, session.read, turns, is_over);
                accumulator.count_at_once(&match session.window {
                    None => count,
                    Some((_, end)) => count.of_window(end),
                });
            }
        }
    }

    /// Folds in what sessions told: those that ended, and what metrics of events have counted in any of them.
    pub fn add_told(&mut self, plan: &Plan, closed: &[SessionSnapshot], counted: Option<&MetricTotals>) {
        closed.iter().for_each(|session| self.add(plan, session));
        counted.into_iter().for_each(|counted| self.merge(counted));
    }

    /// Folds in an event that a metric counts.
    pub fn count(&mut self, plan: &Plan, event: Match) {
        let metric = &plan.metrics[event.metric];
        let Some(aggregate) = &metric.aggregate else { return };
        let amount = Amount::of(&event.reading, plan.value_kind(metric.root));
        let mut group = event.group;
        let apart = group.split_off(aggregate.group_by.len().min(group.len()));
        let accumulator = self.metrics[event.metric].entry(group.into()).or_default();
        accumulator.add(&amount, aggregate.wants_percentiles());
        accumulator.tell_apart(&amount, &apart);
    }

    /// Folds other totals of the same plan in.
    pub fn merge(&mut self, other: &MetricTotals) {
        for (mine, theirs) in self.metrics.iter_mut().zip(&other.metrics) {
            for (group, accumulator) in theirs {
                mine.entry(group.clone()).or_default().merge(accumulator);
            }
        }
        for (mine, theirs) in self.open.iter_mut().zip(&other.open) {
            mine.extend(theirs.iter().cloned());
        }
    }

    /// Leaves out the metrics whose names are not wanted.
    pub(crate) fn only(&mut self, plan: &Plan, wanted: impl Fn(&str) -> bool) {
        let unwanted = self.metrics.iter_mut().zip(&plan.metrics).filter(|(_, metric)| !wanted(&metric.name));
        unwanted.for_each(|(groups, _)| groups.clear());
    }

    /// One row for every group in which something counts, by metric, then by group.
    pub fn rows(&self, plan: &Plan) -> Vec<TotalRow> {
        let mut rows = vec![];
        for (metric, groups) in self.metrics.iter().enumerate() {
            let Some(aggregate) = &plan.metrics[metric].aggregate else { continue };
            let key = part::window_key(plan, metric);
            for (group, accumulator) in groups.iter().filter(|(_, accumulator)| accumulator.count() > 0) {
                let mut places = 0..;
                let result = |function: &AggregateFunction| match function {
                    AggregateFunction::Distinct { .. } => {
                        let (count, error) = accumulator.distinct(places.next().unwrap_or_default());
                        (count, Some(error))
                    }
                    function => (accumulator.result(function, self.horizon), None),
                };
                let (values, errors) = aggregate.functions.iter().map(result).unzip();
                let percentile_error = accumulator.percentile_error();
                let closed = key.map(|key| {
                    let end = part::window_of(plan, metric, group[key].as_ref()).map(|(_, end)| end);
                    let is_beyond = end.is_some_and(|end| end <= self.certain);
                    is_beyond && !self.open[metric].contains(&group[key])
                });
                rows.push(TotalRow { metric, group: group.clone(), values, errors, percentile_error, closed });
            }
        }
        rows
    }

    /// In a form that can be stored: by the name of the metric.
    pub fn to_image(&self, plan: &Plan) -> TotalsImage {
        let metric = |(i, groups): (usize, &BTreeMap<GroupValues, Accumulator>)| {
            let groups =
                groups.iter().map(|(group, a)| (group.iter().map(|v| v.as_ref().map(Into::into)).collect(), a.clone()));
            (plan.metrics[i].name.clone(), groups.collect())
        };
        TotalsImage(self.metrics.iter().enumerate().filter(|(_, groups)| !groups.is_empty()).map(metric).collect())
    }

    /// The inverse of [`MetricTotals::to_image`]; metrics that the plan does not have are left out.
    pub fn from_image(plan: &Plan, image: TotalsImage) -> Self {
        let mut totals = MetricTotals::new(plan);
        for (name, groups) in image.0 {
            if let Some(i) = plan.metrics.iter().position(|metric| metric.name == name) {
                let groups =
                    groups.into_iter().map(|(group, a)| (group.into_iter().map(|v| v.map(Into::into)).collect(), a));
                totals.metrics[i] = groups.collect();
            }
        }
        totals
    }
}

/// Totals as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TotalsImage(Vec<(String, Vec<GroupImage>)>);

/// A group as it is stored.
type GroupImage = (Vec<Option<ValueImage>>, Accumulator);

/// A value as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ValueImage {
    Str(String),
    /// The bits, for JSON numbers need not keep them.
    Float(u64),
    Int(i64),
    Bool(bool),
}

impl From<&Value> for ValueImage {
    fn from(value: &Value) -> Self {
        match value {
            Value::Str(s) => ValueImage::Str(s.to_string()),
            Value::Float(x) => ValueImage::Float(x.to_bits()),
            Value::Int(x) => ValueImage::Int(*x),
            Value::Bool(x) => ValueImage::Bool(*x),
        }
    }
}

impl From<ValueImage> for Value {
    fn from(image: ValueImage) -> Self {
        match image {
            ValueImage::Str(s) => Value::text(&s),
            ValueImage::Float(bits) => Value::Float(f64::from_bits(bits)),
            ValueImage::Int(x) => Value::Int(x),
            ValueImage::Bool(x) => Value::Bool(x),
        }
    }
}
