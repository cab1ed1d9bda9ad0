//! The deployed programs of a job: one object, replaced by compare-and-swap, whose version every checkpoint names.
//!
//! The same technique as the heads: `programs-<n>`, each made once, the newest counts. None is ever deleted (a deployment
//! is rare and small), so a number that is taken stays taken, and the exclusive create alone decides. Programs are never
//! fallen back from: running older ones than were deployed would be a silent change of every answer. So which versions
//! there were is noted beside them, where the loss of the newest one does not take the note with it. One that is lost is
//! done without because somebody named it ([`ProgramStore::without`]); what is put in its place says so for good.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::{Digest, seal, unseal};
use super::error::{Error, Finding, ObjectProblem};
use super::names::{is_named, whole_name};
use super::place::StateLocation;
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
    /// Versions that are done without where they are missing, by the names that a user gave.
    given_up: Vec<String>,
}

/// One version of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPrograms {
    /// 1 for the first deployment, and one more with each.
    pub version: u64,
    /// What the caller deployed. Opaque here.
    pub bytes: Vec<u8>,
}

/// The first line of the object; the caller's bytes follow it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramsHeader {
    format: u64,
    version: u64,
    writer: String,
    previous: Option<Digest>,
}

/// The part of the header that every format has.
#[derive(Deserialize)]
struct ProgramsFormat {
    format: u64,
}

impl ProgramStore {
    /// The programs in `store`; `writer` is a name that no other run of any process has.
    pub fn new(store: Arc<dyn Store>, writer: impl Into<String>) -> ProgramStore {
        ProgramStore { store, notes: None, writer: writer.into(), given_up: vec![] }
    }

    /// The programs of the job whose state is there.
    pub fn of(state: &StateLocation, writer: impl Into<String>) -> ProgramStore {
        ProgramStore::new(state.store("programs"), writer).noted_in(state.store("begun"))
    }

    /// With notes of the versions that there were.
    pub fn noted_in(self, notes: Arc<dyn Store>) -> ProgramStore {
        ProgramStore { notes: Some(notes), ..self }
    }

    /// Doing without versions that are missing and have one of these names.
    pub fn without(self, names: &[String]) -> ProgramStore {
        ProgramStore { given_up: names.to_vec(), ..self }
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

    /// The newest version that is there, or `None` if nothing was ever deployed. Writes nothing.
    pub fn load(&self) -> Result<Option<StoredPrograms>, Error> {
        match self.versions()?.there.last() {
            None => Ok(None),
            Some(version) => self.load_version(*version).map(Some),
        }
    }

    /// The versions that are missing and done without, ascending.
    pub fn missing(&self) -> Result<Vec<u64>, Error> {
        Ok(self.versions()?.missing)
    }

    /// Puts `bytes` in the place of every version that is missing and done without, so that nobody misses it any more.
    pub fn fill(&self, bytes: &[u8]) -> Result<(), Error> {
        for version in self.missing()? {
            // Another one that does without it too is as good.
            self.store.create(&name(version), &self.encode(version, bytes)?)?;
        }
        Ok(())
    }

    /// One version, as a checkpoint names it.
    pub fn load_version(&self, version: u64) -> Result<StoredPrograms, Error> {
        let name = name(version);
        let bytes = self.store.read(&name)?;
        let bytes = bytes.ok_or_else(|| Error::Corrupt(Finding::new(&name, ObjectProblem::Missing)))?;
        decode(&name, version, &bytes)
    }

    /// Deploys `bytes` as the version after `expected` (0: the first), and returns that version.
    ///
    /// [`Error::Conflict`] if another deployment came first. After any other error it may or may not have happened:
    /// load and compare before trying again.
    pub fn replace(&self, expected: u64, bytes: &[u8]) -> Result<u64, Error> {
        let current = self.versions()?.newest();
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
                Some(_) => return Err(Error::Conflict { expected, current: self.versions()?.newest() }),
                None => {}
            }
        }
        Err(Error::Unclear { object: name })
    }

    /// The versions that there are; an error if one below them is gone, for then higher ones may be gone as well, or one
    /// above them that was noted, unless it is done without. Where there are none at all, that is for the caller to judge.
    fn versions(&self) -> Result<Versions, Error> {
        // Notes first: a version is there before its note is.
        let noted = self.notes.as_ref().map_or(Ok(vec![]), versions)?;
        let there = versions(&self.store)?;
        let Some(newest) = there.last() else { return Ok(Versions::default()) };
        let mut missing = vec![];
        let all = 1..=*noted.last().unwrap_or(newest).max(newest);
        for version in all.filter(|version| there.binary_search(version).is_err()) {
            let object = whole_name(FOLDER, &name(version));
            if !is_named(&self.given_up, &object) {
                return Err(Error::NoVersion { object });
            }
            missing.push(version);
        }
        Ok(Versions { there, missing })
    }

    fn encode(&self, version: u64, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let previous = match version - 1 {
            0 => None,
            before => self.store.read(&name(before))?.map(|bytes| Digest::of(&bytes)),
        };
        let header = ProgramsHeader { format: FORMAT, version, writer: self.writer.clone(), previous };
        let mut body = serde_json::to_vec(&header).expect("the header has string keys only and writes to memory");
        body.push(b'\n');
        body.extend_from_slice(bytes);
        Ok(seal(body))
    }
}

/// The versions that there were.
#[derive(Default)]
struct Versions {
    /// Those that there are, ascending.
    there: Vec<u64>,
    /// Those that are not and are done without, ascending.
    missing: Vec<u64>,
}

impl Versions {
    /// The highest one that ever was; 0 if none was.
    fn newest(&self) -> u64 {
        self.there.last().max(self.missing.last()).copied().unwrap_or(0)
    }
}

fn decode(name: &str, version: u64, bytes: &[u8]) -> Result<StoredPrograms, Error> {
    let broken = |problem| Error::Corrupt(Finding::new(name, problem));
    let malformed = |reason: String| broken(ObjectProblem::Malformed { offset: 0, reason });
    let body = unseal(bytes).map_err(broken)?;
    let line_bytes =
        body.iter().position(|byte| *byte == b'\n').ok_or_else(|| malformed("no header line".to_owned()))?;
    let (line, rest) = body.split_at(line_bytes);
    let ProgramsFormat { format } = serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))?;
    if format != FORMAT {
        return Err(Error::Format { object: name.to_owned(), found: format, known: FORMAT });
    }
    let header: ProgramsHeader = serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))?;
    if header.version != version {
        let (expected, found) = (version.to_string(), header.version.to_string());
        return Err(broken(ObjectProblem::Mismatch { field: "version", expected, found }));
    }
    Ok(StoredPrograms { version, bytes: rest[1..].to_vec() })
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
