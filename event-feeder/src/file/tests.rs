//! Logs of files that grow, rotate, and are not what they were.

mod again;
mod content;

use super::*;
use crate::{Block, Payload, Target};
use arrow::array::{Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use std::fs;
use std::io::Write;
use std::sync::Arc;
use tempfile::TempDir;

/// A folder with the log `*.log` of lines (or what a test writes there).
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn append(&self, name: &str, text: &str) {
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn open(&self, mode: Mode) -> FileSource {
        FileSource::open(&[self.path("*.log")], options(mode)).unwrap()
    }

    fn resume(&self, files: FileTable, after: Position) -> Result<FileSource, Error> {
        FileSource::resume(&[self.path("*.log")], options(Mode::Tail), files, after)
    }
}

fn options(mode: Mode) -> Options {
    Options { mode, format: Some(Format::Ndjson), ..Options::default() }
}

fn text(block: &Block) -> &str {
    match &block.payload {
        Payload::Lines(bytes) | Payload::Csv { bytes, .. } => std::str::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// All that the source has now, joined, and how it stopped.
fn read(source: &mut FileSource) -> (String, &'static str) {
    let mut out = String::new();
    loop {
        match source.next() {
            Ok(Next::Block(block)) => out += text(&block),
            Ok(Next::Idle { .. }) => return (out, "idle"),
            Ok(Next::End | Next::Gap(_)) => return (out, "end"),
            Err(error) => return (out, error.code().as_str()),
        }
    }
}

fn codes(source: &mut FileSource) -> Vec<&'static str> {
    source.notices().iter().map(|notice| notice.code.as_str()).collect()
}

fn target(source: &mut FileSource) -> Position {
    match source.caught_up_target().unwrap() {
        Target::At(position) => position,
        Target::Asked(_) => panic!("files answer at once"),
    }
}

#[test]
fn files_are_one_log_in_the_order_of_their_names() {
    let folder = Folder::new();
    folder.write("b.log", "3\n4");
    folder.write("a.log", "1\n2\n");
    folder.write("c.log", "");
    folder.write("d.log", "\n5\n");
    let mut source = folder.open(Mode::Batch);
    let mut blocks = vec![];
    while let Next::Block(block) = source.next().unwrap() {
        blocks.push((block.start.to_string(), block.end.to_string(), text(&block).to_owned()));
    }
    let block = |start: &str, end: &str, text: &str| (start.to_owned(), end.to_owned(), text.to_owned());
    assert_eq!(blocks, [block("0:0", "0:4", "1\n2\n"), block("1:0", "1:3", "3\n4"), block("3:0", "3:3", "\n5\n")]);
    assert_eq!(read(&mut source), (String::new(), "end"));
}

#[test]
fn what_does_not_exist_is_refused_in_a_batch_and_waited_for_in_a_tail() {
    let folder = Folder::new();
    let pattern = [folder.path("*.log")];
    let error = FileSource::open(&pattern, options(Mode::Batch)).err().unwrap();
    assert_eq!(error.code(), RecordCode::NoMatch);
    let mut source = folder.open(Mode::Tail);
    assert_eq!(read(&mut source), (String::new(), "idle"));
    assert_eq!(target(&mut source), Position::START);
    folder.write("a.log", "1\n");
    assert_eq!(read(&mut source), ("1\n".into(), "idle"));
    fs::create_dir(folder.path("folder")).unwrap();
    let error = FileSource::open(&[folder.path("folder")], options(Mode::Batch)).err().unwrap();
    assert_eq!(error.code(), RecordCode::Unreadable);
}

#[test]
fn a_tail_keeps_back_an_unfinished_line_until_it_is_finished_or_the_file_is_closed() {
    let folder = Folder::new();
    folder.write("a.log", "1\n2");
    let mut source = folder.open(Mode::Tail);
    assert_eq!(target(&mut source), Position::at(0, 2));
    assert_eq!(read(&mut source), ("1\n".into(), "idle"));
    folder.append("a.log", "2");
    assert_eq!(read(&mut source), (String::new(), "idle"));
    folder.append("a.log", "2\n3");
    assert_eq!(target(&mut source), Position::at(0, 6));
    assert_eq!(read(&mut source), ("222\n".into(), "idle"));
    folder.write("b.log", "4\n");
    assert_eq!(target(&mut source), Position::at(1, 2));
    assert_eq!(read(&mut source), ("34\n".into(), "idle"));
    assert_eq!(source.files()[0].closed, Some(7));
    assert_eq!(source.files()[1].closed, None);
    // An empty later file closes as well, and is not waited for by anyone.
    folder.append("b.log", "5");
    folder.write("c.log", "");
    assert_eq!(target(&mut source), Position::at(1, 3));
    assert_eq!(read(&mut source), ("5".into(), "idle"));
}

#[test]
fn a_last_line_that_is_a_whole_object_can_be_had_before_its_line_feed() {
    let folder = Folder::new();
    folder.write("a.log", "{\"a\":1}\n{\"b\":2");
    let mut source = folder.open(Mode::Tail);
    assert_eq!(read(&mut source), ("{\"a\":1}\n".into(), "idle"));
    let waits = source.unended().unwrap();
    assert_eq!((waits.offset, waits.bytes), (8, 6));
    assert!(waits.notice().detail.contains("its last 6 bytes, from byte 8 on"), "{:?}", waits.notice());
    assert!(source.take_unended().unwrap().is_none(), "it may go on");
    folder.append("a.log", "}");
    assert_eq!(read(&mut source), (String::new(), "idle"), "nobody has asked");
    let block = source.take_unended().unwrap().unwrap();
    assert_eq!((text(&block), block.start, block.end), ("{\"b\":2}", Position::at(0, 8), Position::at(0, 15)));
    assert!(source.unended().is_none() && source.take_unended().unwrap().is_none());
    assert_eq!(target(&mut source), Position::at(0, 15));
    let files = source.files().clone();
    // Its line feed is no record, for who is there and for who comes later.
    folder.append("a.log", "\r\n{\"c\":3}\n");
    let rest = ("\r\n{\"c\":3}\n".to_owned(), "idle");
    assert_eq!(read(&mut source), rest);
    assert_eq!(read(&mut folder.resume(files.clone(), block.end).unwrap()), rest);
    let mut again = FileSource::replay(options(Mode::Batch), files, Position::START, block.end);
    assert_eq!(read(&mut again), ("{\"a\":1}\n{\"b\":2}".into(), "end"));
}

#[test]
fn a_line_that_goes_on_behind_what_was_read_of_it_is_an_error_that_repeats() {
    for (more, stop) in [("\n{}\n", "idle"), (" \n", "idle"), (" x\n", "TL2116"), ("{\"b\":2}\n", "TL2116")] {
        let folder = Folder::new();
        folder.write("a.log", "{\"a\":1}");
        let mut source = folder.open(Mode::Tail);
        read(&mut source);
        let end = source.take_unended().unwrap().unwrap().end;
        let files = source.files().clone();
        folder.append("a.log", more);
        for _ in 0..2 {
            assert_eq!(read(&mut source).1, stop, "{more:?}");
        }
        assert_eq!(read(&mut folder.resume(files, end).unwrap()).1, stop, "{more:?}");
    }
    // What follows is no record of its own, however whole it is.
    let folder = Folder::new();
    folder.write("a.log", "{\"a\":1}");
    let mut source = folder.open(Mode::Tail);
    read(&mut source);
    source.take_unended().unwrap().unwrap();
    folder.append("a.log", "{\"b\":2}");
    for _ in 0..2 {
        assert_eq!(read(&mut source), (String::new(), "idle"));
        assert_eq!(source.take_unended().unwrap_err().code(), RecordCode::WentOn);
    }
}

#[test]
fn a_last_row_of_csv_always_waits() {
    let folder = Folder::new();
    folder.write("a.csv", "k,t\na,1\nb,2");
    let options = Options { mode: Mode::Tail, ..Options::default() };
    let mut source = FileSource::open(&[folder.path("*.csv")], options).unwrap();
    assert_eq!(read(&mut source), ("a,1\n".into(), "idle"));
    assert!(source.take_unended().unwrap().is_none(), "2 may be the beginning of 20");
    let waits = source.unended().unwrap();
    assert_eq!((waits.offset, waits.bytes), (8, 3));
}

#[test]
fn what_is_not_part_of_the_log_is_said_once_and_not_read() {
    let folder = Folder::new();
    folder.write("b.log", "1\n");
    folder.write("c.log", "2\n");
    let mut source = folder.open(Mode::Tail);
    assert_eq!(read(&mut source), ("1\n2\n".into(), "idle"));
    folder.append("b.log", "late\n");
    folder.write("a.log", "early\n");
    fs::hard_link(folder.path("b.log"), folder.path("d.log")).unwrap();
    for _ in 0..3 {
        assert_eq!(read(&mut source), (String::new(), "idle"));
    }
    assert_eq!(codes(&mut source), ["TL2111", "TL2112", "TL2110"]);
    // Whoever waits for all of the source is told as long as that is so.
    let left =
        |source: &mut FileSource| source.left_out().unwrap().iter().map(|left| left.code.as_str()).collect::<Vec<_>>();
    assert_eq!(left(&mut source), ["TL2111", "TL2110"]);
    fs::remove_file(folder.path("a.log")).unwrap();
    assert_eq!(left(&mut source), ["TL2110"]);
    folder.write("b.log", "1\n");
    assert!(left(&mut source).is_empty(), "it is what it was");
    folder.append("b.log", "late\n");
    fs::remove_file(folder.path("b.log")).unwrap();
    for _ in 0..3 {
        assert_eq!(read(&mut source), (String::new(), "idle"));
    }
    assert_eq!(codes(&mut source), ["TL2114"]);
    folder.append("c.log", "3\n");
    assert_eq!(read(&mut source), ("3\n".into(), "idle"));
}

#[test]
fn a_resumed_log_says_the_same_things() {
    let folder = Folder::new();
    folder.write("b.log", "1\n");
    folder.write("c.log", "2\n");
    let mut source = folder.open(Mode::Tail);
    read(&mut source);
    let (files, at) = (source.files().clone(), Position::at(1, 2));
    folder.append("b.log", "late\n");
    folder.write("a.log", "early\n");
    let mut source = folder.resume(files.clone(), at).unwrap();
    assert_eq!(read(&mut source), (String::new(), "idle"));
    assert_eq!(codes(&mut source), ["TL2110", "TL2111"]);
    fs::remove_file(folder.path("b.log")).unwrap();
    let mut source = folder.resume(files, at).unwrap();
    folder.append("c.log", "3\n");
    assert_eq!(read(&mut source), ("3\n".into(), "idle"));
    assert_eq!(codes(&mut source), ["TL2114", "TL2111"]);
}

#[test]
fn a_log_that_is_not_what_it_was_is_an_error_that_repeats() {
    type Change = fn(&Folder);
    let changes: [(&str, Change); 5] = [
        ("TL2102", |folder| folder.write("a.log", "1\n")),
        ("TL2103", |folder| folder.write("a.log", "9\n2\n3\n")),
        ("TL2103", |folder| {
            folder.write("new", "1\n3\n3\n");
            fs::rename(folder.path("new"), folder.path("a.log")).unwrap();
        }),
        ("TL2104", |folder| fs::rename(folder.path("a.log"), folder.path("gone")).unwrap()),
        ("TL2102", |folder| folder.write("a.log", "")),
    ];
    for (code, change) in changes {
        let folder = Folder::new();
        folder.write("a.log", "1\n2\n");
        let mut source = folder.open(Mode::Tail);
        assert_eq!(read(&mut source), ("1\n2\n".into(), "idle"));
        let files = source.files().clone();
        change(&folder);
        for _ in 0..2 {
            assert_eq!(read(&mut source), (String::new(), code));
        }
        match folder.resume(files, Position::at(0, 4)) {
            Err(error) => assert_eq!(error.code().as_str(), code),
            Ok(mut resumed) => {
                for _ in 0..2 {
                    assert_eq!(read(&mut resumed), (String::new(), code));
                }
            }
        }
    }
}

#[test]
fn closed_files_that_changed_are_an_error_at_the_restart() {
    let folder = Folder::new();
    folder.write("a.log", "1\n2\n");
    folder.write("b.log", "3\n");
    let mut source = folder.open(Mode::Tail);
    read(&mut source);
    let (files, at) = (source.files().clone(), Position::at(1, 2));
    folder.write("a.log", "1\n");
    assert_eq!(folder.resume(files.clone(), at).err().unwrap().code(), RecordCode::Truncated);
    folder.write("a.log", "9\n9\n");
    assert_eq!(folder.resume(files, at).err().unwrap().code(), RecordCode::Replaced);
}

#[test]
fn reading_goes_on_behind_every_record() {
    let folder = Folder::new();
    let records = ["{\"a\":1}\n", "\n", "xx\n", "{\"b\":\"é\"}\n", "y"];
    folder.write("a.log", &records.concat());
    folder.write("b.log", &records.concat());
    folder.write("c.log", "z\n");
    let mut source = folder.open(Mode::Tail);
    let (whole, _) = read(&mut source);
    let files: FileTable = serde_json::from_str(&serde_json::to_string(source.files()).unwrap()).unwrap();
    assert_eq!(&files, source.files());
    let mut before = String::new();
    for file in 0..2 {
        let mut offset = 0;
        for record in records {
            let after = Position::at(file, offset);
            let (rest, _) = read(&mut folder.resume(files.clone(), after).unwrap());
            assert_eq!(format!("{before}{rest}"), whole, "after {after}");
            let (again, stop) =
                read(&mut FileSource::replay(options(Mode::Batch), files.clone(), Position::START, after));
            assert_eq!((again, stop), (before.clone(), "end"), "until {after}");
            offset += record.len() as u64;
            before += record;
        }
    }
    // What was closed stays out of it, though it has grown since.
    folder.append("a.log", "late\n");
    let end = Position::at(2, 2);
    let (again, _) = read(&mut FileSource::replay(options(Mode::Batch), files, Position::START, end));
    assert_eq!(again, whole);
}

#[test]
fn large_files_come_in_blocks_of_whole_lines() {
    let folder = Folder::new();
    let line = |i: usize| format!("{i} {}\n", "x".repeat(i * 7919 % 3000));
    let whole: String = (0..4000).map(line).collect();
    folder.write("a.log", &whole);
    let mut source = folder.open(Mode::Batch);
    let (mut at, mut count) = (Position::START, 0);
    while let Next::Block(block) = source.next().unwrap() {
        assert_eq!((block.start, text(&block)), (at, &whole[at.offset as usize..block.end.offset as usize]));
        assert!(text(&block).ends_with('\n'));
        (at, count) = (block.end, count + 1);
        let Payload::Lines(bytes) = block.payload else { panic!() };
        source.recycle(bytes);
    }
    assert_eq!(at.offset as usize, whole.len());
    assert!(count >= whole.len() >> 20 && count <= (whole.len() >> 20) + 2, "{count} blocks");
}

#[test]
fn csv_has_a_header_in_each_file_and_records_over_several_lines() {
    let folder = Folder::new();
    let options = |mode| Options { mode, ..Options::default() };
    let pattern = [folder.path("*.csv")];
    folder.write("a.csv", "\u{feff}k,t\n1,2\n");
    folder.write("b.csv", "\r\n\"t\",k\r\n3,\"4\n");
    folder.write("c.csv", "k,");
    let mut source = FileSource::open(&pattern, options(Mode::Tail)).unwrap();
    let mut blocks = vec![];
    let mut drain = |source: &mut FileSource| {
        blocks.clear();
        while let Next::Block(block) = source.next().unwrap() {
            let Payload::Csv { header, bytes, .. } = &block.payload else { panic!() };
            let text = String::from_utf8_lossy(bytes).into_owned();
            blocks.push(format!("{} {}-{} {text:?}", header.join("+"), block.start, block.end));
        }
        blocks.clone()
    };
    assert_eq!(target(&mut source), Position::at(1, 14));
    assert_eq!(drain(&mut source), ["k+t 0:7-0:11 \"1,2\\n\"", "t+k 1:9-1:14 \"3,\\\"4\\n\""]);
    folder.append("c.csv", "t\n5,\"6");
    assert_eq!(drain(&mut source), [""; 0]);
    folder.append("c.csv", "\n7\"\n8,\"9\n");
    assert_eq!(target(&mut source), Position::at(2, 12));
    assert_eq!(drain(&mut source), ["k+t 2:4-2:12 \"5,\\\"6\\n7\\\"\\n\""]);
    let files = source.files().clone();
    for offset in [0, 4, 12] {
        let after = Position::at(2, offset);
        let mut resumed = FileSource::resume(&pattern, options(Mode::Tail), files.clone(), after).unwrap();
        folder.append("c.csv", "");
        let got = drain(&mut resumed);
        assert_eq!(got.is_empty(), offset == 12, "{got:?}");
        assert_eq!(target(&mut resumed), Position::at(2, 12));
    }
    folder.append("c.csv", "\"\n");
    let after = Position::at(2, 12);
    let mut resumed = FileSource::resume(&pattern, options(Mode::Tail), files, after).unwrap();
    assert_eq!(drain(&mut resumed), ["k+t 2:12-2:19 \"8,\\\"9\\n\\\"\\n\""]);
    folder.write("d.csv", "\"k,t\n");
    let error = FileSource::open(&[folder.path("d.csv")], options(Mode::Batch)).unwrap().next().unwrap_err();
    assert_eq!(error.code(), RecordCode::BadFormat);
}

fn parquet(from: i64, count: i64) -> Vec<u8> {
    let column = Arc::new(Int64Array::from_iter_values(from..from + count));
    let rows = RecordBatch::try_from_iter([("t", column.clone() as _), ("unread", column as _)]).unwrap();
    let mut writer = ArrowWriter::try_new(vec![], rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn parquet_is_read_by_rows_and_only_the_columns_that_are_asked_for() {
    let folder = Folder::new();
    fs::write(folder.path("a.parquet"), parquet(0, 10_000)).unwrap();
    let bytes = parquet(10_000, 3);
    fs::write(folder.path("b.parquet"), &bytes[..bytes.len() - 1]).unwrap();
    let pattern = [folder.path("*.parquet")];
    let options = |mode| Options { mode, fields: Some(vec![FieldPath::name("t")]), ..Options::default() };
    let values = |source: &mut FileSource| {
        let mut out = vec![];
        loop {
            match source.next() {
                Ok(Next::Block(block)) => {
                    let Payload::Rows(rows) = &block.payload else { panic!() };
                    assert_eq!(rows.num_columns(), 1);
                    let column = rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
                    assert_eq!(block.end.offset - block.start.offset, column.len() as u64);
                    out.extend(column.values());
                }
                Ok(Next::Idle { .. }) => return (out, "idle"),
                Ok(Next::End | Next::Gap(_)) => return (out, "end"),
                Err(error) => return (out, error.code().as_str()),
            }
        }
    };
    let mut source = FileSource::open(&pattern, options(Mode::Tail)).unwrap();
    assert_eq!(target(&mut source), Position::at(0, 10_000));
    assert_eq!(values(&mut source), ((0..10_000).collect(), "idle"));
    assert_eq!(codes(&mut source), ["TL2113"]);
    let mut batch = FileSource::open(&pattern, options(Mode::Batch)).unwrap();
    assert_eq!(values(&mut batch).1, "TL2105");
    assert_eq!(values(&mut batch), (vec![], "TL2105"));
    fs::write(folder.path("b.parquet"), &bytes).unwrap();
    assert_eq!(target(&mut source), Position::at(1, 3));
    assert_eq!(values(&mut source), (vec![10_000, 10_001, 10_002], "idle"));
    let files = source.files().clone();
    for (after, first) in [((0, 0), 0), ((0, 4095), 4095), ((0, 4097), 4097), ((0, 10_000), 10_000), ((1, 2), 10_002)] {
        let at = Position::at(after.0, after.1);
        let mut resumed = FileSource::resume(&pattern, options(Mode::Tail), files.clone(), at).unwrap();
        assert_eq!(values(&mut resumed), ((first..10_003).collect(), "idle"));
        let mut again = FileSource::replay(options(Mode::Batch), files.clone(), Position::START, at);
        assert_eq!(values(&mut again), ((0..first).collect(), "end"));
    }
    fs::write(folder.path("c.parquet"), "PAR1 no Parquet PAR1").unwrap();
    assert_eq!(values(&mut source).1, "TL2105");
}

#[test]
fn content_tells_the_format_where_the_name_does_not() {
    let folder = Folder::new();
    folder.write("a", "\n {\"k\":1}");
    folder.write("b", "k,t\n1,2");
    folder.write("c", "");
    fs::write(folder.path("d"), parquet(0, 1)).unwrap();
    let names = ["a", "b", "c", "d"].map(|name| folder.path(name));
    let mut source = FileSource::open(&names, Options::default()).unwrap();
    let mut next = || source.next().unwrap();
    assert!(matches!(next(), Next::Block(Block { payload: Payload::Lines(_), .. })));
    assert!(matches!(next(), Next::Block(Block { payload: Payload::Csv { .. }, .. })));
    assert!(matches!(next(), Next::Block(Block { payload: Payload::Rows(_), .. })));
    assert!(matches!(next(), Next::End));
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn follow(folder: &Folder, pattern: &str) -> FileSource {
    FileSource::open(&[folder.path(pattern)], Options { mode: Mode::Tail, ..Options::default() }).unwrap()
}

#[test]
fn a_packed_file_is_read_once_it_is_whole_and_never_grows() {
    let folder = Folder::new();
    let packed = gzip("{\"a\":1}\n{\"a\":2}\n");
    fs::write(folder.path("a.ndjson.gz"), &packed[..packed.len() - 5]).unwrap();
    let mut source = follow(&folder, "*.gz");
    assert_eq!(target(&mut source), Position::START);
    assert_eq!(read(&mut source), (String::new(), "idle"));
    assert_eq!(codes(&mut source), ["TL2113"]);
    fs::write(folder.path("a.ndjson.gz"), &packed).unwrap();
    assert_eq!(target(&mut source), Position::at(0, 16));
    assert_eq!(read(&mut source), ("{\"a\":1}\n{\"a\":2}\n".into(), "idle"));
    // What comes to it later is said, and not read; a later file is.
    fs::OpenOptions::new()
        .append(true)
        .open(folder.path("a.ndjson.gz"))
        .unwrap()
        .write_all(&gzip("{\"a\":3}\n"))
        .unwrap();
    fs::write(folder.path("b.ndjson.gz"), gzip("{\"a\":4}\n")).unwrap();
    assert_eq!(read(&mut source), ("{\"a\":4}\n".into(), "idle"));
    (0..3).for_each(|_| _ = read(&mut source));
    assert_eq!(codes(&mut source), ["TL2110"]);
}

#[test]
fn a_packed_file_is_gone_on_with_at_places_of_what_comes_out() {
    let folder = Folder::new();
    let rows: String = (0..200_000).map(|i| format!("k{i};{i};1,5\n")).collect();
    fs::write(folder.path("a.csv.gz"), gzip(&format!("k;t;x\n{rows}"))).unwrap();
    let mut source = follow(&folder, "*.gz");
    let Next::Block(first) = source.next().unwrap() else { panic!() };
    assert!(matches!(first.payload, Payload::Csv { delimiter: b';', .. }));
    let (rest, state) = read(&mut source);
    assert_eq!((format!("{}{rest}", text(&first)), state), (rows, "idle"));
    let options = Options { mode: Mode::Tail, ..Options::default() };
    let mut again = FileSource::resume(&[folder.path("*.gz")], options, source.files().clone(), first.end).unwrap();
    assert!(matches!(again.next().unwrap(), Next::Block(Block { payload: Payload::Csv { delimiter: b';', .. }, .. })));
    let mut again = FileSource::replay(Options::default(), source.files().clone(), first.end, source.reached);
    assert_eq!(read(&mut again).0, rest);
}
