//! Sessions, alive and over: the table of them, and which there were.

use super::past::Wanted;
use super::{LogAnswer, SealedPart, text_column};
use crate::checkpoint::{CheckpointReader, FileRef};
use crate::engine::EngineError;
use crate::outputs::of_sessions;
use crate::partition::PartitionAnswer;
use crate::programs::DeploymentStart;
use crate::records::SessionSnapshot;
use crate::results;
use crate::rows::{ColumnKind, RowCell, TableBuilder};
use arrow::array::{Array, BooleanArray, RecordBatch, TimestampNanosecondArray};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// `source, partition, session, start, end, closed, partial`, live and closed.
///
/// Deployments that make sessions alike out of the same logs tell of the same ones: they are told once, by the first that
/// reads the logs from their start. Sessions of a deployment that is over are told where none from the start goes on.
pub(super) fn sessions(
    logs: &[LogAnswer<'_>],
    sealed: &[Arc<SealedPart>],
    keys: Option<&BTreeSet<String>>,
) -> Result<RecordBatch, EngineError> {
    let mut logs: Vec<&LogAnswer<'_>> = logs.iter().filter(|log| log.bound.is_seen()).collect();
    let has_metrics = |log: &LogAnswer<'_>| log.plan.metrics.iter().any(|metric| log.bound.labels.shows(&metric.name));
    logs.sort_by_key(|log| (log.bound.begins == DeploymentStart::Now, !has_metrics(log), log.bound.number));
    let mut known = BTreeSet::new();
    logs.retain(|log| known.insert(of_sessions(log.plan)));
    let base = |name: &str| name.split_once('@').map_or(name, |(name, _)| name).to_owned();
    let whole = logs.iter().filter(|log| log.bound.begins == DeploymentStart::Start);
    let whole: BTreeSet<String> = whole.map(|log| base(&log.plan.name())).collect();
    let columns = [
        ("source", ColumnKind::Text),
        ("partition", ColumnKind::Int),
        ("session", ColumnKind::Text),
        ("start", ColumnKind::Time),
        ("end", ColumnKind::Time),
        ("closed", ColumnKind::Bool),
        ("partial", ColumnKind::Bool),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    let mut told = BTreeSet::new();
    let mut tell = |source: String, partition: u32, (key, start, end, partial): FoundSession| {
        // What was told as open is told as closed by another.
        if told.insert((base(&source), partition, key.clone(), start)) {
            table.push([
                RowCell::Text(source),
                RowCell::Int(i64::from(partition)),
                RowCell::Text(key),
                RowCell::Time(start),
                end.map_or(RowCell::Null, RowCell::Time),
                RowCell::Bool(end.is_some()),
                RowCell::Bool(partial),
            ]);
        }
    };
    for part in sealed.iter().filter(|part| !whole.contains(&base(&part.source))) {
        let mut found = FoundSessions::only(keys);
        found.add_history(&part.files, &part.reader)?;
        found.sessions().into_iter().for_each(|row| tell(part.source.clone(), part.partition, row));
    }
    for answer in logs.iter().flat_map(|log| &log.answers) {
        let found = FoundSessions::of(answer, keys)?;
        found.sessions().into_iter().for_each(|row| tell(answer.plan.name(), answer.partition, row));
    }
    Ok(table.finish())
}

/// The columns of `finals` that say which sessions there were.
const COLUMNS: [&str; 5] = ["session", "start", "end", "partial", "every"];

/// Key, start, end, and whether it is partial.
type FoundSession = (String, i64, Option<i64>, bool);

/// The sessions that rows tell of.
///
/// A session all of whose metrics are told by windows of the clock has no row of its own. Its windows follow one another
/// without a gap, and the next session of the key begins later than it ended; so they are put together.
#[derive(Default)]
struct FoundSessions<'a> {
    /// Whose are looked for, where it is not all.
    keys: Option<&'a BTreeSet<String>>,
    whole: BTreeSet<FoundSession>,
    windows: BTreeSet<FoundSession>,
}

impl<'a> FoundSessions<'a> {
    fn only(keys: Option<&'a BTreeSet<String>>) -> Self {
        FoundSessions { keys, ..FoundSessions::default() }
    }

    fn of(answer: &PartitionAnswer, keys: Option<&'a BTreeSet<String>>) -> Result<Self, EngineError> {
        let mut found = FoundSessions::only(keys);
        let live = answer.pending.sessions.iter().chain(&answer.sessions).filter(|session| session.is_whole());
        let row = |session: &SessionSnapshot| (session.key.to_string(), session.start, session.end, session.partial);
        found.whole.extend(live.map(row));
        let windows = answer.pending.sessions.iter().filter(|session| !session.is_whole());
        found.windows.extend(windows.map(row));
        found.add_history(&answer.results, &answer.reader)?;
        Ok(found)
    }

    /// Takes what files of `finals` have.
    fn add_history(&mut self, files: &[FileRef], reader: &CheckpointReader) -> Result<(), EngineError> {
        let mut wanted = Wanted::of(self.keys);
        for file in files.iter().filter(|file| results::table_of(file) == Some("finals")) {
            wanted.columns(file, reader, &COLUMNS)?.iter().for_each(|batch| self.add(batch));
        }
        Ok(())
    }

    /// Takes rows of `finals`.
    fn add(&mut self, batch: &RecordBatch) {
        let time =
            |name: &str| batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>());
        let partial = batch.column_by_name("partial").and_then(|c| c.as_any().downcast_ref::<BooleanArray>());
        let (Ok(keys), Some(starts), Some(ends), Some(partial)) =
            (text_column(batch, "session"), time("start"), time("end"), partial)
        else {
            return;
        };
        let every = batch.column_by_name("every");
        let wanted = |i: &usize| self.keys.is_none_or(|wanted| wanted.contains(keys.value(*i)));
        for i in (0..batch.num_rows()).filter(wanted) {
            let end = (!ends.is_null(i)).then(|| ends.value(i));
            let row = (keys.value(i).to_owned(), starts.value(i), end, partial.value(i));
            let of = if every.is_some_and(|every| !every.is_null(i)) { &mut self.windows } else { &mut self.whole };
            of.insert(row);
        }
    }

    /// The sessions by key and start; one that was told while it was open, by an output that was hidden then, as it is now.
    fn sessions(self) -> Vec<FoundSession> {
        let known: BTreeSet<(&str, i64)> = self.whole.iter().map(|row| (row.0.as_str(), row.1)).collect();
        let mut joined: Vec<FoundSession> = vec![];
        for (key, start, end, partial) in &self.windows {
            match joined.last_mut() {
                Some(last) if last.0 == *key && last.2.is_some_and(|end| *start <= end) => {
                    last.2 = last.2.max(*end);
                    last.3 |= partial;
                }
                _ => joined.push((key.clone(), *start, *end, *partial)),
            }
        }
        joined.retain(|row| !known.contains(&(row.0.as_str(), row.1)));
        let mut rows: Vec<FoundSession> = self.whole.iter().cloned().chain(joined).collect();
        rows.sort_by(|a, b| (&a.0, a.1, a.2.is_none()).cmp(&(&b.0, b.1, b.2.is_none())));
        rows
    }
}

/// Takes out of a story what is not one of the sessions that there were, for its beginning is not kept any more; says
/// when those began whose story is not told.
pub(in crate::service) fn forgotten(
    answer: &PartitionAnswer,
    key: &str,
    story: &mut Json,
) -> Result<Vec<i64>, EngineError> {
    let keys = [key.to_owned()].into();
    let all = FoundSessions::of(answer, Some(&keys))?.sessions();
    let known: BTreeSet<i64> = all.into_iter().map(|row| row.1).collect();
    let Some(told) = story["sessions"].as_array_mut() else { return Ok(vec![]) };
    let start = |session: &Json| session["start_ns"].as_i64();
    told.retain(|session| start(session).is_some_and(|start| known.contains(&start)));
    let told: BTreeSet<i64> = told.iter().filter_map(start).collect();
    Ok(known.difference(&told).copied().collect())
}

/// When the sessions of a partition, or of some keys, ended, by key and start.
pub(in crate::service) fn known_sessions(
    answer: &PartitionAnswer,
    keys: Option<&BTreeSet<String>>,
) -> Result<BTreeMap<(String, i64), Option<i64>>, EngineError> {
    let mut known = BTreeMap::new();
    for (key, start, end, _) in FoundSessions::of(answer, keys)?.sessions() {
        // Of one that was told while it was open, and is over now, the end comes first.
        known.entry((key, start)).or_insert(end);
    }
    Ok(known)
}

/// The sessions of a partition, or of some keys, alive and over, by key and start.
pub(in crate::service) fn known_starts(
    answer: &PartitionAnswer,
    keys: Option<&BTreeSet<String>>,
) -> Result<BTreeSet<(String, i64)>, EngineError> {
    Ok(FoundSessions::of(answer, keys)?.sessions().into_iter().map(|(key, start, ..)| (key, start)).collect())
}
