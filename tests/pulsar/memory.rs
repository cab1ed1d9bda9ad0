//! How much memory a processor takes that reads four partitions as fast as it can, and when it has.

use super::harness::broker;
use super::serve::{Server, run};
use event_feeder::pulsar::Outgoing;
use serde_json::Value as Json;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PARTITIONS: u64 = 4;
const SESSIONS: u64 = 4_000;
/// In a message, which has 25 kB.
const LINES: u64 = 50;
/// Of each partition: 75 MB.
const MESSAGES: u64 = 3_000;
const MIB: u64 = 1 << 20;
/// About twice of what was measured, each.
const PEAK_MAX: u64 = 700 * MIB;
const AFTERWARDS_MAX: u64 = 250 * MIB;

const PROGRAM: &str = "source s { key k  time t in ms  lateness 1h  idle never  end after 100h  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)";

/// Bytes of its own that a process has.
fn anonymous(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}

#[test]
fn four_partitions_are_caught_up_with_in_bounded_memory_that_is_given_back() {
    let Some(broker) = broker() else { return };
    if !std::path::Path::new("/proc/self/status").exists() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let topic = broker.topic("memory", PARTITIONS as u32);
    let mut publisher = broker.publisher(&topic, 1);
    let padding = "x".repeat(440);
    for n in 0..MESSAGES {
        for partition in 0..PARTITIONS {
            let (mut payload, key) =
                (String::new(), |i: u64| format!("k{}", (n * LINES + i) % 1_000 * PARTITIONS + partition));
            for i in 0..LINES {
                let t = 1_700_000_000_000 + n * LINES + i;
                writeln!(payload, "{{\"k\":\"{}\",\"t\":{t},\"b\":true,\"more\":\"{padding}\"}}", key(i)).unwrap();
            }
            let (key, payload) = (key(0), payload.into_bytes());
            publisher.send(partition as usize, Outgoing { key, payload, ..Outgoing::default() }).unwrap();
        }
    }
    publisher.flush().unwrap();
    let address = format!("{}/{}", broker.url, topic.rsplit('/').next().unwrap());
    for keep in ["24h", "0s"] {
        let own = dir.path().join(keep);
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("video.tl"), PROGRAM).unwrap();
        let server = Server::start_on(&own, &["--source", &address, "--keep", keep, "--subscription", keep]);
        let (pid, peak, over) = (server.pid(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let watcher = {
            let (peak, over) = (Arc::clone(&peak), Arc::clone(&over));
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    peak.fetch_max(anonymous(pid), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(10));
                }
            })
        };
        let began = Instant::now();
        let rows = server.rows("SELECT count FROM totals");
        let read = began.elapsed();
        assert_eq!(rows.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>(), SESSIONS);
        std::thread::sleep(Duration::from_secs(4));
        over.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
        let (peak, after) = (peak.load(Ordering::Relaxed), anonymous(pid));
        println!("--keep {keep}: {} MiB at most, {} MiB afterwards, read in {read:?}", peak / MIB, after / MIB);
        let rows: Vec<Json> = run(
            dir.path(),
            &["query", "SELECT queued_bytes, kept_bytes FROM partitions", "--format", "jsonl", "--server", &server.url],
        );
        assert!(rows.len() as u64 == PARTITIONS && rows.iter().all(|row| row["queued_bytes"] == 0), "{rows:?}");
        assert!(peak < PEAK_MAX, "--keep {keep}: {} MiB", peak / MIB);
        assert!(after < AFTERWARDS_MAX, "--keep {keep}: {} MiB stay", after / MIB);
        server.kill();
    }
}
