//! Rows of sessions: `finals`, and a metric's own view.

use super::{
    ColumnKind, RowCell, TableBuilder, dimension_column, names_beside, push_dimensions, value_cells, value_columns,
};
use crate::records::SessionSnapshot;
use crate::totals::Amount;
use arrow::array::RecordBatch;
use timeline_core::incremental::{Share, TimelineValue};
use timeline_core::plan::{self, Metric, Plan, RatioUnit, Unit};
use timeline_core::{Linear, Time, Type, Value};

/// One metric's value for one session, with its dimensions.
#[derive(Clone, Debug)]
pub struct FinalRow<'a> {
    /// The session.
    pub session: &'a SessionSnapshot,
    /// Index of the metric.
    pub metric: usize,
    /// Its value and dimensions.
    pub share: &'a Share,
}

/// The rows of one metric for some sessions that are in order.
fn of_metric<'a>(metric: usize, sessions: &[&'a SessionSnapshot]) -> Vec<FinalRow<'a>> {
    let mut rows = vec![];
    // Texts are compared once for a session, and not for each of its rows.
    for same_key in sessions.chunk_by(|a, b| a.key == b.key) {
        let before = rows.len();
        rows.extend(
            same_key.iter().flat_map(|&session| {
                session.shares[metric].iter().map(move |share| FinalRow { session, metric, share })
            }),
        );
        rows[before..].sort_by(|a: &FinalRow<'_>, b| {
            let start = |row: &FinalRow<'_>| row.session.start;
            a.share.dimensions.cmp(&b.share.dimensions).then_with(|| start(a).cmp(&start(b)))
        });
    }
    rows
}

/// Sessions by key, then start.
fn ordered(sessions: &[SessionSnapshot]) -> Vec<&SessionSnapshot> {
    let mut ordered: Vec<&SessionSnapshot> = sessions.iter().collect();
    ordered.sort_by(|a, b| a.key.cmp(&b.key).then(a.start.cmp(&b.start)));
    ordered
}

/// `session, metric, dimensions and what is shown beside..., value..., start, end, closed, partial`.
pub fn finals(answers: &[(&Plan, &[SessionSnapshot])]) -> RecordBatch {
    let names = names_beside(answers.iter().map(|(plan, _)| *plan));
    let text = |name: &str| (name.to_owned(), ColumnKind::Text);
    let columns =
        [text("session"), text("metric")].into_iter().chain(names.iter().map(|name| text(&dimension_column(name))));
    let columns = columns.chain(value_columns("value"));
    let mut table = TableBuilder::new(columns.chain(ends()));
    for (plan, sessions) in answers {
        let sessions = ordered(sessions);
        for (i, metric) in plan.metrics.iter().enumerate() {
            let kind = plan.node(metric.root).kind;
            let own = own_names(metric);
            for row in of_metric(i, &sessions) {
                table.text(&row.session.key);
                table.text(&metric.name);
                push_dimensions(&mut table, &names, &own, &values(plan, &row));
                value_cells(&Amount::of(&row.share.reading, kind)).into_iter().for_each(|cell| table.cell(cell));
                end_cells(row.session).into_iter().for_each(|cell| table.cell(cell));
            }
        }
    }
    table.finish()
}

/// The names of what stands beside the values of a metric.
fn own_names(metric: &Metric) -> Vec<String> {
    metric.dimensions.iter().chain(metric.with.iter().map(|beside| &beside.name)).cloned().collect()
}

/// What stands beside a value.
fn values(plan: &Plan, row: &FinalRow<'_>) -> Vec<Option<Value>> {
    row.share.dimensions.iter().chain(row.session.beside(plan, row.metric)).cloned().collect()
}

/// Which of the four columns of a value a metric's own are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ValueColumn {
    /// `value`.
    Float,
    /// `value_exact`.
    Exact,
    /// `value_text`.
    Text,
    /// `value_bool`.
    Bool,
    /// `value_text`, as RFC 3339; an instant in the metric's own table.
    Instant,
}

impl ValueColumn {
    /// The column of `finals` that has the values.
    pub(crate) fn of_finals(self) -> &'static str {
        match self {
            ValueColumn::Float => "value",
            ValueColumn::Exact => "value_exact",
            ValueColumn::Text | ValueColumn::Instant => "value_text",
            ValueColumn::Bool => "value_bool",
        }
    }

    /// Their type in the metric's own table.
    fn kind(self) -> ColumnKind {
        match self {
            ValueColumn::Float => ColumnKind::Float,
            ValueColumn::Exact => ColumnKind::Decimal,
            ValueColumn::Text => ColumnKind::Text,
            ValueColumn::Bool => ColumnKind::Bool,
            ValueColumn::Instant => ColumnKind::Time,
        }
    }

    /// A reading in that type.
    fn cell(self, reading: &TimelineValue, kind: plan::TimelineKind) -> RowCell {
        let [float, exact, text, bool] = value_cells(&Amount::of(reading, kind));
        match self {
            ValueColumn::Float => float,
            ValueColumn::Exact => exact,
            ValueColumn::Text => text,
            ValueColumn::Bool => bool,
            ValueColumn::Instant => match reading {
                TimelineValue::Number(Linear::Exact { value, .. }) => {
                    RowCell::Time((*value).clamp(i128::from(Time::MIN), i128::from(Time::MAX)) as Time)
                }
                _ => RowCell::Null,
            },
        }
    }
}

/// The column that all values of a metric are in.
pub fn value_column(plan: &Plan, metric: usize) -> ValueColumn {
    match plan.node(plan.metrics[metric].root).kind {
        plan::TimelineKind::Number(Unit::Float | Unit::Area) | plan::TimelineKind::State(Type::Float) => {
            ValueColumn::Float
        }
        plan::TimelineKind::Ratio(unit) if unit != RatioUnit::Duration => ValueColumn::Float,
        plan::TimelineKind::State(Type::String) => ValueColumn::Text,
        plan::TimelineKind::Number(Unit::Instant) => ValueColumn::Instant,
        plan::TimelineKind::State(Type::Bool) => ValueColumn::Bool,
        plan::TimelineKind::Number(_)
        | plan::TimelineKind::Ratio(_)
        | plan::TimelineKind::State(Type::Int)
        | plan::TimelineKind::Event(_) => ValueColumn::Exact,
    }
}

/// The rows of one metric with a `value` of its own type: `session, dimensions..., value, start, end, closed, partial`.
pub fn metric_view(plan: &Plan, metric: usize, sessions: &[SessionSnapshot]) -> RecordBatch {
    let own = &plan.metrics[metric];
    let kind = plan.node(own.root).kind;
    let column = value_column(plan, metric);
    let named = own_names(own);
    let names = named.iter().map(|name| (dimension_column(name), ColumnKind::Text));
    let columns = std::iter::once(("session".to_owned(), ColumnKind::Text)).chain(names);
    let value = ("value".to_owned(), column.kind());
    let mut table = TableBuilder::new(columns.chain([value]).chain(ends()));
    for row in of_metric(metric, &ordered(sessions)) {
        table.text(&row.session.key);
        push_dimensions(&mut table, &named, &named, &values(plan, &row));
        table.cell(column.cell(&row.share.reading, kind));
        end_cells(row.session).into_iter().for_each(|cell| table.cell(cell));
    }
    table.finish()
}

fn ends() -> [(String, ColumnKind); 4] {
    [
        ("start", ColumnKind::Time),
        ("end", ColumnKind::Time),
        ("closed", ColumnKind::Bool),
        ("partial", ColumnKind::Bool),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
}

fn end_cells(session: &SessionSnapshot) -> [RowCell; 4] {
    let end = session.end.map_or(RowCell::Null, RowCell::Time);
    // A window is told to be final, as its group is; a session is over as of the answer.
    let closed = session.end.is_some() && !(session.provisional && session.window.is_some());
    [RowCell::Time(session.start), end, RowCell::Bool(closed), RowCell::Bool(session.partial)]
}

/// The value of a group or dimension column.
impl From<Option<Value>> for RowCell {
    fn from(value: Option<Value>) -> Self {
        value.map_or(RowCell::Null, |value| RowCell::Text(value.to_string()))
    }
}
