//! What is said of answers to which part of the log does not count.

use super::LogAnswer;
use crate::engine::{AnswerNote, MetricAt, TableScan};
use crate::partition::{Counts, PartitionAnswer};
use crate::service::work::Bound;
use event_feeder::RecordCode;
use std::collections::BTreeSet;
use timeline_core::plan::{Idle, SourceDefinition};

/// What did not count of the logs that the scans read, where that is much; and that sessions may be in several pieces.
pub(in crate::service) fn losses(scans: &[TableScan], logs: &[LogAnswer<'_>]) -> Vec<AnswerNote> {
    let tells_itself = ["partitions", "nodes", "queries", "late_events", "dead_letters"];
    if scans.iter().all(|scan| tells_itself.contains(&&*scan.table)) {
        return vec![];
    }
    let mut notes: Vec<AnswerNote> = vec![];
    let whole = ["finals", "alerts", "totals", "sessions", "spans"];
    let reads_of = |log: &LogAnswer<'_>, table: &str| whole.contains(&table) || log.shows(&MetricAt::shown(table));
    let reads = |log: &&LogAnswer<'_>| scans.iter().any(|scan| reads_of(log, &scan.table));
    for log in logs.iter().filter(reads) {
        let losses = log.answers().flat_map(|answer| &answer.looks.losses);
        let losses = losses.map(|(message, help)| AnswerNote { message: message.clone(), help: help.clone() });
        let split = misrouted(&log.plan().name(), log.answers().map(|answer| &answer.counts));
        for note in losses.chain(split).chain(waiting(log.bound, log.answers())) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// For which sources without an event the clock of a plan waits, where nothing but such events moves it on: nothing is final
/// before.
pub(in crate::service) fn waiting<'a>(
    bound: &Bound,
    answers: impl Iterator<Item = &'a PartitionAnswer>,
) -> Option<AnswerNote> {
    let waits = |source: &SourceDefinition| !bound.log.is_live() || source.idle == Idle::Never;
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for answer in answers.filter(|answer| answer.horizon.is_some() && answer.watermark.is_none()) {
        let silent = bound.plan.sources().zip(&answer.reach).filter(|(_, reach)| reach.max_time.is_none());
        names.extend(silent.filter(|(source, _)| waits(source)).map(|(source, _)| source.name.as_str()));
    }
    (!names.is_empty()).then(|| AnswerNote {
        message: format!(
            "[{}] {}: no event of `{}` has been read yet, and the clock waits for it: no session or window is final, and what \
             is published of them waits",
            RecordCode::NoEventYet,
            bound.plan.name(),
            names.into_iter().collect::<Vec<_>>().join("` and `")
        ),
        help: RecordCode::NoEventYet.help().to_owned(),
    })
}

/// That events of a log have other keys than their messages, by which the log shares them out.
fn misrouted<'a>(source: &str, counts: impl Iterator<Item = &'a Counts>) -> Option<AnswerNote> {
    let (misrouted, events) =
        counts.fold((0, 0), |(misrouted, events), counts| (misrouted + counts.misrouted, events + counts.events));
    (misrouted > 0).then(|| AnswerNote {
        message: format!(
            "[{}] {source}: {misrouted} of {events} events stand in messages with another key: what is one session may be \
             several, each in a partition of its own",
            RecordCode::Misrouted
        ),
        help: RecordCode::Misrouted.help().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_in_messages_of_another_key_are_told_once_for_all_partitions() {
        let counts = |events, misrouted| Counts { events, misrouted, ..Counts::default() };
        let note = misrouted("s", [counts(5, 0), counts(7, 3)].iter()).expect("some are");
        assert!(note.message.starts_with("[TL2131] s: 3 of 12 events stand in messages with another key"), "{note:?}");
        assert!(note.help.contains("--repartition"));
        assert_eq!(misrouted("s", [counts(5, 0)].iter()), None);
    }
}
