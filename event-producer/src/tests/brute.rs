//! The answers once more, straight from the definitions: a timeline is a function of the time and of all events,
//! and a duration is the sum over the elementary intervals between all instants at which anything could change.

use std::collections::{BTreeMap, BTreeSet};

use timeline_core::{SECOND, Time};

use super::log::Line;
use crate::truth::{TrueAlert, TrueFinal, TrueKey, TrueRow};
use crate::video::Cdn;
use crate::{Model, devices, payments};

const MINUTE: Time = 60 * SECOND;

/// A session: its events in order, where it is read, and until when its timelines run.
struct Session {
    key: TrueKey,
    events: Vec<Line>,
    read: Time,
    run: Time,
    closed: bool,
    /// All instants at which anything could change, until `run`; its elementary intervals are the gaps.
    instants: Vec<Time>,
}

/// All rows of a log without late lines.
pub(super) fn rows(model: Model, lines: &[Line]) -> Vec<TrueRow> {
    let horizon = lines.iter().map(time).max().unwrap_or(0);
    let mut keys: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    for line in lines {
        keys.entry(&line.key).or_default().push(line.clone());
    }
    let mut rows = Vec::new();
    for (key, mut events) in keys {
        events.sort_by_key(|line| (line.time_ms, line.seq, line.position));
        let key = TrueKey { letter: key.chars().next().unwrap(), number: key[1..].parse().unwrap() };
        let session = Session::new(model, key, events, horizon);
        match model {
            Model::Video => video(&session, &mut rows),
            Model::Payments => cards(&session, &mut rows),
            Model::Devices => device(&session, &mut rows),
        }
    }
    rows
}

fn time(line: &Line) -> Time {
    line.time_ms * 1_000_000
}

impl Session {
    fn new(model: Model, key: TrueKey, events: Vec<Line>, horizon: Time) -> Self {
        let last = time(events.last().unwrap());
        let gap = events.windows(2).map(|pair| time(&pair[1]) - time(&pair[0])).max().unwrap_or(0);
        let (read, run, closed) = if model != Model::Video {
            (horizon, horizon, false)
        } else if events.iter().any(|line| line.text("playerState") == Some("stop")) {
            assert_eq!(events.last().unwrap().text("playerState"), Some("stop"));
            (last, last, true)
        } else if horizon > last + 30 * MINUTE {
            (last, last + 30 * MINUTE, true)
        } else {
            (horizon, horizon, false)
        };
        assert!(model != Model::Video || gap <= 30 * MINUTE, "a session is one session");
        let mut instants: BTreeSet<Time> = [run, read].into();
        for line in &events {
            let windows = [0, 5 * SECOND, 5 * MINUTE, 10 * MINUTE];
            instants.extend(windows.map(|window| time(line) + window).into_iter().filter(|t| *t <= run));
        }
        Session { key, events, read, run, closed, instants: instants.into_iter().collect() }
    }

    /// The last event at or before `t` that has the column.
    fn latest(&self, column: &str, t: Time) -> Option<(&str, Time)> {
        self.events[..self.until(t)].iter().rev().find_map(|line| line.text(column).map(|text| (text, time(line))))
    }

    /// Whether some event in `(t - window, t]` has the column with such a value.
    fn existed(&self, column: &str, is: impl Fn(&str) -> bool, window: Time, t: Time) -> bool {
        let from = t.saturating_sub(window);
        let events = self.events[..self.until(t)].iter().rev().take_while(|line| time(line) > from);
        events.into_iter().any(|line| line.text(column).is_some_and(&is))
    }

    fn until(&self, t: Time) -> usize {
        self.events.partition_point(|line| time(line) <= t)
    }

    /// For how long it is true, until the session is read.
    fn duration(&self, mut is: impl FnMut(Time) -> bool) -> Time {
        let gaps = self.instants.windows(2).filter(|gap| gap[1] <= self.read);
        gaps.filter(|gap| is(gap[0])).map(|gap| gap[1] - gap[0]).sum()
    }

    /// The spans for which it is true; a last one without an end if it is still true where the timelines end.
    fn spans(&self, is: impl Fn(Time) -> bool) -> Vec<(Time, Option<Time>)> {
        let mut spans: Vec<(Time, Option<Time>)> = Vec::new();
        let mut since = None;
        for t in &self.instants {
            // Nothing begins at a close, and what is true there ends there.
            let is = if self.closed && *t == self.run { false } else { is(*t) };
            match (is, since) {
                (true, None) => since = Some(*t),
                (false, Some(start)) => {
                    spans.push((start, Some(*t)));
                    since = None;
                }
                _ => {}
            }
        }
        spans.extend(since.map(|start| (start, None)));
        spans
    }

    fn value(&self, metric: &'static str, group: &'static str, value_ns: Time) -> TrueRow {
        let (start_ns, read_ns) = (time(&self.events[0]), self.read);
        TrueRow::Final(TrueFinal { session: self.key, metric, group, value_ns, start_ns, read_ns, closed: self.closed })
    }

    fn alert(&self, alert: &'static str, (start_ns, end_ns): (Time, Option<Time>)) -> TrueRow {
        TrueRow::Alert(TrueAlert { session: self.key, alert, start_ns, end_ns })
    }
}

fn video(session: &Session, rows: &mut Vec<TrueRow>) {
    let player = |t| session.latest("playerState", t).map(|(state, _)| state);
    let playing = |t| session.existed("playerState", |state| state == "play", Time::MAX, t);
    let seeking = |t| session.existed("userAction", |action| action == "seek", 5 * SECOND, t);
    let buffering = |t| player(t) == Some("buffer");
    for cdn in Cdn::ALL {
        let in_force = |t| session.latest("cdn", t).is_some_and(|(name, _)| name == cdn.name());
        if session.instants.iter().any(|t| *t <= session.read && in_force(*t)) {
            let cirr = session.duration(|t| in_force(t) && playing(t) && !seeking(t) && buffering(t));
            let play = session.duration(|t| in_force(t) && player(t) == Some("play"));
            rows.extend([session.value("cirr", cdn.name(), cirr), session.value("playing_time", cdn.name(), play)]);
        }
    }
    for (start, end) in session.spans(buffering) {
        let held = start + 20 * SECOND;
        let shows = match end {
            Some(end) => held < end,
            None => held <= session.run,
        };
        if shows {
            rows.push(session.alert("stuck", (held, end)));
        }
    }
}

fn cards(session: &Session, rows: &mut Vec<TrueRow>) {
    let in_use = |t| session.existed("city", |_| true, 10 * MINUTE, t);
    // `latest(city, ttl 10m)`
    let city = |t| session.latest("city", t).filter(|(_, at)| t < at + 10 * MINUTE).map(|(city, _)| city);
    // `duration_in_cur_state`: back over all instants for as long as the value is the same.
    let age = |t: Time, same: &dyn Fn(Time) -> bool| {
        let until = session.instants.partition_point(|instant| *instant <= t);
        let since = session.instants[..until].iter().rev().take_while(|instant| same(**instant)).last();
        t - since.copied().unwrap_or(t)
    };
    let impossible = |t: Time| in_use(t) && age(t, &|at| city(at) == city(t)) < age(t, &|at| in_use(at));
    for city in &payments::CITIES {
        let in_force = |t| session.latest("country", t).is_some_and(|(country, _)| country == city.country);
        if session.instants.iter().any(|t| in_force(*t)) {
            let value = session.duration(|t| in_force(t) && in_use(t));
            rows.push(session.value("time_in_use", city.country, value));
        }
    }
    rows.extend(session.spans(impossible).into_iter().map(|span| session.alert("impossible_travel", span)));
    // What the program's two ages are for: two uses in a row, in two cities, at most ten minutes apart.
    let uses = session.events.windows(2);
    let caught = uses
        .into_iter()
        .any(|pair| pair[0].text("city") != pair[1].text("city") && time(&pair[1]) - time(&pair[0]) <= 10 * MINUTE);
    assert_eq!(caught, !session.spans(impossible).is_empty());
}

fn device(session: &Session, rows: &mut Vec<TrueRow>) {
    let silent = |t| !session.existed("status", |_| true, 5 * MINUTE, t);
    let in_error = |t| session.latest("status", t).is_some_and(|(status, _)| status == "error");
    let site = session.latest("site", session.read).unwrap().0;
    let site = devices::DeviceSite::ALL.into_iter().find(|known| known.name() == site).unwrap().name();
    rows.push(session.value("silent_time", site, session.duration(silent)));
    rows.push(session.value("error_time", site, session.duration(in_error)));
    rows.extend(session.spans(silent).into_iter().map(|span| session.alert("silent", span)));
}
