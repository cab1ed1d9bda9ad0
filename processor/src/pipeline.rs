//! Threads of a partition: each decodes every n-th block and owns one lane.
//!
//! A *round* gives every lane thread at most one block. It decodes its block, hands the batch to all of them, and then takes
//! its own events out of all batches of the round, in the order of the log.
//! Every lane thread sees every batch's greatest time and so knows the watermark before each of them by itself.
//!
//! A *call* is a closure that every lane thread runs on its lane between two rounds: a barrier. All of them run it after the
//! same blocks, so what calls see together is true for one position of the log; that is all a checkpoint or an answer needs.
//!
//! Lanes look up in the midst of long work where they are told to ([`Pipeline::look_up`]), so a call never waits for it:
//! it finds the lane *behind*, with what has not happened yet beside its sessions. Who feeds lanes that are behind only
//! makes that longer, and asks first.
//!
//! Queues are bounded, which is the backpressure: at most [`ROUNDS_AHEAD`] rounds wait for a lane thread, and at most that many
//! batches between two.

use crate::lane::{Lane, LookUp, Watcher};
use crate::leaps::{self, Leap};
use crate::watermark::{Progress, Silences, UnreadPrefix, Watermarks};
use event_feeder::world::{self, Instant};
use event_feeder::{Batch, Block, DeadLetter, Decoder, Position, Seen};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
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
    pub silences: Silences,
    /// No event comes any more.
    pub ended: bool,
    /// What lies before the place from which the log was read.
    pub unseen: UnreadPrefix,
}

/// What a lane thread tells of a block.
#[derive(Debug)]
pub struct Decoded {
    /// The number of its source.
    pub source: usize,
    /// Where it begins.
    pub start: Position,
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
    pub seen: Seen,
    /// Memory of a batch that is done with.
    pub recycled: Option<Vec<u8>>,
    /// How long the lane thread was busy with the events of the round before.
    pub took: Duration,
}

type Call<W> = Box<dyn FnOnce(&mut Lane<W>, &Progress) + Send>;

/// Work that is done piece by piece, each about so long; true once it is done.
type Job<W> = Box<dyn FnMut(&mut Lane<W>, &Progress, Duration) -> bool + Send>;

enum Command<W> {
    Round(Option<Block>),
    /// Of a source.
    Silence(usize, Silences),
    /// A source has ended.
    End(usize),
    /// Records of a source are missing.
    Gap(usize),
    Call(Call<W>),
    Job(Job<W>),
}

/// A batch with the events of each lane.
#[derive(Debug)]
struct Routed {
    batch: Batch,
    lanes: Vec<Vec<u32>>,
}

/// The lane threads of one partition.
pub struct Pipeline<W = ()> {
    commands: Vec<SyncSender<Command<W>>>,
    decoded: Receiver<Decoded>,
    leaps: Receiver<Leap>,
    threads: Vec<JoinHandle<()>>,
    round: Vec<Option<Block>>,
    /// How many lanes have more to do than they have been asked for since they last looked up.
    behind: Arc<AtomicUsize>,
}

/// What the lanes come to that were given work; they leave it when it is dropped.
#[derive(Debug)]
pub struct Coming<T> {
    parts: Vec<Receiver<T>>,
    /// What the first of them have come to.
    done: Vec<T>,
    _wanted: Arc<()>,
}

impl<T> Coming<T> {
    /// Waits until then, or for as long as it takes; whether all have done it.
    pub fn wait(&mut self, until: Option<Instant>) -> Result<bool, LaneLost> {
        while let Some(part) = self.parts.get(self.done.len()) {
            let next = match until {
                None => part.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => part.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(done) => self.done.push(done),
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => return Err(LaneLost),
            }
        }
        Ok(true)
    }

    /// What those have come to that have done it, in the order of the lanes.
    pub fn done(self) -> Vec<T> {
        self.done
    }
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
        let mut progress = Progress::nothing(plan, until);
        for (reached, begun) in progress.sources.iter_mut().zip(begun) {
            reached.max_time = begun.max_time;
            reached.idle = begun.silences.at(begun.position);
            reached.ended = begun.ended;
            reached.unseen = begun.unseen;
        }
        let silences: Vec<Silences> = (0..progress.sources.len())
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
            };
            let thread = world::thread(format!("lane-{number}"));
            threads.push(thread.spawn(move || lane_thread.run(&queue)).expect("the system can start a thread"));
        }
        Pipeline { commands, decoded, leaps, threads, round: vec![], behind }
    }

    /// Lets all lanes look up after so long from now on.
    pub fn look_up(&mut self, after: Duration) -> Result<(), LaneLost> {
        for (number, command) in (0..).zip(&self.commands) {
            let call: Call<W> = Box::new(move |lane, _| lane.look_up(number, LookUp::After(after)));
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
    pub fn silence(&mut self, source: usize, silences: &Silences) -> Result<(), LaneLost> {
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
        f: impl Fn(&mut Lane<W>, &Progress) -> T + Send + Sync + 'static,
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
        begin: impl Fn(&mut Lane<W>, &Progress) -> T + Send + Sync + 'static,
        piece: impl Fn(&mut Lane<W>, &Progress, &mut T, Duration) -> Option<U> + Send + Sync + 'static,
    ) -> Result<Coming<U>, LaneLost> {
        self.flush()?;
        let (begin, piece) = (Arc::new(begin), Arc::new(piece));
        let (mut parts, wanted) = (vec![], Arc::new(()));
        for command in &self.commands {
            let (begin, piece, (tell, part)) = (Arc::clone(&begin), Arc::clone(&piece), channel());
            let (mut work, is_wanted) = (None, Arc::downgrade(&wanted));
            let job: Job<W> = Box::new(move |lane, progress, length| {
                if is_wanted.strong_count() == 0 {
                    return true;
                }
                let work = work.get_or_insert_with(|| begin(lane, progress));
                let done = piece(lane, progress, work, length);
                // Nobody waiting for it is no reason to stop.
                done.map(|done| tell.send(done)).is_some()
            });
            command.send(Command::Job(job)).map_err(|_| LaneLost)?;
            parts.push(part);
        }
        Ok(Coming { parts, done: vec![], _wanted: wanted })
    }

    /// What has been decoded since the last call.
    pub fn decoded(&self) -> impl Iterator<Item = Decoded> + '_ {
        self.decoded.try_iter()
    }

    /// Events that are far ahead of all before them, since the last call, in any order; behind a [`Pipeline::call`] all of
    /// the blocks before it.
    pub fn leaps(&self) -> impl Iterator<Item = Leap> + '_ {
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

/// The lane that a key falls to.
#[inline]
pub fn lane_of(hash: u64, lanes: usize) -> usize {
    ((u128::from(hash) * lanes as u128) >> 64) as usize
}

struct LaneThread<W> {
    number: usize,
    lane: Lane<W>,
    /// One for each source.
    decoders: Vec<Decoder>,
    peers: Vec<SyncSender<Arc<Routed>>>,
    inbox: Vec<Receiver<Arc<Routed>>>,
    tell: Sender<Decoded>,
    tell_leap: Sender<Leap>,
    /// Usable events so far, of each source.
    events: Vec<u64>,
    progress: Progress,
    silences: Vec<Silences>,
    /// Batches of its own that others may still read.
    done: Vec<Arc<Routed>>,
    /// How long it was busy with the events of the last round.
    took: Duration,
    /// Whether its lane is counted among those that are behind.
    is_behind: bool,
    behind: Arc<AtomicUsize>,
    /// What it does piece by piece.
    job: Option<Job<W>>,
}

/// How long a piece of such work is.
const PIECE: Duration = Duration::from_millis(25);

impl<W: Watcher> LaneThread<W> {
    fn run(mut self, queue: &Receiver<Command<W>>) {
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
                Command::Round(block) => {
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
                for leap in leaps::of(&routed.batch, reached.max_time, events) {
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
        let decoded = Decoded {
            source,
            start: batch.start,
            records: batch.records,
            events: batch.events.len() as u64,
            misrouted: batch.misrouted,
            dead: std::mem::take(&mut batch.dead),
            max_time: batch.max_time,
            seen: Seen { largest: batch.max_time, ..std::mem::take(&mut batch.seen) },
            recycled,
            took: std::mem::take(&mut self.took),
        };
        // The driver may be gone already, when a processor stops.
        let _ = self.tell.send(decoded);
        Routed { batch, lanes }
    }
}

#[cfg(test)]
mod tests;
