//! Alerts of sessions: when they were on.

use compact_str::CompactString;
use timeline_core::{Time, Value};

/// A span of an alert of some session.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// The session's key.
    pub key: CompactString,
    /// Index of the alert in the plan.
    pub alert: usize,
    /// When it began.
    pub start: Time,
    /// When it ended; `None` while it is on.
    pub end: Option<Time>,
    /// What is shown beside it, as it was when it began.
    pub with: Vec<Option<Value>>,
}

/// The alerts of live sessions, as they are just before an instant.
#[derive(Debug, Default)]
pub struct LiveAlerts {
    /// Spans that ended by timers which the lane has not come to yet.
    pub ended: Vec<AlertRow>,
    /// Alerts that are on.
    pub open: Vec<AlertRow>,
}
