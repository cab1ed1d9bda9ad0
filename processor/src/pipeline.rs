//! Threads of a partition: each decodes every n-th block and owns one lane.
//!
//! A *round* gives every lane thread at most one block. It decodes its block, hands the batch to all of them, and then takes
//! its own events out of all batches of the round, in the order of the log.
//! Every lane thread sees every batch's greatest time and so knows the watermark before each of them by itself.
//!
//! A *call* is a closure that every lane thread runs on its lane between two rounds: a barrier. All of them run it after the
//! same blocks, so what calls see together is true for one position of the log; that is all a checkpoint or an answer needs.
//!
//! Lanes look up in the midst of long work where they are told to ([`Pipeline::yield_after`]), so a call never waits for it:
//! it finds the lane *behind*, with what has not happened yet beside its sessions. Who feeds lanes that are behind only
//! makes that longer, and asks first.
//!
//! **Invariant:** queues are bounded, which is the backpressure: at most [`ROUNDS_AHEAD`] rounds wait for a lane thread, and at
//! most that many batches between two.

mod coming;
mod lane_thread;

pub use coming::Coming;

use crate::lane::{Lane, Watcher, YieldAfter};
use crate::time_jumps::TimeJump;
use crate::watermark::{IdleAdvances, PartitionProgress, UnreadPrefix};
use event_feeder::{Block, DeadLetter, Decoder, Position, RecordTraits, world};
use lane_thread::{Call, Command, Job, LaneThread, Routed};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// Rounds that may wait for a lane thread.
const ROUNDS_AHEAD: usize = 2;

/// What lanes have seen of a source when their work begins.
#[derive(Clone, Debug, Default)]
pub struct SourceStart {
    /// Everything before it.
    pub position: Position,
    /// Largest usable event time in that.
    pub max_time: Option<Time>,
    /// How far silence moves the watermark, there and before; of a log that is read again, also behind it.
    pub silences: IdleAdvances,
    /// No event comes any more.
    pub ended: bool,
    /// What lies before the place from which the log was read.
    pub unseen: UnreadPrefix,
}

/// What a lane thread tells of a block.
#[derive(Debug)]
pub struct DecodedBlock {
    /// The number of its source.
    pub source: usize,
    /// Where it begins.
    pub start: Position,
    /// Name of the file, stream or topic that it is of.
    pub origin: Arc<str>,
    /// Records in it.
    pub records: u64,
    /// Usable events in it.
    pub events: u64,
    /// Events in messages that have another key.
    pub misrouted: u64,
    /// What could not be used.
    pub dead: Vec<DeadLetter>,
    /// Largest usable event time in it.
    pub max_time: Option<Time>,
    /// What its records have.
    pub seen: RecordTraits,
    /// Memory of a batch that is done with.
    pub recycled: Option<Vec<u8>>,
    /// How long the lane thread was busy with the events of the round before.
    pub took: Duration,
}

/// The lane threads of one partition.
pub struct Pipeline<W = ()> {
    commands: Vec<SyncSender<Command<W>>>,
    decoded: Receiver<DecodedBlock>,
    leaps: Receiver<TimeJump>,
    threads: Vec<JoinHandle<()>>,
    round: Vec<Option<Block>>,
    /// How many lanes have more to do than they have been asked for since they last looked up.
    behind: Arc<AtomicUsize>,
}

/// A lane thread is gone: it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lane thread of the partition stopped unexpectedly")]
pub struct LaneLost;

impl<W: Watcher + Send + 'static> Pipeline<W> {
    /// Starts a lane thread for every lane; `begun` is what the lanes have seen, by source; nothing of those that are not there.
    pub fn start(plan: &Arc<Plan>, lanes: Vec<Lane<W>>, begun: &[SourceStart], until: Option<Time>) -> Self {
        let count = lanes.len();
        assert!(count > 0, "a partition has at least one lane");
        let (tell, decoded) = channel();
        let (tell_leap, leaps) = channel();
        let mut progress = PartitionProgress::nothing(plan, until);
        for (reached, begun) in progress.sources.iter_mut().zip(begun) {
            reached.max_time = begun.max_time;
            reached.idle = begun.silences.at(begun.position);
            reached.ended = begun.ended;
            reached.unseen = begun.unseen;
        }
        let silences: Vec<IdleAdvances> = (0..progress.sources.len())
            .map(|source| begun.get(source).map(|begun| begun.silences.clone()).unwrap_or_default())
            .collect();
        let mut senders: Vec<Vec<SyncSender<Arc<Routed>>>> = (0..count).map(|_| vec![]).collect();
        let mut receivers: Vec<Vec<Receiver<Arc<Routed>>>> = (0..count).map(|_| vec![]).collect();
        for to in &mut receivers {
            for from in &mut senders {
                let (sender, receiver) = sync_channel(ROUNDS_AHEAD);
                from.push(sender);
                to.push(receiver);
            }
        }
        let mut commands = vec![];
        let mut threads = vec![];
        let behind = Arc::new(AtomicUsize::new(0));
        for (number, ((lane, peers), inbox)) in lanes.into_iter().zip(senders).zip(receivers).enumerate() {
            let (command, queue) = sync_channel(ROUNDS_AHEAD);
            commands.push(command);
            let decoders = (0..progress.sources.len()).map(|source| Decoder::of(plan, source)).collect();
            let (progress, silences) = (progress.clone(), silences.clone());
            let (tell, tell_leap) = (tell.clone(), tell_leap.clone());
            let lane_thread = LaneThread {
                number,
                lane,
                decoders,
                peers,
                inbox,
                tell,
                tell_leap,
                events: vec![0; progress.sources.len()],
                progress,
                silences,
                done: vec![],
                took: Duration::ZERO,
                is_behind: false,
                behind: Arc::clone(&behind),
                job: None,
                beside: VecDeque::new(),
            };
            let thread = world::thread(format!("lane-{number}"));
            threads.push(thread.spawn(move || lane_thread.run(&queue)).expect("the system can start a thread"));
        }
        Pipeline { commands, decoded, leaps, threads, round: vec![], behind }
    }

    /// Lets all lanes look up after so long from now on.
    pub fn yield_after(&mut self, after: Duration) -> Result<(), LaneLost> {
        for (number, command) in (0..).zip(&self.commands) {
            let call: Call<W> = Box::new(move |lane, _| lane.yield_after(number, YieldAfter::After(after)));
            command.send(Command::Call(call)).map_err(|_| LaneLost)?;
        }
        Ok(())
    }

    /// Whether some lane was behind when it last looked up.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed) > 0
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        self.commands.len()
    }

    /// Feeds the next block of the log; waits while the lane threads are busy.
    pub fn feed(&mut self, block: Block) -> Result<(), LaneLost> {
        self.round.push(Some(block));
        if self.round.len() == self.commands.len() { self.flush() } else { Ok(()) }
    }

    /// Sends off a round that is not full.
    pub fn flush(&mut self) -> Result<(), LaneLost> {
        if self.round.is_empty() {
            return Ok(());
        }
        self.round.resize_with(self.commands.len(), || None);
        for (command, block) in self.commands.iter().zip(self.round.drain(..)) {
            command.send(Command::Round(block)).map_err(|_| LaneLost)?;
        }
        Ok(())
    }

    /// Tells all lanes how far silence has moved the watermark of a source, at the place up to which they have been fed.
    pub fn silence(&mut self, source: usize, silences: &IdleAdvances) -> Result<(), LaneLost> {
        self.flush()?;
        for command in &self.commands {
            command.send(Command::Silence(source, silences.clone())).map_err(|_| LaneLost)?;
        }
        Ok(())
    }

    /// Tells all lanes that a source has ended: it holds the others back no longer.
    pub fn end(&mut self, source: usize) -> Result<(), LaneLost> {
        self.flush()?;
        for command in &self.commands {
            command.send(Command::End(source)).map_err(|_| LaneLost)?;
        }
        Ok(())
    }

    /// Tells all lanes that records of a source are missing: sessions that are alive are partial, and so are those that may
    /// have begun there.
    pub fn gap(&mut self, source: usize) -> Result<(), LaneLost> {
        self.flush()?;
        for command in &self.commands {
            command.send(Command::Gap(source)).map_err(|_| LaneLost)?;
        }
        Ok(())
    }

    /// Runs a closure on every lane after all blocks fed so far, and waits for what they return, in the order of the lanes.
    pub fn call<T: Send + 'static>(
        &mut self,
        f: impl Fn(&mut Lane<W>, &PartitionProgress) -> T + Send + Sync + 'static,
    ) -> Result<Vec<T>, LaneLost> {
        self.flush()?;
        let f = Arc::new(f);
        let mut answers = vec![];
        for command in &self.commands {
            let (f, (answer, receiver)) = (Arc::clone(&f), channel());
            let call: Call<W> = Box::new(move |lane, progress| {
                // Nobody waiting for the answer is no reason to stop.
                let _ = answer.send(f(lane, progress));
            });
            command.send(Command::Call(call)).map_err(|_| LaneLost)?;
            answers.push(receiver);
        }
        answers.into_iter().map(|answer| answer.recv().map_err(|_| LaneLost)).collect()
    }

    /// Begins work that every lane does piece by piece after all blocks fed so far; each says what it comes to, in the order
    /// of the lanes. Calls come in between, and nothing is to be fed until all is done.
    ///
    /// `begin` makes of a lane the work that is left, `piece` does some of it and is done when it says what it came to. It ends
    /// with the piece that is being done when nobody waits for it any more.
    pub fn work<T: Send + 'static, U: Send + 'static>(
        &mut self,
        begin: impl Fn(&mut Lane<W>, &PartitionProgress) -> T + Send + Sync + 'static,
        piece: impl Fn(&mut Lane<W>, &PartitionProgress, &mut T, Duration) -> Option<U> + Send + Sync + 'static,
    ) -> Result<Coming<U>, LaneLost> {
        self.begin_work(Command::Job, begin, piece, |_, _| {})
    }

    /// The same of work that goes on while more is fed: what it looks at is what lanes keep for it of the place where it
    /// begins. `leave` lets go of that where nobody waits for it any more.
    pub fn work_beside<T: Send + 'static, U: Send + 'static>(
        &mut self,
        begin: impl Fn(&mut Lane<W>, &PartitionProgress) -> T + Send + Sync + 'static,
        piece: impl Fn(&mut Lane<W>, &PartitionProgress, &mut T, Duration) -> Option<U> + Send + Sync + 'static,
        leave: fn(&mut Lane<W>, T),
    ) -> Result<Coming<U>, LaneLost> {
        self.begin_work(Command::Beside, begin, piece, leave)
    }

    fn begin_work<T: Send + 'static, U: Send + 'static>(
        &mut self,
        command_of: fn(Job<W>) -> Command<W>,
        begin: impl Fn(&mut Lane<W>, &PartitionProgress) -> T + Send + Sync + 'static,
        piece: impl Fn(&mut Lane<W>, &PartitionProgress, &mut T, Duration) -> Option<U> + Send + Sync + 'static,
        leave: fn(&mut Lane<W>, T),
    ) -> Result<Coming<U>, LaneLost> {
        self.flush()?;
        let (begin, piece) = (Arc::new(begin), Arc::new(piece));
        let (mut parts, wanted) = (vec![], Arc::new(()));
        for command in &self.commands {
            let (begin, piece, (tell, part)) = (Arc::clone(&begin), Arc::clone(&piece), channel());
            let (mut work, is_wanted) = (None, Arc::downgrade(&wanted));
            let job: Job<W> = Box::new(move |lane, progress, length| {
                if is_wanted.strong_count() == 0 {
                    if let Some(work) = work.take() {
                        leave(lane, work);
                    }
                    return true;
                }
                let work = work.get_or_insert_with(|| begin(lane, progress));
                let done = piece(lane, progress, work, length);
                // Nobody waiting for it is no reason to stop.
                done.map(|done| tell.send(done)).is_some()
            });
            command.send(command_of(job)).map_err(|_| LaneLost)?;
            parts.push(part);
        }
        Ok(Coming::of(parts, wanted))
    }

    /// What has been decoded since the last call.
    pub fn decoded(&self) -> impl Iterator<Item = DecodedBlock> + '_ {
        self.decoded.try_iter()
    }

    /// Events that are far ahead of all before them, since the last call, in any order; behind a [`Pipeline::call`] all of
    /// the blocks before it.
    pub fn leaps(&self) -> impl Iterator<Item = TimeJump> + '_ {
        self.leaps.try_iter()
    }
}

impl<W> Drop for Pipeline<W> {
    fn drop(&mut self) {
        self.commands.clear();
        for thread in self.threads.drain(..) {
            // A lane thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl<W> std::fmt::Debug for Pipeline<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("lanes", &self.commands.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
