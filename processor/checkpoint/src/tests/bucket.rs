//! The protocol on a real S3-compatible server.
//!
//! The tests need one: that of `TIMELINE_S3` (`http://HOST:PORT/BUCKET`, with the usual `AWS_...` variables), which
//! `tests/s3/server` starts and `tests/all` sets. Without it they say so in one line.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::workload::Job;
use crate::bucket::BucketStore;
use crate::store::Creation;
use crate::{Error, StateLocation, Store, inspect};

/// A prefix of its own for each test.
fn place(test: &str) -> Option<StateLocation> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let Ok(url) = std::env::var("TIMELINE_S3") else {
        println!("not run: no S3-compatible server (TIMELINE_S3; `tests/s3/server start` prints it)");
        return None;
    };
    let (_, bucket) = url.rsplit_once('/').expect("TIMELINE_S3 is http://HOST:PORT/BUCKET");
    let run = jiff::Timestamp::now().as_nanosecond();
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    Some(StateLocation::parse(&format!("s3://{bucket}/tests/{test}-{run}-{number}")).unwrap())
}

#[test]
fn the_contract_of_a_store() {
    let Some(place) = place("contract") else { return };
    let store = place.store("sources/a");
    assert_eq!(store.list("heads").unwrap(), []);
    assert_eq!(store.read("heads/none").unwrap(), None);
    store.delete("heads/none").unwrap();
    assert_eq!(store.create("heads/head-1", b"one").unwrap(), Creation::Created);
    assert_eq!(store.create("heads/head-1", b"two").unwrap(), Creation::Exists);
    assert_eq!(store.read("heads/head-1").unwrap().as_deref(), Some(&b"one"[..]));
    store.put("heads/head-2", b"twice").unwrap();
    store.put("heads/head-2", b"twice").unwrap();
    assert!(store.put("heads/head-2", b"other").is_err(), "a name with other bytes is taken");
    place.store("sources/a/heads").put("deeper/object", b"").unwrap();
    let listed: Vec<(String, u64)> = store.list("heads").unwrap().into_iter().map(|e| (e.name, e.length)).collect();
    assert_eq!(listed, [("heads/head-1".to_owned(), 3), ("heads/head-2".to_owned(), 5)]);
    store.delete("heads/head-1").unwrap();
    assert_eq!(store.create("heads/head-1", b"again").unwrap(), Creation::Created);
}

#[test]
fn of_creates_at_the_same_time_one_wins() {
    let Some(place) = place("creates") else { return };
    for round in 0..20 {
        let name = format!("heads/head-{round}");
        let made = thread::scope(|scope| {
            let create = |i: u8| {
                let (store, name) = (place.store(""), &name);
                scope.spawn(move || store.create(name, &[i]).unwrap())
            };
            let all: Vec<_> = (0..6).map(create).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(made.iter().filter(|made| **made == Creation::Created).count() <= 1, "{made:?}");
        assert!(place.store("").read(&name).unwrap().is_some_and(|bytes| bytes.len() == 1));
    }
}

#[test]
fn two_writers_make_one_history() {
    let Some(place) = place("race") else { return };
    let work = |writer: &'static str, steps| {
        let store = place.store("sources/a");
        move || {
            let mut acked = vec![];
            let result = Job::open(store, writer).and_then(|mut job| job.run(steps, |value| acked.push(value)));
            match result {
                Ok(()) | Err(Error::Fenced { .. } | Error::Corrupt(_) | Error::Contended { .. }) => acked,
                Err(error) => panic!("{writer}: {error}"),
            }
        }
    };
    for (old, new) in [("a1", "b1"), ("a2", "b2"), ("a3", "b3"), ("a4", "b4")] {
        let acked = thread::scope(|scope| {
            let (old, new) = (scope.spawn(work(old, 6)), scope.spawn(work(new, 6)));
            [old.join().unwrap(), new.join().unwrap()].concat()
        });
        let mut once = acked.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), acked.len(), "a step was acknowledged twice: {acked:?}");
        let last = Job::open(place.store("sources/a"), "last").unwrap();
        assert!(once.last().is_none_or(|value| *value <= last.value), "{acked:?}, then {}", last.value);
        assert_eq!(last.findings, []);
    }
}

#[test]
fn a_damaged_object_is_told_and_fallen_back_from() {
    let Some(place) = place("damage") else { return };
    let store = place.store("p");
    Job::open(store.clone(), "first").unwrap().run(8, |_| {}).unwrap();
    let segment = inspect(&*store).unwrap().kept[0].files.iter().map(|file| file.name.clone()).next_back().unwrap();
    let mut bytes = store.read(&segment).unwrap().unwrap();
    bytes[0] ^= 1;
    store.delete(&segment).unwrap();
    store.put(&segment, &bytes).unwrap();
    let job = Job::open(store, "second").unwrap();
    assert_eq!(job.value, 7);
    assert!(job.findings.iter().any(|finding| finding.object == segment), "{:?}", job.findings);
}

#[test]
fn a_bucket_that_is_not_there_is_an_error_and_no_empty_state() {
    let Some(_) = place("none") else { return };
    let place = StateLocation::parse("s3://no-such-bucket-of-timeline/x").unwrap();
    let store: Arc<dyn Store> = place.store("p");
    assert!(Job::open(store, "w").is_err());
}

#[test]
fn places_are_told_apart_by_their_text() {
    assert!(matches!(StateLocation::parse("state").unwrap(), StateLocation::Local(_)));
    assert!(matches!(StateLocation::parse("/s3/x").unwrap(), StateLocation::Local(_)));
    assert!(StateLocation::parse("s3://").is_err() && StateLocation::parse("s3://b//x").is_err());
    assert_eq!(StateLocation::parse("s3://b/x/y/").unwrap().to_string(), "s3://b/x/y");
}

#[test]
fn lost_answers_lose_nothing_and_count_nothing_twice() {
    let Some(place) = place("chaos") else { return };
    let (server, _) =
        std::env::var("TIMELINE_S3").unwrap().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let (proxy, lost) = forgetful(server.strip_prefix("http://").unwrap().to_owned());
    let bucket = BucketStore::at(&place.to_string(), Some(&proxy)).unwrap();
    let (mut acked, mut unclear, mut value) = (0, 0, 0);
    for writer in 0..400 {
        let opened = Job::open(Arc::new(bucket.clone()), &format!("w{writer}"));
        let mut job = match opened {
            Ok(job) => job,
            Err(Error::Unclear { .. } | Error::Store(_)) => {
                unclear += 1;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(job.findings, [], "nothing that counts is broken");
        assert!(job.value >= acked && job.value <= value + 1, "{} after {acked} of at most {}", job.value, value + 1);
        match job.run(10, |step| acked = step) {
            Ok(()) => {}
            Err(Error::Unclear { .. } | Error::Store(_) | Error::Poisoned { .. }) => unclear += 1,
            Err(error) => panic!("{error}"),
        }
        value = job.value.max(acked);
        if acked >= 40 {
            break;
        }
    }
    assert!(acked >= 40, "it comes forward all the same: {acked}");
    let lost = lost.load(Ordering::Relaxed);
    assert!(lost > 5, "only {lost} answers were lost");
    println!("{lost} answers lost, {unclear} unclear, {acked} steps");
}

/// A way to the server on which one answer in twelve is lost after the server has done what it was asked.
fn forgetful(server: String) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (lost, seen) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let count = lost.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (count, seen, server) = (count.clone(), seen.clone(), server.clone());
            thread::spawn(move || {
                let Ok(upstream) = TcpStream::connect(&server) else { return };
                let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                let (mut from, mut to) = (upstream, client);
                let mut bytes = [0; 1 << 16];
                while let Ok(read @ 1..) = from.read(&mut bytes) {
                    if seen.fetch_add(1, Ordering::Relaxed) % 12 == 11 {
                        count.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    if to.write_all(&bytes[..read]).is_err() {
                        break;
                    }
                }
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
        }
    });
    (address, lost)
}
