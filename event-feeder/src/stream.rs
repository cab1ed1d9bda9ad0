//! A stream that is read once: standard input.
//!
//! Its positions are bytes read so far, so they order its records but cannot be gone back to.
//! Parquet is read to its end before its first row, for its index stands there. What gzip packs is unpacked.

use crate::csv::CsvScanner;
use crate::cutter::{BLOCK, CutResult, Cutter};
use crate::file::{FileTable, header_of, rows};
use crate::sniff::{Sniffed, sniff};
use crate::{Block, Error, Format, Next, Notice, Payload, Position, Source, Target, packed};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use std::io::{Chain, Cursor, Read};
use std::sync::Arc;
use timeline_core::plan::Csv;

/// A log that comes in as a stream. Waits for input in [`Source::next`], and never says [`Next::Idle`].
pub struct StreamSource<R: Read> {
    from: SniffedStream<R>,
    name: Arc<str>,
    format: Format,
    csv: Csv,
    cutter: Cutter,
    header: Option<(Arc<[String]>, u8)>,
    rows: Option<ParquetRecordBatchReader>,
    at: Position,
    files: FileTable,
}

/// A stream, the bytes that were looked at included.
enum SniffedStream<R: Read> {
    Plain(Chain<Cursor<Vec<u8>>, R>),
    Packed(Box<MultiGzDecoder<Chain<Cursor<Vec<u8>>, R>>>),
}

impl<R: Read> SniffedStream<R> {
    /// Looks whether it is packed.
    fn new(mut from: R, name: &str) -> Result<Self, Error> {
        let mut first = vec![];
        // What cannot be read says so again when it is read on.
        let _ = Read::take(&mut from, 32).read_to_end(&mut first);
        let is_packed = packed::is_packed(&first);
        packed::refuse(&first, name, None)?;
        let whole = Cursor::new(first).chain(from);
        Ok(if is_packed { SniffedStream::Packed(Box::new(packed::unpack(whole))) } else { SniffedStream::Plain(whole) })
    }

    fn by_ref(&mut self) -> &mut dyn Read {
        match self {
            SniffedStream::Plain(from) => from,
            SniffedStream::Packed(from) => from,
        }
    }
}

impl<R: Read + Send> StreamSource<R> {
    /// Reads a stream; without a format its first bytes tell. `name` is how dead letters call it.
    pub fn new(from: R, name: &str, format: Option<Format>) -> Result<Self, Error> {
        let mut source = StreamSource {
            from: SniffedStream::new(from, name)?,
            name: name.into(),
            format: Format::Ndjson,
            csv: Csv::default(),
            cutter: Cutter::new(None),
            header: None,
            rows: None,
            at: Position::START,
            files: vec![],
        };
        source.format = match format {
            Some(format) => format,
            None => Format::of_content(source.sample()?).unwrap_or(Format::Ndjson),
        };
        source.written(Csv::default());
        Ok(source)
    }

    /// Says how its CSV is written. Only before the first block.
    pub fn written(&mut self, csv: Csv) {
        self.csv = csv;
        self.cutter.set_csv((self.format == Format::Csv).then(|| CsvScanner::new(csv.delimiter)));
    }

    /// The format of the stream.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The stream's first bytes, up to 1 MiB; none is lost by it. Waits until they are there or the stream has ended.
    /// Only before the first block.
    pub fn sample(&mut self) -> Result<&[u8], Error> {
        self.cutter.fill(self.from.by_ref(), BLOCK).map_err(Error::read(&self.name))?;
        Ok(self.cutter.buffer())
    }

    /// What the stream's first records look like. Only before the first block.
    pub fn sniff(&mut self) -> Result<Sniffed, Error> {
        match self.format {
            Format::Parquet => self.read_all()?,
            _ => _ = self.sample()?,
        }
        sniff(self.format, self.cutter.buffer(), &self.name, self.csv)
    }

    fn read_all(&mut self) -> Result<(), Error> {
        self.cutter.fill(self.from.by_ref(), usize::MAX >> 1).map_err(Error::read(&self.name))
    }

    fn next_rows(&mut self) -> Result<Option<Payload>, Error> {
        if self.rows.is_none() {
            self.read_all()?;
            self.rows = Some(rows(Bytes::from(self.cutter.take()), &self.name, 0, None)?);
        }
        let next = self.rows.as_mut().and_then(Iterator::next).transpose().map_err(|error| Error::Format {
            file: self.name.to_string(),
            format: Format::Parquet,
            reason: error.to_string(),
        })?;
        Ok(next.map(Payload::Rows))
    }

    fn next_text(&mut self) -> Result<Option<(Payload, u64)>, Error> {
        loop {
            return Ok(Some(match self.cutter.next(self.from.by_ref(), true).map_err(Error::read(&self.name))? {
                CutResult::Nothing => return Ok(None),
                CutResult::TooLong(bytes, length) => (Payload::TooLong(bytes), length),
                CutResult::Records(mut bytes) => {
                    if self.format == Format::Csv && self.header.is_none() {
                        let length = bytes.len() as u64;
                        let found = header_of(&bytes, &self.name, self.csv.delimiter)?;
                        let Some((header, delimiter, end)) = found else {
                            self.at = self.at.plus(length);
                            continue;
                        };
                        self.header = Some((header, delimiter));
                        self.at = self.at.plus(end as u64);
                        bytes.drain(..end);
                        if bytes.is_empty() {
                            continue;
                        }
                    }
                    let length = bytes.len() as u64;
                    match &self.header {
                        Some((header, delimiter)) => {
                            (Payload::Csv { header: header.clone(), delimiter: *delimiter, bytes }, length)
                        }
                        None => (Payload::Lines(bytes), length),
                    }
                }
            }));
        }
    }
}

impl<R: Read + Send> Source for StreamSource<R> {
    fn next(&mut self) -> Result<Next, Error> {
        let next = match self.format {
            Format::Parquet => self.next_rows()?.map(|payload| {
                let Payload::Rows(rows) = &payload else { return (payload, 0) };
                let count = rows.num_rows() as u64;
                (payload, count)
            }),
            _ => self.next_text()?,
        };
        let Some((payload, length)) = next else { return Ok(Next::End) };
        let start = self.at;
        self.at = start.plus(length);
        let (end, origin) = (self.at, self.name.clone());
        Ok(Next::Block(Block { payload, start, end, origin, marks: vec![], preceding: None }))
    }

    fn caught_up_target(&mut self) -> Result<Target, Error> {
        // What a pipe holds cannot be asked without waiting for it; what was read of it can be said.
        Ok(Target::At(self.at))
    }

    fn files(&self) -> &FileTable {
        &self.files
    }

    fn notices(&mut self) -> Vec<Notice> {
        vec![]
    }

    fn recycle(&mut self, bytes: Vec<u8>) {
        self.cutter.recycle(bytes);
    }
}

#[cfg(test)]
mod tests;
