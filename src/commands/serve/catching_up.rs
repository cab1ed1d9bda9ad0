//! How far a processor that starts is behind the ends of its logs, until it has caught up with them once.
//!
//! Of files that is known in bytes. Of a topic nobody says how many messages it holds; but each says when it was published,
//! so it is said by how much time what is read is behind the clock.

use crate::log;
use crate::progress::{ProgressCount, ProgressReport, ProgressUnit};
use event_feeder::world::{self, Instant};
use processor::engine::Engine;
use processor::service::Service;
use serde_json::Value as Json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Time between two looks whether it is to end.
const STEP: Duration = Duration::from_millis(50);
/// What is less far behind has caught up: of files so many bytes, of topics so many seconds.
const NEAR_BYTES: u64 = 1 << 20;
const NEAR_SECONDS: u64 = 5;

/// A thread that says how far it is; it ends once the processor has caught up, and when this is dropped.
pub(super) struct CatchUpThread {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How far partitions are behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PartitionLag {
    /// Partitions that are.
    partitions: usize,
    /// Bytes of files.
    bytes: u64,
    /// By how many seconds the one that is farthest behind is, of topics.
    seconds: u64,
    /// Records that were read of all logs.
    records: u64,
}

impl CatchUpThread {
    /// Follows a processor that has just started.
    pub(super) fn follow(service: &Arc<Service>) -> CatchUpThread {
        let is_over = Arc::new(AtomicBool::new(false));
        let (service, over) = (Arc::downgrade(service), Arc::clone(&is_over));
        // Without the thread nothing is said, and all else is as it was.
        let thread = world::thread("catching-up").spawn(move || follow(&service, &over)).ok();
        CatchUpThread { is_over, thread }
    }
}

impl Drop for CatchUpThread {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // One that panicked has said so itself.
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
    }
}

fn follow(service: &Weak<Service>, is_over: &AtomicBool) {
    let begun = Instant::now();
    let mut followed: Option<(PartitionLag, ProgressReport)> = None;
    loop {
        let looked = Instant::now();
        while looked.elapsed() < LOOK {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            world::sleep(STEP);
        }
        let Some(service) = service.upgrade() else { return };
        let status = service.status();
        drop(service);
        let behind = PartitionLag::of(&status, world::timestamp().as_nanosecond());
        if behind.partitions == 0 {
            let was_shown = followed.is_some_and(|(_, progress)| progress.was_shown());
            if was_shown {
                let (records, seconds) = (behind.records, begun.elapsed().as_secs());
                log::say(format_args!(
                    "caught up with the logs: {records} records so far, {seconds} s since the start"
                ));
            }
            return;
        }
        let (first, progress) = followed.get_or_insert_with(|| (behind, ProgressReport::new(false)));
        let done = behind.done(first);
        // Of a log that cannot be reached there is nothing to say but what is said of that.
        if done.of.is_some() || done.count > 0 {
            progress.tell(done);
        }
    }
}

impl PartitionLag {
    /// What a status says at an instant, in nanoseconds since 1970.
    fn of(status: &Json, now_ns: i128) -> PartitionLag {
        let mut all = PartitionLag::default();
        for partition in status["partitions"].as_array().into_iter().flatten() {
            let records = partition["records"].as_u64().unwrap_or(0);
            all.records += records;
            let bytes = partition["lag_bytes"].as_u64();
            let received = partition["received_ns"].as_i64().map(i128::from);
            let seconds = received.map(|received| (now_ns - received) / 1_000_000_000);
            let seconds = seconds.map(|seconds| u64::try_from(seconds).unwrap_or(0));
            let is_near = bytes.is_some_and(|bytes| bytes < NEAR_BYTES)
                || bytes.is_none() && seconds.is_some_and(|seconds| seconds < NEAR_SECONDS);
            // One that does not say how it is may be at work on what it has read.
            if partition["drained"].as_bool() == Some(true) || is_near {
                continue;
            }
            all.partitions += 1;
            all.bytes += bytes.unwrap_or(0);
            all.seconds = all.seconds.max(seconds.unwrap_or(0));
        }
        all
    }

    /// How much of what it was behind at first has been made up for.
    fn done(self, first: &mut PartitionLag) -> ProgressCount {
        // A log that grows faster than it is read gets longer.
        first.bytes = first.bytes.max(self.bytes);
        first.seconds = first.seconds.max(self.seconds);
        let verb = "caught up";
        if first.bytes > 0 {
            return ProgressCount {
                count: first.bytes - self.bytes,
                of: Some(first.bytes),
                unit: ProgressUnit::Megabytes,
                verb,
            };
        }
        if first.seconds > 0 {
            return ProgressCount {
                count: first.seconds - self.seconds,
                of: Some(first.seconds),
                unit: ProgressUnit::Seconds,
                verb,
            };
        }
        ProgressCount {
            count: self.records.saturating_sub(first.records),
            of: None,
            unit: ProgressUnit::Events,
            verb: "read",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PartitionLag;
    use crate::progress::{ProgressCount, ProgressUnit};
    use serde_json::json;

    const NOW: i128 = 1_000_000_000_000;

    #[test]
    fn files_are_behind_by_bytes_and_topics_by_time() {
        let of = |partitions: serde_json::Value| PartitionLag::of(&json!({ "partitions": partitions }), NOW);
        let files = json!([
            {"records": 5, "lag_bytes": 3_000_000, "drained": false},
            {"records": 7, "lag_bytes": 9_000_000, "drained": false},
            // All that is left is on its way.
            {"records": 1, "lag_bytes": 100, "drained": false},
            {"records": 2, "lag_bytes": 0, "drained": true},
        ]);
        assert_eq!(of(files), PartitionLag { partitions: 2, bytes: 12_000_000, seconds: 0, records: 15 });
        let topics = json!([
            {"records": 5, "lag_bytes": null, "drained": false, "received_ns": 400_000_000_000_i64},
            {"records": 5, "lag_bytes": null, "drained": false, "received_ns": 900_000_000_000_i64},
            // Those are at the end: by what the log says, and by the clock.
            {"records": 5, "lag_bytes": null, "drained": true, "received_ns": 0},
            {"records": 5, "lag_bytes": null, "drained": false, "received_ns": 999_000_000_000_i64},
        ]);
        assert_eq!(of(topics), PartitionLag { partitions: 2, bytes: 0, seconds: 600, records: 20 });
        // Nothing is read of it yet.
        let unread = json!([{"records": 0, "lag_bytes": null, "drained": false, "received_ns": null}]);
        assert_eq!(of(unread), PartitionLag { partitions: 1, ..PartitionLag::default() });
        assert_eq!(of(json!([])), PartitionLag::default());
    }

    #[test]
    fn what_is_made_up_for_counts_from_the_first_look() {
        let mut first = PartitionLag { partitions: 1, bytes: 8, seconds: 0, records: 10 };
        let done = |count, of, unit, verb| ProgressCount { count, of, unit, verb };
        let at = |bytes, records| PartitionLag { partitions: 1, bytes, seconds: 0, records };
        assert_eq!(at(8, 10).done(&mut first), done(0, Some(8), ProgressUnit::Megabytes, "caught up"));
        assert_eq!(at(2, 90).done(&mut first), done(6, Some(8), ProgressUnit::Megabytes, "caught up"));
        // The log grew.
        assert_eq!(at(20, 99).done(&mut first), done(0, Some(20), ProgressUnit::Megabytes, "caught up"));
        let mut first = PartitionLag { partitions: 1, bytes: 0, seconds: 60, records: 0 };
        let later = PartitionLag { seconds: 45, ..first };
        assert_eq!(later.done(&mut first), done(15, Some(60), ProgressUnit::Seconds, "caught up"));
        let mut first = PartitionLag { partitions: 1, records: 10, ..PartitionLag::default() };
        let later = PartitionLag { records: 25, ..first };
        assert_eq!(later.done(&mut first), done(15, None, ProgressUnit::Events, "read"));
    }
}
