//! State and history stand apart, and what one part of a state proves the others must have.

use super::{PROGRAM, SYNC, options, started, totals};
use crate::checkpoint::{Checkpoints, LocalStore, WriterIdentity};
use crate::engine::{Engine, EngineError, Snapshot};
use crate::input::memory::MemoryPartitions;
use crate::service::{Claims, Options, Service};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sessions that end one after the other, each in a checkpoint of its own from then on.
fn step(service: &Service, log: &MemoryPartitions, n: u64) {
    let before = service.epoch();
    log.write(0, &format!(r#"{{"k":"k{n}","t":{},"b":true}}"#, n * 1000));
    let began = Instant::now();
    while service.epoch() == before {
        assert!(began.elapsed() < Duration::from_secs(20), "step {n} is not committed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn serve(state: &Path, log: &MemoryPartitions) -> Arc<Service> {
    serve_as(state, log, |options| options)
}

fn serve_as(state: &Path, log: &MemoryPartitions, with: impl Fn(Options) -> Options) -> Arc<Service> {
    started(with(kept(state, log)), PROGRAM)
}

/// Everything is kept.
fn kept(state: &Path, log: &MemoryPartitions) -> Options {
    Options { keep: i64::MAX / 2, ..options(state, log, Claims::All) }
}

fn ask(service: &Service, table: &str) -> Result<Snapshot, EngineError> {
    service.snapshot(&[table.to_owned()], SYNC)
}

/// How many rows a table has, in memory and in the files that are named.
fn rows(snapshot: &Snapshot) -> usize {
    let table = &snapshot.tables[0];
    let live: usize = table.live.iter().map(|batch| batch.num_rows()).sum();
    let files: Vec<PathBuf> = table.past.iter().map(|file| file.path.clone()).collect();
    live + rows_of(&files)
}

fn rows_of(files: &[PathBuf]) -> usize {
    rows_if_there(files).expect("the files are there")
}

fn rows_if_there(files: &[PathBuf]) -> Option<usize> {
    let rows = |path: &PathBuf| {
        let batches = crate::results::decode(std::fs::read(path).ok()?).unwrap();
        Some(batches.iter().map(|batch| batch.num_rows()).sum::<usize>())
    };
    files.iter().map(rows).sum()
}

/// The files of a kind, in the order of their names.
fn files(state: &Path, kind: &str) -> Vec<PathBuf> {
    let folder = state.join("sources/s/part-0").join(kind);
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// How a file is named to the processor.
fn name(state: &Path, file: &Path) -> String {
    file.strip_prefix(state).unwrap().to_str().unwrap().to_owned()
}

fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

/// A state with so many sessions of history, each in a file of its own.
fn state_of(steps: u64) -> (tempfile::TempDir, MemoryPartitions) {
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = serve(dir.path(), &log);
    (0..steps).for_each(|n| step(&service, &log, n));
    assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    (dir, log)
}

fn damaged(service: &Service) -> String {
    let snapshot = ask(service, "partitions").unwrap();
    let column = snapshot.tables[0].live[0].column_by_name("damaged").unwrap().clone();
    let column: &arrow::array::StringArray = column.as_any().downcast_ref().unwrap();
    if arrow::array::Array::is_valid(column, 0) { column.value(0).to_owned() } else { String::new() }
}

#[test]
fn history_that_rots_while_it_is_served_is_left_out_when_files_are_put_together() {
    let (dir, log) = state_of(8);
    let service = serve(dir.path(), &log);
    let first = files(dir.path(), "results").remove(0);
    flip(&first);
    // Nobody asks before whoever puts files together meets it.
    (8..40).for_each(|n| step(&service, &log, n));
    assert!(files(dir.path(), "results").len() < 24, "the others were put together");
    assert!(damaged(&service).contains(&name(dir.path(), &first)), "{}", damaged(&service));
    assert_eq!(totals(&service).unwrap().0, 40);
    let message = ask(&service, "finals").unwrap_err().to_string();
    assert!(message.contains("[TL3110]"), "{message}");
    service.stop();
}

#[test]
fn one_flipped_bit_in_old_history_costs_questions_about_it_and_nothing_else() {
    let (dir, log) = state_of(8);
    let first = files(dir.path(), "results").remove(0);
    let named = name(dir.path(), &first);
    let object = named.strip_prefix("sources/s/part-0/").unwrap();
    let whole = std::fs::read(&first).unwrap();
    flip(&first);
    let service = serve(dir.path(), &log);
    // Far beyond the next time that files are put together.
    (8..40).for_each(|n| step(&service, &log, n));
    assert_eq!(totals(&service).unwrap().0, 40, "what is counted is counted");
    assert!(files(dir.path(), "results").len() < 24, "the others were put together");
    let refused = |service: &Service| {
        for table in ["finals", "m", "sessions"] {
            let message = ask(service, table).unwrap_err().to_string();
            assert!(message.contains("[TL3110]") && message.contains(object), "{table}: {message}");
            assert!(message.contains(&format!("--accept-damage {object}")), "{message}");
        }
        assert!(ask(service, "late_events").is_ok() && ask(service, "totals").is_ok());
        assert!(damaged(service).contains(&named), "{}", damaged(service));
    };
    refused(&service);
    service.stop();
    // It is known to all who come later, by the name that is still named.
    let service = serve(dir.path(), &log);
    let message = ask(&service, "finals").unwrap_err().to_string();
    assert!(message.contains(object), "{message}");
    // Put back, it is as if nothing had been.
    std::fs::write(&first, &whole).unwrap();
    assert_eq!(rows(&ask(&service, "finals").unwrap()), 40);
    service.stop();

    flip(&first);
    let (service, recoveries) = {
        let options = Options { accept_damage: vec![named.clone()], ..kept(dir.path(), &log) };
        Service::start(options, &[]).unwrap()
    };
    assert!(recoveries[0].said.iter().any(|said| said.contains("[TL3111]")), "{:?}", recoveries[0].said);
    for service in [service, serve(dir.path(), &log)] {
        let finals = ask(&service, "finals").unwrap();
        assert_eq!(rows(&finals), 39);
        assert!(finals.basis.positions[0].lost[0].contains(&named), "never silently smaller");
        assert_eq!(ask(&service, "totals").unwrap().basis.positions[0].lost, Vec::<String>::new(), "they lack nothing");
        assert_eq!(totals(&service).unwrap().0, 40);
        service.stop();
    }
    let remake = |options| Options { remake: vec![named.clone()], ..options };
    let service = serve_as(dir.path(), &log, remake);
    let finals = ask(&service, "finals").unwrap();
    assert_eq!((rows(&finals), finals.basis.positions[0].lost.len()), (40, 0), "made anew, out of the log");
    service.stop();
    // Asked for once more, nothing is left to be made.
    let service = serve_as(dir.path(), &log, remake);
    assert!(service.epoch() > 0 && damaged(&service).is_empty());
    service.stop();
}

#[test]
fn history_that_is_missing_is_said_and_the_state_goes_on() {
    let (dir, log) = state_of(8);
    let all = files(dir.path(), "results");
    std::fs::remove_file(&all[0]).unwrap();
    std::fs::write(&all[1], b"cut").unwrap();
    let (service, recoveries) = Service::start(kept(dir.path(), &log), &[]).unwrap();
    for (file, problem) in all.iter().zip(["missing", "3 bytes long"]) {
        let said =
            recoveries[0].said.iter().any(|said| said.contains(&name(dir.path(), file)) && said.contains(problem));
        assert!(said, "{}: {:?}", file.display(), recoveries[0].said);
    }
    assert_eq!(totals(&service).unwrap().0, 8);
    step(&service, &log, 8);
    assert_eq!(totals(&service).unwrap().0, 9);
    service.stop();
}

#[test]
fn kept_events_that_are_broken_are_no_reason_to_stop_or_to_make_things_up() {
    let (dir, log) = state_of(8);
    let first = files(dir.path(), "kept").remove(0);
    let named = name(dir.path(), &first);
    let object = named.strip_prefix("sources/s/part-0/").unwrap();
    flip(&first);
    let service = serve(dir.path(), &log);
    (8..40).for_each(|n| step(&service, &log, n));
    assert_eq!(rows(&ask(&service, "finals").unwrap()), 40);
    let message = service.session("k1", None, None, SYNC).unwrap_err().to_string();
    assert!(message.contains("[TL3110]") && message.contains(object), "{message}");
    // Other queries would read the log from its start: refused before anything is changed.
    let other = vec![("q.tl".to_owned(), PROGRAM.replace("metric m", "metric n = count(b)\nmetric m"))];
    let message = service.deploy(other, false, None).unwrap_err().to_string();
    assert!(message.contains("[TL3110]") && message.contains(object), "{message}");
    assert_eq!(totals(&service).unwrap().0, 40, "nothing was changed");
    service.stop();
    let service = serve_as(dir.path(), &log, |options| Options { accept_damage: vec![named.clone()], ..options });
    let message = service.session("k0", None, None, SYNC).unwrap_err().to_string();
    assert!(message.contains("not kept"), "{message}");
    assert!(service.session("k39", None, None, SYNC).is_ok());
    service.stop();
}

#[test]
fn files_that_were_put_together_are_not_left_lying_about() {
    let (dir, log) = state_of(25);
    let finals = |dir: &Path| -> Vec<PathBuf> {
        let all = files(dir, "results");
        all.into_iter().filter(|path| path.to_str().unwrap().ends_with("-finals.parquet")).collect()
    };
    assert!(finals(dir.path()).len() < 24, "{:?}", finals(dir.path()));
    assert_eq!(rows_of(&finals(dir.path())), 24, "whoever reads all of them counts each row once");
    // Also while nothing comes any more.
    let service = serve(dir.path(), &log);
    (25..48).for_each(|n| step(&service, &log, n));
    let began = Instant::now();
    // A file may go between the look at the folder and the look into it.
    while rows_if_there(&finals(dir.path())) != Some(47) || finals(dir.path()).len() >= 24 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?} rows", rows_if_there(&finals(dir.path())));
        std::thread::sleep(Duration::from_millis(20));
    }
    service.stop();
}

#[test]
fn an_owner_that_was_taken_over_from_says_nothing_a_second_later() {
    let (dir, log) = state_of(4);
    let service = serve(dir.path(), &log);
    assert_eq!(totals(&service).unwrap().0, 4);
    let store = Arc::new(LocalStore::new(dir.path().join("sources/s/part-0")));
    let identity = WriterIdentity { partition: "s/part-0".into(), writer: "another".into() };
    Checkpoints::open(store, &identity).unwrap();
    // One that was frozen meanwhile knows nothing of it.
    std::thread::sleep(Duration::from_millis(1100));
    let answer = service.snapshot(&["totals".into()], None);
    assert!(matches!(answer, Err(EngineError::Unavailable(_))), "{answer:?}");
    service.stop();
}

#[test]
fn a_partition_that_cannot_answer_is_listed_as_it_was() {
    let (dir, log) = state_of(4);
    let service = serve(dir.path(), &log);
    assert_eq!(totals(&service).unwrap().0, 4);
    let partition = |service: &Service| service.status()["partitions"][0].clone();
    let well = partition(&service);
    assert!(well["records"] == 4 && well["error"].is_null(), "{well}");
    let store = Arc::new(LocalStore::new(dir.path().join("sources/s/part-0")));
    let identity = WriterIdentity { partition: "s/part-0".into(), writer: "another".into() };
    Checkpoints::open(store, &identity).unwrap();
    let began = Instant::now();
    // Its partition ends when it sees that, and is forgotten when somebody looks after it.
    while partition(&service)["error"].is_null() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    for _ in 0..2 {
        let ill = partition(&service);
        assert_eq!(
            (&ill["source"], &ill["partition"], &ill["records"]),
            (&well["source"], &well["partition"], &well["records"])
        );
        service.forget("s", 0);
    }
    service.stop();
}
