//! Clients that hold connections and ask nothing: whoever does ask is answered all the same.

use crate::cli::Sandbox;
use crate::cluster::Processor;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PROGRAM: &str = "source s { key k  time t in s  b: bool }\nmetric m = duration_where(latest(b))\n";

/// How long an answer may take while others hold all they can, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(5);

fn processor(sandbox: &Sandbox) -> Processor {
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("log.ndjson", "{\"k\":\"a\",\"t\":1,\"b\":true}\n");
    sandbox.file("token", "open-sesame\n");
    let args = ["p.tl", "--source", "file:log.ndjson", "--state", "state", "--token-file", "token"];
    Processor::start(sandbox.command(), &args)
}

fn connect(processor: &Processor) -> TcpStream {
    let stream = TcpStream::connect(processor.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// The answer to one request on a connection of its own.
fn ask(processor: &Processor, path: &str, headers: &str) -> String {
    let mut stream = connect(processor);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn health_and_those_who_know_the_token_are_answered_beside_hundreds_that_ask_nothing() {
    let sandbox = Sandbox::new();
    let processor = processor(&sandbox);
    let token = "authorization: Bearer open-sesame\r\n";
    for round in 0..3 {
        // Half a head each, or a question without the token and then silence; none of it is closed by us.
        let mut crowd: Vec<TcpStream> = vec![];
        for n in 0..300 {
            let mut stream = connect(&processor);
            let text: &[u8] = match n % 2 {
                0 => b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\n",
                _ => b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n",
            };
            // What is closed already cannot be written to.
            let _ = stream.write_all(text);
            crowd.push(stream);
        }
        let begun = Instant::now();
        let health = ask(&processor, "/healthz", "");
        assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n"), "round {round}: {health}");
        let status = ask(&processor, "/v1/status", token);
        assert!(status.starts_with("HTTP/1.1 200"), "round {round}: {status}");
        assert!(begun.elapsed() < SOON, "round {round}: {:?}", begun.elapsed());
        drop(crowd);
    }
}
