//! Files of a state that lie elsewhere than before, or are other files with the same bytes: a folder that was copied or moved,
//! a log that was put back from a copy.
//!
//! A file is the one that was read if it has its name within the folder that its pattern is about, and all bytes that are known
//! of it; that is looked at before anything is read. Where a folder has one such file, all that was read in the old folder is
//! looked for in that one, and what is there with other bytes is an error.
//!
//! **Invariant:** bytes alone make no file another one: files of one folder may begin alike, and nobody is counted twice or
//! left out for that.

use super::known::{FileIdentity, KnownFile};
use super::{FileSource, names};
use crate::{Error, RecordCode};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Folders in which files were read, each with those in which files like them are now.
type FolderMoves = BTreeMap<String, BTreeSet<String>>;

impl FileSource {
    /// Finds the files that were read where they are now, before anything more is read.
    ///
    /// # Errors
    ///
    /// [`Error::OtherFiles`] if the patterns stand for none of them, and what is wrong with one that is there and is not what
    /// it was.
    pub(super) fn find_again(&mut self) -> Result<(), Error> {
        let moved = self.follow_folders()?;
        let mut again = vec![];
        for (number, known) in self.files.iter_mut().enumerate() {
            // One that is gone, or cannot be looked at, is told of where it is needed.
            let Ok(metadata) = fs::metadata(&known.name) else { continue };
            let identity = FileIdentity::of(&metadata);
            let is_moved = moved.contains_key(&number);
            let is_same = identity.inode == known.identity.inode && (!is_moved || identity == known.identity);
            if !is_same {
                known.take_again().map_err(|error| if is_moved { error } else { another(error) })?;
                again.extend((!is_moved).then(|| known.name.clone()));
            }
        }
        let mut folders: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (old, new) in moved.values() {
            *folders.entry((old.as_str(), new.as_str())).or_default() += 1;
        }
        for ((old, new), count) in folders {
            let files =
                if count == 1 { "the file that was".to_owned() } else { format!("the {count} files that were") };
            let detail = format!(
                "{files} read in {old} are looked for here, and what is here has the same bytes: it is gone on with"
            );
            self.watch.say(RecordCode::KnownAgain, new, detail);
        }
        if let Some((first, others)) = again.split_first() {
            self.watch.say(RecordCode::KnownAgain, first, put_back(others.len()));
        }
        Ok(())
    }

    /// Gives the files of folders that were moved or copied the names that they would have now: by the number of each, its old
    /// folder and its new one.
    fn follow_folders(&mut self) -> Result<BTreeMap<usize, (String, String)>, Error> {
        let is_stranger = |known: &KnownFile| !names::stand_for(&self.patterns, &known.name);
        let strangers: Vec<usize> = (0..self.files.len()).filter(|i| is_stranger(&self.files[*i])).collect();
        let mut moved = BTreeMap::new();
        if strangers.is_empty() {
            return Ok(moved);
        }
        let folders = self.folders_like(&strangers)?;
        for number in &strangers {
            let known = &mut self.files[*number];
            // A folder within another one sorts behind it, and is meant first.
            let new = folders.iter().rev().find_map(|(old, new)| {
                let relative = known.name.strip_prefix(old.as_str())?;
                Some((format!("{}{relative}", closest(old, new)?), old.clone(), closest(old, new)?.to_owned()))
            });
            if let Some((name, old, new)) = new {
                known.name = name;
                moved.insert(*number, (old, new));
            }
        }
        let refusal = |what| {
            let known = self.files.first().map(|known| known.name.clone()).unwrap_or_default();
            Err(Error::OtherFiles { patterns: self.patterns.join(" "), known, what })
        };
        if moved.is_empty() && strangers.len() == self.files.len() {
            return refusal("it stands for none of the files that were read");
        }
        if !moved.is_empty() && !self.files.is_sorted_by(|one, next| one.name < next.name) {
            return refusal("the files that were read are in another order there");
        }
        Ok(moved)
    }

    /// In which folders there are files now that have the names and beginnings of some that were read elsewhere.
    fn folders_like(&self, strangers: &[usize]) -> Result<FolderMoves, Error> {
        let here = names::within(&self.patterns)?;
        let strangers = strangers.iter().map(|number| &self.files[*number]);
        // That nothing is there says nothing, unless there never was anything.
        let are_empty = self.files.iter().all(|known| known.head.length == 0);
        let mut folders = FolderMoves::new();
        for known in strangers.filter(|known| are_empty || known.head.length > 0) {
            for (at, _) in known.name.match_indices('/') {
                let (folder, relative) = known.name.split_at(at + 1);
                for name in here.get(relative).into_iter().flatten().filter(|name| known.begins_like(name)) {
                    let new = &name[..name.len() - relative.len()];
                    folders.entry(folder.to_owned()).or_default().insert(new.to_owned());
                }
            }
        }
        Ok(folders)
    }
}

/// What is said of a file that is another one than before, and of so many others.
pub(super) fn put_back(others: usize) -> String {
    let others = match others {
        0 => String::new(),
        1 => " (and so is one more)".into(),
        n => format!(" (and so are {n} more)"),
    };
    format!(
        "it is another file than before, with all bytes that were read of it{others}: it was put back, and is gone on with"
    )
}

/// What is wrong with a file that lies under the name of another.
fn another(error: Error) -> Error {
    match error {
        Error::Truncated { file, .. } | Error::Rewritten { file, .. } => {
            Error::Replaced { file, what: "it is another file, without the bytes that were read" }
        }
        other => other,
    }
}

/// The folder that has most names in common with an old one, from its end on; `None` if two have as many.
fn closest<'a>(old: &str, new: &'a BTreeSet<String>) -> Option<&'a str> {
    let names = |folder: &str| folder.trim_end_matches('/').rsplit('/').map(str::to_owned).collect::<Vec<_>>();
    let old = names(old);
    let alike = |new: &String| names(new).iter().zip(&old).take_while(|(one, other)| one == other).count();
    let most = new.iter().map(alike).max()?;
    let mut best = new.iter().filter(|new| alike(new) == most);
    best.next().filter(|_| best.next().is_none()).map(String::as_str)
}
