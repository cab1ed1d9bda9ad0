//! Work that takes long because one event brings very much of it: whoever asks meanwhile is answered at once, what is done
//! is durable on the way, and a kill costs no more than what came since.

mod memory;

use crate::cli::Sandbox;
use crate::cluster::Processor;
use serde_json::Value as Json;
use std::time::{Duration, Instant};

/// Sessions that one event ends, each of which has gone through ten thousand windows when it does.
const SESSIONS: u64 = 1200;

/// Rows of a session that silence ends say nothing of the windows that it is not billed for, but its alerts may.
const PROGRAM: &str = "source s { key k  time t in s  a: bool  end after 10000s }
metric m = duration_where(latest(a)) every 1s
metric n = count(a) every 1s
alert quiet = !latest(a)
";

/// How long an answer may take, on a machine that is busy with other tests; by itself it takes a few hundredths of a second.
const SOON: Duration = Duration::from_secs(3);

fn status(processor: &Processor) -> Json {
    let mut response = ureq::get(format!("{}/v1/status", processor.url)).call().unwrap();
    let status: Json = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    status["partitions"][0].clone()
}

/// How many sessions have ended, once the partition is open.
fn closed(processor: &Processor) -> u64 {
    let begun = Instant::now();
    loop {
        if let Some(closed) = status(processor)["closed_sessions"].as_u64() {
            return closed;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", status(processor));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn lanes_look_up_however_much_one_event_brings() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    let mut log: String = (0..SESSIONS).map(|k| format!("{{\"k\":\"k{k}\",\"t\":0,\"a\":true}}\n")).collect();
    log.push_str("{\"k\":\"last\",\"t\":20000000,\"a\":true}\n");
    sandbox.file("log.ndjson", log);
    let args = ["p.tl", "--source", "file:log.ndjson", "--state", "state", "--threads", "1"];
    let start = || Processor::start(sandbox.command(), &args);
    let processor = start();
    closed(&processor);
    // At work, and answering.
    let (begun, mut slowest, mut seen) = (Instant::now(), Duration::ZERO, vec![]);
    while seen.iter().filter(|(closed, _)| (1..SESSIONS).contains(closed)).count() < 5 {
        let asked = Instant::now();
        let now = status(&processor);
        slowest = slowest.max(asked.elapsed());
        seen.push((now["closed_sessions"].as_u64().unwrap(), now["epoch"].as_u64().unwrap()));
        assert!(slowest < SOON, "a status took {slowest:?}: {seen:?}");
        assert!(begun.elapsed() < Duration::from_secs(100), "{seen:?}");
        // On a quiet machine all of it takes a second or so.
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("the slowest status took {slowest:?}: {seen:?}");
    // What was done by the last checkpoint is not done again.
    let wait = Instant::now();
    let epoch = seen.last().unwrap().1;
    loop {
        let now = status(&processor);
        let later = now["epoch"].as_u64().unwrap() - epoch;
        // The next one may have been cut before; on a quiet machine all is done by then, and it is the last.
        let is_all = now["closed_sessions"] == SESSIONS && wait.elapsed() > Duration::from_secs(5);
        if later >= 2 || (later == 1 && is_all) {
            break;
        }
        assert!(wait.elapsed() < Duration::from_secs(30), "checkpoints go on: {now}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let done = seen.last().unwrap().0;
    processor.signal("KILL");
    drop(processor);
    let mut processor = start();
    let again = closed(&processor);
    assert!(again >= done, "{again} of {done} are there after a kill");
    // A stop is heard, and its last checkpoint goes on from there.
    let before = closed(&processor);
    let asked = Instant::now();
    processor.signal("TERM");
    let (code, said) = processor.ends(20);
    assert!(code == Some(0) && asked.elapsed() < SOON + SOON, "{code:?} after {:?}: {said}", asked.elapsed());
    let processor = start();
    assert!(closed(&processor) >= before);
    // A question about sessions is answered when all is done, and as if nothing had been in between.
    let sql = "SELECT count(*) AS n, count(DISTINCT session) AS s FROM n WHERE closed";
    let rows = processor.rows(&sandbox, sql, &["--sync", "--timeout", "120s"]).unwrap();
    assert_eq!(rows[0]["n"], SESSIONS, "{rows:?}");
    assert_eq!(rows[0]["s"], SESSIONS, "{rows:?}");
}

#[test]
fn killed_in_the_midst_of_long_work_nothing_is_lost_or_repeated() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "p.tl",
        "source s { key k  time t in s  a: bool  lateness 30s  end after 10000s billed }
metric m = duration_where(latest(a))
metric n = count(a) every 100s | aggregate(group_by(every), count, sum)
alert quiet = !latest(a)
",
    );
    // Within the lateness one comes after another that is later; then one event ends them all, with a hundred windows each.
    let mut log = String::new();
    for (from, is_second) in [(0, false), (4000, true)] {
        for k in 0..SESSIONS {
            let (t, a) = (from + k * 7 % 20, !is_second || k % 2 == 1);
            log.push_str(&format!("{{\"k\":\"k{k}\",\"t\":{t},\"a\":{a}}}\n"));
        }
    }
    log.push_str("{\"k\":\"last\",\"t\":20000000,\"a\":true}\n");
    sandbox.file("log.ndjson", log);
    let sql = "SELECT (SELECT count(*) FROM m WHERE closed) AS m, (SELECT sum(value) FROM m WHERE closed) AS v, \
               (SELECT count(*) FROM n WHERE closed) AS n, (SELECT sum(value) FROM n WHERE closed) AS w, \
               (SELECT count(*) FROM alerts WHERE \"end\" IS NOT NULL) AS a";
    let answer = |state: &str, kills: u64| {
        let args = ["p.tl", "--source", "file:log.ndjson", "--state", state];
        for kill in 0..kills {
            let processor = Processor::start(sandbox.command(), &args);
            std::thread::sleep(Duration::from_millis(150 + kill * 131 % 700));
            processor.signal("KILL");
        }
        let processor = Processor::start(sandbox.command(), &args);
        processor.rows(&sandbox, sql, &["--sync", "--timeout", "120s"]).unwrap()
    };
    let undisturbed = answer("undisturbed", 0);
    assert_eq!(undisturbed[0]["m"], SESSIONS, "{undisturbed:?}");
    assert_eq!(undisturbed[0]["a"], SESSIONS / 2, "{undisturbed:?}");
    assert_eq!(answer("killed", 8), undisturbed);
}
