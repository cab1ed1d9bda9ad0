//! What of a partition's files is broken when it is opened, and what becomes of that.
//!
//! Broken history is named and left where it is; broken messages stop the partition, for they are owed to somebody. What
//! the user names is given up instead, or made anew out of the log.

use super::{Error, Options, Partition};
use crate::checkpoint::{
    self, CheckpointReader, FileKind, FileRef, Finding, Manifest, ObjectProblem, is_named, whole_name,
};
use crate::code::StateCode;
use crate::damage::{Damage, GivenUpFile, help};
use crate::retained::RetainedLog;

/// A checkpoint's files, as the partition goes on with them.
#[derive(Debug, Default)]
pub(super) struct UsableFiles {
    /// Those that are not given up.
    pub files: Vec<FileRef>,
    pub damage: Damage,
    /// Whether some were given up that the checkpoint names: the next one is to be made at once.
    pub is_changed: bool,
    /// Whether the log is to be read again from its start.
    pub remake: bool,
    /// What is to be said.
    pub said: Vec<String>,
}

impl UsableFiles {
    /// The log is read again from its start: what it makes anew is not missing any more.
    pub(super) fn read_again(&mut self) {
        self.damage.lost.retain(|lost| lost.table == "outbox");
        self.damage.found.clear();
    }
}

impl Partition {
    /// Notes what questions found of the files that they read.
    pub(super) fn note_broken(&mut self) {
        self.committed.note_broken(&self.options.folder, self.ingest.kept_files());
    }
}

/// Decides about the files of a checkpoint, of which some were found broken and some had been given up before.
pub(super) fn settle(
    options: &Options,
    manifest: &Manifest,
    broken: &[Finding],
    lost: Vec<GivenUpFile>,
    reader: &CheckpointReader,
) -> Result<UsableFiles, Error> {
    let folder = &options.folder;
    let mut settled =
        UsableFiles { files: manifest.files.clone(), damage: Damage::with(lost), ..UsableFiles::default() };
    settled.remake = settled.damage.lost.iter().any(|lost| is_named(&options.remake, &lost.file));
    for file in manifest.files.iter().filter(|file| !file.kind.is_state()) {
        let name = whole_name(folder, &file.name);
        let (accepted, remade) = (is_named(&options.accept_damage, &name), is_named(&options.remake, &name));
        let known = broken.iter().find(|finding| finding.object == file.name).map(|finding| finding.problem.clone());
        let problem = match known {
            None if accepted || remade => problem_of(reader, file)?,
            known => known,
        };
        match problem {
            None if accepted || remade => settled.said.push(format!("{name} is whole: it stays")),
            None => {}
            Some(_) if remade && file.kind != FileKind::Outbox => settled.remake = true,
            Some(problem) if accepted => {
                let lost = GivenUpFile::of(folder, file);
                settled.said.push(format!("{} ({problem})", lost.said()));
                settled.damage.lost.push(lost);
                settled.is_changed = true;
                let gone = gone(&settled.files, file)?;
                settled.files.retain(|file| !gone.contains(&file.name));
            }
            Some(problem) if file.kind == FileKind::Outbox => {
                let help = help(StateCode::Owed, &name);
                return Err(Error::Owed { file: name, problem, help });
            }
            Some(problem) => settled.said.extend(settled.damage.note(folder, file, &problem)),
        }
    }
    if settled.remake {
        settled.said.push(format!("{folder}: history is made anew: the log is read again from its start"));
    }
    Ok(settled)
}

/// What is wrong with a file.
fn problem_of(reader: &CheckpointReader, file: &FileRef) -> Result<Option<ObjectProblem>, Error> {
    match reader.read(file) {
        Ok(_) => Ok(None),
        Err(checkpoint::Error::Corrupt(finding)) => Ok(Some(finding.problem)),
        Err(error) => Err(error.into()),
    }
}

/// The names of the files that go with one that is given up.
fn gone(files: &[FileRef], file: &FileRef) -> Result<Vec<String>, Error> {
    if file.kind != FileKind::Kept {
        return Ok(vec![file.name.clone()]);
    }
    let source = file.metadata.get("source").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let gone = RetainedLog::of(files, u8::try_from(source).unwrap_or(0))?.give_up(&file.name);
    Ok(gone.into_iter().map(|file| file.name.clone()).collect())
}
