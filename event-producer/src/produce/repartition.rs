//! From one topic to another, each event to the partition of the key that a program names: a topic that was keyed by
//! another column becomes one in which every session is in one partition.
//!
//! Every record becomes a message of its own, with its key and its event time; what cannot be read by the program goes on as
//! it is, so that whoever reads the new topic sets aside what would have been set aside in the old one.
//!
//! **Invariant:** in which order records are written follows from the messages of the old topic alone: of the next records of
//! its partitions the one goes first whose message was published first. Only `follow` goes on while a partition has nothing.
//!
//! **Invariant:** a place is noted once the broker has everything before it. So nothing is lost by a crash, and what was
//! written since the last note, about a second of records, is written again, in the same order.

mod input;
mod progress;

use super::Tell;
use super::access::Access;
use event_feeder::pulsar::{Address, Client, Compression, Outgoing, PublishOptions, TopicPublisher, partition_of};
use event_feeder::{AcceptGaps, pulsar::Subscription};
use input::{RepartitionInput, RepartitionRecord};
use progress::RepartitionProgress;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use timeline_core::plan::SourceDefinition;

/// What is read, what is written, and where it is noted how far that is.
#[derive(Clone, Debug)]
pub struct Repartition {
    /// The topic that is read.
    pub from: Address,
    /// The topic that is written; it must be there, with the partitions that it is to have.
    pub to: Address,
    /// What names the key and the time of its events.
    pub source: SourceDefinition,
    /// The subscription under which it is read.
    pub subscription: String,
    /// Where it is noted how far it has come; names of the topics in the current folder if not given.
    pub progress: Option<PathBuf>,
    /// Whether it goes on when it has read what the topic held at its start.
    pub follow: bool,
    /// Messages that go to the broker together at most.
    pub batch: u32,
    /// How messages are packed.
    pub compression: Compression,
    /// How brokers are reached.
    pub access: Access,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repartitioned {
    /// Records written.
    pub records: u64,
    /// Those of them that have no key or time that the program could use.
    pub unusable: u64,
    /// Where it is noted how far it has come.
    pub progress: PathBuf,
    /// The subscription that stays, for a later call to go on.
    pub subscription: String,
    /// Whether it was asked to stop before it was at its end.
    pub stopped: bool,
}

impl fmt::Display for Repartitioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repartitioned { records, unusable, progress, subscription, stopped } = self;
        let how = if *stopped { "stopped after" } else { "wrote" };
        write!(f, "{how} {records} records by the program's key")?;
        if *unusable > 0 {
            write!(f, ", {unusable} of them as they are, for they have no key or time that it could use")?;
        }
        write!(
            f,
            "\nhow far it has come is in {}; a later call goes on from there, for which subscription {subscription} stays",
            progress.display()
        )
    }
}

/// Why it did not get there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A topic.
    #[error("[{code}] {0}: {help}", code = .0.code(), help = .0.code().help())]
    Topic(#[from] event_feeder::Error),
    /// What was asked for cannot be done.
    #[error("{0}")]
    Wrong(String),
    /// The note of how far it has come.
    #[error("{}: {reason}", path.display())]
    Progress {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Time between two notes.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// How long it sleeps when no topic has anything.
const IDLE: Duration = Duration::from_millis(5);

/// Writes records until the topic's end as it is now, or until it is asked to stop; tells with each note how many are written.
pub fn repartition(options: &Repartition, stop: &AtomicBool, tell: Tell<'_>) -> Result<Repartitioned, Error> {
    let Repartition { from, to, subscription, follow, .. } = options;
    let reader = options.access.client(&from.broker)?;
    let parts = parts(&reader, options)?;
    let mut progress = RepartitionProgress::open(options)?;
    let open = |topic: &String| {
        let after = progress.of(topic);
        let (name, queue, accept) = (subscription.clone(), Subscription::QUEUE, AcceptGaps::None);
        // An entry is read as a whole; what of it was written already is not written again.
        let at = event_feeder::Position { part: 0, ..after };
        let source = reader.subscribe(Subscription { topic: topic.clone(), name, after: at, queue, accept })?;
        RepartitionInput::new(source, &options.source, after, *follow)
    };
    let mut inputs = parts.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let publishing =
        PublishOptions { batch: options.batch, compression: options.compression, ..PublishOptions::default() };
    let mut publisher = TopicPublisher::open(&options.access.client(&to.broker)?, &to.topic, &publishing)?;
    let mut done = Repartitioned { subscription: subscription.clone(), ..Repartitioned::default() };
    let mut noted = Instant::now();
    loop {
        let next = next(&mut inputs, *follow)?;
        let over = stop.load(Ordering::Relaxed) || matches!(next, NextPartition::End);
        if over || noted.elapsed() >= NOTE_EVERY {
            publisher.flush()?;
            inputs.iter().for_each(|input| progress.note(input.topic(), input.at()));
            progress.store()?;
            inputs.iter_mut().for_each(RepartitionInput::committed);
            tell(done.records);
            noted = Instant::now();
        }
        match next {
            _ if over => {
                done.stopped = !matches!(next, NextPartition::End);
                done.progress = progress.path().to_owned();
                return Ok(done);
            }
            NextPartition::Of(at) => {
                let Some(RepartitionRecord { key, time_ms, payload, .. }) = inputs[at].take() else { continue };
                done.records += 1;
                done.unusable += u64::from(key.is_none());
                let key = key.unwrap_or_default();
                let partition = partition_of(&key, publisher.partitions());
                publisher.send(partition, Outgoing { key, event_time_ms: time_ms, payload, properties: vec![] })?;
            }
            NextPartition::Nobody | NextPartition::End => std::thread::sleep(IDLE),
        }
    }
}

/// The topics of the partitions that are read, if all is there that is needed.
fn parts(reader: &Client, options: &Repartition) -> Result<Vec<String>, Error> {
    let Repartition { from, to, .. } = options;
    if from == to {
        return Err(Error::Wrong(format!("{from} cannot be written while it is read: name another topic with --to")));
    }
    if !reader.exists(&from.topic)? {
        return Err(Error::Wrong(format!("{} has no {}: check its name", from.broker, from.topic)));
    }
    if !options.access.client(&to.broker)?.exists(&to.topic)? {
        return Err(Error::Wrong(format!(
            "{} has no {}: make it first, with the partitions that it is to have, such as with \
             `pulsar-admin topics create-partitioned-topic {} --partitions 4`",
            to.broker, to.topic, to.topic
        )));
    }
    Ok(reader.partitions(&from.topic)?)
}

/// Whose record comes next.
enum NextPartition {
    Of(usize),
    /// Some partition has to be waited for.
    Nobody,
    End,
}

fn next(inputs: &mut [RepartitionInput], follow: bool) -> Result<NextPartition, Error> {
    let (mut first, mut waits, mut all_over) = (None, false, true);
    for (at, input) in inputs.iter_mut().enumerate() {
        let head = input.head()?;
        match head {
            input::NextRecord::Published(time) => {
                if first.is_none_or(|(known, _)| time < known) {
                    first = Some((time, at));
                }
            }
            input::NextRecord::Drained if follow => {}
            input::NextRecord::Drained | input::NextRecord::Waiting => waits = true,
            input::NextRecord::Over => continue,
        }
        all_over = false;
    }
    Ok(match first {
        Some((_, at)) if !waits => NextPartition::Of(at),
        _ if all_over => NextPartition::End,
        _ => NextPartition::Nobody,
    })
}
