//! One connection: what it is at, since when, and how long that may take.

use super::{ConnectionBounds, LAST_WORDS};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionPhase {
    /// Nothing of the next request has come.
    Idle,
    /// The head of a request is coming; so a connection begins.
    Head,
    /// Its body is.
    Body,
    /// It is at work, or answering. That takes as long as the question may take.
    Answer,
}

/// Which kind of place it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceClass {
    /// One in which everything is answered.
    Full,
    /// One of the few beside them.
    Reserved,
}

/// How long each phase may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct PhaseLimits {
    idle: Duration,
    head: Duration,
    body: Duration,
    write: Duration,
}

impl PhaseLimits {
    pub(super) fn of(bounds: &ConnectionBounds, standing: PlaceClass) -> PhaseLimits {
        let most = match standing {
            PlaceClass::Full => Duration::MAX,
            PlaceClass::Reserved => bounds.reserved_time_max,
        };
        PhaseLimits {
            idle: bounds.idle_time_max.min(most),
            head: bounds.head_time_max.min(most),
            body: bounds.body_time_max.min(most),
            write: bounds.write_time_max.min(most),
        }
    }
}

/// A connection as others see it.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    pub(super) number: u64,
    pub(super) client: IpAddr,
    standing: PlaceClass,
    limits: PhaseLimits,
    at: Mutex<SlotState>,
    /// Whether its client has shown what may be asked for.
    known: AtomicBool,
    /// Whether it must go.
    sent_away: AtomicBool,
    /// Told of every change of these.
    moved: Notify,
}

#[derive(Clone, Copy, Debug)]
struct SlotState {
    phase: ConnectionPhase,
    since: Instant,
    /// Since when the client takes nothing of what is written.
    stuck: Option<Instant>,
}

impl ConnectionSlot {
    /// The address of its client.
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    pub(super) fn new(number: u64, client: IpAddr, standing: PlaceClass, limits: PhaseLimits) -> ConnectionSlot {
        let at = Mutex::new(SlotState { phase: ConnectionPhase::Head, since: Instant::now(), stuck: None });
        let (known, sent_away) = (AtomicBool::new(false), AtomicBool::new(false));
        ConnectionSlot { number, client, standing, limits, at, known, sent_away, moved: Notify::new() }
    }

    pub(crate) fn standing(&self) -> PlaceClass {
        self.standing
    }

    /// A phase begins.
    pub(crate) fn begin(&self, phase: ConnectionPhase) {
        let mut at = self.lock();
        (at.phase, at.since) = (phase, Instant::now());
        drop(at);
        self.moved.notify_waiters();
    }

    /// Bytes have come.
    pub(crate) fn came(&self) {
        if self.lock().phase == ConnectionPhase::Idle {
            self.begin(ConnectionPhase::Head);
        }
    }

    /// The body of the request is whole.
    pub(crate) fn is_asked(&self) {
        if self.lock().phase == ConnectionPhase::Body {
            self.begin(ConnectionPhase::Answer);
        }
    }

    /// The client takes what is written, or none of it.
    pub(crate) fn writes(&self, is_stuck: bool) {
        let mut at = self.lock();
        if is_stuck == at.stuck.is_some() {
            return;
        }
        at.stuck = is_stuck.then(Instant::now);
        drop(at);
        self.moved.notify_waiters();
    }

    /// The client has shown that it may ask.
    pub(crate) fn is_known(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    /// It must go.
    pub(crate) fn send_away(&self) {
        self.sent_away.store(true, Ordering::Release);
        self.moved.notify_waiters();
    }

    /// Since when it waits for its client, after those whose clients are known; `None` while it is at work.
    pub(crate) fn waits(&self) -> Option<(bool, Instant)> {
        let at = *self.lock();
        let since = match at.phase {
            ConnectionPhase::Idle | ConnectionPhase::Head | ConnectionPhase::Body => Some(at.since),
            ConnectionPhase::Answer => at.stuck,
        };
        since.map(|since| (self.known.load(Ordering::Relaxed), since))
    }

    /// Ready once it was sent away, or a limit has passed.
    pub(crate) async fn is_over(&self) {
        self.until(|| {
            if self.sent_away.load(Ordering::Acquire) {
                return Some(Instant::now());
            }
            let at = *self.lock();
            let phase = match at.phase {
                ConnectionPhase::Idle => Some((at.since, self.limits.idle)),
                ConnectionPhase::Head => Some((at.since, self.limits.head)),
                // Those who wait for the body say so first.
                ConnectionPhase::Body => Some((at.since, self.limits.body.saturating_add(LAST_WORDS))),
                ConnectionPhase::Answer => None,
            };
            let stuck = at.stuck.map(|since| (since, self.limits.write));
            phase.into_iter().chain(stuck).filter_map(|(since, limit)| since.checked_add(limit)).min()
        })
        .await;
    }

    /// Ready once a phase has taken too long.
    pub(crate) async fn is_late_with(&self, phase: ConnectionPhase) {
        let limit = match phase {
            ConnectionPhase::Idle => self.limits.idle,
            ConnectionPhase::Head => self.limits.head,
            ConnectionPhase::Body => self.limits.body,
            ConnectionPhase::Answer => Duration::MAX,
        };
        self.until(|| {
            let at = *self.lock();
            (at.phase == phase).then(|| at.since.checked_add(limit)).flatten()
        })
        .await;
    }

    /// Ready at an instant that changes whenever the place does.
    async fn until(&self, instant: impl Fn() -> Option<Instant>) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            match instant() {
                Some(at) if at <= Instant::now() => return,
                Some(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = moved => {}
                },
                None => moved.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        // A few words, which no panic can leave half written.
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
