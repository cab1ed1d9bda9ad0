//! Sources that share a key, over logs of several partitions.

use super::{Claims, SYNC, Service, options, totals};
use crate::engine::{Engine, EngineError};
use crate::input::{SourceBinding, memory::MemoryPartitions};
use crate::service::{Options, StartError};
use arrow::array::{Array, Int64Array, StringArray};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PAGE: &str = "source page { key k  time t in s  lateness 5s  end after 100s  loading: bool }\n";
const BACKEND: &str = "source backend { key k  time t in s  over: bool }\n";
const SLOW: &str = "metric m = duration_where(latest(loading) && latest(over)) | aggregate(count, sum)\n";

fn options_of(state: &Path, page: &MemoryPartitions, backend: &MemoryPartitions) -> Options {
    let input = |log: &MemoryPartitions| SourceBinding::Log(Arc::new(log.clone()));
    let sources = vec![(Some("page".to_owned()), input(page)), (Some("backend".to_owned()), input(backend))];
    Options { sources, ..options(state, page, Claims::All) }
}

fn start(
    program: &str,
    state: &Path,
    page: &MemoryPartitions,
    backend: &MemoryPartitions,
) -> Result<Arc<Service>, StartError> {
    Service::start(options_of(state, page, backend), &[("p.tl".into(), program.into())]).map(|(service, _)| service)
}

fn write(log: &MemoryPartitions, part: usize, key: &str, t: i64, column: &str, value: bool) {
    log.write(part, &format!(r#"{{"k":"{key}","t":{t},"{column}":{value}}}"#));
}

/// A column of all rows of a table, committed ones included.
fn column<T: Clone>(service: &Service, table: &str, name: &str, of: impl Fn(&dyn Array) -> Vec<T>) -> Vec<T> {
    let snapshot = service.snapshot(&[table.into()], SYNC).expect("an answer");
    let table = &snapshot.tables[0];
    let read = |file: &crate::engine::PastFile| {
        crate::results::decode(std::fs::read(&file.path).expect("a file")).expect("rows")
    };
    let batches = table.past.iter().flat_map(read).chain(table.live.clone());
    batches.flat_map(|batch| of(batch.column_by_name(name).expect("a column"))).collect()
}

fn texts(array: &dyn Array) -> Vec<String> {
    let array: &StringArray = array.as_any().downcast_ref().expect("texts");
    array.iter().flatten().map(str::to_owned).collect()
}

fn numbers(array: &dyn Array) -> Vec<i64> {
    let array: &Int64Array = array.as_any().downcast_ref().expect("numbers");
    array.iter().flatten().collect()
}

#[test]
fn partition_by_partition_two_logs_make_one_session_whoever_is_ahead() {
    let program = format!("{PAGE}{BACKEND}{SLOW}");
    let dir = tempfile::tempdir().expect("a folder");
    let (page, backend) = (MemoryPartitions::new(2), MemoryPartitions::new(2));
    // One is a thousand seconds ahead of the other in each partition.
    for (t, value) in [(0, true), (4, false), (6, true), (1_000, false)] {
        write(&page, 0, "a", t, "loading", value);
        write(&backend, 1, "b", t, "over", value);
    }
    // Five seconds of lateness are the page's own: 997 counts, and 10 is late.
    write(&page, 0, "a", 997, "loading", true);
    write(&page, 0, "a", 10, "loading", true);
    let service = start(&program, dir.path(), &page, &backend).expect("it starts");
    assert_eq!(totals(&service).map(|(count, _)| count), Some(4), "each goes on after 100 s of silence");
    assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    // Not late, although the other log is far ahead, and was before a restart.
    for (t, value) in [(2, true), (5, false), (6, true), (9, false)] {
        write(&backend, 0, "a", t, "over", value);
        write(&page, 1, "b", t, "loading", value);
    }
    write(&backend, 0, "a", 4, "over", true);
    for restart in [false, true] {
        let service = start(&program, dir.path(), &page, &backend).expect("it starts");
        // a: 2 to 4, and 6 to 9. b: likewise, for the two are each other's mirror.
        assert_eq!(totals(&service), Some((4, 10)), "after a restart: {restart}");
        assert_eq!(column(&service, "partitions", "source", texts), ["page+backend", "page+backend"]);
        let places = column(&service, "partitions", "position", texts);
        assert!(
            places.iter().all(|place| place.starts_with("page 0:") && place.contains(", backend 0:")),
            "{places:?}"
        );
        assert_eq!(column(&service, "late_events", "source", texts), ["page", "backend"]);
        let story = service.session("a", None, None, SYNC).expect("a story");
        let told = story["sessions"][0]["events"].as_array().expect("events");
        let told: Vec<&str> = told.iter().filter_map(|event| event["position"].as_str()).collect();
        assert_eq!(told.iter().filter(|place| place.starts_with("page 0:")).count(), 3, "{story:#}");
        assert_eq!(told.iter().filter(|place| place.starts_with("backend 0:")).count(), 4, "{story:#}");
        // Other queries read both logs again from what is kept of them.
        let more = format!("{program}metric n = count(over)\n");
        if restart {
            service.deploy(vec![("p.tl".into(), more)], false, None).expect("it is deployed");
            service.settle();
            assert_eq!(totals(&service), Some((4, 10)));
            assert_eq!(column(&service, "late_events", "source", texts), ["page", "backend"]);
        }
        assert!(service.stop().iter().all(|ended| ended.result.is_ok()));
    }
}

#[test]
fn a_silent_source_does_not_hold_the_other_back() {
    let begun = jiff::Timestamp::now().as_second() - 3_600;
    let dir = tempfile::tempdir().expect("a folder");
    let logs = || {
        let page = MemoryPartitions::new(1);
        write(&page, 0, "a", begun, "loading", true);
        write(&page, 0, "b", begun + 200, "loading", true);
        (page, MemoryPartitions::new(1))
    };
    let (page, backend) = logs();
    let program = format!("{PAGE}{BACKEND}{SLOW}").replace("end after", "idle never  end after");
    let closed = |service: &Service| column(service, "partitions", "closed_sessions", numbers)[0];
    // Without a word of the backend nothing is over, and nothing is late.
    let never = program.replace("over: bool", "idle never  over: bool");
    let service = start(&never, dir.path(), &page, &backend).expect("it starts");
    assert_eq!((totals(&service), closed(&service)), (Some((2, 0)), 0), "the answer looks ahead, the state does not");
    // Whoever waits for what is final is told for whom.
    let notes = |service: &Service| service.snapshot(&["totals".into()], SYNC).expect("an answer").basis.notes;
    let said = "[TL2161] page+backend: no event of `backend` has been read yet, and the clock waits for it";
    assert_eq!(notes(&service).iter().filter(|note| note.message.starts_with(said)).count(), 1);
    let queries = service.queries().expect("an answer");
    assert!(texts(queries.column_by_name("remarks").expect("a column"))[0].starts_with(said));
    service.stop();
    // What was committed is gone from a live log.
    let (page, backend) = logs();
    let dir = tempfile::tempdir().expect("a folder");
    let program = program.replace("over: bool", "idle 200ms  over: bool");
    let service = start(&program, dir.path(), &page, &backend).expect("it starts");
    let patience = Instant::now();
    while closed(&service) == 0 {
        assert!(patience.elapsed() < Duration::from_secs(60), "the silent source holds the other back");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Its clock followed the other's, so what it says now of before is late because of its silence; what is not, counts.
    write(&backend, 0, "a", begun + 1, "over", true);
    write(&backend, 0, "b", begun + 300, "over", true);
    for _ in 0..2 {
        assert_eq!(column(&service, "late_events", "reason", texts), ["idle"]);
        assert_eq!(column(&service, "late_events", "source", texts), ["backend"]);
    }
    service.stop();
    let service = start(&program, dir.path(), &page, &backend).expect("it starts");
    assert_eq!(column(&service, "late_events", "reason", texts), ["idle"], "so it stays after a restart");
    assert!(notes(&service).iter().all(|note| !note.message.contains("TL2161")));
    assert_eq!(closed(&service), 1);
    service.stop();
}

#[test]
fn logs_that_do_not_fit_together_are_refused() {
    let program = format!("{PAGE}{BACKEND}{SLOW}");
    let dir = tempfile::tempdir().expect("a folder");
    let other = MemoryPartitions::new(3);
    let refused =
        start(&program, dir.path(), &MemoryPartitions::new(2), &other).map(|_| ()).expect_err("counts differ");
    let StartError::Partition(crate::partition::Error::Source(error)) = &refused else { panic!("{refused}") };
    assert_eq!(error.code().as_str(), "TL2130");

    // Topics that are read apart cannot be joined later: what is acknowledged is gone.
    let apart =
        format!("{PAGE}{BACKEND}metric p = duration_where(latest(loading))\nmetric b = duration_where(latest(over))\n");
    let dir = tempfile::tempdir().expect("a folder");
    let (page, backend) = (MemoryPartitions::new(1), MemoryPartitions::new(1));
    let service = start(&apart, dir.path(), &page, &backend).expect("it starts");
    let joined = vec![("q.tl".to_owned(), program.clone())];
    let refused = service.deploy(joined, false, None).expect_err("they are read apart");
    assert!(matches!(&refused, EngineError::Conflict { message, .. } if message.contains("page+backend")), "{refused}");
    assert_eq!(column(&service, "partitions", "source", texts), ["page", "backend"]);
    service.stop();
    let both = [("p.tl".to_owned(), apart), ("q.tl".to_owned(), program)];
    let refused = Service::start(options_of(dir.path(), &page, &backend), &both).map(|_| ()).expect_err("likewise");
    assert!(matches!(refused, StartError::Program(EngineError::Conflict { .. })), "{refused}");
}

#[test]
fn no_more_waits_for_a_source_than_is_allowed() {
    let dir = tempfile::tempdir().expect("a folder");
    let program = format!("{PAGE}{BACKEND}{SLOW}").replace("key k", "idle never  key k");
    let (page, backend) = (MemoryPartitions::new(1), MemoryPartitions::new(1));
    let count = 60_000;
    (0..count).for_each(|t| write(&page, 0, "a", t, "loading", t % 2 == 0));
    let service = start(&program, dir.path(), &page, &backend).expect("it starts");
    let read = || {
        let snapshot = service.snapshot(&["partitions".into()], None).expect("an answer");
        numbers(snapshot.tables[0].live[0].column_by_name("records").expect("a column"))[0]
    };
    let patience = Instant::now();
    let mut last = (read(), Instant::now());
    // It comes to rest, before the end.
    while last.0 == 0 || last.1.elapsed() < Duration::from_millis(500) {
        assert!(patience.elapsed() < Duration::from_secs(60), "it never comes to rest");
        std::thread::sleep(Duration::from_millis(20));
        let now = read();
        last = if now == last.0 { last } else { (now, Instant::now()) };
    }
    assert!(last.0 < count, "all {} are read and wait", last.0);
    let limit = Duration::from_millis(300);
    assert!(matches!(service.snapshot(&["totals".into()], Some(limit)), Err(EngineError::Timeout(_))));
    // Until the other one speaks.
    for t in [0, count + 10] {
        write(&backend, 0, "a", t, "over", true);
    }
    assert_eq!(totals(&service), Some((1, i128::from(count / 2))));
    service.stop();
}

#[test]
fn of_several_silent_sources_none_holds_back_the_one_that_speaks() {
    let begun = jiff::Timestamp::now().as_second() - 3_600;
    let dir = tempfile::tempdir().expect("a folder");
    let logs = [(); 3].map(|()| MemoryPartitions::new(1));
    let texts = ["a", "b", "c"].map(|name| {
        let idle = if name == "c" { "idle never" } else { "idle 200ms" };
        format!("source {name} {{ key k  time t in s  {idle}  end after 100s  {name}_is: bool }}\n")
    });
    let program =
        format!("{}metric m = duration_where(latest(a_is) && latest(b_is) && latest(c_is))\n", texts.concat());
    write(&logs[0], 0, "x", begun, "a_is", true);
    write(&logs[1], 0, "x", begun + 10, "b_is", true);
    write(&logs[2], 0, "x", begun + 20, "c_is", true);
    write(&logs[2], 0, "y", begun + 500, "c_is", true);
    let input =
        |(name, log): (&str, &MemoryPartitions)| (Some(name.to_owned()), SourceBinding::Log(Arc::new(log.clone())));
    let sources = ["a", "b", "c"].into_iter().zip(&logs).map(input).collect();
    let options = Options { sources, ..options(dir.path(), &logs[0], Claims::All) };
    let (service, _) = Service::start(options, &[("p.tl".into(), program)]).expect("it starts");
    let patience = Instant::now();
    // The clocks of both silent ones, at 0 and 10, go on to that of the third, where the session is over.
    while column(&service, "partitions", "closed_sessions", numbers) != [1] {
        assert!(patience.elapsed() < Duration::from_secs(60), "a silent source holds the others back");
        std::thread::sleep(Duration::from_millis(20));
    }
    service.stop();
}
