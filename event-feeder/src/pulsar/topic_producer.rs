//! Publishing in one attempt: messages for the partitions of one topic, and the broker's word on all of them, or an error.
//!
//! [`super::TopicPublisher`] sends again by itself whatever happens, for a producer that has nothing but its messages. An
//! outlet is for somebody who has them safe, and decides before every attempt whether it may still be made.
//!
//! Every message is an entry of its own, so that consumers may share a topic by keys. Producers have no name of ours: the
//! crate begins a producer's sequence at 0 whatever the broker remembers of its name, so where brokers drop
//! duplicates a name that is used again would have its first messages dropped.

use super::client::Client;
use super::connection::connect;
use super::problem::{problem, silent};
use super::publisher::Outgoing;
use super::router::partition_of;
use crate::Error;
use ::pulsar::{Producer, ProducerOptions, TokioExecutor};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::time::timeout;

/// How long an attempt may take.
const ATTEMPT: Duration = Duration::from_secs(20);

/// A topic that can be published to; of no use any more after an error.
pub struct TopicProducer {
    client: Client,
    topic: String,
    /// One for each partition that the topic had when it was opened.
    producers: Vec<Producer<TokioExecutor>>,
}

impl TopicProducer {
    /// Makes a producer for each partition; fails if the broker cannot be reached now or refuses.
    pub fn open(client: &Client, topic: &str) -> Result<Self, Error> {
        let partitions = client.partitions(topic)?;
        let (settings, name) = (Arc::clone(&client.settings), topic.to_owned());
        let producers = attempt(client, topic, async move {
            let client = connect(&settings).await.map_err(|error| problem(&name, &error))?;
            let mut producers = vec![];
            for topic in partitions {
                let options = ProducerOptions { block_queue_if_full: true, ..ProducerOptions::default() };
                let producer = client.producer().with_topic(&topic).with_options(options).build().await;
                producers.push(producer.map_err(|error| problem(&topic, &error))?);
            }
            Ok(producers)
        })?;
        Ok(TopicProducer { client: client.clone(), topic: topic.to_owned(), producers })
    }

    /// Publishes messages, each to the partition of its key, in order. `Ok`: the broker has all of them.
    pub fn publish(&mut self, messages: Vec<Outgoing>) -> Result<(), Error> {
        // The attempt has the producers, and lets them go with whatever is on its way if it fails.
        let mut producers = std::mem::take(&mut self.producers);
        let topic = self.topic.clone();
        if producers.is_empty() {
            return Err(silent(&topic));
        }
        self.producers = attempt(&self.client, &self.topic, async move {
            let mut waiting = vec![];
            let count = producers.len();
            for message in messages {
                let producer = &mut producers[partition_of(&message.key, count)];
                let message: ::pulsar::producer::Message = message.into();
                waiting.push(producer.send_non_blocking(message).await.map_err(|error| problem(&topic, &error))?);
            }
            for answer in waiting {
                answer.await.map_err(|error| problem(&topic, &error))?;
            }
            Ok(producers)
        })?;
        Ok(())
    }
}

impl Drop for TopicProducer {
    fn drop(&mut self) {
        // Producers close by a task that they start when they go.
        let _on_the_runtime = self.client.runtime.enter();
        self.producers.clear();
    }
}

impl std::fmt::Debug for TopicProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// Runs something on the client's thread, which ends with it or after a while.
fn attempt<T: Send + 'static>(
    client: &Client,
    topic: &str,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (reply, answer) = sync_channel(1);
    let name = topic.to_owned();
    client.runtime.spawn(async move {
        let result = timeout(ATTEMPT, work).await.unwrap_or_else(|_| Err(silent(&name)));
        // Whoever asked waits for it.
        let _ = reply.send(result);
    });
    answer.recv().unwrap_or_else(|_| Err(silent(topic)))
}
