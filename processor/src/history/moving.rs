//! Rows on their way from files of the state into the files of tables, a day each.

use super::packed::{Packed, join};
use crate::checkpoint::{self, CheckpointReader, FileKind, FileRef, Putter};
use crate::labels::Labels;
use crate::results::layout::{self, day_text};
use crate::results::{self, Error, LARGE, TABLES, table_of};
use crate::traced;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::Time;

/// Files of a day of about one size before they are put together.
const FILES_MAX: usize = 24;
/// So many bytes of the state are moved at a time.
const BYTES_AT_ONCE: u64 = 64 << 20;

/// Whether a file of the state is to go into a table.
pub(crate) fn goes(file: &FileRef) -> bool {
    file.kind == FileKind::Result && table_of(file).is_some()
}

/// What is to be moved.
pub(crate) struct HistoryMove {
    /// The files that a checkpoint names, those in tables among them.
    pub(crate) files: Vec<FileRef>,
    pub(crate) labels: Labels,
    pub(crate) putter: Putter,
    pub(crate) reader: CheckpointReader,
}

/// What was moved: the files that are not needed once those that have their rows are named.
#[derive(Default)]
pub(crate) struct HistoryMoved {
    pub(crate) taken: BTreeSet<String>,
    pub(crate) files: Vec<FileRef>,
    /// The columns of `files`.
    pub(crate) schemas: BTreeMap<String, SchemaRef>,
}

impl HistoryMoved {
    /// The files of the next checkpoint, if all that was taken is still there.
    pub(crate) fn apply(&self, files: &[FileRef]) -> Option<Vec<FileRef>> {
        let is_taken = |file: &&FileRef| self.taken.contains(&file.name);
        let all_there = files.iter().filter(is_taken).count() == self.taken.len();
        let stay = files.iter().filter(|file| !self.taken.contains(&file.name));
        all_there.then(|| stay.chain(&self.files).cloned().collect())
    }
}

/// A file that is being written.
struct HistoryFile {
    writer: ArrowWriter<Vec<u8>>,
    rows: usize,
    /// Up to which watermark its rows were told.
    until: Option<Time>,
    schema: SchemaRef,
}

impl HistoryMove {
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
    pub(crate) fn run(&self) -> Result<HistoryMoved, Error> {
        let span = traced::history_move();
        traced::within(&span, || {
            let moved = self.write_or_nothing()?;
            let bytes = moved.files.iter().map(|file| file.length).sum();
            traced::moved(&span, moved.taken.len(), moved.files.len(), bytes);
            Ok(moved)
        })
    }

    fn write_or_nothing(&self) -> Result<HistoryMoved, Error> {
        let mut moved = HistoryMoved::default();
        self.write_all(&mut moved).inspect_err(|_| {
            moved.files.iter().for_each(|file| drop(self.putter.delete_history(&file.name)));
        })?;
        Ok(moved)
    }

    fn write_all(&self, moved: &mut HistoryMoved) -> Result<(), Error> {
        for table in TABLES {
            let of = |file: &&FileRef| table_of(file) == Some(table);
            let next = HistoryMove::next(&self.files);
            self.write(table, next.iter().filter(of), false, moved)?;
            let mut small: BTreeMap<&str, Vec<&FileRef>> = BTreeMap::new();
            let beside = self.files.iter().filter(|file| file.kind == FileKind::History && file.length < LARGE);
            for file in beside.filter(of) {
                small.entry(day_of(file).unwrap_or_default()).or_default().push(file);
            }
            for files in small.into_values() {
                let chosen = together(&files.iter().map(|file| file.length).collect::<Vec<_>>());
                self.write(table, chosen.into_iter().map(|i| files[i]), true, moved)?;
            }
        }
        Ok(())
    }

    fn write<'a>(
        &self,
        table: &str,
        files: impl Iterator<Item = &'a FileRef>,
        rewrites: bool,
        moved: &mut HistoryMoved,
    ) -> Result<(), Error> {
        let mut days: BTreeMap<String, Vec<HistoryFile>> = BTreeMap::new();
        let mut copied: Vec<MergedFile<'_>> = vec![];
        for file in files {
            let bytes = match self.reader.read(file) {
                Ok(bytes) => Bytes::from(bytes),
                // It stays where it is, and is named as what is broken.
                Err(checkpoint::Error::Corrupt(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(day) = day_of(file) {
                let packed = Packed::of(bytes.clone())?;
                if !rewrites || packed.is_worth_copying() {
                    copy(&mut copied, day, file, packed);
                    continue;
                }
            }
            let until = results::until(file);
            for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(1 << 13).build()? {
                let rows = self.labels.versioned(table, results::current(batch?)?);
                if let Some(day) = day_of(file) {
                    add(days.entry(day.to_owned()).or_default(), &layout::to_table(&rows)?, until)?;
                    continue;
                }
                let all = layout::days(table, &rows, until.unwrap_or(0));
                let rows = layout::to_table(&rows)?;
                for day in all.iter().copied().collect::<BTreeSet<i64>>() {
                    let own: BooleanArray = all.iter().map(|of| Some(*of == day)).collect();
                    add(days.entry(day_text(day)).or_default(), &filter_record_batch(&rows, &own)?, until)?;
                }
            }
            moved.taken.insert(file.name.clone());
        }
        // One alone is as it would be.
        for MergedFile { day, files, parts } in copied.into_iter().filter(|copied| !rewrites || copied.parts.len() > 1)
        {
            let until = files.iter().filter_map(|file| results::until(file)).max();
            let rows: u64 = parts.iter().map(Packed::rows).sum();
            let (bytes, schema) = (join(&parts)?, Arc::clone(parts[0].schema()));
            self.put((table, day), (&bytes[..], rows, until, rewrites), schema, moved)?;
            moved.taken.extend(files.into_iter().map(|file| file.name.clone()));
        }
        for (day, all) in days {
            for HistoryFile { writer, rows, until, schema } in all {
                let bytes = writer.into_inner()?;
                self.put((table, &day), (&bytes[..], rows as u64, until, rewrites), schema, moved)?;
            }
        }
        Ok(())
    }

    /// Puts a file of a day of a table, with the number of its rows, up to when they were told, and whether others had them
    /// before.
    fn put(
        &self,
        (table, day): (&str, &str),
        (bytes, rows, until, rewrites): (&[u8], u64, Option<Time>, bool),
        schema: SchemaRef,
        moved: &mut HistoryMoved,
    ) -> Result<(), Error> {
        let facts = json!({ "table": table, "rows": rows, results::VERSIONED: true, results::UNTIL: until,
            results::DAY: day, REWRITES: rewrites });
        let file = self.putter.put_history((folder_of(table), day), bytes, facts)?;
        moved.schemas.insert(file.name.clone(), schema);
        moved.files.push(file);
        Ok(())
    }
}

/// Files of a day that become one by their bytes.
struct MergedFile<'a> {
    day: &'a str,
    files: Vec<&'a FileRef>,
    parts: Vec<Packed>,
}

fn copy<'a>(copied: &mut Vec<MergedFile<'a>>, day: &'a str, file: &'a FileRef, packed: Packed) {
    let is_like = |one: &MergedFile<'_>| one.day == day && one.parts[0].is_like(&packed);
    match copied.iter().position(is_like) {
        Some(at) => {
            copied[at].files.push(file);
            copied[at].parts.push(packed);
        }
        None => copied.push(MergedFile { day, files: vec![file], parts: vec![packed] }),
    }
}

/// Which files of a day are to be put together, by their lengths in bytes: some of about one size, so that no row is written
/// anew more often than a few times, and no more than become a large file. None where there are few.
fn together(lengths: &[u64]) -> Vec<usize> {
    let mut sizes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, length) in lengths.iter().enumerate() {
        // Each is eight times as large as the one before.
        sizes.entry((*length).max(1 << 16).ilog2() / 3).or_default().push(i);
    }
    let bytes = |files: &[usize]| files.iter().map(|i| lengths[*i]).sum::<u64>();
    let are_many = |files: &Vec<usize>| files.len() >= FILES_MAX || (files.len() > 1 && bytes(files) >= LARGE);
    let Some(chosen) = sizes.into_values().find(are_many) else { return vec![] };
    let mut total = 0;
    let fits = |i: &usize| {
        let has_room = total < LARGE;
        total += lengths[*i];
        has_room
    };
    chosen.into_iter().take_while(fits).collect()
}

/// Of a file of a table whether it has the rows of other files of the table.
const REWRITES: &str = "rewrites";

/// The folder of a table, as others know it.
pub(crate) fn folder_of(table: &str) -> &str {
    if table == results::PARTS { "totals" } else { table }
}

/// The day of a file of a table, and of one of the state that is written as a table has it.
pub(crate) fn day_of(file: &FileRef) -> Option<&str> {
    file.metadata.get(results::DAY)?.as_str()
}

/// Whether the rows of a file were in others of its table before.
#[cfg(feature = "lake")]
pub(super) fn rewrites(file: &FileRef) -> bool {
    file.metadata.get(REWRITES).and_then(serde_json::Value::as_bool) == Some(true)
}

/// Appends rows to the file that has their columns, or begins one.
fn add(files: &mut Vec<HistoryFile>, rows: &RecordBatch, until: Option<Time>) -> Result<(), Error> {
    let same = files.iter().position(|file| file.schema == rows.schema());
    let at = match same {
        Some(at) => at,
        None => {
            let writer = ArrowWriter::try_new(vec![], rows.schema(), Some(results::properties()))?;
            files.push(HistoryFile { writer, rows: 0, until: None, schema: rows.schema() });
            files.len() - 1
        }
    };
    let file = &mut files[at];
    file.writer.write(rows)?;
    file.rows += rows.num_rows();
    file.until = file.until.max(until);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_about_one_size_are_put_together_and_become_no_more_than_a_large_one() {
        let small = vec![1_000; FILES_MAX];
        assert_eq!(together(&small), (0..FILES_MAX).collect::<Vec<_>>());
        assert!(together(&small[1..]).is_empty());
        // What was put together is left alone until there are as many of its size.
        let mut mixed = vec![1 << 20; FILES_MAX - 1];
        mixed.extend(&small[1..]);
        assert!(together(&mixed).is_empty());
        mixed.push(1_000);
        assert_eq!(together(&mixed), (FILES_MAX - 1..2 * FILES_MAX - 1).collect::<Vec<_>>());
        // Few that become a large one; and not more of them than that.
        assert_eq!(together(&[40 << 20, 40 << 20, 40 << 20]), [0, 1]);
        assert!(together(&[40 << 20]).is_empty() && together(&[]).is_empty());
    }

    #[test]
    fn a_row_is_written_anew_a_few_times_however_long_a_day_goes_on() {
        // A file of 200 kB a minute.
        let (mut files, mut written) = (vec![], 0);
        for _ in 0..24 * 60 {
            files.push(200_000_u64);
            let chosen = together(&files);
            let bytes: u64 = chosen.iter().map(|i| files[*i]).sum();
            written += bytes;
            files = files.iter().enumerate().filter(|(i, _)| !chosen.contains(i)).map(|(_, length)| *length).collect();
            files.extend((bytes > 0).then_some(bytes));
            files.retain(|length| *length < LARGE);
        }
        let all = 24 * 60 * 200_000;
        assert!(written < 4 * all, "{} times", written / all);
        assert!(files.len() < 4 * FILES_MAX, "{}", files.len());
    }
}
