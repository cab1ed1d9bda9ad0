//! Rows of aggregated metrics: `metric, groups..., functions..., closed`, the last one of windows of the clock.

use super::{Cell, Kind, TableBuilder, dimension_column, value_cells, value_columns};
use crate::totals::part::window_key;
use crate::totals::{Amount, Totals};
use arrow::array::RecordBatch;
use timeline_core::plan::{Function, Plan};

/// The totals of some plans: the union of all group columns and of all functions, null where a metric has no such column.
pub fn totals(answers: &[(&Plan, &Totals)]) -> RecordBatch {
    let mut groups: Vec<String> = vec![];
    let mut functions: Vec<Function> = vec![];
    let aggregates = answers.iter().flat_map(|(plan, _)| plan.metrics.iter().filter_map(|m| m.aggregate.as_ref()));
    for aggregate in aggregates {
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
    let columns = std::iter::once(("metric".to_owned(), Kind::Text));
    let columns = columns.chain(groups.iter().map(|name| (dimension_column(name), Kind::Text)));
    let function_columns = functions.iter().flat_map(|function| match function {
        Function::Count => vec![(function.name(), Kind::Int)],
        Function::Distinct { .. } => {
            let error = function.error_name().map(|name| (name, Kind::Float));
            std::iter::once((function.name(), Kind::Int)).chain(error).collect()
        }
        _ => value_columns(&function.name()).to_vec(),
    });
    // Of windows it is said whether they are over.
    let is_windowed = |(plan, _): &(&Plan, &Totals)| (0..plan.metrics.len()).any(|i| window_key(plan, i).is_some());
    let has_windows = answers.iter().any(is_windowed);
    let closed = has_windows.then(|| ("closed".to_owned(), Kind::Bool));
    let mut table = TableBuilder::new(columns.chain(function_columns).chain(closed));
    for (plan, totals) in answers {
        for row in totals.rows(plan) {
            let metric = &plan.metrics[row.metric];
            let Some(aggregate) = &metric.aggregate else { continue };
            let group = |name: &String| {
                let i = aggregate.group_by.iter().position(|group| group.name == *name);
                i.map_or(Cell::Null, |i| row.group[i].clone().into())
            };
            let result = |function: &Function| {
                let i = aggregate.functions.iter().position(|own| own.name() == function.name());
                let amount = i.map_or(Amount::Absent, |i| row.values[i].clone());
                match (function, amount) {
                    (Function::Count, Amount::Int(count)) => vec![Cell::Int(count as i64)],
                    (Function::Count, _) => vec![Cell::Null],
                    (Function::Distinct { .. }, amount) => {
                        let error = i.and_then(|i| row.errors[i]).map_or(Cell::Null, Cell::Float);
                        let count = if let Amount::Int(count) = amount { Cell::Int(count as i64) } else { Cell::Null };
                        vec![count, error]
                    }
                    (_, amount) => value_cells(&amount).to_vec(),
                }
            };
            let cells = std::iter::once(Cell::Text(metric.name.clone())).chain(groups.iter().map(group));
            let closed = has_windows.then(|| row.closed.map_or(Cell::Null, Cell::Bool));
            table.push(cells.chain(functions.iter().flat_map(result)).chain(closed));
        }
    }
    table.finish()
}
