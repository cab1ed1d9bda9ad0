//! A collector of OpenTelemetry, as far as it takes: OTLP over HTTP as Protocol Buffers, kept in memory.

pub(super) use opentelemetry_proto::tonic::logs::v1::LogRecord;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a test waits for what is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) spans: Vec<Span>,
    pub(super) records: Vec<LogRecord>,
    /// The attributes of whoever told it, of each request.
    pub(super) resources: Vec<Vec<KeyValue>>,
}

pub(super) struct Collector {
    pub(super) url: String,
    told: Arc<Mutex<Told>>,
}

impl Collector {
    pub(super) fn start() -> Collector {
        Collector::start_at("127.0.0.1:0")
    }

    pub(super) fn start_at(address: &str) -> Collector {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Told::default()));
        let all = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, all) = (stream.unwrap(), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &all));
            }
        });
        Collector { url, told }
    }

    pub(super) fn told(&self) -> Told {
        self.told.lock().unwrap().clone()
    }

    #[track_caller]
    pub(super) fn wait_for(&self, what: &str, is_told: impl Fn(&Told) -> bool) {
        let begun = Instant::now();
        while !is_told(&self.told()) {
            assert!(begun.elapsed() < PATIENCE, "{what} was not told: {:?}", self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Answers the requests of one connection until it ends.
fn serve(stream: TcpStream, told: &Mutex<Told>) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut output = stream;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            input.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap();
            }
            if name.eq_ignore_ascii_case("content-type") {
                assert_eq!(value, "application/x-protobuf");
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).unwrap();
        take(&path, &body, &mut told.lock().unwrap());
        output
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
    }
}

fn take(path: &str, body: &[u8], told: &mut Told) {
    match path {
        "/v1/traces" => {
            for of in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
                told.resources.push(of.resource.unwrap_or_default().attributes);
                told.spans.extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        "/v1/logs" => {
            for of in ExportLogsServiceRequest::decode(body).unwrap().resource_logs {
                told.resources.push(of.resource.unwrap_or_default().attributes);
                told.records.extend(of.scope_logs.into_iter().flat_map(|scope| scope.log_records));
            }
        }
        other => panic!("nothing is sent to {other}"),
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

/// An attribute that is a text.
pub(super) fn text_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    if let Value::StringValue(text) = value(attributes, key)? { Some(text.clone()) } else { None }
}

/// An attribute that is a whole number.
pub(super) fn whole_of(attributes: &[KeyValue], key: &str) -> Option<i64> {
    if let Value::IntValue(number) = value(attributes, key)? { Some(*number) } else { None }
}
