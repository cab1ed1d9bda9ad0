//! Local times that come twice: which of both they are is decided by the record before them, however the log is cut.

use super::support::{Declared, block};
use crate::decode::Preceding;
use crate::{Batch, Block, Decoder, Mark, Payload, Position, RecordCode};
use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::{SourceDefinition, TimeFormat, TimeUnit};

const MINUTE: Time = 60_000_000_000;

/// Of local times of Berlin, on the night in which 02:00 to 03:00 comes twice.
fn decoder_with(future: Option<Time>) -> Decoder {
    let form = TimeFormat { format: "%Y-%m-%d %H:%M".into(), zone: Some("Europe/Berlin".into()) };
    let time_unit = TimeUnit::Format(Arc::new(form));
    Decoder::new(&SourceDefinition { time_unit, future, ..Declared::default().source() }, &[])
}

fn decoder() -> Decoder {
    decoder_with(None)
}

/// Nanoseconds of the first minute of that day in UTC; at 01:00 of it the clocks are put back.
fn midnight() -> Time {
    let midnight: jiff::Timestamp = "2024-10-27T00:00:00Z".parse().unwrap();
    Time::try_from(midnight.as_nanosecond()).unwrap()
}

/// Minutes of the day in UTC of a batch's events.
fn minutes(batch: &Batch) -> Vec<i64> {
    batch.events.iter().map(|event| (event.time - midnight()) / MINUTE).collect()
}

/// A record, by local minutes of the day.
#[derive(Clone, Copy, Debug)]
enum Written {
    Event(i64),
    /// One whose key is no key.
    Keyless(i64),
    Timeless,
    /// None at all.
    Broken,
}

impl Written {
    fn of((kind, minute): (u8, i64)) -> Written {
        match kind {
            0 => Written::Keyless(minute),
            1 => Written::Timeless,
            2 => Written::Broken,
            _ => Written::Event(minute),
        }
    }

    /// Its key and its time; `None` where it is no record.
    fn cells(self) -> Option<(&'static str, String)> {
        let local = |minute: i64| format!("2024-10-27 {:02}:{:02}", minute / 60, minute % 60);
        match self {
            Written::Event(minute) => Some(("a", local(minute))),
            Written::Keyless(minute) => Some(("", local(minute))),
            Written::Timeless => Some(("a", "x".into())),
            Written::Broken => None,
        }
    }
}

/// The minutes in UTC of all events, by the definition.
fn wanted(records: &[Written]) -> Vec<i64> {
    let (mut last, mut events) = (None, vec![]);
    for record in records {
        let (Written::Event(local) | Written::Keyless(local)) = *record else { continue };
        let at = match local {
            ..120 => local - 120,
            180.. => local - 60,
            _ => {
                let both = [local - 120, local - 60];
                both.into_iter().find(|at| last.is_none_or(|last| *at >= last)).unwrap_or(both[0])
            }
        };
        last = Some(at);
        if let Written::Event(_) = record {
            events.push(at);
        }
    }
    events
}

fn lines(records: &[Written]) -> Payload {
    let line = |record: &Written| match record.cells() {
        Some((key, time)) => format!("{{\"k\":\"{key}\",\"t\":\"{time}\"}}\n"),
        None => "no record\n\n".into(),
    };
    Payload::Lines(records.iter().map(line).collect::<String>().into_bytes())
}

/// With cells of two lines, so that where a record begins cannot be told from its end.
fn csv(records: &[Written]) -> Payload {
    let line = |record: &Written| match record.cells() {
        Some((key, time)) => format!("\"{key}\",\"{time}\",\"of\ntwo lines\"\r\n"),
        None => "too,few\n".into(),
    };
    let bytes = records.iter().map(line).collect::<String>().into_bytes();
    Payload::Csv { header: ["k", "t", "s"].map(String::from).as_slice().into(), delimiter: b',', bytes }
}

fn rows(records: &[Written]) -> Payload {
    let cells = || records.iter().map(|record| record.cells());
    let keys: ArrayRef = Arc::new(cells().map(|cells| cells.map(|cells| cells.0)).collect::<StringArray>());
    let times: ArrayRef = Arc::new(cells().map(|cells| cells.map(|cells| cells.1)).collect::<StringArray>());
    Payload::Rows(RecordBatch::try_from_iter_with_nullable([("k", keys, true), ("t", times, true)]).unwrap())
}

/// A block cut into pieces of these sizes, over and over.
fn pieces(payload: Payload, sizes: &[usize]) -> Vec<Block> {
    let (mut all, mut rest, mut sizes) = (vec![], Some(block(payload)), sizes.iter().cycle());
    while let Some(block) = rest {
        let (piece, more) = block.cut(*sizes.next().expect("they come again"));
        all.push(piece);
        rest = more;
    }
    all
}

/// The minutes of the events of blocks that are decoded apart, the last first.
fn read(mut preceding: Preceding, mut blocks: Vec<Block>) -> Vec<i64> {
    blocks.iter_mut().for_each(|block| preceding.tell(block));
    let mut batches: Vec<Batch> = blocks.into_iter().rev().map(|block| decoder().decode(block)).collect();
    batches.reverse();
    batches.iter().flat_map(minutes).collect()
}

fn from_the_start() -> Preceding {
    Preceding::with(Some(decoder()))
}

fn events(locals: &[&str]) -> Vec<Written> {
    let minute = |local: &&str| local[..2].parse::<i64>().unwrap() * 60 + local[3..].parse::<i64>().unwrap();
    locals.iter().map(minute).map(Written::Event).collect()
}

#[test]
fn an_hour_that_comes_twice_is_read_twice() {
    let records = events(&["01:59", "02:30", "02:45", "02:10", "02:40", "03:00"]);
    let in_utc = [-1, 30, 45, 70, 100, 120];
    assert_eq!(wanted(&records), in_utc);
    for payload in [lines(&records), csv(&records), rows(&records)] {
        let batch = decoder().decode(block(payload.clone()));
        assert_eq!(minutes(&batch), in_utc, "{payload:?}");
        assert_eq!((batch.seen.twice, batch.last.time), (4, Some(midnight() + 120 * MINUTE)));
        assert!(batch.last.is_certain);
        for size in 1..200 {
            assert_eq!(read(from_the_start(), pieces(payload.clone(), &[size])), in_utc, "{size}: {payload:?}");
        }
    }
}

#[test]
fn what_is_behind_both_is_the_earlier() {
    for (locals, in_utc) in [
        // Out of order within one of the hours: there is no telling.
        (&["02:45", "02:40"][..], &[45, 100][..]),
        (&["02:45", "02:40", "02:42"][..], &[45, 100, 102][..]),
        (&["03:00", "02:40"][..], &[120, 40][..]),
        (&["03:00", "02:40", "02:10"][..], &[120, 40, 70][..]),
    ] {
        let batch = decoder().decode(block(lines(&events(locals))));
        assert_eq!(minutes(&batch), in_utc, "{locals:?}");
    }
}

#[test]
fn a_file_begins_anew_and_a_partition_goes_on_over_its_ledgers() {
    let of = |file, locals: &[&str], is_topic: bool| {
        let start = Position::at(file, 0);
        let mark = Mark { at: 0, position: Position::message(file, 0, 0), received: None, key: None };
        let marks = if is_topic { vec![mark] } else { vec![] };
        Block { start, end: Position::at(file, 1), marks, ..block(lines(&events(locals))) }
    };
    for (is_topic, in_utc) in [(false, [45, 70, 40, 50]), (true, [45, 70, 100, 110])] {
        let all = [(3, "02:45"), (3, "02:10"), (4, "02:40"), (5, "02:50")];
        let blocks = all.into_iter().map(|(file, local)| of(file, &[local], is_topic)).collect();
        assert_eq!(read(from_the_start(), blocks), in_utc);
    }
}

#[test]
fn reading_goes_on_from_a_place_with_what_precedes_it() {
    for (file, last, in_utc) in [
        (7, Some(45), [70]),
        (7, None, [10]),
        // Of another file nothing is known.
        (6, Some(45), [10]),
    ] {
        let mut preceding = from_the_start();
        preceding.go_on(Position::at(file, 100), last.map(|last| midnight() + last * MINUTE));
        let next = Block { start: Position::at(7, 100), ..block(lines(&events(&["02:10"]))) };
        assert_eq!(read(preceding, vec![next]), in_utc, "{file} {last:?}");
    }
    // A source that knows it says so itself.
    let next = Block { preceding: Some(midnight() + 45 * MINUTE), ..block(lines(&events(&["02:10"]))) };
    assert_eq!(read(from_the_start(), vec![next]), [70]);
}

#[test]
fn a_time_that_is_not_believed_precedes_nothing() {
    let texts = ["2024-10-27 02:45", "2025-10-27 09:00", "2024-10-27 02:10"];
    let (mut bytes, mut marks) = (vec![], vec![]);
    for (i, time) in (0..).zip(texts) {
        let (at, position) = (bytes.len() as u32, Position::message(1, i, 0));
        marks.push(Mark { at, position, received: Some(midnight() + 120 * MINUTE), key: None });
        bytes.extend_from_slice(format!("{{\"k\":\"a\",\"t\":\"{time}\"}}\n").as_bytes());
    }
    let end = Position::at(1, 3);
    let whole = Block { marks, start: Position::at(1, 0), end, ..block(Payload::Lines(bytes)) };
    let batch = decoder_with(Some(0)).decode(whole.clone());
    assert_eq!((minutes(&batch), batch.dead[0].code), (vec![45, 70], RecordCode::Future));
    let mut preceding = Preceding::with(Some(decoder_with(Some(0))));
    let (mut first, rest) = whole.cut(1);
    let (mut second, rest) = rest.unwrap().cut(1);
    let mut third = rest.unwrap();
    [&mut first, &mut second, &mut third].into_iter().for_each(|block| preceding.tell(block));
    assert_eq!(third.preceding, Some(midnight() + 45 * MINUTE));
}

#[test]
fn sources_that_do_not_ask_are_told_nothing() {
    let mut preceding = Preceding::with(Some(Declared::default().decoder()));
    let mut only = block(Payload::Lines(b"{\"k\":\"a\",\"t\":1}\n".to_vec()));
    preceding.tell(&mut only);
    assert_eq!((only.preceding, preceding.last()), (None, None));
}

proptest! {
    #[test]
    fn no_time_depends_on_how_a_log_is_cut_or_on_where_reading_goes_on(
        records in prop::collection::vec((0u8..9, 90i64..210), 0..60),
        sizes in prop::collection::vec(0usize..400, 1..6),
        goes_on in 0usize..8,
    ) {
        let records: Vec<Written> = records.into_iter().map(Written::of).collect();
        let wanted = wanted(&records);
        for payload in [lines(&records), csv(&records), rows(&records)] {
            let whole = decoder().decode(block(payload.clone()));
            prop_assert_eq!(&minutes(&whole), &wanted, "{:?}", payload);
            let blocks = pieces(payload.clone(), &sizes);
            prop_assert_eq!(&read(from_the_start(), blocks.clone()), &wanted, "{:?}", payload);
            // As from a checkpoint.
            let (before, behind) = blocks.split_at(goes_on.min(blocks.len()));
            let mut preceding = from_the_start();
            before.to_vec().iter_mut().for_each(|block| preceding.tell(block));
            let mut again = from_the_start();
            again.go_on(Position::START, preceding.last());
            let mut read_all = read(from_the_start(), before.to_vec());
            read_all.extend(read(again, behind.to_vec()));
            prop_assert_eq!(&read_all, &wanted, "{:?}", payload);
        }
    }
}
