//! What is published, judged by the tables: in memory, with destinations that are away and owners that are ended.

mod beside;
mod totals;

use super::memory::Board;
use super::{OutputKind, Outputs};
use crate::engine::Engine;
use crate::input::memory::MemoryPartitions;
use crate::service::tests::options as service_options;
use crate::service::{Claims, Options, Service};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const PROGRAM: &str = "source s { key k  time t in s  lateness 2s  end after 100s  b: bool }
metric m = duration_where(latest(b)) split by latest(b)
metric share = m / (m + duration_where(!latest(b)))
alert on = latest(b)
alert long = held_for(latest(b), 10s)";
const SYNC: Option<Duration> = Some(Duration::from_secs(20));

fn options(state: &Path, log: &MemoryPartitions, outputs: Outputs) -> Options {
    Options { checkpoint_every: Duration::from_millis(20), outputs, ..service_options(state, log, Claims::All) }
}

fn start(state: &Path, log: &MemoryPartitions, outputs: &Outputs) -> Arc<Service> {
    start_with(PROGRAM, state, log, outputs)
}

fn start_with(program: &str, state: &Path, log: &MemoryPartitions, outputs: &Outputs) -> Arc<Service> {
    let options = options(state, log, outputs.clone());
    Service::start(options, &[("p.tl".into(), program.into())]).expect("it starts").0
}

fn to(output: OutputKind, board: &Board) -> Outputs {
    Outputs::default().with(output, Arc::new(board.clone()))
}

/// Payloads of what a reader sees that drops equal ids, and how many messages it dropped.
fn heard(board: &Board) -> (Vec<Json>, usize) {
    let mut ids = BTreeMap::new();
    let (mut seen, mut dropped) = (vec![], 0);
    for message in board.messages() {
        match ids.insert(message.id.clone(), message.payload.clone()) {
            None => seen.push(serde_json::from_str(&message.payload).expect("an object")),
            Some(before) => {
                assert_eq!(before, message.payload, "one id, one payload");
                dropped += 1;
            }
        }
    }
    (seen, dropped)
}

/// Alerts as `(session, alert, start, end)` in seconds, the last word on each.
fn alerts(board: &Board) -> BTreeMap<(String, String, i64), Option<i64>> {
    let mut all = BTreeMap::new();
    for row in heard(board).0 {
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        let seconds = |name: &str| row[name].as_i64().map(|ns| ns / 1_000_000_000);
        let key = (text("session"), text("alert"), seconds("start_ns").expect("a start"));
        let end = seconds("end_ns");
        let before = all.insert(key.clone(), end);
        match before {
            None => assert_eq!(end, None, "{key:?} begins before it ends"),
            Some(before) => assert!(before.is_none() && end.is_some(), "{key:?} ends once"),
        }
    }
    all
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} is waited for in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn caught_up(service: &Service) {
    service.snapshot(&["partitions".into()], SYNC).expect("an answer");
}

fn write(log: &MemoryPartitions, key: &str, t: i64, b: bool) {
    log.write(0, &format!(r#"{{"k":"{key}","t":{t},"b":{b}}}"#));
}

fn of(key: &str, alert: &str, start: i64) -> (String, String, i64) {
    (key.into(), alert.into(), start)
}

#[test]
fn an_alert_is_told_when_it_is_final_and_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let outputs = to(OutputKind::Alerts, &board);
    let service = start(dir.path(), &log, &outputs);
    write(&log, "a", 100, true);
    write(&log, "clock", 102, false);
    caught_up(&service);
    // At 102 s minus 2 s nothing of 100 s is final: another event of that instant may come.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(alerts(&board).len(), 0);
    write(&log, "clock", 104, false);
    eventually("the beginning", || alerts(&board).get(&of("a", "on", 100)) == Some(&None));
    // Nothing comes of `a`, and its timer is told all the same.
    write(&log, "clock", 120, false);
    eventually("the timer", || alerts(&board).contains_key(&of("a", "long", 110)));
    service.stop();
    let service = start(dir.path(), &log, &outputs);
    write(&log, "a", 125, false);
    write(&log, "clock", 150, false);
    eventually("the ends", || alerts(&board).values().all(Option::is_some));
    let expected = [(of("a", "long", 110), Some(125)), (of("a", "on", 100), Some(125))];
    assert_eq!(alerts(&board), BTreeMap::from(expected));
    service.stop();
    let told = board.messages().len();
    start(dir.path(), &log, &outputs).stop();
    assert_eq!((told, board.messages().len()), (4, 4), "a clean end leaves nothing to be repeated");
}

/// What an undisturbed processor publishes, which is its table's closed rows.
fn judge(log: &MemoryPartitions, program: &str) -> Vec<Json> {
    let dir = tempfile::tempdir().expect("a folder");
    let board = Board::default();
    let service = start_with(program, dir.path(), log, &to(OutputKind::Finals, &board));
    caught_up(&service);
    service.stop();
    let (mut rows, dropped) = heard(&board);
    assert_eq!(dropped, 0);
    assert!(rows.iter().all(|row| row["closed"] == true && row["end_ns"].is_i64()), "{rows:?}");
    rows.sort_by_key(ToString::to_string);
    rows
}

#[test]
fn whatever_is_away_or_ended_a_reader_that_drops_equal_ids_sees_every_row_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, finals, dead) = (MemoryPartitions::new(1), Board::default(), Board::default());
    // What is acknowledged is gone from a log, so its judge has one of its own.
    let undisturbed = MemoryPartitions::new(1);
    let outputs = to(OutputKind::Finals, &finals).with(OutputKind::DeadLetters, Arc::new(dead.clone()));
    for round in 0..12i64 {
        match round % 4 {
            1 => finals.is_away.store(true, Ordering::SeqCst),
            2 => finals.lost_words.store(2, Ordering::SeqCst),
            3 => finals.is_away.store(false, Ordering::SeqCst),
            _ => {}
        }
        // Dropped without an end, it goes on for a while beside its successor, as one that was taken over from does.
        let service = start(dir.path(), &log, &outputs);
        for session in 0..40 {
            let t = round * 10_000 + session * 100;
            for log in [&log, &undisturbed] {
                write(log, &format!("s{session}"), t, true);
                write(log, &format!("s{session}"), t + 30, false);
            }
            log.write(0, &format!("no record {round} {session}"));
            if session % 10 == 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if round % 3 == 0 {
            caught_up(&service);
        }
    }
    finals.is_away.store(false, Ordering::SeqCst);
    write(&log, "clock", 1_000_000, false);
    write(&undisturbed, "clock", 1_000_000, false);
    let service = start(dir.path(), &log, &outputs);
    caught_up(&service);
    service.stop();
    let (mut rows, _) = heard(&finals);
    rows.sort_by_key(ToString::to_string);
    let expected = judge(&undisturbed, PROGRAM);
    assert!(expected.len() > 12 * 40, "there is something to tell: {}", expected.len());
    assert_eq!(rows, expected);
    let (letters, _) = heard(&dead);
    let positions: BTreeSet<&str> = letters.iter().filter_map(|row| row["position"].as_str()).collect();
    assert_eq!((letters.len(), positions.len()), (480, 480), "every dead letter, each with its own place");
}

#[test]
fn nothing_is_published_that_is_not_committed() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let never = Duration::from_secs(3600);
    let options = Options { checkpoint_every: never, ..options(dir.path(), &log, to(OutputKind::DeadLetters, &board)) };
    let service = Service::start(options, &[("p.tl".into(), PROGRAM.into())]).expect("it starts").0;
    log.write(0, "no record");
    caught_up(&service);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(board.messages().len(), 0);
    service.stop();
    assert_eq!(board.messages().len(), 1);
}

#[test]
fn a_destination_that_is_away_holds_nobody_up_and_its_outbox_stays_small() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    board.is_away.store(true, Ordering::SeqCst);
    let service = start(dir.path(), &log, &to(OutputKind::DeadLetters, &board));
    let files = || {
        let entries = std::fs::read_dir(dir.path().join("sources/s/part-0/outbox")).expect("an outbox");
        entries.count()
    };
    let waiting = || service.status()["partitions"][0]["waiting"].as_u64();
    for line in 0..120 {
        log.write(0, &format!("no record {line}"));
        // Each comes with a checkpoint of its own.
        eventually("its commit", || waiting() == Some(line + 1));
    }
    assert!(files() < 60, "{} files", files());
    board.is_away.store(false, Ordering::SeqCst);
    eventually("all of them", || board.messages().len() >= 120);
    eventually("their end", || waiting() == Some(0));
    let (rows, dropped) = heard(&board);
    assert_eq!((rows.len(), dropped), (120, 0));
    let of = |row: &Json| row["record"].as_str().map(str::to_owned);
    let lines: Vec<Option<String>> = (0..120).map(|line| Some(format!("no record {line}"))).collect();
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), lines, "in their order");
    service.stop();
}

#[test]
fn what_waits_for_an_output_that_is_not_named_waits() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    board.is_away.store(true, Ordering::SeqCst);
    let service = start(dir.path(), &log, &to(OutputKind::DeadLetters, &board));
    log.write(0, "no record");
    caught_up(&service);
    eventually("its commit", || service.status()["partitions"][0]["waiting"].as_u64() == Some(1));
    drop(service);
    let service = start(dir.path(), &log, &Outputs::default());
    write(&log, "a", 1, true);
    caught_up(&service);
    service.stop();
    board.is_away.store(false, Ordering::SeqCst);
    start(dir.path(), &log, &to(OutputKind::DeadLetters, &board)).stop();
    assert_eq!(board.messages().len(), 1);
}

#[test]
fn messages_that_are_broken_are_owed_until_somebody_lets_them_go() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    board.is_away.store(true, Ordering::SeqCst);
    let service = start(dir.path(), &log, &to(OutputKind::DeadLetters, &board));
    let waiting = |service: &Service| service.status()["partitions"][0]["waiting"].as_u64();
    log.write(0, "no record");
    eventually("its commit", || waiting(&service) == Some(1));
    // Until no checkpoint can be fallen back to that does without.
    for n in 1..5 {
        let before = service.epoch();
        write(&log, "a", n, true);
        eventually("a commit", || service.epoch() > before);
    }
    drop(service);
    let folder = dir.path().join("sources/s/part-0/outbox");
    let file = std::fs::read_dir(&folder).expect("a folder").next().expect("one").expect("a file").path();
    std::fs::write(&file, "cut").expect("it is written");
    let refused = || match Service::start(options(dir.path(), &log, to(OutputKind::DeadLetters, &board)), &[]) {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    };
    let heads = || std::fs::read_dir(dir.path().join("sources/s/part-0/heads")).expect("a folder").count();
    let before = heads();
    let error = refused();
    assert!(error.contains("[TL3112]") && error.contains("sources/s/part-0/outbox/"), "{error}");
    assert_eq!(heads(), before, "nothing was taken over");
    let name = file.file_name().expect("a name").to_str().expect("text").to_owned();
    let accepting =
        Options { accept_damage: vec![name], ..options(dir.path(), &log, to(OutputKind::DeadLetters, &board)) };
    let (service, recoveries) = Service::start(accepting, &[]).expect("it starts");
    assert!(recoveries[0].said.iter().any(|said| said.contains("[TL3111]")), "{:?}", recoveries[0].said);
    assert_eq!(waiting(&service), Some(0));
    service.stop();
}

#[test]
fn queries_that_are_changed_tell_no_alert_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let service = start(dir.path(), &log, &to(OutputKind::Alerts, &board));
    write(&log, "a", 100, true);
    write(&log, "a", 105, false);
    write(&log, "clock", 150, false);
    caught_up(&service);
    eventually("both facts", || board.messages().len() == 2);
    let other = PROGRAM.replace("alert long = held_for(latest(b), 10s)", "alert short = held_for(latest(b), 1s)");
    service.deploy(vec![("p.tl".into(), other)], false, None).expect("it is deployed");
    eventually("the new alert", || alerts(&board).get(&of("a", "short", 101)) == Some(&Some(105)));
    service.stop();
    assert_eq!(board.messages().len(), 4, "{:?}", board.messages());
}

#[test]
fn a_metric_with_another_meaning_has_other_ids() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, board) = (MemoryPartitions::new(1), Board::default());
    let program = format!("{PROGRAM}\nmetric steady = duration_where(latest(b))");
    let service = start_with(&program, dir.path(), &log, &to(OutputKind::Finals, &board));
    write(&log, "a", 100, true);
    write(&log, "a", 105, false);
    write(&log, "clock", 1_000, false);
    let ids = |board: &Board| heard(board).0.iter().map(|row| row["id"].to_string()).collect::<BTreeSet<_>>();
    eventually("the rows", || !ids(&board).is_empty());
    let before = ids(&board);
    // One that stays has the ids that it had, whatever else is deployed.
    let other = program.replace("metric m = duration_where(latest(b))", "metric m = duration_where(!latest(b))");
    service.deploy(vec![("p.tl".into(), other)], false, None).expect("it is deployed");
    eventually("the other row", || ids(&board).len() > before.len());
    caught_up(&service);
    service.stop();
    let steady = |row: &&Json| row["metric"] == "steady";
    assert_eq!(heard(&board).0.iter().filter(steady).count(), 1, "{:?}", heard(&board).0);
    assert!(ids(&board).is_superset(&before));
}

#[test]
fn what_a_stale_owner_could_not_commit_it_does_not_publish() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, stale, present) = (MemoryPartitions::new(1), Board::default(), Board::default());
    let old = start(dir.path(), &log, &to(OutputKind::DeadLetters, &stale));
    write(&log, "a", 1, true);
    caught_up(&old);
    // The one that comes takes it over, and the other does not know yet.
    let new = start(dir.path(), &log, &to(OutputKind::DeadLetters, &present));
    log.write(0, "no record");
    eventually("the end of the stale one", || old.wait(Duration::ZERO).is_some_and(|ended| ended.result.is_err()));
    eventually("the message", || present.messages().len() == 1);
    assert_eq!(stale.messages().len(), 0, "it was the other's to tell");
    new.stop();
}
