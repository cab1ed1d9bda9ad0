//! Committed history: rows of sessions and alerts that are over, late events and dead letters, as Parquet.
//!
//! A checkpoint writes what was told since the one before and names the file, so readers see exactly what is committed.
//! Small files are put together from time to time.
//!
//! **Invariant:** a file is never changed, and a row is in one file that a checkpoint names.

pub(crate) mod layout;
pub(crate) mod lookup;
mod pending;
mod reading;
mod retention;

pub use crate::rows::PARTS;
pub use pending::{Pending, dead_letters, late_events};
pub(crate) use reading::schema_of;
#[cfg(feature = "lake")]
pub(crate) use reading::written_schema;
pub use reading::{Layout, current, decode, layout_of};
pub use retention::{DroppedRows, RetentionCounts};
pub(crate) use retention::{Retention, until};

use crate::checkpoint::{self, CheckpointReader, FileKind, FileRef, Putter};
use crate::damage::Damage;
use crate::labels::{Labels, VERSION};
use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use timeline_core::Time;
use timeline_core::plan::Plan;

/// The tables of history.
pub const TABLES: [&str; 5] = ["finals", "alerts", "late_events", "dead_letters", PARTS];
/// Files of one table before they are put together.
const FILES_MAX: usize = 24;
/// What the facts of a result file say since [`Layout::Exact`].
const LAYOUT: &str = "layout";
/// Files of one table before they are put together where they go on into tables soon.
const PASSING_MAX: usize = 128;
/// So many rows of a day are worth a file of their own there, which goes on as it is.
const ROWS_APART: usize = if cfg!(test) { 64 } else { 1 << 10 };
/// Of one checkpoint so many days of a table have files of their own: each has to be durable.
const DAYS_APART: usize = 8;
/// A file this large is left as it is, in bytes.
pub(crate) const LARGE: u64 = 64 << 20;
/// Rows that are read at a time when files are put together, and rows of which the columns are packed together.
const BATCH_ROWS: usize = 1 << 13;
const ROW_GROUP_ROWS: usize = 1 << 17;
/// Rows of a column that are read together where some of them are wanted.
const PAGE_ROWS: usize = 1 << 12;
/// The share of the keys that a group of rows does not have and its filter takes for keys that it has.
const TAKEN_FOR_KNOWN: f64 = 0.01;

/// Of a file whether its rows have versions.
pub(crate) const VERSIONED: &str = "versioned";
/// Of a file whose rows are all of one day, with the columns of a table that others read too: the day.
pub(crate) const DAY: &str = "day";
/// Of a file up to which watermark its rows were told.
pub(crate) const UNTIL: &str = "until";

/// Why history could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The checkpoint store.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// Parquet.
    #[error("history: {0}")]
    Parquet(#[from] ParquetError),
    /// Arrow.
    #[error("history: {0}")]
    Arrow(#[from] ArrowError),
}

/// Files with what is wrong with them.
type BrokenResults = Vec<(FileRef, checkpoint::ObjectProblem)>;

/// All that rows of a checkpoint are written with.
pub(crate) struct HistoryWriter<'a> {
    pub(crate) putter: &'a Putter,
    pub(crate) reader: &'a CheckpointReader,
    pub(crate) plan: &'a Plan,
    /// The number of the partition.
    pub(crate) partition: u32,
    /// Rows of definitions have the versions of those.
    pub(crate) labels: &'a Labels,
    /// How the place of the files is called within the job's state.
    pub(crate) folder: &'a str,
    pub(crate) damage: &'a mut Damage,
    pub(crate) retention: Retention,
    pub(crate) dropped: &'a mut RetentionCounts,
    pub(crate) passage: &'a HistoryHandover,
}

impl HistoryWriter<'_> {
    /// Writes what is pending and returns the complete list of result files, put together where they became many.
    ///
    /// A file that is not as it was written stays as it is, and named: what it held is for the others to go on without. So do
    /// those that are being moved into tables, and those that were.
    pub(crate) fn write(&mut self, pending: &Pending, mut files: Vec<FileRef>) -> Result<Vec<FileRef>, Error> {
        let (folder, retention, passage) = (self.folder, self.retention, self.passage);
        files = retention.drop_old(files, self.dropped);
        for table in TABLES {
            let mut rows = Some(self.labels.versioned(table, pending.table(table, self.plan, self.partition)));
            rows = rows.filter(|rows| rows.num_rows() > 0);
            let small = |file: &FileRef| {
                let is_own = file.kind == FileKind::Result && !passage.taken.contains(&file.name);
                // What goes on soon goes on as it is.
                let stays = is_own && !(passage.is_short && file.metadata.get(DAY).is_some());
                stays && table_of(file) == Some(table) && file.length < LARGE
            };
            let mut stretches: BTreeMap<Option<Time>, usize> = BTreeMap::new();
            for file in files.iter().filter(|file| small(file) && !self.damage.has(folder, &file.name)) {
                *stretches.entry(retention.stretch(file)).or_default() += 1;
            }
            let present = retention.present();
            stretches.entry(present).or_default();
            for (stretch, count) in stretches {
                let new = rows.take_if(|_| stretch == present);
                // What is over gets no further rows, so a file of it is the last one.
                let most = match (passage.is_short, stretch == present) {
                    (true, _) => PASSING_MAX,
                    (false, true) => FILES_MAX,
                    (false, false) => 2,
                };
                if count + usize::from(new.is_some()) < most {
                    if let Some(mut rows) = new {
                        if passage.is_short {
                            rows = put_days(self.putter, table, rows, retention.now, &mut files)?;
                        }
                        if rows.num_rows() > 0 {
                            files.push(self.put(table, &rows)?);
                        }
                    }
                    continue;
                }
                let damage = &*self.damage;
                let is_part = |file: &FileRef| {
                    small(file) && !damage.has(folder, &file.name) && retention.stretch(file) == stretch
                };
                let (parts, kept): (Vec<FileRef>, Vec<FileRef>) = files.into_iter().partition(is_part);
                files = kept;
                let (file, broken) = self.put_together(table, &parts, new)?;
                for (part, problem) in broken {
                    self.damage.note(folder, &part, &problem);
                    files.push(part);
                }
                files.extend(file);
            }
        }
        Ok(files)
    }

    fn put(&self, table: &str, rows: &RecordBatch) -> Result<FileRef, Error> {
        let bytes = packed(rows, if self.passage.is_short { quick() } else { properties() })?;
        let is_versioned = rows.column_by_name(VERSION).is_some();
        let until = self.retention.now;
        let facts =
            json!({ "table": table, "rows": rows.num_rows(), VERSIONED: is_versioned, LAYOUT: 2, UNTIL: until });
        Ok(self.putter.put(FileKind::Result, table, &bytes, facts)?)
    }

    /// One file of several, and of what is new, a batch at a time: of what is read and of what is written only the compressed
    /// bytes are in memory. What is new has no file of its own: one that no checkpoint names would lie about. Those that are not
    /// as they were written are given back.
    fn put_together(
        &self,
        table: &str,
        parts: &[FileRef],
        new: Option<RecordBatch>,
    ) -> Result<(Option<FileRef>, BrokenResults), Error> {
        let now = self.retention.now;
        let known = parts.iter().map(until).chain(new.iter().map(|_| now));
        // What does not say so was told by now.
        let until = known.map(|until| until.or(now)).max().flatten();
        let mut writer: Option<ArrowWriter<Vec<u8>>> = None;
        let (mut rows, mut is_versioned) = (0, false);
        let mut add = |batch: RecordBatch| -> Result<(), Error> {
            rows += batch.num_rows();
            is_versioned = batch.column_by_name(VERSION).is_some();
            match &mut writer {
                Some(writer) => writer.write(&batch)?,
                None => {
                    let first = ArrowWriter::try_new(vec![], batch.schema(), Some(properties()))?;
                    writer.insert(first).write(&batch)?;
                }
            }
            Ok(())
        };
        let mut broken = vec![];
        for part in parts {
            let bytes = match self.reader.read(part) {
                Ok(bytes) => Bytes::from(bytes),
                Err(checkpoint::Error::Corrupt(finding)) => {
                    broken.push((part.clone(), finding.problem));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(BATCH_ROWS).build()? {
                add(self.labels.versioned(table, current(batch?)?))?;
            }
        }
        new.map_or(Ok(()), &mut add)?;
        let Some(writer) = writer else { return Ok((None, broken)) };
        let metadata = json!({ "table": table, "rows": rows, VERSIONED: is_versioned, LAYOUT: 2, UNTIL: until });
        Ok((Some(self.putter.put(FileKind::Result, table, &writer.into_inner()?, metadata)?), broken))
    }
}

/// The table that a result file belongs to.
pub fn table_of(file: &FileRef) -> Option<&'static str> {
    let name = file.metadata.get("table")?.as_str()?;
    TABLES.into_iter().find(|table| *table == name)
}

/// Whether the rows of a result file say of which version of a definition they are, as far as they are of any.
pub(crate) fn is_versioned(file: &FileRef) -> bool {
    let is_of_definitions = matches!(table_of(file), Some("finals" | "alerts"));
    !is_of_definitions || file.metadata.get(VERSIONED).and_then(serde_json::Value::as_bool) == Some(true)
}

/// What becomes of files of the state where history goes on into tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistoryHandover {
    /// Files that are on their way.
    pub(crate) taken: BTreeSet<String>,
    /// Whether new ones are to be there for a short time only, so that it matters how long it takes to write and read them,
    /// and not how large they are.
    pub(crate) is_short: bool,
}

fn quick() -> WriterProperties {
    let properties = WriterProperties::builder().set_dictionary_enabled(false);
    properties.set_statistics_enabled(EnabledStatistics::None).build()
}

/// How files of history are written that stay: so that rows of a key are found in them ([`lookup`]).
pub(crate) fn properties() -> WriterProperties {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let properties = properties.set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    let properties = properties.set_data_page_row_count_limit(PAGE_ROWS);
    let session = || ColumnPath::from(lookup::SESSION);
    let properties = properties.set_column_bloom_filter_enabled(session(), true);
    properties.set_column_bloom_filter_fpp(session(), TAKEN_FOR_KNOWN).build()
}

fn packed(rows: &RecordBatch, properties: WriterProperties) -> Result<Vec<u8>, ParquetError> {
    let mut writer = ArrowWriter::try_new(vec![], rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.into_inner()
}

/// Puts files for the days of which there are many rows, as a table that others read will have them: these files are moved
/// there, and put together there, by their bytes. Gives back the other rows.
fn put_days(
    putter: &Putter,
    table: &str,
    rows: RecordBatch,
    now: Option<Time>,
    files: &mut Vec<FileRef>,
) -> Result<RecordBatch, Error> {
    let passing = files.iter().filter(|file| file.kind == FileKind::Result && table_of(file) == Some(table));
    if rows.num_rows() < ROWS_APART || passing.count() + DAYS_APART > PASSING_MAX {
        return Ok(rows);
    }
    let all = layout::days(table, &rows, now.unwrap_or(0));
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    all.iter().for_each(|day| *counts.entry(*day).or_default() += 1);
    let mut many: Vec<(usize, i64)> = counts.into_iter().map(|(day, count)| (count, day)).collect();
    many.retain(|(count, _)| *count >= ROWS_APART);
    many.sort_unstable();
    let days: BTreeMap<i64, usize> = many.into_iter().rev().take(DAYS_APART).map(|(count, day)| (day, count)).collect();
    if days.is_empty() {
        return Ok(rows);
    }
    let that = |is: &dyn Fn(i64) -> bool| filter_record_batch(&rows, &all.iter().map(|day| Some(is(*day))).collect());
    for (day, count) in &days {
        let own = if *count == rows.num_rows() { rows.clone() } else { that(&|of| of == *day)? };
        let own = layout::to_table(&own)?;
        let is_versioned = own.column_by_name(VERSION).is_some();
        let facts = json!({ "table": table, "rows": count, VERSIONED: is_versioned, LAYOUT: 2, UNTIL: now,
            DAY: layout::day_text(*day) });
        files.push(putter.put(FileKind::Result, table, &packed(&own, properties())?, facts)?);
    }
    Ok(that(&|of| !days.contains_key(&of))?)
}

#[cfg(test)]
mod tests {
    use super::{
        DAY, FILES_MAX, HistoryHandover, HistoryWriter, Layout, Pending, ROWS_APART, Retention, RetentionCounts,
        current, decode, layout_of,
    };
    use crate::checkpoint::{CheckpointReader, Checkpoints, LocalStore, Opened, WriterIdentity};
    use crate::damage::Damage;
    use crate::labels::Labels;
    use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, RecordBatch, StringArray};
    use arrow::datatypes::{Decimal128Type, Float64Type};
    use event_feeder::{DeadLetter, Position, RecordCode};
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;
    use timeline_dsl::{ProgramText, compile};

    /// Rows as files have them from before `value_exact`: a duration, a ratio and a text.
    pub(crate) fn old() -> RecordBatch {
        let decimals = Decimal128Array::from(vec![Some(2_268_000_001), None, None]).with_precision_and_scale(38, 9);
        let columns: [(&str, ArrayRef); 5] = [
            ("session", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
            ("metric", Arc::new(StringArray::from(vec!["m", "ratio", "state"]))),
            ("value", Arc::new(decimals.unwrap())),
            ("value_f64", Arc::new(Float64Array::from(vec![None, Some(0.25), None]))),
            ("value_text", Arc::new(StringArray::from(vec![None, None, Some("on")]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
    }

    #[test]
    fn a_file_that_is_broken_is_named_and_left_out_when_files_are_put_together() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(LocalStore::new(dir.path()));
        let identity = WriterIdentity { partition: "s/0".into(), writer: "w".into() };
        let Opened { checkpoints, .. } = Checkpoints::open(store.clone(), &identity).unwrap();
        let (putter, reader) = (checkpoints.putter(), CheckpointReader::new(store));
        let text = "source s { key k  time t in s  b: bool }\nmetric m = latest(b)".into();
        let plan = compile(&[ProgramText { name: "p.tl".into(), text, ..ProgramText::default() }]).plans.remove(0);
        let dead = |n: u64| DeadLetter {
            origin: "log".into(),
            position: Position::at(0, n),
            code: RecordCode::WrongType,
            column: None,
            reason: "none".into(),
            record: vec![],
        };
        let (mut files, mut damage) = (vec![], Damage::default());
        let mut commit = |n: u64, files| {
            let pending = Pending { dead: vec![dead(n)], ..Pending::default() };
            let mut history = HistoryWriter {
                putter: &putter,
                reader: &reader,
                plan: &plan,
                partition: 0,
                labels: &Labels::default(),
                folder: "sources/s",
                damage: &mut damage,
                retention: Retention::default(),
                dropped: &mut RetentionCounts::new(),
                passage: &HistoryHandover::default(),
            };
            history.write(&pending, files).unwrap()
        };
        for n in 1..FILES_MAX as u64 {
            files = commit(n, files);
        }
        assert_eq!(files.len(), FILES_MAX - 1);
        let broken = files[3].clone();
        let mut bytes = reader.read(&broken).unwrap();
        bytes[9] ^= 1;
        std::fs::write(dir.path().join(&broken.name), bytes).unwrap();
        let files = commit(FILES_MAX as u64, files);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!((names.len(), names[0]), (2, broken.name.as_str()), "{names:?}");
        assert!(damage.has("sources/s", &broken.name), "{damage:?}");
        let rows: usize = decode(reader.read(&files[1]).unwrap()).unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, FILES_MAX - 1, "those of all others, and the new one");
    }

    #[test]
    fn what_goes_on_into_tables_has_files_of_days_and_is_not_put_together_before() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(LocalStore::new(dir.path()));
        let identity = WriterIdentity { partition: "s/0".into(), writer: "w".into() };
        let Opened { checkpoints, .. } = Checkpoints::open(store.clone(), &identity).unwrap();
        let (putter, reader) = (checkpoints.putter(), CheckpointReader::new(store));
        let text = "source s { key k  time t in s  b: bool }\nmetric m = latest(b)".into();
        let plan = compile(&[ProgramText { name: "p.tl".into(), text, ..ProgramText::default() }]).plans.remove(0);
        let dead = |n: u64| DeadLetter {
            origin: "log".into(),
            position: Position::at(0, n),
            code: RecordCode::WrongType,
            column: None,
            reason: "none".into(),
            record: vec![],
        };
        let (mut damage, mut files) = (Damage::default(), vec![]);
        let mut commit = |count: usize, is_short: bool, files| {
            let pending = Pending { dead: (0..count as u64).map(dead).collect(), ..Pending::default() };
            let mut history = HistoryWriter {
                putter: &putter,
                reader: &reader,
                plan: &plan,
                partition: 0,
                labels: &Labels::default(),
                folder: "sources/s",
                damage: &mut damage,
                retention: Retention { now: Some(86_400_000_000_000), ..Retention::default() },
                dropped: &mut RetentionCounts::new(),
                passage: &HistoryHandover { is_short, ..HistoryHandover::default() },
            };
            history.write(&pending, files).unwrap()
        };
        for _ in 0..FILES_MAX {
            files = commit(ROWS_APART, true, files);
        }
        assert_eq!(files.len(), FILES_MAX, "they are left for the tables");
        assert!(files.iter().all(|file| file.metadata[DAY] == "1970-01-02" && layout_of(file) == Layout::Table));
        files = commit(ROWS_APART - 1, true, files);
        assert!(files[FILES_MAX].metadata.get(DAY).is_none(), "few rows are not worth it");
        // Where they stay for longer, because the tables cannot be written, they are put together like all others.
        let files = commit(1, false, files);
        assert_eq!((files.len(), layout_of(&files[0])), (1, Layout::Exact));
        let rows: usize = decode(reader.read(&files[0]).unwrap()).unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, FILES_MAX * ROWS_APART + ROWS_APART - 1 + 1);
    }

    #[test]
    fn files_of_before_have_the_columns_of_now() {
        let mut bytes = vec![];
        let mut writer = ArrowWriter::try_new(&mut bytes, old().schema(), None).unwrap();
        writer.write(&old()).unwrap();
        writer.close().unwrap();
        let rows = &decode(bytes).unwrap()[0];
        let value = rows.column_by_name("value").unwrap().as_primitive::<Float64Type>();
        assert_eq!(value.iter().collect::<Vec<_>>(), [Some(2.268_000_001), Some(0.25), None]);
        let exact = rows.column_by_name("value_exact").unwrap().as_primitive::<Decimal128Type>();
        assert_eq!((exact.value(0), exact.null_count()), (2_268_000_001, 2));
        assert!(rows.column_by_name("value_f64").is_none());
        assert_eq!(current(rows.clone()).unwrap(), *rows, "rows of now stay as they are");
    }
}
