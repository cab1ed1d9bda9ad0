//! A bucket that is away for a while: whoever asks is told so soon, and who starts or ends a processor is not kept waiting.

use super::bucket::{Job, by_way_of, endpoint};
use super::s3;
use crate::cli::{Run, finish};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How the way to the server is.
const OPEN: u8 = 0;
/// Connections are taken and nothing comes back, as of a server that is stuck.
const SILENT: u8 = 1;
/// Connections end at once, as where there is no server.
const GONE: u8 = 2;

/// A way to the server that can be shut.
struct Gate {
    address: String,
    mode: Arc<AtomicU8>,
}

impl Gate {
    fn to(server: &str) -> Gate {
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mode = Arc::new(AtomicU8::new(OPEN));
        let seen = Arc::clone(&mode);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if seen.load(Ordering::Relaxed) == GONE {
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server) else { continue };
                let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                let (there, back) = (Arc::clone(&seen), Arc::clone(&seen));
                thread::spawn(move || flow(from, to, &there));
                thread::spawn(move || flow(upstream, client, &back));
            }
        });
        Gate { address, mode }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::Relaxed);
    }
}

/// Copies until a side ends or the way is gone; holds what it has while the way is silent.
fn flow(mut from: TcpStream, mut to: TcpStream, mode: &AtomicU8) {
    let mut bytes = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while mode.load(Ordering::Relaxed) == SILENT {
            thread::sleep(Duration::from_millis(20));
        }
        if mode.load(Ordering::Relaxed) == GONE || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// What `timeline query` says, and how long it took.
fn query(job: &Job, url: &str, sql: &str) -> (Run, Duration) {
    let begun = Instant::now();
    let mut command = job.sandbox.command();
    command.args(["query", sql, "--format", "jsonl", "--server", url]);
    (finish(&mut command), begun.elapsed())
}

/// The answer to a plain request.
fn get(url: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn questions_are_refused_soon_while_the_bucket_of_the_state_is_away() {
    let Some(variables) = s3::variables() else { return };
    for mode in [SILENT, GONE] {
        let job = Job::new(&format!("away-{mode}"));
        let gate = Gate::to(endpoint(variables));
        let processor = job.serve(&by_way_of(&gate.address, variables));
        let (sql, expected) = ("SELECT count, sum FROM totals", [serde_json::json!({"count": 2000, "sum": 14000})]);
        assert_eq!(processor.rows(&job.sandbox, sql, &["--sync"]).unwrap(), expected);
        // How a partition is is taken note of once a second.
        thread::sleep(Duration::from_millis(1200));
        assert_eq!(processor.rows(&job.sandbox, sql, &[]).unwrap(), expected);
        gate.set(mode);
        let away = Instant::now();
        // What is said before it is known is what is so.
        let (refused, took) = loop {
            let (run, took) = query(&job, &processor.url, sql);
            if run.code != 0 {
                break (run, took);
            }
            assert!(away.elapsed() < Duration::from_secs(15), "{mode}: it answers as if nothing were amiss");
        };
        let place = format!("at {} has given no answer since", gate.address);
        let said = &refused.stderr;
        assert!(refused.code == 3 && said.contains("[TL3122] s3://") && said.contains(&place), "{mode}: {said}");
        assert!(took < Duration::from_secs(12), "{mode}: {took:?}");

        for sql in [sql, "SELECT * FROM finals", "SELECT * FROM m"] {
            let (run, took) = query(&job, &processor.url, sql);
            assert!(run.code == 3 && run.stderr.contains("[TL3122]"), "{mode}, {sql}: {}", run.stderr);
            assert!(took < Duration::from_secs(4), "{mode}, {sql}: {took:?}");
        }
        let answer = get(&processor.url, "/v1/outliers?name=m");
        assert!(answer.starts_with("HTTP/1.1 503"), "{mode}: {answer}");
        assert!(answer.contains("retry-after: 1") && answer.contains("TL3122"), "{mode}: {answer}");

        let (run, took) = query(&job, &processor.url, "SELECT source, records FROM partitions");
        assert!(run.code == 0 && run.stdout.contains("\"records\":4000"), "{mode}: {} {}", run.stdout, run.stderr);
        assert!(run.stderr.contains("[TL3122]") && run.stderr.contains("as they were at"), "{mode}: {}", run.stderr);
        assert!(took < Duration::from_secs(4), "{mode}: {took:?}");
        let (run, took) = query(&job, &processor.url, "SELECT name, remarks FROM queries");
        assert!(run.code == 0 && run.stdout.contains("[TL3122]"), "{mode}: {} {}", run.stdout, run.stderr);
        assert!(took < Duration::from_secs(4), "{mode}: {took:?}");

        gate.set(OPEN);
        let back = Instant::now();
        while processor.rows(&job.sandbox, sql, &[]).as_deref() != Ok(&expected[..]) {
            assert!(back.elapsed() < Duration::from_secs(60), "{mode}: it does not go on");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn a_processor_ends_soon_though_its_bucket_is_away() {
    let Some(variables) = s3::variables() else { return };
    let job = Job::new("ends");
    let gate = Gate::to(endpoint(variables));
    let variables = by_way_of(&gate.address, variables);
    for mode in [SILENT, GONE] {
        let mut processor = job.serve(&variables);
        gate.set(mode);
        processor.signal("TERM");
        let (code, said) = processor.ends(12);
        assert_eq!(code, Some(3), "{mode}: {said}");
        assert!(said.contains("[TL3122]") && said.contains("is read again at the next start"), "{mode}: {said}");
        gate.set(OPEN);
    }
    // Nobody who is told twice waits at all.
    let mut processor = job.serve(&variables);
    gate.set(SILENT);
    processor.signal("TERM");
    thread::sleep(Duration::from_millis(500));
    processor.signal("TERM");
    let (code, said) = processor.ends(2);
    assert_eq!(code, Some(128 + 15), "{said}");
    gate.set(OPEN);
    let processor = job.serve(&variables);
    let rows = processor.rows(&job.sandbox, "SELECT count, sum FROM totals", &["--sync"]).unwrap();
    assert_eq!(rows, [serde_json::json!({"count": 2000, "sum": 14000})]);
}

#[test]
fn a_start_takes_no_longer_than_it_may_though_its_bucket_is_away() {
    let Some(variables) = s3::variables() else { return };
    for mode in [SILENT, GONE] {
        let job = Job::new(&format!("starts-{mode}"));
        let gate = Gate::to(endpoint(variables));
        gate.set(mode);
        let mut command = job.command(&by_way_of(&gate.address, variables));
        command.args(["serve", "p.tl", "--source", "file:log.ndjson", "--listen", "127.0.0.1:0"]);
        let begun = Instant::now();
        let run = finish(command.args(["--state", &job.state, "--start-timeout", "3s"]));
        assert_eq!(run.code, 3, "{mode}: {}", run.stderr);
        assert!(run.stderr.contains("[TL3122]"), "{mode}: {}", run.stderr);
        assert!(run.stderr.contains("--start-timeout allows more"), "{mode}: {}", run.stderr);
        let took = begun.elapsed();
        assert!(took > Duration::from_secs(2) && took < Duration::from_secs(8), "{mode}: {took:?}");
    }
}
