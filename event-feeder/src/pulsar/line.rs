//! The cursors by which a partition's topic is read, and their connection.
//!
//! The subscription's cursor holds the topic's messages, keeps other readers away, and reads. Where it stands is nobody's
//! promise: it may be an old one, or one that somebody moved. So a second cursor begins where reading is to go on, and is
//! read until the subscription's has got to the same place.
//!
//! **Invariant:** of the subscription's messages none is taken before all that lie between it and the position were.

use super::acknowledged::acknowledged;
use super::connection::connect;
use super::probe::{ProbeResult, cursor, probe};
use super::problem::problem;
use super::settings::{BrokerSettings, Subscription};
use super::window;
use crate::{Error, Gap, Position};
use ::pulsar::consumer::InitialPosition;
use ::pulsar::message::proto::MessageIdData;
use ::pulsar::{Consumer, ConsumerOptions, Pulsar, SubType, TokioExecutor};
use futures_util::StreamExt;
use std::sync::Arc;

pub(super) type RawMessage = ::pulsar::consumer::Message<Vec<u8>>;
pub(super) type NextMessage = Option<Result<RawMessage, ::pulsar::Error>>;

/// A consumer, what goes ahead of it, and the connection.
pub(super) struct ConsumerConnection {
    pub(super) client: Pulsar<TokioExecutor>,
    pub(super) consumer: Consumer<Vec<u8>, TokioExecutor>,
    /// The cursor that is read until the subscription's message `held` comes next.
    ahead: Option<Consumer<Vec<u8>, TokioExecutor>>,
    held: Option<RawMessage>,
    /// The entry that is known to come next although its number does not say so.
    pub(super) expected: Option<Position>,
    /// How many messages may wait.
    pub(super) window: u32,
}

/// Where a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The cursor that is to be believed.
    Reading,
    /// The subscription's, which is elsewhere.
    Waiting,
}

/// How a line begins.
pub(super) struct ConsumerStart {
    /// Everything before it has been read.
    pub(super) at: Position,
    /// How many messages may wait; found out if not known.
    pub(super) window: Option<u32>,
    /// Whether it is accepted that the topic has lost everything.
    pub(super) is_empty_accepted: bool,
}

/// One attempt. [`Error::Gap`] if messages are missing, [`Error::Acknowledged`] if some may be.
pub(super) async fn open(
    settings: Arc<BrokerSettings>,
    subscription: Subscription,
    ConsumerStart { at, window, is_empty_accepted }: ConsumerStart,
) -> Result<ConsumerConnection, Error> {
    let Subscription { topic, name, queue, .. } = &subscription;
    let client = connect(&settings).await.map_err(|error| problem(topic, &error))?;
    let (next, bytes) = match probe(&client, topic, at).await? {
        ProbeResult::Whole { next, bytes } => (next, bytes),
        ProbeResult::Gap(Gap { to: None, .. }) if is_empty_accepted => (None, None),
        ProbeResult::Gap(gap) => return Err(Error::Gap { topic: topic.clone(), gap: Box::new(gap) }),
        ProbeResult::Ends(end) => return Err(Error::OtherTopic { topic: topic.clone(), end, read: at }),
    };
    // Whoever begins anew under a subscription that has let go of messages does not know what they were.
    if at == Position::START
        && !is_empty_accepted
        && let Some(upto) = acknowledged(&settings, &client, topic, name).await
    {
        let (topic, subscription, gap) = (topic.clone(), name.clone(), Box::new(Gap { from: at, to: next }));
        return Err(Error::Acknowledged { topic, subscription, upto: Box::new(upto), gap });
    }
    let window = window.unwrap_or_else(|| window::of(bytes, *queue));
    let options =
        ConsumerOptions::default().with_initial_position(InitialPosition::Earliest).with_receiver_queue_size(window);
    let consumer = client
        .consumer()
        .with_topic(topic)
        .with_subscription(name)
        .with_subscription_type(SubType::Exclusive)
        .with_batch_size(window)
        .with_options(options)
        .build()
        .await
        .map_err(|error| problem(topic, &error))?;
    let ahead = match next {
        Some(_) => Some(cursor(&client, topic, at, window).await?),
        None => None,
    };
    Ok(ConsumerConnection { client, consumer, ahead, held: None, expected: next, window })
}

impl ConsumerConnection {
    /// The next message, of whichever cursor. Nothing is lost if it is not waited for to the end.
    pub(super) async fn next(&mut self) -> (By, NextMessage) {
        match (&mut self.ahead, &self.held) {
            (None, _) => (By::Reading, self.consumer.next().await),
            (Some(ahead), Some(_)) => (By::Reading, ahead.next().await),
            (Some(ahead), None) => tokio::select! {
                next = ahead.next() => (By::Reading, next),
                next = self.consumer.next() => (By::Waiting, next),
            },
        }
    }

    /// Keeps the subscription's first message that is not behind what was read, until it comes next.
    pub(super) fn hold(&mut self, message: RawMessage, at: Position) {
        if entry_of(&message) >= at {
            self.held = Some(message);
        }
    }

    /// The message that was held, once it comes next: from then on the subscription's cursor is read.
    pub(super) fn meet(&mut self, at: Position) -> Option<RawMessage> {
        let is_next = |entry| entry <= at || self.expected == Some(entry);
        let met = self.held.as_ref().is_some_and(|held| is_next(entry_of(held)));
        if !met {
            return None;
        }
        self.ahead = None;
        self.held.take()
    }

    /// The topic's last message, as the cursor that is read knows it. To be asked only while it delivers nothing.
    pub(super) async fn last(&mut self) -> Result<Vec<MessageIdData>, ::pulsar::Error> {
        self.ahead.as_mut().unwrap_or(&mut self.consumer).get_last_message_id().await
    }
}

/// The entry that a message is of.
pub(super) fn entry_of(message: &RawMessage) -> Position {
    let id = &message.message_id.id;
    Position::at(id.ledger_id, id.entry_id)
}
