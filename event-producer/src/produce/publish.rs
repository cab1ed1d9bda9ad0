//! A log on its way to a topic: each session's events to one partition, one or several of them in a message.

use super::access::Access;
use super::rate_limit::RateLimit;
use super::{Delivery, Summary, Tell};
use crate::generator::Generator;
use crate::truth::TrueRow;
use event_feeder::pulsar::{Address, Compression, Outgoing, PublishOptions, TopicPublisher, partition_of};
use std::io;

/// How messages are made.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct MessageOptions {
    /// Events in a message of a topic: 1, or a block of so many lines, all of one partition
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub lines: u32,
    /// Messages that go to the broker together at most; 1 sends each on its own
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: u32,
    /// How messages are packed: none, lz4, zlib or zstd
    #[arg(long, default_value = "none", value_name = "HOW")]
    pub compression: Compression,
    /// How the broker is reached
    #[command(flatten)]
    pub access: Access,
}

impl Default for MessageOptions {
    fn default() -> Self {
        MessageOptions { lines: 1, batch: 1_000, compression: Compression::None, access: Access::default() }
    }
}

/// Why a log did not get there.
#[derive(Debug)]
pub(super) enum Error {
    Topic(event_feeder::Error),
    Rows(io::Error),
}

impl From<event_feeder::Error> for Error {
    fn from(error: event_feeder::Error) -> Self {
        Error::Topic(error)
    }
}

/// Publishes all lines of a generator, and tells how many are handed over; returns when the broker has them.
pub(super) fn publish(
    mut generator: Generator,
    address: &Address,
    delivery: &Delivery,
    mut rows: impl FnMut(&[TrueRow]) -> io::Result<()>,
    tell: Tell<'_>,
) -> Result<Summary, Error> {
    let messages = &delivery.messages;
    let client = messages.access.client(&address.broker)?;
    let publishing =
        PublishOptions { batch: messages.batch, compression: messages.compression, ..PublishOptions::default() };
    let mut publisher = TopicPublisher::open(&client, &address.topic, &publishing)?;
    let mut blocks: Vec<(u32, Outgoing)> = vec![<(u32, Outgoing)>::default(); publisher.partitions()];
    let pace = RateLimit::new(delivery.rate);
    let mut lines = 0;
    loop {
        let mut count = 0;
        while count < pace.chunk() {
            let Some(event) = generator.next_event() else { break };
            count += 1;
            let key = event.key();
            let partition = partition_of(&key, blocks.len());
            let (held, block) = &mut blocks[partition];
            if *held == 0 {
                // A message is of the time and the key of its first event.
                (block.key, block.event_time_ms) = (key, Some(event.time_ms));
            }
            event.write(&mut block.payload);
            *held += 1;
            if *held == messages.lines {
                *held = 0;
                publisher.send(partition, std::mem::take(block))?;
            }
        }
        lines += count as u64;
        rows(&generator.take_rows()).map_err(Error::Rows)?;
        if count == 0 {
            break;
        }
        tell(lines);
        pace.wait(lines);
    }
    for (partition, (held, block)) in blocks.into_iter().enumerate() {
        if held > 0 {
            publisher.send(partition, block)?;
        }
    }
    publisher.flush()?;
    let truth = generator.into_truth().map_err(|_| Error::Rows(io::Error::other("the log has no end")))?;
    rows(&truth.rows).map_err(Error::Rows)?;
    Ok(Summary { lines, totals: Some(truth.totals) })
}
