//! Rows of aggregated metrics: `metric, groups..., functions..., closed`, the last one of windows of the clock.

use super::{ColumnKind, RowCell, TableBuilder, dimension_column, value_cells, value_columns};
use crate::totals::part::{PartialTotal, texts_of_part, window_key, window_of};
use crate::totals::{Amount, MetricTotals, TotalRow};
use arrow::array::RecordBatch;
use timeline_core::Time;
use timeline_core::plan::{AggregateFunction, Plan};

/// What groups of windows came to that are over; no table that can be asked for, but what `totals` are made of.
pub const PARTS: &str = "parts";

/// The columns of the totals of some plans: the union of all group columns and of all functions.
struct TotalsColumns {
    groups: Vec<String>,
    functions: Vec<AggregateFunction>,
    /// Of windows it is said whether they are over.
    has_windows: bool,
}

impl TotalsColumns {
    fn of<'a>(plans: impl Iterator<Item = &'a Plan> + Clone) -> TotalsColumns {
        let mut groups: Vec<String> = vec![];
        let mut functions: Vec<AggregateFunction> = vec![];
        for aggregate in plans.clone().flat_map(|plan| plan.metrics.iter().filter_map(|m| m.aggregate.as_ref())) {
            for group in &aggregate.group_by {
                if !groups.contains(&group.name) {
                    groups.push(group.name.clone());
                }
            }
            for function in &aggregate.functions {
                if functions.iter().all(|known| known.name() != function.name()) {
                    functions.push(function.clone());
                }
            }
        }
        let is_windowed = |plan: &Plan| (0..plan.metrics.len()).any(|i| window_key(plan, i).is_some());
        TotalsColumns { groups, functions, has_windows: plans.into_iter().any(is_windowed) }
    }

    fn kinds(&self) -> Vec<(String, ColumnKind)> {
        let columns = std::iter::once(("metric".to_owned(), ColumnKind::Text));
        let columns = columns.chain(self.groups.iter().map(|name| (dimension_column(name), ColumnKind::Text)));
        let functions = self.functions.iter().flat_map(|function| match function {
            AggregateFunction::Count => vec![(function.name(), ColumnKind::Int)],
            AggregateFunction::Distinct { .. } => {
                let error = function.error_name().map(|name| (name, ColumnKind::Float));
                std::iter::once((function.name(), ColumnKind::Int)).chain(error).collect()
            }
            _ => value_columns(&function.name()).to_vec(),
        });
        let closed = self.has_windows.then(|| ("closed".to_owned(), ColumnKind::Bool));
        columns.chain(functions).chain(closed).collect()
    }

    /// The cells of a group, null where its metric has no such column.
    fn cells(&self, plan: &Plan, row: &TotalRow) -> Vec<RowCell> {
        let metric = &plan.metrics[row.metric];
        let aggregate = metric.aggregate.as_ref();
        let group = |name: &String| {
            let i = aggregate.and_then(|aggregate| aggregate.group_by.iter().position(|group| group.name == *name));
            i.map_or(RowCell::Null, |i| row.group[i].clone().into())
        };
        let result = |function: &AggregateFunction| {
            let own = |own: &AggregateFunction| own.name() == function.name();
            let i = aggregate.and_then(|aggregate| aggregate.functions.iter().position(own));
            let amount = i.map_or(Amount::Absent, |i| row.values[i].clone());
            match (function, amount) {
                (AggregateFunction::Count, Amount::Int(count)) => vec![RowCell::Int(count as i64)],
                (AggregateFunction::Count, _) => vec![RowCell::Null],
                (AggregateFunction::Distinct { .. }, amount) => {
                    let error = i.and_then(|i| row.errors[i]).map_or(RowCell::Null, RowCell::Float);
                    let count =
                        if let Amount::Int(count) = amount { RowCell::Int(count as i64) } else { RowCell::Null };
                    vec![count, error]
                }
                (_, amount) => value_cells(&amount).to_vec(),
            }
        };
        let cells = std::iter::once(RowCell::Text(metric.name.clone())).chain(self.groups.iter().map(group));
        let closed = self.has_windows.then(|| row.closed.map_or(RowCell::Null, RowCell::Bool));
        cells.chain(self.functions.iter().flat_map(result)).chain(closed).collect()
    }
}

/// The totals of some plans: the union of all group columns and of all functions, null where a metric has no such column.
pub fn totals(answers: &[(&Plan, &MetricTotals)]) -> RecordBatch {
    let columns = TotalsColumns::of(answers.iter().map(|(plan, _)| *plan));
    let mut table = TableBuilder::new(columns.kinds());
    for (plan, totals) in answers {
        totals.rows(plan).iter().for_each(|row| table.push(columns.cells(plan, row)));
    }
    table.finish()
}

/// What groups of windows have come to that are over, a row each, with the window's `start` and `end`, and what they add up
/// by in `part_group` and `part`.
///
/// The rows of a group add up: `count` and sums by adding, least and greatest by taking these; what does not add up, such as
/// averages and percentiles, is that of the part alone.
pub(crate) fn parts(plan: &Plan, parts: &[PartialTotal]) -> RecordBatch {
    let columns = TotalsColumns::of(std::iter::once(plan));
    let own = [
        ("start", ColumnKind::Time),
        ("end", ColumnKind::Time),
        ("part_group", ColumnKind::Text),
        ("part", ColumnKind::Text),
    ];
    let own = own.map(|(name, kind)| (name.to_owned(), kind));
    let kinds = columns.kinds();
    let width = kinds.len();
    let mut table = TableBuilder::new(kinds.into_iter().chain(own));
    for part in parts {
        let mut alone = MetricTotals::new(plan);
        alone.add_parts(plan, [part.clone()]);
        let mut cells = match alone.rows(plan).first() {
            Some(row) => columns.cells(plan, row),
            None => std::iter::once(RowCell::Text(part.metric.clone()))
                .chain(std::iter::repeat(RowCell::Null))
                .take(width)
                .collect(),
        };
        let window = window(plan, part);
        if columns.has_windows && window.is_some() {
            cells[width - 1] = RowCell::Bool(true);
        }
        let window =
            window.map_or([RowCell::Null, RowCell::Null], |(from, to)| [RowCell::Time(from), RowCell::Time(to)]);
        table.push(cells.into_iter().chain(window).chain(texts_of_part(part).map(RowCell::Text)));
    }
    table.finish()
}

/// From when to when the window of a part is.
fn window(plan: &Plan, part: &PartialTotal) -> Option<(Time, Time)> {
    let metric = plan.metrics.iter().position(|metric| metric.name == part.metric)?;
    window_of(plan, metric, part.group[window_key(plan, metric)?].as_ref())
}
