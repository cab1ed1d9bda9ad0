//! The ends of logs of files: a last line that has no end itself, and files that have nothing at all.
//!
//! While a file may grow such a line waits, for it may be the beginning of one. Nobody is left to take the log for read then:
//! after a while it is said, with every answer, and at once by who ends where the files do.

use super::Options;
use super::ingest::Ingest;
use crate::file_counts::{self, EmptyFile, FileCounts};
use crate::remarks;
use event_feeder::world::Instant;
use event_feeder::{Notice, Position, UnendedRecord};
use std::sync::Arc;
use std::time::Duration;
use timeline_core::plan::Plan;

/// How long a line waits for its end before it is spoken of.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(3) };

/// The end of the log of a source.
#[derive(Debug, Default)]
pub(super) struct SourceEnd {
    /// The line that has no end, as it was last seen, and since when it is so.
    waits: Option<(UnendedRecord, Instant)>,
    /// The file and the place of that of which it was said.
    said: Option<(Arc<str>, u64)>,
    /// What was read of each file.
    pub(super) files: FileCounts,
    /// The first file that was not begun before.
    first: usize,
}

impl SourceEnd {
    /// Of a log that is gone on with behind a place.
    pub(super) fn after(position: Position) -> SourceEnd {
        let first = usize::try_from(position.file).unwrap_or(usize::MAX);
        SourceEnd { first: first.saturating_add(usize::from(position.offset > 0)), ..SourceEnd::default() }
    }

    /// Takes note of what waits now.
    pub(super) fn note(&mut self, now: Option<UnendedRecord>) {
        let before = self.waits.take();
        self.waits = now.map(|now| match before {
            Some((known, since)) if known == now => (known, since),
            _ => (now, Instant::now()),
        });
    }

    /// What is to be said of what has waited so long.
    fn unread_after(&self, patience: Duration) -> Option<Notice> {
        let (record, _) = self.waits.as_ref().filter(|(_, since)| since.elapsed() >= patience)?;
        Some(record.notice())
    }

    /// What is to be said of it with answers.
    pub(super) fn notice(&self) -> Option<Notice> {
        self.unread_after(PATIENCE)
    }

    /// Says it on standard error, once of a line.
    fn say(&mut self, patience: Duration) {
        let Some(notice) = self.unread_after(patience) else { return };
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

    /// Says what of logs is not read that nobody waits for any more, and what of them gave no event.
    pub(super) fn say_of_ends(&mut self, plan: &Plan, options: &Options) {
        for (number, progress) in self.sources.iter_mut().enumerate() {
            progress.end.say(Duration::ZERO);
            let files = self.feed.files(number);
            let own = files.iter().skip(progress.end.first).map(|file| &*file.name);
            let mut empty = progress.end.files.without_events(own);
            if files.is_empty() && progress.max_time.is_none() {
                let name = options.log.origin(&options.part, number);
                empty.push(EmptyFile { name, records: progress.looked.records() });
            }
            if let Some(notice) = file_counts::no_events(&plan.source_at(number).name, &empty) {
                tracing::warn!("{}", remarks::text(&notice));
            }
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
