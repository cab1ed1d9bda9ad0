//! Files of tables put together by their bytes: columns are copied packed, as they are, and no row is read or written anew.

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::sync::Arc;

/// Files whose columns are packed for so many rows together, on the average, are worth copying: they would be packed no
/// better if they were written anew.
const ROWS_TOGETHER: u64 = 1 << 13;

/// A file of Parquet, with what stands at its end.
pub(super) struct Packed {
    bytes: Bytes,
    metadata: ParquetMetaData,
    schema: SchemaRef,
}

impl Packed {
    pub(super) fn of(bytes: Bytes) -> Result<Packed, ParquetError> {
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = reader.parse_and_finish(&bytes)?;
        let file = metadata.file_metadata();
        let schema = Arc::new(parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?);
        Ok(Packed { bytes, metadata, schema })
    }

    /// Its columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn rows(&self) -> u64 {
        u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or(0)
    }

    /// Whether its columns are packed well: for many rows together.
    pub(super) fn is_worth_copying(&self) -> bool {
        self.rows() >= ROWS_TOGETHER * self.metadata.num_row_groups() as u64
    }

    /// Whether the columns of both are the same, written in the same way.
    pub(super) fn is_like(&self, other: &Packed) -> bool {
        self.schema == other.schema && self.metadata.file_metadata().schema() == other.metadata.file_metadata().schema()
    }
}

/// The rows of files that are like each other, in their order, as one file; one alone as it is.
pub(super) fn join(parts: &[Packed]) -> Result<Bytes, ParquetError> {
    let [first, rest @ ..] = parts else { return Ok(Bytes::new()) };
    if rest.is_empty() {
        return Ok(first.bytes.clone());
    }
    let file = first.metadata.file_metadata();
    let properties = WriterProperties::builder().set_key_value_metadata(file.key_value_metadata().cloned()).build();
    let schema = file.schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(vec![], schema, Arc::new(properties))?;
    for Packed { bytes, metadata, .. } in parts {
        let (column_index, offset_index) = (metadata.column_index(), metadata.offset_index());
        for (i, group) in metadata.row_groups().iter().enumerate() {
            let mut written = writer.next_row_group()?;
            for (j, column) in group.columns().iter().enumerate() {
                let copied = ColumnCloseResult {
                    bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
                    rows_written: u64::try_from(group.num_rows()).unwrap_or(0),
                    metadata: column.clone(),
                    // By which look-ups leave out what has none of their keys.
                    bloom_filter: Sbbf::read_from_column_chunk(column, bytes)?,
                    column_index: column_index.and_then(|all| all.get(i)?.get(j)).cloned(),
                    offset_index: offset_index.and_then(|all| all.get(i)?.get(j)).cloned(),
                };
                written.append_column(bytes, copied)?;
            }
            written.close()?;
        }
    }
    Ok(Bytes::from(writer.into_inner()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::layout::to_table;
    use crate::results::properties;
    use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
    use arrow::compute::concat_batches;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    /// Rows as a table has them, from a number on.
    fn rows(from: i64, count: i64) -> RecordBatch {
        let each = || from..from + count;
        let exact = each().map(|i| Some(i128::from(i))).collect::<Decimal128Array>();
        let columns: [(&str, ArrayRef); 4] = [
            ("session", Arc::new(each().map(|i| (i % 3 != 0).then(|| format!("k{i}"))).collect::<StringArray>())),
            ("end", Arc::new(each().map(Some).collect::<TimestampNanosecondArray>().with_timezone("UTC"))),
            ("count", Arc::new(each().map(Some).collect::<Int64Array>())),
            ("value_exact", Arc::new(exact.with_precision_and_scale(38, 9).unwrap())),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
        to_table(&rows).unwrap()
    }

    fn file(rows: &RecordBatch) -> Packed {
        let mut writer = ArrowWriter::try_new(vec![], rows.schema(), Some(properties())).unwrap();
        writer.write(rows).unwrap();
        Packed::of(writer.into_inner().unwrap().into()).unwrap()
    }

    #[test]
    fn files_are_put_together_by_their_bytes() {
        let parts = [rows(0, 1_000), rows(1_000, 10), rows(1_010, 5_000)];
        let packed = parts.each_ref().map(file);
        assert!(packed[0].is_like(&packed[2]));
        let joined = join(&packed).unwrap();
        let whole = Packed::of(joined.clone()).unwrap();
        assert_eq!((whole.rows(), whole.metadata.num_row_groups()), (6_010, 3));
        assert_eq!(whole.schema(), &parts[0].schema(), "times have their zone");
        let statistics = whole.metadata.row_group(2).column(3).statistics().unwrap();
        assert_eq!(statistics.min_bytes_opt(), Some(&1_010_i64.to_le_bytes()[..]), "readers may leave parts out");
        for (group, key) in ["k1", "k1001", "k6008"].into_iter().enumerate() {
            let filter = Sbbf::read_from_column_chunk(whole.metadata.row_group(group).column(0), &joined).unwrap();
            let filter = filter.expect("the keys of the group");
            let others = (0..100).filter(|n| filter.check(format!("none{n}").as_str())).count();
            assert!(filter.check(key) && others < 20, "group {group}: {others}");
        }
        let read = ParquetRecordBatchReaderBuilder::try_new(joined).unwrap().build().unwrap();
        let read: Vec<RecordBatch> = read.map(|batch| batch.unwrap()).collect();
        assert_eq!(
            concat_batches(&parts[0].schema(), &read).unwrap(),
            concat_batches(&parts[0].schema(), &parts).unwrap()
        );
        // And what was put together can be put together again.
        let again = Packed::of(join(&[whole, file(&rows(6_010, 1))]).unwrap()).unwrap();
        assert_eq!(again.rows(), 6_011);
    }

    #[test]
    fn one_alone_stays_as_it_is_and_others_are_told_apart() {
        let one = file(&rows(0, 100));
        let bytes = one.bytes.clone();
        assert!(!one.is_worth_copying() && file(&rows(0, 9_000)).is_worth_copying());
        let fewer = rows(0, 5).project(&[0, 1, 2]).unwrap();
        assert!(!one.is_like(&file(&fewer)));
        assert_eq!(join(&[one]).unwrap(), bytes);
    }
}
