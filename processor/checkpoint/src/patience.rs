//! How long requests to stores of objects are waited for, where that is less than they allow themselves.
//!
//! Requests are patient, so that work goes on as soon as a store answers again. Whoever has asked a question, or waits for a
//! processor to start or to end, is not: for them a request is given up once its store has answered nothing for a while. One
//! that is slow and answers is waited for all the same, however long a request or a row of them takes.
//!
//! **Invariant:** a request that is given up is one without an answer, as any other: it may have its effect all the same.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_feeder::world::Instant;

/// A store that has answered nothing for so long gives no answer.
pub(crate) const QUIET: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(5) };
/// The least that a store may leave without an answer where a start is given less time.
const QUIET_MIN: Duration = Duration::from_secs(1);
/// What is longer is as good as for ever, and no clock counts so far.
const LONGEST: Duration = Duration::from_secs(1 << 30);
/// How long a store that is known to give no answer is asked all the same: it may be back.
const TRY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_millis(500) };

/// From when on requests are given up whose store has answered nothing for how long.
#[derive(Clone, Copy, Debug)]
struct PatienceLimit {
    from: Instant,
    quiet: Duration,
}

/// The limits of all requests of this process.
struct ProcessLimits {
    start: Option<PatienceLimit>,
    end: Option<PatienceLimit>,
}

static PROCESS: Mutex<ProcessLimits> = Mutex::new(ProcessLimits { start: None, end: None });

thread_local! {
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
}

fn process() -> MutexGuard<'static, ProcessLimits> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process starts, and is to have done so in such a time where a store gives no answer; until [`started`].
pub fn starts_within(limit: Duration) {
    let quiet = limit.max(QUIET_MIN).min(QUIET);
    process().start = Some(PatienceLimit { from: Instant::now() + limit.min(LONGEST), quiet });
}

/// The process has started.
pub fn started() {
    process().start = None;
}

/// The process is to end, from here on.
pub fn ends() {
    process().end = Some(PatienceLimit { from: Instant::now(), quiet: QUIET });
}

/// While it lives, somebody waits for what this thread does.
#[derive(Debug)]
pub struct Asking {
    was: bool,
    /// It stays on its thread.
    _thread: PhantomData<Rc<()>>,
}

impl Asking {
    /// From here on.
    #[must_use]
    pub fn begin() -> Asking {
        Asking { was: IS_ASKED.replace(true), _thread: PhantomData }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        IS_ASKED.set(self.was);
    }
}

/// How long one request is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestPatience {
    begun: Instant,
    is_asked: bool,
}

impl RequestPatience {
    /// That of a request which this thread begins now.
    pub(crate) fn begin() -> RequestPatience {
        RequestPatience { begun: Instant::now(), is_asked: IS_ASKED.get() }
    }

    /// When it was begun.
    pub(crate) fn begun(self) -> Instant {
        self.begun
    }

    /// Whether the request is given up. Its store answered anybody so long ago, if it ever did, and may be known to give no
    /// answer.
    pub(crate) fn is_over(self, answered_ago: Option<Duration>, is_silent: bool) -> bool {
        let Some(limit) = self.quiet() else { return false };
        let waited = self.begun.elapsed();
        let quiet = answered_ago.map_or(waited, |ago| ago.min(waited));
        quiet >= limit || is_silent && waited >= TRY
    }

    /// For how long its store may answer nothing, if that matters now.
    fn quiet(self) -> Option<Duration> {
        let process = process();
        let limits = [process.start, process.end].into_iter().flatten();
        let due = limits.filter(|limit| Instant::now() >= limit.from).map(|limit| limit.quiet);
        due.chain(self.is_asked.then_some(QUIET)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_feeder::world;

    #[test]
    fn only_a_request_that_somebody_waits_for_is_given_up() {
        let of_nobody = RequestPatience::begin();
        let asking = Asking::begin();
        let asked = RequestPatience::begin();
        drop(asking);
        let afterwards = RequestPatience::begin();
        assert!(!asked.is_over(None, true), "a store that was silent may be back");
        world::sleep(TRY);
        assert!(asked.is_over(None, true) && !asked.is_over(None, false));
        world::sleep(QUIET);
        assert!(asked.is_over(None, false) && asked.is_over(Some(QUIET), false));
        assert!(!asked.is_over(Some(Duration::ZERO), false), "it answers others, and is slow");
        assert!(!of_nobody.is_over(None, true) && !afterwards.is_over(None, true));
    }
}
