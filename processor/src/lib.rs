//! The durable processor: lanes, watermark, checkpoints, results, queries.
//!
//! | module | is |
//! |---|---|
//! | [`lane`], [`pipeline`] | sessions of one thread; the threads of one partition |
//! | [`feed`] | the logs of a partition's sources, read side by side |
//! | [`batch`] | evaluation of a log at one go, without state |
//! | [`reach`] | how far the logs of a partition have been read |
//! | [`watermark`] | what lateness is judged by |
//! | [`input`] | what a source is bound to: a log of partitions |
//! | [`kept`] | events of a live log, kept to be read again |
//! | [`partition`], [`checkpoint`], [`results`] | the loop of a durable partition, its checkpoints, its history |
//! | [`damage`], [`code`] | what of all that is missing or broken; the codes that say so |
//! | [`outputs`] | results on their way out: published as they are committed |
//! | [`totals`], [`rows`], [`outliers`], [`story`] | from sessions to answers |
//! | [`service`], [`programs`], [`engine`] | all partitions and the deployed programs; what can be asked of them |
//! | [`sql`], [`http`], `postgres` | how it is asked |
//! | [`questions`] | how many questions are at work at a time |
//! | `measured` | what the process measures of itself |

#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod batch;
mod begun;
pub mod checkpoint;
pub mod code;
mod connection;
pub mod damage;
pub mod engine;
pub mod feed;
pub mod http;
pub mod input;
pub mod kept;
mod labels;
pub mod lane;
mod measured;
pub mod members;
pub mod memory;
pub mod operators;
pub mod outliers;
pub mod outputs;
pub mod partition;
pub mod peers;
pub mod pipeline;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod programs;
pub mod questions;
pub mod reach;
pub mod remarks;
pub mod reread;
pub mod results;
pub mod rows;
pub mod service;
pub mod spans;
pub mod sql;
pub mod story;
pub mod totals;
pub mod watermark;
