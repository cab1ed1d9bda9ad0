//! The small JSON objects: head, manifest, genesis, and the references between them.
//!
//! Every one starts with the format number and is sealed (see `digest`). Unknown fields are refused: a program that does
//! not know a field cannot know what ignoring it costs, so an addition raises the format number.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::ops::Deref;
use std::sync::Arc;

use super::digest::{Digest, seal, unseal};
use super::error::{Error, Finding, ObjectProblem};
use super::names::FileKind;

/// Number of a checkpoint of a partition; grows by at least one with every commit, across owners. 0 is "none yet".
pub type Epoch = u64;
/// Number of an ownership of a partition; grows with every take-over. The first is 1.
pub type Generation = u64;

/// The format of all of them: what this program writes, and the only one that it reads.
pub(super) const FORMAT: u64 = 1;

/// Who writes: unique to one run of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The writer's name, as it gave it at opening.
    pub writer: String,
    /// Its generation.
    pub generation: Generation,
}

/// The newest link of the chain decides who owns the partition and which checkpoints count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainHead {
    /// Format of this object.
    pub format: u64,
    /// Its place in the chain, also in its name.
    pub number: u64,
    /// The partition it belongs to.
    pub partition: String,
    /// Made from the first owner's name; the same in everything of one job's partition.
    pub lineage: String,
    /// Who made it, and so owns the partition while it is the newest.
    pub owner: Owner,
    /// The highest epoch that was or may have been committed; the next commit has a higher one.
    pub epoch: Epoch,
    /// Digest of the head before it (its whole bytes); none in head 0.
    pub previous: Option<Digest>,
    /// The kept checkpoints, newest first, at most three.
    pub manifests: Vec<ManifestRef>,
    /// Its owner has given the partition up: whoever comes may take it over, and nobody is fenced by that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}

/// How a head names a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestRef {
    /// Its name in the store.
    pub name: String,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its length in bytes.
    pub length: u64,
    /// Digest of its whole bytes.
    pub digest: Digest,
}

/// One checkpoint: the state's files, and the log position for which they are true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of this object.
    pub format: u64,
    /// The partition it belongs to.
    pub partition: String,
    /// See [`ChainHead::lineage`].
    pub lineage: String,
    /// Who made it.
    pub owner: Owner,
    /// Its number.
    pub epoch: Epoch,
    /// The caller's log position. Opaque here; 64-bit integers keep every digit, floats need not.
    pub position: serde_json::Value,
    /// The caller's facts about the whole (program version, fingerprints, watermark ...). Opaque here.
    pub state: serde_json::Value,
    /// Every file that the checkpoint consists of.
    pub files: Vec<FileRef>,
    /// Digest of the manifest of the checkpoint that this one continues; none in the first.
    pub previous: Option<Digest>,
}

/// A [`Manifest`] with its facts as text, to be written.
#[derive(Serialize)]
pub(super) struct ManifestText<'a> {
    format: u64,
    partition: &'a str,
    lineage: &'a str,
    owner: &'a Owner,
    epoch: Epoch,
    position: &'a serde_json::Value,
    state: &'a RawValue,
    files: &'a [FileRef],
    previous: Option<Digest>,
}

impl Manifest {
    /// It with other facts than its own.
    pub(super) fn with_facts<'a>(&'a self, state: &'a RawValue) -> ManifestText<'a> {
        let Manifest { format, partition, lineage, owner, epoch, position, state: _, files, previous } = self;
        let (format, epoch, previous) = (*format, *epoch, *previous);
        ManifestText { format, partition, lineage, owner, epoch, position, state, files, previous }
    }
}

/// How a manifest names a file. It is shared: years of history are thousands of files, every checkpoint names all of them, and
/// copies a number for each.
#[derive(Debug, Clone, PartialEq)]
pub struct FileRef(Arc<FileSummary>);

impl Deref for FileRef {
    type Target = FileSummary;

    fn deref(&self) -> &FileSummary {
        &self.0
    }
}

impl From<FileSummary> for FileRef {
    fn from(named: FileSummary) -> Self {
        FileRef(Arc::new(named))
    }
}

impl Serialize for FileRef {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for FileRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        FileSummary::deserialize(from).map(FileRef::from)
    }
}

/// What is known of a file that a manifest names: all that is needed to tell whether the bytes read are the bytes written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSummary {
    /// Its name in the store.
    pub name: String,
    /// What it is for.
    pub kind: FileKind,
    /// Its length in bytes.
    pub length: u64,
    /// Digest of its bytes.
    pub digest: Digest,
    /// The caller's facts about it (lane, base or delta, rows ...). Opaque here.
    pub metadata: serde_json::Value,
}

/// Created once with a partition and never deleted: a place that has it is not new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Genesis {
    pub(super) format: u64,
    pub(super) partition: String,
    pub(super) lineage: String,
}

/// The first thing read of any object, so that one of another format is refused and not called broken.
#[derive(Deserialize)]
struct FormatHeader {
    format: u64,
}

/// The sealed bytes of a record.
pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    seal(serde_json::to_vec(record).expect("records have string keys only and write to memory"))
}

/// The record in the sealed `bytes` of `object`.
pub(super) fn decode<T: DeserializeOwned>(object: &str, bytes: &[u8]) -> Result<T, Error> {
    let broken = |problem| Error::Corrupt(Finding::new(object, problem));
    let body = unseal(bytes).map_err(broken)?;
    let malformed = |error: serde_json::Error| {
        broken(ObjectProblem::Malformed { offset: offset(body, &error), reason: error.to_string() })
    };
    let FormatHeader { format } = serde_json::from_slice(body).map_err(malformed)?;
    if format != FORMAT {
        return Err(Error::Format { object: object.to_owned(), found: format, known: FORMAT });
    }
    serde_json::from_slice(body).map_err(malformed)
}

/// Where a JSON error is, in bytes from the start.
fn offset(body: &[u8], error: &serde_json::Error) -> u64 {
    let lines_before = body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    (lines_before.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_list_of_files_share_the_files() {
        let named = |i: u64| FileSummary {
            name: format!("results/{i}"),
            kind: FileKind::Result,
            length: i,
            digest: Digest::of(b"rows"),
            metadata: serde_json::json!({"rows": i}),
        };
        let files: Vec<FileRef> = (0..100).map(|i| named(i).into()).collect();
        let copies = files.clone();
        assert!(files.iter().zip(&copies).all(|(file, copy)| std::ptr::eq(&raw const **file, &raw const **copy)));
        // They are written as what they name, and read as that.
        let text = serde_json::to_string(&files[7]).unwrap();
        assert_eq!(text, serde_json::to_string(&named(7)).unwrap());
        assert_eq!(serde_json::from_str::<FileRef>(&text).unwrap(), files[7]);
        assert!(serde_json::from_str::<FileRef>(&text.replace("length", "size")).is_err());
    }
}
