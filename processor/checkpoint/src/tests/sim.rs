//! A disk in memory that counts its calls, fails or stops at any of them, and forgets at a loss of power what was not
//! synced: each unsynced name is kept or not, each unsynced file is kept, cut or emptied, independently.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::disk::Disk;

/// What happens at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process is gone before the call had any effect.
    StopBefore,
    /// The process is gone after the effect, before the answer.
    StopAfter,
    /// As `StopAfter`; but of a write only the first half of the bytes arrives.
    StopHalfWay,
    /// The call fails without effect; the process lives.
    Fail(ErrorKind),
    /// The call has its effect and fails; the process lives.
    FailAfter(ErrorKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Folder {
    names: BTreeMap<String, Node>,
    synced: BTreeMap<String, Node>,
}

#[derive(Debug, Clone)]
struct Memory {
    inodes: Vec<Inode>,
    folders: BTreeMap<PathBuf, Folder>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    stopped: bool,
    /// The kind of call at which the fault struck.
    struck: Option<&'static str>,
}

/// A handle; clones are the same disk.
#[derive(Debug, Clone)]
pub(super) struct SimDisk(Arc<Mutex<Memory>>);

impl SimDisk {
    /// An empty disk with a durable folder `/`.
    pub(super) fn new() -> SimDisk {
        let folders = BTreeMap::from([(PathBuf::from("/"), Folder::default())]);
        let memory = Memory { inodes: Vec::new(), folders, calls: 0, fault: None, stopped: false, struck: None };
        SimDisk(Arc::new(Mutex::new(memory)))
    }

    /// A disk of its own with the same contents.
    pub(super) fn copy(&self) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(self.memory().clone())))
    }

    /// A new process: calls are counted from 0, and the fault strikes at the given one.
    pub(super) fn start(&self, fault: Option<(u64, Fault)>) {
        let mut memory = self.memory();
        (memory.calls, memory.fault, memory.stopped, memory.struck) = (0, fault, false, None);
    }

    pub(super) fn calls(&self) -> u64 {
        self.memory().calls
    }

    /// The kind of call at which the fault struck, if it did.
    pub(super) fn struck(&self) -> Option<&'static str> {
        self.memory().struck
    }

    /// Loses what was not synced; `seed` decides what of it.
    pub(super) fn lose_power(&self, seed: u64) {
        let mut memory = self.memory();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut pick = |choices: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) % choices
        };
        for folder in memory.folders.values_mut() {
            let all: BTreeSet<String> = folder.names.keys().chain(folder.synced.keys()).cloned().collect();
            for name in all {
                let (now, before) = (folder.names.get(&name).copied(), folder.synced.get(&name).copied());
                if now != before && pick(2) == 0 {
                    match before {
                        Some(node) => folder.names.insert(name, node),
                        None => folder.names.remove(&name),
                    };
                }
            }
            folder.synced = folder.names.clone();
        }
        let known: Vec<PathBuf> = memory.folders.keys().filter(|path| path.parent().is_some()).cloned().collect();
        for path in known {
            let name = path.file_name().unwrap().to_str().unwrap();
            let parent = memory.folders.get(path.parent().unwrap());
            if parent.is_none_or(|parent| !parent.names.contains_key(name)) {
                memory.folders.remove(&path);
            }
        }
        for inode in &mut memory.inodes {
            if inode.bytes != inode.synced {
                match pick(4) {
                    0 => inode.bytes = inode.synced.clone(),
                    1 => inode.bytes.truncate(pick(inode.bytes.len() as u64 + 1) as usize),
                    2 => inode.bytes.iter_mut().for_each(|byte| *byte = 0),
                    _ => {}
                }
                inode.synced = inode.bytes.clone();
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap()
    }

    /// Counts a call and lets the fault strike; `effect` is told whether only half of it arrives.
    fn call<T>(&self, kind: &'static str, effect: impl FnOnce(&mut Memory, bool) -> io::Result<T>) -> io::Result<T> {
        let gone = || io::Error::other("the process is gone");
        let mut memory = self.memory();
        if memory.stopped {
            return Err(gone());
        }
        let fault = memory.fault.filter(|(at, _)| *at == memory.calls).map(|(_, fault)| fault);
        memory.calls += 1;
        let Some(fault) = fault else {
            return effect(&mut memory, false);
        };
        memory.struck = Some(kind);
        match fault {
            Fault::Fail(kind) => return Err(kind.into()),
            Fault::FailAfter(kind) => {
                drop(effect(&mut memory, false));
                return Err(kind.into());
            }
            Fault::StopBefore => {}
            Fault::StopAfter => drop(effect(&mut memory, false)),
            Fault::StopHalfWay => drop(effect(&mut memory, true)),
        }
        memory.stopped = true;
        Err(gone())
    }
}

impl Memory {
    fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        self.folders.get_mut(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        let (folder, name) = split(path);
        match self.folders.get(folder).and_then(|folder| folder.names.get(name)) {
            Some(Node::File(inode)) => Ok(*inode),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<()> {
        let (folder, name) = split(path);
        let folder = self.folder(folder)?;
        if folder.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        folder.names.insert(name.to_owned(), node);
        Ok(())
    }
}

impl Disk for SimDisk {
    type File = usize;

    fn create(&self, path: &Path) -> io::Result<usize> {
        self.call("create", |memory, _| {
            let inode = memory.inodes.len();
            memory.add(path, Node::File(inode))?;
            memory.inodes.push(Inode::default());
            Ok(inode)
        })
    }

    fn write(&self, file: &mut usize, bytes: &[u8]) -> io::Result<()> {
        self.call("write", |memory, half| {
            let bytes = if half { &bytes[..bytes.len() / 2] } else { bytes };
            memory.inodes[*file].bytes.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        self.call("sync", |memory, _| {
            let inode = &mut memory.inodes[*file];
            inode.synced = inode.bytes.clone();
            Ok(())
        })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call("link", |memory, _| {
            let inode = memory.inode(from)?;
            memory.add(to, Node::File(inode))
        })
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.call("unlink", |memory, _| {
            memory.inode(path)?;
            let (folder, name) = split(path);
            memory.folder(folder)?.names.remove(name);
            Ok(())
        })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.call("create_folder", |memory, _| {
            memory.add(path, Node::Folder)?;
            memory.folders.insert(path.to_owned(), Folder::default());
            Ok(())
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call("sync_folder", |memory, _| {
            let folder = memory.folder(path)?;
            folder.synced = folder.names.clone();
            Ok(())
        })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.call("read", |memory, _| Ok(memory.inodes[memory.inode(path)?].bytes.clone()))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, u64)>> {
        self.call("list", |memory, _| {
            let names = memory.folder(path)?.names.clone();
            let file = |(name, node)| match node {
                Node::File(inode) => Some((name, memory.inodes[inode].bytes.len() as u64)),
                Node::Folder => None,
            };
            Ok(names.into_iter().filter_map(file).collect())
        })
    }
}

fn split(path: &Path) -> (&Path, &str) {
    (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap())
}
