//! What lateness is judged by: the watermark of the log, and how far silence moved it, at which place of the log; and what
//! time passes by, where a partition has the logs of several sources: the least of their watermarks.
//!
//! **Invariant:** whether an event is late depends on the log and on the silences at places before it, never on how the
//! log was cut into blocks or on when it was read: a log that is read again is judged as it was at first.

use event_feeder::Position;
use serde::{Deserialize, Serialize};
use timeline_core::Time;
use timeline_core::plan::{Plan, SourceDefinition};

/// How far the watermark went on while the log was silent, by the place at which it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleAdvances(Vec<IdleAdvance>);

/// The end of a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct IdleAdvance {
    at: Position,
    watermark: Time,
}

impl IdleAdvances {
    /// The watermark was moved at a place; further than before, and not before the last place.
    pub fn push(&mut self, at: Position, watermark: Time) {
        debug_assert!(self.0.last().is_none_or(|last| last.at <= at && last.watermark < watermark), "never undone");
        self.0.retain(|silence| silence.at != at);
        self.0.push(IdleAdvance { at, watermark });
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

/// What is not known of the sessions of a log, because it was not read from its start.
///
/// The first event after the beginning says which event times may lie before it: none that is later than its own by more
/// than the lateness. Silence and age then say which sessions may still have begun there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnreadPrefix {
    /// Nothing: it was read from its start.
    #[default]
    Nothing,
    /// What lies before the beginning, whenever that was: no event has come since.
    Everything,
    /// Events until this instant.
    Until(Time),
}

impl UnreadPrefix {
    /// Whether it is the usual case, which needs no writing down.
    pub fn is_nothing(&self) -> bool {
        *self == UnreadPrefix::Nothing
    }

    /// The first event after the beginning, by its place in the log, has come.
    fn first(&mut self, time: Time, lateness: Time) {
        if *self == UnreadPrefix::Everything {
            *self = UnreadPrefix::Until(time.saturating_add(lateness));
        }
    }
}

/// What the events of a batch are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Watermarks<'a> {
    /// The watermark of the batch's own log before it.
    pub before: Time,
    /// What timers and ends follow after the batch: [`PartitionProgress::clock`].
    pub after: Time,
    /// How far silence moved the watermark of the batch's own log, where.
    pub silences: &'a IdleAdvances,
}

/// How far the log of one source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogProgress {
    /// Largest usable event time so far.
    pub max_time: Option<Time>,
    /// How far silence has moved the watermark; the least instant where it never has.
    pub idle: Time,
    /// The source's lateness.
    pub lateness: Time,
    /// How far behind the watermark an event still counts.
    pub repair: Time,
    /// No event comes any more.
    pub ended: bool,
    /// What lies before the place from which it is read.
    pub unseen: UnreadPrefix,
}

impl LogProgress {
    /// Nothing yet.
    pub fn nothing(source: &SourceDefinition) -> Self {
        let (lateness, repair) = (source.lateness, source.repair.unwrap_or(0));
        LogProgress { max_time: None, idle: Time::MIN, lateness, repair, ended: false, unseen: UnreadPrefix::Nothing }
    }

    /// Takes note of the event times of a batch, of which `first` is the first by its place.
    pub fn note(&mut self, max_time: Option<Time>, first: Option<Time>) {
        self.max_time = self.max_time.max(max_time);
        if let Some(first) = first {
            self.unseen.first(first, self.lateness);
        }
    }

    /// The log's own watermark. The least instant until there are events.
    pub fn log_watermark(&self) -> Time {
        self.max_time.map_or(Time::MIN, |max| max.saturating_sub(self.lateness))
    }

    /// Events of the source before it are late.
    pub fn watermark(&self) -> Time {
        self.log_watermark().max(self.idle)
    }
}

/// How far a partition has come: the logs of all its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionProgress {
    /// In the order of the plan's sources.
    pub sources: Vec<LogProgress>,
    /// No answer looks beyond it.
    pub until: Time,
}

impl PartitionProgress {
    /// Nothing yet.
    pub fn nothing(plan: &Plan, until: Option<Time>) -> Self {
        PartitionProgress {
            sources: plan.sources().map(LogProgress::nothing).collect(),
            until: until.unwrap_or(Time::MAX),
        }
    }

    /// Largest usable event time so far.
    pub fn max_time(&self) -> Option<Time> {
        self.sources.iter().filter_map(|source| source.max_time).max()
    }

    /// What is before it has been seen from all sources: the least of their watermarks, but for those that have ended.
    pub fn watermark(&self) -> Time {
        let going = self.sources.iter().filter(|source| !source.ended);
        going.map(LogProgress::watermark).min().unwrap_or(Time::MAX)
    }

    /// The watermark, if it is known.
    pub fn known_watermark(&self) -> Option<Time> {
        Some(self.watermark()).filter(|at| *at > Time::MIN && *at < Time::MAX)
    }

    /// Sessions that begin at or before it may have begun before anything was seen of them; the least instant where the
    /// logs were read from their starts.
    pub fn unseen(&self, plan: &Plan) -> Time {
        let longest = [plan.end.silence, plan.end.max_age].into_iter().flatten().min().unwrap_or(Time::MAX);
        // An event may belong to a session that ended unseen, and lingers.
        let longest = longest.max(plan.end.linger);
        let of = |source: &LogProgress| match source.unseen {
            UnreadPrefix::Nothing => Time::MIN,
            UnreadPrefix::Everything => Time::MAX,
            UnreadPrefix::Until(at) => at.saturating_add(longest),
        };
        self.sources.iter().map(of).max().unwrap_or(Time::MIN)
    }

    /// The instant for which answers are true: the last event, or the watermark where silence moved that further.
    pub fn horizon(&self) -> Option<Time> {
        self.max_time().max(self.known_watermark())
    }

    /// What is before it is as it will be: nothing comes any more that could change it, not even to be repaired. The largest
    /// instant where all logs have ended.
    pub fn certain(&self) -> Time {
        if self.sources.iter().all(|source| source.ended) { Time::MAX } else { self.clock() }
    }

    /// What timers and ends follow: nothing before it comes any more, not even to be repaired; and not beyond `until`.
    pub fn clock(&self) -> Time {
        let going = self.sources.iter().filter(|source| !source.ended);
        let clocks = going.map(|source| source.watermark().min(self.until).saturating_sub(source.repair));
        clocks.min().unwrap_or(Time::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::IdleAdvances;
    use event_feeder::Position;
    use timeline_core::Time;

    #[test]
    fn a_silence_counts_from_its_place_on() {
        let place = |offset| Position { offset, ..Position::START };
        let mut silences = IdleAdvances::default();
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
