//! Several processors of one process over one log of eight partitions, each with its HTTP server.

use crate::checkpoint::{Owner, TakeFrom};
use crate::engine::{Engine, EngineError, Page};
use crate::http;
use crate::input::{SourceBinding, memory::MemoryPartitions};
use crate::members::member_of;
use crate::operators::table_address;
use crate::server::{Server, Shared};
use crate::service::tests::options;
use crate::service::{Claims, Membership, Options, Service, StartError};
use crate::tokens::{BearerToken, TokenStore};
use arrow::array::{AsArray, Decimal128Array, Int64Array, RecordBatch};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const PROGRAM: &str = "source s { key k  time t in s  end after 100s  b: bool }
metric m = duration_where(latest(b)) | aggregate(count, sum)
metric n = latest(b) | aggregate(count)
alert a = latest(b)";
const PARTITIONS: usize = 8;
const SYNC: Option<Duration> = Some(Duration::from_secs(30));

struct Node {
    service: Arc<Service>,
    close: Option<oneshot::Sender<()>>,
    server: Option<Server>,
}

impl Node {
    fn start(state: &Path, input: SourceBinding) -> Result<Node, StartError> {
        Node::start_with(PROGRAM, state, input)
    }

    fn start_with(program: &str, state: &Path, input: SourceBinding) -> Result<Node, StartError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tokens = BearerToken::new("among us").map(TokenStore::one);
        let address = format!("http://{}", listener.local_addr().unwrap());
        let options = Options {
            sources: vec![(None, input)],
            threads: 1,
            checkpoint_every: Duration::from_millis(100),
            membership: Some(Membership { address, tokens: tokens.clone() }),
            ..options(state, &MemoryPartitions::new(1), Claims::Told)
        };
        let (service, _) = Service::start(options, &[("p.tl".into(), program.into())])?;
        let (close, closed) = oneshot::channel::<()>();
        let shutdown = async { drop(closed.await) };
        let options = http::Options { shared: Shared { tokens, ..Shared::default() }, ..http::Options::default() };
        let server = http::serve(listener, service.clone(), options, shutdown).unwrap();
        Ok(Node { service, close: Some(close), server: Some(server) })
    }

    fn stop(mut self) {
        let endings = self.service.stop();
        assert!(endings.iter().all(|ended| ended.result.is_ok()), "{endings:?}");
        drop(self.close.take());
        if let Some(server) = self.server.take() {
            server.join();
        }
    }

    fn owned(&self) -> usize {
        self.service.owned().len()
    }

    /// Count and sum (in seconds) of the metric's totals.
    fn totals(&self, sync: Option<Duration>) -> Result<(i64, i128), EngineError> {
        let snapshot = self.service.snapshot(&["totals".into(), "partitions".into()], sync)?;
        let rows = &snapshot.tables[0].live[0];
        let count: &Int64Array = rows.column_by_name("count").unwrap().as_any().downcast_ref().unwrap();
        let sum: &Decimal128Array = rows.column_by_name("sum_exact").unwrap().as_any().downcast_ref().unwrap();
        let positions: Vec<u32> = snapshot.basis.positions.iter().map(|position| position.partition).collect();
        assert_eq!(positions, (0..PARTITIONS as u32).collect::<Vec<_>>(), "each partition once");
        Ok((count.value(0), sum.value(0) / 1_000_000_000))
    }
}

/// Writes a session of `seconds` to every partition; what they add to count and sum.
fn write(log: &MemoryPartitions, round: i64, seconds: i64) -> (i64, i128) {
    for part in 0..PARTITIONS {
        let start = round * 1000;
        log.write(part, &format!(r#"{{"k":"{part}-{round}","t":{start},"b":true}}"#));
        log.write(part, &format!(r#"{{"k":"{part}-{round}","t":{},"b":false}}"#, start + seconds));
    }
    (PARTITIONS as i64, PARTITIONS as i128 * i128::from(seconds))
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not in a minute: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_table_is_carried_by_all_processors_where_it_first_differs_a_day_later() {
    const DAY: i64 = 86_400;
    let program = |rows: &str| {
        let table = table_address("tariff.csv", &format!("zone,since,price\nz,0,1\n{rows}"));
        format!(
            "source s {{ key k  time t in s  end after 100s  zone: string }}\n\
             table tariff from \"{table}\" {{ key zone  from since in s  price: int }}\n\
             metric m = duration_where(tariff[latest(zone)].price == 1) | aggregate(count, sum)\n"
        )
    };
    let dir = tempfile::tempdir().unwrap();
    let log = MemoryPartitions::new(PARTITIONS);
    let session = |from: i64| {
        for (part, t) in (0..PARTITIONS).flat_map(|part| [(part, from), (part, from + 10)]) {
            log.write(part, &format!(r#"{{"k":"{part}","t":{t},"zone":"z"}}"#));
        }
    };
    let start = || Node::start_with(&program(""), dir.path(), SourceBinding::Log(Arc::new(log.clone()))).unwrap();
    let (first, second) = (start(), start());
    session(1_000);
    let all = PARTITIONS as i64;
    assert_eq!(first.totals(SYNC).unwrap(), (all, i128::from(all) * 10));
    let deploy = |rows: &str, plan: bool| {
        let told = first.service.deploy(vec![("p.tl".into(), program(rows))], plan, None).unwrap();
        told["names"][0]["what"].as_str().unwrap().to_owned()
    };
    assert_eq!(deploy("z,2000,2\n", true), "replaced", "others may have come to it before they hear of it");
    assert_eq!(deploy(&format!("z,{},2\n", 2 * DAY), false), "unchanged");
    session(2 * DAY - 5);
    for node in [&first, &second] {
        assert_eq!(node.totals(SYNC).unwrap(), (all * 2, i128::from(all) * 15));
    }
    until("both are at work", || first.owned() > 0 && second.owned() > 0);
    first.stop();
    second.stop();
}

#[test]
fn processors_share_a_log_and_each_answers_for_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = MemoryPartitions::new(PARTITIONS);
    let input = || SourceBinding::Log(Arc::new(log.clone()));
    let mut ledger = write(&log, 0, 10);
    let first = Node::start(dir.path(), input()).unwrap();
    assert_eq!(first.owned(), PARTITIONS, "the only one has them all");
    assert_eq!(first.totals(SYNC).unwrap(), ledger);

    let second = Node::start(dir.path(), input()).unwrap();
    let third = Node::start(dir.path(), input()).unwrap();
    let mut add = |round, seconds| {
        let (count, sum) = write(&log, round, seconds);
        ledger = (ledger.0 + count, ledger.1 + sum);
        ledger
    };
    // While partitions change hands every answer is whole.
    for round in 1..6 {
        let ledger = add(round, 7);
        for node in [&first, &second, &third] {
            assert_eq!(node.totals(SYNC).unwrap(), ledger, "round {round}");
        }
    }
    until("shares are even", || {
        let mut owned = [first.owned(), second.owned(), third.owned()];
        owned.sort_unstable();
        owned == [2, 3, 3]
    });
    let expected = add(6, 5);
    assert_eq!(third.totals(SYNC).unwrap(), expected);
    let sessions = second.service.outliers("m", Page::first(100), SYNC).unwrap().rows;
    // Those of 10 s and of 5 s; most are of 7 s.
    assert_eq!(sessions.num_rows(), 2 * PARTITIONS, "of all partitions, whoever has them");
    for table in ["finals", "sessions", "m", "alerts", "nodes", "queries", "dead_letters"] {
        let whole = |node: &Node| {
            let snapshot = node.service.snapshot(&[table.into()], SYNC).unwrap();
            let files = snapshot.tables[0].past.iter().map(|file| {
                let rows = crate::results::decode(std::fs::read(&file.path).unwrap()).unwrap();
                // The files of a metric's own table have the rows of all metrics.
                let of = |rows: &RecordBatch| match rows.column_by_name("metric").filter(|_| table == "m") {
                    Some(metric) => metric.as_string::<i32>().iter().filter(|name| *name == Some("m")).count(),
                    None => rows.num_rows(),
                };
                rows.iter().map(of).sum::<usize>()
            });
            files.sum::<usize>() + snapshot.tables[0].live.iter().map(|rows| rows.num_rows()).sum::<usize>()
        };
        assert_eq!(whole(&first), whole(&third), "{table}");
        assert!(whole(&first) > 0 || table == "dead_letters", "{table}");
    }

    // One that leaves gives up what it has; nobody is fenced, and nothing waits for anybody to be dead.
    second.stop();
    let expected = add(7, 3);
    assert_eq!(first.totals(SYNC).unwrap(), expected);
    until("the two that are left have it all", || first.owned() == 4 && third.owned() == 4);
    assert_eq!(third.totals(None).unwrap(), expected);
    for node in [first, third] {
        assert!(node.service.wait(Duration::ZERO).is_none(), "no partition ended by itself");
        node.stop();
    }
}

#[test]
fn a_deployment_reaches_all() {
    let dir = tempfile::tempdir().unwrap();
    let log = MemoryPartitions::new(PARTITIONS);
    let input = || SourceBinding::Log(Arc::new(log.clone()));
    let ledger = write(&log, 0, 10);
    let nodes = [(); 2].map(|()| Node::start(dir.path(), input()).unwrap());
    until("they share", || nodes.iter().all(|node| node.owned() == 4));
    let program = format!(
        "{}\nmetric more = duration_where(!latest(b)) | aggregate(count, sum)",
        PROGRAM.split('\n').next().unwrap()
    );
    let changes = nodes[0].service.deploy(vec![("more.tl".into(), program)], false, None).unwrap();
    assert_eq!(changes["added"], serde_json::json!(["more"]));
    assert_eq!(changes["not_yet"], serde_json::json!([]), "it returns when the others run it too");
    until("all have it", || nodes.iter().all(|node| node.service.table_names().contains(&"more".to_owned())));
    nodes.iter().for_each(|node| node.service.settle());
    for node in &nodes {
        let snapshot = node.service.snapshot(&["totals".into()], SYNC).unwrap();
        let rows = &snapshot.tables[0].live[0];
        assert_eq!(rows.num_rows(), 3, "three aggregated metrics");
        let sum: &Int64Array = rows.column_by_name("count").unwrap().as_any().downcast_ref().unwrap();
        assert!(sum.iter().all(|count| count == Some(ledger.0)), "each counts the sessions of all partitions: {sum:?}");
    }
    nodes[1].service.drop_query("more").unwrap();
    assert!(nodes[0].service.snapshot(&["more".into()], SYNC).is_err(), "dropped on the other one too");
    nodes.into_iter().for_each(Node::stop);
}

#[test]
fn a_partition_without_an_owner_is_named_and_shown_as_of_its_last_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let log = MemoryPartitions::new(PARTITIONS);
    let ledger = write(&log, 0, 10);
    let node = Node::start(dir.path(), SourceBinding::Log(Arc::new(log.clone()))).unwrap();
    assert_eq!(node.totals(SYNC).unwrap(), ledger);
    // It stops claiming, and gives one up.
    node.service.cluster.as_ref().unwrap().stop_deciding();
    assert!(node.service.release("s", 3));
    let snapshot = node.service.snapshot(&["totals".into()], None).unwrap();
    let unowned: Vec<u32> = snapshot.basis.positions.iter().filter(|p| p.unowned).map(|p| p.partition).collect();
    assert_eq!(unowned, [3]);
    assert_eq!(node.totals(None).unwrap(), ledger, "what it had committed");
    let late = node.totals(Some(Duration::from_millis(300)));
    assert!(matches!(&late, Err(EngineError::Timeout(why)) if why.contains("s/3")), "{late:?}");
    // What is written now is not seen by it, and nothing was claimed or written by looking.
    log.write(3, r#"{"k":"x","t":1,"b":true}"#);
    assert_eq!(node.totals(None).unwrap(), ledger);
    node.stop();
}

#[test]
fn the_second_processor_of_files_is_told_who_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.ndjson");
    std::fs::write(&file, "{\"k\":\"a\",\"t\":1,\"b\":true}\n").unwrap();
    let state = dir.path().join("state");
    let input = || SourceBinding::Files(file.display().to_string());
    let first = Node::start(&state, input()).unwrap();
    let begun = Instant::now();
    match Node::start(&state, input()) {
        Err(StartError::Taken { source_name, by, address }) => {
            assert_eq!((source_name.as_str(), by.as_str()), ("s", first.service.options.writer.as_str()));
            assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("two processors of one log"),
    }
    println!("refused after {:?}", begun.elapsed());
    assert!(first.service.wait(Duration::from_millis(200)).is_none(), "the first goes on");
    first.stop();
    Node::start(&state, input()).unwrap().stop();
}

#[test]
fn an_owner_that_came_after_the_last_look_is_not_held_for_dead() {
    let dir = tempfile::tempdir().unwrap();
    let log = MemoryPartitions::new(PARTITIONS);
    let input = || SourceBinding::Log(Arc::new(log.clone()));
    let first = Node::start(dir.path(), input()).unwrap();
    let cluster = first.service.cluster.as_ref().unwrap();
    let before = cluster.view();
    let second = Node::start(dir.path(), input()).unwrap();
    let owner = |writer: &str| TakeFrom::Owner(Owner { writer: writer.into(), generation: 1 });
    let came = second.service.options.writer.clone();
    assert!(!before.known.contains_key(member_of(&came)), "it came later");
    let takes = [owner(&came), owner("nobody-1-1")];
    let there = first.service.silent_and_there(cluster, &before, takes.iter());
    // Who has never been in a listing is dead indeed.
    assert_eq!(there.into_iter().collect::<Vec<_>>(), [member_of(&came).to_owned()]);
    second.stop();
    first.stop();
}
