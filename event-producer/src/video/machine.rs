//! What is true of one video session, kept as its events come in the order of event time.
//!
//! The meaning is the program's, said again in integer arithmetic: states are right-continuous, all events of an instant
//! count before anything is evaluated there, and a seek at `x` excuses buffering on `[x, x + 5s)`.
//!
//! **Invariant:** everything before `at` is accounted for; `player`, `cdn` and `excused_until` hold from `at` on.

use timeline_core::{SECOND, Time};

use super::{Action, Cdn, PlayerReport, PlayerState};
use crate::truth::{SessionReading, TruthLedger};

/// How long a seek excuses buffering.
const SEEK: Time = 5 * SECOND;
/// How long buffering lasts before the viewer counts as stuck.
const STUCK: Time = 20 * SECOND;
/// A longer silence closes the session.
pub(super) const SILENCE: Time = 30 * 60 * SECOND;

/// The accounts of a session.
#[derive(Clone, Debug)]
pub(super) struct PlayerMachine {
    pub(super) number: u32,
    start: Time,
    at: Time,
    player: PlayerState,
    cdn: Cdn,
    has_played: bool,
    excused_until: Time,
    buffering_since: Option<Time>,
    /// By CDN: whether it was in force at some instant, connection-induced rebuffering, and playing time.
    shares: [PlayerShare; Cdn::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct PlayerShare {
    in_force: bool,
    cirr: Time,
    playing: Time,
}

impl PlayerMachine {
    /// A session that begins with an event at `start` that names the player's state and the CDN.
    pub(super) fn new(number: u32, start: Time, player: PlayerState, cdn: Cdn) -> Self {
        PlayerMachine {
            number,
            start,
            at: start,
            player,
            cdn,
            has_played: false,
            excused_until: start,
            buffering_since: None,
            shares: [PlayerShare::default(); Cdn::ALL.len()],
        }
    }

    /// The time of the last event.
    pub(super) fn last(&self) -> Time {
        self.at
    }

    /// The player's state after the events so far.
    pub(super) fn player(&self) -> PlayerState {
        self.player
    }

    /// The CDN after the events so far.
    pub(super) fn cdn(&self) -> Cdn {
        self.cdn
    }

    /// An event of the session, not before the last one.
    #[inline]
    pub(super) fn apply(&mut self, time: Time, report: &PlayerReport, ledger: &mut TruthLedger) {
        if time > self.at {
            self.settle(ledger);
            self.pass(time);
        }
        if let Some(player) = report.player {
            self.player = player;
            self.has_played |= player == PlayerState::Play;
        }
        if report.action == Some(Action::Seek) {
            self.excused_until = time + SEEK;
        }
        if let Some(cdn) = report.cdn {
            self.cdn = cdn;
        }
    }

    /// The end event was the last one.
    pub(super) fn stopped(mut self, ledger: &mut TruthLedger) {
        let end = self.at;
        self.settle(ledger);
        self.leave_buffering(end, ledger);
        self.tell(end, true, ledger);
    }

    /// Nothing more came: the session was closed by silence if that was long enough, and else is read at the horizon.
    pub(super) fn silent(mut self, horizon: Time, ledger: &mut TruthLedger) {
        self.settle(ledger);
        let last = self.at;
        if horizon > last + SILENCE {
            // Timelines run to the close, but durations are not billed beyond the last event.
            self.leave_buffering(last + SILENCE, ledger);
            self.tell(last, true, ledger);
        } else {
            self.pass(horizon);
            if let Some(since) = self.buffering_since
                && since + STUCK <= horizon
            {
                ledger.alert(self.number, "stuck", since + STUCK, None);
            }
            self.tell(horizon, false, ledger);
        }
    }

    /// All events of the instant `at` are in: what holds there now holds for a while.
    #[inline]
    fn settle(&mut self, ledger: &mut TruthLedger) {
        self.shares[self.cdn as usize].in_force = true;
        if self.player != PlayerState::Buffer {
            self.leave_buffering(self.at, ledger);
        } else if self.buffering_since.is_none() {
            self.buffering_since = Some(self.at);
        }
    }

    /// Lets time pass without events, from a settled instant.
    #[inline]
    fn pass(&mut self, until: Time) {
        let share = &mut self.shares[self.cdn as usize];
        match self.player {
            PlayerState::Play => share.playing += until - self.at,
            PlayerState::Buffer if self.has_played => {
                share.cirr += (until - self.at.max(self.excused_until)).max(0);
            }
            _ => {}
        }
        self.at = until;
    }

    #[inline]
    fn leave_buffering(&mut self, end: Time, ledger: &mut TruthLedger) {
        if let Some(since) = self.buffering_since.take()
            && since + STUCK < end
        {
            ledger.alert(self.number, "stuck", since + STUCK, Some(end));
        }
    }

    fn tell(&self, read: Time, closed: bool, ledger: &mut TruthLedger) {
        let reading = SessionReading { number: self.number, start: self.start, read, closed };
        ledger.session(reading);
        for cdn in Cdn::ALL {
            let share = self.shares[cdn as usize];
            if share.in_force {
                ledger.value(reading, "cirr", cdn.name(), share.cirr);
                ledger.value(reading, "playing_time", cdn.name(), share.playing);
            }
        }
    }
}
