//! Reading kept events again: as a log that ends with them, or that the live one goes on from.

use super::{Error, RetainedLog, SegmentMessages, read};
use crate::checkpoint::{CheckpointReader, FileRef};
use arrow::array::RecordBatch;
use event_feeder::file::FileTable;
use event_feeder::{Block, Gap, Mark, Next, Notice, Payload, Position, Source, Target};
use std::collections::VecDeque;
use std::sync::Arc;
use timeline_core::Time;

/// About how many bytes a block has.
const BLOCK: usize = 1 << 20;

/// A log that begins with kept events.
pub struct Replay {
    reader: CheckpointReader,
    /// Segments that are still to be read, with where each ends, and what precedes it if it is read from its beginning.
    segments: VecDeque<(FileRef, Position, Option<Time>)>,
    /// What of the present one is still to be handed out, and from which row on.
    batches: VecDeque<(RecordBatch, usize)>,
    segment_end: Position,
    /// What precedes the present one, until its first block is handed out.
    preceding: Option<Time>,
    at: Position,
    until: Position,
    /// What the log lost among them.
    gaps: VecDeque<Gap>,
    /// Where the log goes on; it ends where the kept events do without it.
    then: Option<Box<dyn Source>>,
    files: FileTable,
    origin: Arc<str>,
}

/// Kept events up to a position, as a log that ends.
pub fn replay(kept: &RetainedLog, reader: CheckpointReader, until: Position) -> Replay {
    Replay::new(kept, reader, Position::START, until, None)
}

impl Replay {
    /// Kept events from one position up to another, and then the rest of the log.
    pub fn new(
        kept: &RetainedLog,
        reader: CheckpointReader,
        after: Position,
        until: Position,
        then: Option<Box<dyn Source>>,
    ) -> Self {
        let segments = kept.segments.iter().filter(|(_, facts)| facts.to > after);
        Replay {
            reader,
            segments: segments
                .map(|(file, facts)| (file.clone(), facts.to, facts.preceding.filter(|_| facts.from >= after)))
                .collect(),
            batches: VecDeque::new(),
            segment_end: after,
            preceding: None,
            at: after,
            until,
            gaps: VecDeque::new(),
            then,
            files: vec![],
            origin: "kept events".into(),
        }
    }

    /// Lets blocks say that they are from where they were from at first: what is told of them is told alike.
    pub fn named(self, origin: &str) -> Self {
        Replay { origin: origin.into(), ..self }
    }

    /// Tells of what the log lost among the kept events, each gap in its place.
    pub fn without(self, gaps: &[Gap]) -> Self {
        let among = |gap: &&Gap| gap.from >= self.at && gap.from < self.until;
        Replay { gaps: gaps.iter().filter(among).copied().collect(), ..self }
    }

    /// The gap that comes next, if it does.
    fn gap(&mut self) -> Option<Gap> {
        self.gaps.pop_front_if(|gap| gap.from <= self.at)
    }

    /// The next block of kept events, if there is one.
    fn kept(&mut self) -> Result<Option<Block>, Error> {
        loop {
            if self.at >= self.until {
                self.segments.clear();
                self.batches.clear();
                return Ok(None);
            }
            if let Some((batch, row)) = self.batches.pop_front() {
                if let Some(block) = self.block(batch, row)? {
                    return Ok(Some(block));
                }
                continue;
            }
            let Some((file, end, preceding)) = self.segments.pop_front() else { return Ok(None) };
            self.batches = read(&self.reader, &file)?.into_iter().map(|batch| (batch, 0)).collect();
            (self.segment_end, self.preceding) = (end, preceding);
        }
    }

    /// A block of the rows of a batch from `row` on that are wanted.
    fn block(&mut self, batch: RecordBatch, row: usize) -> Result<Option<Block>, Error> {
        let malformed = || Error::Malformed { segment: "kept events".into(), reason: "other columns".into() };
        let messages = SegmentMessages::of(&batch).ok_or_else(malformed)?;
        let rows = batch.num_rows();
        let first = (row..rows).find(|i| messages.position(*i) >= self.at);
        let Some(first) = first else {
            if self.batches.is_empty() {
                // A segment may end further on than its last message, with what could not be unpacked.
                self.at = self.at.max(self.segment_end);
            }
            return Ok(None);
        };
        let (mut bytes, mut marks, mut i) = (vec![], vec![], first);
        // A block ends where a gap begins.
        let end = self.gaps.front().and_then(|gap| gap.to).map_or(self.until, |to| to.min(self.until));
        while i < rows && bytes.len() < BLOCK && messages.position(i) < end {
            let (at, position) = (bytes.len() as u32, messages.position(i));
            marks.push(Mark { at, position, received: messages.received(i), key: messages.key(i) });
            bytes.extend_from_slice(messages.bytes.value(i));
            i += 1;
        }
        let start = self.at;
        let more = i < rows;
        self.at = if more { messages.position(i) } else { self.segment_end };
        if more {
            self.batches.push_front((batch, i));
        }
        if marks.is_empty() {
            return Ok(None);
        }
        let (payload, origin, preceding) = (Payload::Lines(bytes), Arc::clone(&self.origin), self.preceding.take());
        Ok(Some(Block { payload, start, end: self.at, origin, marks, preceding }))
    }

    fn is_over(&self) -> bool {
        self.segments.is_empty() && self.batches.is_empty()
    }
}

impl Source for Replay {
    fn next(&mut self) -> Result<Next, event_feeder::Error> {
        if let Some(gap) = self.gap() {
            return Ok(Next::Gap(gap));
        }
        let kept = self.kept().map_err(|error| event_feeder::Error::Read {
            file: "kept events".into(),
            error: std::io::Error::other(error),
        })?;
        match (kept, &mut self.then) {
            (Some(block), _) => Ok(Next::Block(block)),
            (None, Some(then)) => then.next(),
            (None, None) => Ok(Next::End),
        }
    }

    fn caught_up_target(&mut self) -> Result<Target, event_feeder::Error> {
        match &mut self.then {
            Some(then) => then.caught_up_target(),
            None => Ok(Target::At(self.until)),
        }
    }

    fn left_out(&mut self) -> Result<Vec<Notice>, event_feeder::Error> {
        self.then.as_mut().map_or(Ok(vec![]), |then| then.left_out())
    }

    fn files(&self) -> &FileTable {
        self.then.as_ref().map_or(&self.files, |then| then.files())
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.then.as_mut().map_or_else(Vec::new, |then| then.notices())
    }

    fn recycle(&mut self, bytes: Vec<u8>) {
        if let (true, Some(then)) = (self.is_over(), &mut self.then) {
            then.recycle(bytes);
        }
    }

    fn queued_bytes(&self) -> u64 {
        self.then.as_ref().map_or(0, |then| then.queued_bytes())
    }

    fn committed(&mut self, position: Position) {
        // What is read again from here needs nothing of the log, and must not hold it up or rush it.
        if let (true, Some(then)) = (self.is_over() && position >= self.until, &mut self.then) {
            then.committed(position);
        }
    }
}
