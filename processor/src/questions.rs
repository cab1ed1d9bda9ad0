//! Whose turn it is: how many questions are at work at a time, over whichever wire they came.

use crate::engine::EngineError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a question waits for its turn, where nothing else is said.
const WAIT: Duration = Duration::from_secs(10);

/// A permit for each question at work. Copies share them.
#[derive(Clone, Debug)]
pub struct QuestionPermits {
    all: Arc<Semaphore>,
    most: usize,
    wait: Duration,
}

impl Default for QuestionPermits {
    fn default() -> Self {
        QuestionPermits::new(8)
    }
}

impl QuestionPermits {
    /// So many at a time.
    pub fn new(most: usize) -> QuestionPermits {
        let most = most.max(1);
        QuestionPermits { all: Arc::new(Semaphore::new(most)), most, wait: WAIT }
    }

    /// The same, of which each waits so long.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> QuestionPermits {
        QuestionPermits { wait, ..self }
    }

    /// The right to be at work on one question.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] where it is nobody's end in time.
    pub async fn take(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        match tokio::time::timeout(self.wait, self.all.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                Err(EngineError::Unavailable(format!("{} questions are being answered already: ask again", self.most)))
            }
        }
    }
}
