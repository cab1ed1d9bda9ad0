//! How far a repartition has come: a small file that is replaced as a whole, and synced before anything is let go of.

use super::{Error, Repartition};
use event_feeder::Position;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) struct RepartitionProgress {
    path: PathBuf,
    /// What it is the progress of: topics and key.
    of: Value,
    positions: BTreeMap<String, Position>,
}

impl RepartitionProgress {
    /// What was noted before, if anything was; refused if it is the note of another repartition.
    pub(super) fn open(options: &Repartition) -> Result<Self, Error> {
        let Repartition { from, to, source, .. } = options;
        let path = options.progress.clone();
        let path = path.unwrap_or_else(|| format!("{}-to-{}.progress.json", from.short(), to.short()).into());
        let key: Vec<String> = source.key.iter().map(timeline_core::plan::FieldPath::dotted).collect();
        let of = json!({"from": from.to_string(), "to": to.to_string(), "key": key});
        let wrong = |reason: String| Error::Progress { path: path.clone(), reason };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(RepartitionProgress { path, of, positions: BTreeMap::new() });
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        let noted: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if noted["of"] != of {
            return Err(wrong(format!(
                "it notes how far {} has come, which is another repartition than {of}: name another file with --progress, or \
                 delete it to begin anew",
                noted["of"]
            )));
        }
        let positions = serde_json::from_value(noted["positions"].clone()).map_err(|error| wrong(error.to_string()))?;
        Ok(RepartitionProgress { path, of, positions })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn of(&self, topic: &str) -> Position {
        self.positions.get(topic).copied().unwrap_or(Position::START)
    }

    pub(super) fn note(&mut self, topic: &str, at: Position) {
        self.positions.insert(topic.to_owned(), at);
    }

    pub(super) fn store(&self) -> Result<(), Error> {
        let bytes = json!({"of": self.of, "positions": self.positions}).to_string();
        let store = || {
            let (fresh, folder) = (self.path.with_extension("new"), self.path.parent());
            let mut file = File::create(&fresh)?;
            file.write_all(bytes.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)?;
            let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        };
        store().map_err(|error: io::Error| Error::Progress { path: self.path.clone(), reason: error.to_string() })
    }
}
