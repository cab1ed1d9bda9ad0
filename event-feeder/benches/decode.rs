//! Nanoseconds that one thread takes to read and to decode a line of about 77 bytes.
//!
//! `cargo bench -p event-feeder` prints one line for each kind of input; nothing is asserted, for machines differ.

#![allow(clippy::disallowed_methods)]

use event_feeder::{Block, Decoder, FileSource, Next, Payload, Position, Source};
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};
use timeline_core::Type;
use timeline_core::plan::{FieldPath, SourceColumn, TimeUnit};

const LINES: usize = 100_000;
const ROUNDS: usize = 40;

fn main() {
    let source = timeline_core::plan::SourceDefinition {
        name: "player".into(),
        key: vec![FieldPath::name("sessionId")],
        time: FieldPath::name("ts"),
        time_unit: TimeUnit::Milliseconds,
        order: None,
        lateness: 0,
        future: None,
        idle: timeline_core::plan::Idle::Usual,
        repair: None,
        csv: timeline_core::plan::Csv::default(),
    };
    let column = |name: &str, ty| SourceColumn {
        name: name.into(),
        path: FieldPath(name.split('.').map(String::from).collect()),
        ty,
        source: 0,
        nulls: Default::default(),
    };
    let three = ["playerState", "userAction", "cdn"].map(|name| column(name, Type::String));
    let decoder = Decoder::new(&source, &three);
    measure(
        "one shape",
        &decoder,
        &input(|i| format!("\"playerState\":\"{}\",\"cdn\":\"C{}\",\"seq\":{i}", STATES[i % 3], i % 4)),
    );
    measure("mixed members", &decoder, &input(mixed));
    measure("blanks after colons and commas", &decoder, &input(mixed).replace("\":", "\": ").replace(",\"", ", \""));
    measure("carriage returns", &decoder, &input(mixed).replace('\n', "\r\n"));
    measure("not only ASCII", &decoder, &input(mixed).replace("\"C1\"", "\"Cé\""));
    measure("objects that nobody reads", &decoder, &input(|i| mixed(i) + ",\"d\":{\"a\":[1,2.5,{\"b\":null}]}"));
    measure("escapes in skipped text", &decoder, &input(|i| mixed(i) + ",\"url\":\"https:\\/\\/a\\/b\""));
    measure("escapes in read text", &decoder, &input(mixed).replace("\"C1\"", "\"\\u0043\""));
    let numbers = ["seq", "bitrate"].map(|name| column(name, if name == "seq" { Type::Int } else { Type::Float }));
    let with_numbers = Decoder::new(&source, &numbers);
    measure("an int and a float", &with_numbers, &input(|i| format!("\"seq\":{i},\"bitrate\":{}.5", i % 1000)));
    let nested = Decoder::new(&source, &[column("player.buffer", Type::String)]);
    measure("nested member", &nested, &input(|i| format!("\"player\":{{\"buffer\":\"b{}\"}}", i % 7)));
    let lines = input(mixed);
    let bad: String = lines
        .lines()
        .enumerate()
        .map(|(i, line)| if i % 100 == 0 { "bad\n".into() } else { format!("{line}\n") })
        .collect();
    measure("one bad line in a hundred", &decoder, &bad);
    read(&lines);
}

const STATES: [&str; 3] = ["play", "buffer", "pause"];

/// Events as sessions have them: few carry every column.
fn mixed(i: usize) -> String {
    match i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60 {
        0..10 => format!("\"playerState\":\"{}\",\"cdn\":\"C{}\",\"seq\":{i}", STATES[i % 3], i % 4),
        10..13 => format!("\"userAction\":\"seek\",\"cdn\":\"C{}\",\"seq\":{i}", i % 4),
        _ => format!("\"heartbeat\":true,\"bitrate\":{},\"seq\":{i}", i % 5000),
    }
}

fn input(members: impl Fn(usize) -> String) -> String {
    let mut out = String::new();
    for i in 0..LINES {
        let session = i.wrapping_mul(7919) % 100_000;
        let members = members(i);
        let _ = writeln!(out, "{{\"ts\":{},\"sessionId\":\"s{session:06}\",{members}}}", 1_700_000_000_000 + i);
    }
    out
}

fn measure(what: &str, decoder: &Decoder, text: &str) {
    // As with other benchmarks, an argument chooses by name.
    if std::env::args().skip(1).any(|arg| !arg.starts_with('-') && !what.contains(&arg)) {
        return;
    }
    let mut decoder = decoder.clone();
    let (mut best, mut events, mut dead) = (Duration::MAX, 0, 0);
    let mut spare = vec![];
    for _ in 0..ROUNDS {
        (events, dead) = (0, 0);
        let (mut spent, mut rest) = (Duration::ZERO, text.as_bytes());
        while !rest.is_empty() {
            // As a source leaves it: written a moment ago, into memory that was used before.
            let end = rest[..rest.len().min(1 << 20)].iter().rposition(|byte| *byte == b'\n').expect("short lines") + 1;
            let mut bytes: Vec<u8> = std::mem::take(&mut spare);
            bytes.clear();
            bytes.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
            let (start, end) = (Position::START, Position::START.plus(bytes.len() as u64));
            let begun = Instant::now();
            let batch = decoder.decode(Block {
                payload: Payload::Lines(bytes),
                start,
                end,
                origin: "bench".into(),
                marks: vec![],
                preceding: None,
            });
            spent += begun.elapsed();
            events += batch.events.len();
            dead += batch.dead.len();
            spare = decoder.recycle(black_box(batch));
        }
        best = best.min(spent);
    }
    let each = best.as_nanos() as f64 / LINES as f64;
    let rate = text.len() as f64 / best.as_secs_f64() / 1e9;
    println!(
        "{what:32} {each:6.1} ns a line  {rate:5.2} GB/s  {:4} bytes  {events} events, {dead} dead",
        text.len() / LINES
    );
}

fn read(text: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().join("log.ndjson");
    std::fs::write(&name, text).expect("a file");
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let names = [name.to_str().expect("a name").to_owned()];
        let mut source = FileSource::open(&names, event_feeder::file::Options::default()).expect("it is there");
        let begun = Instant::now();
        while let Next::Block(block) = source.next().expect("it can be read") {
            if let Payload::Lines(bytes) = black_box(block).payload {
                source.recycle(bytes);
            }
        }
        best = best.min(begun.elapsed());
    }
    println!("{:32} {:6.1} ns a line", "reading the file", best.as_nanos() as f64 / LINES as f64);
}
