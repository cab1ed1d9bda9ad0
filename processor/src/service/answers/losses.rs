//! What is said of answers to which part of the log does not count, or that read what no record has.

use super::LogAnswer;
use super::catalogue::{missing, needed};
use crate::engine::{AnswerNote, MetricAt, TableScan};
use crate::partition::{AnswerLoss, Counts, MissingNeed, PartitionAnswer, RecordFindings};
use crate::service::work::Bound;
use event_feeder::RecordCode;
use std::collections::BTreeSet;
use timeline_core::plan::{Idle, NodeId, SourceDefinition};

/// Tables that are made of all metrics and alerts.
const WHOLE: [&str; 5] = ["finals", "alerts", "totals", "sessions", "spans"];

/// Why the rows of the scans may not be those that are meant: what did not count of the logs that they read, where that is much,
/// what of these logs is not there; and that sessions may be in several pieces.
pub(in crate::service) fn losses(scans: &[TableScan], logs: &[LogAnswer<'_>]) -> Vec<AnswerNote> {
    let tells_itself = ["partitions", "nodes", "queries", "late_events", "dead_letters"];
    if scans.iter().all(|scan| tells_itself.contains(&&*scan.table)) {
        return vec![];
    }
    let all = logs.iter().flat_map(|log| losses_of(log, |name| scans.iter().any(|scan| reads(scan, name))));
    unlike(all)
}

/// The same of an answer about one metric or alert, or about all.
pub(in crate::service) fn losses_about(name: Option<&str>, logs: &[LogAnswer<'_>]) -> Vec<AnswerNote> {
    unlike(logs.iter().flat_map(|log| losses_of(log, |own| name.is_none_or(|name| name == own))))
}

/// Whether a scan reads rows of a metric or an alert.
fn reads(scan: &TableScan, name: &str) -> bool {
    let is_whole = WHOLE.contains(&&*scan.table);
    let is_asked = || scan.outputs.as_ref().is_none_or(|names| names.contains(name));
    if is_whole { is_asked() } else { MetricAt::shown(&scan.table) == name }
}

/// Of a log, if anything of it is read: `is_read` says so of its metrics and alerts by their names.
fn losses_of(log: &LogAnswer<'_>, is_read: impl Fn(&str) -> bool) -> Vec<AnswerNote> {
    let plan = log.plan();
    let metrics = plan.metrics.iter().map(|metric| (&metric.name, metric.root));
    let outputs = metrics.chain(plan.alerts.iter().map(|alert| (&alert.name, alert.root)));
    let roots: Vec<NodeId> =
        outputs.filter(|(name, _)| log.bound.labels.shows(name) && is_read(name)).map(|(_, root)| root).collect();
    if roots.is_empty() {
        return vec![];
    }
    let nodes: BTreeSet<NodeId> = roots.into_iter().flat_map(|root| needed(plan, root)).collect();
    let read = nodes.iter().fold(0, |columns, id| columns | plan.columns_read(*id));
    let here = log.answers().fold(0, |columns, answer| columns | answer.looks.columns);
    let is_so = |loss: &&AnswerLoss| loss.column.is_none_or(|column| column & read != 0 && column & here == 0);
    // Partitions say the same of other numbers of records.
    let mut said: BTreeSet<String> = BTreeSet::new();
    let losses = log.answers().flat_map(|answer| &answer.looks.losses).filter(is_so);
    let losses: Vec<AnswerNote> = losses
        .filter(|loss| !loss.is_of_all || said.insert(loss.message.replace(|c: char| c.is_ascii_digit(), "")))
        .map(|AnswerLoss { message, help, .. }| AnswerNote { message: message.clone(), help: help.clone() })
        .collect();
    let looks: Vec<&RecordFindings> = log.answers().map(|answer| &answer.looks).collect();
    let missing = missing(&looks, plan.needs_of(&nodes)).into_iter().filter(|missing| missing.is_likely_slip);
    let missing =
        missing.map(|MissingNeed { message, help, .. }| AnswerNote { message: message.clone(), help: help.clone() });
    let split = misrouted(&plan.name(), log.answers().map(|answer| &answer.counts));
    losses.into_iter().chain(missing).chain(split).chain(waiting(log.bound, log.answers())).collect()
}

/// Each of them once.
fn unlike(all: impl Iterator<Item = AnswerNote>) -> Vec<AnswerNote> {
    let mut notes: Vec<AnswerNote> = vec![];
    for note in all {
        if !notes.contains(&note) {
            notes.push(note);
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
