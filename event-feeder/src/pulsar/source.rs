//! One partition of a topic as a [`Source`].

use super::client::Client;
use super::reader::{ReaderCommand, ReaderFailure, ReaderItem, ReaderStatus, ReaderTask};
use super::settings::{BrokerSettings, Subscription};
use crate::file::FileTable;
use crate::{Error, Next, Notice, Position, RecordCode, Source, Target};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// Blocks that wait for whoever reads.
const BLOCKS_AHEAD: usize = 2;
/// What waits for the task.
const COMMANDS_MAX: usize = 1024;
/// Memory on its way back.
const SPARE_MAX: usize = 2;

impl Client {
    /// Subscribes, and reads on. Fails if the broker cannot be reached now, somebody else reads, or messages that come next
    /// are gone; from then on all that goes wrong is put right as often as it takes, but for such a gap.
    pub fn subscribe(&self, subscription: Subscription) -> Result<PulsarSource, Error> {
        let topic = subscription.topic.clone();
        let settings = Arc::clone(&self.settings);
        let (reader, source) = PulsarSource::new(self.clone(), settings, subscription);
        self.ask(&topic, async move {
            let reader = reader.begin().await?;
            tokio::spawn(reader.run());
            Ok(())
        })?;
        Ok(source)
    }
}

/// A partition of a topic. Reads for as long as it lives; subscribes anew whenever it has to.
pub struct PulsarSource {
    topic: String,
    blocks: mpsc::Receiver<ReaderItem>,
    commands: mpsc::Sender<ReaderCommand>,
    spare: SyncSender<Vec<u8>>,
    told: Arc<ReaderStatus>,
    files: FileTable,
    /// Keeps the thread that the task runs on.
    _client: Client,
}

impl PulsarSource {
    fn new(client: Client, settings: Arc<BrokerSettings>, subscription: Subscription) -> (ReaderTask, Self) {
        let (blocks_in, blocks) = mpsc::channel(BLOCKS_AHEAD);
        let (commands, commands_out) = mpsc::channel(COMMANDS_MAX);
        let (spare, spare_out) = sync_channel(SPARE_MAX);
        let told = Arc::new(ReaderStatus::default());
        let topic = subscription.topic.clone();
        let reader = ReaderTask::new(settings, subscription, (blocks_in, commands_out, spare_out), Arc::clone(&told));
        (reader, PulsarSource { topic, blocks, commands, spare, told, files: vec![], _client: client })
    }

    /// Why its task has ended.
    fn failure(&self) -> Error {
        let topic = self.topic.clone();
        match *self.told.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(ReaderFailure::Gap(gap)) => Error::Gap { topic, gap: Box::new(gap) },
            Some(ReaderFailure::Other { end, read }) => Error::OtherTopic { topic, end, read },
            None => {
                Error::Topic { topic, code: RecordCode::NoBroker, reason: "its reader stopped unexpectedly".into() }
            }
        }
    }

    /// The topic of the partition.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}

impl Source for PulsarSource {
    fn next(&mut self) -> Result<Next, Error> {
        // Looked at first: a block that comes in between says that it was not drained.
        let drained = self.told.drained.load(Ordering::Relaxed);
        match self.blocks.try_recv() {
            Ok(ReaderItem::Block(block)) => {
                self.told.waiting.fetch_sub(block.payload.bytes(), Ordering::Relaxed);
                Ok(Next::Block(block))
            }
            Ok(ReaderItem::Gap(gap)) => Ok(Next::Gap(gap)),
            Err(TryRecvError::Empty) => Ok(Next::Idle { drained }),
            Err(TryRecvError::Disconnected) => Err(self.failure()),
        }
    }

    fn caught_up_target(&mut self) -> Result<Target, Error> {
        let (reply, answer) = channel();
        // A queue that is full is as good as a broker that does not answer: who waits loses patience.
        let _ = self.commands.try_send(ReaderCommand::Target(reply));
        Ok(Target::Asked(answer))
    }

    fn files(&self) -> &FileTable {
        &self.files
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut *self.told.notices.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn recycle(&mut self, bytes: Vec<u8>) {
        // More than are needed are let go.
        let _ = self.spare.try_send(bytes);
    }

    fn queued_bytes(&self) -> u64 {
        self.told.gathered.load(Ordering::Relaxed) + self.told.waiting.load(Ordering::Relaxed)
    }

    fn committed(&mut self, position: Position) {
        // A later one says more.
        let _ = self.commands.try_send(ReaderCommand::Done(position));
    }
}

impl std::fmt::Debug for PulsarSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PulsarSource").field("topic", &self.topic).finish_non_exhaustive()
    }
}
