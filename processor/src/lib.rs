//! The durable processor: lanes, watermark, checkpoints, results, queries.

pub mod lane;
pub mod batch;
pub mod pipeline;
pub mod rows;
pub mod totals;
pub mod checkpoint;
pub mod partition;
pub mod results;
pub mod outliers;
pub mod story;
pub mod engine;
pub mod sql;
pub mod http;
