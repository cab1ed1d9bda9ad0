//! Metrics of events: what they count is told in the pass in which it happens, with the group of its instant.
//!
//! A session keeps nothing of it. So what was told stays told, whatever ends the session later, as spans of alerts do.

use super::compile::CompiledPlan;
use super::derived::PassEvents;
use super::effect::matches;
use super::row::ABSENT;
use super::value_of;
use super::view::{SessionView, TimelineValue};
use crate::plan::{GroupOf, NodeId, Plan, TimelineKind};
use crate::{Linear, Time, Type, Value};

/// An event that a metric counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The number of the metric.
    pub metric: usize,
    /// The values of its group columns at the event's instant, and those that are told apart.
    pub group: Vec<Option<Value>>,
    /// What it carries.
    pub reading: TimelineValue,
}

/// A metric of events.
#[derive(Clone, Debug)]
pub(crate) struct CountedMetric {
    metric: usize,
    root: NodeId,
    ty: Type,
    is_duration: bool,
    beside: Vec<GroupOf>,
}

/// Those of a plan.
pub(crate) fn counted(plan: &Plan) -> Vec<CountedMetric> {
    let counted = |(metric, own): (usize, &crate::plan::Metric)| match plan.node(own.root).kind {
        TimelineKind::Event(ty) => Some(CountedMetric {
            metric,
            root: own.root,
            ty,
            is_duration: plan.carries_durations(own.root),
            beside: own.aggregate.iter().flat_map(|aggregate| aggregate.beside()).collect(),
        }),
        TimelineKind::State(_) | TimelineKind::Number(_) | TimelineKind::Ratio(_) => None,
    };
    plan.metrics.iter().enumerate().filter_map(counted).collect()
}

impl CountedMetric {
    /// Tells what has happened in the pass that the view is of.
    pub(super) fn tell(
        &self,
        view: &SessionView<'_>,
        pass_events: &PassEvents,
        dirty: &[bool],
        evaluation: &mut Vec<Match>,
    ) {
        let node = self.root.index();
        if !pass_events.any(dirty, node) {
            return;
        }
        let group: Vec<Option<Value>> = self.beside.iter().map(|of| group(view, of)).collect();
        let reading = |word: u64| match value_of(word, self.ty, view.dictionary)? {
            Value::Int(ns) if self.is_duration => Some(TimelineValue::Number(Linear::exact(i128::from(ns)))),
            value => Some(TimelineValue::State(value)),
        };
        let counts = |(_, word): &(u64, u64)| *word != ABSENT && matches(*word, self.ty == Type::Bool);
        let readings = pass_events.events(node).filter(counts).filter_map(|(_, word)| reading(word));
        evaluation.extend(readings.map(|reading| Match { metric: self.metric, group: group.clone(), reading }));
    }
}

fn group(view: &SessionView<'_>, of: &GroupOf) -> Option<Value> {
    match of {
        GroupOf::State(id) => view.state(*id),
        GroupOf::Window(every) => Some(every.name(every.around(view.now()).0)),
        // Events are not split.
        GroupOf::Dimension(_) => None,
    }
}

/// The ends of windows by which metrics of events are grouped, next to an instant: the last one at or before it, and the
/// first one behind it.
pub(super) fn ends(compiled: &CompiledPlan, at: Time) -> Option<(Time, Time)> {
    let metrics = compiled.counted.iter().map(|counted| &compiled.plan.metrics[counted.metric]);
    let ends = metrics.filter_map(|metric| metric.windows_of_events()).map(|(_, every)| every.around(at));
    ends.reduce(|(begin, end), (other_begin, other_end)| (begin.max(other_begin), end.min(other_end)))
}
