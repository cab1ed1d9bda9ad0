//! Windows of the clock as rows: when one is over, where it lies in its session, and when it is read.
//!
//! | session | a window is over | and ends |
//! |---|---|---|
//! | open | when the horizon has reached its end | there, at its left limit |
//! | open, and silence ends it unbilled | when an event has come at or behind its end | there, at its left limit |
//! | closed | always | there, or where the session is read, at its right limit |
//!
//! A window that begins where a closed session is read is one only for what jumped there.
//! States are read at the last instant of the row: at the left limit of its end, or at the instant of a row without length.

use super::piecewise::ShownExtent;
use super::readings::read_at;
use super::session::Session;
use crate::{Plan, Time};

/// A row of a session, or of one window of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ReferenceRow {
    /// Its first instant.
    pub start: Time,
    /// The first instant after it; none while it is open.
    pub end: Option<Time>,
    /// Whether nothing changes it any more.
    pub is_final: bool,
    /// When it is read.
    pub at: Time,
    /// Whether that is just before what happens there.
    pub before: bool,
    /// Whether it is one only for what jumped at its instant.
    pub needs_jump: bool,
    /// Whether its session ended within it.
    pub is_last: bool,
}

impl ReferenceRow {
    /// The row of a session that is not told by windows.
    pub(super) fn whole(plan: &Plan, session: &Session, horizon: Time) -> Self {
        let at = read_at(plan, session, horizon).limit();
        let is_final = session.close.is_some();
        let end = is_final.then_some(at);
        let start = session.origin;
        ReferenceRow { start, end, is_final, at, before: false, needs_jump: false, is_last: is_final }
    }

    /// The row of a window, from its beginning to its end.
    pub(super) fn of(plan: &Plan, session: &Session, horizon: Time, (begin, end): (Time, Time)) -> Self {
        let whole = ReferenceRow { start: begin.max(session.origin), ..ReferenceRow::whole(plan, session, horizon) };
        let limit = whole.at;
        let over = ReferenceRow { end: Some(end), is_final: true, at: end, before: true, is_last: false, ..whole };
        if session.close.is_some() {
            return if end <= limit { over } else { ReferenceRow { needs_jump: begin == limit, ..whole } };
        }
        let silence_decides = plan.end.silence.is_some() && !plan.end.billed;
        let known = if silence_decides { session.last } else { limit };
        match (end <= known, end <= limit) {
            (true, _) => over,
            (false, true) => ReferenceRow { end: None, is_final: false, ..over },
            (false, false) => whole,
        }
    }

    /// Where states are read that it is grouped by: at an instant, or just before it.
    pub(super) fn groups_at(&self) -> (Time, bool) {
        (self.at, self.before || (self.is_final && self.start < self.at))
    }

    /// How far its spans go.
    pub(super) fn extent(&self) -> ShownExtent {
        if self.before || self.is_final { ShownExtent::UpTo(self.at) } else { ShownExtent::Through(self.at) }
    }
}
