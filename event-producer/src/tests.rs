//! Whole logs against what was promised of them, and against answers found again from their lines by brute force.

mod brute;
mod log;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Generator, Model, TrueRow, Workload};
use log::{Line, accepted, parse};

fn workloads() -> Vec<Workload> {
    let mut all = Vec::new();
    for model in Model::ALL {
        for (seed, sessions, jitter_ms, late) in
            [(1, 7, 0, 0.0), (2, 40, 1_000, 0.05), (3, 300, 2_000, 0.2), (4, 1, 0, 0.0)]
        {
            let jitter = Duration::from_millis(jitter_ms);
            all.push(Workload { seed, sessions, events: 12_000, jitter, late, ..Workload::new(model) });
        }
    }
    all
}

fn bytes(workload: &Workload, batch: usize) -> Vec<u8> {
    let mut generator = Generator::new(workload).unwrap();
    let mut out = Vec::new();
    while generator.fill(&mut out, batch) > 0 {}
    out
}

#[test]
fn the_same_options_give_the_same_bytes() {
    for workload in workloads() {
        let log = bytes(&workload, 4096);
        assert_eq!(log, bytes(&workload, 7));
        assert_ne!(log, bytes(&Workload { seed: 99, ..workload }, 4096));
    }
}

/// Logs that other people's scripts and our own fixtures rely on do not change by accident.
#[test]
fn the_first_lines_are_the_known_ones() {
    for (model, known) in Model::ALL.into_iter().zip([
        include_str!("tests/video.ndjson"),
        include_str!("tests/payments.ndjson"),
        include_str!("tests/devices.ndjson"),
    ]) {
        let log = bytes(&Workload { events: 12, sessions: 3, ..Workload::new(model) }, 12);
        assert_eq!(String::from_utf8(log).unwrap(), known);
    }
}

#[test]
fn typed_events_are_the_lines() {
    for workload in workloads() {
        let mut generator = Generator::new(&workload).unwrap();
        let mut out = Vec::new();
        while let Some(event) = generator.next_event() {
            event.write(&mut out);
        }
        assert_eq!(out, bytes(&workload, 100));
    }
}

#[test]
fn every_line_is_json_of_a_usual_length() {
    for workload in workloads() {
        let log = bytes(&workload, 1000);
        assert_eq!(parse(&log).len() as u64, workload.events);
        let mean = log.len() as u64 / workload.events;
        assert!((70..=125).contains(&mean), "{}: {mean} bytes", workload.model.name());
        assert!(log.split(|b| *b == b'\n').all(|line| line.len() < 160));
    }
}

#[test]
fn lines_are_within_the_jitter_or_certainly_late() {
    let jitter = Duration::from_millis(50);
    // So many events that the bound is met and not only kept.
    let dense = Workload { sessions: 5_000, events: 50_000, jitter, late: 0.01, ..Workload::new(Model::Video) };
    for workload in workloads().into_iter().chain([dense]) {
        let (jitter, lateness) = (workload.jitter.as_millis() as i64, workload.lateness.as_millis() as i64);
        let mut seen = i64::MIN;
        let (mut late, mut displaced) = (0, 0);
        for Line { time_ms, .. } in parse(&bytes(&workload, 1000)) {
            let behind = seen.saturating_sub(time_ms);
            displaced = displaced.max(behind.min(lateness));
            if behind > lateness {
                late += 1;
            } else {
                assert!(behind <= jitter, "{behind} ms behind, more than the jitter");
            }
            seen = seen.max(time_ms);
        }
        let share = late as f64 / workload.events as f64;
        assert!((share - workload.late).abs() < 0.02, "{share} for {}", workload.late);
        assert!(jitter == 0 || workload.model == Model::Payments || displaced > jitter / 2, "jitter shows");
        assert_eq!(truth(&workload).0.late, late);
    }
}

#[test]
fn about_as_many_sessions_are_live_as_asked_for() {
    let workload = Workload { sessions: 500, events: 100_000, ..Workload::new(Model::Video) };
    let (totals, _) = truth(&workload);
    let open = totals.sessions - totals.closed;
    // Beside the seats there are those who left without a word, for half an hour each.
    assert!((480..=700).contains(&open), "{open}");
    let mean = totals.lines / totals.sessions;
    assert!((25..=80).contains(&mean), "{mean} lines a session");
}

#[test]
fn the_truth_is_what_brute_force_finds() {
    for workload in workloads() {
        let lines = accepted(parse(&bytes(&workload, 1000)), workload.lateness);
        let (totals, mut rows) = truth(&workload);
        let mut found = brute::rows(workload.model, &lines);
        rows.sort_by_key(|row| format!("{row:?}"));
        found.sort_by_key(|row| format!("{row:?}"));
        for (known, found) in rows.iter().zip(&found) {
            assert_eq!(known, found, "{workload:?}");
        }
        assert_eq!(rows.len(), found.len(), "{workload:?}");
        check_totals(&totals, &rows);
        assert_eq!(totals.accepted(), lines.len() as u64);
        assert_eq!(totals.horizon_ns, lines.iter().map(|line| line.time_ms * 1_000_000).max());
    }
}

/// The totals say what the rows say.
fn check_totals(totals: &crate::TrueTotals, rows: &[TrueRow]) {
    let mut sessions = BTreeSet::new();
    let mut closed = BTreeSet::new();
    let (mut values, mut count, mut alerts) = (0, 0, 0);
    for row in rows {
        match row {
            TrueRow::Final(row) => {
                sessions.insert(row.session);
                if row.closed {
                    closed.insert(row.session);
                }
                values += i128::from(row.value_ns);
                count += 1;
            }
            TrueRow::Alert(_) => alerts += 1,
        }
    }
    assert_eq!((totals.sessions, totals.closed), (sessions.len() as u64, closed.len() as u64));
    assert_eq!(totals.groups.values().map(|group| group.sum_ns).sum::<i128>(), values);
    assert_eq!(totals.groups.values().map(|group| group.count).sum::<u64>(), count);
    assert_eq!(totals.alerts.values().sum::<u64>(), alerts);
}

#[test]
fn the_logs_have_something_to_find() {
    let alerts = |workload: &Workload, name: &str| truth(workload).0.alerts.get(name).copied().unwrap_or(0);
    for workload in workloads().into_iter().filter(|workload| workload.sessions > 1) {
        let name = match workload.model {
            Model::Video => "stuck",
            Model::Payments => "impossible_travel",
            Model::Devices => "silent",
        };
        assert!(alerts(&workload, name) > 0, "{workload:?}");
    }
    let (_, rows) = truth(&Workload { sessions: 7, ..Workload::new(Model::Video) });
    let closed = rows.iter().filter_map(|row| match row {
        TrueRow::Final(row) if row.closed => Some((row.session, row.read_ns)),
        _ => None,
    });
    let closed: BTreeSet<_> = closed.collect();
    let stops = parse(&bytes(&Workload { sessions: 7, ..Workload::new(Model::Video) }, 1000));
    let stops = stops.iter().filter(|line| line.text("playerState") == Some("stop")).count();
    assert!(closed.len() > stops && stops > 100, "{} closed, {stops} of them by an end event", closed.len());
    let (totals, _) = truth(&Workload { events: 200_000, sessions: 50, ..Workload::new(Model::Video) });
    let ratio = |cdn| {
        let (waiting, playing) =
            (totals.group("cirr", cdn).sum_ns as f64, totals.group("playing_time", cdn).sum_ns as f64);
        waiting / (waiting + playing)
    };
    assert!(ratio("C3") > 1.5 * ratio("C1"), "{} {}", ratio("C3"), ratio("C1"));
}

#[test]
fn a_log_that_is_stopped_early_has_its_own_truth() {
    let workload = Workload { jitter: Duration::from_secs(2), late: 0.1, ..Workload::new(Model::Video) };
    let mut generator = Generator::new(&workload).unwrap();
    generator.keep_rows();
    let mut log = Vec::new();
    generator.fill(&mut log, 5_000);
    let mut generator = *generator.into_truth().unwrap_err();
    generator.stop();
    while generator.fill(&mut log, 5_000) > 0 {}
    let truth = generator.into_truth().unwrap();
    let lines = parse(&log);
    assert!(lines.len() > 5_000 && truth.totals.lines == lines.len() as u64);
    let found = brute::rows(Model::Video, &accepted(lines, workload.lateness));
    let mut rows = Vec::from_iter(truth.rows.iter().map(|row| format!("{row:?}")));
    let mut found = Vec::from_iter(found.iter().map(|row| format!("{row:?}")));
    rows.sort();
    found.sort();
    assert_eq!(rows, found);
}

#[test]
fn an_empty_log_has_an_empty_truth() {
    for model in Model::ALL {
        let (totals, rows) = truth(&Workload { events: 0, ..Workload::new(model) });
        assert_eq!((totals.lines, totals.sessions, totals.horizon_ns, rows.len()), (0, 0, None, 0));
    }
}

#[test]
fn truth_files_are_json() {
    for workload in workloads() {
        let (totals, rows) = truth(&workload);
        let mut out = Vec::new();
        rows.iter().for_each(|row| row.write(workload.model, &mut out).unwrap());
        totals.write(&mut out).unwrap();
        for line in String::from_utf8(out).unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(["final", "alert", "total", "alerts", "log"].contains(&row["row"].as_str().unwrap()));
        }
    }
}

fn truth(workload: &Workload) -> (crate::TrueTotals, Vec<TrueRow>) {
    let mut generator = Generator::new(workload).unwrap();
    generator.keep_rows();
    let mut rows = Vec::new();
    let mut out = Vec::new();
    while generator.fill(&mut out, 1_000) > 0 {
        rows.extend(generator.take_rows());
        out.clear();
    }
    let truth = generator.into_truth().unwrap();
    rows.extend(truth.rows);
    (truth.totals, rows)
}
