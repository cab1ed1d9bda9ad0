//! Whether a collector takes what it is sent, how much waits for it, and what was lost.
//!
//! **Invariant:** what changes is said once: that it takes something no more, and that it takes everything again.

use crate::log;
use event_feeder::world::Instant;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Spans that wait at the most, those on their way among them, and log records likewise.
pub(super) const WAITING_MAX: usize = 2048;
/// The least time between two words about what is lost while it takes all that it is sent.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Logs,
}

impl Signal {
    pub(super) const ALL: [Signal; 2] = [Signal::Traces, Signal::Logs];

    /// The address below the collector's that takes it.
    pub(super) fn path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Logs => "/v1/logs",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
        }
    }

    fn index(self) -> usize {
        match self {
            Signal::Traces => 0,
            Signal::Logs => 1,
        }
    }
}

/// The way to a collector.
#[derive(Debug)]
pub(super) struct CollectorLink {
    url: String,
    state: Mutex<LinkState>,
    ends: Condvar,
    counts: [SignalCounts; 2],
}

#[derive(Debug, Default)]
struct LinkState {
    /// Which signals were not taken when they were sent last.
    failing: [bool; 2],
    /// Since when one is not.
    since: Option<Instant>,
    /// When it was said last that something was lost while all are taken.
    said: Option<Instant>,
    is_ending: bool,
}

#[derive(Debug, Default)]
struct SignalCounts {
    waiting: AtomicUsize,
    /// Since that was said last.
    lost: AtomicU64,
}

/// Numbers of spans and of log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SignalNumbers {
    spans: u64,
    records: u64,
}

impl fmt::Display for SignalNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} spans and {} log records", self.spans, self.records)
    }
}

impl CollectorLink {
    pub(super) fn new(url: String) -> CollectorLink {
        CollectorLink { url, state: Mutex::default(), ends: Condvar::new(), counts: Default::default() }
    }

    /// Takes note of one more that is to be sent: whether there is room for it. One that there is none for is lost.
    pub(super) fn has_room(&self, signal: Signal) -> bool {
        let counts = &self.counts[signal.index()];
        if counts.waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            return true;
        }
        counts.waiting.fetch_sub(1, Ordering::Relaxed);
        counts.lost.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// So many wait no more: they were sent, or are lost.
    pub(super) fn settle(&self, signal: Signal, count: usize, is_sent: bool) {
        let counts = &self.counts[signal.index()];
        counts.waiting.fetch_sub(count, Ordering::Relaxed);
        if !is_sent {
            counts.lost.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// The collector took some of a signal.
    pub(super) fn note_taken(&self, signal: Signal) {
        let mut state = self.lock();
        state.failing[signal.index()] = false;
        if state.failing.contains(&true) {
            return;
        }
        if let Some(since) = state.since.take() {
            drop(state);
            let (url, seconds) = (&self.url, since.elapsed().as_secs_f64());
            match self.take_lost() {
                SignalNumbers { spans: 0, records: 0 } => {
                    log::warn(format_args!(
                        "the collector {url} takes traces and logs again after {seconds:.1} s; nothing was lost"
                    ));
                }
                lost => log::warn(format_args!(
                    "the collector {url} takes traces and logs again after {seconds:.1} s; lost: {lost}"
                )),
            }
        } else if self.has_lost() && state.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            state.said = Some(Instant::now());
            drop(state);
            let lost = self.take_lost();
            log::warn(format_args!("more was told at once than the collector {} was sent; lost: {lost}", self.url));
        }
    }

    /// The collector did not take some of a signal.
    pub(super) fn note_failure(&self, signal: Signal, why: &str) {
        let mut state = self.lock();
        state.failing[signal.index()] = true;
        if state.since.is_some() {
            return;
        }
        state.since = Some(Instant::now());
        drop(state);
        log::warn(format_args!(
            "the collector {} does not take {}: {why}; {WAITING_MAX} spans and as many log records wait for it, further ones are lost and counted",
            self.url,
            signal.name()
        ));
    }

    /// Lets time pass until something is sent again: false where the end comes first.
    pub(super) fn pause(&self, length: Duration) -> bool {
        let waited = self.ends.wait_timeout_while(self.lock(), length, |state| !state.is_ending);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.is_ending
    }

    /// Whether it is not worth while to send any more of a signal: the end has come, and it was not taken last.
    pub(super) fn is_given_up(&self, signal: Signal) -> bool {
        let state = self.lock();
        state.is_ending && state.failing[signal.index()]
    }

    /// Nobody is patient from now on.
    pub(super) fn end(&self) {
        self.lock().is_ending = true;
        self.ends.notify_all();
    }

    /// Says at the end what was not sent.
    pub(super) fn say_unsent(&self) {
        let lost = self.take_lost();
        let waiting = |signal: Signal| self.counts[signal.index()].waiting.load(Ordering::Relaxed) as u64;
        let unsent = SignalNumbers {
            spans: lost.spans + waiting(Signal::Traces),
            records: lost.records + waiting(Signal::Logs),
        };
        if unsent != (SignalNumbers { spans: 0, records: 0 }) {
            log::warn(format_args!("the collector {} has not got all; lost: {unsent}", self.url));
        }
    }

    fn has_lost(&self) -> bool {
        self.counts.iter().any(|counts| counts.lost.load(Ordering::Relaxed) > 0)
    }

    fn take_lost(&self) -> SignalNumbers {
        let [spans, records] = Signal::ALL.map(|signal| self.counts[signal.index()].lost.swap(0, Ordering::Relaxed));
        SignalNumbers { spans, records }
    }

    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{CollectorLink, Signal, SignalNumbers, WAITING_MAX};
    use std::time::Duration;

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let link = CollectorLink::new("http://h".into());
        assert!((0..WAITING_MAX).all(|_| link.has_room(Signal::Traces)));
        assert!(!link.has_room(Signal::Traces) && !link.has_room(Signal::Traces));
        // Each has room of its own.
        assert!(link.has_room(Signal::Logs));
        link.settle(Signal::Traces, 512, true);
        assert!(link.has_room(Signal::Traces));
        link.settle(Signal::Logs, 1, false);
        assert_eq!(link.take_lost(), SignalNumbers { spans: 2, records: 1 });
        assert_eq!(link.take_lost(), SignalNumbers { spans: 0, records: 0 });
    }

    #[test]
    fn the_end_breaks_a_pause_off() {
        let link = CollectorLink::new("http://h".into());
        assert!(link.pause(Duration::from_millis(1)));
        link.note_failure(Signal::Logs, "it is away");
        assert!(!link.is_given_up(Signal::Logs));
        link.end();
        assert!(!link.pause(Duration::from_secs(3600)));
        assert!(link.is_given_up(Signal::Logs) && !link.is_given_up(Signal::Traces));
    }
}
