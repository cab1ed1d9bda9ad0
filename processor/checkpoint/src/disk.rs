//! The system calls under [`LocalStore`](super::LocalStore), one method each.
//!
//! A trait so that tests can put a disk below the store that stops at any call, fails it, or forgets what was not synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file system, as far as checkpoints use one.
///
/// # Contract
/// 1. Bytes survive a loss of power only after [`sync`](Disk::sync) of the handle that wrote them has succeeded.
/// 2. A name made in a folder survives only after [`sync_folder`](Disk::sync_folder) of that folder has succeeded.
/// 3. After a failed sync nothing about that file or folder is known, and trying again proves nothing.
pub trait Disk: Send + Sync {
    /// A file open for writing.
    type File;

    /// Makes a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    /// Appends all of `bytes`.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;
    /// Makes the file's bytes durable.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives the file `from` a second name that must not exist yet.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn unlink(&self, path: &Path) -> io::Result<()>;
    /// Makes one folder; its parent exists.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder's names durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// All bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Names and lengths in bytes of the files of a folder, in any order. Names that are not UTF-8 are left out.
    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>>;
}

/// The operating system's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    type File = File;

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let length = match entry.metadata() {
                Ok(metadata) if metadata.is_file() => metadata.len(),
                Ok(_) => continue,
                // Deleted between the listing and the look at it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let Ok(name) = entry.file_name().into_string() {
                files.push((name, length));
            }
        }
        Ok(files)
    }
}
