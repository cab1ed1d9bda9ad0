//! Events that came too late, and why.

use compact_str::CompactString;
use event_feeder::Position;
use timeline_core::Time;

/// An event that came too late, or after its session was over.
#[derive(Clone, Debug, PartialEq)]
pub struct LateEvent {
    /// The key.
    pub key: CompactString,
    /// The event's time.
    pub time: Time,
    /// Where its record begins.
    pub position: Position,
    /// Why it is late.
    pub reason: LateReason,
    /// Whether it counts all the same: the source repairs.
    pub repaired: bool,
}

/// Why an event is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LateReason {
    /// It was behind the watermark.
    BehindWatermark,
    /// It was behind the watermark only because the log had been silent.
    Idle,
    /// Its session was over: by an event, no longer ago than the source lingers.
    SessionClosed,
}

impl LateEvent {
    /// Whether it does not count because the log was ahead of it.
    pub fn is_lost_behind(&self) -> bool {
        self.reason == LateReason::BehindWatermark && !self.repaired
    }
}

impl LateReason {
    /// Every reason.
    pub const ALL: [LateReason; 3] = [LateReason::BehindWatermark, LateReason::Idle, LateReason::SessionClosed];

    /// As the ledger of late events says it.
    pub fn name(self) -> &'static str {
        match self {
            LateReason::BehindWatermark => "behind the watermark",
            LateReason::Idle => "idle",
            LateReason::SessionClosed => "session closed",
        }
    }
}
