//! Sources of events: files, standard input and topics, decoded to the columns that queries read.
//!
//! A [`Source`] hands out [`Block`]s of raw records in log order; a [`Decoder`] turns a block into a [`Batch`] of packed
//! events. Reading needs one thread; decoding is pure calculation and can be spread over several.
//!
//! Bad input is never lost in silence and never stops anything: what cannot be used becomes a [`DeadLetter`] with a stable
//! [`RecordCode`], its position and the beginning of its record. Only a log that is not what it was stops a source, as an
//! [`Error`].
//!
//! ```
//! use event_feeder::{Decoder, Next, Source, StreamSource};
//! use timeline_core::plan::{FieldPath, SourceColumn, TimeUnit};
//! use timeline_core::Type;
//!
//! let declared = timeline_core::plan::SourceDefinition {
//!     name: "player".into(),
//!     key: vec![FieldPath::name("session")],
//!     time: FieldPath::name("ts"),
//!     time_unit: TimeUnit::Milliseconds,
//!     order: None,
//!     lateness: 0,
//!     future: None,
//!     idle: timeline_core::plan::Idle::Usual,
//!     repair: None,
//!     csv: timeline_core::plan::Csv::default(),
//! };
//! let columns = [SourceColumn { name: "state".into(), path: FieldPath::name("state"), ty: Type::String, source: 0, nulls: Default::default() }];
//! let input = "{\"session\":\"a\",\"ts\":1700000000123,\"state\":\"play\"}\nnot a record\n";
//!
//! let mut source = StreamSource::new(input.as_bytes(), "standard input", None)?;
//! let mut decoder = Decoder::new(&declared, &columns);
//! let Next::Block(block) = source.next()? else { panic!("there is one") };
//! let batch = decoder.decode(block);
//! assert_eq!(batch.events[0].time, 1_700_000_000_123_000_000);
//! assert_eq!(batch.text(batch.events[0].key), "a");
//! assert_eq!(batch.dead[0].code.as_str(), "TL2002");
//! # Ok::<(), event_feeder::Error>(())
//! ```

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod batch;
mod code;
mod csv;
mod cutter;
mod decode;
mod error;
pub mod file;
mod format;
mod gap;
mod hash;
mod packed;
mod position;
#[cfg(feature = "pulsar")]
pub mod pulsar;
mod sniff;
mod source;
mod stream;
mod table;
pub mod world;

pub use batch::{Batch, DeadLetter, DecimalSigns, DecodedEvent, LastTime, RecordTraits, Slice, ValueSample};
pub use code::RecordCode;
pub use decode::{Decoder, Preceding, fields_read};
pub use error::{Error, Notice};
pub use file::FileSource;
pub use format::Format;
pub use gap::{AcceptGaps, Gap};
pub use hash::key_hash;
pub use position::Position;
pub use sniff::{Sniffed, sniff, sniff_file};
pub use source::{Block, Mark, MessageKey, Next, Payload, Source, Target, UnendedRecord};
pub use stream::StreamSource;
pub use table::{FaultKind, MAX_TABLE_BYTES, TableFault, TableFile, pack, read_table, too_large, unpacked};
