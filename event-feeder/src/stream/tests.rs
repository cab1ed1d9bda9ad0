//! A stream read to its end, in every format.

use super::*;

fn payloads(input: &[u8]) -> Vec<String> {
    let mut source = StreamSource::new(input, "test", None).unwrap();
    source.sniff().unwrap();
    let mut out = vec![];
    while let Next::Block(block) = source.next().unwrap() {
        let text = match &block.payload {
            Payload::Lines(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Payload::Csv { header, bytes, .. } => format!("{}: {}", header.join("+"), String::from_utf8_lossy(bytes)),
            Payload::Rows(rows) => format!("{} rows", rows.num_rows()),
            Payload::TooLong(_) => "too long".into(),
        };
        out.push(format!("{}-{} {text}", block.start.offset, block.end.offset));
    }
    assert!(matches!(source.next(), Ok(Next::End)));
    out
}

#[test]
fn each_format_is_told_by_its_content_and_nothing_is_lost_by_looking() {
    assert_eq!(payloads(b""), [""; 0]);
    assert_eq!(payloads(b"{\"k\":1}\n\n{\"k\":2}"), ["0-16 {\"k\":1}\n\n{\"k\":2}"]);
    assert_eq!(payloads(b"k,t\n1,\"2\n3\"\n4"), ["4-13 k+t: 1,\"2\n3\"\n4"]);
    assert_eq!(payloads(b"k,t\n"), [""; 0]);
    let column = Arc::new(arrow::array::Int64Array::from(vec![1, 2, 3]));
    let rows = arrow::record_batch::RecordBatch::try_from_iter([("t", column as _)]).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(vec![], rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    assert_eq!(payloads(&writer.into_inner().unwrap()), ["0-3 3 rows"]);
}

#[test]
fn blocks_of_a_long_stream_join_to_it() {
    let text: String = (0..200_000).map(|i| format!("{{\"k\":{i}}}\n")).collect();
    let mut source = StreamSource::new(text.as_bytes(), "test", None).unwrap();
    let mut joined = vec![];
    while let Next::Block(block) = source.next().unwrap() {
        assert_eq!(block.start.offset as usize, joined.len());
        let Payload::Lines(bytes) = block.payload else { panic!() };
        joined.extend_from_slice(&bytes);
        source.recycle(bytes);
    }
    assert!(joined == text.as_bytes());
    assert!(matches!(source.caught_up_target().unwrap(), Target::At(at) if at.offset as usize == text.len()));
}

#[test]
fn a_broken_stream_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let mut source = StreamSource::new(Broken, "test", Some(Format::Ndjson)).unwrap();
    assert_eq!(source.next().unwrap_err().code().as_str(), "TL2101");
}
