//! The server over real sockets, with an engine of known answers behind it.

use super::{Options, openapi, serve};
use crate::engine::fake::Fake;
use crate::questions::QuestionPermits;
use crate::server::{Server, Shared};
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use ureq::http::Response;
use ureq::{Agent, Body};

struct Site {
    engine: Arc<Fake>,
    agent: Agent,
    base: String,
    server: Option<Server>,
    stop: Option<oneshot::Sender<()>>,
}

impl Site {
    fn new(engine: Fake, options: Options) -> Self {
        let engine = Arc::new(engine);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server = serve(listener, engine.clone(), options, shutdown).unwrap();
        let config = Agent::config_builder().http_status_as_error(false).proxy(None).build();
        let base = format!("http://{}", server.address());
        Site { engine, agent: config.new_agent(), base, server: Some(server), stop: Some(stop) }
    }

    fn get(&self, path: &str) -> Response<Body> {
        self.agent.get(format!("{}{path}", self.base)).header("timeline-client", "1").call().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Response<Body> {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        request.send(body.to_string().as_bytes()).unwrap()
    }

    /// The events of a watch, parsed, until the server ends it.
    fn events(&self, path: &str) -> impl Iterator<Item = String> + use<> {
        let response = self.get(path);
        assert_eq!(response.status(), 200);
        let lines = BufReader::new(response.into_body().into_reader()).lines();
        lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.server.take().unwrap().join();
    }
}

fn site() -> Site {
    Site::new(Fake::default(), Options::default())
}

/// Status, and the body in JSON.
fn json_of(mut response: Response<Body>) -> (u16, Value) {
    (response.status().as_u16(), serde_json::from_reader(response.body_mut().as_reader()).unwrap())
}

fn batches_of(response: Response<Body>) -> (Vec<RecordBatch>, Value) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.apache.arrow.stream");
    let positions = response.headers()["timeline-positions"].to_str().unwrap();
    let positions = serde_json::from_str(positions).unwrap();
    (StreamReader::try_new(response.into_body().into_reader(), None).unwrap().map(Result::unwrap).collect(), positions)
}

fn row_count(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

#[track_caller]
fn check_refusal(response: Response<Body>, status: u16, code: &str, message: &str) {
    let (found, body) = json_of(response);
    assert_eq!((found, body["code"].as_str()), (status, Some(code)), "{body}");
    assert!(openapi::tests::errors().contains(&(status, code.to_owned())), "openapi.json has no {status} {code}");
    assert!(body["message"].as_str().unwrap().contains(message), "{body}");
}

#[test]
fn sessions_are_told_with_their_positions() {
    let site = site();
    let response = site.get("/v1/session?key=a%20b%26c&at=-5&query=cirr&sync=true&timeout_s=2.5");
    assert!(response.headers()["timeline-positions"].to_str().unwrap().contains("log-\\u00e9/7"));
    let (status, body) = json_of(response);
    assert_eq!((status, &body["key"], &body["at"], &body["sync"]), (200, &json!("a b&c"), &json!(-5), &json!(2.5)));
    let (_, body) = json_of(site.get("/v1/session?key=x"));
    assert_eq!((&body["at"], &body["query"], &body["sync"]), (&Value::Null, &Value::Null, &Value::Null));
    check_refusal(site.get("/v1/session?key=nobody"), 404, "not_found", "no session `nobody`");
    check_refusal(site.get("/v1/session?key=slow&sync=true"), 504, "timeout", "not read");
    check_refusal(site.get("/v1/session?key=panic"), 500, "internal", "failed");
    check_refusal(site.get("/v1/session"), 400, "invalid", "key");
    check_refusal(site.get("/v1/session?key=x&at=noon"), 400, "invalid", "at");
    check_refusal(site.get("/v1/session?key=x&timeout_s=-1"), 400, "invalid", "timeout_s");
}

#[cfg(feature = "sql")]
#[test]
fn rows_come_with_the_notes_on_them() {
    let site = Site::new(Fake::noting(), Options::default());
    let response = site.post("/v1/query", &json!({"sql": "SELECT count(*) FROM finals"}));
    let notes = r#"[{"message":"two of `\u00e9`","help":"take one"}]"#;
    assert_eq!(response.headers()["timeline-notes"], notes);
    let response = site.post("/v1/query", &json!({"sql": "SELECT count(*) FROM totals"}));
    assert_eq!((response.status().as_u16(), response.headers().get("timeline-notes")), (200, None));
}

#[test]
fn outliers_and_queries_are_rows() {
    let site = site();
    let (batches, positions) = batches_of(site.get("/v1/outliers?name=cirr&top=2&sync=false"));
    assert_eq!(row_count(&batches), 2);
    let expect = json!([{"source": "player", "partition": 0, "position": "log-é/7", "watermark_ns": 5,
        "horizon_ns": null, "epoch": 3}]);
    assert_eq!(positions, expect);
    let (batches, positions) = batches_of(site.get("/v1/queries"));
    assert_eq!((row_count(&batches), positions), (4, json!([])));
    check_refusal(site.get("/v1/queries?limit=few"), 400, "invalid", "limit");
    check_refusal(site.get("/v1/outliers?name=cirr&offset=-1"), 400, "invalid", "offset");
    check_refusal(site.get("/v1/outliers?name=x"), 404, "not_found", "no metric `x`");
}

#[test]
fn a_list_says_how_much_of_it_an_answer_is() {
    let site = site();
    let check = |path: &str, offset: usize, rows: usize, of: usize| {
        let response = site.get(path);
        let said: Value = serde_json::from_str(response.headers()["timeline-rows"].to_str().unwrap()).unwrap();
        assert_eq!(said, json!({"offset": offset, "rows": rows, "of": of}), "{path}");
        assert_eq!(row_count(&batches_of(response).0), rows, "{path}");
    };
    check("/v1/queries", 0, 4, 4);
    check("/v1/queries?limit=3", 0, 3, 4);
    check("/v1/queries?limit=3&offset=3", 3, 1, 4);
    check("/v1/queries?offset=18446744073709551615", usize::MAX, 0, 4);
    check("/v1/outliers?name=cirr", 0, 3, 3);
    check("/v1/outliers?name=cirr&top=2", 0, 2, 3);
    check("/v1/outliers?name=cirr&top=18446744073709551615&offset=2", 2, 1, 3);
    check("/v1/outliers?name=cirr&top=0", 0, 0, 3);
    // The pages of a list are the list.
    let page = |offset: usize| {
        let request = site.agent.get(format!("{}/v1/queries?limit=2&offset={offset}", site.base));
        let text = request.header("accept", "text/csv").call().unwrap().body_mut().read_to_string().unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!([page(0), page(2)].concat(), ["cirr", "cirr_plain", "score", "stuck"]);
}

#[test]
fn deployments_reach_the_engine_and_come_back() {
    let site = site();
    let program = |text: &str| json!({"programs": [{"name": "p.tl", "text": text}], "plan": true, "from": "start"});
    assert_eq!(json_of(site.post("/v1/deploy", &program("metric x"))), (200, json!({"added": ["cirr"]})));
    let response = site.agent.delete(format!("{}/v1/queries/a%2Fb", site.base)).call().unwrap();
    assert_eq!(json_of(response), (200, json!({"dropped": "a/b"})));
    let done = site.engine.done.lock().unwrap().clone();
    assert_eq!(done, [r#"[("p.tl", "metric x")] true Some("start")"#, "drop a/b"]);
    let (status, body) = json_of(site.post("/v1/deploy", &program("broken")));
    assert_eq!((status, &body["rendered"]), (400, &json!("error[TL0001]: broken\n")));
    check_refusal(site.post("/v1/deploy", &program("taken")), 409, "conflict", "another");
    let no_text = site.agent.delete(format!("{}/v1/queries/%FF", site.base)).call().unwrap();
    check_refusal(no_text, 400, "invalid", "UTF-8");
    let from = json!({"programs": [], "from": "yesterday"});
    check_refusal(site.post("/v1/deploy", &from), 400, "invalid", "yesterday");
    check_refusal(site.post("/v1/deploy", &json!({"programs": 1})), 400, "invalid", "programs");
}

#[test]
fn a_site_elsewhere_cannot_change_anything() {
    let site = site();
    // What a browser sends across sites without asking.
    let request = site.agent.post(format!("{}/v1/deploy", site.base)).content_type("text/plain");
    check_refusal(request.send(&br#"{"programs": []}"#[..]).unwrap(), 415, "media_type", "Content-Type");
    assert!(site.engine.done.lock().unwrap().is_empty());
    for (host, expect) in [
        ("evil.example", "403"),
        ("evil.example:80", "403"),
        ("127.0.0.1.evil.example", "403"),
        ("localhost:7171", "200"),
        ("127.0.0.1:9", "200"),
        ("[::1]:9", "200"),
    ] {
        let mut stream = TcpStream::connect(site.base.strip_prefix("http://").unwrap()).unwrap();
        write!(stream, "GET /v1/status HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expect}")), "{host}: {answer}");
    }
}

#[test]
fn its_state_is_told_to_people_and_machines() {
    let site = site();
    let (status, body) = json_of(site.get("/v1/status"));
    assert_eq!((status, &body["partitions"][0]["events"]), (200, &json!(1000)));
    assert_eq!(site.get("/healthz").body_mut().read_to_string().unwrap(), "ok\n");
    let metrics = site.get("/metrics").body_mut().read_to_string().unwrap();
    let expect = "# HELP timeline_events_total Events accepted.\n# TYPE timeline_events_total counter\n\
                  timeline_events_total{source=\"play\\\"er\",partition=\"0\"} 1000\n";
    assert!(metrics.contains(expect), "{metrics}");
    assert!(metrics.contains("timeline_checkpoints_total") && !metrics.contains("timeline_lag_bytes"), "{metrics}");
    let page = site.get("/").body_mut().read_to_string().unwrap();
    assert!(page.contains("/v1/watch?name=totals") && !page.contains("src=") && !page.contains("http"), "{page}");
    let description = site.get("/openapi.json");
    assert_eq!(description.headers()["content-type"], "application/json");
    assert_eq!(json_of(description).1["openapi"], json!("3.1.0"));
    check_refusal(site.get("/v1/nothing"), 404, "not_found", "nothing");
    check_refusal(site.get("/v1/query"), 405, "method", "another way");
}

#[test]
fn a_name_is_watched_without_sql() {
    let mut site = site();
    let mut events = site.events("/v1/watch?name=cirr&interval_ms=50");
    let c2 = r#"{"metric":"cirr","cdn":"C2","count":1,"sum":5,"avg":5}"#;
    let c1 = |sum| format!(r#"{{"metric":"cirr","cdn":"C1","count":1,"sum":{sum},"avg":12}}"#);
    assert_eq!(events.next().unwrap(), format!("[{},{c2}]", c1("12")));
    // Some looks see no change.
    std::thread::sleep(Duration::from_millis(200));
    site.engine.sum_ns.store(1, Ordering::SeqCst);
    assert_eq!(events.next().unwrap(), format!("[{},{c2}]", c1("12.000000001")));
    let looks = site.engine.asked.lock().unwrap().len();
    assert!(looks >= 3, "{looks} looks");

    let finals = site.events("/v1/watch?name=cirr_plain").next().unwrap();
    let first = r#"{"session":"s1","metric":"cirr_plain","deviceType":"tv","value":12,"start":"2023-11-14T22:13:20.000000000Z","#;
    assert!(finals.starts_with(&format!("[{first}")), "{finals}");
    assert!(finals.contains(r#""end_ns":1700000060000000000,"closed":true}"#), "{finals}");
    let score = site.events("/v1/watch?name=score").next().unwrap();
    assert_eq!(score, r#"[{"metric":"score","count":7,"sum":0.5}]"#);
    let alert = site.events("/v1/watch?name=stuck").next().unwrap();
    assert_eq!(alert, r#"[{"session":"s1","alert":"stuck"}]"#);
    assert_eq!(site.events("/v1/watch?name=totals").next().unwrap().matches("metric").count(), 3);
    check_refusal(site.get("/v1/watch?name=x"), 404, "not_found", "no metric or alert `x`");
    check_refusal(site.get("/v1/watch"), 400, "invalid", "one thing");
    check_refusal(site.get("/v1/watch?name=x&sql=SELECT"), 400, "invalid", "one thing");

    site.stop();
    assert_eq!(events.next(), None, "the end of the server is the end of what it tells");
}

#[test]
fn past_rows_are_watched_too_up_to_a_bound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("past");
    let past = crate::engine::fake::finals(&[("past", 7, true)]);
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, past.schema(), None).unwrap();
    writer.write(&past).unwrap();
    writer.close().unwrap();
    let engine = || Fake { files: vec![path.clone()], ..Fake::default() };
    let site = Site::new(engine(), Options { watch_rows_max: 3, ..Options::default() });
    let rows = site.events("/v1/watch?name=cirr_plain").next().unwrap();
    assert_eq!(rows.matches("session").count(), 3, "{rows}");
    let site = Site::new(engine(), Options { watch_rows_max: 2, ..Options::default() });
    check_refusal(site.get("/v1/watch?name=cirr_plain"), 400, "invalid", "more than 2 rows");
    std::fs::remove_file(&path).unwrap();
    check_refusal(site.get("/v1/watch?name=cirr_plain"), 503, "unavailable", "history");
}

#[test]
fn bounds_hold() {
    let options = Options {
        shared: Shared::of_turns(QuestionPermits::new(1).waiting(Duration::from_millis(50))),
        body_bytes_max: 100,
        header_time_max: Duration::from_millis(200),
        ..Options::default()
    };
    let site = Site::new(Fake { snapshot_takes: Duration::from_millis(600), ..Fake::default() }, options);
    let big = json!({"sql": "x".repeat(200)});
    check_refusal(site.post("/v1/query", &big), 413, "too_large", "");
    check_refusal(site.post("/v1/peer/answers", &big), 413, "too_large", "");

    // A head that never ends.
    let mut slow = TcpStream::connect(site.base.strip_prefix("http://").unwrap()).unwrap();
    slow.write_all(b"GET /v1/status HTTP/1.1\r\n").unwrap();
    let begun = Instant::now();
    let _ = slow.read_to_end(&mut vec![]);
    assert!(begun.elapsed() < Duration::from_secs(5));

    // One question at a time: the others are told, and what is no question still is answered.
    let watching = std::thread::scope(|scope| {
        let first = scope.spawn(|| site.get("/v1/watch?name=cirr").status());
        while site.engine.busy.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        check_refusal(site.get("/v1/queries"), 503, "unavailable", "ask again");
        assert_eq!(site.get("/v1/status").status(), 200);
        first.join().unwrap()
    });
    assert_eq!(watching, 200);
    assert_eq!(site.engine.busy_max.load(Ordering::SeqCst), 1);
}

/// A connection of one's own, on which nothing has been said yet.
fn connect(site: &Site) -> TcpStream {
    let stream = TcpStream::connect(site.base.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// What still comes on a connection until it ends, and how long that took.
fn rest(stream: &mut TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut rest = vec![];
    // One that is reset has said all that it will.
    let _ = stream.read_to_end(&mut rest);
    (String::from_utf8_lossy(&rest).into_owned(), begun.elapsed())
}

const HALF_A_HEAD: &[u8] = b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\n";

#[test]
fn whoever_asks_nothing_makes_room_for_those_who_ask() {
    let hour = Duration::from_secs(3600);
    let options = Options {
        connections_max: 8,
        connections_per_client_max: 8,
        reserved_max: 1,
        header_time_max: hour,
        idle_time_max: hour,
        ..Options::default()
    };
    let site = Site::new(Fake::default(), options);
    let mut crowd: Vec<TcpStream> = vec![];
    for n in 0..40 {
        let mut stream = connect(&site);
        if n % 2 == 0 {
            stream.write_all(HALF_A_HEAD).unwrap();
        }
        crowd.push(stream);
    }
    // An idle one, whose client has asked before, is nearer to being served than those who have said nothing.
    assert_eq!(site.get("/v1/status").status(), 200);
    for path in ["/healthz", "/v1/status"] {
        let mut stream = connect(&site);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let (answer, took) = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    // Those that came first are gone.
    let (said, took) = rest(&mut crowd[0]);
    assert!(said.is_empty() && took < Duration::from_secs(5), "{said} after {took:?}");
}

#[test]
fn where_all_are_at_work_health_is_told_and_the_others_are_told_so() {
    let options = Options {
        connections_max: 2,
        connections_per_client_max: 2,
        shared: Shared::of_turns(QuestionPermits::new(2)),
        ..Options::default()
    };
    let site = Site::new(Fake { snapshot_takes: Duration::from_secs(2), ..Fake::default() }, options);
    std::thread::scope(|scope| {
        let busy = [0, 1].map(|_| {
            scope.spawn(|| {
                let request = b"GET /v1/watch?name=cirr HTTP/1.1\r\nhost: localhost\r\n\r\n";
                let mut stream = connect(&site);
                stream.write_all(request).unwrap();
                let mut answer = [0; 15];
                stream.read_exact(&mut answer).unwrap();
                String::from_utf8_lossy(&answer).into_owned()
            })
        });
        while site.engine.busy.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        let ask = |path: &str| {
            let mut stream = connect(&site);
            write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            let mut some = vec![0; 600];
            let n = stream.read(&mut some).unwrap();
            String::from_utf8_lossy(&some[..n]).into_owned()
        };
        let status = ask("/v1/status");
        assert!(status.starts_with("HTTP/1.1 503") && status.contains("\"busy\""), "{status}");
        assert!(status.contains("retry-after: 1") && status.contains("connection: close"), "{status}");
        let health = ask("/healthz");
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        for answer in busy {
            assert_eq!(answer.join().unwrap(), "HTTP/1.1 200 OK");
        }
    });
}

#[test]
fn every_phase_of_a_request_has_its_limit() {
    let short = Duration::from_millis(200);
    let long = Duration::from_secs(3600);
    let limits = |phase: &str| {
        let of = |name: &str| if name == phase { short } else { long };
        Options {
            header_time_max: of("head"),
            body_time_max: of("body"),
            idle_time_max: of("idle"),
            write_time_max: of("write"),
            ..Options::default()
        }
    };
    let soon = Duration::from_secs(5);

    // Nothing at all, half a head, and a head that comes letter by letter.
    let site = Site::new(Fake::default(), limits("head"));
    let mut silent = connect(&site);
    let mut half = connect(&site);
    half.write_all(HALF_A_HEAD).unwrap();
    let mut slow = connect(&site);
    let begun = Instant::now();
    while slow.write_all(b"G").is_ok() {
        assert!(begun.elapsed() < soon, "a head that comes slowly is waited for");
        std::thread::sleep(Duration::from_millis(20));
    }
    for stream in [&mut silent, &mut half] {
        let (said, took) = rest(stream);
        assert!(said.is_empty() && took < soon, "{said} after {took:?}");
    }

    // Half a body.
    let site = Site::new(Fake::default(), limits("body"));
    let mut half = connect(&site);
    let head = "POST /v1/deploy HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    write!(half, "{head}content-length: 99\r\n\r\n{{\"programs\": [").unwrap();
    let (said, took) = rest(&mut half);
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("\"slow\""), "{said}");
    assert!(said.contains("within 0.2 s") && took < soon, "{said} after {took:?}");
    assert!(site.engine.done.lock().unwrap().is_empty());
    // One that is whole has no limit on its answer.
    let program = json!({"programs": [{"name": "p.tl", "text": "metric x"}], "plan": true, "from": "start"});
    assert_eq!(site.post("/v1/deploy", &program).status(), 200);

    // A question, and then silence.
    let site = Site::new(Fake::default(), limits("idle"));
    let mut idle = connect(&site);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let (said, took) = rest(&mut idle);
    assert!(said.ends_with("ok\n") && took < soon, "{said} after {took:?}");
}

#[test]
fn a_watcher_that_is_gone_is_not_served() {
    let site = site();
    drop(site.events("/v1/watch?name=cirr&interval_ms=50").next());
    let quiet = |site: &Site| {
        let before = site.engine.asked.lock().unwrap().len();
        std::thread::sleep(Duration::from_millis(300));
        site.engine.asked.lock().unwrap().len() == before
    };
    let end = Instant::now() + Duration::from_secs(10);
    while !quiet(&site) {
        assert!(Instant::now() < end, "it is still asked for");
    }
}

#[cfg(not(feature = "sql"))]
#[test]
fn a_lean_build_says_what_it_lacks() {
    let site = site();
    check_refusal(site.post("/v1/query", &json!({"sql": "SELECT 1"})), 400, "invalid", "no SQL");
    check_refusal(site.get("/v1/watch?sql=SELECT%201"), 400, "invalid", "no SQL");
}

#[cfg(feature = "sql")]
mod with_sql {
    use super::*;

    #[test]
    fn questions_are_answered_with_rows() {
        let site = site();
        let question =
            json!({"sql": "SELECT cdn, sum FROM totals WHERE metric = 'cirr'", "sync": true, "timeout_s": 9});
        let (batches, positions) = batches_of(site.post("/v1/query", &question));
        assert_eq!((row_count(&batches), positions[0]["position"].as_str()), (2, Some("log-é/7")));
        assert_eq!(site.engine.asked.lock().unwrap()[0].1, Some(Duration::from_secs(9)));
        let (batches, _) = batches_of(site.post("/v1/query", &json!({"sql": "SELECT 1 WHERE false"})));
        assert_eq!(row_count(&batches), 0);
        let (batches, _) = batches_of(site.post("/v1/query", &json!({"sql": "SELECT * FROM range(0, 100000)"})));
        assert_eq!(row_count(&batches), 100_000);
        let ask = |sql: &str| site.post("/v1/query", &json!({"sql": sql}));
        check_refusal(ask("SELECT * FROM total"), 404, "not_found", "did you mean `totals`");
        check_refusal(ask("DROP TABLE totals"), 400, "invalid", "can only be read");
        check_refusal(ask("SELECT 1 / (count - count) FROM totals"), 400, "invalid", "zero");
        check_refusal(site.post("/v1/query", &json!({"query": "SELECT 1"})), 400, "invalid", "sql");
        // It takes time and no memory, which would be another refusal.
        let slow = "SELECT max(value % 7) FROM range(0, 1000000000000)";
        check_refusal(site.post("/v1/query", &json!({"sql": slow, "timeout_s": 0.3})), 504, "timeout", "too long");
        let metrics = site.get("/metrics").body_mut().read_to_string().unwrap();
        assert!(metrics.contains("timeline_question_seconds_count{wire=\"http\"} "), "{metrics}");
    }

    #[test]
    fn rows_come_in_the_format_that_is_accepted() {
        let site = site();
        let sql = json!({"sql": "SELECT session, value, start FROM finals ORDER BY session"});
        let ask = |accept: &str, body: &Value| {
            let request = site.agent.post(format!("{}/v1/query", site.base)).content_type("application/json");
            request.header("accept", accept).send(body.to_string().as_bytes()).unwrap()
        };
        let text = |accept: &str, body: &Value| {
            let mut response = ask(accept, body);
            assert_eq!(response.status(), 200);
            assert!(response.headers().contains_key("timeline-positions"));
            let media = response.headers()["content-type"].to_str().unwrap().to_owned();
            (media, response.body_mut().read_to_string().unwrap())
        };
        let (media, json) = text("application/json", &sql);
        let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
        assert_eq!((media.as_str(), rows.len(), &rows[0]["value"]), ("application/json", 2, &json!(12)));
        assert_eq!(rows[0]["start_ns"], json!(1_700_000_000_000_000_000_i64));
        let (media, csv) = text("text/csv", &sql);
        assert!(media.starts_with("text/csv"), "{media}");
        assert!(csv.starts_with("session,value,start\ns1,12,2023-11-14T22:13:20.000000000Z\ns2,5,"), "{csv}");
        let (_, lines) = text("application/x-ndjson", &sql);
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        let none = json!({"sql": "SELECT session FROM finals WHERE false"});
        assert_eq!(text("application/json", &none).1, "[]\n");
        assert_eq!(text("text/csv", &none).1, "session\n");
        assert_eq!(batches_of(ask("*/*", &sql)).0.len(), 1);
        check_refusal(ask("text/html", &sql), 406, "format", "TL3010");
        let broken = json!({"sql": "SELECT 1 / (value - 50000) FROM range(0, 100000)"});
        let mut body = vec![];
        assert!(ask("application/json", &broken).into_body().into_reader().read_to_end(&mut body).is_err());
    }

    #[test]
    fn a_page_of_another_site_asks_nothing() {
        let site = site();
        let get = |path: &str, name: &str, value: &str| {
            site.agent.get(format!("{}{path}", site.base)).header(name, value).call().unwrap()
        };
        let watch = "/v1/watch?sql=SELECT%201";
        // A picture's address, by a browser that says where it comes from and by one that does not.
        check_refusal(get(watch, "sec-fetch-site", "cross-site"), 403, "foreign", "TL3009");
        check_refusal(get(watch, "accept", "image/png"), 403, "foreign", "TL3009");
        check_refusal(get("/v1/watch?name=cirr", "sec-fetch-site", "cross-site"), 403, "foreign", "TL3009");
        check_refusal(get("/v1/status", "origin", "http://elsewhere.example"), 403, "foreign", "TL3009");
        for open in ["/", "/openapi.json"] {
            assert_eq!(get(open, "sec-fetch-site", "cross-site").status(), 200, "{open}");
        }
        assert_eq!(get("/v1/watch?name=cirr", "sec-fetch-site", "same-origin").status(), 200);
        assert!(site.engine.asked.lock().unwrap().iter().all(|(tables, _)| tables == &["totals"]));
    }

    #[test]
    fn an_answer_that_fails_half_way_breaks_off() {
        let site = site();
        // The division fails in a later batch than the first.
        let sql = "SELECT 1 / (value - 50000) FROM range(0, 100000)";
        let response = site.post("/v1/query", &json!({"sql": sql}));
        assert_eq!(response.status(), 200);
        let mut body = vec![];
        assert!(response.into_body().into_reader().read_to_end(&mut body).is_err());
        // Why stands behind the rows, as a message that is none to any reader of Arrow.
        let begins = body.windows(2).rposition(|two| two == b"{\"").expect("an object in JSON");
        let said: Value = serde_json::from_slice(&body[begins..]).unwrap();
        assert_eq!((&said["status"], &said["code"]), (&json!(400), &json!("invalid")), "{said}");
        assert!(said["message"].as_str().unwrap().contains("zero"), "{said}");
        let (mark, length) = body[begins - 8..begins].split_at(4);
        assert_eq!(
            (mark, i32::from_le_bytes(length.try_into().unwrap())),
            (&[0xff; 4][..], begins as i32 - body.len() as i32)
        );
        let mut read = StreamReader::try_new(body.as_slice(), None).unwrap();
        assert!(read.next().unwrap().is_ok() && read.any(|batch| batch.is_err()));
    }

    #[test]
    fn a_question_that_cannot_be_watched_any_more_says_why() {
        let site = site();
        let sql = "SELECT%20*%20FROM%20totals%20WHERE%20sum%20%3E%201";
        let response = site.get(&format!("/v1/watch?interval_ms=50&sql={sql}"));
        let mut lines = BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok);
        assert!(lines.next().unwrap().starts_with("data: ["));
        site.engine.is_without_totals.store(true, Ordering::SeqCst);
        let said = lines.find(|line| line.starts_with("event:")).map(|event| (event, lines.next().unwrap()));
        let (event, data) = said.expect("an error before the end");
        assert_eq!(event, "event: error");
        let said: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!((&said["status"], &said["code"]), (&json!(404), &json!("not_found")), "{said}");
        assert_eq!(lines.next().as_deref(), Some(""));
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn a_reader_that_does_not_read_frees_its_turn_and_its_place() {
        let options = Options {
            shared: Shared::of_turns(QuestionPermits::new(1)),
            write_time_max: Duration::from_millis(300),
            ..Options::default()
        };
        let site = Site::new(Fake::default(), options);
        let body = json!({"sql": "SELECT * FROM range(0, 1000000000000)"}).to_string();
        let mut stream = connect(&site);
        let head = "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        stream.read_exact(&mut [0; 15]).unwrap();
        let begun = Instant::now();
        let (batches, _) = batches_of(site.post("/v1/query", &json!({"sql": "SELECT 1"})));
        assert_eq!(row_count(&batches), 1);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        drop(stream);
    }

    #[test]
    fn a_client_that_is_gone_frees_its_turn() {
        let site = Site::new(
            Fake::default(),
            Options { shared: Shared::of_turns(QuestionPermits::new(1)), ..Options::default() },
        );
        let endless = json!({"sql": "SELECT * FROM range(0, 1000000000000)"});
        // Once before the first rows, once in the midst of them.
        // It takes time and no memory, which would be another refusal.
        let slow = "SELECT max(value % 7) FROM range(0, 1000000000000)";
        let body = json!({"sql": slow}).to_string();
        let mut stream = TcpStream::connect(site.base.strip_prefix("http://").unwrap()).unwrap();
        let head = "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        drop(stream);
        let mut some = [0; 1000];
        site.post("/v1/query", &endless).into_body().into_reader().read_exact(&mut some).unwrap();
        let (batches, _) = batches_of(site.post("/v1/query", &json!({"sql": "SELECT 1"})));
        assert_eq!(row_count(&batches), 1);
    }

    #[test]
    fn a_question_is_watched() {
        let site = site();
        let sql = "SELECT%20cdn%2C%20sum%20FROM%20totals%20WHERE%20sum%20%3E%2010";
        let mut events = site.events(&format!("/v1/watch?interval_ms=50&sql={sql}"));
        assert_eq!(events.next().unwrap(), r#"[{"cdn":"C1","sum":12}]"#);
        site.engine.sum_ns.store(500_000_000, Ordering::SeqCst);
        assert_eq!(events.next().unwrap(), r#"[{"cdn":"C1","sum":12.5}]"#);
        site.engine.sum_ns.store(-5_000_000_000, Ordering::SeqCst);
        assert_eq!(events.next().unwrap(), "[]");
        check_refusal(site.get("/v1/watch?sql=SELECT%20x%20FROM%20totals"), 400, "invalid", "no column `x`");
    }
}
