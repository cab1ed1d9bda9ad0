//! Committed history: rows of sessions and alerts that are over, late events and dead letters, as Parquet.
//!
//! A checkpoint writes what was told since the one before and names the file, so readers see exactly what is committed.
//! Small files are put together from time to time; a file is never changed.

pub(crate) mod lookup;
mod retention;

pub use retention::{Dropped, DroppedRows};
pub(crate) use retention::{Retention, until};

use crate::checkpoint::{self, FileRef, Kind as FileKind, Putter, Reader};
use crate::damage::Damage;
use crate::history::layout;
use crate::labels::{Labels, VERSION};
use crate::lane::{AlertRow, Late, Session};
use crate::rows::{self, AlertColumns, Cell, Kind, TableBuilder};
use crate::totals::Part;
use arrow::array::RecordBatch;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{cast, filter_record_batch, is_not_null};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use event_feeder::{DeadLetter, Position};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// The tables of history.
pub const TABLES: [&str; 5] = ["finals", "alerts", "late_events", "dead_letters", PARTS];
/// What groups of windows came to that are over; no table that can be asked for, but what `totals` are made of.
pub const PARTS: &str = "parts";
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

/// What has been told and is not yet committed.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    /// Sessions that ended.
    pub sessions: Vec<Session>,
    /// Spans of alerts that ended.
    pub alerts: Vec<AlertRow>,
    /// Events that came too late.
    pub late: Vec<Late>,
    /// Records and values that could not be used.
    pub dead: Vec<DeadLetter>,
    /// What groups of windows came to that are over.
    pub parts: Vec<Part>,
}

impl Pending {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.sessions.len() + self.alerts.len() + self.late.len() + self.dead.len() + self.parts.len()
    }

    /// What of it belongs to sessions of some keys, or to none.
    #[must_use]
    pub fn of_keys(&self, keys: &BTreeSet<String>) -> Pending {
        Pending {
            sessions: self.sessions.iter().filter(|session| keys.contains(&*session.key)).cloned().collect(),
            alerts: self.alerts.iter().filter(|row| keys.contains(&*row.key)).cloned().collect(),
            late: self.late.iter().filter(|late| keys.contains(&*late.key)).cloned().collect(),
            dead: self.dead.clone(),
            parts: self.parts.clone(),
        }
    }

    /// What of it belongs to no session.
    #[must_use]
    pub fn beside_sessions(&self) -> Pending {
        Pending { dead: self.dead.clone(), parts: self.parts.clone(), ..Pending::default() }
    }

    /// Appends what was told later.
    pub fn append(&mut self, mut other: Pending) {
        self.sessions.append(&mut other.sessions);
        self.alerts.append(&mut other.alerts);
        self.late.append(&mut other.late);
        self.dead.append(&mut other.dead);
        self.parts.append(&mut other.parts);
    }

    /// Takes out what is not seen.
    pub(crate) fn hide(&mut self, plan: &Plan, labels: &Labels) {
        if labels.hidden.is_empty() {
            return;
        }
        for (i, _) in plan.metrics.iter().enumerate().filter(|(_, metric)| !labels.shows(&metric.name)) {
            for session in &mut self.sessions {
                if let Some(shares) = session.shares.get_mut(i) {
                    *shares = Default::default();
                }
            }
        }
        self.alerts.retain(|row| labels.shows(&plan.alerts[row.alert].name));
    }

    /// The rows of one of [`TABLES`].
    pub fn table(&self, table: &str, plan: &Plan, partition: u32) -> RecordBatch {
        match table {
            "finals" => rows::finals(&[(plan, &self.sessions)]),
            "alerts" => rows::alerts(&[(plan, &self.alerts)], AlertColumns::Both),
            "late_events" => late_events(plan, partition, &self.late),
            "dead_letters" => dead_letters(plan, partition, &self.dead),
            PARTS => rows::parts(plan, &self.parts),
            other => unreachable!("{other} is no table of history"),
        }
    }
}

/// `source, partition, session, time, position, reason, repaired`.
pub fn late_events(plan: &Plan, partition: u32, late: &[Late]) -> RecordBatch {
    let columns = [
        ("source", Kind::Text),
        ("partition", Kind::Int),
        ("session", Kind::Text),
        ("time", Kind::Time),
        ("position", Kind::Text),
        ("reason", Kind::Text),
        ("repaired", Kind::Bool),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    let mut late: Vec<&Late> = late.iter().collect();
    late.sort_by_key(|late| late.position);
    for Late { key, time, position, reason, repaired } in late {
        table.push([
            Cell::Text(name_of(plan, *position)),
            Cell::Int(i64::from(partition)),
            Cell::Text(key.to_string()),
            Cell::Time(*time),
            Cell::Text(position.to_string()),
            Cell::Text(reason.name().to_owned()),
            Cell::Bool(*repaired),
        ]);
    }
    table.finish()
}

/// The source in whose log a place is.
fn name_of(plan: &Plan, position: Position) -> String {
    plan.source_at(usize::from(position.source)).name.clone()
}

/// `source, partition, origin, position, code, column, reason, record`; the record's bytes that are not UTF-8 are shown as U+FFFD.
pub fn dead_letters(plan: &Plan, partition: u32, dead: &[DeadLetter]) -> RecordBatch {
    let columns = ["source", "partition", "origin", "position", "code", "column", "reason", "record"];
    let kind = |name: &str| if name == "partition" { Kind::Int } else { Kind::Text };
    let mut table = TableBuilder::new(columns.map(|name| (name.to_owned(), kind(name))));
    let mut dead: Vec<&DeadLetter> = dead.iter().collect();
    dead.sort_by_key(|dead| dead.position);
    for letter in dead {
        table.push([
            Cell::Text(name_of(plan, letter.position)),
            Cell::Int(i64::from(partition)),
            Cell::Text(letter.origin.to_string()),
            Cell::Text(letter.position.to_string()),
            Cell::Text(letter.code.as_str().to_owned()),
            letter.column.as_ref().map_or(Cell::Null, |column| Cell::Text(column.to_string())),
            Cell::Text(letter.reason.to_string()),
            Cell::Text(String::from_utf8_lossy(&letter.record).into_owned()),
        ]);
    }
    table.finish()
}

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

/// Writes what is pending and returns the complete list of result files, put together where they became many.
/// Rows of definitions have the versions of those.
///
/// A file that is not as it was written stays as it is, and named: what it held is for the others to go on without. So do
/// those that are being moved into tables, and those that were.
pub(crate) fn write(
    (putter, reader): (&Putter, &Reader),
    (plan, partition, labels): (&Plan, u32, &Labels),
    pending: &Pending,
    mut files: Vec<FileRef>,
    (folder, damage): (&str, &mut Damage),
    (retention, dropped): (Retention, &mut Dropped),
    passage: &Passage,
) -> Result<Vec<FileRef>, Error> {
    files = retention.drop_old(files, dropped);
    for table in TABLES {
        let mut rows = Some(labels.versioned(table, pending.table(table, plan, partition)));
        rows = rows.filter(|rows| rows.num_rows() > 0);
        let small = |file: &FileRef| {
            let is_own = file.kind == FileKind::Result && !passage.taken.contains(&file.name);
            // What goes on soon goes on as it is.
            let stays = is_own && !(passage.is_short && file.metadata.get(DAY).is_some());
            stays && table_of(file) == Some(table) && file.length < LARGE
        };
        let mut stretches: BTreeMap<Option<Time>, usize> = BTreeMap::new();
        for file in files.iter().filter(|file| small(file) && !damage.has(folder, &file.name)) {
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
                        rows = put_days(putter, table, rows, retention.now, &mut files)?;
                    }
                    if rows.num_rows() > 0 {
                        files.push(put(putter, table, &rows, (retention.now, passage.is_short))?);
                    }
                }
                continue;
            }
            let is_part =
                |file: &FileRef| small(file) && !damage.has(folder, &file.name) && retention.stretch(file) == stretch;
            let (parts, kept): (Vec<FileRef>, Vec<FileRef>) = files.into_iter().partition(is_part);
            files = kept;
            let (file, broken) = put_together((putter, reader), (labels, table), &parts, (new, retention.now))?;
            for (part, problem) in broken {
                damage.note(folder, &part, &problem);
                files.push(part);
            }
            files.extend(file);
        }
    }
    Ok(files)
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

/// Files with what is wrong with them.
type Broken = Vec<(FileRef, checkpoint::Problem)>;

/// One file of several, and of what is new, a batch at a time: of what is read and of what is written only the compressed
/// bytes are in memory. What is new has no file of its own: one that no checkpoint names would lie about. Those that are not
/// as they were written are given back.
fn put_together(
    (putter, reader): (&Putter, &Reader),
    (labels, table): (&Labels, &str),
    parts: &[FileRef],
    (new, now): (Option<RecordBatch>, Option<Time>),
) -> Result<(Option<FileRef>, Broken), Error> {
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
        let bytes = match reader.read(part) {
            Ok(bytes) => Bytes::from(bytes),
            Err(checkpoint::Error::Corrupt(finding)) => {
                broken.push((part.clone(), finding.problem));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(BATCH_ROWS).build()? {
            add(labels.versioned(table, current(batch?)?))?;
        }
    }
    new.map_or(Ok(()), &mut add)?;
    let Some(writer) = writer else { return Ok((None, broken)) };
    let metadata = json!({ "table": table, "rows": rows, VERSIONED: is_versioned, LAYOUT: 2, UNTIL: until });
    Ok((Some(putter.put(FileKind::Result, table, &writer.into_inner()?, metadata)?), broken))
}

/// What becomes of files of the state where history goes on into tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passage {
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

fn put(
    putter: &Putter,
    table: &str,
    rows: &RecordBatch,
    (now, is_short): (Option<Time>, bool),
) -> Result<FileRef, Error> {
    let bytes = packed(rows, if is_short { quick() } else { properties() })?;
    let is_versioned = rows.column_by_name(VERSION).is_some();
    let facts = json!({ "table": table, "rows": rows.num_rows(), VERSIONED: is_versioned, LAYOUT: 2, UNTIL: now });
    Ok(putter.put(FileKind::Result, table, &bytes, facts)?)
}

#[cfg(test)]
mod tests {
    use super::{
        DAY, Dropped, FILES_MAX, Layout, Passage, Pending, ROWS_APART, Retention, current, decode, layout_of, write,
    };
    use crate::checkpoint::{Checkpoints, Identity, LocalStore, Opened, Reader};
    use crate::damage::Damage;
    use crate::labels::Labels;
    use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, RecordBatch, StringArray};
    use arrow::datatypes::{Decimal128Type, Float64Type};
    use event_feeder::{Code, DeadLetter, Position};
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;
    use timeline_dsl::{Program, compile};

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
        let identity = Identity { partition: "s/0".into(), writer: "w".into() };
        let Opened { checkpoints, .. } = Checkpoints::open(store.clone(), &identity).unwrap();
        let (putter, reader) = (checkpoints.putter(), Reader::new(store));
        let text = "source s { key k  time t in s  b: bool }\nmetric m = latest(b)".into();
        let plan = compile(&[Program { name: "p.tl".into(), text, ..Program::default() }]).plans.remove(0);
        let dead = |n: u64| DeadLetter {
            origin: "log".into(),
            position: Position::at(0, n),
            code: Code::WrongType,
            column: None,
            reason: "none".into(),
            record: vec![],
        };
        let (mut files, mut damage) = (vec![], Damage::default());
        let mut commit = |n: u64, files| {
            let pending = Pending { dead: vec![dead(n)], ..Pending::default() };
            let what = (&plan, 0, &Labels::default());
            let retention = (Retention::default(), &mut Dropped::new());
            let place = ("sources/s", &mut damage);
            write((&putter, &reader), what, &pending, files, place, retention, &Passage::default()).unwrap()
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
        let identity = Identity { partition: "s/0".into(), writer: "w".into() };
        let Opened { checkpoints, .. } = Checkpoints::open(store.clone(), &identity).unwrap();
        let (putter, reader) = (checkpoints.putter(), Reader::new(store));
        let text = "source s { key k  time t in s  b: bool }\nmetric m = latest(b)".into();
        let plan = compile(&[Program { name: "p.tl".into(), text, ..Program::default() }]).plans.remove(0);
        let dead = |n: u64| DeadLetter {
            origin: "log".into(),
            position: Position::at(0, n),
            code: Code::WrongType,
            column: None,
            reason: "none".into(),
            record: vec![],
        };
        let (mut damage, mut files) = (Damage::default(), vec![]);
        let mut commit = |count: usize, is_short: bool, files| {
            let pending = Pending { dead: (0..count as u64).map(dead).collect(), ..Pending::default() };
            let (what, place) = ((&plan, 0, &Labels::default()), ("sources/s", &mut damage));
            let now = Some(86_400_000_000_000);
            let (retention, mut dropped) = (Retention { now, ..Retention::default() }, Dropped::new());
            let passage = Passage { is_short, ..Passage::default() };
            write((&putter, &reader), what, &pending, files, place, (retention, &mut dropped), &passage).unwrap()
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
