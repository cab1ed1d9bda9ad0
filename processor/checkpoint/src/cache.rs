//! Copies of a bucket's files on the local disk, for readers that want a file, and which files were compared with their digests.
//!
//! A copy is named by the digest of its bytes, so it is right for whoever asks, in any process, as long as it is whole;
//! it is made under another name first, and compared before it is used: the first time, when its time says that it was
//! changed since, and again after an hour, for what rots below the file system changes no time.
//! Nothing durable is here: the folder may be deleted at any time.

use event_feeder::world::{self, Instant};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::digest::Digest;
use super::error::Error;
use super::record::FileRef;
use super::store::StoreError;

/// Bytes of all copies; beyond it the least recently used ones go.
const BYTES_MAX: u64 = 4 << 30;
/// A copy that was used so recently stays: a query may be reading it.
const IN_USE: Duration = Duration::from_secs(1800);

/// Files that this process has compared with their digests: when, and their times then.
static COMPARED: Mutex<BTreeMap<PathBuf, (Instant, Option<SystemTime>)>> = Mutex::new(BTreeMap::new());
/// How long a comparison counts.
const COUNTS: Duration = Duration::from_secs(3600);
/// How many of them are remembered; all are compared anew when there are more.
const COMPARED_MAX: usize = 1 << 16;
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// The path of a copy of `file`, made from `read` where there is none.
pub(super) fn copy(file: &FileRef, read: impl FnOnce() -> Result<Vec<u8>, Error>) -> Result<PathBuf, Error> {
    copy_in(&folder(), file, read)
}

fn copy_in(folder: &Path, file: &FileRef, read: impl FnOnce() -> Result<Vec<u8>, Error>) -> Result<PathBuf, Error> {
    let path = folder.join(file.digest.to_string());
    if is_whole(&path, file) {
        // Failing to note the use makes the copy look older than it is, no more.
        let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(world::wall_clock()));
        if let Some((_, modified)) = COMPARED.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&path) {
            *modified = fs::metadata(&path).and_then(|found| found.modified()).ok();
        }
        return Ok(path);
    }
    let bytes = read()?;
    let failed = |source: io::Error| {
        Error::Store(StoreError { action: "keep a copy in", name: path.display().to_string(), source })
    };
    fs::create_dir_all(folder).map_err(failed)?;
    make_room(folder, bytes.len() as u64);
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let half = folder.join(format!("{}.{}-{sequence}", file.digest, std::process::id()));
    fs::write(&half, &bytes).and_then(|()| fs::rename(&half, &path)).map_err(failed)?;
    let modified = fs::metadata(&path).and_then(|found| found.modified()).ok();
    remember(&path, modified);
    Ok(path)
}

fn remember(path: &Path, modified: Option<SystemTime>) {
    let mut compared = COMPARED.lock().unwrap_or_else(PoisonError::into_inner);
    if compared.len() >= COMPARED_MAX {
        compared.clear();
    }
    compared.insert(path.to_owned(), (Instant::now(), modified));
}

/// Whether there is a file with the right bytes, which are not read each time.
pub(super) fn is_whole(path: &Path, file: &FileRef) -> bool {
    let Ok(found) = fs::metadata(path) else { return false };
    if found.len() != file.length {
        return false;
    }
    let modified = found.modified().ok();
    let compared = COMPARED.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
    if compared.is_some_and(|(at, then)| then == modified && at.elapsed() < COUNTS) {
        return true;
    }
    let whole = fs::read(path).is_ok_and(|bytes| Digest::of(&bytes) == file.digest);
    if whole {
        remember(path, modified);
    }
    whole
}

/// Deletes what was not used for long, oldest first, until `bytes` more fit. What cannot be deleted stays.
fn make_room(folder: &Path, bytes: u64) {
    let mut copies: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    copies.sort();
    let mut held: u64 = copies.iter().map(|(_, length, _)| length).sum();
    for (used, length, path) in copies {
        if held + bytes <= BYTES_MAX || world::wall_clock().duration_since(used).is_ok_and(|age| age < IN_USE) {
            return;
        }
        if fs::remove_file(&path).is_ok() {
            held -= length;
        }
    }
}

/// One folder a user, so that nobody else can put anything in it.
fn folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| value.as_os_str() != OsStr::new(""));
    let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")));
    caches.unwrap_or_else(std::env::temp_dir).join("timeline").join("results")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileKind, FileSummary};

    fn file(bytes: &[u8]) -> FileRef {
        let (name, digest) = ("results/x.parquet".to_owned(), Digest::of(bytes));
        FileSummary {
            name,
            kind: FileKind::Result,
            length: bytes.len() as u64,
            digest,
            metadata: serde_json::Value::Null,
        }
        .into()
    }

    #[test]
    fn a_copy_is_made_once_and_again_when_it_was_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(b"rows");
        let path = copy_in(folder.path(), &file, || Ok(b"rows".to_vec())).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"rows");
        let again = copy_in(folder.path(), &file, || panic!("there is a copy")).unwrap();
        assert_eq!(again, path);
        fs::write(&path, b"cut").unwrap();
        copy_in(folder.path(), &file, || Ok(b"rows".to_vec())).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"rows");
    }

    #[test]
    fn what_was_changed_since_it_was_compared_is_compared_again() {
        let folder = tempfile::tempdir().unwrap();
        let (file, path) = (file(b"rows"), folder.path().join("x.parquet"));
        fs::write(&path, b"rows").unwrap();
        assert!(is_whole(&path, &file) && is_whole(&path, &file));
        // Times are as coarse as the system's clock.
        world::sleep(Duration::from_millis(20));
        fs::write(&path, b"rots").unwrap();
        assert!(!is_whole(&path, &file), "as long, and of another time");
    }

    #[test]
    fn a_copy_of_another_process_is_compared() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(b"right");
        fs::write(folder.path().join(file.digest.to_string()), b"wrong").unwrap();
        let path = copy_in(folder.path(), &file, || Ok(b"right".to_vec())).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"right");
    }
}
