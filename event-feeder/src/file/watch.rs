//! Looking at the files from outside: new names, closed files that grow, files that are not what they were.

use super::again::put_back;
use super::known::{FileIdentity, KnownFile};
use super::{FileSource, Mode, ToldNotices, names};
use crate::{Error, Notice, RecordCode};
use std::fs::{self, Metadata};
use std::io::{ErrorKind, Seek, SeekFrom};
use std::time::SystemTime;

/// What is to be said, and where looking goes on.
#[derive(Default)]
pub(super) struct FileWatch {
    notices: Vec<Notice>,
    said: ToldNotices,
    /// The closed file that is looked at next.
    closed: usize,
    /// The last file as it was when it was last looked at.
    seen: Option<(u64, u64, Option<SystemTime>)>,
}

impl FileWatch {
    /// Says something once.
    pub(super) fn say(&mut self, code: RecordCode, file: &str, detail: String) {
        if self.said.insert((code, file.to_owned())) {
            self.notices.push(Notice { code, file: file.to_owned(), detail });
        }
    }

    pub(super) fn take(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }
}

impl FileSource {
    /// Adds the files that have come, and closes those before them; whether there were any.
    pub(super) fn look_for_files(&mut self) -> Result<bool, Error> {
        if self.options.mode == Mode::Batch && !self.files.is_empty() || self.until.is_some() {
            return Ok(false);
        }
        let mut found = false;
        for name in names::expand(&self.patterns)? {
            let Err(place) = self.files.binary_search_by(|known| known.name.cmp(&name)) else { continue };
            if place < self.files.len() {
                self.watch.say(
                    RecordCode::NameTooEarly,
                    &name,
                    "its name sorts before a file that was there; it is not read".into(),
                );
                continue;
            }
            let file = match KnownFile::new(&name) {
                // Gone again since it was listed: nothing of it was read.
                Err(Error::Read { error, .. }) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            let is_same = |known: &&KnownFile| known.identity == file.identity && known.is_linked_as(&name);
            if let Some(same) = self.files.iter().find(is_same) {
                let detail = format!("it is {} under another name; it is not read again", same.name);
                self.watch.say(RecordCode::KnownElsewhere, &name, detail);
                continue;
            }
            self.close_last()?;
            self.files.push(file);
            self.formats.push(None);
            found = true;
        }
        if !found && self.options.mode == Mode::Tail {
            self.look_at_closed();
        }
        Ok(found)
    }

    /// What matches now and is not read: files whose names sort before one that was there, and what files have got since a later
    /// one closed them.
    pub(super) fn not_read(&self) -> Result<Vec<Notice>, Error> {
        let mut left = vec![];
        for name in names::expand(&self.patterns)? {
            match self.files.binary_search_by(|known| known.name.cmp(&name)) {
                Err(place) if place < self.files.len() => {}
                _ => continue,
            }
            let identity = fs::metadata(&name).map(|metadata| FileIdentity::of(&metadata)).ok();
            let is_known = |known: &KnownFile| known.identity.inode != 0 && identity == Some(known.identity);
            // One that is gone again, or known under another name, is nothing that should be read.
            if identity.is_some() && !self.files.iter().any(is_known) {
                let detail = "its name sorts before a file that was there; it is not read".into();
                left.push(Notice { code: RecordCode::NameTooEarly, file: name, detail });
            }
        }
        for known in &self.files {
            let detail = fs::metadata(&known.name).ok().and_then(|metadata| grown(known, &metadata));
            left.extend(detail.map(|detail| Notice { code: RecordCode::ClosedGrew, file: known.name.clone(), detail }));
        }
        Ok(left)
    }

    /// Fixes the length of the last file, because a later one has come. In batch mode a file's length is fixed when it
    /// has been read.
    fn close_last(&mut self) -> Result<(), Error> {
        let Some(last) = self.files.len().checked_sub(1) else { return Ok(()) };
        if self.options.mode == Mode::Batch || self.files[last].closed.is_some() {
            return Ok(());
        }
        // The open file, if it is this one: its name may be gone by now.
        let open = self.current.as_mut().filter(|open| open.at().file as usize == last).and_then(|open| open.file());
        let packed = matches!(self.formats[last], Some((_, true)));
        let known = &mut self.files[last];
        let metadata = match open {
            Some(file) => file.metadata(),
            None => {
                let read = if self.at.file as usize == last { self.at.offset } else { 0 };
                known.open(if packed || known.name.ends_with(".parquet") { 0 } else { read })?.metadata()
            }
        };
        known.closed = Some(metadata.map_err(Error::read(&known.name))?.len());
        Ok(())
    }

    /// Looks at one of the files that were read to their end: at each call at the next one.
    fn look_at_closed(&mut self) {
        let closed = self.files.len().min(self.at.file as usize);
        if closed == 0 {
            return;
        }
        self.watch.closed = (self.watch.closed + 1) % closed;
        let known = &self.files[self.watch.closed];
        say_if_changed(&mut self.watch, known, fs::metadata(&known.name));
    }

    /// Checks the files before the position: after a restart they must be what they were, or gone.
    pub(super) fn check_earlier(&mut self) -> Result<(), Error> {
        for known in self.files.iter_mut().take(self.at.file as usize) {
            match known.open(0) {
                Err(Error::Gone { .. }) => say_if_changed(&mut self.watch, known, Err(ErrorKind::NotFound.into())),
                Err(error) => return Err(error),
                Ok(file) => say_if_changed(&mut self.watch, known, file.metadata()),
            }
        }
        Ok(())
    }

    /// Checks that the open file, of which more may be read, still holds what was read; and while it is the last one,
    /// that it is still the one under its name.
    pub(super) fn check_current(&mut self) -> Result<(), Error> {
        let Some(open) = &mut self.current else { return Ok(()) };
        let (ordinal, read) = (open.at().file, open.read_to());
        let last = ordinal as usize + 1 == self.files.len();
        let known = &mut self.files[ordinal as usize];
        let Some(file) = open.file() else { return Ok(()) };
        if last {
            let under_name = match fs::metadata(&known.name) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(Error::Gone { file: known.name.clone(), read });
                }
                metadata => metadata.map_err(Error::read(&known.name))?,
            };
            if FileIdentity::of(&under_name).inode != known.identity.inode {
                let what = "the name stands for another file now";
                let replaced = |_| Error::Replaced { file: known.name.clone(), what };
                let mut same = known.clone();
                same.take_again().map_err(replaced)?;
                self.watch.say(RecordCode::KnownAgain, &known.name, put_back(0));
                *known = same;
                // It is opened where reading was.
                self.current = None;
                return Ok(());
            }
        }
        let metadata = file.metadata().map_err(Error::read(&known.name))?;
        let seen = Some((ordinal, metadata.len(), metadata.modified().ok()));
        if self.watch.seen != seen {
            known.check(file, read)?;
            file.seek(SeekFrom::Start(read)).map_err(Error::read(&known.name))?;
            self.watch.seen = seen;
        }
        Ok(())
    }
}

/// What is to be said of a file that was closed and has got more since.
fn grown(known: &KnownFile, metadata: &Metadata) -> Option<String> {
    let grown = metadata.len().checked_sub(known.closed?).filter(|grown| *grown > 0)?;
    Some(format!("it grew by {grown} bytes after a later file had begun; they are not read"))
}

fn say_if_changed(watch: &mut FileWatch, known: &KnownFile, metadata: std::io::Result<Metadata>) {
    match metadata {
        Ok(metadata) => {
            if let Some(detail) = grown(known, &metadata) {
                watch.say(RecordCode::ClosedGrew, &known.name, detail);
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let detail = "it is gone, but had been read; the log cannot be read again from its start";
            watch.say(RecordCode::EarlierGone, &known.name, detail.into());
        }
        // Whether it may be looked at matters when it is read.
        Err(_) => {}
    }
}
