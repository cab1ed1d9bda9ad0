//! A build without stores of objects: a folder is never given up.

use std::time::Duration;

/// The process starts, and is to have done so in such a time where a store gives no answer; until [`started`].
pub fn starts_within(_: Duration) {}

/// The process has started.
pub fn started() {}

/// The process is to end, from here on.
pub fn ends() {}

/// While it lives, somebody waits for what this thread does.
#[derive(Debug)]
pub struct Asking(());

impl Asking {
    /// From here on.
    #[must_use]
    pub fn begin() -> Asking {
        Asking(())
    }
}
