//! Apache Pulsar: partitions of topics as sources, and topics as places to publish to.
//!
//! The only module that names the `pulsar` crate. What it relies on, and what it works around, read in that crate's source:
//!
//! * The position is the truth, never the subscription's cursor. What comes again (a reconnect, an unload, a restart of
//!   the broker) is dropped by its place; nothing ever seeks. The cursor follows an entry behind the oldest kept checkpoint,
//!   and is what makes the broker keep the rest. Where it is ahead of the position, another cursor reads up to it.
//! * An `Err` out of the crate's stream may be followed by silence for ever, and `None` says that its task has died; in
//!   both cases the consumer and its connection are dropped and built anew, with a growing pause and a line in the log.
//! * Calls such as "what is the last message?" wait behind undelivered messages, so they are made only while nothing is
//!   delivered, or by a reader of their own.
//!
//! The crate is asynchronous and a [`crate::Source`] is not: one thread of a [`Client`] runs everything that waits for brokers,
//! and each source takes ready blocks out of a bounded queue.
//!
//! **Invariant:** a block ends where an entry ends. So a position between two blocks says which entries were read, whole
//! entries are acknowledged, and a batch that was cut off by a lost connection is read again from its beginning.

mod acknowledged;
mod address;
mod bare;
mod client;
mod connection;
mod gather;
mod handshake;
mod line;
mod peek;
mod probe;
mod problem;
mod publisher;
mod reader;
mod router;
mod schema;
mod settings;
mod source;
mod topic_producer;
mod window;

pub use address::{Address, AddressError};
pub use client::Client;
pub use peek::{Peek, TopicRemainder};
pub use publisher::{Compression, Outgoing, PublishOptions, TopicPublisher};
pub use router::partition_of;
pub use settings::{BrokerSettings, Credentials, Subscription};
pub use source::PulsarSource;
pub use topic_producer::TopicProducer;
