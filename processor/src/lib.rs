//! The durable processor: lanes, watermark, checkpoints, results, queries.
//!
//! | module | is |
//! |---|---|
//! | [`records`] | what sessions come to, as all of these hand it on |
//! | [`lane`], [`pipeline`] | sessions of one thread; the threads of one partition |
//! | [`feed`] | the logs of a partition's sources, read side by side |
//! | [`batch`] | evaluation of a log at one go, without state |
//! | [`log_position`] | how far the logs of a partition have been read |
//! | [`watermark`] | what lateness is judged by |
//! | [`time_jumps`] | events far ahead of their log, because of which others are late |
//! | [`input`] | what a source is bound to: a log of partitions |
//! | [`retained`] | the retained log: events of a live log, for replays |
//! | `replay`, `as_of`, `spans`, `story` | logs that are read once more, for what only that can say |
//! | [`partition`], [`checkpoint`], [`results`] | the loop of a durable partition, its checkpoints, its history |
//! | [`damage`], [`code`] | what of all that is missing or broken; the codes that say so |
//! | [`outputs`] | results on their way out: published as they are committed |
//! | [`totals`], [`rows`], `outliers` | from sessions to answers |
//! | [`service`], [`programs`], [`engine`] | all partitions and the deployed programs; what can be asked of them |
//! | [`sql`], [`http`], `postgres` | how it is asked |
//! | `members`, `peers` | processors that share a state, and what they ask each other |
//! | [`server`], [`questions`] | threads and places of those who ask; how many questions are at work at a time |
//! | `measured` | what the process measures of itself |
//!
//! Modules are in layers, of which each knows only those below it: `ARCHITECTURE.md` has them, `tests/tidy/layers.rs` the
//! table by module.
//!
//! # Glossary
//!
//! Beside that of [`timeline_core`]:
//!
//! * **lane thread**: the one that owns a [lane](timeline_core); what others call a subtask. It is no worker: that is a node.
//! * **time jump**: an event that is far ahead of all before it in its log, so that what follows is late.
//! * **sink**: where results go that are published, a topic of a broker; each output has one. What an evaluation finds on
//!   its way (windows, alerts, events that are counted) is its *evaluation output*, and of a lane the *lane output*.
//! * **reorder buffer**: events of a lane that wait until the watermark is beyond them.
//! * **barrier**: a point between two blocks of the log that all lanes come to; a checkpoint is cut there, an answer read.
//! * **backpressure**: queues are bounded, so that whoever reads a log waits for the lanes, and the lanes for the disk.
//! * **checkpoint**: sessions, positions, results and messages of one barrier, committed as one; so each record counts
//!   *exactly once*, whatever stops in between: what comes behind the last checkpoint is read and made again, to the same bytes.
//! * **head**: the one object that says which checkpoint is the last; its **generation** fences an owner that was replaced.
//! * **outbox**: messages that are committed with a checkpoint and published after it.
//! * **retained log**: events of a live log that are kept for replays; a **replay** reads a log once more, judged as before.
//! * **unread prefix**: what a log had before it was first read, so that sessions that began there are partial.
//! * **source progress**: how far one source of a partition is, at work; its **log position** is what of that is durable.
//! * **idle**: of a log from which nothing comes for as long as its source allows; an **idle advance** moves its watermark on.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod as_of;
pub mod batch;
mod connection;
pub mod damage;
pub mod engine;
pub mod feed;
pub mod file_counts;
#[cfg(feature = "flight")]
pub mod flight;
pub mod history;
pub mod http;
pub mod input;
mod labels;
pub mod lane;
pub mod log_position;
pub mod measured;
mod members;
pub mod memory;
pub mod operators;
mod outliers;
pub mod outputs;
pub mod partition;
mod peers;
pub mod pipeline;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod programs;
pub mod questions;
mod recent;
pub mod records;
pub mod remarks;
mod replay;
pub mod results;
pub mod retained;
pub mod rows;
pub mod server;
pub mod service;
mod spans;
pub mod sql;
mod start_markers;
mod story;
pub mod time_jumps;
#[cfg(feature = "postgres")]
pub mod tls;
pub mod tokens;
pub mod totals;
pub mod traced;
#[cfg(any(feature = "sql", feature = "lake"))]
mod url;
mod wanted;
pub mod watermark;

pub use timeline_checkpoint as checkpoint;
pub use timeline_checkpoint::code;
