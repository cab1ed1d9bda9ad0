//! What queries cost: the time of lanes, and memory.

use super::{Claims, MemoryPartitions, PROGRAM, SYNC, start_with, totals};
use crate::engine::Engine;
use arrow::array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};

fn column<'a, A: 'static>(rows: &'a RecordBatch, name: &str) -> &'a A {
    rows.column_by_name(name).expect(name).as_any().downcast_ref().expect("its type")
}

#[test]
fn the_time_that_lanes_are_busy_is_told_of_partitions_and_of_queries() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = MemoryPartitions::new(2);
    for t in 0..3000 {
        log.write(t % 2, &format!(r#"{{"k":"k{}","t":{t},"b":{}}}"#, t % 20, t % 3 == 0));
    }
    let program = format!("{PROGRAM}\nalert on = latest(b)");
    let service = start_with(&program, dir.path(), &log, Claims::All);
    assert_eq!(totals(&service).map(|(count, _)| count), Some(20));
    let names = ["queries".to_owned(), "partitions".to_owned()];
    let tables = service.snapshot(&names, SYNC).expect("an answer").tables;
    let (queries, partitions) = (&tables[0].live[0], &tables[1].live[0]);
    let of_partitions: &Float64Array = column(partitions, "evaluate_seconds");
    assert_eq!(of_partitions.len(), 2);
    assert!(of_partitions.iter().flatten().all(|seconds| seconds > 0.0), "{of_partitions:?}");
    let sum: f64 = of_partitions.iter().flatten().sum();
    // Both are of one deployment, whose nodes they share.
    let of_queries: &Float64Array = column(queries, "evaluate_seconds");
    assert_eq!(of_queries.len(), 2);
    assert!(of_queries.iter().flatten().all(|seconds| (seconds - sum).abs() < 1e-6), "{of_queries:?} {sum}");
    assert!(column::<Int64Array>(queries, "live_sessions").iter().all(|live| live == Some(20)), "{queries:?}");
    assert!(column::<Int64Array>(queries, "state_bytes").iter().flatten().all(|bytes| bytes > 0), "{queries:?}");
    let (own, all): (&Int64Array, &Int64Array) = (column(queries, "row_bytes"), column(queries, "session_bytes"));
    for i in 0..2 {
        let name = column::<StringArray>(queries, "name").value(i);
        assert!((1..=all.value(i)).contains(&own.value(i)), "{name}: {} of {}", own.value(i), all.value(i));
    }
    let told: f64 = service.status()["partitions"]
        .as_array()
        .expect("partitions")
        .iter()
        .map(|partition| partition["evaluate_seconds"].as_f64().expect("a number"))
        .sum();
    assert!(told >= sum, "{told} {sum}");
    service.stop();
}
