//! Rows of alerts: `alerts`, and an alert's own view.
//!
//! What is shown beside alerts stands in columns of its names where they are told (`eval`, messages, an alert's own view), and
//! in one column `with`, as JSON, in the table over all alerts. Files have both, so that either can be read of them.

use super::{ColumnKind, RowCell, TableBuilder, dimension_column};
use crate::records::AlertRow;
use arrow::array::RecordBatch;
use timeline_core::Value;
use timeline_core::plan::{Alert, Plan};

/// How a table of alerts has what is shown beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertColumns {
    /// In columns of its names.
    Named,
    /// In a column `with`, as JSON.
    Json,
    /// In both.
    Both,
}

/// The column with all that is shown beside an alert.
const WITH: &str = "with";

/// Whether the table over all alerts has such a column.
pub(crate) fn is_of_alerts(column: &str) -> bool {
    matches!(column, "session" | "alert" | "start" | "end" | "version") || column == WITH
}

/// `session, alert, what is shown beside..., start, end`: of sessions that are over or alive, by alert, then session, then
/// start.
pub fn alerts(answers: &[(&Plan, &[AlertRow])], columns: AlertColumns) -> RecordBatch {
    let mut names: Vec<&String> = vec![];
    for beside in answers.iter().flat_map(|(plan, _)| plan.alerts.iter().flat_map(|alert| &alert.with)) {
        if !names.contains(&&beside.name) {
            names.push(&beside.name);
        }
    }
    // Where nothing is shown beside any alert, there is no column for it.
    let has_json = columns != AlertColumns::Named && !names.is_empty();
    if columns == AlertColumns::Json {
        names.clear();
    }
    let text = |name: &str| (name.to_owned(), ColumnKind::Text);
    let named = names.iter().map(|name| text(&dimension_column(name)));
    let json = has_json.then(|| text(WITH));
    let head = [text("session"), text("alert")].into_iter().chain(named).chain(json);
    let mut table = TableBuilder::new(head.chain(ends()));
    for (plan, rows) in answers {
        for row in sorted(rows) {
            let alert = &plan.alerts[row.alert];
            table.text(&row.key);
            table.text(&alert.name);
            names.iter().for_each(|name| table.cell(cell(alert, row, name)));
            if has_json {
                table.cell(with(alert, row));
            }
            end_cells(row).into_iter().for_each(|cell| table.cell(cell));
        }
    }
    table.finish()
}

/// The rows of one alert: `session, what is shown beside..., start, end`.
pub fn alert_view(plan: &Plan, alert: usize, rows: &[AlertRow]) -> RecordBatch {
    let own = &plan.alerts[alert];
    let named = own.with.iter().map(|beside| (dimension_column(&beside.name), ColumnKind::Text));
    let mut table =
        TableBuilder::new(std::iter::once(("session".to_owned(), ColumnKind::Text)).chain(named).chain(ends()));
    for row in sorted(rows).into_iter().filter(|row| row.alert == alert) {
        table.text(&row.key);
        own.with.iter().for_each(|beside| table.cell(cell(own, row, &beside.name)));
        end_cells(row).into_iter().for_each(|cell| table.cell(cell));
    }
    table.finish()
}

fn sorted(rows: &[AlertRow]) -> Vec<&AlertRow> {
    let mut rows: Vec<&AlertRow> = rows.iter().collect();
    rows.sort_by_key(|row| (row.alert, row.key.as_str(), row.start));
    rows
}

fn ends() -> [(String, ColumnKind); 2] {
    [("start", ColumnKind::Time), ("end", ColumnKind::Time)].map(|(name, kind)| (name.to_owned(), kind))
}

fn end_cells(row: &AlertRow) -> [RowCell; 2] {
    [RowCell::Time(row.start), row.end.map_or(RowCell::Null, RowCell::Time)]
}

/// What is shown beside an alert under a name.
fn cell(alert: &Alert, row: &AlertRow, name: &str) -> RowCell {
    let place = alert.with.iter().position(|beside| beside.name == name);
    place.and_then(|place| row.with.get(place).cloned()).flatten().into()
}

/// All that is shown beside an alert, as a JSON object in the order of the program.
fn with(alert: &Alert, row: &AlertRow) -> RowCell {
    if alert.with.is_empty() {
        return RowCell::Null;
    }
    let value = |value: &Option<Value>| match value {
        None => serde_json::Value::Null,
        Some(Value::Str(text)) => text.to_string().into(),
        Some(Value::Float(x)) => (*x).into(),
        Some(Value::Int(x)) => (*x).into(),
        Some(Value::Bool(x)) => (*x).into(),
    };
    let name = |name: &str| serde_json::Value::from(name);
    let pair = |(i, beside): (usize, &timeline_core::plan::Beside)| {
        format!("{}:{}", name(&beside.name), row.with.get(i).map_or(serde_json::Value::Null, value))
    };
    let pairs: Vec<String> = alert.with.iter().enumerate().map(pair).collect();
    RowCell::Text(format!("{{{}}}", pairs.join(",")))
}
