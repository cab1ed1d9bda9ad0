//! Rows to standard output: Arrow batches in, one of six formats out.
//!
//! The engine and the server speak Arrow; only here do rows become text.
//! In batches a duration or count is `Decimal128(38, 9)`, a user number `Float64`,
//! a time `Timestamp(Nanosecond, "UTC")`; the formats' conventions for them are those of the contract of the command line.

mod binary;
mod csv;
mod json;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use std::io::{self, BufWriter, IsTerminal, Write};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputFormat {
    /// Aligned columns for people.
    Table,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// CSV with a header.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl OutputFormat {
    /// What is written where nobody says otherwise: a table for people, lines of JSON for programs.
    pub(crate) fn for_stdout() -> Self {
        if io::stdout().is_terminal() { OutputFormat::Table } else { OutputFormat::Jsonl }
    }

    fn is_binary(self) -> bool {
        matches!(self, OutputFormat::Arrow | OutputFormat::Parquet)
    }
}

/// Writes rows to standard output. With `fold` the text formats show a column and its siblings of other types as one.
pub(crate) fn print(
    format: OutputFormat,
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
) -> Result<()> {
    if format.is_binary() && io::stdout().is_terminal() {
        let name = format!("{format:?}").to_lowercase();
        return Err(Error::Usage(format!(
            "{name} is not for a terminal; redirect standard output to a file or a pipe"
        )));
    }
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    write(format, schema, batches, fold, &mut out)?;
    out.flush()?;
    Ok(())
}

/// Writes rows to `out`.
pub(crate) fn write<W: Write + Send>(
    format: OutputFormat,
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
    out: W,
) -> Result<()> {
    match format {
        OutputFormat::Table => table::write(schema, batches, fold, out),
        OutputFormat::Json => json::array(schema, batches, fold, out),
        OutputFormat::Jsonl => json::lines(schema, batches, fold, out),
        OutputFormat::Csv => csv::write(schema, batches, fold, out),
        OutputFormat::Arrow => binary::arrow(schema, batches, out),
        OutputFormat::Parquet => binary::parquet(schema, batches, out),
    }
}
