//! What groups of windows came to that are over, out of files of history. These never change, so each is read once and
//! remembered, as long as there is room: a question then adds up what is in memory.

use super::past::columns_of;
use super::unread;
use crate::checkpoint::{CheckpointReader, FileRef};
use crate::engine::EngineError;
use crate::partition::PartitionAnswer;
use crate::recent::Recent;
use crate::results;
use crate::totals::MetricTotals;
use crate::totals::part::{self, PartialTotal};
use std::sync::Arc;

/// Bytes that are remembered, about.
const REMEMBERED_BYTES_MAX: usize = 64 << 20;
/// What a part takes, in bytes, beside what its texts come to.
const PART_BYTES: usize = 256;
/// The columns that parts are read from; older files call the group otherwise.
const COLUMNS: [&str; 4] = ["metric", "part_group", "group", "part"];

static READ: Recent<Vec<PartialTotal>> = Recent::new(REMEMBERED_BYTES_MAX);

/// Adds what history has of those metrics of a partition that are wanted.
pub(super) fn add(
    answer: &PartitionAnswer,
    totals: &mut MetricTotals,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), EngineError> {
    for file in answer.results.iter().filter(|file| results::table_of(file) == Some(results::PARTS)) {
        let parts = of(file, &answer.reader)?;
        parts.iter().filter(|part| is_wanted(&part.metric)).for_each(|part| totals.add_part(&answer.plan, part));
    }
    Ok(())
}

/// The parts of a file.
fn of(file: &FileRef, reader: &CheckpointReader) -> Result<Arc<Vec<PartialTotal>>, EngineError> {
    if let Some(parts) = READ.get(&file.digest) {
        // One that is broken by now refuses the question, as if it were read.
        reader.path(file).map_err(unread)?;
        return Ok(parts);
    }
    let (mut parts, mut bytes) = (vec![], 0);
    for batch in columns_of(file, reader, &COLUMNS)? {
        bytes += batch.get_array_memory_size() + batch.num_rows() * PART_BYTES;
        parts.extend(part::of_table(&batch).map_err(|error| EngineError::Internal(error.to_string()))?);
    }
    let parts = Arc::new(parts);
    READ.put(file.digest, &parts, bytes);
    Ok(parts)
}
