//! Deployments over those that run: nothing that was committed is lost, and no answer goes back.

use super::{Claims, MemoryPartitions, SYNC, Service, start_with, totals};
use crate::engine::{Engine, EngineError};
use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOURCE: &str = "source s { key k  time t in s  end after 100s  b: bool }\n";
const V1: &str = "metric m = duration_where(latest(b)) | aggregate(count, sum)\nmetric steady = count(b)\n";
const V2: &str = "metric m = duration_where(!latest(b)) | aggregate(count, sum)\nmetric steady = count(b)\n";

fn program(definitions: &str) -> Vec<(String, String)> {
    vec![("p.tl".to_owned(), format!("{SOURCE}{definitions}"))]
}

/// Thirty sessions of ten seconds each, of which half is spent in `b`; the last one is open.
fn log() -> MemoryPartitions {
    let log = MemoryPartitions::new(1);
    for i in 0..30 {
        for (t, b) in [(0, true), (5, false), (10, false)] {
            log.write(0, &format!(r#"{{"k":"k{i}","t":{},"b":{b}}}"#, i * 200 + t));
        }
    }
    log
}

/// All rows of a table, committed ones included.
fn rows(service: &Service, table: &str, sync: Option<Duration>) -> Vec<RecordBatch> {
    let snapshot = service.snapshot(&[table.into()], sync).expect("an answer");
    let table = &snapshot.tables[0];
    let read = |file: &crate::engine::PastFile| {
        crate::results::decode(std::fs::read(&file.path).expect("a file")).expect("rows")
    };
    table.past.iter().flat_map(read).chain(table.live.clone()).collect()
}

/// How many rows of ended sessions there are of each metric and version.
fn ended(service: &Service) -> BTreeMap<(String, i64), usize> {
    let mut counts = BTreeMap::new();
    for batch in rows(service, "finals", SYNC) {
        let names: &StringArray =
            batch.column_by_name("metric").expect("a name").as_any().downcast_ref().expect("texts");
        let versions: &Int64Array =
            batch.column_by_name("version").expect("a version").as_any().downcast_ref().expect("numbers");
        let ends = batch.column_by_name("end").expect("an end");
        for i in (0..batch.num_rows()).filter(|i| !ends.is_null(*i)) {
            *counts.entry((names.value(i).to_owned(), versions.value(i))).or_default() += 1;
        }
    }
    counts
}

fn expect(service: &Service, expected: &[(&str, i64, usize)]) {
    let expected = expected.iter().map(|(name, version, count)| ((name.to_string(), *version), *count));
    assert_eq!(ended(service), expected.collect());
}

/// How many rows of sessions that are open there are of a version of a metric.
fn open(service: &Service, metric: &str, version: i64) -> usize {
    let of = |batch: &RecordBatch| {
        let names: &StringArray =
            batch.column_by_name("metric").expect("a name").as_any().downcast_ref().expect("texts");
        let versions: &Int64Array =
            batch.column_by_name("version").expect("a version").as_any().downcast_ref().expect("numbers");
        let ends = batch.column_by_name("end").expect("an end");
        let is_own = |i: &usize| names.value(*i) == metric && versions.value(*i) == version && ends.is_null(*i);
        (0..batch.num_rows()).filter(is_own).count()
    };
    rows(service, "finals", SYNC).iter().map(of).sum()
}

/// Waits until all ended sessions are committed.
fn commit(service: &Service) {
    totals(service);
    let began = Instant::now();
    let epoch = || service.status()["partitions"][0]["epoch"].as_u64();
    while epoch() == Some(0) {
        assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn what(told: &serde_json::Value) -> BTreeMap<String, String> {
    let names = told["names"].as_array().expect("names").iter();
    let text = |name: &serde_json::Value, of: &str| name[of].as_str().expect("a text").to_owned();
    names.map(|name| (text(name, "name"), text(name, "what"))).collect()
}

#[test]
fn a_changed_program_that_begins_now_erases_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let service = start_with(&program(V1)[0].1, dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((30, 150)));
    commit(&service);
    expect(&service, &[("m", 1, 29), ("steady", 1, 29)]);
    let plan = service.deploy(program(V2), true, Some("now".into())).expect("it can be");
    assert_eq!(what(&plan), [("m", "replaced"), ("steady", "unchanged")].map(|(a, b)| (a.into(), b.into())).into());
    assert_eq!((&plan["names"][0]["from_version"], &plan["names"][0]["version"]), (&json!(1), &json!(2)));
    expect(&service, &[("m", 1, 29), ("steady", 1, 29)]);
    service.deploy(program(V2), false, Some("now".into())).expect("it is deployed");
    expect(&service, &[("m", 1, 29), ("steady", 1, 29)]);
    assert_eq!(totals(&service), None, "of the new definition nothing has been read yet");
    assert_eq!((open(&service, "m", 1), open(&service, "steady", 1)), (1, 1), "what was open stands as it was");
    // What stays goes on; what is new knows what comes.
    for (t, b) in [(6_000, true), (6_007, false), (6_010, false), (6_200, true)] {
        log.write(0, &format!(r#"{{"k":"later{}","t":{t},"b":{b}}}"#, t / 100));
    }
    expect(&service, &[("m", 1, 29), ("m", 2, 1), ("steady", 1, 31)]);
    assert_eq!(totals(&service), Some((2, 3)));
    assert_eq!((open(&service, "m", 1), open(&service, "m", 2), open(&service, "steady", 1)), (1, 1, 1));
    let live: usize = rows(&service, "m", SYNC).iter().map(RecordBatch::num_rows).sum();
    assert_eq!(live, 2, "the metric's own view is of the present definition");
    assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    // And so it is after a restart, with the program that is deployed.
    let service = start_with(&program(V2)[0].1, dir.path(), &log, Claims::All);
    expect(&service, &[("m", 1, 29), ("m", 2, 1), ("steady", 1, 31)]);
    service.stop();
    // The old one is refused, with both shown and the way.
    let refused = Service::start(super::options(dir.path(), &log, Claims::All), &program(V1));
    let Err(crate::service::StartError::Program(error)) = refused.map(|_| ()) else { panic!("it starts") };
    let shown = error.rendered().expect("both definitions");
    assert!(shown.contains("TL0108") && shown.contains("timeline deploy p.tl"), "{shown}");
}

#[test]
fn a_deployment_says_how_many_rows_its_windows_will_make() {
    let dir = tempfile::tempdir().expect("a folder");
    let service = start_with(&program(V1)[0].1, dir.path(), &log(), Claims::All);
    assert_eq!(totals(&service), Some((30, 150)));
    let minutes = "metric w = duration_where(latest(b)) split by latest(b) as b every 1m\n";
    let told = service.deploy(program(&format!("{V1}{minutes}")), true, None).expect("it can be");
    let expected =
        "w: 1 440 rows a day of each session that goes on and value of b, 1 440 rows of the 1 that are live now";
    assert_eq!(told["notes"], json!([expected]), "{told}");
    service.stop();
}

#[test]
fn no_answer_goes_back_while_a_deployment_reads_the_log() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let service = start_with(&program(V1)[0].1, dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((30, 150)));
    commit(&service);
    let unchanged = |answer: Option<(i64, i128)>| assert_eq!(answer, Some((30, 150)));
    let now = || {
        let batch = rows(&service, "totals", None).remove(0);
        let count: &Int64Array = batch.column_by_name("count")?.as_any().downcast_ref()?;
        count.iter().flatten().max()
    };
    // An unrelated one.
    service.deploy(program(&format!("{V1}metric more = latest(b)\n")), false, None).expect("it is deployed");
    let began = Instant::now();
    while service.queries().expect("a list").num_rows() < 3
        || !service.status()["catching_up"].as_array().expect("a list").is_empty()
    {
        assert_eq!(now(), Some(30), "no answer goes back");
        assert!(began.elapsed() < Duration::from_secs(60), "it does not catch up");
    }
    unchanged(totals(&service));
    assert_eq!(rows(&service, "more", SYNC).iter().map(RecordBatch::num_rows).sum::<usize>(), 30);
    // A changed one: the old one answers until the new one has read as much.
    service.deploy(program(V2), false, None).expect("it is deployed");
    let began = Instant::now();
    loop {
        let is_coming = !service.status()["catching_up"].as_array().expect("a list").is_empty();
        assert_eq!(now(), Some(30), "one of the two answers, whole");
        if !is_coming {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it does not catch up");
    }
    assert_eq!(totals(&service), Some((30, 150)), "five of ten seconds are spent elsewhere");
    expect(&service, &[("m", 1, 29), ("m", 2, 29), ("more", 1, 29), ("steady", 1, 29)]);
    let sessions: usize = rows(&service, "sessions", SYNC).iter().map(RecordBatch::num_rows).sum();
    assert_eq!(sessions, 30, "each once, however many read them");
    let story = service.session("k3", None, None, SYNC).expect("a story");
    assert_eq!(story["sessions"].as_array().map(Vec::len), Some(1), "{story}");
    service.stop();
}

#[test]
fn what_was_catching_up_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let start = || start_with(&program(V1)[0].1, dir.path(), &log, Claims::Told);
    let service = start();
    service.claim("s", 0).expect("it is there");
    assert_eq!(totals(&service), Some((30, 150)));
    // Nobody works on what is new.
    service.deploy(program(V2), false, None).expect("it is deployed");
    let waits = |service: &Arc<Service>| {
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(totals(service), Some((30, 150)));
        expect(service, &[("m", 1, 29), ("steady", 1, 29)]);
        let more = service.snapshot(&["partitions".into()], None).expect("an answer");
        assert_eq!(more.basis.positions.len(), 1, "what is catching up is no part of the answer");
    };
    waits(&service);
    drop(service.stop());
    let service = Service::start(super::options(dir.path(), &log, Claims::Told), &[]).expect("it starts").0;
    service.claim("s", 0).expect("it is there");
    waits(&service);
    service.claim("s@2", 0).expect("it is there");
    service.settle();
    expect(&service, &[("m", 1, 29), ("m", 2, 29), ("steady", 1, 29)]);
    service.stop();
}

#[test]
fn what_is_over_leaves_its_rows_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let service = start_with(&program(V1)[0].1, dir.path(), &log, Claims::All);
    commit(&service);
    let all = "metric m = has_existed(b)\nmetric steady = latest(b)\n";
    service.deploy(program(all), false, None).expect("it is deployed");
    service.settle();
    let expected = [("m", 1, 29), ("m", 2, 29), ("steady", 1, 29), ("steady", 2, 29)];
    expect(&service, &expected);
    let began = Instant::now();
    let folder = dir.path().join("sources/s/part-0");
    let left = |kind: &str| std::fs::read_dir(folder.join(kind)).map_or(0, Iterator::count);
    while left("kept") + left("segments") > 0 || log.forgotten.lock().expect("it is whole").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "what is not needed stays");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(log.forgotten.lock().expect("it is whole")[..], [("s".to_owned(), 0)]);
    assert!(left("results") > 0);
    expect(&service, &expected);
    service.stop();
    let service = Service::start(super::options(dir.path(), &log, Claims::All), &[]).expect("it starts").0;
    expect(&service, &expected);
    // Rows whose place is lost are not left out.
    service.stop();
    std::fs::remove_dir_all(&folder).expect("a folder");
    let service = Service::start(super::options(dir.path(), &log, Claims::All), &[]).expect("it starts").0;
    let error = service.snapshot(&["finals".into()], SYNC).map(|_| ()).expect_err("they are lost");
    assert!(matches!(&error, EngineError::Unavailable(message) if message.contains("sources/s/part-0")), "{error}");
    service.stop();
}

#[test]
fn what_is_dropped_leaves_its_rows() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let service = start_with(&program(V1)[0].1, dir.path(), &log, Claims::All);
    commit(&service);
    let told = service.drop_query("m").expect("it is there");
    assert!(told["notes"][0].as_str().expect("a note").contains("version 1"), "{told}");
    assert!(service.snapshot(&["m".into()], SYNC).is_err());
    assert_eq!(totals(&service), None);
    log.write(0, r#"{"k":"last","t":9000,"b":true}"#);
    expect(&service, &[("m", 1, 29), ("steady", 1, 30)]);
    service.drop_query("steady").expect("it is there");
    service.settle();
    expect(&service, &[("m", 1, 29), ("steady", 1, 30)]);
    assert_eq!((open(&service, "m", 1), open(&service, "steady", 1)), (1, 1), "as they were dropped");
    assert_eq!(service.queries().expect("a list").num_rows(), 0);
    // What it had kept of the log is gone with it, so nothing begins at its start any more.
    let refused = service.deploy(program(V1), false, None).expect_err("the log is not kept");
    assert!(refused.to_string().contains("--from now"), "{refused}");
    service.deploy(program(V1), false, Some("now".into())).expect("it begins now");
    expect(&service, &[("m", 1, 29), ("steady", 1, 30)]);
    service.stop();
}

#[test]
fn the_same_meaning_starts_whatever_the_text_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let run = |dir: &Path, text: String| {
        let service =
            Service::start(super::options(dir, &log, Claims::All), &[("p.tl".to_owned(), text)]).expect("it starts").0;
        service.settle();
        service
    };
    let service = run(dir.path(), format!("{SOURCE}{V1}"));
    commit(&service);
    service.stop();
    let edited = SOURCE.replace("b: bool", "b: bool\n  another: string  // not read yet\n");
    let service = run(dir.path(), format!("// edited\n{edited}metric steady = count(b)\nmetric n = latest(b)\n{V1}"));
    expect(&service, &[("m", 1, 29), ("n", 1, 29), ("steady", 1, 29)]);
    let told = service.deploy(program(V1), false, None).expect("it is there");
    assert_eq!(what(&told).values().collect::<Vec<_>>(), ["unchanged", "unchanged"]);
    service.stop();
}
