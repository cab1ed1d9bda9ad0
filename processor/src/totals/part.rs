//! What groups of windows that are over have come to, out of memory: parts that history keeps, and that add up. So does what
//! else would grow for ever, the changes of how many sessions are counted at once.
//!
//! A group of a window of the clock gets no further value when the window is over for every session of the partition. From
//! then on its part lies in history, and an answer adds it to those of other partitions, and to whatever else there is of it.

use super::{Accumulator, GroupValues, MetricTotals, ValueImage};
use arrow::array::{Array, RecordBatch, StringArray};
use std::collections::BTreeSet;
use timeline_core::plan::{GroupOf, Plan};
use timeline_core::{Time, Value};

/// So many changes of a count are kept in memory, and in each checkpoint.
const CHANGES_MAX: usize = 1_000;

/// What a group has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialTotal {
    /// The metric's name.
    pub metric: String,
    /// The group.
    pub group: GroupValues,
    /// What was folded.
    pub folded: Accumulator,
}

/// Why rows are no parts.
#[derive(Debug, thiserror::Error)]
#[error("a part of a total cannot be read: {0}")]
pub(crate) struct BadPartialTotal(String);

/// The place of the window among the columns that a metric's totals are grouped by, if they are.
pub(crate) fn window_key(plan: &Plan, metric: usize) -> Option<usize> {
    let own = &plan.metrics[metric];
    if let Some((key, _)) = own.windows_of_events() {
        return Some(key);
    }
    let (clock, _) = plan.windows_of(own.root)?;
    own.aggregate.as_ref()?.group_by.iter().position(|key| key.of == GroupOf::Dimension(clock))
}

/// The window of a value of such a column.
pub(crate) fn window_of(plan: &Plan, metric: usize, value: Option<&Value>) -> Option<(Time, Time)> {
    if let Some((_, every)) = plan.metrics[metric].windows_of_events() {
        return every.of_name(value?);
    }
    let (_, node) = plan.windows_of(plan.metrics[metric].root)?;
    plan.node(node).op.window_of_dimension(value?)
}

impl MetricTotals {
    /// Takes out the groups of windows that end at or before an instant.
    pub fn take_ended(&mut self, plan: &Plan, until: Time) -> Vec<PartialTotal> {
        let mut parts = vec![];
        for (metric, groups) in self.metrics.iter_mut().enumerate() {
            let Some(key) = window_key(plan, metric) else { continue };
            let ended =
                |group: &GroupValues| window_of(plan, metric, group[key].as_ref()).is_some_and(|(_, end)| end <= until);
            let name = &plan.metrics[metric].name;
            let taken = groups.extract_if(.., |group, _| ended(group));
            parts.extend(taken.map(|(group, folded)| PartialTotal { metric: name.clone(), group, folded }));
        }
        parts
    }

    /// Takes out what has become much of the groups of no window: changes of how many sessions are counted at once.
    pub fn take_changes(&mut self, plan: &Plan) -> Vec<PartialTotal> {
        let mut parts = vec![];
        for (groups, metric) in self.metrics.iter_mut().zip(&plan.metrics) {
            let part = |(group, folded): (&GroupValues, &mut Accumulator)| {
                let folded = folded.take_changes(CHANGES_MAX)?;
                Some(PartialTotal { metric: metric.name.clone(), group: group.clone(), folded })
            };
            parts.extend(groups.iter_mut().filter_map(part));
        }
        parts
    }

    /// Adds parts; those of metrics that the plan does not have are left out.
    pub fn add_parts(&mut self, plan: &Plan, parts: impl IntoIterator<Item = PartialTotal>) {
        parts.into_iter().for_each(|part| self.add_part(plan, &part));
    }

    /// Adds a part, unless it is of a metric that the plan does not have.
    pub(crate) fn add_part(&mut self, plan: &Plan, part: &PartialTotal) {
        let Some(metric) = plan.metrics.iter().position(|metric| metric.name == part.metric) else { return };
        match self.metrics[metric].get_mut(&part.group) {
            Some(known) => known.merge(&part.folded),
            None => _ = self.metrics[metric].insert(part.group.clone(), part.folded.clone()),
        }
    }
}

/// The group and what was folded, as JSON.
pub(crate) fn texts_of_part(part: &PartialTotal) -> [String; 2] {
    let group: Vec<Option<ValueImage>> = part.group.iter().map(|value| value.as_ref().map(Into::into)).collect();
    let json = |text: serde_json::Result<String>| text.expect("plain data");
    [json(serde_json::to_string(&group)), json(serde_json::to_string(&part.folded))]
}

/// The parts of a table of [`crate::rows::parts`]; that of before had `group` for `part_group`.
pub(crate) fn of_table(batch: &RecordBatch) -> Result<Vec<PartialTotal>, BadPartialTotal> {
    let text = |name: &str| -> Result<&StringArray, BadPartialTotal> {
        let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
        column.ok_or_else(|| BadPartialTotal(format!("there is no column {name}")))
    };
    let bad = |error: serde_json::Error| BadPartialTotal(error.to_string());
    let groups = text("part_group").or_else(|_| text("group"))?;
    let (metrics, parts) = (text("metric")?, text("part")?);
    let part = |i: usize| {
        let group: Vec<Option<ValueImage>> = serde_json::from_str(groups.value(i)).map_err(bad)?;
        Ok(PartialTotal {
            metric: metrics.value(i).to_owned(),
            group: group.into_iter().map(|value| value.map(Into::into)).collect(),
            folded: serde_json::from_str(parts.value(i)).map_err(bad)?,
        })
    };
    (0..batch.num_rows()).map(part).collect()
}

impl MetricTotals {
    /// Windows of which some session has a row that is not final, by the metrics' names.
    pub(crate) fn open_windows(&self, plan: &Plan) -> Vec<(String, Vec<Option<ValueImage>>)> {
        let named = plan.metrics.iter().zip(&self.open).filter(|(_, open)| !open.is_empty());
        let image = |value: &Option<Value>| value.as_ref().map(Into::into);
        named.map(|(metric, open)| (metric.name.clone(), open.iter().map(image).collect())).collect()
    }

    /// Takes note of such windows.
    pub(crate) fn note_open(&mut self, plan: &Plan, all: Vec<(String, Vec<Option<ValueImage>>)>) {
        for (name, open) in all {
            if let Some(metric) = plan.metrics.iter().position(|metric| metric.name == name) {
                self.open[metric].extend(open.into_iter().map(|value| value.map(Into::into)));
            }
        }
    }
}

/// Windows of which some session has a row that is not final, for each metric.
pub(super) type OpenWindows = Vec<BTreeSet<Option<Value>>>;

#[cfg(test)]
mod tests {
    use super::of_table;
    use crate::records::SessionSnapshot;
    use crate::totals::MetricTotals;
    use arrow::array::AsArray;
    use arrow::datatypes::TimestampNanosecondType;
    use timeline_core::incremental::{Share, TimelineValue};
    use timeline_core::plan::Plan;
    use timeline_core::{Linear, SECOND, Time, Value};

    const MINUTE: Time = 60 * SECOND;

    fn plan() -> Plan {
        let text = "source s { key k  time t in s  b: bool }\n\
                    metric m = duration_where(latest(b)) every 1m | aggregate(group_by(every), count, sum)";
        let compilation = timeline_dsl::compile(&[timeline_dsl::ProgramText {
            name: "p.tl".into(),
            text: text.into(),
            ..timeline_dsl::ProgramText::default()
        }]);
        compilation.plans[0].clone()
    }

    fn window(minute: Time, seconds: Time, is_over: bool) -> SessionSnapshot {
        let (begin, end) = (minute * MINUTE, (minute + 1) * MINUTE);
        let dimensions = vec![Some(Value::text(&format!("1970-01-01T00:{minute:02}:00Z")))].into();
        let reading = TimelineValue::Number(Linear::exact(i128::from(seconds * SECOND)));
        SessionSnapshot {
            key: "k".into(),
            start: begin,
            end: is_over.then_some(end),
            read: end,
            shares: vec![vec![Share { dimensions, reading }]],
            groups: vec![vec![None]],
            turns: vec![vec![]],
            open_alerts: vec![],
            partial: false,
            forgotten: 0,
            window: Some((begin, end)),
            provisional: false,
        }
    }

    #[test]
    fn parts_come_back_as_they_were_and_add_up() {
        let plan = plan();
        let mut all = MetricTotals::new(&plan);
        (0..5).for_each(|minute| all.add(&plan, &window(minute, minute, true)));
        let whole = all.rows(&plan);
        let parts = all.take_ended(&plan, 3 * MINUTE);
        assert_eq!((parts.len(), all.rows(&plan).len()), (3, 2));
        let table = crate::rows::parts(&plan, &parts);
        let times = ["start", "end"].map(|name| table.column_by_name(name).expect("a column").clone());
        let times = times.map(|times| times.as_primitive::<TimestampNanosecondType>().value(2));
        assert_eq!(times, [2 * MINUTE, 3 * MINUTE], "of its window");
        let read = of_table(&table).expect("what was written is read");
        assert_eq!(read, parts);
        all.add_parts(&plan, read.clone());
        assert_eq!(all.rows(&plan), whole);
        all.add_parts(&plan, read);
        assert_eq!(all.rows(&plan)[2].values[0], crate::totals::Amount::Int(2), "of two partitions");
    }

    #[test]
    fn a_window_is_closed_when_all_are_beyond_it_and_none_of_it_is_open() {
        let plan = plan();
        let mut all = MetricTotals::new(&plan);
        all.add(&plan, &window(0, 1, true));
        all.add(&plan, &window(1, 1, false));
        let closed = |all: &MetricTotals| all.rows(&plan).iter().map(|row| row.closed).collect::<Vec<_>>();
        assert_eq!(closed(&all), [Some(false); 2], "nobody knows how far the log is");
        all.set_horizon(Some(2 * MINUTE), 2 * MINUTE);
        assert_eq!(closed(&all), [Some(true), Some(false)], "silence may still end the session in it");
        all.set_horizon(Some(2 * MINUTE), MINUTE - 1);
        assert_eq!(closed(&all), [Some(false); 2]);
    }
}
