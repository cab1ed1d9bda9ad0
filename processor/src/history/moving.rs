//! Rows on their way from files of the state into the files of tables, a day each.

use super::layout::{self, day_text};
use crate::checkpoint::{self, FileRef, Kind, Putter, Reader};
use crate::labels::Labels;
use crate::results::{self, Error, LARGE, table_of};
use crate::traced;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use timeline_core::Time;

/// Files of a day that are not large before they are put together.
const FILES_MAX: usize = 24;
/// So many bytes of the state are moved at a time.
const BYTES_AT_ONCE: u64 = 64 << 20;

/// The tables that others read. What a log had that could not be used is not among them: every deployment that reads the log
/// finds it anew.
pub(crate) const TABLES: [&str; 3] = ["finals", "alerts", results::PARTS];

/// Whether a file of the state is to go into a table.
pub(crate) fn goes(file: &FileRef) -> bool {
    file.kind == Kind::Result && table_of(file).is_some_and(|table| TABLES.contains(&table))
}

/// What is to be moved.
pub(crate) struct Move {
    /// The files that a checkpoint names, those in tables among them.
    pub(crate) files: Vec<FileRef>,
    pub(crate) labels: Labels,
    pub(crate) putter: Putter,
    pub(crate) reader: Reader,
}

/// What was moved: the files that are not needed once those that have their rows are named.
#[derive(Default)]
pub(crate) struct Moved {
    pub(crate) taken: BTreeSet<String>,
    pub(crate) files: Vec<FileRef>,
    /// The columns of `files`.
    pub(crate) schemas: BTreeMap<String, SchemaRef>,
}

impl Moved {
    /// The files of the next checkpoint, if all that was taken is still there.
    pub(crate) fn apply(&self, files: &[FileRef]) -> Option<Vec<FileRef>> {
        let is_taken = |file: &&FileRef| self.taken.contains(&file.name);
        let all_there = files.iter().filter(is_taken).count() == self.taken.len();
        let stay = files.iter().filter(|file| !self.taken.contains(&file.name));
        all_there.then(|| stay.chain(&self.files).cloned().collect())
    }
}

/// A file that is being written.
struct Written {
    writer: ArrowWriter<Vec<u8>>,
    rows: usize,
    /// Up to which watermark its rows were told.
    until: Option<Time>,
    schema: SchemaRef,
}

impl Move {
    /// The files of the state that come next, of all tables.
    pub(crate) fn next(files: &[FileRef]) -> Vec<FileRef> {
        let mut bytes = 0;
        let own = files.iter().filter(|file| goes(file));
        let next = own.take_while(|file| {
            let fits = bytes == 0 || bytes + file.length <= BYTES_AT_ONCE;
            bytes += file.length;
            fits
        });
        next.cloned().collect()
    }

    /// Writes the rows of the next files of the state into tables, and puts files of a day together that are many. What fails
    /// leaves no file.
    pub(crate) fn run(&self) -> Result<Moved, Error> {
        let span = traced::history_move();
        traced::within(&span, || {
            let moved = self.write_or_nothing()?;
            let bytes = moved.files.iter().map(|file| file.length).sum();
            traced::moved(&span, moved.taken.len(), moved.files.len(), bytes);
            Ok(moved)
        })
    }

    fn write_or_nothing(&self) -> Result<Moved, Error> {
        let mut moved = Moved::default();
        self.write_all(&mut moved).inspect_err(|_| {
            moved.files.iter().for_each(|file| drop(self.putter.delete_history(&file.name)));
        })?;
        Ok(moved)
    }

    fn write_all(&self, moved: &mut Moved) -> Result<(), Error> {
        for table in TABLES {
            let of = |file: &&FileRef| table_of(file) == Some(table);
            let next = Move::next(&self.files);
            self.write(table, next.iter().filter(of), false, moved)?;
            let mut small: BTreeMap<&str, Vec<&FileRef>> = BTreeMap::new();
            let beside = self.files.iter().filter(|file| file.kind == Kind::History && file.length < LARGE);
            for file in beside.filter(of) {
                small.entry(day_of(file).unwrap_or_default()).or_default().push(file);
            }
            for files in small.into_values().filter(|files| files.len() >= FILES_MAX) {
                self.write(table, files.into_iter(), true, moved)?;
            }
        }
        Ok(())
    }

    fn write<'a>(
        &self,
        table: &str,
        files: impl Iterator<Item = &'a FileRef>,
        rewrites: bool,
        moved: &mut Moved,
    ) -> Result<(), Error> {
        let mut days: BTreeMap<i64, Vec<Written>> = BTreeMap::new();
        for file in files {
            let bytes = match self.reader.read(file) {
                Ok(bytes) => Bytes::from(bytes),
                // It stays where it is, and is named as what is broken.
                Err(checkpoint::Error::Corrupt(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let until = results::until(file);
            for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(1 << 13).build()? {
                let rows = self.labels.versioned(table, results::current(batch?)?);
                let all = layout::days(&rows, until.unwrap_or(0));
                let rows = layout::to_table(&rows)?;
                for day in all.iter().copied().collect::<BTreeSet<i64>>() {
                    let own: BooleanArray = all.iter().map(|of| Some(*of == day)).collect();
                    add(days.entry(day).or_default(), &filter_record_batch(&rows, &own)?, until)?;
                }
            }
            moved.taken.insert(file.name.clone());
        }
        for (day, all) in days {
            for Written { writer, rows, until, schema } in all {
                let facts = json!({ "table": table, "rows": rows, results::VERSIONED: true, results::UNTIL: until,
                    DAY: day_text(day), REWRITES: rewrites });
                let place = (folder_of(table), &*day_text(day));
                let file = self.putter.put_history(place, &writer.into_inner()?, facts)?;
                moved.schemas.insert(file.name.clone(), schema);
                moved.files.push(file);
            }
        }
        Ok(())
    }
}

/// Of a file of a table its day, and whether it has the rows of other files of the table.
const DAY: &str = "day";
const REWRITES: &str = "rewrites";

/// The folder of a table, as others know it.
pub(crate) fn folder_of(table: &str) -> &str {
    if table == results::PARTS { "totals" } else { table }
}

/// The day of a file of a table.
pub(crate) fn day_of(file: &FileRef) -> Option<&str> {
    file.metadata.get(DAY)?.as_str()
}

/// Whether the rows of a file were in others of its table before.
pub(super) fn rewrites(file: &FileRef) -> bool {
    file.metadata.get(REWRITES).and_then(serde_json::Value::as_bool) == Some(true)
}

/// Appends rows to the file that has their columns, or begins one.
fn add(files: &mut Vec<Written>, rows: &RecordBatch, until: Option<Time>) -> Result<(), Error> {
    let same = files.iter().position(|file| file.schema == rows.schema());
    let at = match same {
        Some(at) => at,
        None => {
            let writer = ArrowWriter::try_new(vec![], rows.schema(), Some(results::properties()))?;
            files.push(Written { writer, rows: 0, until: None, schema: rows.schema() });
            files.len() - 1
        }
    };
    let file = &mut files[at];
    file.writer.write(rows)?;
    file.rows += rows.num_rows();
    file.until = file.until.max(until);
    Ok(())
}
