//! A job whose right state is obvious: after `value` steps it is the number `value`, kept as a base and deltas, with one
//! result a step. So whatever was recovered can be checked from the recovered number alone.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::to_raw_value;

use crate::{Checkpoints, Commit, Error, FileKind, FileRef, Finding, Manifest, Opened, Store, WriterIdentity};

/// Every so many steps the state is written as a new base, which makes the segments before it garbage.
const BASE_EVERY: u64 = 3;

pub(super) fn identity(writer: &str) -> WriterIdentity {
    WriterIdentity { partition: "events/0".to_owned(), writer: writer.to_owned() }
}

pub(super) struct Job {
    pub(super) checkpoints: Checkpoints,
    /// Steps done: what was recovered, and those since.
    pub(super) value: u64,
    files: Vec<FileRef>,
    pub(super) findings: Vec<Finding>,
}

impl Job {
    /// Opens, and checks that what was recovered is a right state as a whole.
    pub(super) fn open(store: Arc<dyn Store>, writer: &str) -> Result<Job, Error> {
        let opened = Checkpoints::open(store, &identity(writer))?;
        let Opened { checkpoints, recovered, findings, damaged, .. } = opened;
        assert_eq!(damaged, [], "history that was not touched");
        let value = match &recovered {
            Some(manifest) => check(manifest, |file| checkpoints.read(file))?,
            None => 0,
        };
        let files = recovered.map(|manifest| manifest.files).unwrap_or_default();
        Ok(Job { checkpoints, value, files, findings })
    }

    /// One step and its checkpoint.
    pub(super) fn step(&mut self) -> Result<(), Error> {
        let next = self.value + 1;
        let base = next % BASE_EVERY == 1;
        if base {
            self.files.retain(|file| file.kind == FileKind::Result);
        }
        let stem = if base { "base" } else { "delta" };
        let segment = self.checkpoints.put(FileKind::Segment, stem, &bytes(stem, next), json!({ "value": next }))?;
        let result =
            self.checkpoints.put(FileKind::Result, "closed", &bytes("closed", next), json!({ "value": next }))?;
        self.files.extend([segment, result]);
        let commit = Commit {
            position: json!(next),
            state: to_raw_value(&json!({ "programs": 1 })).unwrap(),
            files: self.files.clone(),
        };
        self.checkpoints.commit(commit)?;
        self.value = next;
        Ok(())
    }

    /// So many steps with a collection after each; `acked` is told every step whose commit returned.
    pub(super) fn run(&mut self, steps: u64, mut acked: impl FnMut(u64)) -> Result<(), Error> {
        for _ in 0..steps {
            self.step()?;
            acked(self.value);
            self.checkpoints.collect()?;
        }
        Ok(())
    }
}

/// The value that a manifest stands for, after checking every file of it; an error only from reading.
pub(super) fn check(manifest: &Manifest, read: impl Fn(&FileRef) -> Result<Vec<u8>, Error>) -> Result<u64, Error> {
    let value = manifest.position.as_u64().expect("positions of this job are numbers");
    let base = (value - 1) / BASE_EVERY * BASE_EVERY + 1;
    let mut segments = Vec::new();
    let mut results = Vec::new();
    for file in &manifest.files {
        let of = file.metadata["value"].as_u64().unwrap();
        let stem = match file.kind {
            FileKind::Segment if of == base => "base",
            FileKind::Segment => "delta",
            FileKind::Result | FileKind::History | FileKind::Kept | FileKind::Outbox => "closed",
        };
        assert_eq!(read(file)?, bytes(stem, of), "{}", file.name);
        if file.kind == FileKind::Segment { &mut segments } else { &mut results }.push(of);
    }
    assert_eq!(segments, (base..=value).collect::<Vec<_>>(), "segments of step {value}");
    assert_eq!(results, (1..=value).collect::<Vec<_>>(), "results of step {value}");
    Ok(value)
}

fn bytes(stem: &str, value: u64) -> Vec<u8> {
    format!("{stem} {value} {}", "x".repeat(value as usize % 7)).into_bytes()
}
