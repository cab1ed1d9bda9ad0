//! One open file of a log, read block by block.

use super::known::KnownFile;
use crate::csv::{self, Scan};
use crate::cutter::{BLOCK, Cut, Cutter};
use crate::format::BOM;
use crate::{Block, Error, Format, Payload, Position};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use timeline_core::plan::FieldPath;

/// The names in a CSV header, and where it ends.
type Header<Place> = (Arc<[String]>, Place);

/// How many rows a block of Parquet has at most.
const ROWS: usize = 4096;

/// An open file.
pub(super) struct Open {
    reader: Reader,
    origin: Arc<str>,
    /// Where the next block begins: bytes, or rows.
    at: Position,
}

enum Reader {
    Text { file: File, cutter: Cutter, header: Option<Arc<[String]>>, csv: bool },
    Rows(ParquetRecordBatchReader),
}

impl Open {
    /// Opens a file after a place in it; `Ok(None)` if it is a Parquet file that has no end yet.
    pub(super) fn new(
        known: &mut KnownFile,
        at: Position,
        format: Format,
        read: Option<&[FieldPath]>,
        spare: &mut Cutter,
    ) -> Result<Option<Self>, Error> {
        let origin: Arc<str> = Arc::from(&*known.name);
        if format == Format::Parquet {
            let file = known.open(0)?;
            if !is_finished(&file).map_err(Error::read(&origin))? {
                return Ok(None);
            }
            let reader = Reader::Rows(rows(file, &origin, at.offset, read)?);
            return Ok(Some(Open { reader, origin, at }));
        }
        let csv = format == Format::Csv;
        let mut file = known.open(at.offset)?;
        let header = match csv && at.offset > 0 {
            true => read_header(&mut file, &origin)?.map(|(header, _)| header),
            false => None,
        };
        file.seek(SeekFrom::Start(at.offset)).map_err(Error::read(&origin))?;
        let mut cutter = Cutter::new(csv);
        cutter.take_spare(spare);
        Ok(Some(Open { reader: Reader::Text { file, cutter, header, csv }, origin, at }))
    }

    /// Where the next block begins.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// The next block that ends at or before `limit` bytes (rows); `finish` as for [`Cutter::next`].
    pub(super) fn next(&mut self, limit: Option<u64>, finish: bool) -> Result<Option<Block>, Error> {
        let start = self.at;
        let payload = match &mut self.reader {
            Reader::Rows(reader) => {
                let Some(rows) = reader.next() else { return Ok(None) };
                let mut rows = rows.map_err(|error| bad_parquet(&self.origin, &error))?;
                if let Some(left) = limit.map(|limit| limit.saturating_sub(start.offset)) {
                    rows = rows.slice(0, rows.num_rows().min(usize::try_from(left).unwrap_or(usize::MAX)));
                }
                if rows.num_rows() == 0 {
                    return Ok(None);
                }
                self.at = start.plus(rows.num_rows() as u64);
                Payload::Rows(rows)
            }
            Reader::Text { .. } => match self.next_text(limit, finish)? {
                Some(payload) => payload,
                None => return Ok(None),
            },
        };
        let length = match &payload {
            Payload::Lines(bytes) | Payload::Csv { bytes, .. } => Some(bytes.len() as u64),
            _ => None,
        };
        // What was taken off the front (a CSV header) belongs to no block.
        let start = length.map_or(start, |length| Position { offset: self.at.offset - length, ..start });
        Ok(Some(Block { payload, start, end: self.at, origin: self.origin.clone(), marks: vec![] }))
    }

    fn next_text(&mut self, limit: Option<u64>, finish: bool) -> Result<Option<Payload>, Error> {
        let Reader::Text { file, cutter, header, csv } = &mut self.reader else { return Ok(None) };
        loop {
            let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.at.offset + cutter.held()));
            match cutter.next(&mut Read::take(&*file, left), finish).map_err(Error::read(&self.origin))? {
                Cut::Nothing => return Ok(None),
                Cut::TooLong(bytes, length) => {
                    self.at = self.at.plus(length);
                    if *csv && header.is_none() {
                        return Err(bad_header(&self.origin));
                    }
                    return Ok(Some(Payload::TooLong(bytes)));
                }
                Cut::Records(mut bytes) => {
                    self.at = self.at.plus(bytes.len() as u64);
                    if *csv && header.is_none() {
                        let Some((names, length)) = header_of(&bytes, &self.origin)? else { continue };
                        *header = Some(names);
                        bytes.drain(..length);
                        if bytes.is_empty() {
                            continue;
                        }
                    }
                    return Ok(Some(match header {
                        Some(header) => Payload::Csv { header: header.clone(), bytes },
                        None => Payload::Lines(bytes),
                    }));
                }
            }
        }
    }

    /// The file itself, to look at; `None` for Parquet.
    pub(super) fn file(&mut self) -> Option<&mut File> {
        match &mut self.reader {
            Reader::Text { file, .. } => Some(file),
            Reader::Rows(_) => None,
        }
    }

    /// How far the file itself has been read, in bytes; 0 for Parquet.
    pub(super) fn read_to(&self) -> u64 {
        match &self.reader {
            Reader::Text { cutter, .. } => self.at.offset + cutter.held(),
            Reader::Rows(_) => 0,
        }
    }

    pub(super) fn recycle(&mut self, bytes: Vec<u8>) {
        if let Reader::Text { cutter, .. } = &mut self.reader {
            cutter.recycle(bytes);
        }
    }

    /// Gives the spare buffers away.
    pub(super) fn close(mut self, spare: &mut Cutter) {
        if let Reader::Text { cutter, .. } = &mut self.reader {
            spare.take_spare(cutter);
        }
    }
}

/// Whether a Parquet file has the mark that is written last.
pub(super) fn is_finished(mut file: &File) -> std::io::Result<bool> {
    let mut mark = [0; 4];
    if file.metadata()?.len() < 12 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-4))?;
    file.read_exact(&mut mark)?;
    Ok(&mark == b"PAR1")
}

/// Reads rows from the given one on, of the named fields only.
pub(crate) fn rows<R: ChunkReader + 'static>(
    from: R,
    origin: &str,
    first: u64,
    read: Option<&[FieldPath]>,
) -> Result<ParquetRecordBatchReader, Error> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(from).map_err(|error| bad_parquet(origin, &error))?;
    let schema = builder.parquet_schema();
    let mask = match read {
        None => ProjectionMask::all(),
        Some(fields) => {
            let is_read = |name: &str| fields.iter().any(|path| path.dotted() == name || path.0[0] == name);
            let roots = schema.root_schema().get_fields().iter().enumerate();
            let roots: Vec<usize> = roots.filter(|(_, root)| is_read(root.name())).map(|(i, _)| i).collect();
            ProjectionMask::roots(schema, roots)
        }
    };
    builder
        .with_projection(mask)
        .with_batch_size(ROWS)
        .with_offset(usize::try_from(first).unwrap_or(usize::MAX))
        .build()
        .map_err(|error| bad_parquet(origin, &error))
}

/// How many rows a finished Parquet file has.
pub(super) fn row_count(file: File, origin: &str) -> Result<u64, Error> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| bad_parquet(origin, &error))?;
    Ok(u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0))
}

/// The header of a CSV file, and where it ends; `None` if there is none yet.
pub(super) fn read_header(file: &mut File, origin: &str) -> Result<Option<Header<u64>>, Error> {
    file.seek(SeekFrom::Start(0)).map_err(Error::read(origin))?;
    let mut cutter = Cutter::new(true);
    let mut start = 0;
    loop {
        match cutter.next(file, true).map_err(Error::read(origin))? {
            Cut::Nothing => return Ok(None),
            Cut::TooLong(..) => return Err(bad_header(origin)),
            Cut::Records(bytes) => {
                if let Some((header, length)) = header_of(&bytes, origin)? {
                    return Ok(Some((header, start + length as u64)));
                }
                start += bytes.len() as u64;
            }
        }
    }
}

/// The first record that is not blank, and where it ends.
pub(crate) fn header_of(bytes: &[u8], origin: &str) -> Result<Option<Header<usize>>, Error> {
    let mut start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    let mut scan = Scan::new();
    while start < bytes.len() {
        let end = scan.next_end(bytes, start).unwrap_or(bytes.len());
        let record = &bytes[start..end];
        if !record.trim_ascii().is_empty() {
            let names = csv::header(record).ok_or_else(|| bad_header(origin))?;
            return Ok(Some((names.into(), end)));
        }
        start = end;
    }
    Ok(None)
}

fn bad_header(origin: &str) -> Error {
    let reason = "its first record is no header: not UTF-8, too long, or with a quote that is not closed".into();
    Error::Format { file: origin.to_owned(), format: Format::Csv, reason }
}

fn bad_parquet(origin: &str, error: &dyn std::error::Error) -> Error {
    Error::Format { file: origin.to_owned(), format: Format::Parquet, reason: error.to_string() }
}

const _: () = assert!(ROWS < BLOCK, "an ordinal in a block has 32 bits");
