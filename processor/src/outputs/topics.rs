//! A topic of Apache Pulsar as a destination. Partitions are chosen by the key, so all of a session is in one.

use super::{Destination, Origin, OutputMessage, Sink};
use event_feeder::Error;
use event_feeder::pulsar::{Client, Outgoing, TopicProducer};

/// A topic, with a way to its brokers.
#[derive(Clone)]
pub struct Topic {
    client: Client,
    topic: String,
}

impl Topic {
    /// A topic by its full name; connects when something is published.
    pub fn new(client: Client, topic: String) -> Self {
        Topic { client, topic }
    }

    /// Whether it is there, or can be made, and may be published to.
    pub fn check(&self) -> Result<(), Error> {
        TopicProducer::open(&self.client, &self.topic).map(drop)
    }
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Topic").field(&self.topic).finish()
    }
}

impl Destination for Topic {
    fn open(&self, origin: &Origin) -> Result<Box<dyn Sink>, Error> {
        let outlet = TopicProducer::open(&self.client, &self.topic)?;
        Ok(Box::new(TopicSink { outlet, origin: origin.clone() }))
    }
}

struct TopicSink {
    outlet: TopicProducer,
    origin: Origin,
}

impl Sink for TopicSink {
    fn publish(&mut self, messages: &[OutputMessage]) -> Result<(), Error> {
        self.outlet.publish(messages.iter().map(|message| outgoing(&self.origin, message)).collect())
    }
}

fn outgoing(origin: &Origin, message: &OutputMessage) -> Outgoing {
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Outgoing {
        key: message.key.clone(),
        // Pulsar's times are whole milliseconds from 1970 on; the payload has the instant itself.
        event_time_ms: message.time.and_then(|ns| u64::try_from(ns.div_euclid(1_000_000)).ok()),
        properties: vec![
            property("id", &message.id),
            property("kind", origin.output.name()),
            property("source", &origin.source),
            property("partition", &origin.partition.to_string()),
        ],
        payload: message.payload.clone().into_bytes(),
    }
}
