//! Files as one log, in the order of their names.
//!
//! All files of a source are **one** partition and one log, so a session may go on from one file to the next.
//! Only the last file may grow: a later name closes the one before, and what the closed file held then is what it
//! counts with for ever. A file is known again by its identity and its beginning ([`KnownFile`]), and a copy by its name and all
//! bytes that were read (`again`); a log that is not what it was is an error, never a new log.
//!
//! **Invariant:** `files` is sorted by name and only ever appended to, so a position means the same place for ever.

mod again;
mod content;
mod digest;
mod known;
mod names;
mod open;
mod target;
mod unended;
mod watch;

pub use digest::Digested;
pub use known::{FileEnd, FileIdentity, FilePrefix, FileTable, KnownFile};
pub(crate) use open::{header_of, rows};

use crate::cutter::Cutter;
use crate::{Block, Error, Format, Next, Notice, Position, RecordCode, Source, Target, UnendedRecord};
use open::{OpenFile, OpenMode, TextEncoding};
use std::collections::{BTreeMap, BTreeSet};
use timeline_core::plan::FieldPath;

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the log ends where the files end now.
    pub mode: Mode,
    /// The format of every file; without it each file's ending tells, then its content.
    pub format: Option<Format>,
    /// The fields that are read of a Parquet file; without it all. See [`crate::fields_read`].
    pub fields: Option<Vec<FieldPath>>,
    /// What stands between the cells of CSV; without it each header tells.
    pub delimiter: Option<u8>,
}

/// Whether a log ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The files that are there are the log; an unfinished last line is a record.
    #[default]
    Batch,
    /// The last file may grow and later ones may come.
    Tail,
}

/// A log of files.
pub struct FileSource {
    patterns: Vec<String>,
    options: Options,
    files: FileTable,
    /// What is known of each file's format, and whether it is packed.
    formats: Vec<Option<(Format, bool)>>,
    /// How many bytes come out of a packed file that is whole, by its number.
    unpacked: BTreeMap<usize, u64>,
    /// What the files hold that cannot grow any more.
    contents: content::Contents,
    /// Where reading goes on.
    at: Position,
    /// The end of the last block.
    reached: Position,
    /// Where reading ends, if not where the files do.
    until: Option<Position>,
    current: Option<OpenFile>,
    /// Whether the last file had been read to its end: before anything more is read of it, it is looked at.
    drained: bool,
    /// Holds buffers between files.
    spare: Cutter,
    watch: watch::FileWatch,
}

impl FileSource {
    /// Reads the log of all files that the names and patterns match, from its start.
    ///
    /// In [`Mode::Batch`] every name or pattern must match a file.
    pub fn open(patterns: &[String], options: Options) -> Result<Self, Error> {
        if options.mode == Mode::Batch {
            for pattern in patterns {
                if names::expand(std::slice::from_ref(pattern))?.is_empty() {
                    return Err(no_match(pattern));
                }
            }
        }
        let mut source = FileSource::new(patterns, options, vec![], Position::START, None);
        source.look_for_files()?;
        Ok(source)
    }

    /// Reads on after a position, in a log that began with these files; both as [`Source::files`] and the end of a block
    /// gave them. The files may lie in another folder now, or have been put back from a copy.
    pub fn resume(patterns: &[String], options: Options, files: FileTable, after: Position) -> Result<Self, Error> {
        let mut source = FileSource::new(patterns, options, files, after, None);
        source.find_again()?;
        source.check_earlier()?;
        source.compare_earlier();
        source.look_for_files()?;
        Ok(source)
    }

    /// Reads a known log once more, from one position up to another. Nothing else of the files is looked at.
    pub fn replay(options: Options, files: FileTable, after: Position, until: Position) -> Self {
        let options = Options { mode: Mode::Batch, ..options };
        FileSource::new(&[], options, files, after, Some(until))
    }

    fn new(patterns: &[String], options: Options, files: FileTable, at: Position, until: Option<Position>) -> Self {
        FileSource {
            patterns: patterns.to_vec(),
            options,
            formats: vec![None; files.len()],
            unpacked: BTreeMap::new(),
            contents: content::Contents::new(),
            files,
            at,
            reached: at,
            until,
            current: None,
            drained: false,
            spare: Cutter::new(None),
            watch: watch::FileWatch::default(),
        }
    }

    fn step(&mut self) -> Result<Next, Error> {
        // Nothing can have come between looking for files and reading on, so once is enough if nothing is read.
        let mut looked = self.drained;
        if self.drained {
            self.look_for_files()?;
            self.check_current()?;
            self.drained = false;
        }
        loop {
            if self.until.is_some_and(|until| self.at >= until) {
                return Ok(Next::End);
            }
            let file = self.at.file as usize;
            if file >= self.files.len() {
                if self.look_for_files()? {
                    continue;
                }
                return Ok(if self.may_grow(file) { IDLE } else { Next::End });
            }
            let finish = !self.may_grow(file);
            if !self.open_current(finish)? {
                // Empty, or a Parquet file that is being written.
                if finish {
                    self.go_on()?;
                } else if !self.look_for_files()? {
                    return Ok(IDLE);
                }
                continue;
            }
            // That a packed file is whole, and will not grow, may have turned out only now.
            let finish = !self.may_grow(file);
            let until = self.until.filter(|until| until.file == self.at.file).map(|until| until.offset);
            let current = self.current.as_mut().expect("opened just now");
            let growing = current.file().is_some();
            let closed = self.files[file].closed.filter(|_| growing);
            let limit = match (until, closed) {
                (Some(until), Some(closed)) => Some(until.min(closed)),
                (until, closed) => until.or(closed),
            };
            if let Some(block) = current.next(limit, finish)? {
                return Ok(Next::Block(self.passed(block)));
            }
            if finish || !growing {
                self.go_on()?;
            } else if looked || !self.look_for_files()? {
                self.drained = true;
                return Ok(IDLE);
            }
            looked = false;
        }
    }

    /// Takes note of a block of the open file that is handed out.
    fn passed(&mut self, block: Block) -> Block {
        let read = self.current.as_ref().and_then(OpenFile::digested);
        if let (None, Some(read)) = (self.until, read) {
            self.files[self.at.file as usize].read = Some(read);
        }
        self.at = block.end;
        self.reached = block.end;
        block
    }

    /// Goes on to the next file.
    fn go_on(&mut self) -> Result<(), Error> {
        let file = self.at.file as usize;
        if let Some(current) = self.current.take() {
            if !self.may_grow(file) && self.until.is_none() && current.read_to() > 0 {
                self.files[file].closed.get_or_insert(current.read_to());
            } else if self.is_packed(file) && self.until.is_none() {
                let known = &mut self.files[file];
                let length = known.open(0)?.metadata().map_err(Error::read(&known.name))?.len();
                known.closed.get_or_insert(length);
            }
            current.close(&mut self.spare);
            self.compare_with_others(file);
        }
        self.at = Position::at(self.at.file + 1, 0);
        Ok(())
    }

    /// Whether a file is known to be packed.
    fn is_packed(&self, file: usize) -> bool {
        matches!(self.formats.get(file), Some(Some((_, true))))
    }

    /// How many bytes come out of a packed file; `None` if it is not whole yet.
    fn unpacked_length(&mut self, file: usize) -> Result<Option<u64>, Error> {
        if let Some(length) = self.unpacked.get(&file) {
            return Ok(Some(*length));
        }
        let known = &mut self.files[file];
        let length = crate::packed::length(&known.open(0)?).map_err(Error::read(&known.name))?;
        self.unpacked.extend(length.map(|length| (file, length)));
        Ok(length)
    }

    /// Opens the file at the position; false if there is nothing to read in it yet.
    fn open_current(&mut self, finish: bool) -> Result<bool, Error> {
        if self.current.is_some() {
            return Ok(true);
        }
        let file = self.at.file as usize;
        let Some(format) = self.format(file)? else { return Ok(false) };
        let packed = self.is_packed(file);
        // One that is followed is read once it is whole: what was handed out of it can then be found again.
        let whole = !packed || self.options.mode == Mode::Batch || self.unpacked_length(file)?.is_some();
        let text = TextEncoding { csv: format == Format::Csv, packed, delimiter: self.options.delimiter };
        let fields = self.options.fields.as_deref();
        let reading = match (self.options.mode, self.until) {
            (_, Some(_)) => OpenMode::Again,
            (Mode::Tail, None) => OpenMode::Tail,
            (Mode::Batch, None) => OpenMode::Once,
        };
        self.current = match whole {
            true => OpenFile::new(&mut self.files[file], self.at, (format, text, reading), fields, &mut self.spare)?,
            false => None,
        };
        if self.options.mode == Mode::Tail && self.current.as_mut().is_some_and(|open| open.file().is_none()) {
            self.files[file].note_end()?;
        }
        if self.current.is_some() {
            self.compare_with_others(file);
        }
        if self.current.is_none() {
            let name = self.files[file].name.clone();
            if finish {
                let reason = "it is cut short, or still being written".into();
                return Err(Error::Format { file: name, format, reason });
            }
            self.watch.say(RecordCode::Unfinished, &name, "it has no end yet and is waited for".into());
        }
        Ok(self.current.is_some())
    }

    /// The format of a file; `None` if only its content can tell and it has none.
    fn format(&mut self, file: usize) -> Result<Option<Format>, Error> {
        if self.formats[file].is_none() {
            let known = &mut self.files[file];
            let (format, packed) = crate::packed::look(&known.open(0)?, &known.name, self.options.format)?;
            self.formats[file] = format.map(|format| (format, packed));
        }
        Ok(self.formats[file].map(|(format, _)| format))
    }

    fn may_grow(&self, file: usize) -> bool {
        self.options.mode == Mode::Tail && file + 1 >= self.files.len() && !self.unpacked.contains_key(&file)
    }
}

/// That a name or pattern matches no file, with the name in its folder that is most like it.
pub fn no_match(pattern: &str) -> Error {
    Error::NoMatch { pattern: pattern.to_owned(), near: names::near(pattern) }
}

/// A file is never known to be drained: whoever writes it may just not have written yet.
const IDLE: Next = Next::Idle { drained: false };

impl Source for FileSource {
    fn next(&mut self) -> Result<Next, Error> {
        let next = self.step();
        if next.is_err() {
            // Opened anew at the same place by the next call, so that the error repeats as long as it holds.
            self.current = None;
        }
        next
    }

    fn caught_up_target(&mut self) -> Result<Target, Error> {
        self.target().map(Target::At)
    }

    fn left_out(&mut self) -> Result<Vec<Notice>, Error> {
        self.not_read()
    }

    fn unended(&self) -> Option<UnendedRecord> {
        let current = self.current.as_ref().filter(|_| self.may_grow(self.at.file as usize))?;
        current.unended()
    }

    fn take_unended(&mut self) -> Result<Option<Block>, Error> {
        if self.unended().is_none() {
            return Ok(None);
        }
        let taken = self.current.as_mut().map_or(Ok(None), OpenFile::take_unended);
        if taken.is_err() {
            self.current = None;
        }
        Ok(taken?.map(|block| self.passed(block)))
    }

    fn files(&self) -> &FileTable {
        &self.files
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.watch.take()
    }

    fn recycle(&mut self, bytes: Vec<u8>) {
        match &mut self.current {
            Some(current) => current.recycle(bytes),
            None => self.spare.recycle(bytes),
        }
    }
}

/// The names that a set of patterns stands for now, in log order, for showing and for looking at samples.
pub fn expand(patterns: &[String]) -> Result<Vec<String>, Error> {
    names::expand(patterns)
}

#[cfg(test)]
mod tests;

/// What was said already, so that it is said once.
type ToldNotices = BTreeSet<(RecordCode, String)>;
