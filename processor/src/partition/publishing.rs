//! What a partition publishes: put into the outbox when a checkpoint is cut, published once it is committed.
//!
//! **Invariant:** only files that a committed checkpoint names are published, and a file is left out of a checkpoint only
//! when its destination has all of it.

use super::survey::SurveyDue;
use super::{Error, OWNER_LOOK, Options, Partition};
use crate::checkpoint::{CheckpointReader, FileKind, FileRef};
use crate::labels::Labels;
use crate::outputs::alert_changes::{AlertChanges, AlertMarks, Windows};
use crate::outputs::changes::{AsOf, PublishedTotals, TotalChanges};
use crate::outputs::outbox::{self, Outbox, OutboxFiles};
use crate::outputs::publisher::{Permit, Publisher};
use crate::outputs::{Origin, OutputKind, OutputMessage, Published};
use crate::records::{AlertRow, LiveAlerts};
use crate::totals::{MetricTotals, PartialTotal};
use event_feeder::world::{self, Instant};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// A look at all sessions, for their alerts or their totals, may take one part of so many of the time.
const LOOK_SHARE: u32 = 20;
/// How long the end waits for what is to be published while none of it is taken.
const FLUSH: Duration = Duration::from_secs(10);
/// How long in all: whoever asked for the end does not wait for ever, and what is left is published at the next start.
const FLUSH_MAX: Duration = Duration::from_secs(25);
/// Files that are left as they are by a checkpoint that is being written, so that they can be published meanwhile.
const LEFT_ALONE: usize = 8;
/// How long it sleeps in between.
const PAUSE: Duration = Duration::from_millis(5);

/// All that a partition publishes.
pub(super) struct PartitionOutputs {
    windows: Windows,
    ways: Vec<SinkProgress>,
    /// Files of outputs that have no destination now.
    others: Vec<FileRef>,
    permit: Arc<Permit>,
    alerts: LookTimes,
    changes: TotalChanges,
    totals: LookTimes,
    /// The least time between two looks at the totals.
    totals_every: Duration,
    /// Whether what is committed waits, for earlier versions still answer.
    held: bool,
}

/// When all sessions are looked at.
struct LookTimes {
    /// Not before that.
    next: Instant,
    /// Whether the last checkpoint was cut without a look.
    is_behind: bool,
}

impl LookTimes {
    fn new() -> Self {
        LookTimes { next: Instant::now(), is_behind: true }
    }

    /// Whether it is time for one; else what is told is behind. Lanes that are behind know nothing final yet, and those that
    /// are read for an answer have no time for it.
    fn begin(&mut self, lanes_are_busy: bool) -> bool {
        self.is_behind = lanes_are_busy || Instant::now() < self.next;
        !self.is_behind
    }

    /// One that began then is over.
    fn done(&mut self, began: Instant, pause_min: Duration) {
        self.next = Instant::now() + (began.elapsed() * LOOK_SHARE).max(pause_min);
    }

    /// Whether a checkpoint is wanted for it.
    fn is_overdue(&self) -> bool {
        self.is_behind && Instant::now() >= self.next
    }
}

/// An output with its destination.
struct SinkProgress {
    origin: Origin,
    publisher: Publisher,
    /// Files that the newest checkpoint names, in their order.
    files: Vec<FileRef>,
    /// How many of the first are published.
    sent: usize,
    /// Whether the one behind them is being published.
    is_busy: bool,
    /// Only so many of the first may be published now: a checkpoint that is being written may put others together.
    limit: usize,
}

impl PartitionOutputs {
    /// Goes on from a checkpoint with those files and marks.
    pub(super) fn open(
        plan: &Plan,
        options: &Options,
        files: &[FileRef],
        marks: &AlertMarks,
        known: &PublishedTotals,
        proven: Instant,
    ) -> Self {
        let permit = Arc::new(Permit::new(proven, OWNER_LOOK));
        let reader = CheckpointReader::new(Arc::clone(&options.store));
        let mut others: Vec<FileRef> = files.iter().filter(|file| file.kind == FileKind::Outbox).cloned().collect();
        let mut ways = vec![];
        for (output, destination) in options.outputs.iter() {
            let origin = Origin { output, source: plan.source.name.clone(), partition: options.part.number };
            let is_own = |file: &FileRef| outbox::facts_of(file).is_some_and(|(own, _)| own == output);
            let (files, rest) = others.into_iter().partition(is_own);
            others = rest;
            let (destination, permit) = (Arc::clone(destination), Arc::clone(&permit));
            let publisher = Publisher::start(origin.clone(), destination, reader.clone(), permit);
            let limit = files.len();
            ways.push(SinkProgress { origin, publisher, files, sent: 0, is_busy: false, limit });
        }
        let waiting = outbox::count(&others);
        if waiting > 0 {
            let (source, part) = (&plan.source.name, options.part.number);
            tracing::warn!("{source}/{part}: {waiting} messages wait to be published, and are told nowhere to go");
        }
        PartitionOutputs {
            windows: Windows::new(plan, marks),
            ways,
            others,
            permit,
            alerts: LookTimes::new(),
            changes: TotalChanges::new(plan, known),
            totals: LookTimes::new(),
            totals_every: options.outputs.totals_every,
            held: options.labels.held,
        }
    }

    /// For a checkpoint.
    pub(super) fn marks(&self) -> AlertMarks {
        self.windows.marks()
    }

    /// For a checkpoint.
    pub(super) fn known_totals(&self, plan: &Plan) -> PublishedTotals {
        self.changes.known(plan)
    }

    /// Groups of windows are over, and have been told as such.
    pub(super) fn forget_totals(&mut self, plan: &Plan, partition: u32, parts: &[PartialTotal]) {
        self.changes.forget(plan, partition, parts);
    }

    /// The files that the next checkpoint is to name, before what is new.
    pub(super) fn cut(&mut self) -> Outbox {
        let left = |way: &mut SinkProgress| {
            way.limit = way.sent + LEFT_ALONE;
            OutboxFiles { origin: way.origin.clone(), files: way.files[way.sent..].to_vec(), left_alone: LEFT_ALONE }
        };
        Outbox { own: self.ways.iter_mut().map(left).collect(), others: self.others.clone() }
    }

    /// A checkpoint with those files is committed.
    pub(super) fn committed(&mut self, outbox: Outbox) {
        for (way, OutboxFiles { files, .. }) in self.ways.iter_mut().zip(outbox.own) {
            // What was published since it was cut is still in it, in front.
            let sent = way.files[..way.sent].iter().filter(|sent| files.contains(sent)).count();
            (way.limit, way.files, way.sent) = (files.len(), files, sent);
        }
        self.others = outbox.others;
    }

    /// Lets the publishers go on; whether any of them has published something.
    fn tend(&mut self) -> Result<bool, Error> {
        let mut any = false;
        if self.held {
            return Ok(false);
        }
        for way in &mut self.ways {
            if way.is_busy && way.publisher.is_done()? {
                way.is_busy = false;
                way.sent += 1;
                any = true;
            }
            if !way.is_busy
                && way.sent < way.limit
                && let Some(file) = way.files.get(way.sent)
            {
                way.publisher.begin(file.clone());
                way.is_busy = true;
            }
        }
        Ok(any)
    }

    /// How far each output is.
    pub(super) fn progress(&self) -> BTreeMap<String, Published> {
        let of = |way: &SinkProgress| {
            let waiting = outbox::count(&way.files[way.sent..]);
            (way.origin.output.name().to_owned(), Published { published: way.publisher.published(), waiting })
        };
        self.ways.iter().map(of).collect()
    }

    /// Whether what is committed waits from now on.
    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// The partition was owned then.
    pub(super) fn renew(&self, proven: Instant) {
        self.permit.renew(proven);
    }

    /// Which looks are to be made for the checkpoint that comes; what is told is behind where it is not the time for one.
    pub(super) fn wanted(&mut self, plan: &Plan, lanes_are_busy: bool) -> (SurveyDue, SurveyDue) {
        let is_told = (self.tells(OutputKind::Alerts), self.tells(OutputKind::Totals));
        let has_totals = plan.metrics.iter().any(|metric| metric.aggregate.is_some());
        let wanted = |is_told: bool, looks: &mut LookTimes| {
            if !is_told {
                looks.is_behind = false;
                return SurveyDue::Never;
            }
            if looks.begin(lanes_are_busy) { SurveyDue::Now } else { SurveyDue::Later }
        };
        let alerts = wanted(is_told.0 && !plan.alerts.is_empty(), &mut self.alerts);
        (alerts, wanted(is_told.1 && has_totals, &mut self.totals))
    }

    /// What is to be told of alerts since the last cut: what lanes have told since, and what a look saw that began then.
    pub(super) fn alert_facts(
        &mut self,
        told: &[AlertRow],
        seen: Option<(Instant, Vec<(LiveAlerts, Time)>)>,
    ) -> AlertChanges {
        let mut facts = AlertChanges::default();
        if !self.tells(OutputKind::Alerts) {
            return facts;
        }
        self.windows.told(told, &mut facts);
        let Some((began, looks)) = seen else { return facts };
        for (look, frontier) in &looks {
            self.windows.seen(look, *frontier, &mut facts);
        }
        if let Some(frontier) = looks.iter().map(|(_, frontier)| *frontier).min() {
            self.windows.advance(frontier);
        }
        self.alerts.done(began, Duration::ZERO);
        facts
    }

    /// The totals that are others than those told last, by a look that began then.
    pub(super) fn total_changes(
        &mut self,
        plan: &Plan,
        totals: &MetricTotals,
        at: &AsOf,
        labels: &Labels,
        began: Instant,
    ) -> Vec<OutputMessage> {
        let Some(way) = self.ways.iter().find(|way| way.origin.output == OutputKind::Totals) else { return vec![] };
        let changes = self.changes.take(plan, &way.origin, totals, at, labels);
        self.totals.done(began, self.totals_every);
        changes
    }

    /// Whether anybody listens to what changes with time alone.
    pub(super) fn follows_time(&self) -> bool {
        self.tells(OutputKind::Alerts) || self.tells(OutputKind::Totals)
    }

    pub(super) fn tells(&self, output: OutputKind) -> bool {
        self.ways.iter().any(|way| way.origin.output == output)
    }

    /// The looks at what somebody listens to.
    fn looks(&self) -> impl Iterator<Item = &LookTimes> {
        let all = [(OutputKind::Alerts, &self.alerts), (OutputKind::Totals, &self.totals)];
        all.into_iter().filter(|(output, _)| self.tells(*output)).map(|(_, looks)| looks)
    }

    fn is_empty(&self) -> bool {
        self.held || self.ways.iter().all(|way| way.sent == way.files.len())
    }
}

impl Drop for PartitionOutputs {
    fn drop(&mut self) {
        self.permit.end();
    }
}

impl Partition {
    /// Lets the publishers go on. What they have published is left out of the next checkpoint.
    pub(super) fn tend_outputs(&mut self) -> Result<(), Error> {
        self.dirty |= self.publishing.tend()? || self.publishing.looks().any(LookTimes::is_overdue);
        Ok(())
    }

    /// Before a last checkpoint: alerts and totals are looked at in it, whenever they were before.
    pub(super) fn look_at_last(&mut self) {
        self.dirty |= self.publishing.looks().any(|looks| looks.is_behind);
        let now = Instant::now();
        (self.publishing.alerts.next, self.publishing.totals.next) = (now, now);
    }

    /// Waits until everything is published, or nothing is for a while, and leaves that out of a very last checkpoint.
    pub(super) fn flush_outputs(&mut self) -> Result<(), Error> {
        let waiting = |publishing: &PartitionOutputs| publishing.progress().values().map(|of| of.waiting).sum::<u64>();
        self.tend_outputs()?;
        let began = Instant::now();
        let (mut least, mut until) = (waiting(&self.publishing), began + FLUSH);
        while !self.publishing.is_empty() && Instant::now() < until {
            world::sleep(PAUSE);
            self.prove(OWNER_LOOK)?;
            self.tend_outputs()?;
            let left = waiting(&self.publishing);
            if left < least {
                (least, until) = (left, (Instant::now() + FLUSH).min(began + FLUSH_MAX));
            }
        }
        for (output, Published { waiting, .. }) in self.publishing.progress() {
            if waiting > 0 {
                let (source, part) = (&self.plan.source.name, self.options.part.number);
                tracing::warn!("{source}/{part}: {waiting} of {output} are left, and are published at the next start");
            }
        }
        if self.dirty {
            self.start_commit()?;
            self.finish_commit(true)?;
        }
        Ok(())
    }
}
