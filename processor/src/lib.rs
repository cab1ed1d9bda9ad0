//! The durable processor: lanes, watermark, checkpoints, results, queries.
