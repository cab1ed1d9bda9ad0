//! Rows of history by the sessions that they are of.
//!
//! Of each file it is remembered what its footer says ([`Recent`]): the least and the greatest key of each of its groups of
//! rows, a filter (Bloom's) of all of their keys where it was written with one, and where the pages of its columns lie. So
//! a look-up by key opens the files that may have its rows and no others, and reads of these the column of sessions in the
//! groups that may, and of all other columns the pages with the rows that it finds.
//!
//! An index from keys to rows was the alternative: it is as large as the sessions are many, and has to be made again or
//! stored where a few bits a key leave nearly all files out.
//!
//! **Invariant:** what is left out has no row of any of the keys: neither bounds nor filters deny a key that is there, and
//! each row of what is left is compared.

use super::{BATCH_ROWS, Error, current};
use crate::checkpoint::FileRef;
use crate::history::layout::nanoseconds_name;
use crate::recent::Recent;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::schema::types::SchemaDescriptor;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The column of sessions.
pub(super) const SESSION: &str = "session";
/// So many keys are looked up one by one at the most.
const KEYS_MAX: usize = 256;
/// Rows of which the keys are compared for one file at the most: beyond it whoever asks reads the file itself.
const COMPARED_MAX: i64 = 1 << 20;
/// Bytes of footers that are remembered.
const REMEMBERED_BYTES_MAX: usize = 64 << 20;
/// Bytes of a block of a filter.
const BLOCK_BYTES: usize = 32;

static FOOTERS: Recent<Footer> = Recent::new(REMEMBERED_BYTES_MAX);

/// What is remembered of a file.
struct Footer {
    metadata: ArrowReaderMetadata,
    /// The place of the column of sessions.
    session: Option<usize>,
    /// Of each group of rows.
    filters: Vec<Option<Sbbf>>,
}

/// The rows of a file that are of some sessions, with the columns of now: all columns, or some of them. `None` if they are
/// more than `most`, or would be looked for among too many: then the file is to be read as a whole.
///
/// The bytes at `path` are those of `file`.
pub(crate) fn rows_of(
    (path, file): (&Path, &FileRef),
    keys: &BTreeSet<String>,
    most: usize,
    columns: Option<&[&str]>,
) -> Result<Option<Vec<RecordBatch>>, Error> {
    let (footer, input) = Footer::of(path, file)?;
    let Some(session) = footer.session.filter(|_| keys.len() <= KEYS_MAX) else { return Ok(None) };
    let groups = footer.groups_with(session, keys);
    if groups.is_empty() {
        return Ok(Some(vec![]));
    }
    let metadata = footer.metadata.metadata();
    let compared: i64 = groups.iter().map(|group| metadata.row_group(*group).num_rows()).sum();
    if compared > COMPARED_MAX {
        return Ok(None);
    }
    let input = input.map_or_else(|| open(path), Ok)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(input, footer.metadata.clone());
    let schema = footer.metadata.parquet_schema();
    let wanted = keys.clone();
    let is_wanted = move |batch: RecordBatch| -> Result<BooleanArray, ArrowError> {
        let sessions = batch.column(0).as_string_opt::<i32>();
        let sessions = sessions.ok_or_else(|| ArrowError::SchemaError("sessions that are no texts".into()))?;
        Ok(sessions.iter().map(|key| Some(key.is_some_and(|key| wanted.contains(key)))).collect())
    };
    let filter = ArrowPredicateFn::new(ProjectionMask::leaves(schema, [session]), is_wanted);
    let reader = builder
        .with_projection(mask(schema, columns))
        .with_row_groups(groups)
        .with_row_filter(RowFilter::new(vec![Box::new(filter)]))
        .with_batch_size(BATCH_ROWS)
        .with_limit(most.saturating_add(1))
        .build()?;
    let rows = reader.map(|batch| current(batch?)).collect::<Result<Vec<_>, ArrowError>>()?;
    let found: usize = rows.iter().map(RecordBatch::num_rows).sum();
    Ok((found <= most).then_some(rows))
}

/// All rows of a file, with some of its columns as they are now; those that it does not have are left out.
pub(crate) fn columns_of(path: &Path, columns: &[&str]) -> Result<Vec<RecordBatch>, Error> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(open(path)?)?;
    let mask = mask(builder.parquet_schema(), Some(columns));
    let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()?;
    Ok(reader.map(|batch| current(batch?)).collect::<Result<Vec<_>, ArrowError>>()?)
}

fn open(path: &Path) -> Result<File, Error> {
    Ok(File::open(path).map_err(|error| ParquetError::External(Box::new(error)))?)
}

/// The columns that are read. A time of a table is read from its nanoseconds.
fn mask(schema: &SchemaDescriptor, columns: Option<&[&str]>) -> ProjectionMask {
    let Some(names) = columns else { return ProjectionMask::all() };
    let is_wanted = |written: &str| names.iter().any(|name| written == *name || written == nanoseconds_name(name));
    let all = schema.columns().iter().enumerate();
    let wanted: Vec<usize> = all.filter(|(_, column)| is_wanted(column.name())).map(|(place, _)| place).collect();
    ProjectionMask::leaves(schema, wanted)
}

impl Footer {
    /// What is remembered of a file; of one of which nothing is, it is read now, and the file given back open.
    fn of(path: &Path, file: &FileRef) -> Result<(Arc<Footer>, Option<File>), Error> {
        if let Some(footer) = FOOTERS.get(&file.digest) {
            return Ok((footer, None));
        }
        let input = open(path)?;
        let footer = Arc::new(Footer::read(&input)?);
        FOOTERS.put(file.digest, &footer, footer.bytes());
        Ok((footer, Some(input)))
    }

    fn read(input: &File) -> Result<Footer, Error> {
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(input, options)?;
        let session = metadata.parquet_schema().columns().iter().position(|column| column.name() == SESSION);
        let filter = |group: &RowGroupMetaData| match session {
            Some(session) => Sbbf::read_from_column_chunk(group.column(session), input),
            None => Ok(None),
        };
        let filters = metadata.metadata().row_groups().iter().map(filter).collect::<Result<Vec<_>, ParquetError>>()?;
        Ok(Footer { metadata, session, filters })
    }

    /// Bytes that it takes, about.
    fn bytes(&self) -> usize {
        let blocks: usize = self.filters.iter().flatten().map(Sbbf::num_blocks).sum();
        size_of::<Footer>() + self.metadata.metadata().memory_size() + blocks * BLOCK_BYTES
    }

    /// The groups of rows that may have some of the keys.
    fn groups_with(&self, session: usize, keys: &BTreeSet<String>) -> Vec<usize> {
        let may_have = |group: &usize| {
            let known = self.metadata.metadata().row_group(*group).column(session).statistics();
            // Old ones are of another order of texts.
            let known = known.filter(|known| !known.is_min_max_deprecated());
            let least = known.and_then(|known| known.min_bytes_opt());
            let greatest = known.and_then(|known| known.max_bytes_opt());
            let filter = self.filters.get(*group).and_then(Option::as_ref);
            keys.iter().any(|key| {
                least.is_none_or(|least| least <= key.as_bytes())
                    && greatest.is_none_or(|greatest| key.as_bytes() <= greatest)
                    && filter.is_none_or(|filter| filter.check(key.as_str()))
            })
        };
        (0..self.metadata.metadata().num_row_groups()).filter(may_have).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{properties, quick};
    use super::{Footer, columns_of, rows_of};
    use crate::checkpoint::{Digest, FileRef, Kind, Named};
    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::Int64Type;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    /// A file of two rows a session, in two runs, as files that are put together have them.
    fn file(folder: &Path, name: &str, keys: &[String], properties: WriterProperties) -> (PathBuf, FileRef) {
        let twice = || keys.iter().chain(keys).map(String::as_str);
        let numbers = Int64Array::from_iter_values(0..2 * keys.len() as i64);
        let columns: [(&str, ArrayRef); 3] = [
            ("number", Arc::new(numbers.clone())),
            ("session", Arc::new(twice().map(Some).collect::<StringArray>())),
            ("other", Arc::new(numbers)),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
        let mut bytes = vec![];
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties)).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let path = folder.join(name);
        std::fs::write(&path, &bytes).unwrap();
        let (name, length, digest) = (format!("results/{name}"), bytes.len() as u64, Digest::of(&bytes));
        (path, Named { name, kind: Kind::Result, length, digest, metadata: serde_json::Value::Null }.into())
    }

    /// Keys without an order, as most are: so the least and the greatest of each file say nothing.
    fn keys(of: usize) -> Vec<String> {
        (0..1000).map(|n| Digest::of(format!("{of}/{n}").as_bytes()).to_string()).collect()
    }

    fn numbers(rows: &[RecordBatch]) -> Vec<i64> {
        let of =
            |rows: &RecordBatch| rows.column_by_name("number").unwrap().as_primitive::<Int64Type>().values().to_vec();
        rows.iter().flat_map(of).collect()
    }

    #[test]
    fn rows_of_keys_are_all_there_whatever_the_file_says_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(0);
        let small = || WriterProperties::builder().set_max_row_group_row_count(Some(300)).build();
        for (name, properties) in [("filtered", properties()), ("quick", quick()), ("bounds", small())] {
            let (path, file) = file(dir.path(), name, &keys, properties);
            let rows = |wanted: &[&str], most: usize| {
                let wanted: BTreeSet<String> = wanted.iter().map(|key| (*key).to_owned()).collect();
                rows_of((&path, &file), &wanted, most, None).unwrap().map(|rows| numbers(&rows))
            };
            // Once from the file, and once from what is remembered of it.
            for _ in 0..2 {
                assert_eq!(
                    rows(&[keys[3].as_str(), keys[999].as_str(), "none"], 9),
                    Some(vec![3, 999, 1003, 1999]),
                    "{name}"
                );
                assert_eq!(rows(&["none", ""], 9), Some(vec![]), "{name}");
                assert_eq!(rows(&[], 9), Some(vec![]), "{name}");
                assert_eq!(
                    (rows(&[keys[3].as_str()], 1), rows(&[keys[3].as_str()], 2)),
                    (None, Some(vec![3, 1003])),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn of_many_files_only_those_are_read_that_may_have_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let of = |of: usize| file(dir.path(), &of.to_string(), &keys(of), properties());
        let files: Vec<(PathBuf, FileRef)> = (0..24).map(of).collect();
        let may_have = |key: &str| {
            let wanted: BTreeSet<String> = [key.to_owned()].into();
            let groups = |(path, file): &(PathBuf, FileRef)| {
                let (footer, _) = Footer::of(path, file).unwrap();
                footer.groups_with(footer.session.unwrap(), &wanted).len()
            };
            files.iter().map(groups).sum::<usize>()
        };
        let counts: Vec<usize> = (0..24).map(|of| may_have(&keys(of)[500])).collect();
        assert!(counts.iter().all(|count| *count >= 1), "{counts:?}");
        // A filter takes one of a hundred keys that are not there for one that is, at the most.
        assert!(counts.iter().sum::<usize>() < 24 * 2, "{counts:?}");
    }

    #[test]
    fn a_file_that_is_remembered_is_not_opened_for_a_key_that_it_does_not_have() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(77);
        let (path, file) = file(dir.path(), "gone", &keys, properties());
        let rows = |key: &str| rows_of((&path, &file), &[key.to_owned()].into(), 9, None);
        assert_eq!(rows("!").unwrap().map(|rows| rows.len()), Some(0));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(rows("!").unwrap().map(|rows| rows.len()), Some(0), "it is less than all that are there");
        rows(&keys[0]).expect_err("there is no file to read it from");
    }

    #[test]
    fn columns_are_read_that_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys(5);
        let (path, file) = file(dir.path(), "columns", &keys, properties());
        let names = |rows: &[RecordBatch]| -> Vec<String> {
            rows[0].schema().fields().iter().map(|field| field.name().clone()).collect()
        };
        let columns = ["session", "number", "every"];
        let all = columns_of(&path, &columns).unwrap();
        assert_eq!((names(&all), numbers(&all).len()), (vec!["number".into(), "session".into()], 2000));
        let some = rows_of((&path, &file), &[keys[7].clone()].into(), 9, Some(&columns[1..])).unwrap().unwrap();
        assert_eq!((names(&some), numbers(&some)), (vec!["number".into()], vec![7, 1007]), "without the keys too");
    }
}
