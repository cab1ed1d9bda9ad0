//! Errors of the library, said as the asker can use them: what is wrong, without the library's names and traces.
//!
//! **Invariant:** what cannot be read is history only where a file is at fault. A condition of a question is tested while
//! files are read, and its own error (a text that is no number, a division by zero) comes out of the reader of files.

use super::code::QueryCode;
use super::named_twice::advice;
use crate::engine::EngineError;
use arrow::error::ArrowError;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use std::error::Error;

/// The error at the root of `error`.
pub(super) fn cleaned(error: DataFusionError) -> EngineError {
    match error.find_root() {
        DataFusionError::Plan(message) | DataFusionError::Execution(message) => {
            EngineError::invalid(advice(message).unwrap_or_else(|| told(message)))
        }
        DataFusionError::SQL(error, _) => {
            let text = error.to_string();
            if text.contains("recursion limit") {
                return QueryCode::TooLarge.error("the statement is nested too deeply");
            }
            EngineError::invalid(format!("SQL: {}", told(text.trim_start_matches("sql parser error: "))))
        }
        DataFusionError::NotImplemented(message) => {
            // Of a part of a statement that is not known there is all that the parser made of it.
            let message = message.split(" {").next().unwrap_or_default();
            EngineError::invalid(format!("not supported: {}", told(message)))
        }
        DataFusionError::Configuration(message) => EngineError::invalid(told(message)),
        DataFusionError::SchemaError(error, _) => EngineError::invalid(of_schema(error)),
        DataFusionError::ArrowError(error, _) => of_arrow(error),
        DataFusionError::ResourcesExhausted(_) => {
            let most = super::MEMORY_BYTES_MAX >> 20;
            QueryCode::Memory.error(format!("the question needs more memory than one may have ({most} MiB)"))
        }
        root @ (DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) | DataFusionError::IoError(_)) => {
            of_files(root)
        }
        DataFusionError::External(inner) if is_of_files(&**inner) => of_files(&**inner),
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
        SchemaError::DuplicateUnqualifiedField { name } => format!(
            "two expressions are both called `{name}`, for a CAST is no part of a name; calculate one of them in a subquery"
        ),
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
        ArrowError::IoError(..) | ArrowError::ParquetError(_) => of_files(error),
        ArrowError::ExternalError(inner) if is_of_files(&**inner) => of_files(error),
        ArrowError::MemoryError(message) => EngineError::Unavailable(told(message)),
        other => EngineError::invalid(told(&other.to_string())),
    }
}

/// What stands before the error of a condition that the reader of files tested.
const IN_A_CONDITION: &str = "Error evaluating filter predicate: ";

/// An error that came out of the reader of files: the question's, if one of its conditions failed, else history's.
fn of_files(error: &(dyn Error + 'static)) -> EngineError {
    let text = error.to_string();
    if let Some((_, condition)) = text.split_once(IN_A_CONDITION) {
        return EngineError::invalid(told(&of_debug(condition)));
    }
    let calculated = causes(error).filter_map(|cause| cause.downcast_ref::<ArrowError>()).find(|error| {
        matches!(error, ArrowError::CastError(_) | ArrowError::DivideByZero | ArrowError::ArithmeticOverflow(_))
    });
    match calculated {
        Some(error) => EngineError::invalid(told(&error.to_string())),
        None => EngineError::Unavailable(format!("history cannot be read: {}", told(&text))),
    }
}

/// Whether a file is what an error of no kind of its own is about.
fn is_of_files(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<ParquetError>() || cause.is::<std::io::Error>())
}

/// An error and what it comes from.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source())
}

/// The message in an error of the library's that is written as its programmers see it, which is all that the reader of
/// files leaves of it: `ArrowError(CastError("Cannot cast ..."), Some(""))`.
fn of_debug(text: &str) -> String {
    let (head, rest) = text.split_once('"').unwrap_or((text, ""));
    if head.contains("DivideByZero") {
        return ArrowError::DivideByZero.to_string();
    }
    let mut message = String::new();
    let mut chars = rest.chars();
    while let Some(next) = chars.next() {
        match next {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => message.push('\n'),
                Some(escaped) => message.push(escaped),
                None => break,
            },
            plain => message.push(plain),
        }
    }
    let message = if message.is_empty() { text.to_owned() } else { message };
    match head {
        head if head.ends_with("CastError(") => ArrowError::CastError(message).to_string(),
        head if head.ends_with("ArithmeticOverflow(") => ArrowError::ArithmeticOverflow(message).to_string(),
        _ => message,
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

#[cfg(test)]
mod tests {
    use super::cleaned;
    use arrow::error::ArrowError;
    use datafusion::error::DataFusionError;
    use datafusion::parquet::errors::ParquetError;

    fn read(error: ArrowError) -> DataFusionError {
        DataFusionError::from(ParquetError::from(error))
    }

    #[test]
    fn only_a_file_is_history_that_cannot_be_read() {
        let cast = || ArrowError::CastError("Cannot cast string 's\"0' to value of Int64 type".into());
        let filtered = |error: DataFusionError| {
            read(ArrowError::ComputeError(format!("Error evaluating filter predicate: {error:?}")))
        };
        let said = "Cast error: Cannot cast string 's\"0' to value of Int64 type";
        let question = [
            (read(cast()), said),
            (filtered(cast().into()), said),
            (filtered(ArrowError::DivideByZero.into()), "Divide by zero error"),
            (filtered(DataFusionError::Execution("a whole number is beyond 64 bits".into())), "beyond 64 bits"),
            (DataFusionError::from(ArrowError::from(ParquetError::from(cast()))), "history cannot be read"),
        ];
        for (error, expected) in question {
            let shown = error.to_string();
            let told = cleaned(error);
            assert_eq!(told.code() == "unavailable", expected == "history cannot be read", "{shown}: {told}");
            assert!(told.to_string().contains(expected), "{shown}: {told}");
        }
        let broken = || std::io::Error::other("the disk is gone");
        for error in [
            DataFusionError::from(ParquetError::General("the footer is broken".into())),
            DataFusionError::from(ParquetError::from(broken())),
            DataFusionError::from(ArrowError::from(broken())),
            DataFusionError::External(Box::new(ParquetError::EOF("cut short".into()))),
            DataFusionError::from(broken()),
        ] {
            let told = cleaned(error);
            assert_eq!(told.code(), "unavailable", "{told}");
            assert!(told.to_string().contains("history cannot be read"), "{told}");
        }
    }
}
