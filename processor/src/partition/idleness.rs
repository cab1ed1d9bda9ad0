//! The clock of a silent partition goes on: by the time that passes, once its log is known to hold no more.
//!
//! **Invariant:** a watermark that silence moved is in a committed checkpoint before the lanes hear of it, so nothing that
//! follows from it is shown, stored or sent that a restart could take back.

use super::answering::LaneOutput;
use super::ingest::{Ingest, SourceProgress};
use super::{Error, Partition};
use crate::lane::SessionOutput;
use crate::records::LateEvent;
use crate::watermark::IdleAdvances;
use event_feeder::world::{self, Instant};
use std::time::Duration;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// How a partition's silence goes.
#[derive(Debug)]
pub(super) struct IdleTimer {
    /// How long until the clock goes on; `None`: never.
    limit: Option<Time>,
    /// All that moved the watermark so far.
    pub all: IdleAdvances,
    /// Whether an event was late because of the last of them.
    mattered: bool,
    now: Option<IdlePeriod>,
}

/// A silence that lasts.
#[derive(Clone, Copy, Debug)]
struct IdlePeriod {
    since: Instant,
    /// The clock of the log when it began: its largest event time, or what an earlier silence made of it; `None` if it
    /// never had an event.
    clock: Option<Time>,
    last_move: Option<Instant>,
}

impl IdleTimer {
    pub(super) fn new(limit: Option<Time>, all: IdleAdvances) -> Self {
        // Whether the last silence mattered before a restart is not known: it is kept.
        IdleTimer { limit, mattered: all.last().is_some(), all, now: None }
    }

    /// The log has spoken, or cannot be heard.
    pub(super) fn broken(&mut self) {
        self.now = None;
    }

    /// Whether it has lasted long enough for the clock to go on.
    fn lasts(&self) -> bool {
        let (Some(limit), Some(quiet)) = (self.limit, self.now) else { return false };
        nanoseconds(quiet.since.elapsed()) >= limit
    }

    /// Takes note of an event of its log that was late, perhaps because of it.
    pub(super) fn note(&mut self, late: &LateEvent) {
        // Also one that was behind the log's own watermark may have been lost only because of it.
        self.mattered |= self.all.last().is_some_and(|last| late.time < last);
    }

    /// Forgets the last one if the log has overtaken it and it decided nothing. To be asked when all lanes have told.
    pub(super) fn tidy(&mut self, log_watermark: Option<Time>) {
        if self.all.last().is_some_and(|last| log_watermark >= Some(last)) {
            if !self.mattered {
                self.all.forget_last();
            }
            self.mattered = true;
        }
    }
}

impl Ingest {
    /// Forgets silences that decided nothing, of logs that have overtaken them. To be asked when all lanes have told.
    pub(super) fn tidy_silences(&mut self, plan: &Plan) {
        let progress = self.progress(plan);
        for (source, reached) in self.sources.iter_mut().zip(progress.sources) {
            source.silence.tidy(reached.max_time.map(|_| reached.log_watermark()));
        }
    }

    /// The log of a source is known to hold no more now: up to where its clock is to go on, if that has lasted long enough.
    ///
    /// One of several sources does not hold the others back then: its clock follows the slowest of those that are not silent,
    /// if its own is behind.
    fn silent_until(&mut self, plan: &Plan, source: usize, checkpoint_every: Duration) -> Option<Time> {
        let limit = self.sources[source].silence.limit?;
        let progress = self.progress(plan);
        let own = progress.sources[source];
        let others = || progress.sources.iter().zip(&self.sources).enumerate().filter(|(other, _)| *other != source);
        let speaking = others().filter(|(_, (_, source))| !source.silence.lasts());
        let speaking = speaking.map(|(_, (reached, _))| reached.watermark()).min();
        // Where all are silent none holds the rest back.
        let farthest = others().map(|(_, (reached, _))| reached.watermark()).max();
        let others = speaking.or(farthest).unwrap_or(Time::MIN);
        if own.watermark() == Time::MIN && others == Time::MIN {
            return None;
        }
        let clock = match own.watermark() {
            Time::MIN => None,
            watermark => own.max_time.max(Some(watermark.saturating_add(own.lateness))),
        };
        let silence = &mut self.sources[source].silence;
        let quiet = *silence.now.get_or_insert(IdlePeriod { since: Instant::now(), clock, last_move: None });
        let passed = nanoseconds(quiet.since.elapsed());
        // A thirtieth of the limit is as fine as anybody who chose that limit can want.
        let pause = checkpoint_every.max(Duration::from_nanos(limit.unsigned_abs() / 30));
        if passed < limit || quiet.last_move.is_some_and(|last| last.elapsed() < pause) {
            return None;
        }
        let now = Time::try_from(world::timestamp().as_nanosecond()).unwrap_or(Time::MAX);
        let went = |clock: Time| clock.saturating_add(passed).min(now).saturating_sub(own.lateness);
        let to = quiet.clock.map_or(Time::MIN, went).max(others.min(now));
        silence.now = Some(IdlePeriod { last_move: Some(Instant::now()), ..quiet });
        (to > own.watermark()).then_some(to)
    }
}

impl Partition {
    /// Lets the clocks of sources go on whose logs are known to hold no more, and takes note of those that go on themselves.
    pub(super) fn look_for_silence(&mut self) -> Result<(), Error> {
        for source in 0..self.ingest.count() {
            if !self.ingest.feed.is_drained(source) {
                self.ingest.sources[source].silence.broken();
                continue;
            }
            let to = self.ingest.silent_until(&self.plan, source, self.options.checkpoint_every);
            if let Some(to) = to
                && self.has_clockwork()?
            {
                self.advance(source, to)?;
            }
        }
        Ok(())
    }

    /// Whether time passing changes anything: sessions are alive, or events wait.
    fn has_clockwork(&mut self) -> Result<bool, Error> {
        Ok(self.pipeline.call(|lane, _| lane.waits_for_time())?.into_iter().any(|waits| waits))
    }

    /// Moves the watermark of a source: first in a checkpoint, then in the lanes.
    fn advance(&mut self, source: usize, to: Time) -> Result<(), Error> {
        self.finish_commit(true)?;
        let SourceProgress { silence, position, .. } = &mut self.ingest.sources[source];
        silence.all.push(*position, to);
        silence.mattered = false;
        self.start_commit()?;
        self.finish_commit(true)?;
        self.pipeline.silence(source, &self.ingest.sources[source].silence.all)?;
        self.ingest.feed.passed(source, to);
        let all = self.pipeline.call(|lane, _| (LaneOutput::of(lane), lane.held()))?;
        self.ingest.note_held(&self.plan, all.iter().map(|(_, held)| held).sum());
        self.dirty |= self.publishing.follows_time();
        for (output, _) in all {
            // What has ended is made durable as history as well.
            let SessionOutput { closed, alerts, counted, .. } = &output.outcome;
            self.dirty |= !closed.is_empty() || !alerts.is_empty() || counted.is_some();
            self.take_output(output);
        }
        Ok(())
    }
}

fn nanoseconds(length: Duration) -> Time {
    Time::try_from(length.as_nanos()).unwrap_or(Time::MAX)
}
