//! Keeping the events of a live log, so that a session can be looked into and other queries can read them from the start.

use super::{Error, Partition};
use crate::checkpoint::{FileRef, Reader};
use crate::input::From;
use crate::kept::{Fresh, Kept, Replay};
use event_feeder::{Block, Position, Source};
use timeline_core::Time;
use timeline_core::plan::Plan;

/// What a partition keeps.
#[derive(Debug)]
pub(super) struct Keeping {
    /// For how long, in nanoseconds of the log's time; 0 where nothing is kept.
    pub keep: Time,
    /// As of the last checkpoint.
    pub kept: Kept,
    /// Since then.
    pub fresh: Fresh,
    /// Kept events are still being read again: up to here.
    replaying: Option<Position>,
}

impl Keeping {
    /// Goes on from a position, with kept events that may reach further.
    pub(super) fn new(keep: Time, kept: Kept, position: Position, max_time: Option<Time>) -> Self {
        let end = kept.end().max(position);
        let replaying = (end > position).then_some(end);
        Keeping { keep, kept, fresh: Fresh::after(end, max_time), replaying }
    }

    /// What is to be kept with a checkpoint at a position.
    pub(super) fn cut(&mut self, position: Position, max_time: Option<Time>) -> Fresh {
        if self.replaying.is_some() {
            return self.fresh.clone().until(max_time);
        }
        std::mem::replace(&mut self.fresh, Fresh::after(position, max_time)).until(max_time)
    }
}

impl Partition {
    /// Keeps a block that is about to be fed, unless it has been kept before.
    pub(super) fn keep(&mut self, block: &Block) -> Result<(), Error> {
        if self.keeping.keep == 0 {
            return Ok(());
        }
        if let Some(end) = self.keeping.replaying {
            if block.end <= end {
                return Ok(());
            }
            // Only when all of them are decoded is the time known that the new ones come after.
            self.pipeline.call(|_, _| ())?;
            self.take_decoded();
            self.keeping.fresh = Fresh::after(end, self.max_time);
            self.keeping.replaying = None;
        }
        self.keeping.fresh.push(block);
        Ok(())
    }

    /// Whether a question about single sessions needs a checkpoint first, for their events to be found.
    pub(super) fn has_fresh_events(&self) -> bool {
        self.keeping.keep > 0 && !self.keeping.fresh.is_empty()
    }
}

/// Opens a live log behind a position, beginning with kept events where they reach further.
pub(super) fn open(
    options: &super::Options,
    plan: &Plan,
    after: Position,
    kept: &Kept,
    reader: &Reader,
) -> Result<Box<dyn Source>, Error> {
    let end = kept.end().max(after);
    let from = From { position: end, files: vec![] };
    let live = options.log.open(&options.part, plan, Some(&from).filter(|from| from.position > Position::START))?;
    Ok(if end > after { Box::new(Replay::new(kept, reader.clone(), after, end, Some(live))) } else { live })
}

/// The kept events that the files of a checkpoint hold.
pub(super) fn of_files(files: &[FileRef]) -> Result<Kept, Error> {
    Ok(Kept::of(files)?)
}
