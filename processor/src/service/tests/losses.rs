//! What does not count of a log is said with every answer; and no row is said to be final that may still change.

use super::retention::rows;
use super::{Claims, MemoryPartitions, SYNC, start_with};
use crate::engine::{Engine, Page};
use crate::service::Service;
use arrow::array::{Array, BooleanArray, Int64Array, StringArray};

/// What `queries` has to say of the first one.
fn remarks(service: &Service) -> String {
    let queries = service.queries().expect("an answer");
    let remarks: &StringArray =
        queries.column_by_name("remarks").expect("a column").as_any().downcast_ref().expect("texts");
    if remarks.is_null(0) { String::new() } else { remarks.value(0).to_owned() }
}

#[test]
fn records_that_do_not_count_are_told_with_answers() {
    let program =
        "source s { key k  time t in rfc3339  b: bool }\nmetric m = duration_where(latest(b)) | aggregate(count)";
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start_with(program, dir.path(), &log, Claims::All);
    (0..20).for_each(|t| log.write(0, &format!(r#"{{"k":"a","t":{t},"b":true}}"#)));
    let (_, notes) = rows(&service, "totals");
    let [note] = &notes[..] else { panic!("{notes:?}") };
    assert!(note.contains("TL2151") && note.contains("20 of 20 records") && note.contains("TL2004"), "{note}");
    assert!(remarks(&service).contains("20 of 20 records"));
    service.stop();
    // Whoever goes on knows of it.
    let service = start_with(program, dir.path(), &log, Claims::All);
    let (_, notes) = rows(&service, "m");
    assert!(notes.len() == 1 && notes[0].contains("20 of 20 records"), "{notes:?}");
    // Those who ask what did not count need not be told.
    assert_eq!(rows(&service, "dead_letters").1, Vec::<String>::new());
    service.stop();
}

#[test]
fn events_that_are_late_are_told_with_answers_unless_they_are_taken() {
    for (repair, count) in [("", 99), ("late repair keep 1h", 0)] {
        let program = format!(
            "source s {{ key k  time t in s  {repair}  b: bool }}\nmetric m = duration_where(latest(b)) | aggregate(count)"
        );
        let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
        let service = start_with(&program, dir.path(), &log, Claims::All);
        (0..100).for_each(|t| log.write(0, &format!(r#"{{"k":"a","t":{},"b":true}}"#, 100 - t)));
        let (_, notes) = rows(&service, "totals");
        let expected = format!("{count} of 100 events came later");
        assert_eq!(
            notes.iter().filter(|note| note.contains(&expected) && note.contains("TL2152")).count(),
            count.min(1)
        );
        assert_eq!(notes.len(), count.min(1), "{notes:?}");
        service.stop();
    }
}

#[test]
fn what_is_beyond_a_cap_is_told_while_its_session_goes_on() {
    let program = "source s { key k  time t in s  url: string }
metric m = count(url == \"x\" || url != \"x\") split by latest(url) cap 2 | aggregate(group_by(url), sum)";
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start_with(program, dir.path(), &log, Claims::All);
    (0..2).for_each(|t| log.write(0, &format!(r#"{{"k":"a","t":{t},"url":"u{t}"}}"#)));
    assert_eq!(rows(&service, "totals").1, Vec::<String>::new());
    (2..6).for_each(|t| log.write(0, &format!(r#"{{"k":"a","t":{t},"url":"u{t}"}}"#)));
    let (_, notes) = rows(&service, "totals");
    assert!(notes.len() == 1 && notes[0].contains("4 values were forgotten beyond a cap"), "{notes:?}");
    assert!(remarks(&service).contains("TL2153"));
    service.stop();
}

#[test]
fn what_no_record_has_is_told_with_answers_that_read_it_until_one_has() {
    let program = "source s { key k  time t in s  b: bool, x: float }
metric m = duration_where(latest(b)) | aggregate(count)
metric n = sum(x) | aggregate(sum)";
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(2));
    let service = start_with(program, dir.path(), &log, Claims::All);
    let write = |part: usize, t: i64| log.write(part, &format!(r#"{{"k":"k{part}","t":{t},"b":true}}"#));
    (0..20).for_each(|t| write(t as usize % 2, t));
    let said = |table: &str| rows(&service, table).1;
    let of_n = said("n");
    assert!(of_n.len() == 1 && of_n[0].contains("[TL2141] s: none of 10 records has the column `x`"), "{of_n:?}");
    assert_eq!(said("totals"), of_n, "once for all partitions");
    assert_eq!(said("m"), Vec::<String>::new(), "it reads another column");
    assert_eq!(service.session("k0", None, None, SYNC).unwrap()["notes"][0]["message"], of_n[0]);
    // One partition has it.
    log.write(1, r#"{"k":"k1","t":20,"x":1.5}"#);
    assert!(said("n").is_empty() && said("totals").is_empty());
    assert!(!remarks(&service).contains("TL2141"));
    service.stop();
    // Whoever goes on knows of it, though what is read from then on has it not.
    let service = start_with(program, dir.path(), &log, Claims::All);
    (21..40).for_each(|t| write(t as usize % 2, t));
    assert_eq!(rows(&service, "n").1, Vec::<String>::new());
    service.stop();
}

#[test]
fn texts_that_no_record_has_are_told_with_answers_until_one_has() {
    let program = "source s { key k  time t in s  b: string }
metric m = duration_where(latest(b) == \"onn\") | aggregate(count)
metric n = duration_where(latest(b) == \"on\") | aggregate(sum)
metric o = duration_where(latest(b) == \"broken\") | aggregate(sum)";
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(2));
    let service = start_with(program, dir.path(), &log, Claims::All);
    let write = |part: usize, t: i64, b: &str| log.write(part, &format!(r#"{{"k":"k{part}","t":{t},"b":"{b}"}}"#));
    (0..40).for_each(|t| write(t as usize % 2, t, if t % 4 < 2 { "on" } else { "off" }));
    let said = |service: &Service, table: &str| rows(service, table).1;
    let of_m = said(&service, "m");
    let expected = "[TL2156] s: none of 20 records has the text `onn` in `b`, but `off`, `on`; did you mean `on`?";
    assert_eq!(of_m, [expected]);
    assert_eq!(said(&service, "totals"), of_m, "once for all partitions");
    // What is there is not spoken of, and what may yet come is in `remarks` alone.
    assert_eq!((said(&service, "n"), said(&service, "o")), (vec![], vec![]));
    assert!(remarks(&service).contains("`onn`"), "{}", remarks(&service));
    write(1, 40, "onn");
    assert_eq!((said(&service, "m"), said(&service, "totals")), (vec![], vec![]));
    assert_eq!(remarks(&service), "");
    service.stop();
    // Whoever goes on knows of it, though what is read from then on has it not.
    let service = start_with(program, dir.path(), &log, Claims::All);
    (41..80).for_each(|t| write(t as usize % 2, t, "on"));
    assert_eq!(said(&service, "m"), Vec::<String>::new());
    service.stop();
}

#[test]
fn times_in_another_unit_are_told_with_answers() {
    let program = "source s { key k  time t in ms  b: bool }\nmetric m = duration_where(latest(b))";
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start_with(program, dir.path(), &log, Claims::All);
    (0..3).for_each(|t| log.write(0, &format!(r#"{{"k":"a","t":{},"b":true}}"#, 1_764_547_200 + t)));
    let (_, notes) = rows(&service, "m");
    assert!(notes.len() == 1 && notes[0].contains("[TL2147] s: all times are in 1970"), "{notes:?}");
    let listed = service.outliers("m", Page::first(1), SYNC).expect("an answer");
    assert_eq!(listed.notes.iter().map(|note| note.message.clone()).collect::<Vec<_>>(), notes);
    service.stop();
}

/// Whether windows are final, in order, by `totals` and by the table of the metric.
fn closed(service: &Service) -> [Vec<(i64, bool)>; 2] {
    [("totals", "sum_exact"), ("per", "value_exact")].map(|(table, value)| {
        let (batches, _) = rows(service, table);
        let mut all = vec![];
        for batch in &batches {
            let is: &BooleanArray = batch.column_by_name("closed").unwrap().as_any().downcast_ref().unwrap();
            let values = batch.column_by_name(value).or_else(|| batch.column_by_name("value")).unwrap();
            let values = arrow::compute::cast(values, &arrow::datatypes::DataType::Int64).unwrap();
            let values: &Int64Array = values.as_any().downcast_ref().unwrap();
            all.extend((0..batch.num_rows()).map(|i| (values.value(i), is.value(i))));
        }
        all
    })
}

#[test]
fn no_window_is_final_that_an_event_in_time_may_change() {
    let program = "source c { key k  time t in s  lateness 20s  s: string }
metric per = count(s == \"on\") every 1m | aggregate(group_by(every), sum)";
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start_with(program, dir.path(), &log, Claims::All);
    let write = |t: i64| log.write(0, &format!(r#"{{"k":"a","t":{t},"s":"on"}}"#));
    write(10);
    write(65);
    let open = vec![(1, false), (1, false)];
    assert_eq!(closed(&service), [open.clone(), open], "the watermark is within the first window");
    write(55);
    let open = vec![(2, false), (1, false)];
    assert_eq!(closed(&service), [open.clone(), open]);
    write(80);
    let first = vec![(2, true), (2, false)];
    assert_eq!(closed(&service), [first.clone(), first], "the watermark is at its end");
    service.snapshot(&["partitions".into()], SYNC).expect("an answer");
    service.stop();
}
