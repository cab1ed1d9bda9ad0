//! The one door to what is not the same twice: clocks, sleeping, and threads.
//!
//! The clock decides when something is done, never what an answer is; so whoever wants to know what time can touch reads
//! who calls this module, and whoever wants to run processors in a simulated world has one place for it. That nobody goes
//! round it is a lint (`clippy.toml`). What runs in a runtime of tokio has the clock of that runtime.

use std::ops::{Add, AddAssign, Sub};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, SystemTime};

/// An instant of a clock that never goes back, [`std::time::Instant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// This instant.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn now() -> Self {
        Instant(std::time::Instant::now())
    }

    /// How long ago it was.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// How long after another it is; nothing if it is before it.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, later: Duration) -> Instant {
        Instant(self.0 + later)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, later: Duration) {
        self.0 += later;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, earlier: Duration) -> Instant {
        Instant(self.0 - earlier)
    }
}

/// The clock on the wall.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// The clock on the wall, in nanoseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn timestamp() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Lets the calling thread sleep.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// A thread to be, with its name.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn thread(name: impl Into<String>) -> Builder {
    Builder::new().name(name.into())
}

/// Starts a thread.
///
/// # Panics
///
/// Where the system cannot start one.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread("work").spawn(work).expect("the system can start a thread")
}
