//! How many values there are among all partitions: exact to ten thousand, then an estimate that no order changes.

use super::*;

const PROGRAM: &str = "source s { key k  time t in ms  user: string  n: int }
metric m = n | aggregate(count, distinct(user), distinct(n))";

/// How many events, users with their error, and numbers with theirs.
type Distinct = (i64, (i64, f64), (i64, f64));

fn write(log: &MemoryPartitions, part: usize, (t, user): (i64, i64)) {
    log.write(part, &format!(r#"{{"k":"p{part}","t":{t},"user":"u{user}","n":{}}}"#, user % 7));
}

fn distinct(service: &Service) -> Distinct {
    let snapshot = service.snapshot(&["totals".into()], SYNC).expect("an answer");
    let rows = &snapshot.tables[0].live[0];
    assert_eq!(rows.num_rows(), 1, "one group for all partitions");
    let column = |name: &str| rows.column_by_name(name).expect(name).as_any();
    let count = |name: &str| column(name).downcast_ref::<Int64Array>().expect("counts").value(0);
    let error = |name: &str| column(name).downcast_ref::<Float64Array>().expect("errors").value(0);
    let both = |name: &str| (count(name), error(&format!("{name}_error")));
    (count("count"), both("distinct_user"), both("distinct_n"))
}

#[test]
fn partitions_tell_values_apart_together() {
    // By itself the first has an estimate, and each of the others knows its own.
    let users: [std::ops::Range<i64>; 3] = [0..10_500, 10_000..13_000, 12_000..14_000];
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(3);
    let service = start_with(PROGRAM, dir.path(), &log, Claims::All);
    for (part, users) in users[1..].iter().enumerate() {
        (0..).zip(users.clone()).for_each(|of| write(&log, part + 1, of));
    }
    assert_eq!(distinct(&service), (5_000, (4_000, 0.0), (7, 0.0)), "two partitions have a thousand together");
    (0..).zip(users[0].clone()).for_each(|of| write(&log, 0, of));
    let all = distinct(&service);
    let (events, (count, error), numbers) = all;
    assert_eq!((events, error, numbers), (15_500, 0.02, (7, 0.0)));
    assert!(count.abs_diff(14_000) <= 280, "{count} of 14000");
    service.stop();
    let service = start_with(PROGRAM, dir.path(), &log, Claims::All);
    assert_eq!(distinct(&service), all, "out of its checkpoint");
    service.stop();
    // All of them in one partition, from the last to the first.
    let (dir, log) = (tempfile::tempdir().expect("a folder"), MemoryPartitions::new(1));
    let reversed = users.into_iter().rev().flat_map(Iterator::rev);
    (0..).zip(reversed).for_each(|of| write(&log, 0, of));
    let service = start_with(PROGRAM, dir.path(), &log, Claims::All);
    assert_eq!(distinct(&service), all, "whoever makes the estimate");
    service.stop();
}
