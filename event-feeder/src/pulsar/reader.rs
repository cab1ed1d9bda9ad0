//! The task that reads one partition's topic: it keeps a consumer alive and puts together blocks.
//!
//! **Invariant:** whatever happens to a consumer, the next one's messages go through the same [`BlockAssembler`], which takes each
//! message once; so a lost connection costs time and nothing else.
//!
//! **Invariant:** an entry is taken only if nothing can be missing before it: its number says so, or the topic was known to
//! have ended there, or a [`probe`] has shown it.

use super::gather::{Added, BlockAssembler, BrokerMessage};
use super::line::{By, ConsumerConnection, ConsumerStart, NextMessage, RawMessage, entry_of, open};
use super::probe::{ProbeResult, end, end_of, probe};
use super::problem::{is_payload, problem, silent, unpacking};
use super::schema::{Schemas, on_one_line};
use super::settings::{BrokerSettings, Subscription};
use super::window::MessageSizes;
use crate::{AcceptGaps, Block, Error, Gap, MessageKey, Notice, Position, RecordCode};
use ::pulsar::message::proto::{MessageIdData, MessageMetadata};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::FutureExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as threads;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// A block is handed out when it has so many bytes, or sooner where somebody waits for it.
const BLOCK: usize = 1 << 20;
/// How often a silent topic is asked what it holds.
const LOOK: Duration = Duration::from_secs(1);
/// How long it may take to say so.
const ANSWER: Duration = Duration::from_secs(5);
/// Looks after which a topic that holds more than it delivers is subscribed to anew.
const STUCK_LOOKS: u32 = 10;
/// The pause before the first and before any later attempt to subscribe anew.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// The most questions for the topic's end that wait.
const TARGETS_MAX: usize = 1024;

/// What the source asks of its task.
pub(super) enum ReaderCommand {
    /// Nothing before the position is needed any more.
    Done(Position),
    /// Where does the topic end now?
    Target(threads::Sender<Position>),
}

/// What the task hands out, in the order of the log.
pub(super) enum ReaderItem {
    Block(Block),
    /// An accepted gap.
    Gap(Gap),
}

/// What the task tells its source beside them.
#[derive(Debug, Default)]
pub(super) struct ReaderStatus {
    pub(super) drained: AtomicBool,
    /// Bytes that are on their way to a block, and in blocks that wait.
    pub(super) gathered: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) notices: Mutex<Vec<Notice>>,
    /// What ended the task, after its last block.
    pub(super) failed: Mutex<Option<ReaderFailure>>,
}

/// What no new consumer mends.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReaderFailure {
    /// Messages are missing.
    Gap(Gap),
    /// It is another topic.
    Other { end: Position, read: Position },
}

/// The task.
pub(super) struct ReaderTask {
    settings: Arc<BrokerSettings>,
    subscription: Subscription,
    gather: BlockAssembler,
    schemas: Schemas,
    blocks: mpsc::Sender<ReaderItem>,
    commands: mpsc::Receiver<ReaderCommand>,
    spare: threads::Receiver<Vec<u8>>,
    told: Arc<ReaderStatus>,
    line: Option<ConsumerConnection>,
    /// Questions for the topic's end.
    targets: Vec<threads::Sender<Position>>,
    done: Position,
    sizes: MessageSizes,
    /// How many messages may wait, once that is known.
    window: Option<u32>,
    /// Whether a new consumer is made for that only, which nobody needs to hear of.
    resized: bool,
    /// Whether it was accepted that the topic has lost everything, and nothing has come since.
    is_empty_accepted: bool,
    /// Where the topic was last subscribed to anew because it delivered nothing.
    stuck_at: Option<Position>,
    /// How often in a row the schema of a message could not be learnt.
    unknown: u32,
}

/// Why a consumer is no longer used.
enum ConsumerEnd {
    /// The source is gone.
    Dropped,
    /// This happened.
    Lost(String),
    /// Another one, by which so many messages wait, is better.
    Resized(u32),
}

type TargetLookup = (JoinHandle<Result<Position, Error>>, Vec<threads::Sender<Position>>);

impl ReaderTask {
    pub(super) fn new(
        settings: Arc<BrokerSettings>,
        subscription: Subscription,
        (blocks, commands, spare): (
            mpsc::Sender<ReaderItem>,
            mpsc::Receiver<ReaderCommand>,
            threads::Receiver<Vec<u8>>,
        ),
        told: Arc<ReaderStatus>,
    ) -> Self {
        let gather = BlockAssembler::new(subscription.topic.as_str().into(), subscription.after);
        ReaderTask {
            settings,
            subscription,
            gather,
            schemas: Schemas::default(),
            blocks,
            commands,
            spare,
            told,
            line: None,
            targets: vec![],
            done: Position::START,
            sizes: MessageSizes::default(),
            window: None,
            resized: false,
            is_empty_accepted: false,
            stuck_at: None,
            unknown: 0,
        }
    }

    /// Subscribes for the first time.
    pub(super) async fn begin(mut self) -> Result<Self, Error> {
        loop {
            match self.open().await {
                Ok(line) => {
                    self.window = Some(line.window);
                    self.line = Some(line);
                    return Ok(self);
                }
                Err(Error::Gap { gap, .. } | Error::Acknowledged { gap, .. }) if self.accepts(&gap) => {
                    self.accept(*gap).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads until the source is dropped, or something is missing.
    pub(super) async fn run(mut self) {
        loop {
            let Some(mut line) = self.line.take() else {
                match self.resume().await {
                    Some(line) => self.line = Some(line),
                    None => return,
                }
                continue;
            };
            let mut lookup = None;
            let ended = self.read(&mut line, &mut lookup).await;
            self.told.drained.store(false, Ordering::Relaxed);
            // An entry of which the rest was lost comes again as a whole.
            self.gather.cut();
            if let Some((task, waiting)) = lookup {
                task.abort();
                self.targets.extend(waiting);
            }
            match ended {
                ConsumerEnd::Dropped => return,
                ConsumerEnd::Lost(reason) => {
                    tracing::warn!("{}: {reason}; subscribing anew", self.subscription.topic);
                }
                ConsumerEnd::Resized(window) => {
                    self.window = Some(window);
                    self.resized = true;
                }
            }
        }
    }

    /// A future that borrows nothing of the task, for the task may move while it is waited for.
    fn open(&self) -> impl Future<Output = Result<ConsumerConnection, Error>> + Send + 'static {
        let (at, window, is_empty_accepted) = (self.gather.at(), self.window, self.is_empty_accepted);
        open(Arc::clone(&self.settings), self.subscription.clone(), ConsumerStart { at, window, is_empty_accepted })
    }

    fn accepts(&self, gap: &Gap) -> bool {
        self.subscription.accept.has(&self.subscription.topic, gap)
    }

    /// Goes over a gap. To be called when all before it was handed out.
    async fn accept(&mut self, gap: Gap) {
        let name = AcceptGaps::name(&self.subscription.topic, &gap);
        let notice = Notice {
            code: RecordCode::Skipped,
            file: self.subscription.topic.clone(),
            detail: format!("{}; accepted ({name})", gap.reason()),
        };
        locked(&self.told.notices).push(notice);
        self.is_empty_accepted = gap.to.is_none();
        if let Some(to) = gap.to {
            // Whoever asked may have gone, which is seen soon enough.
            let _ = self.blocks.send(ReaderItem::Gap(gap)).await;
            self.gather.jump(to);
        }
    }

    /// Subscribes anew, as often as it takes; `None` if the source is gone or something is missing.
    async fn resume(&mut self) -> Option<ConsumerConnection> {
        let (shortest, longest) = PAUSES;
        let mut pause = (shortest * (1 << self.unknown.min(8))).min(longest);
        let began = Instant::now();
        loop {
            // What waits lies before anything that may be missing, and its reader need not wait for a broker.
            while self.gather.is_ready() {
                let block = self.block();
                self.blocks.send(ReaderItem::Block(block)).await.ok()?;
            }
            tokio::select! {
                () = self.blocks.closed() => return None,
                () = tokio::time::sleep(pause) => {}
            }
            let topic = &self.subscription.topic;
            // The whole attempt is given up with its connection, never a part of it.
            match timeout(3 * ANSWER, self.open()).await.unwrap_or_else(|_| Err(silent(topic))) {
                Ok(line) => {
                    if !std::mem::take(&mut self.resized) {
                        tracing::warn!("{topic}: reading on after {:.1} s", began.elapsed().as_secs_f64());
                    }
                    let done = std::mem::take(&mut self.done);
                    let mut line = line;
                    self.acknowledge(&mut line, done).await;
                    return Some(line);
                }
                Err(Error::Gap { gap, .. } | Error::Acknowledged { gap, .. }) if self.accepts(&gap) => {
                    self.accept(*gap).await;
                }
                Err(Error::Gap { gap, .. } | Error::Acknowledged { gap, .. }) => {
                    *locked(&self.told.failed) = Some(ReaderFailure::Gap(*gap));
                    return None;
                }
                Err(Error::OtherTopic { end, read, .. }) => {
                    *locked(&self.told.failed) = Some(ReaderFailure::Other { end, read });
                    return None;
                }
                Err(error) => {
                    pause = (pause * 2).min(longest);
                    if self.resized && error.code() == RecordCode::TopicBusy && pause < longest {
                        continue;
                    }
                    tracing::warn!("{error}; trying again in {:.1} s", pause.as_secs_f64());
                }
            }
        }
    }

    async fn read(&mut self, line: &mut ConsumerConnection, lookup: &mut Option<TargetLookup>) -> ConsumerEnd {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut quiet, mut stuck) = (false, 0);
        loop {
            while self.wants_more() {
                match line.next().now_or_never() {
                    Some((by, message)) => {
                        quiet = false;
                        if let Err(ended) = self.take(line, by, message).await {
                            return ended;
                        }
                    }
                    None => break,
                }
            }
            if lookup.is_none() && !self.targets.is_empty() {
                let task = tokio::spawn(end_of(line.client.clone(), self.subscription.topic.clone()));
                *lookup = Some((task, std::mem::take(&mut self.targets)));
            }
            let (more, ready) = (self.wants_more(), self.gather.is_ready());
            tokio::select! {
                biased;
                room = async { self.blocks.reserve().await.is_ok() }, if ready => {
                    // Nobody else sends, so the room that was found is still there.
                    let block = self.block();
                    if !room || self.blocks.try_send(ReaderItem::Block(block)).is_err() {
                        return ConsumerEnd::Dropped;
                    }
                }
                (by, message) = line.next(), if more => {
                    quiet = false;
                    if let Err(ended) = self.take(line, by, message).await {
                        return ended;
                    }
                }
                command = self.commands.recv() => match command {
                    None => return ConsumerEnd::Dropped,
                    Some(ReaderCommand::Done(position)) => self.acknowledge(line, position).await,
                    Some(ReaderCommand::Target(reply)) if self.targets.len() < TARGETS_MAX => self.targets.push(reply),
                    Some(ReaderCommand::Target(_)) => {}
                },
                found = async { (&mut lookup.as_mut().expect("there is one").0).await }, if lookup.is_some() => {
                    let (_, waiting) = lookup.take().expect("there is one");
                    match found {
                        Ok(Ok(end)) => {
                            for reply in waiting {
                                // Whoever asked may have lost patience.
                                let _ = reply.send(end);
                            }
                        }
                        Ok(Err(error)) => {
                            self.targets.extend(waiting);
                            return ConsumerEnd::Lost(error.to_string());
                        }
                        Err(_) => self.targets.extend(waiting),
                    }
                }
                _ = looks.tick() => {
                    if !std::mem::replace(&mut quiet, true) || ready {
                        stuck = 0;
                        continue;
                    }
                    match timeout(ANSWER, line.last()).await {
                        Ok(Ok(ids)) => {
                            let end = ids.first().map_or(Position::START, end);
                            if end != Position::START && end < self.gather.at() {
                                return ConsumerEnd::Lost(format!("the topic ends at {end}, before what was read of it"));
                            }
                            self.gather.end_with_unreadable(end);
                            let drained = end <= self.gather.at();
                            self.told.drained.store(drained, Ordering::Relaxed);
                            stuck = if drained { 0 } else { stuck + 1 };
                        }
                        Ok(Err(error)) => return ConsumerEnd::Lost(problem(&self.subscription.topic, &error).to_string()),
                        Err(_) => return ConsumerEnd::Lost("the broker does not answer".into()),
                    }
                    if stuck >= STUCK_LOOKS && self.stuck_at.replace(self.gather.at()) != Some(self.gather.at()) {
                        return ConsumerEnd::Lost("the broker holds messages and delivers none".into());
                    }
                }
            }
        }
    }

    /// What was gathered.
    fn block(&mut self) -> Block {
        let block = self.gather.take(self.spare.try_recv().unwrap_or_default());
        self.told.waiting.fetch_add(block.payload.bytes(), Ordering::Relaxed);
        self.told.gathered.store(self.gather.len() as u64, Ordering::Relaxed);
        block
    }

    fn wants_more(&self) -> bool {
        // An entry that is larger than a block is still read to its end.
        self.gather.len() < BLOCK || !self.gather.is_ready()
    }

    /// Takes what a cursor brought.
    async fn take(&mut self, line: &mut ConsumerConnection, by: By, message: NextMessage) -> Result<(), ConsumerEnd> {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) if is_payload(&error) => {
                // What the subscription's cursor cannot unpack, the one ahead of it could not either.
                if by == By::Reading {
                    self.gather.add_unreadable(&unpacking(&error));
                }
                return Ok(());
            }
            Some(Err(error)) => return Err(ConsumerEnd::Lost(problem(&self.subscription.topic, &error).to_string())),
            None => return Err(ConsumerEnd::Lost("the connection was lost".into())),
        };
        match by {
            By::Waiting => line.hold(message, self.gather.at()),
            By::Reading => {
                let bytes = message.payload.data.len();
                self.put(line, message).await?;
                if let Some(window) = self.sizes.note(bytes, line.window, self.subscription.queue) {
                    return Err(ConsumerEnd::Resized(window));
                }
            }
        }
        match line.meet(self.gather.at()) {
            Some(held) => {
                // An entry that the other cursor has begun comes as a whole.
                self.gather.cut();
                self.put(line, held).await
            }
            None => Ok(()),
        }
    }

    /// Puts a message where it belongs, once nothing can be missing before it.
    async fn put(&mut self, line: &mut ConsumerConnection, message: RawMessage) -> Result<(), ConsumerEnd> {
        let entry = entry_of(&message);
        // Who has read everything is told of whatever comes.
        let was_at_end = self.told.drained.load(Ordering::Relaxed) && !self.is_empty_accepted;
        if !(self.gather.is_followed_by(entry) || line.expected == Some(entry) || was_at_end) {
            self.verify(line, entry).await?;
        }
        // A producer without a schema names none, or an empty one.
        let version = message.payload.metadata.schema_version.as_deref().filter(|version| !version.is_empty());
        let key = key_of(&message.payload.metadata);
        let data = match version {
            None => on_one_line(message.payload.data),
            Some(version) => {
                self.unknown += 1;
                let encoding = self.schemas.of(&line.client, &self.subscription.topic, version).await;
                let encoding = encoding.map_err(|error| ConsumerEnd::Lost(error.to_string()))?;
                self.unknown = 0;
                let text = encoding.text(message.payload.data);
                if let Some(detail) = self.schemas.remark() {
                    let file = self.subscription.topic.clone();
                    locked(&self.told.notices).push(Notice { code: RecordCode::MostlyNulls, file, detail });
                }
                text
            }
        };
        let id = &message.message_id.id;
        let message = BrokerMessage {
            key,
            ledger: id.ledger_id,
            entry: id.entry_id,
            index: id.batch_index.and_then(|index| u32::try_from(index).ok()).unwrap_or(0),
            count: message.message_id.batch_size.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            published: i64::try_from(message.payload.metadata.publish_time)
                .ok()
                .and_then(|ms| ms.checked_mul(1_000_000)),
            data,
        };
        if self.gather.add(&message) == Added::Taken {
            self.told.drained.store(false, Ordering::Relaxed);
            self.told.gathered.store(self.gather.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes sure that an entry is the one that comes next.
    async fn verify(&mut self, line: &mut ConsumerConnection, entry: Position) -> Result<(), ConsumerEnd> {
        let at = self.gather.at();
        match probe(&line.client, &self.subscription.topic, at).await {
            Ok(ProbeResult::Whole { next: Some(next), .. }) if next == entry => {
                line.expected = next.into();
                Ok(())
            }
            // Building anew finds out what to do about it.
            Ok(_) => Err(ConsumerEnd::Lost(format!("{entry} came where {at} was to come"))),
            Err(error) => Err(ConsumerEnd::Lost(error.to_string())),
        }
    }

    /// Lets the broker forget what is before a position; what cannot be said now is said after the next subscription.
    async fn acknowledge(&mut self, line: &mut ConsumerConnection, position: Position) {
        // The last entry before it is the anchor: it stays (see `probe`). Of those of an earlier ledger nothing is known.
        if let Some(entry_id) = position.offset.checked_sub(2).filter(|_| position > self.done) {
            let id = MessageIdData { ledger_id: position.file, entry_id, ..MessageIdData::default() };
            if let Err(error) = line.consumer.cumulative_ack_with_id(&self.subscription.topic, id).await {
                tracing::debug!("{}: {error}", self.subscription.topic);
            }
        }
        self.done = self.done.max(position);
    }
}

/// The key of a message: the text that programs know it by, also where its producer gave it as bytes.
pub(super) fn key_of(metadata: &MessageMetadata) -> MessageKey {
    let text = metadata.partition_key.as_deref().unwrap_or_default();
    let bytes = metadata.partition_key_b64_encoded().then(|| BASE64_STANDARD.decode(text).ok()).flatten();
    MessageKey::of(bytes.as_deref().unwrap_or(text.as_bytes()))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What a panic left behind is whole: it is only ever added to or replaced.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
