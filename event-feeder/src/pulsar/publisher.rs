//! Publishing: messages for the partitions of one topic, in order, resent until the broker has them.
//!
//! Each partition has a task with its own connection and a bounded queue. What was sent and not acknowledged is kept; when
//! a producer fails, a new one is made and all of that is sent again, in order.
//!
//! **Invariant:** after [`TopicPublisher::flush`] the broker has every message, each at least once and in order; after a
//! lost acknowledgement it may have one twice.

use super::client::Client;
use super::connection::{PATIENCE, connect};
use super::problem::{problem, silent};
use super::settings::BrokerSettings;
use crate::Error;
use ::pulsar::compression;
use ::pulsar::producer::{Message, SendFuture};
use ::pulsar::{Producer, ProducerOptions, TokioExecutor};
use std::collections::{HashMap, VecDeque};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages of a partition that wait to be sent, and messages that wait for the broker's word.
const QUEUE_MAX: usize = 2048;
/// The pause before the first and before any later attempt to make a new producer.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// New producers in a row that fail on the same message before it is given up.
const FAILURES_MAX: u32 = 20;

/// A message to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The key that routes it.
    pub key: String,
    /// When what it tells happened, in milliseconds since 1970.
    pub event_time_ms: Option<u64>,
    /// Names and values beside the payload.
    pub properties: Vec<(String, String)>,
    /// The payload.
    pub payload: Vec<u8>,
}

/// How messages are published.
#[derive(Clone, Debug)]
pub struct PublishOptions {
    /// The most messages that go into one entry of the topic; 1 sends each on its own.
    pub batch: u32,
    /// How payloads are packed.
    pub compression: Compression,
    /// The producer's name; without one the broker gives one.
    pub name: Option<String>,
    /// Whether nobody else may publish to the topic meanwhile.
    pub exclusive: bool,
}

impl Default for PublishOptions {
    fn default() -> Self {
        PublishOptions { batch: 1000, compression: Compression::None, name: None, exclusive: false }
    }
}

/// How payloads are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4.
    Lz4,
    /// Zlib.
    Zlib,
    /// Zstandard.
    Zstd,
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "none" => Compression::None,
            "lz4" => Compression::Lz4,
            "zlib" => Compression::Zlib,
            "zstd" => Compression::Zstd,
            // Clients for other languages mean blocks by Snappy, the `pulsar` crate means frames: neither reads the other's.
            "snappy" => return Err("other clients could not read it: choose lz4, zlib or zstd".into()),
            _ => return Err("one of none, lz4, zlib, zstd".into()),
        })
    }
}

impl Compression {
    fn algorithm(self) -> Option<compression::Compression> {
        Some(match self {
            Compression::None => return None,
            Compression::Lz4 => compression::Compression::Lz4(Default::default()),
            Compression::Zlib => compression::Compression::Zlib(Default::default()),
            Compression::Zstd => compression::Compression::Zstd(Default::default()),
        })
    }
}

/// Publishes to the partitions that a topic had when this was made.
pub struct TopicPublisher {
    topic: String,
    partitions: Vec<PublishedPartition>,
    _client: Client,
}

struct PublishedPartition {
    queue: mpsc::Sender<PublisherItem>,
    /// Why the task ended, if it did.
    failed: std::sync::mpsc::Receiver<Error>,
}

enum PublisherItem {
    Message(Outgoing),
    Flush(SyncSender<()>),
}

impl TopicPublisher {
    /// Makes a producer for each partition; fails if the broker cannot be reached now or refuses.
    pub fn open(client: &Client, topic: &str, publishing: &PublishOptions) -> Result<Self, Error> {
        let mut partitions = vec![];
        for topic in client.partitions(topic)? {
            let (queue, items) = mpsc::channel(QUEUE_MAX);
            let (fail, failed) = sync_channel(1);
            let task = ProducerTask {
                settings: Arc::clone(&client.settings),
                topic: topic.clone(),
                publishing: publishing.clone(),
                items,
                unacknowledged: VecDeque::new(),
            };
            client.ask(&topic, async move {
                let producer = task.produce().await?;
                tokio::spawn(async move {
                    if let Err(error) = task.run(producer).await {
                        // Read at the next send, if there is one.
                        let _ = fail.try_send(error);
                    }
                });
                Ok(())
            })?;
            partitions.push(PublishedPartition { queue, failed });
        }
        Ok(TopicPublisher { topic: topic.to_owned(), partitions, _client: client.clone() })
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Sends a message to a partition (see [`super::partition_of`]); waits while too many are on their way.
    pub fn send(&mut self, partition: usize, message: Outgoing) -> Result<(), Error> {
        let partition = &self.partitions[partition];
        partition.queue.blocking_send(PublisherItem::Message(message)).map_err(|_| self.failure(partition))
    }

    /// Waits until the broker has everything, however often it has to be sent.
    pub fn flush(&mut self) -> Result<(), Error> {
        let mut waiting = vec![];
        for partition in &self.partitions {
            let (reply, done) = sync_channel(1);
            partition.queue.blocking_send(PublisherItem::Flush(reply)).map_err(|_| self.failure(partition))?;
            waiting.push((done, partition));
        }
        waiting.into_iter().try_for_each(|(done, partition)| done.recv().map_err(|_| self.failure(partition)))
    }

    fn failure(&self, partition: &PublishedPartition) -> Error {
        partition.failed.recv_timeout(PATIENCE).unwrap_or_else(|_| silent(&self.topic))
    }
}

impl std::fmt::Debug for TopicPublisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// What keeps one partition's producer at work.
struct ProducerTask {
    settings: Arc<BrokerSettings>,
    topic: String,
    publishing: PublishOptions,
    items: mpsc::Receiver<PublisherItem>,
    /// Sent, in order, with the broker's word to come.
    unacknowledged: VecDeque<(Message, Option<SendFuture>)>,
}

impl ProducerTask {
    /// A future that borrows nothing of the task.
    fn produce(&self) -> impl Future<Output = Result<Producer<TokioExecutor>, Error>> + Send + 'static {
        produce(Arc::clone(&self.settings), self.topic.clone(), self.publishing.clone())
    }

    async fn run(mut self, mut producer: Producer<TokioExecutor>) -> Result<(), Error> {
        let mut failures = 0;
        loop {
            let reason = match self.publish(&mut producer, &mut failures).await {
                Ok(()) => {
                    // All is acknowledged, so nothing is lost with a producer that does not close.
                    drop(producer.close().await);
                    return Ok(());
                }
                Err(reason) => reason,
            };
            failures += 1;
            let error = problem(&self.topic, &reason);
            if failures > FAILURES_MAX {
                return Err(error);
            }
            tracing::warn!("{error}; sending {} messages again", self.unacknowledged.len());
            self.unacknowledged.iter_mut().for_each(|(_, answer)| *answer = None);
            let (mut pause, longest) = PAUSES;
            producer = loop {
                tokio::time::sleep(pause).await;
                match self.produce().await {
                    Ok(producer) => break producer,
                    Err(error) => {
                        pause = (pause * 2).min(longest);
                        tracing::warn!("{error}; trying again in {:.1} s", pause.as_secs_f64());
                    }
                }
            };
        }
    }

    /// Publishes until nobody sends any more and all is acknowledged.
    async fn publish(
        &mut self,
        producer: &mut Producer<TokioExecutor>,
        failures: &mut u32,
    ) -> Result<(), ::pulsar::Error> {
        for (message, answer) in &mut self.unacknowledged {
            *answer = Some(producer.send_non_blocking(message.clone()).await?);
        }
        let mut flush: Option<SyncSender<()>> = None;
        let mut ended = false;
        loop {
            if self.unacknowledged.is_empty() {
                if let Some(flush) = flush.take() {
                    // Who waits for a flush may have gone.
                    let _ = flush.send(());
                }
                if ended {
                    return Ok(());
                }
            }
            let open = !ended && flush.is_none() && self.unacknowledged.len() < QUEUE_MAX;
            tokio::select! {
                item = self.items.recv(), if open => match item {
                    Some(PublisherItem::Message(message)) => {
                        let message = message.into();
                        self.unacknowledged.push_back((message, None));
                        if let Some((message, answer)) = self.unacknowledged.back_mut() {
                            *answer = Some(producer.send_non_blocking(message.clone()).await?);
                        }
                    }
                    Some(PublisherItem::Flush(reply)) => flush = Some(reply),
                    None => ended = true,
                },
                answer = first(&mut self.unacknowledged), if !self.unacknowledged.is_empty() => {
                    answer?;
                    self.unacknowledged.pop_front();
                    *failures = 0;
                }
            }
        }
    }
}

/// The broker's word on the message that has waited longest.
async fn first(waiting: &mut VecDeque<(Message, Option<SendFuture>)>) -> Result<(), ::pulsar::Error> {
    match waiting.front_mut() {
        Some((_, Some(answer))) => answer.await.map(drop),
        // One that was not sent is sent before anything is waited for.
        _ => std::future::pending().await,
    }
}

async fn produce(
    settings: Arc<BrokerSettings>,
    topic: String,
    publishing: PublishOptions,
) -> Result<Producer<TokioExecutor>, Error> {
    let client = connect(&settings).await.map_err(|error| problem(&topic, &error))?;
    let options = ProducerOptions {
        batch_size: Some(publishing.batch.max(1)),
        batch_byte_size: (publishing.batch > 1).then_some(BATCH_BYTES),
        batch_timeout: (publishing.batch > 1).then_some(BATCH_TIME),
        compression: publishing.compression.algorithm(),
        access_mode: publishing.exclusive.then_some(1),
        block_queue_if_full: true,
        ..ProducerOptions::default()
    };
    let mut builder = client.producer().with_topic(&topic).with_options(options);
    if let Some(name) = publishing.name {
        builder = builder.with_name(name);
    }
    builder.build().await.map_err(|error| problem(&topic, &error))
}

/// An entry is sent off when its messages have so many bytes, or have waited so long.
const BATCH_BYTES: usize = 128 << 10;
const BATCH_TIME: Duration = Duration::from_millis(5);

impl From<Outgoing> for Message {
    fn from(message: Outgoing) -> Self {
        Message {
            payload: message.payload,
            properties: message.properties.into_iter().collect::<HashMap<_, _>>(),
            partition_key: Some(message.key),
            event_time: message.event_time_ms,
            ..Message::default()
        }
    }
}
