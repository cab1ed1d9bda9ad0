//! Events whose times are far ahead of all before them in their log, and how many are late because of each.
//!
//! The watermark follows the greatest time, so one event of a clock that is wrong makes all behind it late, for as long as
//! that clock is ahead. Nothing here changes that: whether an event is late is decided by the log alone. It is why it is
//! said which event it was.
//!
//! Leaps are found where batches come in the order of the log, by the largest time of each; only in a batch that is far
//! ahead of all before it are the events looked through. What is late is in a ledger anyway. So events pay nothing.
//!
//! **Invariant:** what is found follows from the log, never from how it was cut into blocks or from a clock on a wall.

use event_feeder::{Batch, Notice, Position, RecordCode};
use std::sync::Arc;
use timeline_core::{SECOND, Time, instant_text};

/// How far ahead of all before it an event is that is spoken of: a day, which is what `future` allows by default.
pub const FAR: Time = 86_400 * SECOND;

/// How many events are late because of it, at least.
pub const LATE_MIN: u64 = 3;

/// So many of a log are kept: of what lies further back nothing comes any more, as a rule.
const KEPT: usize = 64;

/// An event that is far ahead of all before it in its log, or the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeJump {
    /// Where its record begins.
    pub position: Position,
    /// Name of the file, stream or topic.
    pub origin: Arc<str>,
    /// Its time.
    pub time: Time,
    /// The largest time before it; none of the first event.
    pub before: Option<Time>,
    /// Usable events before it, since reading began.
    pub events: u64,
}

/// Those among the events of a batch, where `before` is the largest time before it in its log, and `events` how many usable
/// events are before it.
pub fn of(batch: &Batch, before: Option<Time>, events: u64) -> Vec<TimeJump> {
    let is_far = |time: Time, before: Option<Time>| before.is_none_or(|before| time > before.saturating_add(FAR));
    let (mut found, mut largest) = (vec![], before);
    if !batch.max_time.is_some_and(|time| is_far(time, before)) {
        return found;
    }
    for (event, events) in batch.events.iter().zip(events..) {
        let time = event.time;
        if is_far(time, largest) {
            let (position, origin) = (batch.position(event), Arc::clone(&batch.origin));
            found.push(TimeJump { position, origin, time, before: largest, events });
        }
        largest = largest.max(Some(time));
    }
    found
}

/// Those of a log, with what is late because of each.
#[derive(Clone, Debug, Default)]
pub struct TimeJumps {
    /// In the order of the log, which is that of their times.
    all: Vec<TimeJumpEffect>,
    /// Events that were late so far.
    late: u64,
}

/// A leap, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeJumpEffect {
    /// The event.
    pub leap: TimeJump,
    /// How many are late that would not be without it.
    pub late: u64,
    /// Events that were late before it.
    late_before: u64,
    /// How far the log is without it.
    largest: Option<Time>,
    /// Whether it was said.
    is_said: bool,
}

impl TimeJumps {
    /// Takes what has come of a log since the last call: events that leapt, and the places and times of those that were late
    /// and do not count. Each in any order, but none of a place before one that was taken earlier.
    pub fn take(&mut self, mut leaps: Vec<TimeJump>, mut late: Vec<(Position, Time)>, lateness: Time) {
        leaps.sort_by_key(|leap| leap.position);
        late.sort_unstable();
        let mut leaps = leaps.into_iter().peekable();
        for (position, time) in late {
            while let Some(leap) = leaps.next_if(|leap| leap.position < position) {
                self.leap(leap);
            }
            self.late(time, lateness);
        }
        leaps.for_each(|leap| self.leap(leap));
    }

    fn leap(&mut self, leap: TimeJump) {
        if self.all.len() == KEPT {
            self.all.remove(0);
        }
        let largest = leap.before;
        self.all.push(TimeJumpEffect { leap, late: 0, late_before: self.late, largest, is_said: false });
    }

    /// An event is late because of the first leap that it is far behind, unless it is late in what the log is without that.
    fn late(&mut self, time: Time, lateness: Time) {
        self.late += 1;
        let behind = lateness.max(FAR);
        let at = self.all.partition_point(|far| far.leap.time.saturating_sub(behind) <= time);
        let Some(far) = self.all.get_mut(at) else { return };
        if far.largest.is_none_or(|largest| time >= largest.saturating_sub(lateness)) {
            far.late += 1;
            far.largest = far.largest.max(Some(time));
        }
    }

    /// Those because of which more events are late than go on from there, of a log with so many usable events. Where the log
    /// goes on, time has passed, and what is late is late for itself.
    pub fn told(&self, events: u64) -> impl Iterator<Item = &TimeJumpEffect> {
        self.all.iter().filter(move |far| self.matters(far, events))
    }

    /// The same, but each once.
    pub fn news(&mut self, events: u64) -> Vec<TimeJumpEffect> {
        let is_new: Vec<bool> = self.all.iter().map(|far| !far.is_said && self.matters(far, events)).collect();
        let new = self.all.iter_mut().zip(is_new).filter(|(_, is_new)| *is_new).map(|(far, _)| far);
        new.map(|far| {
            far.is_said = true;
            far.clone()
        })
        .collect()
    }

    /// Those that were said.
    pub fn said(&self) -> impl Iterator<Item = &TimeJumpEffect> {
        self.all.iter().filter(|far| far.is_said)
    }

    fn matters(&self, far: &TimeJumpEffect, events: u64) -> bool {
        let late = self.late - far.late_before;
        let go_on = events.saturating_sub(far.leap.events + 1).saturating_sub(late);
        far.late >= LATE_MIN && far.late > go_on
    }
}

impl TimeJumpEffect {
    /// What is said of it where events are late because of it.
    pub fn late_notice(&self, source: &str) -> Notice {
        self.notice(source, &format!("because of it {} events behind it are late", self.late))
    }

    /// What is said of it where all were waited for.
    pub fn sorted_notice(&self, source: &str) -> Notice {
        self.notice(
            source,
            &format!("{} events behind it are earlier, and what is open is read at its time", self.late),
        )
    }

    fn notice(&self, source: &str, consequence: &str) -> Notice {
        let TimeJump { position, origin, time, before, .. } = &self.leap;
        let said = instant_text(*time);
        let what = match before.map(|before| time.saturating_sub(before) / FAR) {
            None => format!("the first event, at {position} of {origin}, says {said}"),
            Some(1) => format!("the event at {position} of {origin} says {said}, a day after all before it"),
            Some(days) => format!("the event at {position} of {origin} says {said}, {days} days after all before it"),
        };
        let detail = format!("{what}; {consequence}");
        Notice { code: RecordCode::FarAhead, file: source.to_owned(), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::{FAR, TimeJump, TimeJumps};
    use event_feeder::{Position, RecordCode};
    use timeline_core::{SECOND, Time};

    fn at(offset: u64) -> Position {
        Position::at(0, offset)
    }

    /// The `events`th event of a log, in seconds.
    fn leap(events: u64, time: Time, before: Option<Time>) -> TimeJump {
        let before = before.map(|before| before * SECOND);
        TimeJump { position: at(events), origin: "f".into(), time: time * SECOND, before, events }
    }

    /// Places and times of late events, in seconds.
    fn late(of: &[(u64, Time)]) -> Vec<(Position, Time)> {
        of.iter().map(|(place, time)| (at(*place), time * SECOND)).collect()
    }

    const DAY: Time = FAR / SECOND;

    fn told(leaps: &TimeJumps, events: u64) -> Vec<(Position, u64)> {
        leaps.told(events).map(|far| (far.leap.position, far.late)).collect()
    }

    #[test]
    fn what_would_be_late_without_it_is_not_late_because_of_it() {
        let mut leaps = TimeJumps::default();
        let all = vec![leap(0, 0, None), leap(5, 900 * DAY, Some(100))];
        // Late before it; then the log goes on behind 100, with an event at 150 that is late by its own log.
        let of = [(3, 50), (6, 110), (7, 200), (8, 150), (9, 199), (10, 210)];
        leaps.take(all, late(&of), SECOND);
        assert_eq!(told(&leaps, 11), [(at(5), 4)]);
        leaps.take(vec![], late(&[(11, 220), (12, 10)]), SECOND);
        assert_eq!(told(&leaps, 13), [(at(5), 5)]);
        let news = leaps.news(13);
        assert_eq!(news.len(), 1);
        let notice = news[0].late_notice("s");
        assert_eq!((notice.code, notice.file.as_str()), (RecordCode::FarAhead, "s"));
        assert_eq!(
            notice.detail,
            "the event at 0:5 of f says 1972-06-19T00:00:00Z, 899 days after all before it; because of it 5 events \
             behind it are late"
        );
        assert!(leaps.news(13).is_empty(), "it is said once");
        assert_eq!(leaps.said().count(), 1);
    }

    #[test]
    fn where_a_log_goes_on_time_has_passed() {
        // Two days of silence, and four events of before it that come behind it.
        let all = || vec![leap(0, 0, None), leap(5, 2 * DAY, Some(100))];
        let of = late(&[(6, 110), (7, 120), (8, 130), (9, 140)]);
        let mut leaps = TimeJumps::default();
        leaps.take(all(), of.clone(), 0);
        assert_eq!(told(&leaps, 6 + 4 + 3), [(at(5), 4)]);
        assert!(told(&leaps, 6 + 4 + 4).is_empty(), "as many go on from there");
        let mut few = TimeJumps::default();
        few.take(all(), of[..2].to_vec(), 0);
        assert!(told(&few, 8).is_empty(), "two may have come late for themselves");
        // What is no day behind is late for the lateness, and so are all of them with two days of that.
        let mut near = TimeJumps::default();
        near.take(all(), late(&[(6, DAY), (7, DAY + 1), (8, DAY + 2)]), 0);
        assert!(told(&near, 9).is_empty());
        let mut patient = TimeJumps::default();
        patient.take(all(), of, 2 * DAY * SECOND);
        assert!(told(&patient, 10).is_empty());
    }

    #[test]
    fn each_event_is_late_because_of_the_first_that_it_is_far_behind() {
        let of = late(&[(3, 20), (4, 30), (5, 40), (6, 20 * DAY), (7, 20 * DAY + 1), (8, 20 * DAY + 2), (9, 50)]);
        let all = [leap(0, 10, None), leap(1, 10 * DAY, Some(10)), leap(2, 90 * DAY, Some(10 * DAY))];
        let mut leaps = TimeJumps::default();
        leaps.take(all.iter().rev().cloned().collect(), of.iter().rev().copied().collect(), 0);
        assert_eq!(told(&leaps, 10), [(at(1), 4), (at(2), 3)]);
    }

    #[test]
    fn the_first_event_may_be_the_one() {
        let mut leaps = TimeJumps::default();
        leaps.take(vec![leap(0, 900 * DAY, None)], late(&[(1, 10), (2, 20), (3, 15), (4, 30)]), 0);
        assert_eq!(told(&leaps, 5), [(at(0), 3)]);
        let detail = leaps.news(5)[0].sorted_notice("s").detail;
        assert!(
            detail.starts_with("the first event, at 0:0 of f, says 1972-06-19T00:00:00Z; 3 events behind it"),
            "{detail}"
        );
        // From the newest to the oldest: each is late because of the one before it.
        let mut down = TimeJumps::default();
        down.take(vec![leap(0, 900 * DAY, None)], late(&[(1, 40), (2, 30), (3, 20), (4, 10)]), 0);
        assert!(told(&down, 5).is_empty());
    }
}
