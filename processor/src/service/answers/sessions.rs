//! Sessions, alive and over: the table of them, and which there were.

use super::{LogAnswer, read, text_column};
use crate::engine::EngineError;
use crate::partition::Answer;
use crate::rows::{Cell, Kind, TableBuilder};
use arrow::array::{Array, BooleanArray, RecordBatch, TimestampNanosecondArray};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// `source, partition, session, start, end, closed, partial`, live and closed.
pub(super) fn sessions(logs: &[LogAnswer<'_>]) -> Result<RecordBatch, EngineError> {
    let columns = [
        ("source", Kind::Text),
        ("partition", Kind::Int),
        ("session", Kind::Text),
        ("start", Kind::Time),
        ("end", Kind::Time),
        ("closed", Kind::Bool),
        ("partial", Kind::Bool),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for answer in logs.iter().flat_map(|log| &log.answers) {
        let live = answer.pending.sessions.iter().chain(&answer.sessions);
        let mut all: BTreeSet<(String, i64, Option<i64>, bool)> =
            live.map(|session| (session.key.to_string(), session.start, session.end, session.partial)).collect();
        for batch in read(answer, "finals")? {
            let keys = text_column(&batch, "session")?;
            let time = |name: &str| {
                batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>())
            };
            let partial = batch.column_by_name("partial").and_then(|c| c.as_any().downcast_ref::<BooleanArray>());
            if let (Some(starts), Some(ends), Some(partial)) = (time("start"), time("end"), partial) {
                all.extend((0..batch.num_rows()).map(|i| {
                    let end = (!ends.is_null(i)).then(|| ends.value(i));
                    (keys.value(i).to_owned(), starts.value(i), end, partial.value(i))
                }));
            }
        }
        for (key, start, end, partial) in all {
            table.push([
                Cell::Text(answer.plan.name()),
                Cell::Int(i64::from(answer.partition)),
                Cell::Text(key),
                Cell::Time(start),
                end.map_or(Cell::Null, Cell::Time),
                Cell::Bool(end.is_some()),
                Cell::Bool(partial),
            ]);
        }
    }
    Ok(table.finish())
}

/// Takes out of a story what is not one of the sessions that there were, for its beginning is not kept any more; says
/// when those began whose story is not told.
pub(in crate::service) fn forgotten(answer: &Answer, key: &str, story: &mut Json) -> Result<Vec<i64>, EngineError> {
    let mut known: BTreeSet<i64> = answer.sessions.iter().map(|session| session.start).collect();
    known.extend(answer.pending.sessions.iter().filter(|session| session.key == key).map(|session| session.start));
    for batch in read(answer, "finals")? {
        let keys = text_column(&batch, "session")?;
        let starts = batch.column_by_name("start").and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>());
        let Some(starts) = starts else { continue };
        known.extend((0..batch.num_rows()).filter(|i| keys.value(*i) == key).map(|i| starts.value(i)));
    }
    let Some(told) = story["sessions"].as_array_mut() else { return Ok(vec![]) };
    let start = |session: &Json| session["start_ns"].as_i64();
    told.retain(|session| start(session).is_some_and(|start| known.contains(&start)));
    let told: BTreeSet<i64> = told.iter().filter_map(start).collect();
    Ok(known.difference(&told).copied().collect())
}

/// All sessions of a partition, alive and over, by key and start.
pub(in crate::service) fn known_starts(answer: &Answer) -> Result<BTreeSet<(String, i64)>, EngineError> {
    let live = answer.pending.sessions.iter().chain(&answer.sessions);
    let mut known: BTreeSet<(String, i64)> = live.map(|session| (session.key.to_string(), session.start)).collect();
    for batch in read(answer, "finals")? {
        let keys = text_column(&batch, "session")?;
        let starts = batch.column_by_name("start").and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>());
        let Some(starts) = starts else { continue };
        known.extend((0..batch.num_rows()).map(|i| (keys.value(i).to_owned(), starts.value(i))));
    }
    Ok(known)
}
