//! `serve --otlp`: what a collector of OpenTelemetry is told, and what comes of one that is away, or takes and never answers.

mod collector;

use crate::cli::Sandbox;
use crate::cluster::Processor;
use collector::{Collector, text_of, whole_of};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const PROGRAM: &str = "source s { key k  time t in s  on: bool }\nmetric m = duration_where(latest(on))\n";
const SQL: &str = "SELECT session FROM sessions";
/// A trace, and the span of it that a client is in.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A processor that tells a collector, soon.
fn processor(sandbox: &Sandbox, url: &str) -> Processor {
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("e.ndjson", "{\"k\":\"a\",\"t\":1,\"on\":true}\n{\"k\":\"b\",\"t\":2,\"on\":true}\n");
    let mut command = sandbox.command();
    command.env("OTEL_BSP_SCHEDULE_DELAY", "100").env("OTEL_BLRP_SCHEDULE_DELAY", "100");
    Processor::start(command, &["p.tl", "--source", "file:e.ndjson", "--state", "state", "--otlp", url])
}

/// How often a text stands in another one.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn a_collector_has_spans_of_what_is_done_and_what_is_said() {
    let (sandbox, collector) = (Sandbox::new(), Collector::start());
    let mut processor = processor(&sandbox, &collector.url);
    assert_eq!(processor.rows(&sandbox, SQL, &["--sync"]).unwrap().len(), 2);
    let asked = ureq::post(format!("{}/v1/query", processor.url))
        .header("content-type", "application/json")
        .header("accept", "application/x-ndjson")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .send(format!("{{\"sql\": \"{SQL}\"}}"));
    assert_eq!(asked.unwrap().body_mut().read_to_string().unwrap().lines().count(), 2);
    sandbox.file("more.tl", "metric n = duration_where(!latest(on))\n");
    assert_eq!(sandbox.run(&["deploy", "more.tl", "--server", &processor.url]).code, 0);
    // A checkpoint is told while it goes on, not at its end alone.
    collector.wait_for("a checkpoint", |told| told.spans.iter().any(|span| span.name == "checkpoint"));
    processor.signal("TERM");
    let (code, stderr) = processor.ends(30);
    assert_eq!((code, count(&stderr, "the collector")), (Some(0), 0), "{stderr}");

    let told = collector.told();
    let request = told.spans.iter().find(|span| span.trace_id == bytes(TRACE) && span.parent_span_id == bytes(PARENT));
    let request = request.expect("the span of the request follows its client's");
    assert_eq!(request.name, "POST /v1/query");
    assert_eq!(whole_of(&request.attributes, "http.response.status_code"), Some(200));
    let question = told.spans.iter().find(|span| span.parent_span_id == request.span_id && span.name == "question");
    let question = question.expect("the question is a part of the request");
    assert_eq!(question.trace_id, bytes(TRACE));
    assert_eq!(text_of(&question.attributes, "db.query.text").as_deref(), Some(SQL));
    assert_eq!(whole_of(&question.attributes, "db.response.returned_rows"), Some(2));
    assert!(question.end_time_unix_nano >= question.start_time_unix_nano && question.start_time_unix_nano > 0);

    let checkpoint = told.spans.iter().find(|span| span.name == "checkpoint").expect("a checkpoint");
    assert!(text_of(&checkpoint.attributes, "timeline.source").is_some_and(|source| source.starts_with('s')));
    assert!(whole_of(&checkpoint.attributes, "timeline.epoch").is_some_and(|epoch| epoch > 0), "{checkpoint:?}");
    assert!(whole_of(&checkpoint.attributes, "timeline.bytes").is_some_and(|bytes| bytes > 0), "{checkpoint:?}");

    let is_audit = |record: &&collector::LogRecord| text_of(&record.attributes, "what").as_deref() == Some("deploy");
    let audit = told.records.iter().find(is_audit).expect("who changed what runs");
    assert_eq!(audit.severity_text, "INFO");
    // A line that is said within a request names its trace.
    let deployment = told.spans.iter().find(|span| span.name == "deploy" && span.trace_id == audit.trace_id);
    let deployment = deployment.expect("the deployment that the line speaks of");
    assert!(text_of(&deployment.attributes, "timeline.programs").is_some_and(|files| files.ends_with("more.tl")));
    for resource in &told.resources {
        assert_eq!(text_of(resource, "service.name").as_deref(), Some("timeline"));
        assert_eq!(text_of(resource, "service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert!(text_of(resource, "service.instance.id").is_some_and(|id| !id.is_empty()));
    }
}

#[test]
fn a_collector_that_comes_later_has_what_was_before() {
    let sandbox = Sandbox::new();
    // An address at which nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut processor = processor(&sandbox, &format!("http://{address}"));
    assert_eq!(processor.rows(&sandbox, SQL, &["--sync"]).unwrap().len(), 2);
    // Long enough for it to be tried more than once.
    std::thread::sleep(Duration::from_secs(2));
    let collector = Collector::start_at(&address.to_string());
    collector.wait_for("the question", |told| told.spans.iter().any(|span| span.name == "question"));
    processor.signal("TERM");
    let (code, stderr) = processor.ends(30);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(count(&stderr, "does not take"), 1, "{stderr}");
    assert_eq!(count(&stderr, "nothing was lost"), 1, "{stderr}");
    assert_eq!(count(&stderr, "the collector"), 2, "{stderr}");
}

#[test]
fn a_collector_that_is_away_holds_nothing_up_and_is_said_once() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut processor = processor(&sandbox, &url);
    for _ in 0..3 {
        assert_eq!(processor.rows(&sandbox, SQL, &["--sync"]).unwrap().len(), 2);
    }
    std::thread::sleep(Duration::from_millis(1500));
    processor.signal("TERM");
    let begun = Instant::now();
    let (code, stderr) = processor.ends(30);
    // Nobody waits for one that is known to be away.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(count(&stderr, "does not take"), 1, "{stderr}");
    assert_eq!(count(&stderr, "has not got all; lost: "), 1, "{stderr}");
    assert_eq!(count(&stderr, "lost: 0 spans"), 0, "{stderr}");
}

#[test]
fn a_collector_that_never_answers_holds_nothing_up() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut processor = processor(&sandbox, &url);
    assert_eq!(processor.rows(&sandbox, SQL, &["--sync"]).unwrap().len(), 2);
    // It has begun to send, and gets no answer.
    let (_held, _) = listener.accept().unwrap();
    let begun = Instant::now();
    assert_eq!(processor.rows(&sandbox, SQL, &[]).unwrap().len(), 2);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    processor.signal("TERM");
    let begun = Instant::now();
    let (code, stderr) = processor.ends(30);
    // The end waits three seconds for it, and stopping takes a moment itself.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(count(&stderr, "has not got all; lost: "), 1, "{stderr}");
}

/// The bytes of a number in hexadecimal.
fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
