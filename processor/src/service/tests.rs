//! The processor over a log of several partitions.

mod damage;
mod joined;
mod keeping;

use super::{Claims, Options, Service, writer_name};
use crate::checkpoint::{Checkpoints, Commit, LocalStore, TakeFrom, WriterIdentity};
use crate::engine::{Engine, Listed, Page, PageExtent, TableData};
use crate::input::{SourceBinding, memory::MemoryPartitions};
use crate::outputs::Outputs;
use arrow::array::{Array, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod as_of;
#[cfg(feature = "sql")]
mod bounds;
mod cost;
mod deploying;
mod distinct;
mod formats;
#[cfg(feature = "lake")]
mod history;
mod losses;
mod lost;
mod now;
mod pieces;
mod retention;
mod rules;
#[cfg(feature = "sql")]
mod slt;
mod spans;
mod tables;
mod twice;
#[cfg(feature = "sql")]
mod typed;
mod windows;
mod zones;

const PROGRAM: &str = "source s { key k  time t in s  end after 100s  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)";
/// Longer than any test's log.
const KEEP: i64 = 36_000_000_000_000;
const SYNC: Option<Duration> = Some(Duration::from_secs(20));

/// Starts a processor on a log.
fn start(state: &Path, log: &MemoryPartitions, claims: Claims) -> Arc<Service> {
    start_with(PROGRAM, state, log, claims)
}

fn start_with(program: &str, state: &Path, log: &MemoryPartitions, claims: Claims) -> Arc<Service> {
    start_keeping(KEEP, program, state, log, claims)
}

fn start_keeping(keep: i64, program: &str, state: &Path, log: &MemoryPartitions, claims: Claims) -> Arc<Service> {
    started(Options { keep, ..options(state, log, claims) }, program)
}

fn started(options: Options, program: &str) -> Arc<Service> {
    Service::start(options, &[("p.tl".into(), program.into())]).expect("it starts").0
}

/// How a processor of a test works on a log; each has a writer of its own.
pub(crate) fn options(state: &Path, log: &MemoryPartitions, claims: Claims) -> Options {
    // Two starts within one clock tick are two writers all the same.
    static STARTS: AtomicU64 = AtomicU64::new(0);
    Options {
        state: state.to_owned().into(),
        sources: vec![(None, SourceBinding::Log(Arc::new(log.clone())))],
        threads: 2,
        checkpoint_every: Duration::from_millis(50),
        keep: KEEP,
        keep_results: None,
        history: None,
        exit_at_end: false,
        outputs: Outputs::default(),
        accept_damage: vec![],
        remake: vec![],
        writer: format!("{}-{}", writer_name(), STARTS.fetch_add(1, Ordering::SeqCst)),
        claims,
        membership: None,
    }
}

/// Makes the facts of the last checkpoint of the only partition others, as another version would have left them.
fn change_facts(state: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let store = Arc::new(LocalStore::new(state.join("sources/s/part-0")));
    let identity = WriterIdentity { partition: "s/part-0".into(), writer: "another version".into() };
    let opened = Checkpoints::claim(store, &identity, &TakeFrom::Anybody).expect("nobody has it");
    let manifest = opened.recovered.expect("it was written to");
    let mut facts = manifest.state.clone();
    change(&mut facts);
    let mut checkpoints = opened.checkpoints;
    let state = serde_json::value::to_raw_value(&facts).expect("facts are JSON");
    let commit = Commit { position: manifest.position, state, files: manifest.files };
    checkpoints.commit(commit).expect("it is ours");
    checkpoints.release().expect("it is ours");
}

/// Count and sum (in seconds) of the metric's totals.
fn totals(service: &Service) -> Option<(i64, i128)> {
    let snapshot = service.snapshot(&["totals".into()], SYNC).expect("an answer");
    let rows = &snapshot.tables[0].live[0];
    assert!(rows.num_rows() <= 1, "one group for all partitions");
    let count: &Int64Array = rows.column_by_name("count")?.as_any().downcast_ref()?;
    let sum: &Decimal128Array = rows.column_by_name("sum_exact")?.as_any().downcast_ref()?;
    (rows.num_rows() == 1).then(|| (count.value(0), sum.value(0) / 1_000_000_000))
}

/// All rows of a metric's own table, whose values are exact: those in memory, and those of `finals` in files.
fn view(table: &TableData) -> Vec<RecordBatch> {
    let mut batches = table.live.clone();
    let view = table.view.as_ref().expect("a metric's own table");
    for file in &table.past {
        for batch in crate::results::decode(std::fs::read(&file.path).expect("a file")).expect("rows") {
            let names = batch.column_by_name(&view.column).expect("a column").as_any().downcast_ref::<StringArray>();
            let names = names.expect("texts").iter().map(|name| Some(name == Some(view.name.as_str())));
            let rows = filter_record_batch(&batch, &names.collect::<BooleanArray>()).expect("rows");
            let of = |name: &str| if name == "value" { "value_exact".to_owned() } else { name.to_owned() };
            let columns = table.schema.fields().iter().map(|field| {
                let column = rows.column_by_name(&of(field.name())).expect("a column");
                arrow::compute::cast(column, field.data_type()).expect("texts of its type")
            });
            let columns = columns.collect();
            batches.push(RecordBatch::try_new(table.schema.clone(), columns).expect("its types"));
        }
    }
    batches
}

/// Three partitions; each key lives in one of them: `a` for 10 s, `b` for 20 s, and `c` for 500 s with a close on the way.
fn log() -> MemoryPartitions {
    let log = MemoryPartitions::new(3);
    for (part, key, last) in [(0, "a", 10), (1, "b", 20)] {
        log.write(part, &format!(r#"{{"k":"{key}","t":0,"b":true}}"#));
        log.write(part, &format!(r#"{{"k":"{key}","t":{last},"b":false}}"#));
    }
    for t in [0, 50, 500, 550] {
        log.write(2, &format!(r#"{{"k":"c","t":{t},"b":true}}"#));
    }
    log
}

#[test]
fn partitions_add_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    for _ in 0..2 {
        let service = start(dir.path(), &log, Claims::All);
        assert_eq!(totals(&service), Some((4, 10 + 20 + 50 + 50)));
        let tables = ["sessions".to_owned(), "partitions".into(), "m".into()];
        let snapshot = service.snapshot(&tables, SYNC).expect("an answer");
        assert_eq!(snapshot.basis.positions.iter().map(|p| p.partition).collect::<Vec<_>>(), [0, 1, 2]);
        let rows = |i: usize| snapshot.tables[i].live.iter().map(|batch| batch.num_rows()).sum::<usize>();
        let of_metric = view(&snapshot.tables[2]).iter().map(|batch| batch.num_rows()).sum::<usize>();
        assert_eq!((rows(0), rows(1), of_metric), (4, 3, 4));
        let Listed { rows: outliers, extent, .. } = service.outliers("m", Page::first(2), SYNC).expect("an answer");
        assert_eq!(extent, PageExtent { offset: 0, rows: 2, of: 4 });
        let sessions: &StringArray = outliers.column(0).as_any().downcast_ref().expect("text");
        assert_eq!(sessions.iter().collect::<Vec<_>>(), [Some("a"), Some("b")], "far from 50 among all partitions");
        let scores: &Float64Array =
            outliers.column_by_name("score").expect("a score").as_any().downcast_ref().expect("floats");
        assert!(scores.iter().all(|score| score.is_some_and(|score| score < 0.0)));
        let rest = service.outliers("m", Page { offset: 2, limit: 9 }, SYNC).expect("an answer");
        let sessions: &StringArray = rest.rows.column(0).as_any().downcast_ref().expect("text");
        assert_eq!(sessions.iter().collect::<Vec<_>>(), [Some("c"), Some("c")], "as far as `b`, and behind it by name");
        assert_eq!(rest.extent, PageExtent { offset: 2, rows: 2, of: 4 });
        assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    }
    log.write(1, r#"{"k":"b","t":25,"b":true}"#);
    log.write(1, r#"{"k":"b","t":30,"b":true}"#);
    let service = start(dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((4, 135)), "the partition goes on where it was");
    service.stop();
}

#[test]
fn partitions_are_claimed_and_released_one_by_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = log();
    let service = start(dir.path(), &log, Claims::Told);
    assert_eq!(totals(&service), None);
    assert_eq!(service.parts().expect("a list").len(), 3);
    assert!(service.claim("s", 1).expect("it is there").is_some());
    assert!(service.claim("s", 1).expect("it is there").is_none(), "it is ours already");
    assert!(service.claim("s", 3).is_err());
    assert_eq!(totals(&service), Some((1, 20)));
    service.claim("s", 2).expect("it is there");
    assert_eq!(totals(&service), Some((3, 120)));
    assert!(service.release("s", 1));
    assert!(!service.release("s", 1));
    assert_eq!(service.owned().iter().map(|(_, part)| part.number).collect::<Vec<_>>(), [2]);
    assert_eq!(totals(&service), Some((2, 100)));

    let other = start(dir.path(), &log, Claims::Told);
    let recovery = other.claim("s", 1).expect("it was released").expect("it is ours now");
    assert!(recovery.epoch.is_some(), "what the other had committed");
    assert_eq!(totals(&other), Some((1, 20)));
    assert!(other.stop().iter().chain(&service.stop()).all(|ended| ended.result.is_ok()));
}

/// Reasons of late events and whether they were repaired, in the order of the log.
fn late(service: &Service, state: &Path) -> Vec<(String, bool)> {
    let snapshot = service.snapshot(&["late_events".into()], SYNC).expect("an answer");
    let read = |file: &crate::engine::PastFile| {
        let path = &file.path;
        assert!(path.starts_with(state));
        crate::results::decode(std::fs::read(path).expect("a file")).expect("rows")
    };
    let table = &snapshot.tables[0];
    let batches: Vec<_> = table.past.iter().flat_map(read).chain(table.live.clone()).collect();
    let mut rows = vec![];
    for batch in &batches {
        let reasons: &StringArray =
            batch.column_by_name("reason").expect("a reason").as_any().downcast_ref().expect("text");
        let repaired: &BooleanArray =
            batch.column_by_name("repaired").expect("a flag").as_any().downcast_ref().expect("flags");
        rows.extend(reasons.iter().flatten().map(str::to_owned).zip(repaired.iter().flatten()));
    }
    rows
}

#[test]
fn the_clock_of_a_silent_log_goes_on_and_is_never_set_back() {
    let program = "source s { key k  time t in ms  idle 200ms  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)";
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    // An hour ago by the wall clock, so that the silence has room.
    let begun = jiff::Timestamp::now().as_millisecond() - 3_600_000;
    log.write(0, &format!(r#"{{"k":"a","t":{begun},"b":true}}"#));
    let horizon = |service: &Service| {
        let snapshot = service.snapshot(&["totals".into()], SYNC).expect("an answer");
        snapshot.basis.positions[0].horizon_ns.expect("there are events")
    };
    let service = start_with(program, dir.path(), &log, Claims::All);
    let first = horizon(&service);
    let patience = std::time::Instant::now();
    while horizon(&service) <= first + 300_000_000 {
        assert!(patience.elapsed() < Duration::from_secs(60), "the clock does not go on");
        std::thread::sleep(Duration::from_millis(20));
    }
    let reached = horizon(&service);
    // What is shown is durable: whoever looks at the state now finds it there.
    let store = LocalStore::new(dir.path().join("sources/s/part-0"));
    let newest = crate::checkpoint::inspect(&store).expect("a state").kept.remove(0);
    let durable = newest.state["silences"].as_array().expect("silences").last().expect("one")["watermark"].as_i64();
    assert!(durable >= Some(reached), "{durable:?} is before {reached}");

    // Behind the silence, not behind the log: late because of it, before and after a restart.
    log.write(0, &format!(r#"{{"k":"a","t":{},"b":false}}"#, begun + 1));
    assert_eq!(late(&service, dir.path()), [("idle".to_owned(), false)]);
    assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    let service = start_with(program, dir.path(), &log, Claims::All);
    assert!(horizon(&service) >= reached);
    // So it is when other queries make the log be read again from its start.
    let more = program.replace("metric m", "metric other = has_existed(b)\nmetric m");
    service.deploy(vec![("p.tl".into(), more)], false, None).expect("it is deployed");
    service.settle();
    assert_eq!(late(&service, dir.path()), [("idle".to_owned(), false)]);
    assert!(horizon(&service) >= reached);
    service.stop();
}

#[test]
fn a_late_event_is_there_once_as_what_answers_judges_it() {
    let program = |clauses: &str| {
        format!(
            "source s {{ key k  time t in s  {clauses}  b: bool }}\nmetric m = duration_where(latest(b)) | aggregate(count, sum)"
        )
    };
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let write = |t: i64| log.write(0, &format!(r#"{{"k":"a","t":{t},"b":true}}"#));
    let service = start_with(&program("late repair keep 10m"), dir.path(), &log, Claims::All);
    [0, 10, 9, 20, 10, 30].into_iter().for_each(write);
    let reason = |repaired| ("behind the watermark".to_owned(), repaired);
    assert_eq!(late(&service, dir.path()), [reason(true), reason(true)]);
    // One of the two is in time for what answers from now on, and the other is not repaired.
    service.deploy(vec![("p.tl".into(), program("lateness 5s"))], false, None).expect("it is deployed");
    service.settle();
    assert_eq!(late(&service, dir.path()), [reason(false)]);
    write(24);
    assert_eq!(late(&service, dir.path()), [reason(false), reason(false)]);
    assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    let service = start_with(&program("lateness 5s"), dir.path(), &log, Claims::All);
    assert_eq!(late(&service, dir.path()), [reason(false), reason(false)]);
    service.stop();
}

#[test]
fn late_events_are_repaired_and_duplicates_count_once() {
    let program =
        "source s { key k  time t in s  end after 20s  late repair keep 1m  dedup by id within 10s  b: bool  id: int }
metric m = duration_where(latest(b)) | aggregate(count, sum)";
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let write = |t: i64, b: bool, id: i64| log.write(0, &format!(r#"{{"k":"a","t":{t},"b":{b},"id":{id}}}"#));
    let service = start_with(program, dir.path(), &log, Claims::All);
    write(0, true, 1);
    write(10, true, 2);
    write(40, true, 3);
    assert_eq!(totals(&service), Some((2, 10)), "a gap of 30 s ends a session");
    write(0, false, 1);
    write(25, false, 4);
    assert_eq!(totals(&service), Some((1, 25)), "the late event is the missing link; the first was sent again");
    service.stop();
    let service = start_with(program, dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((1, 25)));
    write(30, true, 5);
    write(40, false, 3);
    assert_eq!(totals(&service), Some((1, 35)), "kept events and known ones are in the state");
    write(200, true, 6);
    write(139, true, 7);
    assert_eq!(totals(&service), Some((2, 35)), "too late to be repaired");
    let reason = |repaired| ("behind the watermark".to_owned(), repaired);
    // The first event sent again was late as well as a duplicate.
    assert_eq!(late(&service, dir.path()), [reason(true), reason(true), reason(true), reason(false)]);
    assert_eq!(service.status()["partitions"][0]["duplicates"], 2);
    service.stop();
}

#[test]
fn the_log_is_let_go_of_up_to_the_oldest_checkpoint_that_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let service = start(dir.path(), &log, Claims::All);
    let store = LocalStore::new(dir.path().join("sources/s/part-0"));
    for t in 0..6 {
        log.write(0, &format!(r#"{{"k":"a","t":{t},"b":true}}"#));
        assert_eq!(totals(&service), Some((1, t)));
        let epoch = |service: &Service| service.status()["partitions"][0]["epoch"].as_i64();
        while epoch(&service) <= Some(i64::try_from(t).expect("small")) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let let_go = log.let_go.lock().expect("it is whole")[0];
    let kept = crate::checkpoint::inspect(&store).expect("a state").kept;
    let oldest = kept.last().expect("some").position.clone();
    assert_eq!(kept.len(), 3);
    assert_eq!(serde_json::to_value(let_go).expect("plain"), oldest);
    assert!(let_go.offset > 0);
    service.stop();
}

/// Waits until the log has been let go of up to an offset.
fn wait_until_gone(log: &MemoryPartitions, offset: u64) {
    let patience = std::time::Instant::now();
    while log.let_go.lock().expect("it is whole")[0].offset < offset {
        assert!(patience.elapsed() < Duration::from_secs(60), "the log is not let go of");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const KEPT_PROGRAM: &str = "source s { key k  time t in s  end after 5s  b: bool  c: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)";

/// Seventy lines of several sessions: every seven seconds a new one of `a`, with one of `b` all the time.
fn write_sessions(log: &MemoryPartitions, service: &Service) {
    for t in 0..35 {
        if t % 7 < 2 {
            log.write(0, &format!(r#"{{"k":"a","t":{t},"b":true,"c":false}}"#));
        }
        log.write(0, &format!(r#"{{"k":"b","t":{t},"b":false,"c":true}}"#));
        // One checkpoint after the other, each with events of its own.
        let epoch = || service.status()["partitions"][0]["epoch"].as_u64();
        let before = epoch();
        totals(service);
        while epoch() == before {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn events_that_are_gone_from_the_log_are_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let service = start_with(KEPT_PROGRAM, dir.path(), &log, Claims::All);
    write_sessions(&log, &service);
    wait_until_gone(&log, 300);
    let story = |service: &Service| service.session("a", Some(7_500_000_000), Some("m"), SYNC).expect("it is kept");
    let told = story(&service);
    let starts: Vec<_> = told["sessions"].as_array().expect("a list").iter().map(|s| s["start_ns"].clone()).collect();
    assert_eq!(starts, [0, 7_000_000_000_i64], "those that had begun by then");
    let value = told["sessions"][1]["rows"].as_array().expect("rows").iter().find(|row| row["label"] == "m");
    assert_eq!(value.expect("the metric")["at"]["value"], 0.5);
    assert_eq!(told["sessions"][1]["events"].as_array().map(Vec::len), Some(1));

    // A query that reads another column, deployed late, says what it would have said from the start.
    let more = "source s { key k  time t in s  end after 5s  b: bool  c: bool }
metric m = duration_where(latest(c)) | aggregate(count, sum)";
    service.deploy(vec![("p.tl".into(), more.into())], false, None).expect("it is kept from the start");
    service.settle();
    assert_eq!(totals(&service), Some((6, 34)));
    log.write(0, r#"{"k":"b","t":36,"b":false,"c":true}"#);
    assert_eq!(totals(&service), Some((6, 36)), "and the log goes on where it was");
    service.stop();
    let service = start_with(KEPT_PROGRAM, &dir.path().join("another"), &log, Claims::All);
    // It may have lost all of it by now, so that nothing comes that could be waited for.
    let known = service.snapshot(&["totals".into()], None).expect("an answer");
    let counts = known.tables[0].live[0].column_by_name("count").expect("a count").clone();
    let counts: &Int64Array = counts.as_any().downcast_ref().expect("integers");
    assert!(counts.iter().flatten().all(|count| count < 6), "the log itself has lost its beginning");
    service.stop();
    let service = start_with(more, dir.path(), &log, Claims::All);
    assert_eq!(totals(&service), Some((6, 36)));
    story(&service);
    service.stop();
}

#[test]
fn what_is_older_than_keep_is_said_not_to_be_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let service = start_keeping(8_000_000_000, KEPT_PROGRAM, dir.path(), &log, Claims::All);
    write_sessions(&log, &service);
    wait_until_gone(&log, 300);
    log.write(0, r#"{"k":"b","t":35,"b":false,"c":true}"#);
    let told = service.session("a", None, None, SYNC).expect("the last ones are kept");
    let starts: Vec<_> = told["sessions"].as_array().expect("a list").iter().map(|s| s["start_ns"].clone()).collect();
    assert_eq!(starts, [28_000_000_000_i64]);
    let gone = [0, 7_000_000_000_i64, 14_000_000_000, 21_000_000_000];
    assert_eq!(told["not_kept_ns"], serde_json::json!(gone));
    // The session of `b` began before.
    let error = service.session("b", None, None, SYNC).expect_err("its beginning is gone");
    assert!(error.to_string().starts_with("not kept"), "{error}");
    let more = KEPT_PROGRAM.replace("latest(b)", "latest(c)");
    let error = service.deploy(vec![("p.tl".into(), more)], false, None).expect_err("its log is gone");
    assert!(error.to_string().starts_with("not kept"), "{error}");
    assert_eq!(totals(&service), Some((6, 5)), "and all goes on as it was");
    service.stop();
    // So it is at a start, and a program that cannot run is not left behind.
    let other = KEPT_PROGRAM.replace("metric m = duration_where(latest(b))", "metric n = duration_where(latest(c))");
    let refused = Service::start(options(dir.path(), &log, Claims::All), &[("q.tl".into(), other)]);
    assert!(refused.err().expect("its log is gone").to_string().contains("not kept"));
    let service = start_with(KEPT_PROGRAM, dir.path(), &log, Claims::Told);
    assert_eq!(service.queries().expect("a list").num_rows(), 1);
    service.stop();
}

#[test]
fn a_change_by_a_timer_names_it_and_the_event_that_set_it() {
    let program = "source s { key k  time t in s  b: bool }
let seen = has_existed_within(b, 5s)
metric quiet = duration_where(held_for(!seen, 2s))
metric share = duration_where(seen) / duration_where(latest(b))";
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    log.write(0, r#"{"k":"a","t":0,"b":true}"#);
    log.write(0, r#"{"k":"a","t":20}"#);
    let service = start_with(program, dir.path(), &log, Claims::All);
    let told = service.session("a", Some(10_000_000_000), None, SYNC).expect("a session");
    let row = |label: &str| {
        let rows = told["sessions"][0]["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["label"] == label).unwrap_or_else(|| panic!("no {label} in {told}")).clone()
    };
    let seen = "seen";
    // True from 7 s on, by its own timer; what set it was the other timer's, and what set that the event.
    let quiet = row("quiet")["at"].clone();
    assert_eq!((&quiet["value"], &quiet["since_ns"]), (&serde_json::json!(3), &serde_json::json!(7_000_000_000_i64)));
    assert!(quiet["cause"]["timer"].as_str().is_some_and(|timer| timer.starts_with("held_for")), "{quiet}");
    assert_eq!(quiet["cause"]["time_ns"], 0);
    let within = row(seen)["at"].clone();
    assert_eq!((&within["value"], &within["cause"]["timer"]), (&serde_json::json!(false), &serde_json::json!(seen)));
    assert_eq!(row("latest(b)")["at"]["cause"]["timer"], serde_json::Value::Null, "an event, and no timer");
    assert_eq!(row("share")["last"], 0.5, "five of the first ten seconds");
    service.stop();
}

#[test]
fn dead_letters_do_not_pile_up_in_memory_and_none_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(1);
    let lines = vec!["x"; 3 * (1 << 16)].join("\n");
    log.write(0, &lines);
    log.write(0, r#"{"k":"a","t":0,"b":true}"#);
    // No checkpoint comes by the clock.
    let checkpoint_every = Duration::from_secs(3600);
    let service = started(Options { checkpoint_every, ..options(dir.path(), &log, Claims::All) }, PROGRAM);
    let snapshot = service.snapshot(&["dead_letters".into()], Some(Duration::from_secs(120))).expect("an answer");
    let table = &snapshot.tables[0];
    let committed = table.past.iter().map(|file| {
        let rows = crate::results::decode(std::fs::read(&file.path).expect("a file")).expect("rows");
        rows.iter().map(|rows| rows.num_rows()).sum::<usize>()
    });
    let live: usize = table.live.iter().map(|rows| rows.num_rows()).sum();
    assert_eq!(committed.sum::<usize>() + live, 3 * (1 << 16));
    assert!(live <= 2 * (1 << 16) + 1000, "{live} wait in memory");
    service.stop();
}
