//! Which questions are at work, for whoever ends one by its ticket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

type Id = [u8; 16];

/// All questions that have a name.
#[derive(Debug, Default)]
pub(super) struct RunningQuestions(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    next: u64,
    /// A ticket may be used more than once at a time.
    by_id: BTreeMap<(Id, u64), watch::Sender<bool>>,
}

/// A question at work, which can be ended as long as this is there.
#[derive(Debug)]
pub(super) struct RunningQuestion {
    running: Arc<RunningQuestions>,
    key: Option<(Id, u64)>,
    ended: watch::Receiver<bool>,
}

impl RunningQuestions {
    /// A question begins; one without a name cannot be ended by it.
    pub(super) fn begin(self: &Arc<Self>, id: Option<Id>) -> RunningQuestion {
        let (end, ended) = watch::channel(false);
        let mut all = self.lock();
        all.next += 1;
        let key = id.map(|id| (id, all.next));
        if let Some(key) = key {
            all.by_id.insert(key, end);
        }
        RunningQuestion { running: Arc::clone(self), key, ended }
    }

    /// Ends what is at work under a name; whether anything was.
    pub(super) fn cancel(&self, id: Id) -> bool {
        let all = self.lock();
        let of_it = all.by_id.range((id, 0)..=(id, u64::MAX));
        of_it.fold(false, |_, (_, end)| {
            end.send_replace(true);
            true
        })
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        // Entries are inserted and removed whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningQuestion {
    /// Ready once somebody ended it.
    pub(super) async fn ended(&mut self) {
        if self.ended.wait_for(|ended| *ended).await.is_err() {
            // Nobody can.
            std::future::pending().await
        }
    }
}

impl Drop for RunningQuestion {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.running.lock().by_id.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_ends_all_that_is_at_work_under_it_and_nothing_else() {
        let running = Arc::new(RunningQuestions::default());
        let (mut one, mut again) = (running.begin(Some([1; 16])), running.begin(Some([1; 16])));
        let (other, nameless) = (running.begin(Some([2; 16])), running.begin(None));
        assert!(!running.cancel([3; 16]));
        assert!(running.cancel([1; 16]));
        one.ended().await;
        again.ended().await;
        assert!(!*other.ended.borrow() && !*nameless.ended.borrow());
        drop((one, again));
        assert!(!running.cancel([1; 16]));
    }
}
