//! Cutting the events of one key into sessions, on event time only.
//!
//! Decisions:
//! * The origin is the first event. Events after the horizon are dropped before anything else (the `--until` cut).
//! * **End event** at `t`: all events at `t` belong to the session, which closes at `t`, after the whole instant.
//! * **Silence** `D`: an event at exactly `last + D` continues the session; otherwise it closes at `last + D`,
//!   which is known only *beyond* that instant (`horizon > last + D`).
//! * **Maximum age** `A`: events at or before `origin + A` belong; it closes at `origin + A`, that instant included.
//! * An end event that is made of timelines may come without an event of the session; otherwise it is like any other.
//! * Whichever comes first closes. At one instant an end event goes before age, and age before silence,
//!   for silence is only known when the instant has passed.
//! * The next event begins a new session, however soon after the close. Where the source lingers and an event ended the
//!   session, those up to `close + linger` are stragglers first; they make that no longer.
//!
//! Sums of times saturate.

use super::whole::{NodeTimeline, matches, occurrences, whole};
use crate::plan::Op;
use crate::{Plan, Record, Time};

/// All events of one key between its first event and its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The time of the first event.
    pub origin: Time,
    /// The time of the last event.
    pub last: Time,
    /// How far it is looked at.
    pub horizon: Time,
    /// How it ended; `None` while it is open.
    pub close: Option<Close>,
    /// Its events, by [`Record::sort_key`]; at least one.
    pub records: Vec<Record>,
}

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// When.
    pub at: Time,
    /// By which rule.
    pub reason: CloseReason,
}

/// The rule that ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// An event that the source's end predicate matches.
    EndEvent,
    /// A gap that was too long.
    Silence,
    /// The age that a session may reach.
    MaxAge,
}

/// Cuts the events of one key, sorted by [`Record::sort_key`], into sessions and stragglers; see the module.
pub fn sessions(plan: &Plan, records: Vec<Record>, horizon: Time) -> (Vec<Session>, Vec<Record>) {
    let (mut done, mut stragglers): (Vec<Session>, Vec<Record>) = (vec![], vec![]);
    let mut current: Option<Session> = None;
    for record in records.into_iter().filter(|r| r.time <= horizon) {
        let t = record.time;
        if let Some(session) = &mut current {
            session.close = session.close.or_else(|| closed_before(plan, session, t));
        }
        match &mut current {
            Some(session) => match session.close {
                None => session.take(plan, record),
                // The end takes effect after the whole instant.
                Some(close) if t <= close.at => session.take(plan, record),
                Some(close) if lingers(plan, close, t) => stragglers.push(record),
                Some(_) => done.extend(current.replace(Session::begin(plan, record, horizon))),
            },
            None => current = Some(Session::begin(plan, record, horizon)),
        }
    }
    if let Some(session) = &mut current {
        session.close = session.close.or_else(|| closed_at_horizon(plan, session, horizon));
    }
    done.extend(current);
    (done, stragglers)
}

impl Session {
    fn begin(plan: &Plan, record: Record, horizon: Time) -> Self {
        let mut session = Session { origin: record.time, last: record.time, horizon, close: None, records: vec![] };
        session.take(plan, record);
        session
    }

    fn take(&mut self, plan: &Plan, record: Record) {
        self.last = record.time;
        if is_end(plan, &record) {
            self.close = Some(Close { at: record.time, reason: CloseReason::EndEvent });
        }
        self.records.push(record);
    }
}

/// Whether an event after the close still goes with the session that ended.
fn lingers(plan: &Plan, close: Close, t: Time) -> bool {
    close.reason == CloseReason::EndEvent && t <= close.at.saturating_add(plan.end.linger)
}

/// The close of an open session that the next event, at `t`, finds already behind it.
fn closed_before(plan: &Plan, session: &Session, t: Time) -> Option<Close> {
    deadline(plan, session).filter(|close| t > close.at)
}

/// The close of a session for which no event is left, if it is due by the horizon.
fn closed_at_horizon(plan: &Plan, session: &Session, horizon: Time) -> Option<Close> {
    deadline(plan, session).filter(|close| match close.reason {
        CloseReason::Silence => horizon > close.at,
        CloseReason::EndEvent | CloseReason::MaxAge => horizon >= close.at,
    })
}

/// How the session closes if no event comes any more.
fn deadline(plan: &Plan, session: &Session) -> Option<Close> {
    let first = |closes: [Option<Close>; 2]| closes.into_iter().flatten().min_by_key(|close| close.at);
    first([derived_end(plan, session), limit(plan, session)])
}

/// The first end event that is made of timelines.
fn derived_end(plan: &Plan, session: &Session) -> Option<Close> {
    let when = plan.end.when.filter(|when| !matches!(plan.node(*when).op, Op::Event(_)))?;
    match &whole(plan, session)[when.index()] {
        NodeTimeline::Events(events) => {
            let end = events.iter().find(|event| matches(&event.payload))?;
            Some(Close { at: end.time, reason: CloseReason::EndEvent })
        }
        _ => None,
    }
}

fn limit(plan: &Plan, session: &Session) -> Option<Close> {
    let age = plan.end.max_age.map(|a| Close { at: session.origin.saturating_add(a), reason: CloseReason::MaxAge });
    let silence = plan.end.silence.map(|d| Close { at: session.last.saturating_add(d), reason: CloseReason::Silence });
    match (age, silence) {
        (Some(age), Some(silence)) if age.at <= silence.at => Some(age),
        (age, silence) => silence.or(age),
    }
}

fn is_end(plan: &Plan, record: &Record) -> bool {
    plan.end.when.is_some_and(|node| match &plan.node(node).op {
        Op::Event(expression) => {
            occurrences(expression, std::slice::from_ref(record)).iter().any(|o| matches(&o.payload))
        }
        // What is made of timelines is known when the instant is over.
        _ => false,
    })
}
