//! A bucket that takes connections and gives no answer, as one that is stuck: whoever needs it is told soon.

use crate::cli::{Sandbox, finish};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// The address of a server that says nothing; it ends with the tests.
fn silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = vec![];
        listener.incoming().for_each(|client| held.push(client));
    });
    address
}

fn command(sandbox: &Sandbox, endpoint: &str) -> Command {
    let mut command = sandbox.command();
    command.envs([("AWS_ENDPOINT", endpoint), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]);
    command.env("AWS_REGION", "us-east-1");
    command
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "source s { key k  time t in s  b: bool }\nmetric m = duration_where(latest(b))\n");
    sandbox.file("e.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n");
    sandbox
}

#[test]
fn a_processor_says_soon_that_its_bucket_gives_no_answer() {
    let endpoint = silent_server();
    let places: &[&[&str]] = if cfg!(feature = "lake") {
        &[&["--state", "s3://bucket/state"], &["--state", "state", "--history", "s3://bucket/history"]]
    } else {
        &[&["--state", "s3://bucket/state"]]
    };
    for place in places {
        let sandbox = sandbox();
        let mut command = command(&sandbox, &endpoint);
        command.args(["serve", "p.tl", "--source", "file:e.ndjson", "--listen", "127.0.0.1:0"]).args(*place);
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (said, hears) = channel();
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let wanted = format!("[TL3122] s3://bucket at {endpoint} gives no answer, and is asked again");
        let mut all = vec![];
        let is_said = loop {
            match hears.recv_timeout(Duration::from_secs(20).saturating_sub(begun.elapsed())) {
                Ok(line) if line.contains(&wanted) => break true,
                Ok(line) => all.push(line),
                Err(_) => break false,
            }
        };
        let took = begun.elapsed();
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        assert!(is_said, "{place:?}, after {took:?}: {all:?}");
    }
}

#[test]
fn doctor_says_soon_that_a_bucket_gives_no_answer() {
    let endpoint = silent_server();
    let sandbox = sandbox();
    let begun = Instant::now();
    let run = finish(command(&sandbox, &endpoint).args(["doctor", "p.tl", "--state", "s3://bucket/state"]));
    assert_eq!(run.code, 1, "{}", run.stderr);
    let said = "fault  [TL3122] cannot reach s3://bucket/state: it gave no answer within 5 s\n       bring it back";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    assert!(!run.stdout.contains("from a copy"), "{}", run.stdout);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
