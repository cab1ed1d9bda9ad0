//! The commands that ask a processor, against canned answers: what they print, and where.

use super::{Run, Sandbox};
use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, TimestampNanosecondArray};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

const POSITIONS: &str = "timeline-positions: [{\"partition\":\"player\",\"position\":\"a.ndjson:77\",\"watermark_ns\":1000000000},{\"partition\":\"other\",\"position\":3,\"watermark_ns\":null}]\r\n";

/// Runs a command against a server that gives these answers, one a connection; says what it was asked.
#[track_caller]
fn ask(args: &[&str], answers: &[Vec<u8>]) -> (Run, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = answers.to_vec();
    let server = thread::spawn(move || answers.iter().map(|answer| serve(&listener, answer)).collect::<Vec<String>>());
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", "metric m = duration_where(latest(s) == \"x\")");
    let run = sandbox.run(&[args, &["--server", &format!("http://{address}")]].concat());
    (run, server.join().unwrap())
}

fn serve(listener: &TcpListener, answer: &[u8]) -> String {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let mut asked = String::new();
    let mut length = 0;
    loop {
        let start = asked.len();
        reader.read_line(&mut asked).unwrap();
        let line = asked[start..].trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(n) = line.strip_prefix("content-length: ") {
            length = n.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(answer).unwrap();
    let request = asked.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    format!("{request} {}", String::from_utf8(body).unwrap()).trim_end().to_owned()
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn rows() -> Vec<u8> {
    rows_with(POSITIONS)
}

/// One row, with headers of its own.
fn rows_with(headers: &str) -> Vec<u8> {
    let value = Decimal128Array::from(vec![12_500_000_000]).with_precision_and_scale(38, 9).unwrap();
    let columns: [(&str, ArrayRef); 3] = [
        ("cdn", Arc::new(StringArray::from(vec!["C1"]))),
        ("sum", Arc::new(value)),
        ("start", Arc::new(TimestampNanosecondArray::from(vec![0]).with_timezone("UTC"))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(vec![], &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    answer("200 OK", headers, &writer.into_inner().unwrap())
}

#[test]
fn rows_go_out_and_positions_to_stderr() {
    let (run, asked) = ask(&["query", "SELECT 1", "--timeout", "2s"], &[rows()]);
    let run =
        run.expect(0, "{\"cdn\":\"C1\",\"sum\":12.5,\"start\":\"1970-01-01T00:00:00.000000000Z\",\"start_ns\":0}\n");
    assert_eq!(
        run.stderr,
        "true for 2 partitions, watermark 1970-01-01T00:00:01.000000000Z, 1 without an event yet; --positions says where each is\n"
    );
    assert_eq!(asked, [r#"POST /v1/query {"sql":"SELECT 1","sync":false,"timeout_s":2.0}"#]);
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let whole = rows();
    let begins = whole.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    // Without the mark of its end, as the last thing that comes.
    let rows = &whole[begins..whole.len() - 8];
    let head = format!("HTTP/1.1 200 OK\r\n{POSITIONS}transfer-encoding: chunked\r\n\r\n{:x}\r\n", rows.len());
    let cut = [head.as_bytes(), rows, b"\r\n"].concat();
    for format in ["table", "json", "jsonl", "csv"] {
        for asked in [["query", "SELECT 1"], ["outliers", "m"], ["queries", "--limit=9"]] {
            let (run, _) = ask(&[&asked[..], &["--format", format]].concat(), std::slice::from_ref(&cut));
            assert!(run.code == 3 && run.stderr.contains("the answer broke off: "), "{asked:?} {format}: {run:?}");
        }
    }
    let said = br#"{"status":400,"code":"invalid","message":"division by zero"}"#;
    let said = [&[0xff; 4][..], &(-(said.len() as i32)).to_le_bytes()[..], &said[..]].concat();
    let told = [&cut[..], format!("{:x}\r\n", said.len()).as_bytes(), &said[..], b"\r\n"].concat();
    let (run, _) = ask(&["query", "SELECT 1"], &[told]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.ends_with("timeline: [invalid] the answer broke off: division by zero\n"), "{}", run.stderr);
}

#[test]
fn positions_can_be_columns() {
    let (run, asked) = ask(&["outliers", "cirr", "--top", "3", "--format", "csv", "--positions"], &[rows()]);
    let run = run.expect(
        0,
        "cdn,sum,start,partition,position,watermark\n\
         C1,12.5,1970-01-01T00:00:00.000000000Z,player; other,a.ndjson:77; 3,1970-01-01T00:00:01.000000000Z; \n",
    );
    assert_eq!(run.stderr, "");
    assert_eq!(asked, ["GET /v1/outliers?name=cirr&top=3"]);
}

#[test]
fn positions_do_not_hide_columns_of_the_rows() {
    let columns: [(&str, ArrayRef); 2] =
        [("partition", Arc::new(StringArray::from(vec!["7"]))), ("position", Arc::new(StringArray::from(vec!["0:1"])))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(vec![], &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let rows = answer("200 OK", POSITIONS, &writer.into_inner().unwrap());
    let (run, _) = ask(&["query", "SELECT 1", "--format", "csv", "--positions"], &[rows]);
    run.expect(
        0,
        "partition,position,answer_partition,answer_position,watermark\n\
         7,0:1,player; other,a.ndjson:77; 3,1970-01-01T00:00:01.000000000Z; \n",
    );
}

#[test]
fn queries_are_listed_as_a_table() {
    let (run, asked) = ask(&["queries", "--format", "table"], &[rows()]);
    run.expect(
        0,
        "cdn   sum  start\n---  ----  ------------------------------\nC1   12.5  1970-01-01T00:00:00.000000000Z\n",
    );
    assert_eq!(asked, ["GET /v1/queries"]);
}

#[test]
fn a_list_that_was_cut_says_how_to_get_the_rest() {
    let of = |extent: &str| rows_with(&format!("{POSITIONS}timeline-rows: {extent}\r\n"));
    let cut = of(r#"{"offset":2,"rows":1,"of":9}"#);
    let (run, asked) = ask(&["queries", "--limit", "1", "--offset", "2"], std::slice::from_ref(&cut));
    assert_eq!((run.code, run.stderr.as_str()), (0, "timeline: 3 to 3 of 9 rows; the rest: --offset 3\n"));
    assert_eq!(asked, ["GET /v1/queries?limit=1&offset=2"]);
    let (run, asked) =
        ask(&["outliers", "cirr", "--top", "1", "--offset", "2", "--positions"], std::slice::from_ref(&cut));
    assert_eq!((run.code, run.stderr.as_str()), (0, "timeline: 3 to 3 of 9 rows; the rest: --offset 3\n"));
    assert_eq!(asked, ["GET /v1/outliers?name=cirr&top=1&offset=2"]);
    // The convention of all lists is known to this one, too.
    let (_, asked) = ask(&["outliers", "cirr", "--limit", "1"], &[cut]);
    assert_eq!(asked, ["GET /v1/outliers?name=cirr&top=1"]);
    let whole = of(r#"{"offset":0,"rows":1,"of":1}"#);
    assert_eq!(ask(&["queries"], &[whole]).0.stderr, "");
}

#[test]
fn refusals_have_their_exit_codes() {
    let check = |status: &str, body: &str, code: i32, stderr: &str| {
        let (run, _) = ask(&["drop", "m"], &[answer(status, "", body.as_bytes())]);
        assert_eq!(run.expect(code, "").stderr, stderr);
    };
    check(
        "404 Not Found",
        r#"{"code":"name","message":"no query is called `m`"}"#,
        2,
        "timeline: [name] no query is called `m`\n",
    );
    check("504 Gateway Timeout", r#"{"code":"sync","message":"not yet"}"#, 3, "timeline: [sync] not yet\n");
    check("200 OK", "{}", 0, "dropped m\n");
}

#[test]
fn deployments_are_shown_node_by_node() {
    let body = br#"{"nodes":[{"id":0,"operator":"event playerState","action":"keep"},{"id":1,"operator":"latest","action":"rebuild"}],"added":["m"]}"#;
    let (run, asked) = ask(&["deploy", "--plan", "p.tl"], &[answer("200 OK", "", body)]);
    let run = run.expect(
        0,
        "action   node  operator\n-------  ----  -----------------\nkeep     0     event playerState\nrebuild  1     latest\n",
    );
    assert_eq!(run.stderr, "m would be added\n");
    assert_eq!(
        asked,
        [
            r#"POST /v1/deploy {"programs":[{"name":"p.tl","text":"metric m = duration_where(latest(s) == \"x\")"}],"plan":true,"from":"start"}"#
        ]
    );
    let rendered = r#"{"code":"TL0001","message":"m","rendered":"error[TL0001]: m\n --> p.tl:1:1\n"}"#;
    let (run, _) = ask(&["deploy", "p.tl"], &[answer("400 Bad Request", "", rendered.as_bytes())]);
    assert_eq!(run.expect(1, "").stderr, "error[TL0001]: m\n --> p.tl:1:1\n");
}

const SESSION: &[u8] = br#"{"key":"s1","sessions":[{"start_ns":0,"end_ns":75000000000,"closed":true,"rows":[
 {"label":"playing","kind":"state<bool>","spans":[{"start_ns":0,"end_ns":8000000000,"value":false},{"start_ns":8000000000,"end_ns":75000000000,"value":true}]},
 {"label":"cirr","kind":"duration","spans":[{"start_ns":0,"end_ns":21000000000,"value":0,"slope":0},{"start_ns":21000000000,"end_ns":75000000000,"value":0,"slope":1}],
  "at":{"value":20.5,"cause":{"time_ns":21000000000,"position":7,"record":{"playerState":"buffer"}}}}],
 "events":[{"time_ns":21000000000,"text":"buffer"}]}]}"#;

#[test]
fn a_session_is_drawn() {
    let (run, asked) = ask(&["session", "s1", "--ascii"], &[answer("200 OK", "", SESSION)]);
    run.expect(
        0,
        "\
session s1, closed
playing _________#############################################################################  true
cirr    _____________________________........:::::::::---------=========+++++++++*********####  54
events                          *buffer
        +----------+----------+-----------+----------+-----------+----------+-----------+-----
        0s         10s        20s         30s        40s         50s        1m          1m10s
        from 1970-01-01T00:00:00Z to 1970-01-01T00:01:15Z, 1m15s
",
    );
    assert_eq!(asked, ["GET /v1/session?key=s1"]);
}

#[test]
fn a_session_at_an_instant_says_why() {
    let reply = answer("200 OK", "", SESSION);
    let (run, asked) = ask(&["session", "s1", "--at", "+41.5s", "--query", "cirr"], &[reply.clone(), reply]);
    run.expect(
        0,
        "\
session s1, closed
at 1970-01-01T00:00:41.500000000Z
value  since                           event                       timeline
-----  ------------------------------  --------------------------  --------
 20.5  1970-01-01T00:00:21.000000000Z  7 {\"playerState\":\"buffer\"}  cirr
",
    );
    assert_eq!(asked, ["GET /v1/session?key=s1&query=cirr", "GET /v1/session?key=s1&at=41500000000&query=cirr"]);
    // Of two sessions one was over by then.
    let both = String::from_utf8(SESSION.to_vec()).unwrap().replace(
        "\"sessions\":[",
        "\"sessions\":[{\"start_ns\":-9,\"end_ns\":-3,\"closed\":true,\"rows\":[{\"label\":\"cirr\",\"kind\":\"duration\",\"spans\":[]}],\"events\":[]},",
    );
    let (run, _) = ask(&["session", "s1", "--at", "41500000000"], &[answer("200 OK", "", both.as_bytes())]);
    assert_eq!((run.code, run.stdout.matches("session s1").count()), (0, 1), "{}", run.stdout);
    let never = both.replace("\"at\":", "\"then\":");
    let (run, _) = ask(&["session", "s1", "--at", "41500000000"], &[answer("200 OK", "", never.as_bytes())]);
    assert!(run.expect(2, "").stderr.contains("no session of `s1` was on at 1970-01-01T00:00:41.5"));
    let (run, _) = ask(&["session", "x"], &[answer("200 OK", "", br#"{"key":"x","sessions":[]}"#)]);
    assert_eq!(run.expect(2, "").stderr, "timeline: no session has the key `x`\n");
}

#[test]
fn what_is_watched_comes_as_it_changes() {
    let events = b"data: [{\"cdn\":\"C1\",\"sum\":1.5,\"t\":\"T\",\"t_ns\":1}]\n\ndata: [{\"cdn\":\"C1\",\"sum\":12,\"t\":\"T\",\"t_ns\":1}]\n\n";
    let stream = answer("200 OK", "content-type: text/event-stream\r\n", events);
    let (run, asked) = ask(&["watch", "SELECT 1", "--format", "jsonl"], std::slice::from_ref(&stream));
    let run = run.expect(
        3,
        "{\"cdn\":\"C1\",\"sum\":1.5,\"t\":\"T\",\"t_ns\":1}\n{\"cdn\":\"C1\",\"sum\":12,\"t\":\"T\",\"t_ns\":1}\n",
    );
    assert_eq!(run.stderr, "timeline: the server has ended\n");
    assert_eq!(asked, ["GET /v1/watch?sql=SELECT%201"]);
    let (run, _) = ask(&["watch", "m", "--format", "table"], &[stream]);
    run.expect(3, "cdn  sum  t\n---  ---  -\nC1   1.5  T\n\ncdn  sum  t\n---  ---  -\nC1    12  T\n\n");
}
