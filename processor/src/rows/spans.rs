//! Rows of spans: `session, metric, dimensions..., start, end, value..., slope...`.
//!
//! A ratio has no piecewise-linear value; where the program has one, `numerator`, `denominator` and their slopes
//! stand beside a null value. Slopes are per second.

use super::{
    ColumnKind, RowCell, TableBuilder, dimension_column, dimension_names, number_cells, number_columns,
    push_dimensions, value_cells, value_columns,
};
use crate::records::RecordedSpan;
use crate::totals::{Amount, FoldedNumber};
use arrow::array::RecordBatch;
use timeline_core::Linear;
use timeline_core::incremental::TimelineValue;
use timeline_core::plan::{self, Op, Plan, Unit};

/// The spans of metrics, in order.
pub fn spans(answers: &[(&Plan, &[RecordedSpan])]) -> RecordBatch {
    let plans = || answers.iter().map(|(plan, _)| *plan);
    let names = dimension_names(plans());
    let has_ratio =
        plans().any(|plan| plan.metrics.iter().any(|m| matches!(plan.node(m.root).kind, plan::TimelineKind::Ratio(_))));
    let text = |name: &str| (name.to_owned(), ColumnKind::Text);
    let columns =
        [text("session"), text("metric")].into_iter().chain(names.iter().map(|name| text(&dimension_column(name))));
    let columns = columns.chain([("start".to_owned(), ColumnKind::Time), ("end".to_owned(), ColumnKind::Time)]);
    let columns = columns.chain(value_columns("value")).chain(number_columns("slope"));
    let sides = ["numerator", "numerator_slope", "denominator", "denominator_slope"];
    let sides = sides.into_iter().filter(|_| has_ratio).flat_map(number_columns);
    let mut table = TableBuilder::new(columns.chain(sides));
    for (plan, spans) in answers {
        let mut spans: Vec<&RecordedSpan> = spans.iter().collect();
        spans.sort_by(|a, b| {
            let key = |span: &RecordedSpan| span.root;
            key(a)
                .cmp(&key(b))
                .then_with(|| a.key.cmp(&b.key))
                .then_with(|| a.dimensions.cmp(&b.dimensions))
                .then(a.start.cmp(&b.start))
        });
        for span in spans {
            let metric = &plan.metrics[span.root];
            table.text(&span.key);
            table.text(&metric.name);
            push_dimensions(&mut table, &names, &metric.dimensions, &span.dimensions);
            let times = [RowCell::Time(span.start), span.end.map_or(RowCell::Null, RowCell::Time)];
            let sides = sides_of(plan, metric.root, &span.reading).into_iter().filter(|_| has_ratio);
            let cells = times.into_iter().chain(value_and_slope(plan, metric.root, &span.reading)).chain(sides);
            cells.for_each(|cell| table.cell(cell));
        }
    }
    table.finish()
}

fn value_and_slope(plan: &Plan, root: plan::NodeId, reading: &TimelineValue) -> Vec<RowCell> {
    let kind = plan.node(root).kind;
    let (amount, slope) = match reading {
        TimelineValue::Ratio { .. } => (Amount::Absent, None),
        // An instant stands still, and has no number that would.
        TimelineValue::Number(_) if kind == plan::TimelineKind::Number(Unit::Instant) => {
            (Amount::of(reading, kind), None)
        }
        TimelineValue::Number(x) => (Amount::of(reading, kind), Some(*x)),
        _ => (Amount::of(reading, kind), None),
    };
    let slope = slope.map_or([RowCell::Null, RowCell::Null], |x| slope_cells(x, kind));
    value_cells(&amount).into_iter().chain(slope).collect()
}

/// A slope per second: what an exact number of nanoseconds gains a nanosecond is what its seconds gain a second.
/// An area is kept times nanoseconds, so its slope is the value that is in force.
fn slope_cells(linear: Linear, kind: plan::TimelineKind) -> [RowCell; 2] {
    match linear {
        Linear::Float { slope, .. } if kind == plan::TimelineKind::Number(Unit::Area) => {
            number_cells(FoldedNumber::Float(slope), false)
        }
        Linear::Exact { slope, .. } => number_cells(FoldedNumber::Exact(slope), false),
        Linear::Float { slope, .. } => number_cells(FoldedNumber::Float(slope * 1e9), false),
    }
}

fn sides_of(plan: &Plan, root: plan::NodeId, reading: &TimelineValue) -> Vec<RowCell> {
    let TimelineValue::Ratio { numerator, denominator } = reading else { return vec![RowCell::Null; 8] };
    let of = match &plan.node(root).op {
        Op::Split { of, .. } => *of,
        _ => root,
    };
    let Op::Ratio { numerator: n, denominator: d } = plan.node(of).op else { return vec![RowCell::Null; 8] };
    let side = |linear: Linear, id| {
        let kind = plan.node(id).kind;
        let value = match Amount::of(&TimelineValue::Number(linear), kind) {
            Amount::Duration(x) | Amount::Int(x) => FoldedNumber::Exact(x),
            other => other.number(),
        };
        let is_duration = kind == plan::TimelineKind::Number(Unit::Duration);
        number_cells(value, is_duration).into_iter().chain(slope_cells(linear, kind))
    };
    side(*numerator, n).chain(side(*denominator, d)).collect()
}
