//! A way to brokers: settings, the thread that waits for them, and what can be asked of a topic.

use super::connection::{PATIENCE, connect};
use super::problem::{problem, silent};
use super::settings::BrokerSettings;
use crate::world::Instant;
use crate::{Error, RecordCode};
use ::pulsar::{Consumer, SubType, TokioExecutor};
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A way to brokers. Clones share one thread.
#[derive(Clone)]
pub struct Client {
    pub(super) settings: Arc<BrokerSettings>,
    pub(super) runtime: Arc<Runtime>,
}

impl Client {
    /// Does not connect yet.
    pub fn new(settings: BrokerSettings) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("pulsar")
            .enable_all()
            .build()
            .map_err(|error| Error::Read { file: settings.broker.clone(), error })?;
        Ok(Client { settings: Arc::new(settings), runtime: Arc::new(runtime) })
    }

    /// How brokers are reached.
    pub fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    /// The topics of a topic's partitions, in their order; itself if it has none. It may have more the next time.
    pub fn partitions(&self, topic: &str) -> Result<Vec<String>, Error> {
        let (settings, name) = (Arc::clone(&self.settings), topic.to_owned());
        self.ask(topic, async move {
            let client = connect(&settings).await.map_err(|error| problem(&name, &error))?;
            let count = client.lookup_partitioned_topic_number(&name).await.map_err(|error| problem(&name, &error))?;
            Ok(match count {
                0 => vec![name],
                _ => (0..count).map(|n| format!("{name}-partition-{n}")).collect(),
            })
        })
    }

    /// Deletes a subscription that nobody reads any more, with the broker's place in the topic for it.
    pub fn unsubscribe(&self, topic: &str, name: &str) -> Result<(), Error> {
        let (settings, topic_of, name) = (Arc::clone(&self.settings), topic.to_owned(), name.to_owned());
        self.ask(topic, async move {
            let began = Instant::now();
            loop {
                match unsubscribe(&settings, &topic_of, &name).await {
                    Ok(()) => return Ok(()),
                    // Whoever just left may still be there for the broker.
                    Err(_) if began.elapsed() < PATIENCE / 2 => tokio::time::sleep(Duration::from_millis(500)).await,
                    Err(error) => return Err(problem(&topic_of, &error)),
                }
            }
        })
    }

    /// Runs something on the thread and waits for it. Never called on that thread.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        topic: &str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = sync_channel(1);
        self.runtime.spawn(async move {
            // Whoever asked may have lost patience.
            let _ = reply.send(work.await);
        });
        match answer.recv_timeout(PATIENCE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(silent(topic)),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Topic {
                topic: topic.to_owned(),
                code: RecordCode::NoBroker,
                reason: "the client of the broker stopped unexpectedly".into(),
            }),
        }
    }
}

async fn unsubscribe(settings: &BrokerSettings, topic: &str, name: &str) -> Result<(), ::pulsar::Error> {
    let client = connect(settings).await?;
    let consumer = client.consumer().with_topic(topic).with_subscription(name);
    let mut consumer: Consumer<Vec<u8>, TokioExecutor> =
        consumer.with_subscription_type(SubType::Exclusive).build().await?;
    consumer.unsubscribe().await
}
