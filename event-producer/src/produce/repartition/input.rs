//! One partition of the topic that is read, record by record.

use super::Error;
use event_feeder::pulsar::PulsarSource;
use event_feeder::{Batch, Block, Decoder, Next, Payload, Position, Source, Target};
use std::collections::VecDeque;
use timeline_core::Time;
use timeline_core::plan::SourceDefinition;

/// A record on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RepartitionRecord {
    /// Where it stands.
    position: Position,
    /// When its message was published; the order of all.
    published: Time,
    /// `None` if the program could not use it.
    pub(super) key: Option<String>,
    pub(super) time_ms: Option<u64>,
    pub(super) payload: Vec<u8>,
}

/// What comes next of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextRecord {
    /// A record whose message was published then.
    Published(Time),
    /// Nothing yet.
    Waiting,
    /// Nothing now: its topic was asked.
    Drained,
    /// Nothing any more.
    Over,
}

pub(super) struct RepartitionInput {
    source: PulsarSource,
    decoder: Decoder,
    /// The time of the last record that was decoded, where times depend on that.
    preceding: Option<Time>,
    records: VecDeque<RepartitionRecord>,
    /// Everything before it was taken, but for `records`.
    end: Position,
    /// Everything before it was written by an earlier call.
    written: Position,
    /// Where it ends; `None` if it never does.
    target: Option<Target>,
}

impl RepartitionInput {
    pub(super) fn new(
        mut source: PulsarSource,
        declared: &SourceDefinition,
        written: Position,
        follow: bool,
    ) -> Result<Self, Error> {
        // When it is read again, the broker's time is that of the new topic.
        let declared = SourceDefinition { future: None, ..declared.clone() };
        let target = if follow { None } else { Some(source.caught_up_target()?) };
        let (decoder, records) = (Decoder::new(&declared, &[]), VecDeque::new());
        Ok(RepartitionInput { source, decoder, preceding: None, records, end: written, written, target })
    }

    pub(super) fn topic(&self) -> &str {
        self.source.topic()
    }

    /// Everything before it was taken.
    pub(super) fn at(&self) -> Position {
        self.records.front().map_or(self.end, |record| record.position)
    }

    /// Lets the broker forget what was written and noted.
    pub(super) fn committed(&mut self) {
        self.source.committed(Position { part: 0, ..self.at() });
    }

    pub(super) fn take(&mut self) -> Option<RepartitionRecord> {
        self.records.pop_front()
    }

    pub(super) fn head(&mut self) -> Result<NextRecord, Error> {
        loop {
            if let Some(record) = self.records.front() {
                return Ok(NextRecord::Published(record.published));
            }
            if self.target.as_mut().is_some_and(|target| target.reached(self.end)) {
                return Ok(NextRecord::Over);
            }
            match self.source.next()? {
                Next::Block(block) => {
                    self.end = block.end;
                    let written = self.written;
                    let records = records(&mut self.decoder, block, &mut self.preceding);
                    self.records.extend(records.into_iter().filter(|record| record.position >= written));
                }
                Next::Idle { drained: true } => return Ok(NextRecord::Drained),
                Next::Idle { drained: false } => return Ok(NextRecord::Waiting),
                // No gap is accepted here.
                Next::Gap(_) => {}
                Next::End => return Ok(NextRecord::Over),
            }
        }
    }
}

/// All records of a block, those included that the program cannot use.
///
/// `preceding` is the time of the record before it, where times depend on that, and is moved on.
fn records(decoder: &mut Decoder, block: Block, preceding: &mut Option<Time>) -> Vec<RepartitionRecord> {
    let Payload::Lines(bytes) = &block.payload else { return vec![] };
    let length = bytes.len();
    let batch = decoder.decode(Block { preceding: *preceding, ..block });
    *preceding = batch.last.time;
    let (mut records, mut events, mut mark) = (vec![], batch.events.iter().peekable(), 0);
    let mut start = 0;
    while start < length {
        let end = batch.bytes[start..length].iter().position(|byte| *byte == b'\n').map_or(length, |at| start + at);
        let line = &batch.bytes[start..end];
        let ordinal = start as u32;
        start = end + 1;
        let event = events.next_if(|event| event.ordinal == ordinal);
        if line.trim_ascii().is_empty() {
            continue;
        }
        while batch.marks.get(mark + 1).is_some_and(|next| next.at <= ordinal) {
            mark += 1;
        }
        records.push(RepartitionRecord {
            position: place(&batch, mark, ordinal),
            published: batch.marks.get(mark).and_then(|mark| mark.received).unwrap_or_default(),
            key: event.map(|event| batch.text(event.key).to_owned()),
            time_ms: event.and_then(|event| u64::try_from(event.time.div_euclid(1_000_000)).ok()),
            payload: line.to_vec(),
        });
    }
    records
}

/// Where the record of a message stands.
fn place(batch: &Batch, mark: usize, ordinal: u32) -> Position {
    match batch.marks.get(mark) {
        Some(mark) => mark.position.within(ordinal - mark.at),
        None => batch.start.plus(u64::from(ordinal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_feeder::{Mark, MessageKey};
    use timeline_core::plan::{FieldPath, Idle, TimeUnit};

    #[test]
    fn every_line_of_a_message_is_a_record_whether_it_can_be_used_or_not() {
        let declared = SourceDefinition {
            name: "s".into(),
            key: vec![FieldPath::name("user"), FieldPath::name("n")],
            time: FieldPath::name("t"),
            time_unit: TimeUnit::Seconds,
            order: None,
            lateness: 0,
            future: None,
            idle: Idle::Never,
            repair: None,
            csv: Default::default(),
        };
        let lines = ["{\"user\":\"a\",\"n\":1,\"t\":2}\n{\"user\":\"b\",\"n\":1,\"t\":3}\n", "\nno record\n"];
        let (mut bytes, mut marks) = (vec![], vec![]);
        for (i, text) in (0..).zip(lines) {
            let (at, position) = (bytes.len() as u32, Position::message(7, 3, i));
            marks.push(Mark { at, position, received: Some(Time::from(i) + 5), key: Some(MessageKey::of(b"x")) });
            bytes.extend_from_slice(text.as_bytes());
        }
        let (start, end, origin) = (Position::at(7, 3), Position::at(7, 4), "t".into());
        let block = Block { payload: Payload::Lines(bytes), start, end, origin, marks, preceding: None };
        let records = records(&mut Decoder::new(&declared, &[]), block, &mut None);
        let seen: Vec<_> = records
            .iter()
            .map(|r| (r.position.to_string(), r.published, r.key.as_deref(), r.time_ms, r.payload.len()))
            .collect();
        assert_eq!(
            seen,
            [
                ("7:3".to_owned(), 5, Some("[\"a\",\"1\"]"), Some(2_000), 24),
                ("7:3:0+25".to_owned(), 5, Some("[\"b\",\"1\"]"), Some(3_000), 24),
                ("7:3:1+1".to_owned(), 6, None, None, 9),
            ]
        );
    }
}
