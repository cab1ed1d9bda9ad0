//! What the sessions of a log were at an instant of event time: the log is read again, and cut there.
//!
//! **Invariant:** it is what [`batch`](crate::batch) says of the same log with `until`: events after the instant are left
//! out once it was judged whether they are late, what silence and age have ended by then is over, and the rest is read at
//! the instant.

use crate::lane::{Lane, SessionOutput};
use crate::records::SessionSnapshot;
use crate::replay::{self, ReplayLogs};
use crate::wanted::IsWanted;
use event_feeder::{DecodedEvent, Error};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct AsOfQuestion<'a> {
    /// The instant.
    pub at: Time,
    /// Index of the metric whose values are wanted.
    pub metric: usize,
    /// Whose sessions; of all if nothing is said.
    pub keys: Option<&'a BTreeSet<String>>,
    /// Rows at the most; a session counts as one at least.
    pub rows_max: usize,
    /// Whether somebody still waits for it.
    pub is_wanted: IsWanted<'a>,
}

/// Sessions as they were.
#[derive(Debug, Default)]
pub(crate) struct AsOfSessions {
    /// Those that had begun, those that were over included, in no order; with values of the metric alone.
    pub sessions: Vec<SessionSnapshot>,
    /// Rows of them. More than were to be told if they are not all: then reading ended before its end.
    pub rows: usize,
}

impl AsOfSessions {
    fn add(&mut self, metric: usize, mut session: SessionSnapshot) {
        for own in (0..session.shares.len()).filter(|own| *own != metric) {
            session.shares[own] = vec![];
            session.groups.get_mut(own).into_iter().for_each(Vec::clear);
        }
        session.turns = vec![];
        session.open_alerts = vec![];
        self.rows += session.shares[metric].len().max(1);
        self.sessions.push(session);
    }
}

/// Reads logs again through an instant. Not to the end if there are too many rows, or nobody wants them.
pub(crate) fn replay(
    plan: &Arc<Plan>,
    logs: ReplayLogs<'_>,
    question: AsOfQuestion<'_>,
) -> Result<AsOfSessions, Error> {
    let AsOfQuestion { at, metric, keys, rows_max, is_wanted } = question;
    let mut lane: Lane = Lane::new(Arc::clone(plan), Some(at));
    let mut told = AsOfSessions::default();
    replay::replay(&mut lane, logs, Some(at), |lane, batch, watermarks, _| {
        let wanted = |event: &DecodedEvent| keys.is_none_or(|keys| keys.contains(batch.text(event.key)));
        let own = (0..).zip(&batch.events).filter(|(_, event)| wanted(event)).map(|(i, _)| i);
        lane.take(batch, &own.collect::<Vec<u32>>(), watermarks);
        let (outcome, _) = lane.drain();
        outcome.closed.into_iter().for_each(|session| told.add(metric, session));
        told.rows <= rows_max && is_wanted()
    })?;
    let (outcome, _) = lane.drain();
    outcome.closed.into_iter().for_each(|session| told.add(metric, session));
    if told.rows > rows_max {
        return Ok(told);
    }
    let mut outcome = SessionOutput::default();
    lane.read(at, &mut outcome, |session| told.add(metric, session));
    outcome.closed.into_iter().for_each(|session| told.add(metric, session));
    Ok(told)
}
