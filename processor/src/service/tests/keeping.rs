//! What of a log is kept to be read again, and what waits for the checkpoint that keeps it, are two numbers.

use super::{Claims, MemoryPartitions, SYNC, start};
use crate::engine::Engine;
use crate::service::Service;
use arrow::array::Int64Array;
use std::time::{Duration, Instant};

/// What is kept of the only partition, and what waits for it, by the table.
fn bytes(service: &Service) -> [i64; 2] {
    let snapshot = service.snapshot(&["partitions".into()], SYNC).expect("an answer");
    let rows = &snapshot.tables[0].live[0];
    ["kept_bytes", "keeping_bytes"].map(|name| {
        let column: &Int64Array = rows.column_by_name(name).expect(name).as_any().downcast_ref().expect("numbers");
        column.value(0)
    })
}

#[test]
fn what_is_kept_is_counted_once_a_checkpoint_has_it() {
    let (dir, log) = (tempfile::tempdir().unwrap(), MemoryPartitions::new(1));
    let service = start(dir.path(), &log, Claims::All);
    assert_eq!(bytes(&service), [0, 0]);
    (0..100).for_each(|t| log.write(0, &format!(r#"{{"k":"a","t":{t},"b":true}}"#)));
    let began = Instant::now();
    let kept = loop {
        match bytes(&service) {
            [kept, 0] if kept > 0 => break kept,
            other => assert!(began.elapsed() < Duration::from_secs(20), "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let status = &service.status()["partitions"][0];
    assert_eq!((status["kept_bytes"].as_i64(), status["keeping_bytes"].as_i64()), (Some(kept), Some(0)));
    service.stop();
    // Whoever goes on has it, too.
    let service = start(dir.path(), &log, Claims::All);
    assert!(bytes(&service)[0] > 0);
    service.stop();
}
