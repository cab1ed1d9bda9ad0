//! Up to where complete records exist now.

use super::FileSource;
use super::open::{is_finished, read_header, row_count};
use crate::csv::CsvScanner;
use crate::{Error, Format, Position};
use memchr::memrchr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

const PIECE: u64 = 64 << 10;

impl FileSource {
    /// The end of the last complete record of the log.
    pub(super) fn target(&mut self) -> Result<Position, Error> {
        self.look_for_files()?;
        for file in (self.at.file as usize..self.files.len()).rev() {
            let offset = self.complete(file)?;
            if offset > 0 {
                let end = Position::at(file as u64, offset);
                return Ok(self.until.map_or(end, |until| end.min(until)).max(self.reached));
            }
        }
        Ok(self.reached)
    }

    /// Where the last complete record of a file ends; 0 if it has none.
    fn complete(&mut self, file: usize) -> Result<u64, Error> {
        let Some(format) = self.format(file)? else { return Ok(0) };
        if self.is_packed(file) {
            return Ok(self.unpacked_length(file)?.unwrap_or(0));
        }
        let delimiter = self.options.delimiter;
        let finished = !self.may_grow(file);
        let begun = if file == self.at.file as usize { self.at.offset } else { 0 };
        let known = &mut self.files[file];
        let mut opened = known.open(0)?;
        let name = known.name.as_str();
        let length = match known.closed {
            Some(length) => length,
            None => opened.metadata().map_err(Error::read(name))?.len(),
        };
        match format {
            Format::Parquet if is_finished(&opened).map_err(Error::read(name))? => row_count(opened, name),
            Format::Parquet => Ok(0),
            Format::Ndjson if finished => Ok(length),
            Format::Ndjson => last_line_end(&mut opened, length).map_err(Error::read(name)),
            Format::Csv => match read_header(&mut opened, name, delimiter)? {
                Some((.., header)) if length > header && finished => Ok(length),
                Some((_, delimiter, header)) if length > header => {
                    last_record_end(&mut opened, begun.max(header), length, delimiter).map_err(Error::read(name))
                }
                _ => Ok(0),
            },
        }
    }
}

/// Searches backwards for a line feed.
fn last_line_end(file: &mut File, length: u64) -> io::Result<u64> {
    let (mut end, mut piece) = (length, vec![]);
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        piece.clear();
        file.take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = memrchr(b'\n', &piece) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Searches forwards, from a record's beginning, for the last record end: whether a line feed is one is known only so.
fn last_record_end(file: &mut File, start: u64, length: u64, delimiter: u8) -> io::Result<u64> {
    file.seek(SeekFrom::Start(start))?;
    let (mut scan, mut piece, mut at, mut last) = (CsvScanner::new(Some(delimiter)), vec![], start, 0);
    while at < length {
        piece.clear();
        let count = file.take(PIECE.min(length - at)).read_to_end(&mut piece)?;
        if count == 0 {
            break;
        }
        let mut from = 0;
        while let Some(end) = scan.next_end(&piece, from) {
            (from, last) = (end, at + end as u64);
        }
        at += count as u64;
    }
    Ok(last)
}
