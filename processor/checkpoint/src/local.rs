//! A [`Store`] in a local directory, with every file and folder synced before it counts.
//!
//! `put` writes straight under the final name: nobody looks at it before a manifest names it, and no name is used twice.
//! `create` writes a temporary file, syncs it, and gives it its name by a hard link, which fails if the name exists;
//! a rename would silently replace the winner. Neither takes a lock: a frozen holder would block the take-over.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::disk::{Disk, SystemDisk};
use super::names::TEMPORARY;
use super::store::{Creation, ListingEntry, Store, StoreError};

/// Objects as files of a directory; folders are sub-directories made at the first write.
#[derive(Debug)]
pub struct LocalStore<D = SystemDisk> {
    root: PathBuf,
    disk: D,
    /// Folders that this store has seen durable.
    ready: Mutex<BTreeSet<PathBuf>>,
}

impl LocalStore {
    /// A store in `root`. Touches nothing: the directory is made at the first write.
    pub fn new(root: impl Into<PathBuf>) -> LocalStore {
        LocalStore::on(SystemDisk, root)
    }
}

impl<D: Disk> LocalStore<D> {
    /// A store in `root` of the given disk.
    pub fn on(disk: D, root: impl Into<PathBuf>) -> LocalStore<D> {
        LocalStore { root: root.into(), disk, ready: Mutex::default() }
    }

    /// Makes `folder` and what is missing above it, durably, once in the life of the store.
    fn prepare(&self, folder: &Path) -> io::Result<()> {
        if self.ready.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
            return Ok(());
        }
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        match self.disk.create_folder(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound && parent.is_some() => {
                self.prepare(parent.unwrap_or(Path::new(".")))?;
                self.disk.create_folder(folder).or_else(exists)?;
            }
            result => result.or_else(exists)?,
        }
        // Also where it existed: whoever made it may have died before syncing it.
        self.disk.sync_folder(parent.unwrap_or(Path::new(".")))?;
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        Ok(())
    }

    /// The folder of `path`, ready to take a file.
    fn folder_of<'a>(&self, path: &'a Path) -> io::Result<&'a Path> {
        let folder = path.parent().expect("every object's path is inside the root");
        if folder != self.root {
            self.prepare(&self.root)?;
        }
        self.prepare(folder)?;
        Ok(folder)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.disk.create(path)?;
        self.disk.write(&mut file, bytes)?;
        self.disk.sync(&file)
    }

    fn put_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder_of(path)?;
        self.write(path, bytes)?;
        self.disk.sync_folder(folder)
    }

    /// Writes a temporary file for `name` under the first free number; the numbers of others are never touched.
    fn write_temporary(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let base = name.rsplit('/').next().unwrap_or(name);
        for number in 0_u32.. {
            let path = self.root.join(TEMPORARY).join(format!("{base}.{number}"));
            self.folder_of(&path)?;
            match self.write(&path, bytes) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn create_file(&self, name: &str, bytes: &[u8]) -> io::Result<Creation> {
        let path = self.root.join(name);
        let folder = self.folder_of(&path)?;
        let temporary = self.write_temporary(name, bytes)?;
        let creation = match self.disk.link(&temporary, &path) {
            Ok(()) => Creation::Created,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Creation::Exists,
            // The temporary file was collected by an owner whose head is at least as new.
            Err(error) if error.kind() == ErrorKind::NotFound => Creation::Unclear,
            Err(error) => return Err(error),
        };
        // Synced in every case: the one that exists may be ours, from an attempt that got no answer.
        self.disk.sync_folder(folder)?;
        self.disk.unlink(&temporary).or_else(absent)?;
        Ok(creation)
    }

    fn list_folder(&self, folder: &str) -> io::Result<Vec<ListingEntry>> {
        let files = match self.disk.list(&self.root.join(folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            result => result?,
        };
        let entry = |(base, length)| ListingEntry { name: format!("{folder}/{base}"), length };
        let mut entries: Vec<ListingEntry> = files.into_iter().map(entry).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn failed(&self, action: &'static str, name: &str, source: io::Error) -> StoreError {
        StoreError { action, name: self.root.join(name).display().to_string(), source }
    }
}

impl<D: Disk> Store for LocalStore<D> {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.put_file(&self.root.join(name), bytes).map_err(|error| self.failed("write", name, error))
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        self.create_file(name, bytes).map_err(|error| self.failed("create", name, error))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.disk.read(&self.root.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", name, error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<ListingEntry>, StoreError> {
        self.list_folder(folder).map_err(|error| self.failed("list", folder, error))
    }

    fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.disk.unlink(&self.root.join(name)).or_else(absent).map_err(|error| self.failed("delete", name, error))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.root.join(name))
    }
}

fn exists(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
