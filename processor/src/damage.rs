//! Files beside the state that are not what was written, and those of them that were given up.
//!
//! State and history stand apart: whoever goes on needs segments only. So a result or a kept event that is missing costs
//! the questions that need it, is said, and stands in the way of nothing else.
//!
//! **Invariant:** a file is only ever left out of an answer because somebody said so; the state then says so for good.

use crate::checkpoint::{CheckpointReader, FileKind, FileRef, Finding, ObjectProblem, whole_name};
use crate::code::StateCode;
use event_feeder::world::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time between two comparisons of a file that nobody asks for.
const COMPARE_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// What is known of a partition's files to be missing or broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Files that a checkpoint names and that are not as it says.
    pub found: Vec<DamagedFile>,
    /// Files that were given up: no checkpoint names them any more.
    pub lost: Vec<GivenUpFile>,
    /// Files that were compared, and when.
    #[serde(skip)]
    compared: BTreeMap<String, Instant>,
}

/// A file that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedFile {
    /// Its name within the job's state.
    pub file: String,
    /// What it holds.
    pub what: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A file that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUpFile {
    /// Its name within the job's state.
    pub file: String,
    /// The table that it has rows of; `kept` for kept events, `outbox` for messages.
    pub table: String,
    /// What it held, for people.
    pub what: String,
}

impl Damage {
    /// Of a partition with those losses.
    pub fn with(lost: Vec<GivenUpFile>) -> Self {
        Damage { lost, ..Damage::default() }
    }

    /// Whether an object of a partition's folder is known to be broken.
    pub fn has(&self, folder: &str, object: &str) -> bool {
        self.found.iter().any(|found| is_at(&found.file, folder, object))
    }

    /// Notes what is wrong with a file; what is to be said of it, once.
    pub fn note(&mut self, folder: &str, file: &FileRef, problem: &ObjectProblem) -> Option<String> {
        if self.has(folder, &file.name) {
            return None;
        }
        let name = whole_name(folder, &file.name);
        let found = DamagedFile { file: name, what: what(file), problem: problem.to_string() };
        let said = found.said();
        self.found.push(found);
        Some(said)
    }

    /// Notes what whoever read files found of them, of those that are named; what is to be said, once.
    pub fn note_broken(&mut self, folder: &str, files: &[&FileRef], reader: &CheckpointReader) -> Vec<String> {
        let of =
            |(name, problem): (String, ObjectProblem)| Some((*files.iter().find(|file| file.name == name)?, problem));
        let broken = reader.broken().into_iter().filter_map(of);
        broken.filter_map(|(file, problem)| self.note(folder, file, &problem)).collect()
    }

    /// Takes in another state of knowledge of the same files; what is to be said, once.
    pub fn renew(&mut self, newer: Damage) -> Vec<String> {
        let is_new = |found: &&DamagedFile| !self.found.iter().any(|known| known.file == found.file);
        let mut said: Vec<String> = newer.found.iter().filter(is_new).map(DamagedFile::said).collect();
        let is_gone = |known: &&DamagedFile| !newer.found.iter().any(|found| known.file == found.file);
        said.extend(
            self.found.iter().filter(is_gone).map(|known| format!("{} is whole again, or not needed", known.file)),
        );
        self.found = newer.found;
        self.compared = newer.compared;
        said
    }

    /// Looks again at the files that are broken, which may have been put back, and drops what no checkpoint names.
    pub fn look_again(&mut self, folder: &str, files: &[FileRef], reader: &CheckpointReader) {
        let is_broken = |found: &DamagedFile| {
            let file = files.iter().find(|file| is_at(&found.file, folder, &file.name));
            file.is_some_and(|file| reader.read(file).is_err())
        };
        self.found.retain(is_broken);
    }

    /// Compares one more file of history, so that what has rotted is found before somebody asks for it.
    pub fn compare_one(&mut self, folder: &str, files: &[FileRef], reader: &CheckpointReader) {
        let is_known = |file: &FileRef| self.compared.get(&file.name).is_some_and(|at| at.elapsed() < COMPARE_AGAIN);
        let next = files.iter().find(|file| file.kind.is_result() && !is_known(file) && !self.has(folder, &file.name));
        let Some(file) = next else {
            self.compared.retain(|name, _| files.iter().any(|file| file.name == *name));
            return;
        };
        match reader.read(file) {
            Ok(_) => drop(self.compared.insert(file.name.clone(), Instant::now())),
            Err(crate::checkpoint::Error::Corrupt(Finding { problem: ObjectProblem::Unreadable { .. }, .. })) => {}
            Err(crate::checkpoint::Error::Corrupt(Finding { problem, .. })) => drop(self.note(folder, file, &problem)),
            Err(_) => {}
        }
    }

    /// What is broken or was given up, for people.
    pub fn texts(&self) -> Vec<String> {
        let found = self.found.iter().map(|found| format!("{}: {}", found.file, found.problem));
        found.chain(self.lost.iter().map(|lost| format!("{}: given up", lost.file))).collect()
    }
}

impl DamagedFile {
    fn said(&self) -> String {
        let (code, DamagedFile { file, what, problem }) = (StateCode::Damaged, self);
        format!(
            "[{code}] {file}: {problem}; {what}: questions that need it are refused, all else goes on\n  help: {}",
            help(code, file)
        )
    }
}

impl GivenUpFile {
    /// A file of a partition's folder that is given up.
    pub fn of(folder: &str, file: &FileRef) -> Self {
        let table = match file.kind {
            FileKind::Kept => "kept",
            FileKind::Outbox => "outbox",
            FileKind::Result | FileKind::History | FileKind::Segment => {
                file.metadata.get("table").and_then(|table| table.as_str()).unwrap_or("?")
            }
        };
        GivenUpFile { file: whole_name(folder, &file.name), table: table.into(), what: what(file) }
    }

    /// What is said of it wherever it is missing.
    pub fn said(&self) -> String {
        format!("[{}] {} is given up, and missing here: {}", StateCode::Lost, self.file, self.what)
    }
}

/// What a file holds, for people.
fn what(file: &FileRef) -> String {
    let text = |field: &str| file.metadata.get(field).and_then(|text| text.as_str()).unwrap_or("?").to_owned();
    let rows = file.metadata.get("rows").and_then(serde_json::Value::as_u64).unwrap_or(0);
    match file.kind {
        FileKind::Result | FileKind::History => format!("{rows} rows of `{}`", text("table")),
        FileKind::Kept => "events as they were received".into(),
        FileKind::Outbox => format!("{rows} messages of `{}`", text("output")),
        FileKind::Segment => "state".into(),
    }
}

/// What to do about a file, with its name.
pub fn help(code: StateCode, file: &str) -> String {
    code.help().replace("NAME", file)
}

/// Why a question is refused that needs a file of a partition.
pub fn refusal(finding: &Finding) -> String {
    let (code, file) = (StateCode::Damaged, &finding.object);
    format!("[{code}] {file}: {}; the answer would be without what it holds: {}", finding.problem, help(code, file))
}

fn is_at(file: &str, folder: &str, object: &str) -> bool {
    file.strip_suffix(object).is_some_and(|rest| rest.strip_suffix('/').unwrap_or(rest) == folder)
}
