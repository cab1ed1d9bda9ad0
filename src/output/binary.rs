//! Rows as Arrow (an IPC stream, so that it can be piped) and as Parquet.
//!
//! Types stay as they are; beside each time column `X` stands `X_ns`, the same as plain integers,
//! for the many tools that cut timestamps to microseconds.

use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampNanosecondType};
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use processor::rows::format::{distinct, is_time, nanoseconds_name};
use std::io::Write;
use std::sync::Arc;

pub(super) fn arrow<W: Write>(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    out: W,
) -> Result<()> {
    let wide = Widened::new(schema);
    let mut writer = StreamWriter::try_new(out, &wide.schema)?;
    for batch in batches {
        writer.write(&wide.batch(&batch?)?)?;
    }
    writer.finish()?;
    Ok(())
}

pub(super) fn parquet<W: Write + Send>(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    out: W,
) -> Result<()> {
    let mut wide = Widened::new(schema);
    // Readers of files go by names.
    let names: Vec<String> = wide.schema.fields().iter().map(|field| field.name().clone()).collect();
    let fields = wide.schema.fields().iter().zip(distinct(&names));
    wide.schema =
        Arc::new(Schema::new(fields.map(|(field, name)| field.as_ref().clone().with_name(name)).collect::<Vec<_>>()));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(out, wide.schema.clone(), Some(properties))?;
    for batch in batches {
        writer.write(&wide.batch(&batch?)?)?;
    }
    writer.finish()?;
    writer.inner_mut().flush()?;
    Ok(())
}

/// A schema with its nanosecond columns added.
struct Widened {
    schema: SchemaRef,
    /// For each column whether its nanoseconds follow it.
    times: Vec<bool>,
}

impl Widened {
    fn new(schema: &Schema) -> Self {
        let times: Vec<bool> = (0..schema.fields().len()).map(|i| is_time(schema, i)).collect();
        let mut fields = vec![];
        for (field, time) in schema.fields().iter().zip(&times) {
            fields.push(field.as_ref().clone());
            if *time {
                fields.push(Field::new(nanoseconds_name(field.name()), DataType::Int64, field.is_nullable()));
            }
        }
        Widened { schema: Arc::new(Schema::new(fields)), times }
    }

    fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = vec![];
        for (column, time) in batch.columns().iter().zip(&self.times) {
            columns.push(column.clone());
            if *time {
                let times = column.as_primitive::<TimestampNanosecondType>();
                columns.push(Arc::new(Int64Array::new(times.values().clone(), times.nulls().cloned())));
            }
        }
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}
