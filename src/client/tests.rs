//! The client against canned answers on a socket.

use super::{ProcessorClient, WaitFor};
use crate::error::Exit;
use processor::engine::Page;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

const WAIT: WaitFor = WaitFor { sync: true, timeout: Duration::from_millis(10) };

/// A server that gives one answer; what it was asked comes back from the thread.
fn server(answer: Vec<u8>) -> (ProcessorClient, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = ProcessorClient::new(format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            asked.push(byte[0]);
        }
        let head = String::from_utf8(asked).unwrap();
        let length = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(&answer).unwrap();
        head + &String::from_utf8(body).unwrap()
    });
    (client, thread)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[track_caller]
fn check_refusal(status: &str, body: &str, exit: Exit, message: &str) {
    let (client, thread) = server(answer(status, "", body.as_bytes()));
    let error = client.drop("x/y").unwrap_err();
    assert_eq!(Exit::from(&error), exit);
    assert_eq!(error.to_string(), message);
    assert!(thread.join().unwrap().starts_with("DELETE /v1/queries/x%2Fy HTTP/1.1"));
}

#[test]
fn refusals_are_the_contracts_errors() {
    check_refusal("404 Not Found", r#"{"code":"name","message":"no `x`"}"#, Exit::Usage, "[name] no `x`");
    check_refusal("409 Conflict", r#"{"code":"known","message":"m"}"#, Exit::No, "error[known]: m");
    let rendered = r#"{"code":"TL0001","message":"m","rendered":"error[TL0001]: m\n"}"#;
    check_refusal("400 Bad Request", rendered, Exit::No, "error[TL0001]: m\n");
    check_refusal("504 Gateway Timeout", r#"{"code":"sync","message":"late"}"#, Exit::Unreachable, "[sync] late");
    check_refusal("503 Service Unavailable", "busy\n", Exit::Unreachable, "busy");
    check_refusal("500 Oh", "", Exit::No, "the server failed (500 Internal Server Error): 500 Internal Server Error");
}

#[test]
fn nobody_there_is_exit_3_with_help() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ProcessorClient::new(format!("http://{address}"), None).unwrap().queries(Page::ALL).err().unwrap();
    assert_eq!(Exit::from(&error), Exit::Unreachable);
    assert!(error.to_string().contains("is `timeline serve` running"), "{error}");
    assert_eq!(Exit::from(&ProcessorClient::new("ftp://x".into(), None).err().unwrap()), Exit::Usage);
}

#[test]
fn rows_come_with_their_positions() {
    let schema = arrow::datatypes::Schema::empty();
    let body = arrow::ipc::writer::StreamWriter::try_new(vec![], &schema).unwrap().into_inner().unwrap();
    let header = "timeline-positions: [{\"partition\":\"p\",\"position\":7,\"watermark_ns\":null}]\r\n\
        timeline-notes: [{\"message\":\"two of `m\\u00e9`\",\"help\":\"one\"}]\r\n";
    let (client, thread) = server(answer("200 OK", header, &body));
    let rows = client.query("SELECT 'ü'", WAIT).unwrap();
    assert_eq!(rows.positions[0].position, 7);
    assert_eq!(rows.notes[0].message, "two of `mé`");
    assert_eq!(rows.batches().count(), 0);
    let asked = thread.join().unwrap();
    assert!(asked.ends_with(r#"{"sql":"SELECT 'ü'","sync":true,"timeout_s":0.01}"#), "{asked}");
}

/// A stream of one row, without the mark of its end.
fn begun_rows() -> Vec<u8> {
    let column: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(vec![7]));
    let batch = arrow::array::RecordBatch::try_from_iter([("n", column)]).unwrap();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(vec![], &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    std::mem::take(writer.get_mut())
}

/// An answer in chunks, and what comes behind them.
fn chunked(chunks: &[&[u8]], rest: &[u8]) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in chunks {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    [&answer[..], rest].concat()
}

/// That an answer gives one row and then this error.
#[track_caller]
fn check_broken(answer: Vec<u8>, exit: Exit, message: &str) {
    let (client, _thread) = server(answer);
    let mut batches = client.query("SELECT 1", WAIT).unwrap().batches();
    assert_eq!(batches.next().unwrap().unwrap().num_rows(), 1);
    let error = batches.next().expect("an answer that broke off has no end").unwrap_err();
    assert!(Exit::from(&error) == exit && error.to_string().starts_with(message), "{error}");
    assert!(batches.next().is_none());
}

#[test]
fn a_broken_answer_is_no_end() {
    for head in [&b"content-length: 100"[..], b"transfer-encoding: chunked"] {
        let (client, _thread) = server([b"HTTP/1.1 200 OK\r\n", head, b"\r\n\r\n"].concat());
        let error = client.query("SELECT 1", WAIT).err().unwrap();
        assert_eq!(Exit::from(&error), Exit::Unreachable, "{error}");
    }
    let rows = begun_rows();
    let broke = "the answer broke off: ";
    check_broken(chunked(&[&rows], b""), Exit::Unreachable, broke);
    check_broken(chunked(&[&rows], b"400\r\nabc"), Exit::Unreachable, broke);
    check_broken(chunked(&[&rows, &[0xff; 4]], b""), Exit::Unreachable, broke);
    let longer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", rows.len() + 8);
    check_broken([longer.as_bytes(), &rows].concat(), Exit::Unreachable, broke);
    // Whole bodies, of answers that are not.
    check_broken(chunked(&[&rows], b"0\r\n\r\n"), Exit::Unreachable, broke);
    check_broken(answer("200 OK", "", &rows), Exit::Unreachable, broke);
}

#[test]
fn what_the_server_says_of_a_broken_answer_is_its_error() {
    let check = |said: &str, exit, message: &str| {
        let length = -(said.len() as i32);
        let last = [&[0xff; 4][..], &length.to_le_bytes()[..], said.as_bytes()].concat();
        check_broken(chunked(&[&begun_rows(), &last], b""), exit, message);
    };
    let said = r#"{"status":400,"code":"invalid","message":"division by zero"}"#;
    check(said, Exit::Usage, "[invalid] the answer broke off: division by zero");
    let said = r#"{"status":503,"code":"unavailable","message":"history"}"#;
    check(said, Exit::Unreachable, "[unavailable] the answer broke off: history");
    let said = r#"{"status":500,"code":"internal","message":"m"}"#;
    check(said, Exit::No, "the server failed (500 Internal Server Error)[internal]: the answer broke off: m");
    check("{}", Exit::Unreachable, "the answer broke off: ");
}

#[test]
fn sessions_are_asked_for_by_key() {
    let body = br#"{"key":"a b","sessions":[]}"#;
    let (client, thread) = server(answer("200 OK", "", body));
    let (reply, positions) = client.session("a b&c", Some(-5), Some("cirr"), WAIT).unwrap();
    assert!(reply.sessions.is_empty() && positions.is_empty());
    let asked = thread.join().unwrap();
    assert!(asked.starts_with("GET /v1/session?key=a%20b%26c&at=-5&query=cirr&sync=true HTTP/1.1"), "{asked}");
}

#[test]
fn answers_are_watched_one_event_at_a_time() {
    let events =
        b": hello\n\ndata: [{\"b\":1,\"a\":2}]\n\nevent: x\ndata: [\ndata: ]\r\n\r\ndata: [{\"unfinished\":1}]\n";
    let (client, thread) = server(answer("200 OK", "content-type: text/event-stream\r\n", events));
    let answers: Vec<Vec<String>> = client
        .watch("name", "cirr")
        .unwrap()
        .map(|rows| rows.unwrap().iter().map(|row| row.get().to_owned()).collect())
        .collect();
    assert_eq!(answers, [vec![r#"{"b":1,"a":2}"#.to_owned()], vec![]]);
    assert!(thread.join().unwrap().starts_with("GET /v1/watch?name=cirr HTTP/1.1"));
}

#[test]
fn a_watch_ends_in_what_the_server_says() {
    let events = b"data: []\n\nevent: error\ndata: {\"status\":404,\"code\":\"not_found\",\"message\":\"no `m`\"}\n\n";
    let (client, _thread) = server(answer("200 OK", "content-type: text/event-stream\r\n", events));
    let mut watch = client.watch("name", "m").unwrap();
    assert!(watch.next().unwrap().unwrap().is_empty());
    let error = watch.next().unwrap().unwrap_err();
    assert_eq!(Exit::from(&error), Exit::Usage);
    assert_eq!(error.to_string(), "[not_found] the answer broke off: no `m`");
}
