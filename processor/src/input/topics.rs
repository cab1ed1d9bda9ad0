//! Topics of Apache Pulsar as a log: every partition of every topic is a partition of the log.
//!
//! A partition keeps its number when topics grow: with `n` topics, partition `p` of topic `t` is number `p * n + t`.
//! Its state is found by the topic's name.

use super::{Log, LogPartition, StartPosition};
use event_feeder::pulsar::{Address, BrokerSettings, Client, Subscription, TopicRemainder};
use event_feeder::world::Instant;
use event_feeder::{AcceptGaps, Error, Position, RecordCode, Source};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use timeline_core::nearest;
use timeline_core::plan::Plan;

/// How long the brokers' word on how many partitions there are is good for.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Topics of one cluster, read under one subscription.
pub struct Topics {
    client: Client,
    topics: Vec<String>,
    subscription: String,
    accept: AcceptGaps,
    /// The partitions as they were last seen, and when.
    seen: Mutex<Option<(Instant, Vec<LogPartition>)>>,
    /// Whether it was said that messages have other keys than their events.
    said: AtomicBool,
}

impl Topics {
    /// Topics by their full names; connects when it is asked something.
    pub fn new(settings: BrokerSettings, topics: Vec<String>, subscription: String) -> Result<Self, Error> {
        let (client, accept) = (Client::new(settings)?, AcceptGaps::None);
        Ok(Topics { client, topics, subscription, accept, seen: Mutex::default(), said: AtomicBool::new(false) })
    }

    /// Goes over such gaps, where a topic has lost messages that come next.
    pub fn accepting(self, accept: AcceptGaps) -> Self {
        Topics { accept, ..self }
    }

    /// The broker, and the topics' full names, of `pulsar://HOST:PORT/TOPIC[,TOPIC]...`.
    pub fn parse(text: &str) -> Result<(String, Vec<String>), String> {
        let mut parts = text.split(',');
        let first: Address = parts.next().unwrap_or_default().parse().map_err(|error| format!("{text}: {error}"))?;
        let mut topics = vec![first.topic];
        for topic in parts {
            let address: Address =
                format!("{}/{topic}", first.broker).parse().map_err(|error| format!("{topic}: {error}"))?;
            if !topics.contains(&address.topic) {
                topics.push(address.topic);
            }
        }
        Ok((first.broker, topics))
    }

    /// What is deployed later reads, and lets go of what was read, for itself.
    fn subscription_of(&self, plan: &Plan) -> String {
        match plan.since {
            0 => self.subscription.clone(),
            since => format!("{}@{since}", self.subscription),
        }
    }

    fn look(&self) -> Result<Vec<LogPartition>, Error> {
        let count = self.topics.len() as u32;
        let mut parts = vec![];
        for (t, topic) in (0..).zip(&self.topics) {
            for (p, name) in (0..).zip(self.client.partitions(topic)?) {
                parts.push(LogPartition { number: p * count + t, folder: folder(&name), name });
            }
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }
}

impl Log for Topics {
    fn partitions(&self) -> Result<Vec<LogPartition>, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, parts)) = &*seen
            && at.elapsed() < LOOK_AGAIN
        {
            return Ok(parts.clone());
        }
        let parts = match (self.look(), &*seen) {
            (Ok(parts), _) => parts,
            // Partitions never go away, so what was seen is still true while brokers are out of reach.
            (Err(error), Some((_, parts))) => {
                tracing::warn!("{error}; going on with the partitions that are known");
                parts.clone()
            }
            (Err(error), None) => return Err(error),
        };
        *seen = Some((Instant::now(), parts.clone()));
        Ok(parts)
    }

    fn open(
        &self,
        part: &LogPartition,
        plan: &Plan,
        _: usize,
        from: Option<&StartPosition>,
    ) -> Result<Box<dyn Source>, Error> {
        let name = self.subscription_of(plan);
        let source = self.client.subscribe(Subscription {
            topic: part.name.clone(),
            name,
            after: from.map_or(Position::START, |from| from.position),
            queue: Subscription::QUEUE,
            accept: self.accept.clone(),
        })?;
        Ok(Box::new(source))
    }

    fn check(&self, part: &LogPartition, _: usize, from: &StartPosition) -> Result<(), Error> {
        if from.position == Position::START {
            return Ok(());
        }
        match self.client.behind(&part.name, from.position) {
            Ok(TopicRemainder::Gap(gap)) if !self.accept.has(&part.name, &gap) => {
                Err(Error::Gap { topic: part.name.clone(), gap: Box::new(gap) })
            }
            Ok(TopicRemainder::Other(end)) => {
                Err(Error::OtherTopic { topic: part.name.clone(), end, read: from.position })
            }
            Ok(TopicRemainder::Whole(_) | TopicRemainder::Gap(_)) => Ok(()),
            // Whoever opens it waits for the broker, and says what is wrong.
            Err(error) => {
                tracing::debug!("{}: {error}", part.name);
                Ok(())
            }
        }
    }

    /// Deletes the subscription: the broker keeps messages for it as long as it is there.
    fn forget(&self, part: &LogPartition, plan: &Plan) -> Result<(), Error> {
        self.client.unsubscribe(&part.name, &self.subscription_of(plan))
    }

    fn siblings(&self, part: &LogPartition) -> Option<Vec<LogPartition>> {
        // Whoever looks right now tells the next time.
        let seen = self.seen.try_lock().ok()?;
        let (_, parts) = seen.as_ref()?;
        let count = self.topics.len() as u32;
        Some(parts.iter().filter(|other| other.number % count == part.number % count).cloned().collect())
    }

    fn misrouted(&self, part: &LogPartition) {
        let is_shared_out = self.siblings(part).is_some_and(|parts| parts.len() > 1);
        if is_shared_out && !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{}: {}: events have another key than their messages, by which they are shared out over partitions; {}",
                RecordCode::Misrouted.as_str(),
                part.name,
                RecordCode::Misrouted.help()
            );
        }
    }

    fn missing(&self) -> Result<Option<String>, Error> {
        for topic in &self.topics {
            let Some(others) = self.client.missing(topic)? else { continue };
            let short = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
            let names: Vec<String> = others.iter().map(|other| short(other)).collect();
            let near = nearest(&short(topic), names.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Ok(Some(format!("[{}] there is no topic {topic}{near}", RecordCode::NoTopic)));
        }
        Ok(None)
    }

    fn is_live(&self) -> bool {
        true
    }
}

/// The name of a topic as that of a folder: `public.default.player-partition-3`. No two topics have the same one.
fn folder(topic: &str) -> String {
    let topic = topic.strip_prefix("persistent://").unwrap_or(topic);
    let mut name = String::new();
    for byte in topic.bytes() {
        match byte {
            b'/' => name.push('.'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            other => name.push_str(&format!("={other:02X}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{Topics, folder};

    #[test]
    fn topics_have_folders_of_their_own() {
        assert_eq!(folder("persistent://public/default/player-partition-3"), "public.default.player-partition-3");
        assert_ne!(folder("persistent://a/b/c.d"), folder("persistent://a/b.c/d"));
        assert_eq!(folder("persistent://a/b/c.d"), "a.b.c=2Ed");
    }

    #[test]
    fn several_topics_are_of_one_broker() {
        let (broker, topics) = Topics::parse("pulsar://h:1/x,a/b/y,x").unwrap();
        assert_eq!(broker, "pulsar://h:1");
        assert_eq!(topics, ["persistent://public/default/x", "persistent://a/b/y"]);
        assert!(Topics::parse("pulsar://h:1/x,").is_err());
    }
}
