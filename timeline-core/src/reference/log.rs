//! From one partition's log to sessions: which events are late, and whose session the others belong to.

use super::session::{Session, sessions};
use crate::{Field, Plan, Record, Time};
use std::collections::BTreeMap;

/// One readable event of a partition. A log is a slice of these in log order; of a group of sources, the events of each stand in
/// the order of its log, and how those of different sources are mixed changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    /// The session's key.
    pub key: String,
    /// Time, order, place in the log and values.
    pub record: Record,
}

/// An event that the ledger keeps instead of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEvent<'a> {
    /// The event.
    pub event: &'a LogEvent,
    /// Why it counts nowhere.
    pub reason: LedgerReason,
}

/// Why an event is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerReason {
    /// It is earlier than the watermark, which stood here when the log reached the event.
    BehindWatermark(Time),
    /// Its key's session ended by an event, and lingers.
    SessionClosed,
}

/// What a log comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceRun<'a> {
    /// The instant for which answers are true; `None` if there is no accepted event and no `until`.
    pub horizon: Option<Time>,
    /// Every session with its key, by key (bytes), then origin.
    pub sessions: Vec<(String, Session)>,
    /// What the ledger holds, by place in the log.
    pub late: Vec<LedgerEvent<'a>>,
}

/// Everything from a log to its sessions. The horizon is `until`, or the last event of the whole log;
/// the cut comes after lateness was judged.
pub fn run<'a>(plan: &Plan, log: &'a [LogEvent], until: Option<Time>) -> ReferenceRun<'a> {
    let (accepted, mut late) = accept(plan, log);
    // The last event is never late, but it may be a duplicate: it counts nowhere, and yet time has passed.
    let horizon = until.or_else(|| log.iter().map(|e| e.record.time).max());
    let mut by_key: BTreeMap<&str, Vec<&LogEvent>> = BTreeMap::new();
    for event in accepted {
        by_key.entry(&event.key).or_default().push(event);
    }
    let mut all = vec![];
    if let Some(horizon) = horizon {
        for (key, events) in by_key {
            let mut records: Vec<Record> = events.iter().map(|e| e.record.clone()).collect();
            records.sort_by_key(Record::sort_key);
            let (cut, stragglers) = sessions(plan, records, horizon);
            all.extend(cut.into_iter().map(|session| (key.to_owned(), session)));
            let place = |record: &Record| (record.source, record.position);
            let straggled = |event: &&&LogEvent| stragglers.iter().any(|r| place(r) == place(&event.record));
            late.extend(
                events.iter().filter(straggled).map(|event| LedgerEvent { event, reason: LedgerReason::SessionClosed }),
            );
        }
    }
    late.sort_by_key(|l| (l.event.record.source, l.event.record.position));
    ReferenceRun { horizon, sessions: all, late }
}

/// Separates a log into the events that count and those behind the watermark, both in log order.
///
/// An event is late if its time is before the largest time that the log of its source has held so far, itself included, less
/// that source's lateness; it counts all the same if it is no further behind than what the source repairs. An event counts
/// once if the source knows duplicates.
pub fn accept<'a>(plan: &Plan, log: &'a [LogEvent]) -> (Vec<&'a LogEvent>, Vec<LedgerEvent<'a>>) {
    let (mut accepted, mut late): (Vec<&LogEvent>, Vec<LedgerEvent<'_>>) = (vec![], vec![]);
    let mut largest_of = vec![Time::MIN; plan.sources().count()];
    for event in log {
        let number = usize::from(event.record.source);
        let (source, largest) = (plan.source_at(number), &mut largest_of[number]);
        *largest = event.record.time.max(*largest);
        let watermark = largest.saturating_sub(source.lateness);
        let lost = watermark.saturating_sub(source.repair.unwrap_or(0));
        if event.record.time < lost {
            late.push(LedgerEvent { event, reason: LedgerReason::BehindWatermark(watermark) });
        } else if !accepted.iter().any(|earlier| is_duplicate(plan, earlier, event)) {
            accepted.push(event);
        }
    }
    (accepted, late)
}

/// Whether an event is one that the log has held before.
fn is_duplicate(plan: &Plan, earlier: &LogEvent, event: &LogEvent) -> bool {
    let source = event.record.source;
    let rule = plan.dedup.iter().find(|rule| plan.columns[rule.column.index()].source == source);
    rule.is_some_and(|rule| {
        let value = |event: &LogEvent| match &event.record.fields[rule.column.index()] {
            Field::Value(value) => Some(value.clone()),
            Field::Missing | Field::Null => None,
        };
        let apart = event.record.time.abs_diff(earlier.record.time);
        event.key == earlier.key
            && earlier.record.source == source
            && apart <= rule.within.unsigned_abs()
            && value(event).is_some_and(|x| value(earlier) == Some(x))
    })
}
