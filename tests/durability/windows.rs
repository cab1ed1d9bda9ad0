//! Windows that end: ten devices over thirty days, killed in between, and every window compared with plain integers.

use super::{Server, nanoseconds};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::time::Duration;

const DEVICES: u64 = 10;
const BEGIN: i64 = 1_700_000_000;
const DAYS: i64 = 30;
const HOUR: i64 = 3600;

/// Without an end the clock ends windows; where silence ends a session that nobody bills, events do.
fn program(end: &str) -> String {
    format!(
        "source devices {{ key device  time t in s  lateness 60s  {end}  on: bool, site: string }}
        metric used    = duration_where(latest(on)) every 1h | aggregate(group_by(every), count, sum)
        metric by_site = duration_where(latest(on)) every 6h split by latest(site) cap 2
        metric runs = at(fall(latest(on)), duration_of_previous_state(latest(on))) every 6h
                    | aggregate(group_by(every, site), count, sum, max)
        metric long = not_followed_by(on == true, on == false, 30m) every 6h | aggregate(group_by(every), count)"
    )
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// When a device changed, whether it was on from then on, and where it was.
type Changes = Vec<(i64, bool, &'static str)>;

fn devices() -> BTreeMap<String, Changes> {
    let device = |d: u64| {
        let mut chance = Chance(d + 1);
        let (mut at, mut changes) = (BEGIN + chance.below(7200) as i64, vec![]);
        while at < BEGIN + DAYS * 24 * HOUR {
            changes.push((at, chance.below(2) == 0, ["roof", "yard", "hall"][chance.below(3) as usize]));
            // Now and then longer than several windows, and often on the very hour.
            at += match chance.below(10) {
                0 => HOUR - at % HOUR,
                1 => 86_400 + chance.below(86_400) as i64,
                _ => 1 + chance.below(5000) as i64,
            };
        }
        (format!("d{d}"), changes)
    };
    (0..DEVICES).map(device).collect()
}

/// The seconds for which a device was on within some bounds, at one place or anywhere.
fn on_within(changes: &Changes, (from, to): (i64, i64), at_place: impl Fn(&str) -> bool) -> i64 {
    let ends = changes.iter().skip(1).map(|change| change.0).chain([i64::MAX]);
    let spans = changes.iter().zip(ends).filter(|((_, on, site), _)| *on && at_place(site));
    spans.map(|((start, ..), end)| (end.min(to) - (*start).max(from)).max(0)).sum()
}

fn lines(devices: &BTreeMap<String, Changes>) -> Vec<String> {
    let mut all: Vec<(i64, String)> = vec![];
    for (device, changes) in devices {
        let line = |(t, on, site): &(i64, bool, &str)| {
            (*t, format!(r#"{{"device":"{device}","t":{t},"on":{on},"site":"{site}"}}"#) + "\n")
        };
        all.extend(changes.iter().map(line));
    }
    all.sort();
    // Within the lateness the order does not matter.
    for i in (1..all.len()).step_by(3) {
        if all[i].0 - all[i - 1].0 < 60 {
            all.swap(i - 1, i);
        }
    }
    all.into_iter().map(|(_, line)| line).collect()
}

/// From, to (none while it is open), and the seconds of an hour of a session.
type Hour = (i64, Option<i64>, i64);

/// The hours of a device as rows should have them. `silence`: what ends a session, unbilled.
fn known(changes: &Changes, silence: Option<i64>, horizon: i64) -> Vec<Hour> {
    let longer = |a: &(i64, bool, &str), b: &(i64, bool, &str)| silence.is_none_or(|d| b.0 - a.0 <= d);
    let sessions: Vec<&[(i64, bool, &str)]> = changes.chunk_by(longer).collect();
    let mut hours = vec![];
    for (i, session) in sessions.iter().enumerate() {
        let (origin, last) = (session[0].0, session[session.len() - 1].0);
        let is_over = i + 1 < sessions.len() || silence.is_some_and(|d| horizon > last + d);
        // Up to where it is read, and up to where windows are over.
        let read = if is_over { last } else { horizon };
        let known = if silence.is_some() { last } else { horizon };
        let mut begin = origin - origin % HOUR;
        while begin < read || (begin == read && !is_over) {
            let (from, to) = (begin.max(origin), begin + HOUR);
            let on = on_within(&session.to_vec(), (from, to.min(read)), |_| true);
            let end = if is_over { Some(to.min(read)) } else { Some(to).filter(|to| *to <= known) };
            hours.push((from, end, on));
            begin = to;
        }
    }
    hours
}

/// Window and place, and what is counted there: how many, their sum, the greatest.
type Counted = BTreeMap<(i64, String), (u64, i64, i64)>;

/// What happens in the windows of the metrics of events: runs that end, and what goes on for half an hour.
fn happened(devices: &BTreeMap<String, Changes>, silence: Option<i64>, horizon: i64) -> (Counted, Counted) {
    let (mut runs, mut long) = (Counted::new(), Counted::new());
    let count = |to: &mut Counted, at: i64, site: &str, length: i64| {
        let counted = to.entry((at - at % (6 * HOUR), site.to_owned())).or_default();
        *counted = (counted.0 + 1, counted.1 + length, counted.2.max(length));
    };
    for changes in devices.values() {
        let longer = |a: &(i64, bool, &str), b: &(i64, bool, &str)| silence.is_none_or(|d| b.0 - a.0 <= d);
        for session in changes.chunk_by(longer) {
            let mut begun = None;
            for (at, on, site) in session {
                match (begun, on) {
                    (None, true) => begun = Some(*at),
                    (Some(from), false) => {
                        count(&mut runs, *at, site, at - from);
                        begun = None;
                    }
                    (None, false) | (Some(_), true) => {}
                }
            }
        }
        for (at, ..) in changes.iter().filter(|change| change.1) {
            let until = at + HOUR / 2;
            let is_followed = changes.iter().any(|(t, on, _)| !on && (at + 1..until).contains(t));
            if !is_followed && until <= horizon {
                count(&mut long, until, "", 0);
            }
        }
    }
    (runs, long)
}

/// The same as a processor says it.
fn counted(server: &Server, metric: &str) -> Counted {
    let rows = server.rows(&format!("SELECT * FROM totals WHERE metric = '{metric}'"));
    let row = |row: &Json| {
        let every: jiff::Timestamp = row["every"].as_str().expect("a window").parse().expect("an instant");
        let seconds =
            |name: &str| if row[name].is_null() { 0 } else { (nanoseconds(&row[name]) / 1_000_000_000) as i64 };
        let site = row["site"].as_str().unwrap_or_default().to_owned();
        let count = row["count"].as_u64().expect("a count");
        ((every.as_second(), site), (count, seconds("sum_exact"), seconds("max_exact")))
    };
    rows.iter().map(row).collect()
}

fn told_once(end: &str, silence: Option<i64>) {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("video.tl"), program(end)).expect("written");
    let devices = devices();
    let horizon = devices.values().flatten().map(|change| change.0).max().expect("there are events");
    let mut log = File::create(dir.path().join("log.ndjson")).expect("created");
    let lines = lines(&devices);
    let mut chance = Chance(99);
    for part in lines.chunks(lines.len() / 5 + 1) {
        let server = Server::start_on(dir.path(), &super::LOG);
        for some in part.chunks(part.len() / 4 + 1) {
            log.write_all(some.concat().as_bytes()).expect("written");
            std::thread::sleep(Duration::from_millis(chance.below(500)));
        }
        std::thread::sleep(Duration::from_millis(chance.below(1500)));
        server.kill();
    }
    let server = Server::start_on(dir.path(), &super::LOG);
    let rows = server.rows("SELECT * FROM finals WHERE metric = 'used'");
    let mut told: BTreeMap<String, Vec<Hour>> = BTreeMap::new();
    let second = |row: &Json, name: &str| row[name].as_i64().map(|ns| ns / 1_000_000_000);
    let seconds = |value: &Json| (nanoseconds(value) / 1_000_000_000) as i64;
    for row in &rows {
        let (start, end) = (second(row, "start_ns").expect("a start"), second(row, "end_ns"));
        assert_eq!(row["closed"].as_bool(), Some(end.is_some()), "{row}");
        assert!(row["every"].as_str().is_some_and(|every| every.ends_with(":00:00Z")), "{row}");
        let key = row["session"].as_str().expect("a key").to_owned();
        told.entry(key).or_default().push((start, end, seconds(&row["value_exact"])));
    }
    told.values_mut().for_each(|windows| windows.sort_unstable());
    let mut sums: BTreeMap<i64, (u64, i64)> = BTreeMap::new();
    for (device, changes) in &devices {
        let known = known(changes, silence, horizon);
        assert_eq!(told[device], known, "{device}");
        for (from, _, on) in known {
            let sum = sums.entry(from - from % HOUR).or_default();
            *sum = (sum.0 + 1, sum.1 + on);
        }
    }
    // What the windows come to together.
    let totals = server.rows("SELECT every, count, sum_exact FROM totals WHERE metric = 'used'");
    let totals = totals.iter().map(|row| {
        let every: jiff::Timestamp = row["every"].as_str().expect("a window").parse().expect("an instant");
        (every.as_second(), (row["count"].as_u64().expect("a count"), seconds(&row["sum_exact"])))
    });
    assert_eq!(totals.collect::<BTreeMap<_, _>>(), sums);
    // What happened in each, whatever was in memory when the processor was killed.
    let (runs, long) = happened(&devices, silence, horizon);
    assert_eq!(counted(&server, "runs"), runs);
    assert_eq!(counted(&server, "long"), long);
    assert!(runs.len() > 100 && long.len() > 40, "{} {}", runs.len(), long.len());
    // With a cap: what two places and the rest come to is what there is.
    let by_site =
        server.rows("SELECT session, start, sum(value) AS value, count(*) AS n FROM by_site GROUP BY session, start");
    assert!(by_site.iter().all(|row| row["n"].as_u64().is_some_and(|n| n <= 3)), "two values, and absent ones");
    let sum: f64 = by_site.iter().filter_map(|row| row["value"].as_f64()).sum();
    assert_eq!(sum, sums.values().map(|sum| sum.1).sum::<i64>() as f64);
}

#[test]
fn hours_of_sessions_that_never_end_are_told_once() {
    told_once("", None);
}

#[test]
fn hours_that_events_end_are_told_once_and_never_taken_back() {
    told_once("end after 40m", Some(2400));
}
