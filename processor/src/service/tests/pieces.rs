//! One session with very many timers: whoever asks for something else does not wait for it, and what nobody waits for ends.

use super::{Claims, options};
use crate::engine::{Engine, EngineError, IsWanted, TableScan};
use crate::input::memory::MemoryPartitions;
use crate::outputs::memory::Board;
use crate::outputs::{OutputKind, Outputs};
use crate::service::{Options, Service};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an answer may take that is about something else, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_millis(1200);
/// How long all of it is looked at.
const WHILE: Duration = Duration::from_secs(6);

const SOURCE: &str = "source s { key k  time t in s  b: bool  end after 100000000s }\n";
const WINDOWS: &str = "metric n = count(b) every 1s\n";

/// A session that is silent for so many seconds.
fn silent(seconds: u64) -> MemoryPartitions {
    let log = MemoryPartitions::new(1);
    log.write(0, r#"{"k":"k","t":0,"b":true}"#);
    log.write(0, &format!(r#"{{"k":"clock","t":{seconds},"b":true}}"#));
    log
}

fn started(program: &str, log: &MemoryPartitions, outputs: Outputs) -> (tempfile::TempDir, Arc<Service>) {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { outputs, threads: 1, ..options(dir.path(), log, Claims::All) };
    let service = Service::start(options, &[("p.tl".into(), program.into())]).expect("it starts").0;
    (dir, service)
}

/// How many records have been read, and how long it took to say so.
fn records(service: &Service) -> (u64, Duration) {
    let asked = Instant::now();
    let snapshot = service.snapshot(&["partitions".into()], None).expect("an answer");
    let took = asked.elapsed();
    let rows = &snapshot.tables[0].live[0];
    let records = rows.column_by_name("records").expect("a column");
    let records = arrow::compute::cast(records, &arrow::datatypes::DataType::Int64).expect("numbers");
    let records: &arrow::array::Int64Array = records.as_any().downcast_ref().expect("numbers");
    (records.value(0) as u64, took)
}

/// Asks for something else all the time; the longest that an answer took.
#[track_caller]
fn is_answered(service: &Service, length: Duration) {
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < length {
        slowest = slowest.max(records(service).1);
        assert!(slowest < SOON, "an answer about something else took {slowest:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("the slowest took {slowest:?}");
}

#[test]
fn an_answer_that_nobody_waits_for_ends_and_holds_nobody_up() {
    let log = silent(3_000_000);
    let (_dir, service) = started(&format!("{SOURCE}{WINDOWS}"), &log, Outputs::default());
    let begun = Instant::now();
    while records(&service).0 < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the log is read");
    }
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let asked = Instant::now();
            let is_wanted: IsWanted<'_> = &|| asked.elapsed() < Duration::from_millis(500);
            let answer = service.read(&[TableScan::whole("finals")], None, is_wanted);
            assert!(matches!(answer, Err(EngineError::Unavailable(_))), "its client has gone: {answer:?}");
            assert!(asked.elapsed() < SOON, "it was waited for {:?} long", asked.elapsed());
        });
        is_answered(&service, Duration::from_millis(400));
        asking.join().expect("it ends");
    });
    // Nothing is fed while lanes are read.
    log.write(0, r#"{"k":"next","t":3000001,"b":true}"#);
    let gone = Instant::now();
    while records(&service).0 < 3 {
        assert!(gone.elapsed() < SOON, "lanes go on reading for nobody");
        std::thread::sleep(Duration::from_millis(5));
    }
    service.stop();
}

#[test]
fn an_end_that_time_decides_is_looked_for_piece_by_piece() {
    let source = SOURCE.replace("end after", "end when not_followed_by(b, !b, 90000000s) or after");
    let log = silent(8_000_000);
    let (_dir, service) = started(&format!("{source}{WINDOWS}"), &log, Outputs::default());
    is_answered(&service, WHILE);
    service.stop();
}

#[test]
fn alerts_and_totals_are_looked_at_piece_by_piece() {
    let alerts = format!("{SOURCE}{WINDOWS}alert long = held_for(latest(b), 90000000s)\n");
    let totals = format!("{SOURCE}{WINDOWS}metric m = duration_where(latest(b)) | aggregate(sum)\n");
    for (output, program, seconds) in [(OutputKind::Alerts, alerts, 8_000_000), (OutputKind::Totals, totals, 1_000_000)]
    {
        let outputs = Outputs::default().with(output, Arc::new(Board::default()));
        let (_dir, service) = started(&program, &silent(seconds), outputs);
        is_answered(&service, WHILE);
        service.stop();
    }
}
