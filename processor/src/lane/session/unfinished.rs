//! What a session is at between two slices of its lane's work, and how far it may go in one.

use timeline_core::Time;
use timeline_core::incremental::EndCopy;

/// What a session was at when its lane looked up between two of its timers. Its row is on the way, and speaks of the last
/// timer that it went through; what was decided before stays decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lane) enum UnfinishedStep {
    /// Going on to the instant of its next event, which it lives to see.
    Event,
    /// Ending at an instant.
    Close {
        at: Time,
        reason: EndReason,
        /// Whether its last reading was told, and only its alerts are yet to end.
        told: bool,
    },
}

/// What came of an event, or of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lane) enum StepResult {
    /// It happened.
    Done,
    /// The event goes with a session that is over.
    Beside,
    /// There are more timers before it; the same step is to be made again.
    Paused,
}

/// How work on a session goes on: from where it was, through so many timers at most.
#[derive(Debug)]
pub(in crate::lane) struct TimerBudget {
    pub doing: Option<UnfinishedStep>,
    /// How far it was looked for an end that is made of timelines.
    pub ahead: Option<EndCopy>,
    /// When the session next changes by itself, if it was looked for such an end and has none yet.
    pub change: Option<Time>,
    pub most: u64,
}

impl TimerBudget {
    /// From what it was at, if anything.
    pub(in crate::lane) fn new(doing: Option<UnfinishedStep>, most: u64) -> Self {
        TimerBudget { doing, ahead: None, change: None, most }
    }
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lane) enum EndReason {
    EndEvent,
    MaxAge,
    Silence,
}

impl UnfinishedStep {
    /// As an image has it: the sort, and the instant.
    pub(in crate::lane) fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        let (sort, at) = match self {
            UnfinishedStep::Event => (0, 0),
            UnfinishedStep::Close { at, reason, told } => {
                let sort = match reason {
                    EndReason::EndEvent => 1,
                    EndReason::MaxAge => 3,
                    EndReason::Silence => 5,
                };
                (sort + u8::from(told), at)
            }
        };
        bytes[0] = sort;
        bytes[1..].copy_from_slice(&at.to_le_bytes());
        bytes
    }

    /// What an image says; `None` for what none says.
    pub(in crate::lane) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sort, at) = bytes.split_first()?;
        let at = Time::from_le_bytes(at.try_into().ok()?);
        let reason = match sort {
            0 => return Some(UnfinishedStep::Event),
            1 | 2 => EndReason::EndEvent,
            3 | 4 => EndReason::MaxAge,
            5 | 6 => EndReason::Silence,
            _ => return None,
        };
        Some(UnfinishedStep::Close { at, reason, told: sort % 2 == 0 })
    }

    pub(super) fn closing((at, reason): (Time, EndReason)) -> Self {
        UnfinishedStep::Close { at, reason, told: false }
    }
}
