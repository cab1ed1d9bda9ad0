//! Questions that mean harm, or do it without meaning to: whatever is asked, the processor goes on.
//!
//! Each is asked of a real `serve` over HTTP. It must be answered, or refused with a code, within its time; afterwards the
//! processor says that it is well, and at the end it has counted every event that came meanwhile.

mod functions;

use serde_json::{Value as Json, json};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use ureq::Agent;

const PROGRAM: &str = "source s { key k  time t in s  b: bool  cdn: string }\n\
                       metric m = duration_where(latest(b)) split by latest(cdn) | aggregate(group_by(cdn), count, sum)\n";

/// A processor on a small log that grows, and is killed when it is dropped.
struct Site {
    child: Child,
    base: String,
    agent: Agent,
    log: File,
    events: u64,
    _dir: tempfile::TempDir,
}

/// What came of a question.
#[derive(Debug)]
enum Outcome {
    Rows(Vec<Json>),
    Refused(String),
}

impl Site {
    fn start() -> Site {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("p.tl"), PROGRAM).unwrap();
        let log = OpenOptions::new().create(true).append(true).open(dir.path().join("log.ndjson")).unwrap();
        let mut command = Command::new(crate::served::TIMELINE);
        command.current_dir(dir.path()).args(["serve", "p.tl", "--state", "state", "--listen", "127.0.0.1:0"]);
        command.args(["--source", "file:log.ndjson"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.split_whitespace().find(|word| word.starts_with("http://")).expect("it serves");
        let base = base.trim_end_matches(',').to_owned();
        let config = Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = config.timeout_global(Some(Duration::from_secs(100))).build().new_agent();
        let mut site = Site { child, base, agent, log, events: 0, _dir: dir };
        site.grow();
        site
    }

    /// One more session comes.
    fn grow(&mut self) {
        let n = self.events;
        writeln!(self.log, r#"{{"k":"k{n}","t":{n},"b":true,"cdn":"C{}"}}"#, n % 3).unwrap();
        self.events += 1;
    }

    fn ask_for(&self, sql: &str, seconds: f64) -> Outcome {
        let body = json!({"sql": sql, "timeout_s": seconds}).to_string();
        let request = self.agent.post(format!("{}/v1/query", self.base)).content_type("application/json");
        let mut response = request.header("accept", "application/json").send(body.as_bytes()).expect("an answer");
        let text = response.body_mut().with_config().limit(1 << 30).read_to_string();
        if response.status() == 200 {
            // One that breaks off has been said to break off.
            return text.map_or(Outcome::Refused("broken off".into()), |text| {
                Outcome::Rows(serde_json::from_str(&text).expect("an array of rows"))
            });
        }
        let error: Json = serde_json::from_str(&text.unwrap()).expect("an error in JSON");
        Outcome::Refused(error["message"].as_str().expect("a message").to_owned())
    }

    fn ask(&self, sql: &str) -> Outcome {
        self.ask_for(sql, 60.0)
    }

    /// Holds it to being well, at once.
    #[track_caller]
    fn is_well(&self, after: &str) {
        for path in ["/healthz", "/v1/status"] {
            let begun = Instant::now();
            let answer = self.agent.get(format!("{}{path}", self.base)).call();
            let status = answer.unwrap_or_else(|error| panic!("{path} after {after}: {error}")).status();
            assert!(status == 200 && begun.elapsed() < Duration::from_secs(5), "{path} after {after}: {status}");
        }
    }

    /// Holds it to having counted every event that came.
    fn counts_all(&self) {
        let body = json!({"sql": "SELECT count(*) AS n FROM finals", "sync": true}).to_string();
        let request = self.agent.post(format!("{}/v1/query", self.base)).content_type("application/json");
        let mut response = request.header("accept", "application/json").send(body.as_bytes()).unwrap();
        let rows: Json = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!(rows[0]["n"], json!(self.events), "{rows}");
    }

    /// The processes that it has started.
    fn children(&self) -> Vec<u32> {
        let path = format!("/proc/{0}/task", self.child.id());
        let threads = std::fs::read_dir(path).into_iter().flatten().flatten();
        let of =
            |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        threads.map(of).flat_map(|text| text.split_whitespace().flat_map(str::parse).collect::<Vec<u32>>()).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of the texts below those that are not refused for their size before they are planned.
const PLANNED: [&str; 2] = ["AND", "INTERSECT"];

fn joined(count: usize, between: &str, of: impl Fn(usize) -> String) -> String {
    (0..count).map(of).collect::<Vec<_>>().join(between)
}

#[test]
fn no_text_ends_the_processor() {
    let mut site = Site::start();
    let with = |count: usize, of: &dyn Fn(usize) -> String| {
        let tables = joined(count, ", ", |i| format!("c{} AS ({})", i + 1, of(i)));
        format!("WITH c0 AS (SELECT cdn FROM totals), {tables} SELECT count(*) FROM c{count}")
    };
    let cases: Vec<(&str, String)> = vec![
        ("sums", format!("SELECT {}", joined(1_700, "+", |_| "1".into()))),
        ("many sums", format!("SELECT {}", joined(100_000, "+", |_| "1".into()))),
        ("AND", format!("SELECT * FROM totals WHERE {}", joined(1_700, " AND ", |i| format!("count > -{i}")))),
        ("||", format!("SELECT {}", joined(1_700, "||", |_| "cdn".into()) + " FROM totals")),
        ("60 000 ||", format!("SELECT {}", joined(60_000, "||", |_| "'a'".into()))),
        ("casts", format!("SELECT 1{}", "::int".repeat(1_700))),
        ("IS NULL", format!("SELECT 1 {}", "IS NULL ".repeat(1_700))),
        ("AT TIME ZONE", format!("SELECT now() {}", "AT TIME ZONE 'UTC' ".repeat(1_700))),
        ("NOT", format!("SELECT {} true", "NOT ".repeat(1_700))),
        ("minus", format!("SELECT {} 1", "- ".repeat(1_700))),
        ("brackets", format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000))),
        ("CASE", format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(1_000), " END".repeat(1_000))),
        ("880 WITH", with(880, &|i| format!("SELECT cdn FROM c{i}"))),
        ("30 doubled WITH", with(30, &|i| format!("SELECT a.cdn FROM c{i} a JOIN c{i} b ON a.cdn = b.cdn"))),
        ("40 doubled WITH", with(40, &|i| format!("SELECT a.cdn FROM c{i} a, c{i} b"))),
        ("INTERSECT", joined(320, " INTERSECT ", |_| "SELECT cdn FROM totals".into())),
        ("UNION ALL", joined(2_700, " UNION ALL ", |i| format!("SELECT {i}"))),
        ("subqueries", format!("SELECT * FROM {}totals{}", "(SELECT * FROM ".repeat(400), ")".repeat(400))),
        ("joins", format!("SELECT count(*) FROM {}", joined(600, ", ", |i| format!("totals t{i}")))),
    ];
    for (name, sql) in &cases {
        let begun = Instant::now();
        let outcome = site.ask_for(sql, 10.0);
        println!("{name}: {:?} {:.120}", begun.elapsed(), format!("{outcome:?}"));
        if let Outcome::Refused(message) = &outcome {
            assert!(message.starts_with("[TL30"), "{name}: {message}");
        }
        if !PLANNED.contains(name) {
            let Outcome::Refused(message) = &outcome else { panic!("{name} is planned") };
            let is_bounded = message.starts_with("[TL3001]") || message.starts_with("[TL3002]");
            assert!(is_bounded && begun.elapsed() < Duration::from_secs(5), "{name}: {:?} {message}", begun.elapsed());
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} took {:?}", begun.elapsed());
        site.is_well(name);
        site.grow();
    }
    site.counts_all();
}

#[test]
fn what_tools_write_is_answered() {
    let site = Site::start();
    let answered = |sql: String| match site.ask(&sql) {
        Outcome::Rows(rows) => rows.len(),
        Outcome::Refused(message) => panic!("{sql:.60}: {message}"),
    };
    let list = joined(5_000, ", ", |i| format!("'C{i}'"));
    assert_eq!(answered(format!("SELECT cdn FROM totals WHERE cdn IN ({list})")), 1);
    let any = joined(2_020, " OR ", |i| format!("cdn = 'C{i}'"));
    assert_eq!(answered(format!("SELECT cdn FROM totals WHERE {any}")), 1);
    // Lists in place of single values, by hundreds of columns of a page; null is in none and not in none.
    let lists = joined(2_500, " OR ", |i| format!("(cdn IN ('C{i}', 'D{i}'))"));
    assert_eq!(answered(format!("SELECT cdn FROM totals WHERE {lists}")), 1);
    let lists = joined(2_500, " OR ", |i| format!("a IN ({i}, -{i})"));
    let rows = "FROM (VALUES (1), (9000), (NULL)) v(a) WHERE";
    assert_eq!(answered(format!("SELECT a {rows} {lists}")), 1);
    assert_eq!(answered(format!("SELECT a {rows} NOT ({lists})")), 1);
    let lists = joined(2_500, " AND ", |i| format!("a NOT IN ({i}, -{i})"));
    assert_eq!(answered(format!("SELECT a {rows} {lists}")), 1);
    let lists = joined(1_000, " OR ", |i| format!("(cdn IN ('C{i}') AND count IN ({i}, 1))"));
    assert_eq!(answered(format!("SELECT cdn FROM totals WHERE {lists}")), 1);
    let values = joined(5_000, ", ", |i| format!("({i}, 'C{i}')"));
    assert_eq!(answered(format!("SELECT n FROM totals JOIN (VALUES {values}) AS v(n, name) ON cdn = name")), 1);
    let none = |sql: &str| answered(sql.to_owned());
    assert_eq!(
        (none("SELECT cdn FROM totals WHERE false"), none("SELECT * FROM spans")),
        (0, 0),
        "no row is an answer"
    );
    // What is less than the bounds is planned in its time.
    let all = joined(2_000, " AND ", |i| format!("count > -{i}"));
    assert_eq!(answered(format!("SELECT cdn FROM totals WHERE {all}")), 1);
    assert_eq!(answered(format!("SELECT {} AS t FROM totals", joined(250, " || ", |_| "cdn".into()))), 1);
    assert_eq!(answered(format!("SELECT {} AS n FROM totals", joined(250, " + ", |_| "count".into()))), 1);
    assert_eq!(answered(joined(300, " UNION ALL ", |i| format!("SELECT {i} AS n FROM totals"))), 300);
    let with = joined(60, ", ", |i| format!("c{} AS (SELECT cdn FROM c{i})", i + 1));
    assert_eq!(answered(format!("WITH c0 AS (SELECT cdn FROM totals), {with} SELECT cdn FROM c60")), 1);
    let columns = joined(500, ", ", |i| format!("sum + {i} AS s{i}"));
    assert_eq!(answered(format!("SELECT {columns} FROM totals")), 1);
}

#[test]
fn memory_beyond_the_limit_is_refused_with_a_code() {
    let mut site = Site::start();
    for sql in [
        "SELECT length(repeat('a', 2000000000))",
        "SELECT repeat('a', 2000000000)",
        "SELECT lpad('a', 2000000000, 'b')",
        "SELECT rpad('a', 2000000000, 'b')",
        "SELECT length(concat(repeat('a', 400000000), repeat('b', 400000000), repeat('c', 400000000)))",
        "SELECT array_repeat(1, 2000000000)",
        "SELECT sum(length(repeat('ab', 100000 + value))) FROM range(0, 20000)",
        "SELECT value, count(*) FROM range(0, 100000000) GROUP BY value ORDER BY 2, 1",
    ] {
        match site.ask_for(sql, 20.0) {
            Outcome::Refused(message) => assert!(message.starts_with("[TL30"), "{sql}: {message}"),
            // What fits is answered; none of these takes more than a process may have.
            Outcome::Rows(rows) => println!("{sql}: {} rows", rows.len()),
        }
        site.is_well(sql);
        site.grow();
    }
    let Outcome::Refused(message) = site.ask("SELECT repeat('a', 2000000000)") else { panic!("2 GB were answered") };
    assert!(message.starts_with("[TL3003]") && message.contains("help:"), "{message}");
    site.counts_all();
}

const ENDLESS: &str =
    // It holds no rows, so that time ends it and not memory.
    "SELECT count(*) FROM range(0, 1000000000000) a WHERE sin(a.value) > 2";

/// Clock ticks that a process has run for; none if it is gone.
fn ticks(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    if fields[0] == "Z" {
        return None;
    }
    Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
}

#[test]
fn a_question_ends_with_its_time_and_with_its_client() {
    let site = Site::start();
    let begun = Instant::now();
    let Outcome::Refused(message) = site.ask_for(ENDLESS, 1.0) else { panic!("it ended") };
    assert!(message.starts_with("[TL3004]"), "{message}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // A client that goes away in the midst of it, several times.
    for _ in 0..3 {
        let body = json!({"sql": ENDLESS}).to_string();
        let mut stream = TcpStream::connect(site.base.strip_prefix("http://").unwrap()).unwrap();
        let head = "POST /v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        drop(stream);
    }
    let idle = || {
        let before: Vec<_> = site.children().into_iter().map(|pid| (pid, ticks(pid))).collect();
        std::thread::sleep(Duration::from_millis(500));
        before.iter().all(|(pid, ticks_before)| ticks(*pid).is_none_or(|now| Some(now) == *ticks_before))
    };
    let end = Instant::now() + Duration::from_secs(10);
    while !idle() {
        assert!(Instant::now() < end, "a process still works at a question of nobody");
    }
    site.is_well("clients that went away");
}

#[test]
fn the_processor_ends_with_questions_at_work_and_leaves_no_process_behind() {
    let mut site = Site::start();
    let url = format!("{}/v1/query", site.base);
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let (agent, url) = (site.agent.clone(), url.clone());
            std::thread::spawn(move || {
                let body = json!({"sql": ENDLESS}).to_string();
                drop(agent.post(url).content_type("application/json").send(body.as_bytes()));
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(700));
    let children = site.children();
    assert!(children.len() >= 3, "{children:?}");
    let begun = Instant::now();
    let killed = Command::new("kill").args(["-TERM", &site.child.id().to_string()]).status().unwrap();
    assert!(killed.success() && site.child.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let end = Instant::now() + Duration::from_secs(5);
    while children.iter().any(|pid| Path::new(&format!("/proc/{pid}")).exists() && ticks(*pid).is_some()) {
        assert!(Instant::now() < end, "a process is left behind");
        std::thread::sleep(Duration::from_millis(50));
    }
    asking.into_iter().for_each(|asking| asking.join().unwrap());
}

#[test]
fn processes_that_are_killed_are_replaced() {
    let site = Site::start();
    site.counts_all();
    for _ in 0..4 {
        match site.ask("SELECT cdn FROM totals") {
            Outcome::Rows(rows) => assert_eq!(rows.len(), 1),
            Outcome::Refused(why) => panic!("a process that was killed before it was asked cost an answer: {why}"),
        }
        for pid in site.children() {
            assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
        }
    }
}
