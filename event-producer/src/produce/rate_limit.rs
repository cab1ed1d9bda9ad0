//! The rate of a log on the wall clock: the only clock of the crate, and it decides nothing but when bytes are written.

use std::time::{Duration, Instant};

/// Lines written at once where nothing limits them: about a third of a megabyte.
const CHUNK_LINES_MAX: u64 = 4096;

/// Chunks a second where the rate limits them, so that the log grows smoothly.
const CHUNKS_PER_SECOND: u64 = 50;

/// Waits so that a log keeps its rate.
#[derive(Debug)]
pub(super) struct RateLimit {
    rate: u64,
    began: Instant,
}

impl RateLimit {
    /// So many events a second from now on; 0 is as fast as possible.
    pub(super) fn new(rate: u64) -> Self {
        RateLimit { rate, began: Instant::now() }
    }

    /// How many lines are written at once.
    pub(super) fn chunk(&self) -> usize {
        let lines = if self.rate == 0 { CHUNK_LINES_MAX } else { self.rate / CHUNKS_PER_SECOND };
        lines.clamp(1, CHUNK_LINES_MAX) as usize
    }

    /// Waits until so many lines may have been written; a log that fell behind catches up.
    pub(super) fn wait(&self, lines: u64) {
        if self.rate > 0 {
            let due = Duration::from_secs_f64(lines as f64 / self.rate as f64);
            std::thread::sleep(due.saturating_sub(self.began.elapsed()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_the_rate() {
        let chunk = |rate| RateLimit::new(rate).chunk() as u64;
        assert_eq!((chunk(0), chunk(1), chunk(5_000), chunk(u64::MAX)), (CHUNK_LINES_MAX, 1, 100, CHUNK_LINES_MAX));
    }

    #[test]
    fn a_log_is_not_faster_than_its_rate() {
        let pace = RateLimit::new(1_000);
        pace.wait(30);
        assert!(pace.began.elapsed() >= Duration::from_millis(30));
    }
}
