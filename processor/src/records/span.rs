//! Spans of timelines.

use compact_str::CompactString;
use timeline_core::Time;
use timeline_core::incremental::{Dimensions, TimelineValue};

/// A span of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedSpan {
    /// The session's key.
    pub key: CompactString,
    /// Where the session began.
    pub session: Time,
    /// Index of the timeline: of the metric, or of the node.
    pub root: usize,
    /// The dimensions of the share.
    pub dimensions: Dimensions,
    /// First instant.
    pub start: Time,
    /// First instant after it; `None` while open.
    pub end: Option<Time>,
    /// What it says at its start.
    pub reading: TimelineValue,
}
