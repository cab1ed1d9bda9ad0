//! Names of objects: what they carry, how they are written and read back.
//!
//! A name made by a writer carries its generation, so two writers never write the same name; numbers have a fixed width,
//! so that names sort as their numbers do. A folder a kind keeps the listing of heads, done at every commit, short.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::record::{Epoch, Generation};

/// Folder of the head chain.
pub(super) const HEADS: &str = "heads";
/// Folder of the manifests.
pub(super) const MANIFESTS: &str = "manifests";
/// Folder of the files of history that lie in tables of their own.
pub(super) const HISTORY: &str = "history";
/// Folder of half-made objects; see [`super::local`].
pub(super) const TEMPORARY: &str = "tmp";
/// The object that tells a lost job from a new place.
pub(super) const GENESIS: &str = "genesis";

/// What a checkpoint's file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// State, as an Arrow IPC file; read whole at recovery.
    Segment,
    /// Committed results, as a Parquet file; kept as history and read by queries.
    Result,
    /// The same, in a table that others read too; see [`super::history`].
    History,
    /// Events as they were received, as an Arrow IPC file; kept for a while to be read again.
    Kept,
    /// Messages that are to be published, as an Arrow IPC file; gone once they are.
    Outbox,
}

impl FileKind {
    /// Every kind that lies in the state itself.
    pub(super) const IN_STATE: [FileKind; 4] = [FileKind::Segment, FileKind::Result, FileKind::Kept, FileKind::Outbox];

    /// Whether a job cannot go on without it. What else is missing costs questions, or messages, and is said.
    pub fn is_state(self) -> bool {
        match self {
            FileKind::Segment => true,
            FileKind::Result | FileKind::History | FileKind::Kept | FileKind::Outbox => false,
        }
    }

    /// Whether it holds committed results, wherever they lie.
    pub fn is_result(self) -> bool {
        matches!(self, FileKind::Result | FileKind::History)
    }

    /// Whether it becomes much in the long run, and is only looked at by those who ask.
    pub(super) fn is_history(self) -> bool {
        match self {
            FileKind::Result | FileKind::History | FileKind::Kept => true,
            FileKind::Segment | FileKind::Outbox => false,
        }
    }

    /// The kind of a file, by its name.
    pub fn of(name: &str) -> Option<FileKind> {
        let (folder, _) = name.split_once('/')?;
        FileKind::IN_STATE.into_iter().chain([FileKind::History]).find(|kind| kind.folder() == folder)
    }

    /// The folder of this kind's files.
    pub fn folder(self) -> &'static str {
        match self {
            FileKind::Segment => "segments",
            FileKind::Result => "results",
            FileKind::History => HISTORY,
            FileKind::Kept => "kept",
            FileKind::Outbox => "outbox",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            FileKind::Segment | FileKind::Kept | FileKind::Outbox => "arrow",
            FileKind::Result | FileKind::History => "parquet",
        }
    }
}

/// When an object was made: the generation of its writer and the epoch being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Generation of the writer.
    pub generation: Generation,
    /// Epoch that was being built.
    pub epoch: Epoch,
}

pub(super) fn head(number: u64) -> String {
    format!("{HEADS}/head-{number:020}")
}

/// The number of a head, if `name` is one.
pub(super) fn head_number(name: &str) -> Option<u64> {
    digits(name.strip_prefix(HEADS)?.strip_prefix("/head-")?, 20)
}

pub(super) fn manifest(stamp: Stamp) -> String {
    format!("{MANIFESTS}/{}.json", stamped(stamp))
}

/// Name of a file of a checkpoint; `sequence` is unique in the writer's life.
pub(super) fn file(kind: FileKind, stamp: Stamp, sequence: u64, stem: &str) -> Result<String, Error> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if stem.is_empty() || stem.len() > 64 || !stem.bytes().all(plain) {
        return Err(Error::BadStem { stem: stem.to_owned() });
    }
    Ok(format!("{}/{}-{sequence:010}-{stem}.{}", kind.folder(), stamped(stamp), kind.extension()))
}

/// Name of a file of history: its table's, the day of its rows, and one that no writer of any partition makes for other bytes:
/// a state that was put back from a copy makes its numbers again.
pub(super) fn history(table: &str, day: &str, lineage: &str, stamp: Stamp, sequence: u64, digest: &str) -> String {
    let whose = &lineage[..lineage.len().min(16)];
    format!("{HISTORY}/{table}/utc_date={day}/{whose}-{}-{sequence:010}-{}.parquet", stamped(stamp), &digest[..8])
}

/// What all names of files of history have in common that a partition's writers make, within a day of a table.
pub fn history_prefix(lineage: &str) -> String {
    format!("{}-", &lineage[..lineage.len().min(16)])
}

/// Generation and epoch in the name of a manifest or a file; `None` for a name that no writer makes.
pub(super) fn stamp(name: &str) -> Option<Stamp> {
    let (_, base) = name.split_once('/')?;
    let rest = base.strip_prefix('g')?;
    let (generation, rest) = rest.split_once("-e")?;
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    Some(Stamp { generation: digits(generation, 10)?, epoch: digits(&rest[..end], 12)? })
}

/// The number of the head that a temporary object was to become; a genesis comes with head 0. `None` for other names.
pub(super) fn temporary_head_number(name: &str) -> Option<u64> {
    let (base, attempt) = name.strip_prefix(TEMPORARY)?.strip_prefix('/')?.rsplit_once('.')?;
    digits(attempt, 1)?;
    if base == GENESIS { Some(0) } else { digits(base.strip_prefix("head-")?, 20) }
}

fn stamped(stamp: Stamp) -> String {
    format!("g{:010}-e{:012}", stamp.generation, stamp.epoch)
}

/// A decimal number written with at least `width` digits and nothing else.
fn digits(text: &str, width: usize) -> Option<u64> {
    let canonical = text.len() == width || (text.len() > width && !text.starts_with('0'));
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The name within the job's state of an object of a partition's folder.
pub fn whole_name(folder: &str, object: &str) -> String {
    if folder.is_empty() { object.to_owned() } else { format!("{folder}/{object}") }
}

/// Whether one of the names that a user gave is that of a file: whole, or from any of its folders on.
pub fn is_named(names: &[String], file: &str) -> bool {
    names.iter().any(|name| {
        let name = name.trim_end_matches('/');
        !name.is_empty() && file.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_file_is_named_whole_or_from_a_folder_on() {
        let file = "sources/s/results/g1-e2-finals.parquet";
        for name in [file, "results/g1-e2-finals.parquet", "g1-e2-finals.parquet"] {
            assert!(is_named(&["x".into(), name.into()], file), "{name}");
        }
        for name in ["", "/", "finals.parquet", "ces/s/results/g1-e2-finals.parquet", "results"] {
            assert!(!is_named(&[name.into()], file), "{name}");
        }
    }
}
