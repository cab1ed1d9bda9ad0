//! What was gathered from the lanes: counts, totals of sessions that are over, and the rows that wait for a checkpoint.
//!
//! **Invariant:** what a checkpoint that is being written will commit is not here any more; so a row is in answers once, as
//! one that waits here, as one that is being written, or as one of history.

use super::Counts;
use super::answering::LaneOutput;
use super::looking::LossesTold;
use super::publishing::PartitionOutputs;
use crate::lane::SessionOutput;
use crate::outputs::OutputKind;
use crate::pipeline::DecodedBlock;
use crate::results::Pending;
use crate::totals::MetricTotals;
use std::collections::BTreeSet;
use timeline_core::plan::{EndRule, Plan};
use timeline_core::{SECOND, Time};

/// How much later than silence ends a session lanes look at it, at most: a turn of their wheels.
const LOOK_LATEST: Time = 120 * SECOND;

/// What the lanes have told, added up.
pub(super) struct Gathered {
    pub counts: Counts,
    /// Of sessions that are over.
    pub totals: MetricTotals,
    /// Rows that no checkpoint has taken.
    pub pending: Pending,
    /// What outputs say last that are hidden with the next checkpoint.
    pub last: Pending,
    /// The outputs that have said their last.
    pub retired: BTreeSet<String>,
    /// The metrics of which history has changes of how many sessions are counted at once.
    pub apart: BTreeSet<String>,
    /// What did not count, and what was said of that.
    pub losses: LossesTold,
}

impl Gathered {
    /// What begins with those counts and totals.
    pub(super) fn new(counts: Counts, totals: MetricTotals) -> Self {
        Gathered {
            counts,
            totals,
            pending: Pending::default(),
            last: Pending::default(),
            retired: BTreeSet::new(),
            apart: BTreeSet::new(),
            losses: LossesTold::default(),
        }
    }

    /// Takes the counts of a block that was decoded, and out of it what could not be used.
    pub(super) fn take_decoded(&mut self, part: &mut DecodedBlock) {
        self.counts.records += part.records;
        self.counts.events += part.events;
        self.counts.dead += part.dead.len() as u64;
        self.counts.misrouted += part.misrouted;
        self.losses.note(&part.dead);
        self.pending.dead.append(&mut part.dead);
    }

    /// Takes what a lane has told.
    pub(super) fn take(&mut self, plan: &Plan, LaneOutput { outcome, late, totals }: LaneOutput) {
        let ended = outcome.closed.iter().filter(|session| session.is_whole());
        self.counts.closed += ended.clone().count() as u64;
        self.counts.partial += ended.filter(|session| session.partial).count() as u64;
        self.counts.forgotten += outcome.closed.iter().map(|session| session.forgotten).sum::<u64>();
        self.counts.late += late.len() as u64;
        self.counts.repaired += late.iter().filter(|late| late.repaired).count() as u64;
        self.counts.duplicates += outcome.duplicates;
        self.totals.merge(&totals);
        let SessionOutput { closed, alerts, failed, .. } = outcome;
        let dead: Vec<_> = failed.iter().map(|failed| failed.letter(plan)).collect();
        self.counts.dead += dead.len() as u64;
        self.pending.append(Pending { sessions: closed, alerts, late, dead, parts: vec![] });
    }

    /// Lets history have what groups of windows came to that get no further value from what happens at `frontier` or later: where
    /// an event ends a window, none of its sessions goes on when silence would have ended it.
    pub(super) fn take_ended_windows(
        &mut self,
        plan: &Plan,
        partition: u32,
        frontier: Time,
        publishing: &mut PartitionOutputs,
    ) {
        let EndRule { silence, billed, .. } = plan.end;
        let silence = silence.filter(|_| !billed).map_or(0, |length| length.saturating_add(LOOK_LATEST));
        let until = frontier.saturating_sub(silence);
        let parts = self.totals.take_ended(plan, until);
        publishing.forget_totals(plan, partition, &parts);
        self.pending.parts.extend(parts);
        // Who is told of totals is told of them whole.
        if !publishing.tells(OutputKind::Totals) {
            let parts = self.totals.take_changes(plan);
            self.apart.extend(parts.iter().map(|part| part.metric.clone()));
            self.pending.parts.extend(parts);
        }
    }
}
