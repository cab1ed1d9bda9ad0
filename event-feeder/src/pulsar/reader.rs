//! The task that reads one partition's topic: it keeps a consumer alive and puts together blocks.
//!
//! **Invariant:** whatever happens to a consumer, the next one's messages go through the same [`Gather`], which takes each
//! message once; so a lost connection costs time and nothing else.

use super::client::{Settings, Subscription, connect};
use super::gather::{Added, Gather, Message};
use super::problem::{is_payload, problem, silent};
use crate::{Block, Code, Error, Notice, Position};
use ::pulsar::consumer::InitialPosition;
use ::pulsar::message::proto::MessageIdData;
use ::pulsar::{Consumer, ConsumerOptions, Pulsar, SubType, TokioExecutor};
use futures_util::{FutureExt, StreamExt};
use std::sync::atomic::{AtomicBool, Ordering};
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
pub(super) enum Command {
    /// Nothing before the position is needed any more.
    Done(Position),
    /// Where does the topic end now?
    Target(threads::Sender<Position>),
}

/// What the task tells its source beside blocks.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) drained: AtomicBool,
    pub(super) notices: Mutex<Vec<Notice>>,
}

/// The task.
pub(super) struct Reader {
    settings: Arc<Settings>,
    subscription: Subscription,
    gather: Gather,
    blocks: mpsc::Sender<Block>,
    commands: mpsc::Receiver<Command>,
    spare: threads::Receiver<Vec<u8>>,
    told: Arc<Told>,
    line: Option<Line>,
    /// Questions for the topic's end.
    targets: Vec<threads::Sender<Position>>,
    done: Position,
    /// Where the topic was last subscribed to anew because it delivered nothing.
    stuck_at: Option<Position>,
}

/// A consumer and its connection.
struct Line {
    client: Pulsar<TokioExecutor>,
    consumer: Consumer<Vec<u8>, TokioExecutor>,
}

/// Why a consumer is no longer used.
enum Ended {
    /// The source is gone.
    Dropped,
    /// This happened.
    Lost(String),
}

type Lookup = (JoinHandle<Result<Position, Error>>, Vec<threads::Sender<Position>>);

impl Reader {
    pub(super) fn new(
        settings: Arc<Settings>,
        subscription: Subscription,
        (blocks, commands, spare): (mpsc::Sender<Block>, mpsc::Receiver<Command>, threads::Receiver<Vec<u8>>),
        told: Arc<Told>,
    ) -> Self {
        let gather = Gather::new(subscription.topic.as_str().into(), subscription.after);
        Reader {
            settings,
            subscription,
            gather,
            blocks,
            commands,
            spare,
            told,
            line: None,
            targets: vec![],
            done: Position::START,
            stuck_at: None,
        }
    }

    /// Subscribes for the first time.
    pub(super) async fn begin(mut self) -> Result<Self, Error> {
        self.line = Some(self.subscribe().await?);
        Ok(self)
    }

    /// Reads until the source is dropped.
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
                Ended::Dropped => return,
                Ended::Lost(reason) => {
                    tracing::warn!("{}: {reason}; subscribing anew", self.subscription.topic);
                }
            }
        }
    }

    /// A future that borrows nothing of the task, for the task may move while it is waited for.
    fn subscribe(&self) -> impl Future<Output = Result<Line, Error>> + Send + 'static {
        subscribe(Arc::clone(&self.settings), self.subscription.clone())
    }

    /// Subscribes anew, as often as it takes; `None` if the source is gone.
    async fn resume(&mut self) -> Option<Line> {
        let (mut pause, longest) = PAUSES;
        let began = Instant::now();
        loop {
            tokio::select! {
                () = self.blocks.closed() => return None,
                () = tokio::time::sleep(pause) => {}
            }
            let topic = &self.subscription.topic;
            // The whole attempt is given up with its connection, never a part of it.
            match timeout(3 * ANSWER, self.subscribe()).await.unwrap_or_else(|_| Err(silent(topic))) {
                Ok(line) => {
                    tracing::warn!("{topic}: reading on after {:.1} s", began.elapsed().as_secs_f64());
                    let done = std::mem::take(&mut self.done);
                    let mut line = line;
                    self.acknowledge(&mut line, done).await;
                    return Some(line);
                }
                Err(error) => {
                    pause = (pause * 2).min(longest);
                    tracing::warn!("{error}; trying again in {:.1} s", pause.as_secs_f64());
                }
            }
        }
    }

    async fn read(&mut self, line: &mut Line, lookup: &mut Option<Lookup>) -> Ended {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut quiet, mut stuck) = (false, 0);
        loop {
            while self.wants_more() {
                match line.consumer.next().now_or_never() {
                    Some(message) => {
                        quiet = false;
                        if let Err(reason) = self.take(message) {
                            return Ended::Lost(reason);
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
                    let spare = self.spare.try_recv().unwrap_or_default();
                    if !room || self.blocks.try_send(self.gather.take(spare)).is_err() {
                        return Ended::Dropped;
                    }
                }
                message = line.consumer.next(), if more => {
                    quiet = false;
                    if let Err(reason) = self.take(message) {
                        return Ended::Lost(reason);
                    }
                }
                command = self.commands.recv() => match command {
                    None => return Ended::Dropped,
                    Some(Command::Done(position)) => self.acknowledge(line, position).await,
                    Some(Command::Target(reply)) if self.targets.len() < TARGETS_MAX => self.targets.push(reply),
                    Some(Command::Target(_)) => {}
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
                            return Ended::Lost(error.to_string());
                        }
                        Err(_) => self.targets.extend(waiting),
                    }
                }
                _ = looks.tick() => {
                    if !std::mem::replace(&mut quiet, true) || ready {
                        stuck = 0;
                        continue;
                    }
                    match timeout(ANSWER, line.consumer.get_last_message_id()).await {
                        Ok(Ok(ids)) => {
                            let end = ids.first().map_or(Position::START, end);
                            let drained = end <= self.gather.at();
                            self.told.drained.store(drained, Ordering::Relaxed);
                            stuck = if drained { 0 } else { stuck + 1 };
                        }
                        Ok(Err(error)) => return Ended::Lost(problem(&self.subscription.topic, &error).to_string()),
                        Err(_) => return Ended::Lost("the broker does not answer".into()),
                    }
                    if stuck >= STUCK_LOOKS && self.stuck_at.replace(self.gather.at()) != Some(self.gather.at()) {
                        return Ended::Lost("the broker holds messages and delivers none".into());
                    }
                }
            }
        }
    }

    fn wants_more(&self) -> bool {
        // An entry that is larger than a block is still read to its end.
        self.gather.len() < BLOCK || !self.gather.is_ready()
    }

    fn take(&mut self, message: Option<Result<Raw, ::pulsar::Error>>) -> Result<(), String> {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) if is_payload(&error) => {
                self.gather.add_unreadable(&error.to_string());
                return Ok(());
            }
            Some(Err(error)) => return Err(problem(&self.subscription.topic, &error).to_string()),
            None => return Err("the connection was lost".into()),
        };
        let id = &message.message_id.id;
        let message = Message {
            ledger: id.ledger_id,
            entry: id.entry_id,
            index: id.batch_index.and_then(|index| u32::try_from(index).ok()).unwrap_or(0),
            count: message.message_id.batch_size.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            published: i64::try_from(message.payload.metadata.publish_time)
                .ok()
                .and_then(|ms| ms.checked_mul(1_000_000)),
            data: message.payload.data,
        };
        match self.gather.add(&message) {
            Added::Repeated => {}
            Added::Taken => self.told.drained.store(false, Ordering::Relaxed),
            Added::Skipped(from) => {
                self.told.drained.store(false, Ordering::Relaxed);
                let to = Position::at(message.ledger, message.entry);
                let detail = format!("the broker went from {from} to {to} without what is between");
                let notice = Notice { code: Code::Skipped, file: self.subscription.topic.clone(), detail };
                self.told.notices.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(notice);
            }
        }
        Ok(())
    }

    /// Lets the broker forget what is before a position; what cannot be said now is said after the next subscription.
    async fn acknowledge(&mut self, line: &mut Line, position: Position) {
        // The last entry before it; of the one before a ledger's first nothing is known.
        if let Some(entry_id) = position.offset.checked_sub(1).filter(|_| position > self.done) {
            let id = MessageIdData { ledger_id: position.file, entry_id, ..MessageIdData::default() };
            if let Err(error) = line.consumer.cumulative_ack_with_id(&self.subscription.topic, id).await {
                tracing::debug!("{}: {error}", self.subscription.topic);
            }
        }
        self.done = self.done.max(position);
    }
}

/// One attempt.
async fn subscribe(settings: Arc<Settings>, subscription: Subscription) -> Result<Line, Error> {
    let Subscription { topic, name, queue, .. } = &subscription;
    let client = connect(&settings).await.map_err(|error| problem(topic, &error))?;
    let options = ConsumerOptions::default()
        .with_initial_position(InitialPosition::Earliest)
        .with_receiver_queue_size((*queue).max(1));
    let consumer = client
        .consumer()
        .with_topic(topic)
        .with_subscription(name)
        .with_subscription_type(SubType::Exclusive)
        .with_batch_size((*queue).max(1))
        .with_options(options)
        .build()
        .await
        .map_err(|error| problem(topic, &error))?;
    Ok(Line { client, consumer })
}

type Raw = ::pulsar::consumer::Message<Vec<u8>>;

/// Behind the entry of a message.
fn end(id: &MessageIdData) -> Position {
    // An empty topic's last entry is -1.
    if id.entry_id > u64::MAX >> 1 { Position::START } else { Position::at(id.ledger_id, id.entry_id + 1) }
}

/// Where a topic ends now, asked by a reader of its own: a consumer's questions wait behind its messages.
async fn end_of(client: Pulsar<TokioExecutor>, topic: String) -> Result<Position, Error> {
    let ask = async {
        let mut reader = client.reader().with_topic(&topic).with_batch_size(1).into_reader::<Vec<u8>>().await?;
        reader.get_last_message_id().await
    };
    match timeout(ANSWER, ask).await {
        Ok(Ok(id)) => Ok(end(&id)),
        Ok(Err(error)) => Err(problem(&topic, &error)),
        Err(_) => Err(silent(&topic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_behind_the_last_entry() {
        let id = |ledger_id, entry_id| MessageIdData { ledger_id, entry_id, ..MessageIdData::default() };
        assert_eq!(end(&id(7, 3)), Position::at(7, 4));
        assert_eq!(end(&id(7, u64::MAX)), Position::START);
        assert_eq!(end(&id(u64::MAX, u64::MAX)), Position::START);
    }
}
