//! The ends of logs of files: a last line that has no end itself.
//!
//! While a file may grow such a line waits, for it may be the beginning of one. Nobody is left to take the log for read then:
//! after a while it is said, with every answer, and at once by who ends where the files do.

use super::ingest::Ingest;
use crate::remarks;
use event_feeder::world::Instant;
use event_feeder::{Notice, UnendedRecord};
use std::sync::Arc;
use std::time::Duration;

/// How long a line waits for its end before it is spoken of.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(3) };

/// The end of the log of a source.
#[derive(Debug, Default)]
pub(super) struct SourceEnd {
    /// The line that has no end, as it was last seen, and since when it is so.
    waits: Option<(UnendedRecord, Instant)>,
    /// The file and the place of that of which it was said.
    said: Option<(Arc<str>, u64)>,
}

impl SourceEnd {
    /// Takes note of what waits now.
    pub(super) fn note(&mut self, now: Option<UnendedRecord>) {
        let before = self.waits.take();
        self.waits = now.map(|now| match before {
            Some((known, since)) if known == now => (known, since),
            _ => (now, Instant::now()),
        });
    }

    /// What is to be said of what has waited so long.
    fn after(&self, patience: Duration) -> Option<Notice> {
        let (record, _) = self.waits.as_ref().filter(|(_, since)| since.elapsed() >= patience)?;
        Some(record.notice())
    }

    /// What is to be said of it with answers.
    pub(super) fn notice(&self) -> Option<Notice> {
        self.after(PATIENCE)
    }

    /// Says it on standard error, once of a line.
    fn say(&mut self, patience: Duration) {
        let Some(notice) = self.after(patience) else { return };
        let place = self.waits.as_ref().map(|(record, _)| (Arc::clone(&record.file), record.offset));
        if self.said != place {
            self.said = place;
            tracing::warn!("{}", remarks::text(&notice));
        }
    }
}

impl Ingest {
    /// Looks at the ends of logs that have nothing to be read now.
    pub(super) fn look_at_ends(&mut self) {
        for (number, progress) in self.sources.iter_mut().enumerate() {
            progress.end.note(self.feed.unended(number));
            progress.end.say(PATIENCE);
        }
    }

    /// Says what of logs is not read that nobody waits for any more.
    pub(super) fn say_of_ends(&mut self) {
        for progress in &mut self.sources {
            progress.end.say(Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_said_once_it_has_waited_and_not_while_it_grows() {
        let record = |bytes| Some(UnendedRecord { file: "f".into(), offset: 7, bytes });
        let mut end = SourceEnd::default();
        end.note(record(1));
        assert_eq!(end.notice(), None, "it has just come");
        event_feeder::world::sleep(PATIENCE);
        end.note(record(2));
        assert_eq!(end.notice(), None, "it has just grown");
        event_feeder::world::sleep(PATIENCE);
        end.note(record(2));
        let notice = end.notice().expect("it has waited");
        assert!(notice.file == "f" && notice.detail.contains("its last 2 bytes, from byte 7 on"), "{notice:?}");
        end.note(None);
        assert_eq!(end.notice(), None);
    }
}
