//! The `pulsar` crate's consumer alone, for benchmarks: what reading costs before anything is done with a message.

use super::client::Client;
use super::connection::connect;
use super::problem::problem;
use super::settings::Subscription;
use crate::Error;
use ::pulsar::consumer::InitialPosition;
use ::pulsar::{Consumer, ConsumerOptions, SubType, TokioExecutor};
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Messages between two acknowledgements.
const ACKNOWLEDGED: u64 = 1000;

impl Client {
    /// Receives so many messages of a topic's partition and lets go of each; says how many bytes they had.
    pub fn receive_only(&self, subscription: Subscription, messages: u64) -> Result<u64, Error> {
        let settings = Arc::clone(&self.settings);
        let (reply, answer) = channel();
        let topic = subscription.topic.clone();
        self.runtime.spawn(async move {
            let result = async {
                let client = connect(&settings).await?;
                let options = ConsumerOptions::default()
                    .with_initial_position(InitialPosition::Earliest)
                    .with_receiver_queue_size(subscription.queue);
                let mut consumer: Consumer<Vec<u8>, TokioExecutor> = client
                    .consumer()
                    .with_topic(&subscription.topic)
                    .with_subscription(&subscription.name)
                    .with_subscription_type(SubType::Exclusive)
                    .with_batch_size(subscription.queue)
                    .with_options(options)
                    .build()
                    .await?;
                let mut bytes = 0;
                for n in 1..=messages {
                    let Some(message) = consumer.next().await.transpose()? else { break };
                    bytes += message.payload.data.len() as u64;
                    if n % ACKNOWLEDGED == 0 {
                        consumer.cumulative_ack(&message).await?;
                    }
                }
                Ok(bytes)
            };
            // Whoever asked waits as long as it takes.
            let _ = reply.send(result.await);
        });
        match answer.recv() {
            Ok(result) => result.map_err(|error| problem(&topic, &error)),
            Err(_) => Err(super::problem::silent(&topic)),
        }
    }
}
