//! Looking at a topic without reading it for good: what a check of an installation wants to know.
//!
//! **Invariant:** nothing here subscribes for longer than it takes, acknowledges anything, or makes a topic that is not there.

use super::client::Client;
use super::connection::connect;
use super::probe::{ProbeResult, probe};
use super::problem::{problem, silent};
use super::reader::key_of;
use super::schema::{Schemas, on_one_line};
use crate::{Block, Error, Gap, Mark, Payload, Position};
use ::pulsar::ConsumerOptions;
use ::pulsar::consumer::InitialPosition;
use ::pulsar::message::proto::MessageIdData;
use ::pulsar::message::proto::command_get_topics_of_namespace::Mode;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;

/// What the beginning of a partition, or of its rest behind a position, looks like.
#[derive(Debug, Default)]
pub struct Peek {
    /// Where the first message stands; `None` if there is none.
    pub first: Option<Position>,
    /// The keys of the messages that were looked at, each with its producer's name.
    pub keys: Vec<(String, String)>,
    /// Those messages, to be decoded; `None` if there are none.
    pub block: Option<Block>,
    /// What there is to say of their schema.
    pub remark: Option<String>,
}

/// What a topic has behind a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRemainder {
    /// Everything: the next message, if there is one.
    Whole(Option<Position>),
    /// Messages are missing.
    Gap(Gap),
    /// It ends here, before the position: it is another topic of that name.
    Other(Position),
}

/// The most bytes that are looked at, but for the last message.
const LOOK_BYTES: usize = 64 << 20;
/// How long a topic may be silent before it is taken to have no more.
const SILENCE: Duration = Duration::from_secs(2);

impl Client {
    /// Whether a topic is there, as itself or as its partitions.
    pub fn exists(&self, topic: &str) -> Result<bool, Error> {
        let (settings, name) = (Arc::clone(&self.settings), topic.to_owned());
        self.ask(topic, async move {
            let namespace = name.strip_prefix("persistent://").and_then(|rest| Some(rest.rsplit_once('/')?.0));
            let namespace = namespace.unwrap_or_default().to_owned();
            let list = async {
                let client = connect(&settings).await?;
                client.get_topics_of_namespace(namespace, Mode::Persistent).await
            };
            let found: Vec<String> = list.await.map_err(|error| problem(&name, &error))?;
            let part = format!("{name}-partition-");
            Ok(found.iter().any(|found| *found == name || found.starts_with(&part)))
        })
    }

    /// Whether a topic is not there, though the broker may make it when it is subscribed to; the names of the others in its
    /// namespace then. What may not be listed is taken to be there.
    pub fn missing(&self, topic: &str) -> Result<Option<Vec<String>>, Error> {
        let (settings, name) = (Arc::clone(&self.settings), topic.to_owned());
        self.ask(topic, async move {
            let client = connect(&settings).await.map_err(|error| problem(&name, &error))?;
            let count = client.lookup_partitioned_topic_number(&name).await.map_err(|error| problem(&name, &error))?;
            let namespace = name.split_once("://").and_then(|(_, rest)| Some(rest.rsplit_once('/')?.0.to_owned()));
            let (0, Some(namespace)) = (count, namespace) else { return Ok(None) };
            let mut found = match client.get_topics_of_namespace(namespace, Mode::Persistent).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::debug!(%error, "the topics of the namespace cannot be listed");
                    return Ok(None);
                }
            };
            // Partitions are parts of one topic.
            for topic in &mut found {
                if let Some((whole, number)) = topic.rsplit_once("-partition-")
                    && number.bytes().all(|byte| byte.is_ascii_digit())
                {
                    *topic = whole.to_owned();
                }
            }
            found.sort_unstable();
            found.dedup();
            Ok((!found.contains(&name)).then_some(found))
        })
    }

    /// Whether a partition's topic still holds everything behind a position.
    pub fn behind(&self, topic: &str, after: Position) -> Result<TopicRemainder, Error> {
        let (settings, name) = (Arc::clone(&self.settings), topic.to_owned());
        self.ask(topic, async move {
            let client = connect(&settings).await.map_err(|error| problem(&name, &error))?;
            Ok(match probe(&client, &name, after).await? {
                ProbeResult::Whole { next, .. } => TopicRemainder::Whole(next),
                ProbeResult::Gap(gap) => TopicRemainder::Gap(gap),
                ProbeResult::Ends(end) => TopicRemainder::Other(end),
            })
        })
    }

    /// Looks at so many messages of a partition's topic behind a position (its beginning: [`Position::START`]).
    pub fn look(&self, topic: &str, after: Position, messages: usize) -> Result<Peek, Error> {
        let (settings, name) = (Arc::clone(&self.settings), topic.to_owned());
        self.ask(topic, async move {
            let client = connect(&settings).await.map_err(|error| problem(&name, &error))?;
            let mut options =
                ConsumerOptions::default().durable(false).with_initial_position(InitialPosition::Earliest);
            if let Some(entry_id) = after.offset.checked_sub(1) {
                let id = MessageIdData { ledger_id: after.file, entry_id, ..MessageIdData::default() };
                options = options.starting_on_message(id);
            }
            let reader = client.reader().with_topic(&name).with_options(options).into_reader::<Vec<u8>>();
            let mut reader = reader.await.map_err(|error| problem(&name, &error))?;
            let (mut look, mut schemas, mut bytes, mut marks) = (Peek::default(), Schemas::default(), vec![], vec![]);
            let (mut start, mut end) = (after, after);
            while look.keys.len() < messages && bytes.len() < LOOK_BYTES {
                let Ok(next) = tokio::time::timeout(SILENCE, reader.next()).await else { break };
                let message = next.ok_or_else(|| silent(&name))?.map_err(|error| problem(&name, &error))?;
                let id = message.message_id();
                let place = Position::at(id.ledger_id, id.entry_id);
                if place < after {
                    continue;
                }
                if look.first.is_none() {
                    (look.first, start) = (Some(place), place);
                }
                end = end.max(place.plus(1));
                let (metadata, index) = (&message.payload.metadata, id.batch_index.unwrap_or_default());
                let position = Position::message(place.file, place.offset, u32::try_from(index).unwrap_or_default());
                let at = u32::try_from(bytes.len()).expect("less is looked at than 4 GiB");
                marks.push(Mark { at, position, received: None, key: Some(key_of(metadata)) });
                look.keys.push((message.key().unwrap_or_default(), metadata.producer_name.clone()));
                let version = metadata.schema_version.clone().filter(|version| !version.is_empty());
                let data = match version {
                    None => on_one_line(message.payload.data),
                    Some(version) => schemas.of(&client, &name, &version).await?.text(message.payload.data),
                };
                bytes.extend_from_slice(&data);
                if data.last() != Some(&b'\n') {
                    bytes.push(b'\n');
                }
            }
            let (payload, origin) = (Payload::Lines(bytes), name.as_str().into());
            let block = Block { payload, start, end, origin, marks, preceding: None };
            look.remark = schemas.remark();
            look.block = look.first.map(|_| block);
            Ok(look)
        })
    }
}
