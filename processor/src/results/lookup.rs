//! Rows of history by the sessions that they are of, and files by the times of their rows.
//!
//! Of each file it is remembered what its footer says ([`Recent`]): the least and the greatest key and time of each of its
//! groups of rows, and where the pages of its columns lie; and a filter (Bloom's) of all keys of a group where it was written
//! with one. So a look-up by key opens the files that may have its rows and no others, and reads of these the column of
//! sessions in the groups that may, and of all other columns the pages with the rows that it finds.
//!
//! An index from keys to rows was the alternative: it is as large as the sessions are many, and has to be made again or
//! stored where a few bits a key leave nearly all files out.
//!
//! **Invariant:** what is left out has no row that is wanted: neither bounds nor filters deny a key that is there, and each row
//! of what is left is compared.

use super::layout::nanoseconds_name;
use super::{BATCH_ROWS, Error, Layout, current, layout_of};
use crate::checkpoint::FileRef;
use crate::recent::Recent;
use crate::wanted::TimeBounds;
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::file::statistics::Statistics;
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
const FOOTER_BYTES_MAX: usize = 32 << 20;
/// Bytes of filters that are remembered.
const FILTER_BYTES_MAX: usize = 64 << 20;
/// Bytes of a block of a filter.
const BLOCK_BYTES: usize = 32;

static FOOTERS: Recent<Footer> = Recent::new(FOOTER_BYTES_MAX);
static FILTERS: Recent<Filters> = Recent::new(FILTER_BYTES_MAX);

/// What is remembered of a file.
struct Footer {
    metadata: ArrowReaderMetadata,
    /// The place of the column of sessions.
    session: Option<usize>,
}

/// The filters of a file, one of each group of rows that has one.
type Filters = Vec<Option<Sbbf>>;

/// A file as it is at hand: opened when it is first read.
struct Input<'a> {
    path: &'a Path,
    file: &'a FileRef,
    opened: Option<File>,
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
    let mut input = Input { path, file, opened: None };
    let footer = input.footer()?;
    let Some(session) = footer.session.filter(|_| keys.len() <= KEYS_MAX) else { return Ok(None) };
    let groups = groups_with(&mut input, &footer, session, keys)?;
    if groups.is_empty() {
        return Ok(Some(vec![]));
    }
    let metadata = footer.metadata.metadata();
    let compared: i64 = groups.iter().map(|group| metadata.row_group(*group).num_rows()).sum();
    if compared > COMPARED_MAX {
        return Ok(None);
    }
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(input.into_file()?, footer.metadata.clone());
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

/// Whether a file may have rows of which each of some times is within its bounds. The times are columns of now.
///
/// The bytes at `path` are those of `file`.
pub(crate) fn may_have_times((path, file): (&Path, &FileRef), wanted: &[(&str, TimeBounds)]) -> Result<bool, Error> {
    let footer = Input { path, file, opened: None }.footer()?;
    let is_of_table = layout_of(file) == Layout::Table;
    let (schema, groups) = (footer.metadata.parquet_schema(), footer.metadata.metadata().row_groups());
    let place = |name: &str| {
        let name = if is_of_table { nanoseconds_name(name) } else { name.to_owned() };
        schema.columns().iter().position(|column| column.name() == name)
    };
    let wanted: Vec<(usize, TimeBounds)> =
        wanted.iter().filter_map(|(name, bounds)| Some((place(name)?, *bounds))).collect();
    let may_have = |group: &RowGroupMetaData| {
        wanted.iter().all(|(place, bounds)| match group.column(*place).statistics() {
            Some(Statistics::Int64(known)) => match (known.min_opt(), known.max_opt()) {
                (Some(first), Some(last)) => bounds.meet(*first, *last),
                _ => true,
            },
            _ => true,
        })
    };
    Ok(groups.iter().any(may_have))
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

impl Input<'_> {
    fn file(&mut self) -> Result<&File, Error> {
        if self.opened.is_none() {
            self.opened = Some(open(self.path)?);
        }
        Ok(self.opened.as_ref().expect("it was opened just now"))
    }

    fn into_file(self) -> Result<File, Error> {
        self.opened.map_or_else(|| open(self.path), Ok)
    }

    /// What its footer says.
    fn footer(&mut self) -> Result<Arc<Footer>, Error> {
        let digest = self.file.digest;
        if let Some(footer) = FOOTERS.get(&digest) {
            return Ok(footer);
        }
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(self.file()?, options)?;
        let session = metadata.parquet_schema().columns().iter().position(|column| column.name() == SESSION);
        let bytes = size_of::<Footer>() + metadata.metadata().memory_size();
        let footer = Arc::new(Footer { metadata, session });
        FOOTERS.put(digest, &footer, bytes);
        Ok(footer)
    }

    /// The filters of the keys of its groups.
    fn filters(&mut self, footer: &Footer, session: usize) -> Result<Arc<Filters>, Error> {
        let digest = self.file.digest;
        if let Some(filters) = FILTERS.get(&digest) {
            return Ok(filters);
        }
        let file = self.file()?;
        let filter = |group: &RowGroupMetaData| Sbbf::read_from_column_chunk(group.column(session), file);
        let groups = footer.metadata.metadata().row_groups();
        let filters = groups.iter().map(filter).collect::<Result<Filters, ParquetError>>()?;
        let blocks: usize = filters.iter().flatten().map(Sbbf::num_blocks).sum();
        let bytes = filters.len() * size_of::<Option<Sbbf>>() + blocks * BLOCK_BYTES;
        let filters = Arc::new(filters);
        FILTERS.put(digest, &filters, bytes);
        Ok(filters)
    }
}

/// The groups of rows of a file that may have some of the keys.
fn groups_with(
    input: &mut Input<'_>,
    footer: &Footer,
    session: usize,
    keys: &BTreeSet<String>,
) -> Result<Vec<usize>, Error> {
    let all = footer.metadata.metadata();
    let is_between = |group: &usize| {
        let known = all.row_group(*group).column(session).statistics();
        // Old ones are of another order of texts.
        let known = known.filter(|known| !known.is_min_max_deprecated());
        let least = known.and_then(Statistics::min_bytes_opt);
        let greatest = known.and_then(Statistics::max_bytes_opt);
        keys.iter()
            .map(|key| key.as_bytes())
            .any(|key| least.is_none_or(|least| least <= key) && greatest.is_none_or(|greatest| key <= greatest))
    };
    let mut groups: Vec<usize> = (0..all.num_row_groups()).filter(is_between).collect();
    if groups.iter().any(|group| all.row_group(*group).column(session).bloom_filter_offset().is_some()) {
        let filters = input.filters(footer, session)?;
        groups.retain(|group| {
            let filter = filters.get(*group).and_then(Option::as_ref);
            filter.is_none_or(|filter| keys.iter().any(|key| filter.check(key.as_str())))
        });
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::super::{properties, quick};
    use super::{Input, columns_of, groups_with, may_have_times, rows_of};
    use crate::checkpoint::{Digest, FileKind, FileRef, FileSummary};
    use crate::wanted::TimeBounds;
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
        (path, FileSummary { name, kind: FileKind::Result, length, digest, metadata: serde_json::Value::Null }.into())
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
                let mut input = Input { path, file, opened: None };
                let footer = input.footer().unwrap();
                groups_with(&mut input, &footer, footer.session.unwrap(), &wanted).unwrap().len()
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

    #[test]
    fn files_are_left_out_by_the_times_of_their_rows() {
        let dir = tempfile::tempdir().unwrap();
        let (path, file) = file(dir.path(), "times", &keys(9), properties());
        let may_have = |name: &str, from: Option<i64>, to: Option<i64>| {
            may_have_times((&path, &file), &[(name, TimeBounds { from, to })]).unwrap()
        };
        // Numbers from 0 to 1999 stand for times.
        assert!(may_have("number", Some(1999), None) && may_have("number", None, Some(0)));
        assert!(!may_have("number", Some(2000), None) && !may_have("number", None, Some(-1)));
        assert!(
            may_have("none", Some(2000), None) && may_have("session", Some(2000), None),
            "nothing is known of them"
        );
        let both =
            [("number", TimeBounds { from: Some(5), to: None }), ("other", TimeBounds { from: None, to: Some(-5) })];
        assert!(!may_have_times((&path, &file), &both).unwrap(), "no row is within both");
    }
}
