//! A processor that slept while another one took over, on one machine: what was asked of it meanwhile is refused when it
//! wakes, and not answered as it was.

use super::Processor;
use crate::cli::Sandbox;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PROGRAM: &str = "source s { key k  time t in s  b: bool }
metric m = count(b) | aggregate(count, sum)";

/// A question that is sent and not yet answered.
fn ask(of: &Processor, sql: &str) -> TcpStream {
    let mut stream = TcpStream::connect(of.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let body = serde_json::json!({ "sql": sql }).to_string();
    let head = "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: text/csv\r\n";
    write!(stream, "{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

#[test]
fn an_owner_that_wakes_refuses_what_it_was_asked_while_it_slept() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let event = |t: u64| format!("{{\"k\":\"a\",\"t\":{t},\"b\":true}}\n");
    let mut log: String = (0..3).map(event).collect();
    sandbox.file("log.ndjson", &log);
    let serve = || Processor::start(sandbox.command(), &["p.tl", "--source", "file:log.ndjson", "--state", "state"]);
    let sql = "SELECT sum FROM totals";
    let mut frozen = serve();
    let before = frozen.rows(&sandbox, sql, &["--sync"]).unwrap();
    assert_eq!(before, [serde_json::json!({"sum": 3})]);
    frozen.signal("STOP");
    // It asks the frozen one in vain, and watches it for three seconds.
    let successor = serve();
    log.push_str(&event(3));
    sandbox.file("log.ndjson", &log);
    assert_eq!(successor.rows(&sandbox, sql, &["--sync"]).unwrap(), [serde_json::json!({"sum": 4})]);
    // The system takes connections for one that sleeps.
    let mut asked: Vec<TcpStream> = (0..4).map(|_| ask(&frozen, sql)).collect();
    frozen.signal("CONT");
    for stream in &mut asked {
        let mut answer = String::new();
        // One whose processor is gone is reset.
        let _ = stream.read_to_string(&mut answer);
        let is_old = answer.starts_with("HTTP/1.1 200") && answer.contains("\n3");
        assert!(!is_old, "the totals of before are answered: {answer}");
    }
    let (code, said) = frozen.ends(20);
    assert_eq!(code, Some(5), "{said}");
    assert_eq!(successor.rows(&sandbox, sql, &["--sync"]).unwrap(), [serde_json::json!({"sum": 4})]);
}
