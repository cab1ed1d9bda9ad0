//! The thread that publishes one output of one partition, file by file, as often as it takes.
//!
//! **Invariant:** it publishes only while its partition is known to be owned here: who is fenced, or slept, says nothing more
//! than what it had begun to say, which is committed and which the next owner says again with the same ids.

use super::{Destination, Error, Origin, OutputMessage, Sink, outbox};
use crate::checkpoint::{self, CheckpointReader, FileRef, ObjectProblem};
use event_feeder::world::{self, Instant};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Messages that are published at a time.
const CHUNK: usize = 500;
/// The most bytes of a message; more than that brokers refuse, in their shipped settings at 5 MiB with everything around it.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// The pause before the first and before any later attempt.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often somebody who waits looks whether it still has to.
const LOOK: Duration = Duration::from_millis(20);

/// Whether the partition is owned, as far as its own loop knows.
#[derive(Debug)]
pub(crate) struct Permit {
    proven: Mutex<Instant>,
    /// How long a proof is good for.
    good_for: Duration,
    ended: AtomicBool,
}

impl Permit {
    pub(crate) fn new(proven: Instant, good_for: Duration) -> Self {
        Permit { proven: Mutex::new(proven), good_for, ended: AtomicBool::new(false) }
    }

    /// It was owned then.
    pub(crate) fn renew(&self, proven: Instant) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = proven;
    }

    /// It is owned no more.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Waits until it is known to be owned; false if it is not any more.
    fn wait(&self) -> bool {
        loop {
            if self.ended.load(Ordering::SeqCst) {
                return false;
            }
            if self.proven.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < self.good_for {
                return true;
            }
            world::sleep(LOOK);
        }
    }
}

/// The thread, as its partition sees it. It has at most one file at a time.
#[derive(Debug)]
pub(crate) struct Publisher {
    files: SyncSender<FileRef>,
    done: Receiver<Result<(), Error>>,
    published: Arc<AtomicU64>,
}

impl Publisher {
    /// Starts it. It ends when it is dropped, or when the permit ends.
    pub(crate) fn start(
        origin: Origin,
        destination: Arc<dyn Destination>,
        reader: CheckpointReader,
        permit: Arc<Permit>,
    ) -> Publisher {
        let (files, queue) = sync_channel(1);
        let (tell, done) = channel();
        let published = Arc::<AtomicU64>::default();
        let name = format!("{}/{}", origin.output, origin.partition);
        let task = PublishTask { origin, destination, reader, permit, published: Arc::clone(&published), outlet: None };
        let thread = world::thread(name);
        thread.spawn(move || task.run(&queue, &tell)).expect("the system can start a thread");
        Publisher { files, done, published }
    }

    /// Lets it publish a file; only when it has none.
    pub(crate) fn begin(&self, file: FileRef) {
        // One that has ended says so when it is asked what it has done.
        let _ = self.files.try_send(file);
    }

    /// Whether the file that it had is published.
    pub(crate) fn is_done(&self) -> Result<bool, Error> {
        match self.done.try_recv() {
            Ok(result) => result.map(|()| true),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Ok(false),
        }
    }

    /// How many messages it has published.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }
}

struct PublishTask {
    origin: Origin,
    destination: Arc<dyn Destination>,
    reader: CheckpointReader,
    permit: Arc<Permit>,
    published: Arc<AtomicU64>,
    outlet: Option<Box<dyn Sink>>,
}

impl PublishTask {
    fn run(mut self, queue: &Receiver<FileRef>, tell: &Sender<Result<(), Error>>) {
        while let Ok(file) = queue.recv() {
            let result = match self.read(&file) {
                Ok(Some(messages)) if self.publish(&messages) => Ok(()),
                // The partition has ended.
                Ok(_) => return,
                Err(error) => Err(error),
            };
            if tell.send(result).is_err() {
                return;
            }
        }
    }

    /// The messages of a file, as soon as the store says what it has; `None` if the partition has ended before.
    fn read(&self, file: &FileRef) -> Result<Option<Vec<OutputMessage>>, Error> {
        let mut pause = PAUSES.0;
        while self.permit.wait() {
            match outbox::read(&self.reader, file) {
                // A bucket may be away for a while.
                Err(Error::Checkpoint(checkpoint::Error::Corrupt(finding)))
                    if matches!(finding.problem, ObjectProblem::Unreadable { .. }) =>
                {
                    tracing::warn!("{finding}; trying again in {:.1} s", pause.as_secs_f64());
                    self.sleep(pause);
                    pause = (pause * 2).min(PAUSES.1);
                }
                result => return result.map(Some),
            }
        }
        Ok(None)
    }

    /// False if the partition has ended before all were published.
    fn publish(&mut self, messages: &[OutputMessage]) -> bool {
        let (mut pause, longest) = PAUSES;
        let mut failing = None;
        let (fit, large): (Vec<OutputMessage>, Vec<OutputMessage>) = messages
            .iter()
            .cloned()
            .partition(|message| message.key.len() + message.payload.len() <= MESSAGE_BYTES_MAX);
        for OutputMessage { id, payload, .. } in large {
            tracing::error!(
                "a message of {} bytes is more than a broker takes, and is left out; the table has its row (id {id}, {})",
                payload.len(),
                self.origin
            );
        }
        let mut rest = &fit[..];
        while !rest.is_empty() {
            let chunk = &rest[..rest.len().min(CHUNK)];
            if !self.permit.wait() {
                return false;
            }
            match self.attempt(chunk) {
                Ok(false) => return false,
                Ok(true) => {
                    self.published.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    rest = &rest[chunk.len()..];
                    pause = PAUSES.0;
                }
                Err(error) => {
                    self.outlet = None;
                    failing.get_or_insert_with(Instant::now);
                    let (origin, code) = (&self.origin, error.code());
                    tracing::warn!(
                        "{origin} are not published: [{code}] {error}; {}; trying again in {:.1} s",
                        code.help(),
                        pause.as_secs_f64()
                    );
                    self.sleep(pause);
                    pause = (pause * 2).min(longest);
                }
            }
        }
        if let Some(since) = failing {
            tracing::warn!("{} are published again after {:.1} s", self.origin, since.elapsed().as_secs_f64());
        }
        true
    }

    /// False if the partition has ended meanwhile.
    fn attempt(&mut self, messages: &[OutputMessage]) -> Result<bool, event_feeder::Error> {
        let outlet = match &mut self.outlet {
            Some(outlet) => outlet,
            none => none.insert(self.destination.open(&self.origin)?),
        };
        // Opening may have taken long.
        if !self.permit.wait() {
            return Ok(false);
        }
        outlet.publish(messages).map(|()| true)
    }

    fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.permit.ended.load(Ordering::SeqCst) {
            world::sleep(LOOK.min(pause));
        }
    }
}
