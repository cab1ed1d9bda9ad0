//! The loop of a partition: feed, take what was told, publish, cut a checkpoint when it is time, answer; a step each.
//!
//! **Invariant:** nothing in it waits for long but the end: what takes time is done piece by piece, and in between come those
//! who ask.

use super::ask::PartitionRequest;
use super::{AT_ONCE, Error, LaneOutput, OWNER_LOOK, Partition};
use crate::checkpoint::protocol::CHECKPOINTS_KEPT;
use crate::feed::FeedItem;
use crate::measured;
use event_feeder::Block;
use event_feeder::world::Instant;
use std::time::Duration;

/// How many rows of history (ended sessions, alerts, late events, dead letters) wait for a checkpoint at the most, but for
/// those of the blocks that are on their way.
const TOLD_MAX: usize = 1 << 16;
/// How many bytes of messages that are to be kept wait for a checkpoint at the most, but for the last block.
const FRESH_BYTES_MAX: usize = 16 << 20;
/// How long the loop sleeps when its source has nothing.
const IDLE: Duration = Duration::from_millis(10);
/// How long it sleeps then when questions wait for lanes that are behind.
const LANES_IDLE: Duration = Duration::from_millis(1);
/// How many questions and orders are taken before the log is read on, at the most.
const REQUESTS_AT_ONCE: usize = 16;

/// What came of reading on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// The logs were not asked, for lanes or history are behind.
    NotAsked,
    /// Something was fed, or gone over.
    Records,
    /// There was nothing.
    Nothing,
    /// A source has nothing, and too much of the others waits for it.
    Waits,
}

impl Partition {
    /// Works until it is to end: whether it is to be given up then.
    pub(super) fn work(&mut self) -> Result<bool, Error> {
        let mut last_cut = Instant::now();
        loop {
            self.finish_scan(Duration::ZERO)?;
            self.answer_delayed()?;
            let read = self.read_on()?;
            if self.survey.is_none() {
                self.look_for_growth()?;
            }
            self.take_what_is_told()?;
            // Where the logs were not asked it is not known whether they hold more by now.
            if read != Read::NotAsked {
                self.look_for_silence()?;
            }
            self.ingest.say_notices(&self.plan);
            self.finish_commit(false)?;
            self.note_broken();
            self.tend_outputs()?;
            self.tend_history();
            self.answer_waiting()?;
            if self.is_at_end(read)? {
                self.take_decoded();
                self.ingest.say_of_first(&self.plan);
                self.ingest.say_of_ends(&self.plan, &self.options);
                return Ok(true);
            }
            self.cut_if_due(&mut last_cut)?;
            if !self.committed.is_writing() {
                self.prove(OWNER_LOOK)?;
            }
            for taken in 0..REQUESTS_AT_ONCE {
                match self.next_request(read != Read::Records && taken == 0)? {
                    Some(PartitionRequest::Stop { release }) => return Ok(release),
                    Some(PartitionRequest::Become(labels)) => self.relabel(labels)?,
                    Some(PartitionRequest::Ask { ask, sync: false, reply }) => self.answer_in_time(ask, reply)?,
                    Some(PartitionRequest::Ask { ask, sync: true, reply }) => self.wait_for_all(ask, reply)?,
                    None => break,
                }
            }
        }
    }

    /// What somebody wants; it is waited for where there is nothing else to do, but for an answer that lanes are read for.
    fn next_request(&mut self, waits: bool) -> Result<Option<PartitionRequest>, Error> {
        if !waits {
            return Ok(self.requests.try_recv().ok());
        }
        if self.questions.answering.is_some() {
            self.finish_answer(IDLE)?;
            return Ok(self.requests.try_recv().ok());
        }
        if self.questions.scanning.is_some() {
            self.finish_scan(LANES_IDLE)?;
            return Ok(self.requests.try_recv().ok());
        }
        let length = if self.questions.delayed.is_empty() { IDLE } else { LANES_IDLE };
        Ok(self.requests.recv_timeout(length).ok())
    }

    /// Feeds the lanes what comes next, unless they or history are behind.
    fn read_on(&mut self) -> Result<Read, Error> {
        self.ingest.feed.hand_out(self.ingest.pace.bytes());
        if self.is_busy() || self.mover.is_full() {
            self.pipeline.flush()?;
            return Ok(Read::NotAsked);
        }
        match self.ingest.feed.read()? {
            FeedItem::Block(block) => {
                self.feed(block)?;
                Ok(Read::Records)
            }
            FeedItem::Gap(source, gap) => {
                self.go_over(source, gap)?;
                Ok(Read::Records)
            }
            FeedItem::Waits(_) => {
                self.pipeline.flush()?;
                Ok(Read::Waits)
            }
            // What is durable never ends for good: its log may go on when it is opened again.
            FeedItem::Ended(_) | FeedItem::Idle | FeedItem::End => {
                self.pipeline.flush()?;
                Ok(Read::Nothing)
            }
        }
    }

    fn feed(&mut self, block: Block) -> Result<(), Error> {
        self.keep(&block)?;
        self.ingest.pass(&block);
        self.dirty = true;
        let published = block.marks.first().and_then(|mark| mark.received);
        let source = usize::from(block.end.source);
        self.pipeline.feed(block)?;
        // Whoever asks from here on is answered behind it.
        if let Some(at) = published {
            self.ingest.received = Some(at);
            measured::published(&self.plan.source_at(source).name, self.options.part.number, at);
        }
        Ok(())
    }

    /// Takes what lane threads have decoded, and what lanes that are behind have told.
    fn take_what_is_told(&mut self) -> Result<(), Error> {
        self.take_decoded();
        if self.pipeline.is_behind() {
            // Long work may tell very much, and what it tells waits for a checkpoint like everything else.
            let outputs = self.pipeline.call(|lane, _| LaneOutput::of(lane))?;
            outputs.into_iter().for_each(|output| self.take_output(output));
        }
        Ok(())
    }

    /// Whether all has been read of a log that is not waited for, and nobody has a question. What is left of it to be read
    /// then is fed.
    fn is_at_end(&mut self, read: Read) -> Result<bool, Error> {
        let is_live = self.options.log.is_live();
        let has_nothing = read == Read::Nothing;
        if has_nothing && !is_live {
            self.ingest.look_at_rest(&self.plan);
            self.ingest.look_at_ends();
        }
        let at_end = if is_live {
            self.ingest.is_drained() && !matches!(read, Read::NotAsked | Read::Waits)
        } else {
            has_nothing
        };
        // What was read last may still be on its way through the lanes.
        if !at_end || !self.options.exit_at_end || !self.questions.is_empty() || self.is_behind()? {
            return Ok(false);
        }
        // Nobody waits for the end of a last line that is a whole record.
        match self.ingest.feed.take_unended()? {
            Some(block) => self.feed(block).map(|()| false),
            None => Ok(true),
        }
    }

    /// Cuts a checkpoint when it is time for one and there is something to commit.
    fn cut_if_due(&mut self, last_cut: &mut Instant) -> Result<(), Error> {
        // What is told and what is to be kept is in memory until a checkpoint has it, so much of it does not wait for the
        // time to come, and what is read next waits for it.
        let full = self.gathered.pending.len() >= TOLD_MAX || self.ingest.fresh_bytes() >= FRESH_BYTES_MAX;
        if full {
            self.finish_commit(true)?;
        }
        let is_due = full || last_cut.elapsed() >= self.options.checkpoint_every;
        let is_wanted = self.dirty || self.committed.lingers || self.mover.waits();
        if is_due && is_wanted && !self.committed.is_writing() && self.survey.is_none() {
            self.begin_survey()?;
            *last_cut = Instant::now();
        }
        if self.survey.is_some() && self.is_surveyed(AT_ONCE)? {
            self.start_commit()?;
        }
        Ok(())
    }

    /// Commits what is left, publishes it, and lets history go on its way.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.finish_commit(true)?;
        // The last one has looks of its own.
        self.dirty |= self.survey.take().is_some();
        self.pipeline.flush()?;
        self.look_at_last();
        if self.dirty {
            self.start_commit()?;
            self.finish_commit(true)?;
        }
        self.flush_outputs()?;
        self.finish_history()?;
        // What was put together is to be there once when nobody is at work.
        for _ in 0..CHECKPOINTS_KEPT {
            if self.committed.lingers {
                self.start_commit()?;
                self.finish_commit(true)?;
            }
        }
        Ok(())
    }
}
