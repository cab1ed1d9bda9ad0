//! Files of one log that have the very same bytes, as a copy has, or a file and what gzip made of it. Both count, which is said:
//! nobody can tell from here whether they are meant.
//!
//! Bytes are compared as far as that costs next to nothing: how long they are, what they begin with, and, of two files that
//! are not packed, what they end with. So this finds copies, and proves nothing; no answer depends on it.

use super::known::{FileEnd, FilePrefix, KnownFile};
use super::{FileSource, Mode};
use crate::{RecordCode, packed};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// How long files are, in bytes, as far as 32 bits hold, and the digest of what they begin with; of what is packed, unpacked.
type ContentKey = (u32, String);

/// The files that cannot grow any more by what they hold, with what they end with where that is known.
pub(super) type Contents = BTreeMap<ContentKey, (usize, Option<FileEnd>)>;

impl FileSource {
    /// Says so if one of the files before has the same bytes as a file, and notes what this one holds if it is all there.
    pub(super) fn compare_with_others(&mut self, file: usize) {
        if self.until.is_some() {
            return;
        }
        // What cannot be looked at now is told of where it is read.
        let Ok(Some((key, end))) = content(&self.files[file]) else { return };
        let Some((other, others_end)) = self.contents.get(&key) else {
            if !self.may_grow(file) {
                self.contents.insert(key, (file, end));
            }
            return;
        };
        let differ = end.as_ref().zip(others_end.as_ref()).is_some_and(|(one, other)| one != other);
        if *other == file || differ {
            return;
        }
        let (name, other) = (&self.files[file].name, &self.files[*other].name);
        let detail = format!("it has as many bytes as {other} and begins with the same: what both have is read twice");
        self.watch.say(RecordCode::SameBytes, name, detail);
    }

    /// Compares all files that were read before.
    pub(super) fn compare_earlier(&mut self) {
        if self.options.mode == Mode::Tail {
            (0..self.files.len().min(self.at.file as usize)).for_each(|file| self.compare_with_others(file));
        }
    }
}

/// What tells the content of a file; `None` of one without any.
fn content(known: &KnownFile) -> io::Result<Option<(ContentKey, Option<FileEnd>)>> {
    let mut file = File::open(&known.name)?;
    let length = match known.closed {
        Some(length) => length,
        None => file.metadata()?.len(),
    };
    let mut bytes = vec![];
    (&file).take(length.min(FilePrefix::LENGTH_MAX)).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !packed::is_packed(&bytes) {
        let end = FileEnd::of(&mut file, length)?;
        return Ok(Some(((length as u32, digest(&bytes)), Some(end))));
    }
    let mut unpacked = vec![];
    file.seek(SeekFrom::Start(0))?;
    packed::unpack((&file).take(length)).take(FilePrefix::LENGTH_MAX).read_to_end(&mut unpacked)?;
    // The last four bytes of gzip are how much comes out of it.
    let mut count = [0; 4];
    file.seek(SeekFrom::Start(length.saturating_sub(4)))?;
    file.read_exact(&mut count)?;
    Ok(Some(((u32::from_le_bytes(count), digest(&unpacked)), None)).filter(|_| !unpacked.is_empty()))
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
