//! Which connections there are, for whoever ends the question of one: another connection says its number and its secret.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// By the number of a connection its secret, and what ends its questions.
type Connections = BTreeMap<i32, ([u8; 4], watch::Sender<u64>)>;

/// All connections.
#[derive(Debug, Default)]
pub(super) struct CancelKeys {
    next: AtomicI32,
    all: Mutex<Connections>,
}

/// The key of a connection, which is known as long as this is there.
#[derive(Debug)]
pub(super) struct CancelKey {
    keys: Arc<CancelKeys>,
    pub(super) process: i32,
    pub(super) secret: [u8; 4],
    /// Told each time that its question is to end.
    pub(super) ended: watch::Receiver<u64>,
}

impl CancelKeys {
    /// A key for a connection; none if the system has no secrets to give.
    pub(super) fn make(self: &Arc<Self>) -> Option<CancelKey> {
        let mut secret = [0; 4];
        getrandom::fill(&mut secret).ok()?;
        let process = self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & i32::MAX;
        let (end, ended) = watch::channel(0);
        self.lock().insert(process, (secret, end));
        Some(CancelKey { keys: Arc::clone(self), process, secret, ended })
    }

    /// Ends the question of a connection, if that is its secret.
    pub(super) fn cancel(&self, process: i32, secret: &[u8]) {
        let all = self.lock();
        let Some((own, end)) = all.get(&process) else { return };
        // The same time wherever they differ.
        if blake3::hash(own) == blake3::hash(secret) {
            end.send_modify(|count| *count += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        // Keys are inserted and removed whole.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CancelKey {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_of_a_connection_ends_its_question() {
        let keys = Arc::new(CancelKeys::default());
        let (mut one, mut other) = (keys.make().unwrap(), keys.make().unwrap());
        assert_ne!(one.process, other.process);
        let is_ended = |key: &mut CancelKey| {
            let ended = key.ended.has_changed().unwrap();
            key.ended.mark_unchanged();
            ended
        };
        keys.cancel(one.process, &[one.secret[0], one.secret[1], one.secret[2], !one.secret[3]]);
        keys.cancel(one.process, &one.secret[..3]);
        keys.cancel(-7, &one.secret);
        assert!(!is_ended(&mut one));
        keys.cancel(one.process, &one.secret);
        assert!(is_ended(&mut one) && !is_ended(&mut other));
        let process = one.process;
        drop(one);
        assert!(!keys.lock().contains_key(&process));
    }
}
