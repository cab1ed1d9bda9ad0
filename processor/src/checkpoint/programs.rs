//! The deployed programs of a job: one object, replaced by compare-and-swap, whose version every checkpoint names.
//!
//! The same technique as the heads: `programs-<n>`, each made once, the newest counts. None is ever deleted (a deployment
//! is rare and small), so a number that is taken stays taken, and the exclusive create alone decides. Programs are never
//! fallen back from: running older ones than were deployed would be a silent change of every answer. So which versions
//! there were is noted beside them, where the loss of the newest one does not take the note with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::{Digest, seal, unseal};
use super::error::{Error, Finding, Problem};
use super::place::Place;
use super::record::FORMAT;
use super::store::Store;
use super::swap::ATTEMPTS;

const FOLDER: &str = "programs";

/// The deployed programs of one job, in a store of their own or beside others' folders.
#[derive(Clone)]
pub struct ProgramStore {
    store: Arc<dyn Store>,
    /// Where it is noted which versions there were.
    notes: Option<Arc<dyn Store>>,
    writer: String,
}

/// One version of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// 1 for the first deployment, and one more with each.
    pub version: u64,
    /// What the caller deployed. Opaque here.
    pub bytes: Vec<u8>,
}

/// The first line of the object; the caller's bytes follow it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u64,
    version: u64,
    writer: String,
    previous: Option<Digest>,
}

/// The part of the header that every format has.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl ProgramStore {
    /// The programs in `store`; `writer` is a name that no other run of any process has.
    pub fn new(store: Arc<dyn Store>, writer: impl Into<String>) -> ProgramStore {
        ProgramStore { store, notes: None, writer: writer.into() }
    }

    /// The programs of the job whose state is there.
    pub fn of(state: &Place, writer: impl Into<String>) -> ProgramStore {
        ProgramStore::new(state.store("programs"), writer).noted_in(state.store("begun"))
    }

    /// With notes of the versions that there were.
    pub fn noted_in(self, notes: Arc<dyn Store>) -> ProgramStore {
        ProgramStore { notes: Some(notes), ..self }
    }

    /// Notes that a version is there, so that its loss is seen. To be done once it is.
    pub fn note(&self, version: u64) -> Result<(), Error> {
        if let (Some(notes), 1..) = (&self.notes, version) {
            let name = name(version);
            if notes.read(&name)?.is_none() {
                // Another one that says the same is as good.
                notes.create(&name, self.writer.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The newest version, or `None` if nothing was ever deployed. Writes nothing.
    pub fn load(&self) -> Result<Option<Programs>, Error> {
        match self.newest()? {
            0 => Ok(None),
            version => self.load_version(version).map(Some),
        }
    }

    /// One version, as a checkpoint names it.
    pub fn load_version(&self, version: u64) -> Result<Programs, Error> {
        let name = name(version);
        let bytes = self.store.read(&name)?;
        let bytes = bytes.ok_or_else(|| Error::Corrupt(Finding::new(&name, Problem::Missing)))?;
        decode(&name, version, &bytes)
    }

    /// Deploys `bytes` as the version after `expected` (0: the first), and returns that version.
    ///
    /// [`Error::Conflict`] if another deployment came first. After any other error it may or may not have happened:
    /// load and compare before trying again.
    pub fn replace(&self, expected: u64, bytes: &[u8]) -> Result<u64, Error> {
        let current = self.newest()?;
        if current != expected {
            return Err(Error::Conflict { expected, current });
        }
        let version = expected + 1;
        let object = self.encode(version, bytes)?;
        let name = name(version);
        // Trying again is safe: no version is ever deleted, so it cannot be made twice.
        for _ in 0..ATTEMPTS {
            self.store.create(&name, &object)?;
            match self.store.read(&name)? {
                // The header names the writer, so equal bytes are its own, also from an attempt that got no answer.
                Some(found) if found == object => {
                    self.note(version)?;
                    return Ok(version);
                }
                Some(_) => return Err(Error::Conflict { expected, current: self.newest()? }),
                None => {}
            }
        }
        Err(Error::Unclear { object: name })
    }

    /// The highest version; an error if one below it is gone, for then higher ones may be gone as well, or one above it that
    /// was noted. Where there are none at all, that is for the caller to judge.
    fn newest(&self) -> Result<u64, Error> {
        // Notes first: a version is there before its note is.
        let noted = self.notes.as_ref().map_or(Ok(vec![]), versions)?;
        let versions = versions(&self.store)?;
        let missing = |(expected, found): (u64, &u64)| (expected != *found).then_some(expected);
        let newest = versions.len() as u64;
        let beyond = noted.last().filter(|noted| newest > 0 && **noted > newest).map(|_| newest + 1);
        match (1..).zip(&versions).find_map(missing).or(beyond) {
            Some(missing) => Err(Error::Corrupt(Finding::new(name(missing), Problem::Missing))),
            None => Ok(newest),
        }
    }

    fn encode(&self, version: u64, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let previous = match version - 1 {
            0 => None,
            before => self.store.read(&name(before))?.map(|bytes| Digest::of(&bytes)),
        };
        let header = Header { format: FORMAT, version, writer: self.writer.clone(), previous };
        let mut body = serde_json::to_vec(&header).expect("the header has string keys only and writes to memory");
        body.push(b'\n');
        body.extend_from_slice(bytes);
        Ok(seal(body))
    }
}

fn decode(name: &str, version: u64, bytes: &[u8]) -> Result<Programs, Error> {
    let broken = |problem| Error::Corrupt(Finding::new(name, problem));
    let malformed = |reason: String| broken(Problem::Malformed { offset: 0, reason });
    let body = unseal(bytes).map_err(broken)?;
    let line_bytes =
        body.iter().position(|byte| *byte == b'\n').ok_or_else(|| malformed("no header line".to_owned()))?;
    let (line, rest) = body.split_at(line_bytes);
    let Format { format } = serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))?;
    if format != FORMAT {
        return Err(Error::Format { object: name.to_owned(), found: format, known: FORMAT });
    }
    let header: Header = serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))?;
    if header.version != version {
        let (expected, found) = (version.to_string(), header.version.to_string());
        return Err(broken(Problem::Mismatch { field: "version", expected, found }));
    }
    Ok(Programs { version, bytes: rest[1..].to_vec() })
}

/// The versions that a store has, ascending.
fn versions(store: &Arc<dyn Store>) -> Result<Vec<u64>, Error> {
    let mut versions: Vec<u64> = store.list(FOLDER)?.iter().filter_map(|entry| version(&entry.name)).collect();
    versions.sort_unstable();
    Ok(versions)
}

fn name(version: u64) -> String {
    format!("{FOLDER}/programs-{version:020}")
}

fn version(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(FOLDER)?.strip_prefix("/programs-")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
