//! How a file is known again.
//!
//! A file is known by its identity on its file system (inode) and by a digest of its beginning. The device number
//! is kept but not compared: file systems get new ones when they are mounted again. A copy is taken for the file itself only
//! where it has all bytes that are known of it (`again`).
//! **Invariant:** a [`FilePrefix`] only ever grows, and only over bytes that follow those it was made of.

use super::digest::Digested;
use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};

/// The files of one log, in order; a [`crate::Position`]'s `file` is an index here.
pub type FileTable = Vec<KnownFile>;

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFile {
    /// Its absolute path.
    pub name: String,
    /// What the file system calls it.
    pub identity: FileIdentity,
    /// What it begins with.
    pub head: FilePrefix,
    /// Its length in bytes when a later file closed it; what it has beyond is no part of the log.
    pub closed: Option<u64>,
    /// What was read of it; none of Parquet, nor where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Digested>,
    /// What it ended with when it was read, of a file that is read only when it is whole: of Parquet, and of what is packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<FileEnd>,
}

/// What a file system calls a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileIdentity {
    /// The file system.
    pub device: u64,
    /// The file in it; 0 where the system has no such number.
    pub inode: u64,
}

impl FileIdentity {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        FileIdentity { device: metadata.dev(), inode: metadata.ino() }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Self {
        FileIdentity { device: 0, inode: 0 }
    }
}

/// The beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePrefix {
    /// How many bytes the digest is of; at most [`FilePrefix::LENGTH_MAX`].
    pub length: u64,
    /// Their BLAKE3 digest in hexadecimal.
    pub digest: String,
}

impl FilePrefix {
    /// How many bytes a digest is of in a file that has as many.
    pub const LENGTH_MAX: u64 = 4096;

    fn of(bytes: &[u8]) -> Self {
        FilePrefix { length: bytes.len() as u64, digest: blake3::hash(bytes).to_hex().to_string() }
    }
}

/// The end of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEnd {
    /// How long the file is, in bytes.
    pub length: u64,
    /// The BLAKE3 digest in hexadecimal of its last [`FilePrefix::LENGTH_MAX`] bytes, or of all of them.
    pub digest: String,
}

impl FileEnd {
    /// That of the first so many bytes of a file.
    pub(super) fn of(file: &mut File, length: u64) -> io::Result<Self> {
        let bytes = length.min(FilePrefix::LENGTH_MAX);
        let mut end = Vec::with_capacity(bytes as usize);
        file.seek(SeekFrom::Start(length - bytes))?;
        file.take(bytes).read_to_end(&mut end)?;
        Ok(FileEnd { length, digest: blake3::hash(&end).to_hex().to_string() })
    }
}

impl KnownFile {
    /// A file that is seen for the first time.
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        crate::packed::refuse_pipe(name)?;
        let mut file = File::open(name).map_err(Error::read(name))?;
        let metadata = file.metadata().map_err(Error::read(name))?;
        let bytes = beginning(&mut file).map_err(Error::read(name))?;
        let (name, identity, head) = (name.to_owned(), FileIdentity::of(&metadata), FilePrefix::of(&bytes));
        Ok(KnownFile { name, identity, head, closed: None, read: None, end: None })
    }

    /// Compares all that was read of it with what is there; how many bytes that were, `None` where that is not known.
    pub fn compare(&self) -> Result<Option<u64>, Error> {
        let Some(digested) = &self.read else { return Ok(None) };
        let mut file = File::open(&self.name).map_err(Error::read(&self.name))?;
        digested.compare(&mut file, &self.name)?;
        Ok(Some(digested.bytes))
    }

    /// Notes what it ends with, if that is not noted: it is whole.
    pub(super) fn note_end(&mut self) -> Result<(), Error> {
        if self.end.is_none() {
            let mut file = self.open(0)?;
            let end = file.metadata().and_then(|metadata| FileEnd::of(&mut file, metadata.len()));
            self.end = Some(end.map_err(Error::read(&self.name))?);
        }
        Ok(())
    }

    /// Whether a file begins with what this one began with.
    pub(super) fn begins_like(&self, name: &str) -> bool {
        if crate::packed::refuse_pipe(name).is_err() {
            return false;
        }
        let bytes = File::open(name).and_then(|mut file| beginning(&mut file)).unwrap_or_default();
        bytes.get(..self.head.length as usize).is_some_and(|known| FilePrefix::of(known) == self.head)
    }

    /// Whether a file of the same identity is this one under another name: a link while it is there itself, or what it was
    /// renamed to. A file system gives the number of one that is gone to the next that is made.
    pub(super) fn is_linked_as(&self, name: &str) -> bool {
        let is_there = fs::metadata(&self.name).is_ok_and(|metadata| FileIdentity::of(&metadata) == self.identity);
        self.identity.inode != 0 && (is_there || self.head.length > 0 && self.begins_like(name))
    }

    /// Takes the file that lies under the name now for this one, whatever the file system calls it: it must have all bytes that
    /// are known of this one.
    ///
    /// # Errors
    ///
    /// What differs; the file is then known as before.
    pub(super) fn take_again(&mut self) -> Result<(), Error> {
        let mut file = File::open(&self.name).map_err(Error::read(&self.name))?;
        let metadata = file.metadata().map_err(Error::read(&self.name))?;
        let mut again = KnownFile { identity: FileIdentity::of(&metadata), ..self.clone() };
        again.check(&mut file, self.read.as_ref().map_or(0, |read| read.bytes))?;
        if let Some(read) = &self.read {
            read.compare(&mut file, &self.name)?;
        }
        if let Some(end) = &self.end {
            let is_same = FileEnd::of(&mut file, end.length).map_err(Error::read(&self.name))? == *end;
            if !is_same {
                return Err(Error::Replaced { file: self.name.clone(), what: "it ends with other bytes" });
            }
        }
        *self = again;
        Ok(())
    }

    /// Opens the file, which must be the one that is known, and have at least the `read` bytes that were read of it.
    /// A digest of a beginning that was short is renewed as the file has grown.
    pub(crate) fn open(&mut self, read: u64) -> Result<File, Error> {
        let mut file = File::open(&self.name).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Gone { file: self.name.clone(), read },
            _ => Error::Read { file: self.name.clone(), error },
        })?;
        self.check(&mut file, read)?;
        file.seek(SeekFrom::Start(0)).map_err(Error::read(&self.name))?;
        Ok(file)
    }

    /// The checks of [`KnownFile::open`] on an open file; moves its cursor.
    pub(crate) fn check(&mut self, file: &mut File, read: u64) -> Result<(), Error> {
        let metadata = file.metadata().map_err(Error::read(&self.name))?;
        if FileIdentity::of(&metadata).inode != self.identity.inode {
            return Err(Error::Replaced { file: self.name.clone(), what: "it is another file" });
        }
        let (read, length) = (read.max(self.head.length).max(self.closed.unwrap_or(0)), metadata.len());
        if length < read {
            return Err(Error::Truncated { file: self.name.clone(), length, read });
        }
        let bytes = beginning(file).map_err(Error::read(&self.name))?;
        let known = bytes.get(..self.head.length as usize).unwrap_or(&bytes);
        if FilePrefix::of(known) != self.head {
            return Err(Error::Replaced { file: self.name.clone(), what: "it begins with other bytes" });
        }
        self.head = FilePrefix::of(&bytes);
        Ok(())
    }
}

fn beginning(file: &mut File) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::with_capacity(FilePrefix::LENGTH_MAX as usize);
    file.take(FilePrefix::LENGTH_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
