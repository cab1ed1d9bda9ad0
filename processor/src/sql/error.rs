//! Errors of the library, said as the asker can use them: what is wrong, without the library's names and traces.

use super::code::QueryCode;
use crate::engine::EngineError;
use arrow::error::ArrowError;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;

/// The error at the root of `error`.
pub(super) fn cleaned(error: DataFusionError) -> EngineError {
    match error.find_root() {
        DataFusionError::Plan(message) | DataFusionError::Execution(message) => EngineError::invalid(told(message)),
        DataFusionError::SQL(error, _) => {
            let text = error.to_string();
            if text.contains("recursion limit") {
                return QueryCode::TooLarge.error("the statement is nested too deeply");
            }
            EngineError::invalid(format!("SQL: {}", told(text.trim_start_matches("sql parser error: "))))
        }
        DataFusionError::NotImplemented(message) => EngineError::invalid(format!("not supported: {}", told(message))),
        DataFusionError::Configuration(message) => EngineError::invalid(told(message)),
        DataFusionError::SchemaError(error, _) => EngineError::invalid(of_schema(error)),
        DataFusionError::ArrowError(error, _) => of_arrow(error),
        DataFusionError::ResourcesExhausted(_) => {
            let most = super::MEMORY_BYTES_MAX >> 20;
            QueryCode::Memory.error(format!("the question needs more memory than one may have ({most} MiB)"))
        }
        DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) | DataFusionError::IoError(_) => {
            EngineError::Unavailable(format!("history cannot be read: {}", told(&error.find_root().to_string())))
        }
        other => QueryCode::Failed.error(told(&other.to_string())),
    }
}

/// `; did you mean ...` for the name nearest to `wanted`, or nothing.
pub(super) fn meant<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let wanted = wanted.to_lowercase();
    let nearest = known.into_iter().map(|name| (levenshtein(&wanted, &name.to_lowercase()), name)).min();
    match nearest {
        Some((distance, name)) if distance <= (wanted.len() / 3).max(1) => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}

fn of_schema(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names = || valid_fields.iter().map(|column| column.name.as_str());
            let meant = meant(&field.name, names());
            let is_value = |column: &Column| column.name == "value";
            let aggregated =
                is_function(&field.name).then(|| valid_fields.iter().find(|column| is_value(column))).flatten();
            if let Some(column) = aggregated {
                return format!("there is no column `{}`; {}", field.flat_name(), totals(&field.name, column));
            }
            let there = if meant.is_empty() && !valid_fields.is_empty() {
                format!("; there are {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            } else {
                meant
            };
            format!("there is no column `{}`{there}", field.flat_name())
        }
        other => told(&other.to_string()),
    }
}

/// Whether a column of `totals` may be called so.
fn is_function(name: &str) -> bool {
    let is_percentile =
        |name: &str| name.strip_prefix('p').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    ["count", "sum", "avg", "min", "max"].contains(&name) || is_percentile(name)
}

/// Where the aggregate is that somebody asks a table of values for.
fn totals(function: &str, value: &Column) -> String {
    let metric =
        value.relation.as_ref().map(|table| table.table()).filter(|table| !["finals", "spans"].contains(table));
    let of = metric.map(|metric| format!(" WHERE metric = '{metric}'")).unwrap_or_default();
    format!("a row here is a session's value, and aggregates are in `totals`: SELECT {function} FROM totals{of}")
}

fn of_arrow(error: &ArrowError) -> EngineError {
    match error {
        ArrowError::IoError(message, _) | ArrowError::ParquetError(message) => {
            EngineError::Unavailable(format!("history cannot be read: {}", told(message)))
        }
        ArrowError::MemoryError(message) => EngineError::Unavailable(told(message)),
        other => EngineError::invalid(told(&other.to_string())),
    }
}

/// The message without the trace, the advice to report a bug to others, and the library's own headings.
fn told(message: &str) -> String {
    let message = message.split("\n\nbacktrace:").next().unwrap_or_default();
    let message = message.split("This issue was likely caused by a bug").next().unwrap_or_default();
    let message = ["Error during planning: ", "Execution error: ", "Internal error: ", "Arrow error: "]
        .iter()
        .fold(message, |message, heading| message.strip_prefix(heading).unwrap_or(message));
    message.trim().trim_end_matches('.').to_owned()
}
