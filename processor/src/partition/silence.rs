//! The clock of a silent partition goes on: by the time that passes, once its log is known to hold no more.
//!
//! **Invariant:** a watermark that silence moved is in a committed checkpoint before the lanes hear of it, so nothing that
//! follows from it is shown, stored or sent that a restart could take back.

use super::{Error, Partition};
use crate::lane::Late;
use crate::watermark::Silences;
use std::time::{Duration, Instant};
use timeline_core::Time;

/// How a partition's silence goes.
#[derive(Debug)]
pub(super) struct Silence {
    /// How long until the clock goes on; `None`: never.
    limit: Option<Time>,
    /// All that moved the watermark so far.
    pub all: Silences,
    /// Whether an event was late because of the last of them.
    mattered: bool,
    now: Option<Quiet>,
}

/// A silence that lasts.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    since: Instant,
    /// The clock of the log when it began: its largest event time, or what an earlier silence made of it.
    clock: Time,
    last_move: Option<Instant>,
}

impl Silence {
    pub(super) fn new(limit: Option<Time>, all: Silences) -> Self {
        // Whether the last silence mattered before a restart is not known: it is kept.
        Silence { limit, mattered: all.last().is_some(), all, now: None }
    }

    /// The log has spoken, or cannot be heard.
    pub(super) fn broken(&mut self) {
        self.now = None;
    }

    /// Takes note of events that were late because of it.
    pub(super) fn note(&mut self, late: &[Late]) {
        // Also one that was behind the log's own watermark may have been lost only because of it.
        self.mattered |= self.all.last().is_some_and(|last| late.iter().any(|late| late.time < last));
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

impl Partition {
    /// Events before it are late.
    pub(super) fn watermark(&self) -> Option<Time> {
        self.max_time.map(|max| max.saturating_sub(self.plan.source.lateness)).max(self.idle())
    }

    /// The instant for which answers are true.
    pub(super) fn horizon(&self) -> Option<Time> {
        self.max_time.max(self.idle())
    }

    /// How far silence has moved the watermark by now; a log that is read again is not there yet.
    fn idle(&self) -> Option<Time> {
        Some(self.silence.all.at(self.position)).filter(|idle| *idle > Time::MIN)
    }

    /// The log is known to hold no more now: lets the clock go on if that has lasted long enough.
    pub(super) fn stay_silent(&mut self) -> Result<(), Error> {
        let (Some(limit), Some(max_time)) = (self.silence.limit, self.max_time) else { return Ok(()) };
        let lateness = self.plan.source.lateness;
        let clock = self.idle().map_or(max_time, |last| max_time.max(last.saturating_add(lateness)));
        let quiet = *self.silence.now.get_or_insert(Quiet { since: Instant::now(), clock, last_move: None });
        let passed = nanoseconds(quiet.since.elapsed());
        // A thirtieth of the limit is as fine as anybody who chose that limit can want.
        let pause = self.options.checkpoint_every.max(Duration::from_nanos(limit.unsigned_abs() / 30));
        if passed < limit || quiet.last_move.is_some_and(|last| last.elapsed() < pause) {
            return Ok(());
        }
        let now = Time::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(Time::MAX);
        let to = quiet.clock.saturating_add(passed).min(now).saturating_sub(lateness);
        self.silence.now = Some(Quiet { last_move: Some(Instant::now()), ..quiet });
        if Some(to) > self.watermark() && self.has_clockwork()? { self.advance(to) } else { Ok(()) }
    }

    /// Whether time passing changes anything: sessions are alive, or events wait.
    fn has_clockwork(&mut self) -> Result<bool, Error> {
        Ok(self.pipeline.call(|lane, _| lane.waits_for_time())?.into_iter().any(|waits| waits))
    }

    /// Moves the watermark: first in a checkpoint, then in the lanes.
    fn advance(&mut self, to: Time) -> Result<(), Error> {
        self.finish_commit(true)?;
        self.silence.all.push(self.position, to);
        self.silence.mattered = false;
        self.start_commit()?;
        self.finish_commit(true)?;
        self.pipeline.silence(&self.silence.all)?;
        let told = self.pipeline.call(|lane, _| lane.drain())?;
        for (outcome, late) in told {
            // What has ended is made durable as history as well.
            self.dirty |= !outcome.closed.is_empty() || !outcome.alerts.is_empty();
            self.take_told(outcome, late);
        }
        Ok(())
    }
}

fn nanoseconds(length: Duration) -> Time {
    Time::try_from(length.as_nanos()).unwrap_or(Time::MAX)
}
