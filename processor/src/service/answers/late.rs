//! Late events, each once, however many deployments have read their log.
//!
//! What is late a deployment judges by the clauses of its source, which another one may have changed. So of a log that several
//! have read the newest says all there is that answers and has read it from its start; where there is none, because what
//! answers began with what came next, the others add those events of which it knows nothing.

use super::history::{empty_plan, is_of, widened};
use super::past::Wanted;
use super::{LogAnswer, SealedPart, read_file, text_column};
use crate::checkpoint::{CheckpointReader, FileRef};
use crate::engine::{EngineError, TableData, TableScan};
use crate::programs::DeploymentStart;
use crate::results::Pending;
use arrow::array::{BooleanArray, Int64Array, RecordBatch};
use arrow::error::ArrowError;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What it is called.
const NAME: &str = "late_events";

/// The table, of logs that several deployments have read.
pub(super) fn late_events(
    scan: &TableScan,
    logs: &[LogAnswer<'_>],
    sealed: &[Arc<SealedPart>],
) -> Result<TableData, EngineError> {
    let schema = Pending::default().table(NAME, &empty_plan(), 0).schema();
    let mut judged = JudgedEvents::default();
    let mut wanted = Wanted::by(scan);
    let mut ranked: Vec<&LogAnswer<'_>> = logs.iter().collect();
    ranked.sort_by_key(|log| (!log.bound.answers(), Reverse(log.bound.number)));
    for log in ranked {
        let names: Vec<&str> = log.plan.sources().map(|source| source.name.as_str()).collect();
        if judged.knows_all_of(&names) {
            continue;
        }
        let mut rows = vec![];
        for answer in &log.answers {
            rows.extend(of_files(&answer.results, &answer.reader, &mut wanted)?);
            rows.push(answer.pending.table(NAME, &answer.plan, answer.partition));
        }
        judged.take(&rows)?;
        if log.bound.answers() && log.bound.begins == DeploymentStart::Start {
            judged.whole.extend(names.into_iter().map(str::to_owned));
        }
    }
    // The newest of those that are over come last.
    for part in sealed.iter().rev() {
        let name = part.source.split_once('@').map_or(part.source.as_str(), |(sources, _)| sources);
        if !judged.knows_all_of(&name.split('+').collect::<Vec<_>>()) {
            judged.take(&of_files(&part.files, &part.reader, &mut wanted)?)?;
        }
    }
    let live = judged.rows.iter().map(|rows| widened(rows, &schema)).collect();
    Ok(TableData { name: NAME.into(), schema, live, past: vec![], view: None })
}

/// What the files of a partition have of it.
fn of_files(
    files: &[FileRef],
    reader: &CheckpointReader,
    wanted: &mut Wanted<'_>,
) -> Result<Vec<RecordBatch>, EngineError> {
    let mut rows = vec![];
    for file in files.iter().filter(|file| is_of(file, NAME)) {
        rows.extend(match wanted.rows(file, reader, None)? {
            Some(rows) => rows,
            None => read_file(file, reader)?,
        });
    }
    Ok(rows)
}

/// The rows of those that were asked so far.
#[derive(Default)]
struct JudgedEvents {
    rows: Vec<RecordBatch>,
    /// Source, partition and position of each.
    places: BTreeSet<(String, i64, String)>,
    /// The sources of which all is there.
    whole: BTreeSet<String>,
}

impl JudgedEvents {
    fn knows_all_of(&self, sources: &[&str]) -> bool {
        sources.iter().all(|source| self.whole.contains(*source))
    }

    /// Takes the rows of which nothing is known yet.
    fn take(&mut self, rows: &[RecordBatch]) -> Result<(), EngineError> {
        for rows in rows {
            let (sources, positions) = (text_column(rows, "source")?, text_column(rows, "position")?);
            let partitions = rows.column_by_name("partition").and_then(|column| column.as_any().downcast_ref());
            let partitions: &Int64Array =
                partitions.ok_or_else(|| EngineError::Internal("history has no column partition".into()))?;
            let is_new = |row: usize| {
                let place = (sources.value(row).to_owned(), partitions.value(row), positions.value(row).to_owned());
                !self.whole.contains(&place.0) && self.places.insert(place)
            };
            let new: BooleanArray = (0..rows.num_rows()).map(is_new).map(Some).collect();
            let internal = |error: ArrowError| EngineError::Internal(error.to_string());
            self.rows.push(arrow::compute::filter_record_batch(rows, &new).map_err(internal)?);
        }
        Ok(())
    }
}
