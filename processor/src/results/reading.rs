//! Reading committed files, of whatever layout they were written in.
//!
//! **Invariant:** whoever reads rows sees the columns of now; only here is it known that there were others.

use super::{DAY, Error, LAYOUT, layout};
use crate::checkpoint::{FileKind, FileRef};
use arrow::array::RecordBatch;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{cast, is_not_null};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use std::sync::Arc;

/// How the columns of a result file are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Layout {
    /// `value` is the decimal, `value_f64` the float where there is no decimal: files of before [`Layout::Exact`].
    Decimal,
    /// `value` is the float of every number, `value_exact` the decimal.
    Exact,
    /// The same, with the columns of a table that others read too.
    Table,
}

/// The layout of a result file.
pub fn layout_of(file: &FileRef) -> Layout {
    match (file.kind, file.metadata.get(LAYOUT)) {
        (FileKind::History, _) => Layout::Table,
        _ if file.metadata.get(DAY).is_some() => Layout::Table,
        (_, Some(_)) => Layout::Exact,
        (_, None) => Layout::Decimal,
    }
}

/// The rows of a Parquet file, with the columns of now.
pub fn decode(bytes: Vec<u8>) -> Result<Vec<RecordBatch>, Error> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?.with_batch_size(1 << 16).build()?;
    Ok(reader.map(|batch| current(batch?)).collect::<Result<Vec<_>, ArrowError>>()?)
}

/// The rows with the columns of now, of whatever layout they are.
pub fn current(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let is_old = |schema: &Schema| schema.index_of("value_f64").is_ok() && schema.index_of("value_exact").is_err();
    let schema = batch.schema();
    if layout::is_of_table(&schema) {
        return layout::of_table(&batch);
    }
    if !is_old(&schema) {
        return Ok(batch);
    }
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    let mut columns = batch.columns().to_vec();
    let (exact, float) = (schema.index_of("value")?, schema.index_of("value_f64")?);
    let own = cast(&columns[exact], &DataType::Float64)?;
    columns.swap(exact, float);
    columns[exact] = zip(&is_not_null(&own)?, &own, &columns[exact])?;
    fields[exact] = Arc::new(Field::new("value", DataType::Float64, true));
    fields[float] = Arc::new(Field::new("value_exact", columns[float].data_type().clone(), true));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The columns of a Parquet file, as they stand there.
#[cfg(feature = "lake")]
pub(crate) fn written_schema(bytes: Vec<u8>) -> Result<SchemaRef, Error> {
    Ok(Arc::clone(ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?.schema()))
}

/// The columns of a Parquet file on this machine.
pub(crate) fn schema_of(path: &std::path::Path) -> Result<SchemaRef, Error> {
    let file = std::fs::File::open(path).map_err(|error| ParquetError::External(Box::new(error)))?;
    let schema = Arc::clone(ParquetRecordBatchReaderBuilder::try_new(file)?.schema());
    Ok(if layout::is_of_table(&schema) { layout::own_schema(&schema) } else { schema })
}
