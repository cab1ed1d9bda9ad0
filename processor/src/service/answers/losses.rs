//! What is said of answers to which part of the log does not count.

use super::LogAnswer;
use crate::engine::{Note, TableScan};

/// What did not count of the logs that the scans read, where that is much.
pub(in crate::service) fn losses(scans: &[TableScan], logs: &[LogAnswer<'_>]) -> Vec<Note> {
    let tells_itself = ["partitions", "nodes", "queries", "late_events", "dead_letters"];
    if scans.iter().all(|scan| tells_itself.contains(&&*scan.table)) {
        return vec![];
    }
    let mut notes: Vec<Note> = vec![];
    let whole = ["finals", "alerts", "totals", "sessions", "spans"];
    let reads = |log: &&LogAnswer<'_>| scans.iter().any(|scan| whole.contains(&&*scan.table) || log.shows(&scan.table));
    let read = logs.iter().filter(reads).flat_map(LogAnswer::answers);
    for (message, help) in read.flat_map(|answer| &answer.looks.losses) {
        let note = Note { message: message.clone(), help: help.clone() };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}
