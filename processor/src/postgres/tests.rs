//! The wire over real sockets, byte by byte, with an engine of known answers behind it.

#![allow(clippy::unwrap_used)]

use super::{Options, serve};
use crate::engine::fake::Fake;
use crate::questions::QuestionPermits;
use crate::server::{Server, Shared};
use crate::tokens::{BearerToken, TokenStore};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

struct Site {
    engine: Arc<Fake>,
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
        Site { engine, server: Some(server), stop: Some(stop) }
    }

    fn socket(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.as_ref().unwrap().address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// A connection that has begun, and its key.
    fn client(&self) -> Client {
        let mut client = Client { stream: self.socket(), key: vec![] };
        client.start();
        let begun = client.until(b'Z');
        client.key = begun.iter().find(|(kind, _)| *kind == b'K').unwrap().1.clone();
        client
    }

    /// Waits until no question is at work.
    fn is_at_rest(&self) {
        let begun = Instant::now();
        while self.engine.busy.load(Ordering::SeqCst) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "a question goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.server.take().unwrap().join();
    }
}

struct Client {
    stream: TcpStream,
    key: Vec<u8>,
}

type Reply = (u8, Vec<u8>);

impl Client {
    fn start(&mut self) {
        let mut body = (3_u32 << 16).to_be_bytes().to_vec();
        body.extend_from_slice(b"user\0somebody\0application_name\0test\0\0");
        self.stream.write_all(&((body.len() + 4) as u32).to_be_bytes()).unwrap();
        self.stream.write_all(&body).unwrap();
    }

    fn say(&mut self, kind: u8, body: &[u8]) {
        self.stream.write_all(&message(kind, body)).unwrap();
    }

    fn reply(&mut self) -> Option<Reply> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some((head[0], body))
    }

    /// All replies until one of a kind.
    #[track_caller]
    fn until(&mut self, kind: u8) -> Vec<Reply> {
        let mut all = vec![];
        loop {
            let reply = self.reply().unwrap_or_else(|| panic!("the connection ended after {}", shown(&all)));
            let is_last = reply.0 == kind;
            all.push(reply);
            if is_last {
                return all;
            }
        }
    }

    #[track_caller]
    fn query(&mut self, sql: &str) -> String {
        self.say(b'Q', &[sql.as_bytes(), b"\0"].concat());
        shown(&self.until(b'Z'))
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut all = vec![kind];
    all.extend_from_slice(&((body.len() + 4) as u32).to_be_bytes());
    all.extend_from_slice(body);
    all
}

/// Replies as text: rows by their cells, errors by state and message, others by their letter.
fn shown(replies: &[Reply]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    let one = |(kind, body): &Reply| match kind {
        b'D' => {
            let mut cells = vec![];
            let mut rest = &body[2..];
            while let Some((length, more)) = rest.split_first_chunk::<4>() {
                let length = i32::from_be_bytes(*length);
                let Ok(length) = usize::try_from(length) else {
                    cells.push("null".into());
                    rest = more;
                    continue;
                };
                cells.push(text(&more[..length]));
                rest = &more[length..];
            }
            cells.join("|")
        }
        b'E' | b'N' => {
            let fields: Vec<String> = body.split(|byte| *byte == 0).map(text).collect();
            let field = |name: char| fields.iter().find_map(|field| field.strip_prefix(name)).unwrap_or_default();
            let place = fields.iter().find_map(|field| field.strip_prefix('P')).map(|at| format!(" at {at}"));
            format!("{} {}{}", field('C'), field('M'), place.unwrap_or_default())
        }
        b'C' => text(body),
        b'd' => text(body).trim_end_matches('\n').to_owned(),
        b'Z' => format!("Z{}", text(body)),
        kind => char::from(*kind).to_string(),
    };
    replies.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn site() -> Site {
    Site::new(Fake::default(), Options::default())
}

#[test]
fn statements_are_answered_one_after_the_other() {
    let site = site();
    let mut client = site.client();
    assert_eq!(client.query("SELECT cdn, sum FROM totals WHERE metric = 'cirr'"), "T\nC1|12\nC2|5\nSELECT 2\nZI");
    assert_eq!(
        client.query("SELECT 1 AS a; SELECT NULL AS b; ; SELECT x"),
        "T\n1\nSELECT 1\nT\nnull\nSELECT 1\n42703 there is no column `x` at 9\nZI"
    );
    assert_eq!(client.query(" -- nothing"), "I\nZI");
    assert_eq!(client.query("SHOW TABLES"), "T\nfinals\ntotals\nalerts\nSELECT 3\nZI");
    let refused = "25006 [TL3008] `INSERT` is refused\nZI";
    assert_eq!(client.query("INSERT INTO totals VALUES (1)"), refused);
    assert_eq!(client.query("SELECT * FROM total"), "42P01 there is no table `total` at 15\nZI");
    assert_eq!(client.query("SELECT 1 +"), "42601 SQL: Expected: an expression, found: EOF\nZI");
    assert!(client.query("SELECT 1 ! 2 FROM").starts_with("42601 SQL: "));
}

#[test]
fn rows_are_copied_as_text_as_csv_and_in_binary() {
    let site = site();
    let mut client = site.client();
    let question = "SELECT cdn, sum, NULL AS n FROM totals WHERE metric = 'cirr' ORDER BY cdn";
    let text = client.query(&format!("COPY ({question}) TO STDOUT"));
    assert_eq!(text, "H\nC1\t12\t\\N\nC2\t5\t\\N\nc\nCOPY 2\nZI");
    let csv =
        client.query(&format!("COPY ({question}) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE (cdn)); SELECT 1"));
    assert_eq!(csv, "H\ncdn,sum,n\n\"C1\",12,\n\"C2\",5,\nc\nCOPY 2\nT\n1\nSELECT 1\nZI");
    assert_eq!(client.query("COPY alerts (alert) TO STDOUT CSV HEADER"), "H\nalert\nstuck\nc\nCOPY 1\nZI");
    // Its columns and its format come before its rows.
    client.say(b'Q', b"COPY (SELECT 1::int, 'x') TO STDOUT (FORMAT binary)\0");
    let all = client.until(b'Z');
    assert_eq!(all[0], (b'H', vec![1, 0, 2, 0, 1, 0, 1]));
    let data: Vec<u8> = all.iter().filter(|(kind, _)| *kind == b'd').flat_map(|(_, body)| body.clone()).collect();
    let row = [0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, b'x', 255, 255];
    assert_eq!(data, [b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".as_slice(), &row].concat());
    // Errors are those of the question, at their places in the statement.
    let unknown = client.query("COPY (SELECT x FROM totals) TO STDOUT");
    assert_eq!(unknown, "42703 there is no column `x` at 14\nZI");
    assert_eq!(client.query("COPY total TO STDOUT"), "42P01 there is no table `total` at 6\nZI");
    assert!(client.query("COPY (SELECT 1 +) TO STDOUT").starts_with("42601 SQL: "));
    let quoted = client.query("COPY (SELECT 1 AS a) TO STDOUT (FORMAT csv, FORCE_QUOTE (b))");
    assert_eq!(quoted, "42703 there is no column `b` to be quoted\nZI");
    let written = client.query("COPY totals FROM STDIN");
    assert_eq!(written, "25006 [TL3008] `COPY ... FROM` is refused: tables can only be read\nZI");
    assert!(client.query("COPY (DELETE FROM totals) TO STDOUT").starts_with("25006 [TL3008] "));
    // Prepared it has no columns of its own, and takes values.
    client.stream.write_all(&extended("COPY (SELECT $1::text) TO STDOUT", "a\tb", false, 0)).unwrap();
    client.say(b'S', b"");
    assert_eq!(shown(&client.until(b'Z')), "1\n2\nn\nH\na\\tb\nc\nCOPY 1\nZI");
    // An answer of several pieces.
    client.say(b'Q', b"COPY (SELECT value FROM generate_series(1, 100000)) TO STDOUT\0");
    let rows = client.until(b'Z').iter().filter(|(kind, _)| *kind == b'd').count();
    assert_eq!(rows, 100_000);
    site.is_at_rest();
}

#[test]
fn an_answer_that_fails_half_way_ends_in_its_error() {
    let site = site();
    let mut client = site.client();
    client.say(b'Q', b"SELECT 1 / (value - 50000) FROM range(0, 100000)\0");
    let replies = client.until(b'Z');
    let kinds: Vec<u8> = replies.iter().map(|(kind, _)| *kind).collect();
    assert!(kinds.contains(&b'D') && !kinds.contains(&b'C'), "rows, and none that are said to be all");
    assert!(kinds.ends_with(b"EZ"), "{kinds:?}");
    let said = shown(&replies[replies.len() - 2..]);
    assert!(said.contains("zero") && said.ends_with("ZI"), "{said}");
}

#[test]
fn rows_come_with_the_notes_on_them() {
    let site = Site::new(Fake::noting(), Options::default());
    let mut client = site.client();
    let noted = client.query("SELECT count(*) FROM finals; SELECT count(*) FROM totals");
    assert_eq!(noted, "01000 two of `é`\nT\n2\nSELECT 1\nT\n3\nSELECT 1\nZI");
}

#[test]
fn transactions_settings_and_cursors_are_those_that_tools_expect() {
    let site = site();
    let mut client = site.client();
    assert_eq!(client.query("BEGIN"), "BEGIN\nZT");
    assert_eq!(client.query("SELECT x"), "42703 there is no column `x` at 8\nZE");
    assert_eq!(client.query("SELECT 1"), "25P02 the transaction has failed: end it with ROLLBACK first\nZE");
    assert_eq!(client.query("COMMIT"), "ROLLBACK\nZI");
    assert_eq!(client.query("SET statement_timeout TO '5s'"), "SET\nZI");
    assert_eq!(client.query("SHOW statement_timeout"), "T\n5s\nSHOW\nZI");
    assert_eq!(client.query("RESET ALL; SHOW statement_timeout"), "RESET\nT\n60000\nSHOW\nZI");
    assert_eq!(client.query("SET timezone TO 'Europe/Berlin'"), "01000 `TimeZone` stays UTC\nS\nSET\nZI");
    assert_eq!(client.query("SET nonsense TO 1"), "42704 there is no setting `nonsense`\nZI");
    let cursor = "BEGIN; DECLARE c CURSOR FOR SELECT cdn FROM totals; FETCH 2 FROM c; FETCH ALL FROM c; FETCH c; CLOSE c; COMMIT";
    let fetched = "BEGIN\nDECLARE CURSOR\nT\nC1\nC2\nFETCH 2\nT\nnull\nFETCH 1\nT\nFETCH 0\nCLOSE CURSOR\nCOMMIT\nZI";
    assert_eq!(client.query(cursor), fetched);
    let known = client.query("SHOW positions");
    assert!(known.contains("\"source\":\"player\"") && known.contains("\"epoch\":3"), "{known}");
    assert_eq!(client.query("CLOSE c"), "34000 there is no cursor `c`\nZI");
}

/// `Parse`, `Bind`, `Describe` and `Execute` of a statement with one text for `$1`, so many rows.
fn extended(sql: &str, value: &str, binary: bool, rows: u32) -> Vec<u8> {
    let parse = [b"s\0", sql.as_bytes(), b"\0", &[0, 0]].concat();
    let length = (value.len() as u32).to_be_bytes();
    let format: &[u8] = if binary { &[0, 1, 0, 1] } else { &[0, 0] };
    let bind = [b"p\0s\0", &[0, 0, 0, 1][..], &length, value.as_bytes(), format].concat();
    let execute = [b"p\0".as_slice(), &rows.to_be_bytes()].concat();
    [message(b'P', &parse), message(b'B', &bind), message(b'D', b"Pp\0"), message(b'E', &execute)].concat()
}

#[test]
fn prepared_statements_have_parameters_and_portals_row_limits() {
    let site = site();
    let mut client = site.client();
    client.query("BEGIN");
    let sql = "SELECT session, value FROM finals WHERE session >= $1 ORDER BY session";
    client.stream.write_all(&extended(sql, "s1", false, 1)).unwrap();
    client.say(b'S', b"");
    assert_eq!(shown(&client.until(b'Z')), "1\n2\nT\ns1|12\ns\nZT");
    client.say(b'E', &[b"p\0".as_slice(), &[0; 4]].concat());
    client.say(b'S', b"");
    assert_eq!(shown(&client.until(b'Z')), "s2|5\nSELECT 1\nZT");
    // What it takes and gives, without its values: a text, and what the columns are.
    client.say(b'D', b"Ss\0");
    client.say(b'S', b"");
    let described = client.until(b'Z');
    assert_eq!(described[0], (b't', vec![0, 1, 0, 0, 0, 25]));
    let columns = &described[1].1;
    assert_eq!(&columns[..10], b"\0\x02session\0");
    // An error is told once, and what follows is passed over until `Sync`.
    client.query("ROLLBACK");
    client.stream.write_all(&extended("SELECT nothing FROM finals WHERE session = $1", "s1", false, 0)).unwrap();
    client.say(b'S', b"");
    assert_eq!(shown(&client.until(b'Z')), "42P05 there is a statement `s` already\nZI");
    client.say(b'C', b"Ss\0");
    client.stream.write_all(&extended("SELECT value, start FROM finals WHERE session = $1", "s1", true, 0)).unwrap();
    client.say(b'S', b"");
    let all = client.until(b'Z');
    let row = &all.iter().find(|(kind, _)| *kind == b'D').unwrap().1;
    // 1_700_000_000 s since 1970, in microseconds since 2000.
    let expected =
        [&[0, 2, 0, 0, 0, 8][..], &12.0_f64.to_be_bytes(), &[0, 0, 0, 8], &753_315_200_000_000_i64.to_be_bytes()];
    assert_eq!(*row, expected.concat());
    // A value is never read as SQL, and one that does not fit is refused.
    client.query("DEALLOCATE ALL");
    client
        .stream
        .write_all(&extended("SELECT count(*) FROM finals WHERE session = $1", "x' OR '1'='1", false, 0))
        .unwrap();
    client.say(b'S', b"");
    assert_eq!(shown(&client.until(b'Z')), "1\n2\nT\n0\nSELECT 1\nZI");
}

#[test]
fn a_question_ends_by_another_connection_by_its_time_and_with_its_client() {
    let options = Options {
        shared: Shared::of_turns(QuestionPermits::new(1).waiting(Duration::from_secs(20))),
        ..Options::default()
    };
    let site = Site::new(Fake { snapshot_takes: Duration::from_millis(700), ..Fake::default() }, options);
    let mut client = site.client();
    client.query("SET statement_timeout TO 100");
    let late = client.query("SELECT cdn FROM totals");
    assert!(late.starts_with("57014 [TL3004] the question took too long"), "{late}");
    client.query("SET statement_timeout TO 0");
    client.say(b'Q', b"SELECT cdn FROM totals\0");
    std::thread::sleep(Duration::from_millis(100));
    let cancel = |key: &[u8]| {
        let mut other = site.socket();
        let request = [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), key].concat();
        other.write_all(&request).unwrap();
        let _ = other.read(&mut [0; 8]);
    };
    let mut wrong = client.key.clone();
    wrong[7] ^= 1;
    cancel(&wrong);
    cancel(&client.key);
    let begun = Instant::now();
    assert_eq!(shown(&client.until(b'Z')), "57014 the question was cancelled\nZI");
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    // A cancellation that comes when nothing is at work ends nothing later.
    cancel(&client.key);
    assert_eq!(client.query("SELECT 1"), "T\n1\nSELECT 1\nZI");
    // A client that goes away leaves its turn to the next.
    let mut gone = site.client();
    gone.say(b'Q', b"SELECT cdn FROM totals\0");
    std::thread::sleep(Duration::from_millis(100));
    drop(gone);
    assert_eq!(client.query("SELECT 2"), "T\n2\nSELECT 1\nZI");
    site.is_at_rest();
}

#[test]
fn rows_that_nobody_fetches_are_given_up() {
    let options = Options {
        shared: Shared::of_turns(QuestionPermits::new(1)),
        cursor_time_max: Duration::from_millis(200),
        ..Options::default()
    };
    let site = Site::new(Fake::default(), options);
    let mut client = site.client();
    let fetched = client.query("BEGIN; DECLARE c CURSOR FOR SELECT cdn FROM totals; FETCH 1 FROM c");
    assert_eq!(fetched, "BEGIN\nDECLARE CURSOR\nT\nC1\nFETCH 1\nZT");
    // The only turn is free again.
    assert_eq!(site.client().query("SELECT count(*) FROM totals"), "T\n3\nSELECT 1\nZI");
    // What is missing is said, and no shorter answer given.
    assert_eq!(client.query("FETCH 1 FROM c"), "57014 the rows of cursor `c` were given up\nZE");
}

#[test]
fn only_those_who_show_the_token_are_answered() {
    let tokens = BearerToken::new("s3cret").map(TokenStore::one);
    let options = Options { shared: Shared { tokens, ..Shared::default() }, ..Options::default() };
    let site = Site::new(Fake::default(), options);
    for (shown_word, expect) in [("s3cret", "R"), ("s3cre", "28P01"), ("", "28P01"), ("s3cret ", "28P01")] {
        let mut client = Client { stream: site.socket(), key: vec![] };
        client.start();
        assert_eq!(client.reply().unwrap(), (b'R', vec![0, 0, 0, 3]));
        client.say(b'p', &[shown_word.as_bytes(), b"\0"].concat());
        let reply = shown(&[client.reply().unwrap()]);
        assert!(reply.starts_with(expect), "{shown_word}: {reply}");
    }
    let mut client = Client { stream: site.socket(), key: vec![] };
    client.start();
    client.say(b'Q', b"SELECT 1\0");
    assert!(shown(&client.until(b'E')).contains("28000"));
}

#[test]
fn connections_are_bounded_and_slow_ones_go() {
    let options = Options {
        connections_max: 2,
        connections_per_client_max: 2,
        // Long enough for all that come in time on a machine that has much else to do.
        start_time_max: Duration::from_secs(4),
        batch_time_max: Duration::from_secs(4),
        shared: Shared::of_turns(QuestionPermits::new(4)),
        ..Options::default()
    };
    let site = Site::new(Fake { snapshot_takes: Duration::from_secs(8), ..Fake::default() }, options);
    // One that never says who it is, and one that never ends what it began.
    let mut silent = site.socket();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0, "the silent one is sent away");
    let mut half = site.client();
    half.say(b'P', b"\0SELECT 1\0\0\0");
    assert!(half.reply().is_none(), "the half one is sent away");
    // Idle ones make room; where all are at work, another one is told.
    let idle = [site.client(), site.client()];
    let mut busy = [site.client(), site.client()];
    busy.iter_mut().for_each(|client| client.say(b'Q', b"SELECT cdn FROM totals\0"));
    std::thread::sleep(Duration::from_secs(2));
    let mut third = Client { stream: site.socket(), key: vec![] };
    third.start();
    assert_eq!(shown(&third.until(b'E')), "53300 2 connections are there already: try again");
    busy.iter_mut().for_each(|client| assert!(shown(&client.until(b'Z')).contains("SELECT 3")));
    drop(idle);
}

/// Numbers that a seed decides.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// Messages as clients send them, with bytes changed, left out and put in.
fn hostile(chance: &mut Chance) -> Vec<u8> {
    let kinds = b"QPBDECSHXpdcfF\x00\xff";
    let mut bytes = vec![];
    for _ in 0..chance.below(6) + 1 {
        let whole = match chance.below(4) {
            0 => extended("SELECT session FROM finals WHERE session = $1", "s1", chance.below(2) == 0, 1),
            1 => message(b'Q', b"SELECT $1, 'x\0"),
            2 => message(kinds[chance.below(kinds.len())], &chance.bytes(40)),
            _ => chance.bytes(60),
        };
        bytes.extend(whole);
    }
    for _ in 0..chance.below(8) {
        let at = chance.below(bytes.len().max(1));
        match chance.below(3) {
            0 if !bytes.is_empty() => bytes[at] = chance.next() as u8,
            1 if !bytes.is_empty() => _ = bytes.remove(at),
            _ => bytes.insert(at.min(bytes.len()), chance.next() as u8),
        }
    }
    bytes
}

#[test]
fn messages_of_any_bytes_are_read_or_refused() {
    let mut chance = Chance(7);
    let mut counts = [0_u64; 3];
    for _ in 0..200_000 {
        let bytes = if chance.below(3) == 0 { chance.bytes(80) } else { hostile(&mut chance) };
        if let Ok(Some((_, length))) = super::message::opening(&bytes) {
            assert!(length <= bytes.len());
        }
        let mut rest = &bytes[..];
        loop {
            match super::message::next(rest, 1 << 20) {
                Ok(Some((message, length))) => {
                    counts[0] += 1;
                    if let super::message::ClientMessage::Bind(bind) = message {
                        for (place, value) in bind.values.iter().enumerate() {
                            for oid in [
                                0,
                                16,
                                17,
                                20,
                                23,
                                25,
                                700,
                                1007,
                                1082,
                                1083,
                                1114,
                                1184,
                                1186,
                                1700,
                                2950,
                                3802,
                                1 << 30,
                            ] {
                                let binary = super::reply::format(&bind.formats, place) == 1 || chance.below(2) == 0;
                                _ = super::parameter::parameter(oid, binary, value.as_deref());
                            }
                        }
                    }
                    rest = &rest[length..];
                }
                Ok(None) => {
                    counts[1] += 1;
                    break;
                }
                Err(_) => {
                    counts[2] += 1;
                    break;
                }
            }
        }
        // Texts of any bytes are cut into statements.
        let text = String::from_utf8_lossy(&bytes);
        super::command::statements(&text).into_iter().for_each(|sql| _ = super::command::command(sql));
    }
    assert!(counts.iter().all(|count| *count > 10_000), "all ways are gone: {counts:?}");
}

#[test]
fn a_server_outlives_hostile_clients() {
    let options = Options {
        start_time_max: Duration::from_millis(200),
        batch_time_max: Duration::from_millis(200),
        ..Options::default()
    };
    let site = Site::new(Fake::default(), options);
    let mut chance = Chance(11);
    for round in 0..120 {
        let mut client = Client { stream: site.socket(), key: vec![] };
        if round % 3 > 0 {
            client.start();
        }
        // It may be sent away while it still speaks.
        let _ = client.stream.write_all(&hostile(&mut chance));
        client.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let _ = client.stream.read(&mut [0; 512]);
    }
    site.is_at_rest();
    assert_eq!(site.client().query("SELECT 1"), "T\n1\nSELECT 1\nZI");
}

#[test]
fn statements_are_measured_by_what_came_of_them() {
    let site = Site::new(Fake::default(), Options::default());
    let mut client = site.client();
    client.query("SELECT count(*) FROM totals");
    client.query("SELECT * FROM nowhere");
    let mut registry = prometheus_client::registry::Registry::default();
    crate::measured::register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::prometheus_text::encode(&mut text, &registry).unwrap();
    for state in ["00000", "42P01"] {
        let count = format!("timeline_statement_seconds_count{{state=\"{state}\"}} ");
        assert!(text.contains(&count), "{state}: {text}");
    }
}
