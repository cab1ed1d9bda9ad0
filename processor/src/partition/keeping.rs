//! Keeping the events of a live log, so that a session can be looked into and other queries can read them from the start.

use super::ingest::{Ingest, SourceProgress};
use super::{Error, Options, Partition};
use crate::checkpoint::CheckpointReader;
use crate::input::StartPosition;
use crate::retained::{Replay, RetainedLog, RetainedTail};
use event_feeder::{Block, Gap, Position, Source};
use timeline_core::Time;
use timeline_core::plan::Plan;

/// What a partition keeps of the log of one source. Places here are plain ones of that log.
#[derive(Debug)]
pub(super) struct Keeping {
    /// For how long, in nanoseconds of the log's time; 0 where nothing is kept.
    pub keep: Time,
    /// As of the last checkpoint.
    pub kept: RetainedLog,
    /// Since then.
    pub fresh: RetainedTail,
    /// How many bytes the last checkpoint was to keep.
    writing: usize,
    /// Kept events are still being read again: up to here.
    replaying: Option<Position>,
}

impl Keeping {
    /// Goes on from a position, with kept events that may reach further.
    pub(super) fn new(keep: Time, kept: RetainedLog, position: Position, max_time: Option<Time>) -> Self {
        let end = kept.end().max(position);
        let replaying = (end > position).then_some(end);
        Keeping { keep, kept, fresh: RetainedTail::after(end, max_time), writing: 0, replaying }
    }

    /// What is to be kept with a checkpoint at a position.
    pub(super) fn cut(&mut self, position: Position, max_time: Option<Time>) -> RetainedTail {
        if self.replaying.is_some() {
            return self.fresh.clone().until(max_time);
        }
        self.writing = self.fresh.bytes();
        std::mem::replace(&mut self.fresh, RetainedTail::after(position, max_time)).until(max_time)
    }
}

/// What a checkpoint keeps of the log of one source.
pub(super) struct KeepingCut {
    /// As of the last checkpoint.
    pub log: RetainedLog,
    pub fresh: RetainedTail,
    /// For how long, in nanoseconds of the log's time; 0 where nothing is kept.
    pub keep: Time,
}

impl KeepingCut {
    /// What is kept with a checkpoint at the present place of a source.
    pub(super) fn of(source: &mut SourceProgress) -> KeepingCut {
        let SourceProgress { keeping, position, max_time, .. } = source;
        let fresh = keeping.cut(position.of(0), *max_time);
        KeepingCut { log: keeping.kept.clone(), fresh, keep: keeping.keep }
    }
}

impl Partition {
    /// Keeps a block that is about to be fed, unless it has been kept before.
    pub(super) fn keep(&mut self, block: &Block) -> Result<(), Error> {
        let source = usize::from(block.end.source);
        let keeping = &self.ingest.sources[source].keeping;
        if keeping.keep == 0 {
            return Ok(());
        }
        if let Some(end) = keeping.replaying {
            if block.end.of(0) <= end {
                return Ok(());
            }
            // Only when all of them are decoded is the time known that the new ones come after.
            self.pipeline.call(|_, _| ())?;
            self.take_decoded();
            let SourceProgress { keeping, max_time, .. } = &mut self.ingest.sources[source];
            keeping.fresh = RetainedTail::after(end, *max_time);
            keeping.replaying = None;
        }
        self.ingest.sources[source].keeping.fresh.push(block);
        Ok(())
    }
}

impl Ingest {
    /// Bytes of messages that wait for the next checkpoint, which keeps them.
    pub(super) fn fresh_bytes(&self) -> usize {
        self.sources.iter().map(|source| source.keeping.fresh.bytes()).sum()
    }

    /// Bytes of messages that the last checkpoint was to keep.
    pub(super) fn writing_bytes(&self) -> usize {
        self.sources.iter().map(|source| source.keeping.writing).sum()
    }

    /// Whether a question about single sessions needs a checkpoint first, for their events to be found.
    pub(super) fn has_fresh_events(&self) -> bool {
        self.sources.iter().any(|source| source.keeping.keep > 0 && !source.keeping.fresh.is_empty())
    }
}

/// Opens the live log of a source behind a plain position, beginning with kept events where they reach further.
pub(super) fn open(
    options: &Options,
    plan: &Plan,
    source: usize,
    after: Position,
    kept: &RetainedLog,
    gaps: &[Gap],
    reader: &CheckpointReader,
) -> Result<Box<dyn Source>, Error> {
    let end = kept.end().max(after);
    let from = StartPosition { position: end, files: vec![] };
    let from = Some(&from).filter(|from| from.position > Position::START);
    let live = options.log.open(&options.part, plan, source, from)?;
    Ok(if end > after {
        let origin = options.log.origin(&options.part, source);
        Box::new(Replay::new(kept, reader.clone(), after, end, Some(live)).without(gaps).named(&origin))
    } else {
        live
    })
}
