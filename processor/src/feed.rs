//! The logs of a partition, one for each of the plan's sources, read side by side.
//!
//! What comes next is a block of whichever source is farthest behind, so that little waits for it in the reorder buffer: the
//! reader of a faster one pauses. It only ever reads ahead of a source that has nothing now.
//!
//! **Invariant:** in which order the blocks of two sources come decides nothing. An event is late by the log of its own
//! source alone, and everything else happens in the order of event time.
//! **Invariant:** every block that is handed out says what precedes it, where times depend on that, however the log was cut.

use event_feeder::{Block, Error, Gap, Next, Notice, Position, Preceding, Source, UnendedRecord};
use timeline_core::Time;
use timeline_core::plan::Plan;

/// What comes next.
#[derive(Debug)]
pub enum FeedItem {
    /// Records of a source, whose places say which.
    Block(Block),
    /// Records of a source are missing, which was accepted; places are plain ones of its log.
    Gap(usize, Gap),
    /// A source has ended, and others have not: it holds them back no longer.
    Ended(usize),
    /// No complete record is there now, but some may come.
    Idle,
    /// A source has nothing now, and too much of the others waits for it already.
    Waits(usize),
    /// All have ended.
    End,
}

/// What a source last had to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceActivity {
    /// Records, or nothing yet.
    No,
    /// Nothing now.
    Idle,
    /// Its log is known to hold no more.
    Drained,
    /// It has ended.
    Ended,
}

struct SourceCursor {
    source: Box<dyn Source>,
    lateness: Time,
    max_time: Option<Time>,
    idle: Time,
    quiet: SourceActivity,
    /// What was read and is to be handed out next.
    rest: Option<Block>,
    /// The record before what is handed out next.
    preceding: Preceding,
}

impl SourceCursor {
    fn watermark(&self) -> Time {
        self.max_time.map_or(Time::MIN, |max| max.saturating_sub(self.lateness)).max(self.idle)
    }
}

/// The sources of a partition.
pub struct Feed {
    readings: Vec<SourceCursor>,
    /// Whether a source that is not known to be drained is waited for.
    live: bool,
    /// Whether nothing is read ahead of the source that is farthest behind.
    paused: bool,
    /// How many bytes are handed out at once, about.
    piece: usize,
}

impl Feed {
    /// The logs of the plan's sources, in their order; `live` ones may be out of reach for a while.
    ///
    /// # Panics
    ///
    /// If there is not one for each source.
    pub fn new(plan: &Plan, sources: Vec<Box<dyn Source>>, live: bool) -> Self {
        assert_eq!(sources.len(), plan.sources().count(), "every source has a log");
        let reading = |(number, source): (usize, Box<dyn Source>)| SourceCursor {
            source,
            lateness: plan.source_at(number).lateness,
            max_time: None,
            idle: Time::MIN,
            quiet: SourceActivity::No,
            rest: None,
            preceding: Preceding::of(plan, number),
        };
        Feed {
            readings: sources.into_iter().enumerate().map(reading).collect(),
            live,
            paused: false,
            piece: usize::MAX,
        }
    }

    /// What comes next, without waiting for records that do not exist yet.
    pub fn read(&mut self) -> Result<FeedItem, Error> {
        let mut order: Vec<usize> = (0..self.readings.len()).filter(|i| !self.is(*i, SourceActivity::Ended)).collect();
        order.sort_by_key(|i| self.readings[*i].watermark());
        let alone = self.readings.len() == 1;
        // What was drained a while ago may hold more by now, which is not known before it is asked again.
        order.iter().for_each(|i| self.readings[*i].quiet = SourceActivity::No);
        for i in order {
            let reading = &mut self.readings[i];
            let next = match reading.rest.take() {
                Some(rest) => Next::Block(rest),
                None => reading.source.next()?,
            };
            match next {
                Next::Block(block) => {
                    reading.quiet = SourceActivity::No;
                    let block = if alone { block } else { numbered(block, i as u8) };
                    let (mut block, rest) = if self.piece < usize::MAX { block.cut(self.piece) } else { (block, None) };
                    reading.rest = rest;
                    reading.preceding.tell(&mut block);
                    return Ok(FeedItem::Block(block));
                }
                Next::Gap(gap) => {
                    reading.quiet = SourceActivity::No;
                    return Ok(FeedItem::Gap(i, gap));
                }
                Next::Idle { drained } => {
                    reading.quiet = if drained { SourceActivity::Drained } else { SourceActivity::Idle };
                    if self.live && !drained {
                        return Ok(FeedItem::Idle);
                    }
                    if self.paused && !alone {
                        return Ok(FeedItem::Waits(i));
                    }
                }
                Next::End => {
                    reading.quiet = SourceActivity::Ended;
                    let over = self.readings.iter().all(|reading| reading.quiet == SourceActivity::Ended);
                    return Ok(if over { FeedItem::End } else { FeedItem::Ended(i) });
                }
            }
        }
        Ok(if self.readings.iter().all(|reading| reading.quiet == SourceActivity::Ended) {
            FeedItem::End
        } else {
            FeedItem::Idle
        })
    }

    /// Hands out the last record of a log that has no end yet, where it is a whole one all the same; see
    /// [`Source::take_unended`].
    pub fn take_unended(&mut self) -> Result<Option<Block>, Error> {
        let alone = self.readings.len() == 1;
        for (i, reading) in self.readings.iter_mut().enumerate() {
            if let Some(mut block) = reading.source.take_unended()? {
                reading.preceding.tell(&mut block);
                return Ok(Some(if alone { block } else { numbered(block, i as u8) }));
            }
        }
        Ok(None)
    }

    /// What was read at the end of the log of a source and has no end yet.
    pub fn unended(&self, source: usize) -> Option<UnendedRecord> {
        self.readings[source].source.unended()
    }

    /// Whether from now on nothing is read ahead of the source that is farthest behind.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// How many bytes are handed out at once from now on, about, so that whoever works on them looks up in time.
    pub fn hand_out(&mut self, bytes: usize) {
        self.piece = bytes;
    }

    /// How many sources there are.
    pub fn count(&self) -> usize {
        self.readings.len()
    }

    /// Goes on in the log of a source behind a place; `last` is the time of the record before it ([`Feed::preceding`]).
    pub fn go_on(&mut self, source: usize, after: Position, last: Option<Time>) {
        self.readings[source].preceding.go_on(after, last);
    }

    /// The time of the last record of a source that was handed out, where the times of its records depend on that.
    pub fn preceding(&self, source: usize) -> Option<Time> {
        self.readings[source].preceding.last()
    }

    /// Notes how far the log of a source has come, which decides who is read next.
    pub fn reached(&mut self, source: usize, max_time: Option<Time>) {
        let reading = &mut self.readings[source];
        reading.max_time = reading.max_time.max(max_time);
    }

    /// Notes how far silence has moved the watermark of a source.
    pub fn passed(&mut self, source: usize, watermark: Time) {
        let reading = &mut self.readings[source];
        reading.idle = reading.idle.max(watermark);
    }

    /// Whether the log of a source is known to hold no more: it was asked by the last [`Feed::read`].
    pub fn is_drained(&self, source: usize) -> bool {
        self.is(source, SourceActivity::Drained) || self.is(source, SourceActivity::Ended)
    }

    fn is(&self, source: usize, quiet: SourceActivity) -> bool {
        self.readings[source].quiet == quiet
    }

    /// The log of a source.
    pub fn source(&mut self, source: usize) -> &mut dyn Source {
        &mut *self.readings[source].source
    }

    /// How many bytes of records were received and have not been read.
    pub fn queued_bytes(&self) -> u64 {
        self.readings.iter().map(|reading| reading.source.queued_bytes()).sum()
    }

    /// The files that make up the log of a source.
    pub fn files(&self, source: usize) -> &event_feeder::file::FileTable {
        self.readings[source].source.files()
    }

    /// What was set aside since the last call.
    pub fn notices(&mut self) -> Vec<Notice> {
        self.readings.iter_mut().flat_map(|reading| reading.source.notices()).collect()
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("sources", &self.readings.len()).finish_non_exhaustive()
    }
}

/// The block with the number of its source in all its places.
fn numbered(mut block: Block, source: u8) -> Block {
    let of = |position: Position| position.of(source);
    (block.start, block.end) = (of(block.start), of(block.end));
    block.marks.iter_mut().for_each(|mark| mark.position = of(mark.position));
    block
}

#[cfg(test)]
mod tests;
