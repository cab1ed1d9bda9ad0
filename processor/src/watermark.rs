//! What lateness is judged by: the watermark of the log, and how far silence moved it, at which place of the log.
//!
//! **Invariant:** whether an event is late depends on the log and on the silences at places before it, never on how the
//! log was cut into blocks or on when it was read: a log that is read again is judged as it was at first.

use event_feeder::Position;
use serde::{Deserialize, Serialize};
use timeline_core::Time;

/// How far the watermark went on while the log was silent, by the place at which it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silences(Vec<Silence>);

/// The end of a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Silence {
    at: Position,
    watermark: Time,
}

impl Silences {
    /// The watermark was moved at a place; further than before, and not before the last place.
    pub fn push(&mut self, at: Position, watermark: Time) {
        debug_assert!(self.0.last().is_none_or(|last| last.at <= at && last.watermark < watermark), "never undone");
        self.0.retain(|silence| silence.at != at);
        self.0.push(Silence { at, watermark });
    }

    /// How far silence has moved the watermark by a place; the least instant where it never has.
    pub fn at(&self, position: Position) -> Time {
        let before = self.0.partition_point(|silence| silence.at <= position);
        before.checked_sub(1).map_or(Time::MIN, |last| self.0[last].watermark)
    }

    /// How far it has moved it so far.
    pub fn last(&self) -> Option<Time> {
        self.0.last().map(|silence| silence.watermark)
    }

    /// Drops the last one: the log's own watermark has overtaken it, and no event was late because of it.
    pub fn forget_last(&mut self) {
        self.0.pop();
    }
}

/// What the events of a batch are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Watermarks<'a> {
    /// The log's watermark before the batch.
    pub before: Time,
    /// What timers and ends follow after the batch, silence included.
    pub after: Time,
    /// How far silence moved it, where.
    pub silences: &'a Silences,
}

#[cfg(test)]
mod tests {
    use super::Silences;
    use event_feeder::Position;
    use timeline_core::Time;

    #[test]
    fn a_silence_counts_from_its_place_on() {
        let place = |offset| Position { offset, ..Position::START };
        let mut silences = Silences::default();
        assert_eq!((silences.at(place(9)), silences.last()), (Time::MIN, None));
        silences.push(place(5), 100);
        silences.push(place(5), 110);
        silences.push(place(8), 300);
        let at = [4, 5, 7, 8, 9].map(|offset| silences.at(place(offset)));
        assert_eq!(at, [Time::MIN, 110, 110, 300, 300]);
        silences.forget_last();
        assert_eq!(silences.last(), Some(110));
    }
}
