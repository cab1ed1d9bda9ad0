//! One open file of a log, read block by block.

use super::digest::{Digested, Rolling};
use super::known::KnownFile;
use super::unended;
use crate::csv::{self, CsvScanner};
use crate::cutter::{BLOCK, CutResult, Cutter};
use crate::format::BOM;
use crate::{Block, Error, Format, Payload, Position, UnendedRecord, packed};
use flate2::read::MultiGzDecoder;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use timeline_core::plan::FieldPath;

/// The names in a CSV header, what stands between its cells, and where it ends.
type CsvHeader<Place> = (Arc<[String]>, u8, Place);

/// How the text of a file is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextEncoding {
    pub(super) csv: bool,
    pub(super) packed: bool,
    /// What stands between cells, if that is said.
    pub(super) delimiter: Option<u8>,
}

/// How many rows a block of Parquet has at most.
const ROWS: usize = 4096;

/// An open file.
pub(super) struct OpenFile {
    reader: FileReader,
    origin: Arc<str>,
    /// Where the next block begins: bytes, or rows.
    at: Position,
    /// Of what was read; none where that is not known, and of Parquet.
    rolling: Option<Rolling>,
    /// Whether what was read ends within a line of text, whose record was handed out: nothing of it may follow.
    within_line: bool,
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenMode {
    /// To be read to its end, and no more.
    Once,
    /// To be gone on with after a restart.
    Tail,
    /// To be read as it was read before.
    Again,
}

enum FileReader {
    Text { bytes: Bytes, cutter: Cutter, header: Option<(Arc<[String]>, u8)>, text: TextEncoding },
    Rows(ParquetRecordBatchReader),
}

enum Bytes {
    File(File),
    Packed(Box<MultiGzDecoder<File>>),
}

impl Bytes {
    fn by_ref(&mut self) -> &mut dyn Read {
        match self {
            Bytes::File(file) => file,
            Bytes::Packed(unpacked) => unpacked,
        }
    }
}

impl OpenFile {
    /// Opens a file after a place in it; `Ok(None)` if it is a Parquet file that has no end yet.
    pub(super) fn new(
        known: &mut KnownFile,
        at: Position,
        (format, text, reading): (Format, TextEncoding, OpenMode),
        read: Option<&[FieldPath]>,
        spare: &mut Cutter,
    ) -> Result<Option<Self>, Error> {
        let origin: Arc<str> = Arc::from(&*known.name);
        if format == Format::Parquet {
            let file = known.open(0)?;
            if !is_finished(&file).map_err(Error::read(&origin))? {
                return Ok(None);
            }
            let reader = FileReader::Rows(rows(file, &origin, at.offset, read)?);
            return Ok(Some(OpenFile { reader, origin, at, rolling: None, within_line: false }));
        }
        // The places of what is packed are none of the file's.
        let open = |known: &mut KnownFile| -> Result<Bytes, Error> {
            let file = known.open(if text.packed { 0 } else { at.offset })?;
            Ok(if text.packed { Bytes::Packed(Box::new(packed::unpack(file))) } else { Bytes::File(file) })
        };
        let header = match text.csv && at.offset > 0 {
            true => read_header(open(known)?.by_ref(), &origin, text.delimiter)?,
            false => None,
        };
        let mut bytes = open(known)?;
        let rolling = match (&mut bytes, reading, &known.read) {
            (Bytes::Packed(_), ..) | (_, OpenMode::Once, _) => None,
            (_, OpenMode::Again, known) => known.as_ref().filter(|_| at.offset == 0).map(Rolling::from_known),
            (Bytes::File(file), OpenMode::Tail, Some(known)) => Some(Rolling::resume(known, file, &origin)?),
            (Bytes::File(_), OpenMode::Tail, None) => Some(Rolling::default()).filter(|_| at.offset == 0),
        };
        let within_line = match &mut bytes {
            Bytes::File(file) if !text.csv => unended::is_within_line(file, at.offset).map_err(Error::read(&origin))?,
            Bytes::File(_) | Bytes::Packed(_) => false,
        };
        match &mut bytes {
            Bytes::File(file) => _ = file.seek(SeekFrom::Start(at.offset)).map_err(Error::read(&origin))?,
            Bytes::Packed(unpacked) => {
                let passed = &mut Read::take(unpacked, at.offset);
                std::io::copy(passed, &mut std::io::sink()).map_err(Error::read(&origin))?;
            }
        }
        let delimiter = header.as_ref().map(|(_, delimiter, _)| *delimiter).or(text.delimiter);
        let mut cutter = Cutter::new(text.csv.then(|| CsvScanner::new(delimiter)));
        cutter.take_spare(spare);
        let header = header.map(|(names, delimiter, _)| (names, delimiter));
        Ok(Some(OpenFile {
            reader: FileReader::Text { bytes, cutter, header, text },
            origin,
            at,
            rolling,
            within_line,
        }))
    }

    /// Where the next block begins.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// The next block that ends at or before `limit` bytes (rows); `finish` as for [`Cutter::next`].
    pub(super) fn next(&mut self, limit: Option<u64>, finish: bool) -> Result<Option<Block>, Error> {
        let start = self.at;
        let payload = match &mut self.reader {
            FileReader::Rows(reader) => {
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
            FileReader::Text { .. } => match self.next_text(limit, finish)? {
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
        Ok(Some(self.block(payload, start)))
    }

    fn block(&self, payload: Payload, start: Position) -> Block {
        Block { payload, start, end: self.at, origin: self.origin.clone(), marks: vec![], preceding: None }
    }

    /// What was read and has no end yet.
    pub(super) fn unended(&self) -> Option<UnendedRecord> {
        let FileReader::Text { bytes: Bytes::File(_), cutter, .. } = &self.reader else { return None };
        let is_some = !cutter.buffer().trim_ascii().is_empty();
        is_some.then(|| UnendedRecord { file: self.origin.clone(), offset: self.at.offset, bytes: cutter.held() })
    }

    /// Hands that out, if it is a whole record whatever comes behind it.
    pub(super) fn take_unended(&mut self) -> Result<Option<Block>, Error> {
        let FileReader::Text { bytes: Bytes::File(_), cutter, text, .. } = &mut self.reader else { return Ok(None) };
        if text.csv || !unended::is_whole(cutter.buffer()) {
            return Ok(None);
        }
        let (start, rest) = (self.at, cutter.take_rest());
        let Some(bytes) = rest else { return Ok(None) };
        self.pass(&bytes)?;
        Ok(Some(self.block(Payload::Lines(bytes), start)))
    }

    /// Goes on behind bytes of a file that were read.
    fn pass(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let is_lines = matches!(&self.reader, FileReader::Text { text, .. } if !text.csv);
        if self.within_line && !unended::is_blank_line(bytes) {
            return Err(self.went_on());
        }
        self.within_line = is_lines && !bytes.ends_with(b"\n");
        if let Some(rolling) = &mut self.rolling {
            match rolling.update(self.at.offset, bytes) {
                true => rolling.check(&self.origin)?,
                false => self.rolling = None,
            }
        }
        self.at = self.at.plus(bytes.len() as u64);
        Ok(())
    }

    fn went_on(&self) -> Error {
        Error::WentOn { file: self.origin.to_string(), read: self.at.offset }
    }

    fn next_text(&mut self, limit: Option<u64>, finish: bool) -> Result<Option<Payload>, Error> {
        loop {
            let FileReader::Text { bytes: from, cutter, .. } = &mut self.reader else { return Ok(None) };
            let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.at.offset + cutter.held()));
            let cut = cutter.next(&mut from.by_ref().take(left), finish).map_err(Error::read(&self.origin))?;
            match cut {
                CutResult::Nothing => return Ok(None),
                CutResult::TooLong(bytes, length) => {
                    if self.within_line {
                        return Err(self.went_on());
                    }
                    // Its middle is nowhere any more.
                    self.rolling = None;
                    self.at = self.at.plus(length);
                    if matches!(&self.reader, FileReader::Text { header: None, text, .. } if text.csv) {
                        return Err(bad_header(&self.origin));
                    }
                    return Ok(Some(Payload::TooLong(bytes)));
                }
                CutResult::Records(mut bytes) => {
                    self.pass(&bytes)?;
                    let FileReader::Text { header, text, .. } = &mut self.reader else { return Ok(None) };
                    if text.csv && header.is_none() {
                        let found = header_of(&bytes, &self.origin, text.delimiter)?;
                        let Some((names, delimiter, length)) = found else { continue };
                        *header = Some((names, delimiter));
                        bytes.drain(..length);
                        if bytes.is_empty() {
                            continue;
                        }
                    }
                    return Ok(Some(match header {
                        Some((header, delimiter)) => {
                            Payload::Csv { header: header.clone(), delimiter: *delimiter, bytes }
                        }
                        None => Payload::Lines(bytes),
                    }));
                }
            }
        }
    }

    /// The file itself, to look at; `None` for Parquet and for what is packed.
    pub(super) fn file(&mut self) -> Option<&mut File> {
        match &mut self.reader {
            FileReader::Text { bytes: Bytes::File(file), .. } => Some(file),
            FileReader::Text { bytes: Bytes::Packed(_), .. } | FileReader::Rows(_) => None,
        }
    }

    /// What was read of it, where that is known.
    pub(super) fn digested(&self) -> Option<Digested> {
        self.rolling.as_ref().map(Rolling::digested)
    }

    /// How far the file itself has been read, in bytes; 0 for Parquet and for what is packed.
    pub(super) fn read_to(&self) -> u64 {
        match &self.reader {
            FileReader::Text { bytes: Bytes::File(_), cutter, .. } => self.at.offset + cutter.held(),
            FileReader::Text { bytes: Bytes::Packed(_), .. } | FileReader::Rows(_) => 0,
        }
    }

    pub(super) fn recycle(&mut self, bytes: Vec<u8>) {
        if let FileReader::Text { cutter, .. } = &mut self.reader {
            cutter.recycle(bytes);
        }
    }

    /// Gives the spare buffers away.
    pub(super) fn close(mut self, spare: &mut Cutter) {
        if let FileReader::Text { cutter, .. } = &mut self.reader {
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
            let is_read = |name: &str| fields.iter().any(|path| path.dotted() == name || path.root() == name);
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
pub(super) fn read_header(
    from: &mut dyn Read,
    origin: &str,
    delimiter: Option<u8>,
) -> Result<Option<CsvHeader<u64>>, Error> {
    let mut cutter = Cutter::new(Some(CsvScanner::new(delimiter)));
    let mut start = 0;
    loop {
        match cutter.next(from, true).map_err(Error::read(origin))? {
            CutResult::Nothing => return Ok(None),
            CutResult::TooLong(..) => return Err(bad_header(origin)),
            CutResult::Records(bytes) => {
                if let Some((header, delimiter, length)) = header_of(&bytes, origin, delimiter)? {
                    return Ok(Some((header, delimiter, start + length as u64)));
                }
                start += bytes.len() as u64;
            }
        }
    }
}

/// The first record that is not blank, and where it ends.
pub(crate) fn header_of(bytes: &[u8], origin: &str, delimiter: Option<u8>) -> Result<Option<CsvHeader<usize>>, Error> {
    let mut start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    let mut scan = CsvScanner::new(delimiter);
    while start < bytes.len() {
        let end = scan.next_end(bytes, start).unwrap_or(bytes.len());
        let record = &bytes[start..end];
        if !record.trim_ascii().is_empty() {
            let delimiter = scan.delimiter();
            let names = csv::header(record, delimiter).ok_or_else(|| bad_header(origin))?;
            return Ok(Some((names.into(), delimiter, end)));
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
