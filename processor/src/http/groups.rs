//! Totals as gauges: what each group of an aggregated metric has come to, for whoever scrapes and asks for it.
//!
//! Each function is a metric of its own, with the groups as labels, for a group may be called as anything else is. Windows
//! that are over are left out: a gauge is how things are now, and history answers for the rest.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use std::fmt;
use timeline_dsl::is_table_column;

/// The rows of `totals`, so many at the most.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) rows: Vec<RecordBatch>,
    pub(super) most: usize,
}

/// A row that is told: its batch, and its place there.
type GroupedRow = (usize, usize);

impl Groups {
    /// The rows that are told, and how many are not.
    fn told(&self) -> (Vec<GroupedRow>, usize) {
        let is_over = |batch: &RecordBatch, row: usize| {
            let closed = batch.column_by_name("closed").and_then(|column| column.as_boolean_opt());
            closed.is_some_and(|closed| closed.is_valid(row) && closed.value(row))
        };
        let all = self.rows.iter().enumerate().flat_map(|(at, batch)| (0..batch.num_rows()).map(move |row| (at, row)));
        let mut rows: Vec<GroupedRow> = all.filter(|(at, row)| !is_over(&self.rows[*at], *row)).collect();
        let left_out = rows.len().saturating_sub(self.most);
        rows.truncate(self.most);
        (rows, left_out)
    }
}

impl Collector for Groups {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (rows, left_out) = self.told();
        for function in functions(&self.rows) {
            let name = format!("timeline_total_{}", word(&function));
            let help = format!("The `{function}` of each group of an aggregated metric.");
            let mut metric = encoder.encode_descriptor(&name, &help, None, MetricType::Gauge)?;
            for (at, row) in &rows {
                let batch = &self.rows[*at];
                let Some(value) = number(batch, &function, *row) else { continue };
                metric.encode_family(&labels(batch, *row))?.encode_gauge(&value)?;
            }
        }
        let help = "Groups that were not told, for they are more than was asked for.";
        let mut metric = encoder.encode_descriptor("timeline_total_groups_left_out", help, None, MetricType::Gauge)?;
        metric.encode_gauge(&(left_out as u64))
    }
}

/// The columns of functions that are numbers: groups may be numbers too.
fn functions(rows: &[RecordBatch]) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for field in rows.iter().flat_map(|batch| batch.schema_ref().fields()) {
        let is_number = matches!(field.data_type(), DataType::Float64 | DataType::Int64);
        if is_number && is_table_column(field.name()) && !all.contains(field.name()) {
            all.push(field.name().clone());
        }
    }
    all
}

/// A number that Prometheus can add up.
fn number(batch: &RecordBatch, function: &str, row: usize) -> Option<f64> {
    let column = batch.column_by_name(function).filter(|column| column.is_valid(row))?;
    let float = column.as_primitive_opt::<Float64Type>().map(|column| column.value(row));
    float.or_else(|| column.as_primitive_opt::<Int64Type>().map(|column| column.value(row) as f64))
}

/// The metric and its groups, those that a metric does not have left out.
fn labels(batch: &RecordBatch, row: usize) -> Vec<(String, String)> {
    let schema = batch.schema_ref();
    let is_of_function = |name: &str| name.strip_suffix("_text").is_some_and(|of| schema.index_of(of).is_ok());
    let groups = schema.fields().iter().zip(batch.columns()).filter(|(field, _)| !is_of_function(field.name()));
    let label = |(field, column): (&FieldRef, &ArrayRef)| {
        let is_group = column.data_type() == &DataType::Utf8 || !is_table_column(field.name());
        if !is_group || !column.is_valid(row) {
            return None;
        }
        Some((word(field.name()), text(column, row)?))
    };
    groups.filter_map(label).collect()
}

/// The value of a group as programs write it.
fn text(column: &ArrayRef, row: usize) -> Option<String> {
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string_opt::<i32>()?.value(row).to_owned()),
        DataType::Int64 => Some(column.as_primitive_opt::<Int64Type>()?.value(row).to_string()),
        DataType::Float64 => Some(column.as_primitive_opt::<Float64Type>()?.value(row).to_string()),
        DataType::Boolean => Some(column.as_boolean_opt()?.value(row).to_string()),
        _ => None,
    }
}

/// A name as Prometheus takes it.
fn word(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let word: String = name.chars().map(letter).collect();
    if word.starts_with(|c: char| c.is_ascii_digit()) { format!("_{word}") } else { word }
}
