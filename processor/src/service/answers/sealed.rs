//! The rows of deployments that are over: they change no more, so where they are is looked up once.

use crate::checkpoint::{CheckpointReader, FileRef, StateLocation};
use crate::engine::EngineError;
use crate::labels::Labels;
use crate::partition;
use crate::programs::Sealed;
use crate::results;
use arrow::datatypes::SchemaRef;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The committed rows of a partition that runs no more.
pub(in crate::service) struct SealedPart {
    /// How its plan was called.
    pub(super) source: String,
    pub(super) partition: u32,
    pub(super) labels: Labels,
    pub(super) files: Vec<FileRef>,
    pub(super) reader: CheckpointReader,
    /// The columns of each file.
    pub(super) schemas: Vec<SchemaRef>,
}

/// Those that were looked up, by folder.
#[derive(Default)]
pub(in crate::service) struct SealedRows(Mutex<BTreeMap<String, Arc<SealedPart>>>);

impl SealedRows {
    /// The partitions of some deployments that are over.
    pub(in crate::service) fn of(
        &self,
        state: &StateLocation,
        sealed: &[Sealed],
    ) -> Result<Vec<Arc<SealedPart>>, EngineError> {
        let mut all = vec![];
        for one in sealed {
            for log in &one.logs {
                for (number, folder) in &log.parts {
                    let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(folder).cloned();
                    let part = match known {
                        Some(part) => part,
                        None => {
                            let part = look_up(state, one, (&log.source, *number, folder)).map_err(|reason| {
                                EngineError::Unavailable(format!(
                                    "rows of {folder}, which is over, cannot be read: {reason}"
                                ))
                            })?;
                            let part = Arc::new(part);
                            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                            known.insert(folder.clone(), Arc::clone(&part));
                            part
                        }
                    };
                    all.push(part);
                }
            }
        }
        Ok(all)
    }
}

fn look_up(state: &StateLocation, sealed: &Sealed, log: (&str, u32, &str)) -> Result<SealedPart, String> {
    let (source, partition, folder) = log;
    let (files, reader) = partition::sealed(&state.store(folder)).map_err(|error| error.to_string())?;
    let schema = |file: &FileRef| {
        let path = reader.path(file).map_err(|error| error.to_string())?;
        results::schema_of(&path).map_err(|error| error.to_string())
    };
    let schemas = files.iter().map(schema).collect::<Result<_, String>>()?;
    let labels = Labels { versions: sealed.versions.clone(), ..Labels::default() };
    Ok(SealedPart { source: source.to_owned(), partition, labels, files, reader, schemas })
}
