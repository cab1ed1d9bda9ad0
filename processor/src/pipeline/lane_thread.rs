//! The thread of a lane: decodes its blocks, takes its own events out of those of all, and does what it is called for.
//!
//! **Invariant:** it takes the batches of a round in the order of the log, whoever has decoded them.

use super::DecodedBlock;
use crate::lane::{Lane, Watcher, lane_of};
use crate::time_jumps::{self, TimeJump};
use crate::watermark::{IdleAdvances, PartitionProgress, UnreadPrefix, Watermarks};
use event_feeder::world::Instant;
use event_feeder::{Batch, Block, Decoder, RecordTraits};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError};
use std::time::Duration;
use timeline_core::Time;

pub(super) type Call<W> = Box<dyn FnOnce(&mut Lane<W>, &PartitionProgress) + Send>;

/// Work that is done piece by piece, each about so long; true once it is done.
pub(super) type Job<W> = Box<dyn FnMut(&mut Lane<W>, &PartitionProgress, Duration) -> bool + Send>;

pub(super) enum Command<W> {
    Round(Option<Block>),
    /// Of a source.
    Silence(usize, IdleAdvances),
    /// A source has ended.
    End(usize),
    /// Records of a source are missing.
    Gap(usize),
    Call(Call<W>),
    Job(Job<W>),
    /// A job that goes on beside what is fed.
    Beside(Job<W>),
}

/// A batch with the events of each lane.
#[derive(Debug)]
pub(super) struct Routed {
    batch: Batch,
    lanes: Vec<Vec<u32>>,
}

/// The thread of a lane.
pub(super) struct LaneThread<W> {
    pub number: usize,
    pub lane: Lane<W>,
    /// One for each source.
    pub decoders: Vec<Decoder>,
    pub peers: Vec<SyncSender<Arc<Routed>>>,
    pub inbox: Vec<Receiver<Arc<Routed>>>,
    pub tell: Sender<DecodedBlock>,
    pub tell_leap: Sender<TimeJump>,
    /// Usable events so far, of each source.
    pub events: Vec<u64>,
    pub progress: PartitionProgress,
    pub silences: Vec<IdleAdvances>,
    /// Batches of its own that others may still read.
    pub done: Vec<Arc<Routed>>,
    /// How long it was busy with the events of the last round.
    pub took: Duration,
    /// Whether its lane is counted among those that are behind.
    pub is_behind: bool,
    pub behind: Arc<AtomicUsize>,
    /// What it does piece by piece.
    pub job: Option<Job<W>>,
    /// What it does piece by piece between rounds.
    pub beside: VecDeque<Job<W>>,
}

/// How long a piece of such work is.
const PIECE: Duration = Duration::from_millis(25);
/// How long it is where events wait for it.
const PIECE_BESIDE: Duration = Duration::from_millis(5);

impl<W: Watcher> LaneThread<W> {
    /// Works until nobody is left who could ask for anything.
    pub(super) fn run(mut self, queue: &Receiver<Command<W>>) {
        self.lane.set_unseen(self.progress.unseen(self.lane.plan()));
        // A silence may have been made durable before its consequences were drawn.
        self.lane.release(self.progress.clock());
        loop {
            if self.is_behind != self.lane.is_behind() {
                self.is_behind = !self.is_behind;
                let by = if self.is_behind { 1 } else { usize::MAX };
                self.behind.fetch_add(by, Ordering::Relaxed);
            }
            let command = match queue.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) if self.job.is_some() => {
                    self.do_piece();
                    continue;
                }
                Err(TryRecvError::Empty) if !self.beside.is_empty() => {
                    self.do_piece_beside();
                    continue;
                }
                Err(TryRecvError::Empty) if self.is_behind && self.lane.is_full() => match queue.recv() {
                    Ok(command) => command,
                    Err(_) => return,
                },
                Err(TryRecvError::Empty) if self.is_behind => {
                    let begun = Instant::now();
                    self.lane.go_on();
                    self.took += begun.elapsed();
                    continue;
                }
                Err(TryRecvError::Empty) => match queue.recv() {
                    Ok(command) => command,
                    Err(_) => return,
                },
            };
            if !matches!(command, Command::Call(_)) {
                // It is done for the place that it was begun at.
                while self.job.is_some() {
                    self.do_piece();
                }
            }
            match command {
                Command::Job(job) => self.job = Some(job),
                Command::Beside(job) => {
                    // It begins at this place, whatever else is on its way.
                    self.beside.push_front(job);
                    self.do_piece_beside();
                }
                Command::Round(block) => {
                    self.do_piece_beside();
                    if self.round(block).is_none() {
                        return;
                    }
                }
                Command::Silence(source, silences) => {
                    let reached = &mut self.progress.sources[source];
                    reached.idle = reached.idle.max(silences.last().unwrap_or(Time::MIN));
                    self.silences[source] = silences;
                    self.lane.release(self.progress.clock());
                }
                Command::End(source) => {
                    self.progress.sources[source].ended = true;
                    self.lane.release(self.progress.clock());
                }
                Command::Gap(source) => {
                    while !self.beside.is_empty() {
                        self.do_piece_beside();
                    }
                    // Who began before the gap is not to be taken for somebody who began in it.
                    self.lane.catch_up();
                    self.progress.sources[source].unseen = UnreadPrefix::Everything;
                    self.lane.set_unseen(self.progress.unseen(self.lane.plan()));
                    self.lane.miss();
                }
                Command::Call(call) => call(&mut self.lane, &self.progress),
            }
        }
    }

    fn do_piece(&mut self) {
        if let Some(job) = &mut self.job
            && job(&mut self.lane, &self.progress, PIECE)
        {
            self.job = None;
        }
    }

    /// Does a piece of the first of what goes on beside rounds, which then goes behind the others.
    fn do_piece_beside(&mut self) {
        if let Some(mut job) = self.beside.pop_front()
            && !job(&mut self.lane, &self.progress, PIECE_BESIDE)
        {
            self.beside.push_back(job);
        }
    }

    /// `None` if a peer is gone.
    fn round(&mut self, block: Option<Block>) -> Option<()> {
        let routed = Arc::new(match block {
            Some(block) => self.decode(block),
            None => Routed { batch: Batch::default(), lanes: vec![vec![]; self.peers.len()] },
        });
        for peer in &self.peers {
            peer.send(Arc::clone(&routed)).ok()?;
        }
        self.done.push(routed);
        for from in 0..self.inbox.len() {
            let routed = self.inbox[from].recv().ok()?;
            let source = usize::from(routed.batch.start.source);
            let (before_clock, silences) = (self.progress.clock(), &self.silences[source]);
            let reached = &mut self.progress.sources[source];
            let (before, unseen) = (reached.log_watermark(), reached.unseen);
            let events = self.events[source];
            self.events[source] += routed.batch.events.len() as u64;
            // Who decoded it looks through it, so that nobody else has to.
            if from == self.number {
                for leap in time_jumps::of(&routed.batch, reached.max_time, events) {
                    // The driver may be gone already, when a processor stops.
                    let _ = self.tell_leap.send(leap);
                }
            }
            reached.note(routed.batch.max_time, routed.batch.events.first().map(|event| event.time));
            let unseen_moved = reached.unseen != unseen;
            reached.idle = reached.idle.max(silences.at(routed.batch.end));
            if unseen_moved {
                self.lane.set_unseen(self.progress.unseen(self.lane.plan()));
            }
            let after = self.progress.clock();
            let mine = &routed.lanes[self.number];
            if !mine.is_empty() || after > before_clock {
                let begun = Instant::now();
                self.lane.take(&routed.batch, mine, &Watermarks { before, after, silences });
                self.took += begun.elapsed();
            }
        }
        Some(())
    }

    fn decode(&mut self, block: Block) -> Routed {
        let source = usize::from(block.start.source);
        let mut batch = self.decoders[source].decode(block);
        let count = self.peers.len();
        let mut lanes = vec![Vec::with_capacity(batch.events.len() / count + 16); count];
        if count == 1 {
            lanes[0].extend(0..batch.events.len() as u32);
        } else {
            for (i, event) in (0..).zip(&batch.events) {
                lanes[lane_of(event.hash, count)].push(i);
            }
        }
        let recycled = self.done.iter().position(|done| Arc::strong_count(done) == 1).and_then(|i| {
            let routed = Arc::try_unwrap(self.done.swap_remove(i)).ok()?;
            Some(routed.batch.bytes)
        });
        let decoded = DecodedBlock {
            source,
            start: batch.start,
            origin: Arc::clone(&batch.origin),
            records: batch.records,
            events: batch.events.len() as u64,
            misrouted: batch.misrouted,
            dead: std::mem::take(&mut batch.dead),
            max_time: batch.max_time,
            seen: RecordTraits { largest: batch.max_time, ..std::mem::take(&mut batch.seen) },
            recycled,
            took: std::mem::take(&mut self.took),
        };
        // The driver may be gone already, when a processor stops.
        let _ = self.tell.send(decoded);
        Routed { batch, lanes }
    }
}
