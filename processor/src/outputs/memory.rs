//! A destination in memory, for tests: it can be away, and it can take messages and lose its word on them.

use super::{Destination, Origin, OutputMessage, Sink};
use event_feeder::{Error, RecordCode};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What was published, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board {
    messages: Arc<Mutex<Vec<OutputMessage>>>,
    /// Whether nothing can be published now.
    pub(crate) is_away: Arc<AtomicBool>,
    /// How many times more messages are taken, and an error is said all the same.
    pub(crate) lost_words: Arc<AtomicU32>,
}

impl Board {
    pub(crate) fn messages(&self) -> Vec<OutputMessage> {
        self.messages.lock().expect("no test panics while it publishes").clone()
    }
}

impl Destination for Board {
    fn open(&self, _: &Origin) -> Result<Box<dyn Sink>, Error> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for Board {
    fn publish(&mut self, messages: &[OutputMessage]) -> Result<(), Error> {
        let error = || Error::Topic { topic: "board".into(), code: RecordCode::NoBroker, reason: "it is away".into() };
        if self.is_away.load(Ordering::SeqCst) {
            return Err(error());
        }
        self.messages.lock().expect("no test panics while it publishes").extend_from_slice(messages);
        let take = |left: u32| left.checked_sub(1);
        match self.lost_words.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(_) => Err(error()),
            Err(_) => Ok(()),
        }
    }
}
