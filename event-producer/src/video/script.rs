//! What viewers and their players do: a small random walk over the phases of a session.
//!
//! The walk visits on purpose what is easily got wrong: seeks with buffering within, up to and beyond the excused 5 s,
//! a second seek during the first one's buffering, several events at one instant, a CDN that changes while the player
//! waits, viewers who leave without a word, and heartbeats that say nothing at all.

use std::collections::VecDeque;

use timeline_core::Time;

use super::machine::{PlayerMachine, SILENCE};
use super::{Action, Cdn, PlayerReport, PlayerState};
use crate::rng::Rng;
use crate::truth::TruthLedger;

/// The first events of all seats fall in so many milliseconds.
pub(crate) const SPREAD_MS: u64 = 10_000;

/// A seek excuses buffering for so many milliseconds.
const SEEK_MS: u64 = 5_000;

/// A viewer whose player buffers for longer is stuck.
const STUCK_MS: u64 = 20_000;

/// The viewers that watch at a time.
#[derive(Debug)]
pub(crate) struct Viewers {
    seats: Vec<Seat>,
    /// Those who left without a word, in the order of their last event: too little silence yet to close their sessions.
    left: VecDeque<PlayerMachine>,
    sessions: u32,
}

#[derive(Debug)]
struct Seat {
    phase: SeatPhase,
    seq: u32,
    machine: Option<PlayerMachine>,
}

/// What the next event of a seat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeatPhase {
    /// The first event of a session.
    Init,
    /// The wait for the first frame.
    Join,
    /// The player plays; with a change of the CDN now and then.
    Play,
    Heartbeat,
    Pause,
    /// The CDN changes, while the player plays (`true`) or waits.
    Switch(bool),
    Seek,
    /// Buffering because of a seek so many milliseconds ago.
    SeekBuffer(u16),
    /// A further seek while the player waits.
    SeekAgain,
    /// Buffering that nobody asked for.
    Rebuffer,
    Stop,
}

impl Viewers {
    pub(crate) fn new(seats: u32) -> Self {
        let seat = || Seat { phase: SeatPhase::Init, seq: 0, machine: None };
        Viewers { seats: (0..seats).map(|_| seat()).collect(), left: VecDeque::new(), sessions: 0 }
    }

    /// The seat's event at `now`, and after how many milliseconds it has its next one.
    pub(crate) fn step(
        &mut self,
        seat: u32,
        now: Time,
        rng: &mut Rng,
        ledger: &mut TruthLedger,
    ) -> (PlayerReport, u64) {
        while self.left.front().is_some_and(|machine| now > machine.last() + SILENCE) {
            if let Some(machine) = self.left.pop_front() {
                machine.silent(now, ledger);
            }
        }
        let seat = &mut self.seats[seat as usize];
        if seat.phase == SeatPhase::Init {
            return seat.begin(&mut self.sessions, now, rng);
        }
        let Some(machine) = seat.machine.as_mut() else { unreachable!("a session has begun before it goes on") };
        let report = report(seat.phase, machine, seat.seq, rng);
        machine.apply(now, &report, ledger);
        seat.seq += 1;
        if seat.phase == SeatPhase::Stop {
            seat.machine.take().expect("a session has begun before it stops").stopped(ledger);
            seat.phase = SeatPhase::Init;
            return (report, rng.between(500, 5_000));
        }
        let next = match seat.phase {
            SeatPhase::Play | SeatPhase::Heartbeat | SeatPhase::Switch(true) => roll(machine.cdn(), rng),
            SeatPhase::Rebuffer if rng.per_mille(5) => None,
            phase => Some(follow(phase, rng)),
        };
        let Some((phase, wait_ms)) = next else {
            self.left.extend(seat.machine.take());
            seat.phase = SeatPhase::Init;
            return (report, rng.between(500, 5_000));
        };
        seat.phase = phase;
        (report, wait_ms)
    }

    /// Buffering and another CDN: it would change the answers of the session if it were counted.
    pub(crate) fn stray(&self, seat: u32, rng: &mut Rng) -> PlayerReport {
        let seat = &self.seats[seat as usize];
        let session = seat.machine.as_ref().map_or(self.sessions.saturating_sub(1), |machine| machine.number);
        let (player, cdn) = (Some(PlayerState::Buffer), Some(any_cdn(rng)));
        PlayerReport { session, seq: seat.seq, player, action: None, cdn, bitrate: None, user: None }
    }

    /// Reads all open sessions at the horizon.
    pub(crate) fn finish(&mut self, horizon: Time, ledger: &mut TruthLedger) {
        for machine in self.left.drain(..).chain(self.seats.iter_mut().filter_map(|seat| seat.machine.take())) {
            machine.silent(horizon, ledger);
        }
    }
}

impl Seat {
    fn begin(&mut self, sessions: &mut u32, now: Time, rng: &mut Rng) -> (PlayerReport, u64) {
        let (number, cdn) = (*sessions, any_cdn(rng));
        *sessions += 1;
        let report = PlayerReport {
            session: number,
            seq: 0,
            player: Some(PlayerState::Init),
            action: None,
            cdn: Some(cdn),
            bitrate: None,
            user: Some(rng.below(100_000) as u32),
        };
        self.machine = Some(PlayerMachine::new(number, now, PlayerState::Init, cdn));
        self.seq = 1;
        self.phase = SeatPhase::Join;
        (report, if rng.per_mille(100) { 0 } else { rng.between(10, 300) })
    }
}

/// What the player says in a phase.
#[inline]
fn report(phase: SeatPhase, machine: &PlayerMachine, seq: u32, rng: &mut Rng) -> PlayerReport {
    let mut report =
        PlayerReport { session: machine.number, seq, player: None, action: None, cdn: None, bitrate: None, user: None };
    match phase {
        SeatPhase::Init | SeatPhase::Join | SeatPhase::SeekBuffer(_) | SeatPhase::Rebuffer => {
            report.player = Some(PlayerState::Buffer)
        }
        SeatPhase::Play => {
            report.player = Some(PlayerState::Play);
            report.cdn = rng.per_mille(20).then(|| any_cdn(rng));
        }
        SeatPhase::Heartbeat => match rng.below(10) {
            0 => {}
            1 => report.action = Some(if rng.per_mille(500) { Action::Mute } else { Action::Fullscreen }),
            // Players repeat themselves: an equal value is no change.
            2 => report.player = Some(machine.player()),
            _ => report.bitrate = Some(rng.between(8, 80) as u8),
        },
        SeatPhase::Pause => report.player = Some(PlayerState::Pause),
        SeatPhase::Switch(_) => report.cdn = Some(any_cdn(rng)),
        SeatPhase::Seek | SeatPhase::SeekAgain => report.action = Some(Action::Seek),
        SeatPhase::Stop => report.player = Some(PlayerState::Stop),
    }
    // Most players say where they load from whenever they say how they are, changed or not.
    if report.player.is_some() && report.cdn.is_none() && rng.per_mille(700) {
        report.cdn = Some(machine.cdn());
    }
    report
}

/// What comes after a phase with a definite next one, and after how many milliseconds.
fn follow(phase: SeatPhase, rng: &mut Rng) -> (SeatPhase, u64) {
    match phase {
        SeatPhase::Init | SeatPhase::Join => (SeatPhase::Play, rng.between(300, 4_000)),
        SeatPhase::Pause => (SeatPhase::Play, rng.between(2_000, 40_000)),
        SeatPhase::Seek | SeatPhase::SeekAgain => {
            let wait_ms = if rng.per_mille(250) { 0 } else { rng.between(20, 400) };
            (SeatPhase::SeekBuffer(wait_ms as u16), wait_ms)
        }
        SeatPhase::SeekBuffer(since_ms) => match rng.below(100) {
            0..70 => (SeatPhase::Play, rng.between(200, 4_500)),
            // To the millisecond where the excuse ends, and one beyond.
            70..73 => (SeatPhase::Play, SEEK_MS - u64::from(since_ms)),
            73..75 => (SeatPhase::Play, SEEK_MS + 1 - u64::from(since_ms)),
            75..85 => (SeatPhase::SeekAgain, rng.between(100, 3_000)),
            _ => (SeatPhase::Play, rng.between(5_000, 12_000)),
        },
        SeatPhase::Rebuffer => match rng.below(100) {
            0..2 => (SeatPhase::Play, 0),
            2..5 => (SeatPhase::Play, rng.between(STUCK_MS - 1, 60_000)),
            5 => (SeatPhase::Play, rng.between(STUCK_MS, STUCK_MS + 1)),
            6..8 => (SeatPhase::Stop, rng.between(1_000, 30_000)),
            8..25 => (SeatPhase::Switch(false), rng.between(0, 3_000)),
            25..30 => (SeatPhase::Seek, rng.between(0, 3_000)),
            _ => (SeatPhase::Play, rng.between(500, 8_000)),
        },
        SeatPhase::Switch(_) => (SeatPhase::Play, rng.between(200, 3_000)),
        SeatPhase::Play | SeatPhase::Heartbeat | SeatPhase::Stop => {
            unreachable!("these phases roll for the next one, or have none")
        }
    }
}

/// What comes next while the player plays; `None` if the viewer leaves without a word.
fn roll(cdn: Cdn, rng: &mut Rng) -> Option<(SeatPhase, u64)> {
    let rebuffer = match cdn {
        Cdn::C1 => 60,
        Cdn::C2 => 80,
        Cdn::C3 => 220,
        Cdn::C4 => 120,
    };
    let phase = match rng.below(1000) {
        0..1 => return None,
        1..40 => SeatPhase::Stop,
        40..80 => SeatPhase::Pause,
        80..180 => SeatPhase::Seek,
        180..220 => SeatPhase::Switch(true),
        n if n < 220 + rebuffer => SeatPhase::Rebuffer,
        _ => SeatPhase::Heartbeat,
    };
    Some((phase, rng.between(1_000, 12_000)))
}

/// A CDN, the popular ones first.
fn any_cdn(rng: &mut Rng) -> Cdn {
    match rng.below(10) {
        0..4 => Cdn::C1,
        4..7 => Cdn::C2,
        7..9 => Cdn::C3,
        _ => Cdn::C4,
    }
}
