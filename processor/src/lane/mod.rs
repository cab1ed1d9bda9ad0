//! A lane: the sessions of a partition whose keys fall to one thread, with their events that wait and their deadlines.
//!
//! A lane shares nothing. It takes decoded batches in the order of the log, each with the watermark before it,
//! picks its own events, and steps their sessions. Which lane a key falls to changes no answer.
//!
//! **Invariant:** a lane's state after a batch depends only on the records before it, never on how they were batched,
//! except for what is not yet known to be over: when sessions that are due are closed, and held events released.
//! Those differences no answer sees, for answers are read through a horizon.

mod backlog;
mod concurrent_scan;
mod dedup;
mod ending;
pub mod image;
mod index;
mod live_alerts;
mod lives;
mod read;
mod recorder;
mod reorder_buffer;
mod routing;
mod session;
mod slab;
mod wheel;

pub use backlog::YieldAfter;
pub use concurrent_scan::{ScanNumber, ScannedSessions};
pub use live_alerts::AlertScan;
pub use read::SessionScan;
pub use recorder::Recorder;
pub use routing::lane_of;
pub use session::{SessionOutput, SessionSink, Watcher};

use crate::records::{FailedOperator, LateEvent, LateReason};
use crate::totals::SessionFold;
use crate::watermark::Watermarks;
use backlog::{Backlog, WorkSlice};
use compact_str::CompactString;
use concurrent_scan::ConcurrentScan;
use dedup::Duplicates;
use event_feeder::{Batch, Position, Slice};
use image::LaneImage;
use lives::Lives;
use reorder_buffer::{BufferedEvent, ReorderBuffer};
use session::{SessionRules, SessionWork, StepResult};
use slab::{Slab, Slot, SlotContent};
use std::sync::Arc;
use timeline_core::incremental::{Evaluator, PackedEvent};
use timeline_core::plan::Plan;
use timeline_core::{SECOND, Time, Type};
use wheel::Wheel;

/// How many events ahead a row is fetched; an entry of the index is twice as many.
const AHEAD: usize = 16;
/// Rows that a lane which looks up has told and nobody has taken, at the most, but for those of its last few timers.
const TOLD_MAX: usize = 1 << 15;
/// Texts that are collected at the earliest.
const TEXTS_MIN: usize = 1 << 16;

/// A lane of a partition. `W` watches the sessions of every key; nobody does by default.
#[derive(Debug)]
pub struct Lane<W = ()> {
    evaluator: Evaluator,
    rules: SessionRules,
    slab: Slab,
    lives: Lives,
    /// Bytes of what sessions keep beside their rows, when they were last counted.
    heap_bytes: usize,
    wheel: Wheel,
    /// No window of the clock ends before it that the clock has not told.
    next_window: Time,
    /// Where telling the windows up to an instant is to go on.
    windows_from: Option<(Time, Slot)>,
    held: Option<ReorderBuffer>,
    /// What was taken and has not happened, for the lane looked up.
    backlog: Backlog,
    slice: WorkSlice,
    /// Events that happened, and sessions that were looked at.
    steps: u64,
    /// Sessions that were read on copies, for questions.
    read_sessions: u64,
    /// Which one of a partition's it is.
    number: u32,
    /// Whether the last image had a backlog.
    was_behind: bool,
    duplicates: Option<Duplicates>,
    /// How far behind the watermark of their source events are still taken, and so kept; for each source.
    repair: Vec<Time>,
    /// Columns of texts, as a set.
    text_columns: u64,
    /// Those of them whose unknown texts need no number.
    lookup_columns: u64,
    /// Events after it are dropped once it was judged whether they are late or duplicates.
    until: Time,
    /// Sessions that begin at or before it may have begun unseen.
    unseen: Time,
    outcome: SessionOutput,
    late: Vec<LateEvent>,
    dirty: Vec<Slot>,
    removed: Vec<CompactString>,
    texts_kept: usize,
    words: Vec<u64>,
    /// One for each slot.
    watchers: Vec<W>,
    /// Sessions that are being read while the lane goes on.
    scan: Option<Box<ConcurrentScan>>,
    /// How many were begun.
    scans: u64,
    /// An image that is being taken while the lane goes on.
    image: Option<Box<LaneImage>>,
}

impl<W: Watcher> Lane<W> {
    /// An empty lane. Events after `until` are dropped once their lateness was judged.
    pub fn new(plan: Arc<Plan>, until: Option<Time>) -> Self {
        let text_columns =
            (0..).zip(&plan.columns).filter(|(_, c)| c.ty == Type::String).fold(0, |set, (i, _)| set | 1u64 << i);
        let evaluator = Evaluator::new(Arc::clone(&plan));
        let repair: Vec<Time> = plan.sources().map(|source| source.repair.unwrap_or(0)).collect();
        let kept = plan.sources().map(|source| source.lateness.saturating_add(source.repair.unwrap_or(0)));
        let kept = kept.max().unwrap_or(0);
        // Events of several sources come in no order.
        let waits = kept > 0 || plan.source.order.is_some() || !plan.joined.is_empty();
        let width = (kept / 8).clamp(1_000_000, SECOND);
        let span = [plan.end.silence, plan.end.max_age].into_iter().flatten().min().unwrap_or(SECOND);
        Lane {
            rules: SessionRules::of(&plan, evaluator.layout()),
            next_window: Time::MIN,
            windows_from: None,
            slab: Slab::new(evaluator.row_words()),
            lives: Lives::default(),
            heap_bytes: 0,
            wheel: Wheel::new((span / 64).clamp(1_000_000, 60 * SECOND)),
            held: waits.then(|| ReorderBuffer::new(width)),
            backlog: Backlog::default(),
            slice: WorkSlice::new(YieldAfter::Never),
            steps: 0,
            read_sessions: 0,
            number: 0,
            was_behind: false,
            duplicates: Duplicates::new(&plan),
            repair,
            text_columns,
            lookup_columns: text_columns & evaluator.compared_only(),
            until: until.unwrap_or(Time::MAX),
            unseen: Time::MIN,
            outcome: SessionOutput::default(),
            late: vec![],
            dirty: vec![],
            removed: vec![],
            texts_kept: TEXTS_MIN,
            words: vec![0; plan.columns.len()],
            watchers: vec![],
            scan: None,
            scans: 0,
            image: None,
            evaluator,
        }
    }

    /// Has sessions folded as they end, for rows of them are not wanted.
    pub fn fold_sessions(&mut self) {
        self.outcome.folded = Some(SessionFold::new(self.evaluator.plan()));
    }

    /// Drops events after `until` from now on, once their lateness was judged.
    pub(crate) fn cut_at(&mut self, until: Option<Time>) {
        self.until = until.unwrap_or(Time::MAX);
    }

    /// Lets it look up now and then, and says which of a partition's lanes it is. What is left is done by [`Lane::go_on`].
    pub fn yield_after(&mut self, number: u32, yield_after: YieldAfter) {
        self.number = number;
        self.slice.yield_after = yield_after;
    }

    /// Whether something that was taken has not happened yet.
    #[inline]
    pub fn is_behind(&self) -> bool {
        !self.backlog.is_done()
    }

    /// Goes on with what has not happened yet, until it looks up again.
    pub fn go_on(&mut self) {
        let done = self.done();
        self.slice.begin(done);
        let mut words = std::mem::take(&mut self.words);
        while let Some((held, event)) = self.backlog.first(&mut words) {
            if self.is_over() || !self.step(held.slot, &event, || held.position) {
                break;
            }
            self.slab.meta(held.slot).held -= 1;
            self.backlog.pop();
        }
        self.words = words;
        if self.backlog.waiting() == 0
            && let Some(clock) = self.backlog.clock.take()
        {
            self.pass_time(clock);
        }
    }

    /// Goes on until nothing is left.
    pub fn catch_up(&mut self) {
        let yield_after = std::mem::replace(&mut self.slice.yield_after, YieldAfter::Never);
        self.go_on();
        self.slice.yield_after = yield_after;
    }

    /// Whether so much was told that somebody is to take it before the lane goes on.
    pub fn is_full(&self) -> bool {
        self.slice.yield_after != YieldAfter::Never && self.outcome.closed.len() >= TOLD_MAX
    }

    /// Whether it is to look up.
    #[inline]
    fn is_over(&mut self) -> bool {
        let done = self.done();
        self.slice.is_over(done) || self.is_full()
    }

    /// How much has been done, in evaluations.
    #[inline]
    fn done(&self) -> u64 {
        self.evaluator.passes() + self.steps
    }

    /// Says which sessions may have begun before anything was seen of them: those that begin at or before an instant.
    pub fn set_unseen(&mut self, until: Time) {
        self.unseen = until;
    }

    /// Says that events are missing here: every session that is alive may have had some. The next image is to be a full one.
    pub fn miss(&mut self) {
        self.slab.set_partial();
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        self.evaluator.plan()
    }

    /// Takes those events of a batch that are the lane's, by their indexes.
    pub fn take(&mut self, batch: &Batch, mine: &[u32], watermarks: &Watermarks<'_>) {
        let done = self.done();
        self.slice.begin(done);
        // Where silence moved the watermark in the midst of the batch, it is looked up for each event.
        let silences = watermarks.silences;
        let idle = silences.at(batch.start);
        let varies = silences.at(batch.end) != idle;
        // Two stages of prefetching, in step with the evaluation, so that memory is waited for while other events are evaluated:
        // when an event is looked up its row is there, and when its row is fetched its entry in the index is.
        let hash = |i: usize| mine.get(i).map(|i| batch.events[*i as usize].hash);
        (0..2 * AHEAD).filter_map(hash).for_each(|hash| self.slab.prefetch_entry(hash));
        (0..AHEAD).filter_map(hash).for_each(|hash| self.slab.prefetch_row(hash));
        for (at, i) in mine.iter().enumerate() {
            if let Some(hash) = hash(at + 2 * AHEAD) {
                self.slab.prefetch_entry(hash);
            }
            if let Some(hash) = hash(at + AHEAD) {
                self.slab.prefetch_row(hash);
            }
            let event = &batch.events[*i as usize];
            let idle = if varies { silences.at(batch.position(event)) } else { idle };
            self.offer(batch, event, watermarks.before, idle);
        }
        self.release(watermarks.after);
    }

    #[inline]
    fn offer(&mut self, batch: &Batch, event: &event_feeder::DecodedEvent, before: Time, idle: Time) {
        let is_late = event.late_in_batch || event.time < before.max(idle);
        if is_late && !self.is_repaired(batch, event, before, idle) {
            return;
        }
        if self.is_duplicate(batch, event) {
            self.outcome.duplicates += 1;
            return;
        }
        if event.time > self.until {
            return;
        }
        let slot = self.slab.find_or_insert(event.hash, event.key.of(&batch.bytes));
        self.intern(batch, event);
        let (time, present, nulls) = (event.time, event.present, event.nulls);
        if self.held.is_none() && !self.is_behind() && !self.is_over() {
            let words = std::mem::take(&mut self.words);
            let happened =
                self.step(slot, &PackedEvent { time, present, nulls, words: &words }, || batch.position(event));
            self.words = words;
            if happened {
                return;
            }
        }
        self.slab.meta(slot).held += 1;
        let words = columns(present & !nulls).map(|c| self.words[c]);
        let (order, position) = (event.order(), batch.position(event));
        let event = BufferedEvent { time, order, slot, position, present, nulls, words_at: 0 };
        match &mut self.held {
            Some(held) => held.push(event, words),
            None => self.backlog.push(event, words),
        }
    }

    /// Writes a late event into the ledger; true if it counts all the same.
    #[cold]
    fn is_repaired(&mut self, batch: &Batch, event: &event_feeder::DecodedEvent, before: Time, idle: Time) -> bool {
        let behind_log = event.late_in_batch || event.time < before;
        let reason = if behind_log { LateReason::BehindWatermark } else { LateReason::Idle };
        let lost = event.lost_in_batch
            || event.time < before.max(idle).saturating_sub(self.repair[usize::from(batch.start.source)]);
        let (key, position) = (CompactString::new(batch.text(event.key)), batch.position(event));
        self.late.push(LateEvent { key, time: event.time, position, reason, repaired: !lost });
        !lost
    }

    /// Whether the event has been seen; remembers it if not.
    #[inline]
    fn is_duplicate(&mut self, batch: &Batch, event: &event_feeder::DecodedEvent) -> bool {
        let Some(duplicates) = &mut self.duplicates else { return false };
        let source = batch.start.source;
        let Some(column) = duplicates.column(source) else { return false };
        if (event.present & !event.nulls) >> column & 1 == 0 {
            return false;
        }
        let before = ((event.present & !event.nulls) & ((1 << column) - 1)).count_ones();
        let word = batch.values[event.values_at as usize + before as usize];
        let key = batch.text(event.key);
        if self.text_columns & 1 << column == 0 {
            duplicates.is_duplicate(source, event.hash, key, &word.to_le_bytes(), event.time)
        } else {
            duplicates.is_duplicate(source, event.hash, key, batch.text(Slice::unpack(word)).as_bytes(), event.time)
        }
    }

    /// Puts the words of an event's columns into `self.words`.
    #[inline]
    fn intern(&mut self, batch: &Batch, event: &event_feeder::DecodedEvent) {
        let values = &batch.values[event.values_at as usize..];
        for (column, value) in columns(event.present & !event.nulls).zip(values) {
            self.words[column] = if self.text_columns & 1 << column == 0 {
                *value
            } else {
                let Slice { at, len } = Slice::unpack(*value);
                let (at, len) = (at as usize, len as usize);
                u64::from(if self.lookup_columns & 1 << column == 0 {
                    self.evaluator.dictionary_mut().intern_in(&batch.bytes, at, len)
                } else {
                    self.evaluator.dictionary().lookup_in(&batch.bytes, at, len)
                })
            };
        }
    }

    /// Lets an event happen to its session, if it has one or may begin one; false if there is more to do first than may be
    /// done now.
    #[inline]
    fn step(&mut self, slot: Slot, event: &PackedEvent<'_>, position: impl Fn() -> Position) -> bool {
        self.steps += 1;
        self.read_before_change(slot);
        while self.watchers.len() <= slot as usize {
            self.watchers.push(W::new(self.evaluator.plan()));
        }
        let idle = self.backlog.is_idle();
        let (key, mut row, meta) = self.slab.parts(slot);
        // Nearly all events find their session alive, end nothing, and have no timer before them.
        if meta.life == SlotContent::Live
            && idle
            && !(event.time > row.now() && self.rules.may_be_due(&row, event.time))
        {
            let mut evaluation = self.outcome.evaluation(&mut self.watchers[slot as usize]);
            if self.evaluator.event_at_once(&mut row, event, &mut evaluation) {
                self.outcome.name(self.evaluator.plan(), key, &row, |_| true);
                if !meta.dirty {
                    meta.dirty = true;
                    self.dirty.push(slot);
                }
                if row.is_ending()
                    && let Some(at) = self.rules.next_look(&row)
                {
                    self.wheel.push(at, slot);
                }
                if self.evaluator.has_failures() {
                    self.note_failures(slot, position());
                }
                return true;
            }
        }
        let was = meta.life;
        let closed = self.outcome.closed.len();
        let mut work = SessionWork {
            evaluator: &mut self.evaluator,
            rules: &self.rules,
            key,
            row,
            life: &mut meta.life,
            outcome: &mut self.outcome,
            watcher: &mut self.watchers[slot as usize],
            pace: self.backlog.take_pace(slot, self.slice.timers()),
        };
        let step = loop {
            let step = work.step(event, self.unseen);
            let is_full = work.outcome.closed.len() >= TOLD_MAX;
            if step != StepResult::Paused || is_full || self.slice.is_over(work.evaluator.passes() + self.steps) {
                break step;
            }
        };
        let SessionWork { row, pace, .. } = work;
        self.lives.change(was, meta.life);
        let counts = step == StepResult::Done;
        // To read a session may be long.
        self.steps += if self.outcome.closed.len() > closed { backlog::UNITS } else { 0 };
        // One that only ended the session changed it, too.
        if !meta.dirty && (step != StepResult::Beside || meta.life != was) {
            meta.dirty = true;
            self.dirty.push(slot);
        }
        if step == StepResult::Paused {
            self.backlog.put_pace(slot, pace);
            return false;
        }
        if !counts {
            let (key, reason) = (key.clone(), LateReason::SessionClosed);
            self.late.push(LateEvent { key, time: event.time, position: position(), reason, repaired: false });
            return true;
        }
        // A session has one entry in the wheel from its beginning on; an end event asks for an earlier one.
        if (was != SlotContent::Live || row.is_ending() || self.rules.derived_end)
            && let Some(at) = self.rules.next_look(&row)
        {
            self.wheel.push(at, slot);
        }
        if self.evaluator.has_failures() {
            self.note_failures(slot, position());
        }
        true
    }

    /// Notes of user operators that they failed at an event of the session.
    #[cold]
    fn note_failures(&mut self, slot: Slot, position: Position) {
        let key = self.slab.key(slot);
        let failed = |failure| FailedOperator { key: key.clone(), position, failure };
        self.outcome.failed.extend(self.evaluator.take_failures().into_iter().map(failed));
    }

    /// Drops texts that nothing refers to any more.
    fn collect_texts(&mut self) {
        // Words of groups are numbers of texts.
        self.outcome.folded.iter_mut().for_each(SessionFold::settle);
        let (slab, held, backlog) = (&mut self.slab, &mut self.held, &mut self.backlog);
        let texts = self.text_columns;
        self.evaluator.collect_texts(
            |f| slab.for_each_row(f),
            |f| {
                held.iter_mut()
                    .flat_map(ReorderBuffer::buckets_mut)
                    .for_each(|bucket| bucket.for_each_text(texts, &mut *f));
                backlog.for_each_text(texts, f);
            },
        );
        self.texts_kept = self.evaluator.dictionary().len().max(TEXTS_MIN);
    }

    /// What the lane has told since the last call: sessions and alerts that ended, and late events.
    pub fn drain(&mut self) -> (SessionOutput, Vec<LateEvent>) {
        (std::mem::take(&mut self.outcome), std::mem::take(&mut self.late))
    }

    /// What has been told and not yet been drained.
    pub fn told(&self) -> (&SessionOutput, &[LateEvent]) {
        (&self.outcome, &self.late)
    }

    /// The watchers of all keys.
    pub fn take_watchers(&mut self) -> Vec<W> {
        std::mem::take(&mut self.watchers)
    }

    /// Whether the lane would change if the watermark went on and no event came.
    pub fn waits_for_time(&self) -> bool {
        self.is_behind() || self.held.as_ref().is_some_and(|held| held.len() > 0) || self.lives.live > 0
    }

    /// How many events wait: in the reorder buffer, or for their turn.
    pub fn held(&self) -> u64 {
        (self.held.as_ref().map_or(0, ReorderBuffer::len) + self.backlog.waiting()) as u64
    }

    /// What the lane holds, for people: its bytes are counted, for which all sessions are gone through.
    pub fn size(&mut self) -> LaneSize {
        self.heap_bytes = self.slab.heap_bytes();
        debug_assert_eq!(self.lives, Lives::of(self.slab.lives()), "sessions are counted as they come and go");
        self.size_by_now()
    }

    /// What the lane holds, with the bytes that its sessions kept beside their rows when [`Lane::size`] last counted them.
    pub fn size_by_now(&self) -> LaneSize {
        // Where a log was read from its start there is none, and no row need be looked at.
        let partial = if self.unseen > Time::MIN { self.slab.partial() } else { 0 };
        LaneSize {
            partial,
            live: self.lives.live,
            remembered: self.lives.closed,
            held: self.held(),
            read: self.read_sessions,
            bytes: (self.slab.bytes()
                + self.heap_bytes
                + self.evaluator.dictionary().bytes()
                + self.duplicates.as_ref().map_or(0, Duplicates::bytes)) as u64,
        }
    }
}

/// How much a lane holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneSize {
    /// Sessions that are alive.
    pub live: u64,
    /// Those of them that may have begun before anything was seen of them.
    pub partial: u64,
    /// Sessions that are over and linger.
    pub remembered: u64,
    /// Events that wait in the reorder buffer, or for their turn.
    pub held: u64,
    /// Sessions that questions have read.
    pub read: u64,
    /// Bytes of memory, roughly.
    pub bytes: u64,
}

/// Columns of a set, ascending.
#[inline]
fn columns(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let column = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (column < 64).then_some(column as usize)
    })
}
