//! How history stands, for whoever watches the processor: what waits for its tables, when these were brought up to a
//! checkpoint last, and since when they cannot be written.
//!
//! Nothing here is read by anything that an answer depends on.

use event_feeder::world;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::UNIX_EPOCH;
use timeline_core::Time;

/// Since when something cannot be written, in nanoseconds since 1970 by the clock of this machine, and why, as it was told
/// last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteFailure {
    pub(crate) since: Time,
    pub(crate) error: String,
}

/// What is known of a partition's part of history.
#[derive(Clone, Debug, Default)]
pub(crate) struct HistoryFacts {
    /// So many bytes of files of the state are to go into tables.
    pub(crate) waiting_bytes: u64,
    /// So many rows.
    pub(crate) waiting_rows: u64,
    /// When the tables' logs had all that a checkpoint names, in nanoseconds since 1970; none since the partition was opened.
    pub(crate) committed: Option<Time>,
    away: Option<WriteFailure>,
}

/// How a partition's part of history stands, as long as it is at work.
#[derive(Debug)]
pub(crate) struct PartitionHistoryStatus {
    source: String,
    partition: u32,
    facts: Mutex<HistoryFacts>,
}

impl PartitionHistoryStatus {
    fn facts(&self) -> MutexGuard<'_, HistoryFacts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what waits.
    pub(crate) fn note_waiting(&self, bytes: u64, rows: u64) {
        let mut facts = self.facts();
        (facts.waiting_bytes, facts.waiting_rows) = (bytes, rows);
    }

    /// Notes that the tables' logs have what they are to have.
    pub(crate) fn note_committed(&self) {
        self.facts().committed = Some(now());
    }

    /// Notes that rows could not be moved, and why; or that they were.
    pub(crate) fn note_moved(&self, error: Option<&str>) {
        note(&mut self.facts().away, error);
    }
}

/// How all of it stands.
#[derive(Debug, Default)]
pub(crate) struct HistoryStatus {
    partitions: Mutex<Vec<Weak<PartitionHistoryStatus>>>,
    /// Of the tables' logs.
    logs: Mutex<Option<WriteFailure>>,
}

impl HistoryStatus {
    /// A partition begins.
    pub(crate) fn begin(&self, source: String, partition: u32) -> Arc<PartitionHistoryStatus> {
        let standing = Arc::new(PartitionHistoryStatus { source, partition, facts: Mutex::default() });
        let mut partitions = self.partitions();
        partitions.retain(|known| known.strong_count() > 0);
        partitions.push(Arc::downgrade(&standing));
        standing
    }

    /// Notes that the tables' logs could not be written, and why; or that they were.
    pub(crate) fn note_logs(&self, error: Option<&str>) {
        note(&mut self.logs.lock().unwrap_or_else(PoisonError::into_inner), error);
    }

    /// What is known of a partition; of one that was opened again, what is known since.
    pub(crate) fn of(&self, source: &str, partition: u32) -> Option<HistoryFacts> {
        let partitions = self.partitions();
        let mut newest_first = partitions.iter().rev().filter_map(Weak::upgrade);
        let found = newest_first.find(|known| known.source == source && known.partition == partition)?;
        let facts = found.facts().clone();
        Some(facts)
    }

    /// Since when the place cannot be written, if it cannot: from the first failure on that nothing has followed but others.
    pub(crate) fn away(&self) -> Option<WriteFailure> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let partitions: Vec<Arc<PartitionHistoryStatus>> = self.partitions().iter().filter_map(Weak::upgrade).collect();
        let moves = partitions.iter().filter_map(|standing| standing.facts().away.clone());
        moves.chain(logs).min_by_key(|away| away.since)
    }

    fn partitions(&self) -> MutexGuard<'_, Vec<Weak<PartitionHistoryStatus>>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(away: &mut Option<WriteFailure>, error: Option<&str>) {
    *away = error.map(|error| WriteFailure {
        since: away.as_ref().map_or_else(now, |away| away.since),
        error: error.to_owned(),
    });
}

/// Nanoseconds since 1970, by the clock of this machine.
fn now() -> Time {
    let since = world::wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::try_from(since.as_nanos()).unwrap_or(Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_away_since_the_first_failure_and_back_once_all_that_failed_works() {
        let all = HistoryStatus::default();
        let (one, two) = (all.begin("s".into(), 0), all.begin("s".into(), 1));
        assert_eq!(all.away(), None);
        one.note_moved(Some("first"));
        let since = all.away().unwrap().since;
        one.note_moved(Some("second"));
        all.note_logs(Some("logs"));
        assert_eq!(all.away().unwrap(), WriteFailure { since, error: "second".into() });
        one.note_moved(None);
        assert_eq!(all.away().unwrap().error, "logs");
        all.note_logs(None);
        assert_eq!(all.away(), None);
        two.note_moved(Some("gone"));
        drop(two);
        assert_eq!(all.away(), None, "what has ended here is for others to say");
        assert!(all.of("s", 1).is_none());
    }

    #[test]
    fn what_waits_is_told_of_the_partition_that_is_at_work() {
        let all = HistoryStatus::default();
        let old = all.begin("s".into(), 0);
        old.note_waiting(10, 2);
        assert_eq!(all.of("s", 0).unwrap().waiting_rows, 2);
        let new = all.begin("s".into(), 0);
        assert!(all.of("s", 0).unwrap().committed.is_none());
        new.note_committed();
        new.note_waiting(7, 1);
        let facts = all.of("s", 0).unwrap();
        assert_eq!((facts.waiting_bytes, facts.waiting_rows, facts.committed.is_some()), (7, 1, true));
        assert!(all.of("t", 0).is_none() && all.of("s", 1).is_none());
    }
}
