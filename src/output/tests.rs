//! Exact bytes of every format.

use super::{OutputFormat, write};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, StructArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, TimestampNanosecondType};
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn bytes(format: OutputFormat, batches: &[RecordBatch], fold: bool) -> Vec<u8> {
    let mut out = vec![];
    write(format, &batches[0].schema(), batches.iter().cloned().map(Ok), fold, &mut out).unwrap();
    out
}

#[track_caller]
fn check(format: OutputFormat, batches: &[RecordBatch], fold: bool, expect: &str) {
    assert_eq!(String::from_utf8(bytes(format, batches, fold)).unwrap(), expect);
}

fn decimals(values: Vec<Option<i128>>) -> ArrayRef {
    Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, 9).unwrap())
}

fn times(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(values).with_timezone("UTC"))
}

fn texts(values: Vec<Option<&str>>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

/// What `eval --show final` gives.
fn finals() -> RecordBatch {
    batch(vec![
        ("session", texts(vec![Some("s1"), Some("zürich,\"2\"")])),
        ("value", decimals(vec![Some(12_500_000_000), None])),
        ("start", times(vec![Some(0), Some(1_767_323_045_000_000_006)])),
        ("end", times(vec![Some(75_000_000_000), None])),
        ("closed", Arc::new(BooleanArray::from(vec![true, false]))),
    ])
}

#[test]
fn jsonl_writes_times_twice() {
    check(
        OutputFormat::Jsonl,
        &[finals()],
        false,
        r#"{"session":"s1","value":12.5,"start":"1970-01-01T00:00:00.000000000Z","start_ns":0,"end":"1970-01-01T00:01:15.000000000Z","end_ns":75000000000,"closed":true}
{"session":"zürich,\"2\"","value":null,"start":"2026-01-02T03:04:05.000000006Z","start_ns":1767323045000000006,"end":null,"end_ns":null,"closed":false}
"#,
    );
}

#[test]
fn columns_of_one_name_are_all_there() {
    let named = |name: &str| Field::new(name, DataType::Int64, true);
    let fields = vec![named("n"), named("n"), named("n_2"), named("n")];
    let ints = |x: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![x])) };
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let twice = RecordBatch::try_new(schema, vec![ints(1), ints(2), ints(3), ints(4)]).unwrap();
    check(OutputFormat::Jsonl, std::slice::from_ref(&twice), false, "{\"n\":1,\"n_3\":2,\"n_2\":3,\"n_4\":4}\n");
    check(OutputFormat::Csv, std::slice::from_ref(&twice), false, "n,n,n_2,n\n1,2,3,4\n");
    let start =
        Field::new("start", DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some("UTC".into())), true);
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![start.clone(), start]));
    let times = RecordBatch::try_new(schema, vec![times(vec![Some(0)]), times(vec![Some(1)])]).unwrap();
    check(
        OutputFormat::Jsonl,
        &[times],
        false,
        "{\"start\":\"1970-01-01T00:00:00.000000000Z\",\"start_ns\":0,\"start_2\":\"1970-01-01T00:00:00.000000001Z\",\"start_ns_2\":1}\n",
    );
}

#[test]
fn instants_of_any_unit_are_written_alike() {
    let milliseconds: ArrayRef =
        Arc::new(arrow::array::TimestampMillisecondArray::from(vec![1500]).with_timezone("UTC"));
    let seconds: ArrayRef = Arc::new(arrow::array::TimestampSecondArray::from(vec![-1]));
    let far: ArrayRef = Arc::new(arrow::array::TimestampSecondArray::from(vec![253_402_300_799]));
    check(
        OutputFormat::Csv,
        &[batch(vec![("ms", milliseconds), ("s", seconds), ("far", far)])],
        false,
        "ms,s,far\n1970-01-01T00:00:01.500000000Z,1969-12-31T23:59:59.000000000Z,9999-12-31T23:59:59\n",
    );
}

#[test]
fn json_is_one_array_whatever_the_batches() {
    let one = batch(vec![("a", texts(vec![Some("x")]))]);
    check(OutputFormat::Json, &[one.clone(), one.clone()], false, "[\n{\"a\":\"x\"},\n{\"a\":\"x\"}\n]\n");
    check(OutputFormat::Json, &[one.slice(0, 0)], false, "[]\n");
}

#[test]
fn csv_quotes_what_must_be_quoted() {
    check(
        OutputFormat::Csv,
        &[finals()],
        false,
        "session,value,start,end,closed\n\
         s1,12.5,1970-01-01T00:00:00.000000000Z,1970-01-01T00:01:15.000000000Z,true\n\
         \"zürich,\"\"2\"\"\",,2026-01-02T03:04:05.000000006Z,,false\n",
    );
    check(
        OutputFormat::Csv,
        &[batch(vec![("a", texts(vec![Some(""), None, Some("l\nm")]))])],
        false,
        "a\n\"\"\n\"\"\n\"l\nm\"\n",
    );
    let two = batch(vec![("a", texts(vec![Some(""), None])), ("b", texts(vec![None, Some("x")]))]);
    check(OutputFormat::Csv, &[two], false, "a,b\n\"\",\n,x\n");
}

#[test]
fn table_aligns_by_display_width() {
    check(
        OutputFormat::Table,
        &[finals().project(&[0, 1, 4]).unwrap()],
        false,
        "session     value  closed\n\
         ----------  -----  ------\n\
         s1           12.5  true\n\
         zürich,\"2\"         false\n",
    );
    let wide =
        batch(vec![("k", texts(vec![Some("日本"), Some("a\tb")])), ("n", Arc::new(Int64Array::from(vec![7, -10])))]);
    check(OutputFormat::Table, &[wide], false, "k       n\n----  ---\n日本    7\na\\tb  -10\n");
}

#[test]
fn empty_answers_still_have_a_header() {
    let none = finals().slice(0, 0);
    check(OutputFormat::Csv, std::slice::from_ref(&none), false, "session,value,start,end,closed\n");
    check(OutputFormat::Jsonl, &[none], false, "");
}

#[test]
fn decimals_are_plain_digits() {
    let values = vec![
        Some(12_000_000_000),
        Some(1),
        Some(-1),
        Some(-1_500_000_000),
        Some(0),
        Some(i128::from(i64::MAX)),
        Some(99_999_999_999_999_999_999_999_999_999_999_999_999),
    ];
    check(
        OutputFormat::Csv,
        &[batch(vec![("v", decimals(values))])],
        false,
        "v\n12\n0.000000001\n-0.000000001\n-1.5\n0\n9223372036.854775807\n99999999999999999999999999999.999999999\n",
    );
}

#[test]
fn floats_read_back_and_stay_json() {
    let values = vec![1.0, 0.1, -0.0, 1e300, 1e-7, 5e-324, 1e15, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let rows = batch(vec![("v", Arc::new(Float64Array::from(values.clone())))]);
    check(
        OutputFormat::Csv,
        std::slice::from_ref(&rows),
        false,
        "v\n1\n0.1\n-0\n1e300\n1e-7\n5e-324\n1000000000000000\nNaN\ninf\n-inf\n",
    );
    let json = bytes(OutputFormat::Json, &[rows], false);
    let parsed: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
    for (row, value) in parsed.iter().zip(values) {
        assert_eq!(row["v"].as_f64(), value.is_finite().then_some(value));
    }
    // A null would be no value.
    let texts: Vec<_> = parsed.iter().filter_map(|row| row["v"].as_str()).collect();
    assert_eq!(texts, ["NaN", "Infinity", "-Infinity"]);
}

#[test]
fn folding_shows_the_value_that_is_there_with_all_its_digits() {
    let rows = batch(vec![
        ("metric", texts(vec![Some("d"), Some("f"), Some("t"), Some("b"), Some("none")])),
        ("value", Arc::new(Float64Array::from(vec![Some(9_007_199_254.000_001), Some(0.25), None, None, None]))),
        ("value_exact", decimals(vec![Some(9_007_199_254_000_000_001), None, None, None, None])),
        ("value_text", texts(vec![None, None, Some("play"), None, None])),
        ("value_bool", Arc::new(BooleanArray::from(vec![None, None, None, Some(false), None]))),
        ("other_exact", Arc::new(Float64Array::from(vec![0.5; 5]))),
    ]);
    check(
        OutputFormat::Jsonl,
        std::slice::from_ref(&rows),
        true,
        "{\"metric\":\"d\",\"value\":9007199254.000000001,\"other_exact\":0.5}\n\
         {\"metric\":\"f\",\"value\":0.25,\"other_exact\":0.5}\n\
         {\"metric\":\"t\",\"value\":\"play\",\"other_exact\":0.5}\n\
         {\"metric\":\"b\",\"value\":false,\"other_exact\":0.5}\n\
         {\"metric\":\"none\",\"value\":null,\"other_exact\":0.5}\n",
    );
    check(
        OutputFormat::Csv,
        &[rows.slice(1, 1)],
        false,
        "metric,value,value_exact,value_text,value_bool,other_exact\nf,0.25,,,,0.5\n",
    );
}

#[test]
fn nanoseconds_of_the_schema_are_not_repeated() {
    let rows = batch(vec![("at", times(vec![Some(5)])), ("at_ns", Arc::new(Int64Array::from(vec![5])))]);
    check(OutputFormat::Jsonl, &[rows], false, "{\"at\":\"1970-01-01T00:00:00.000000005Z\",\"at_ns\":5}\n");
}

#[test]
fn extreme_times_have_a_spelling() {
    check(
        OutputFormat::Csv,
        &[batch(vec![("t", times(vec![Some(i64::MIN), Some(-1), Some(i64::MAX)]))])],
        false,
        "t\n1677-09-21T00:12:43.145224192Z\n1969-12-31T23:59:59.999999999Z\n2262-04-11T23:47:16.854775807Z\n",
    );
}

#[test]
fn nested_and_strange_types_are_shown() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None])]);
    let inner: ArrayRef = texts(vec![Some("q\"")]);
    let record = StructArray::from(vec![(Arc::new(Field::new("m", DataType::Utf8, true)), inner)]);
    let date = arrow::array::Date32Array::from(vec![1]);
    let rows = batch(vec![("l", Arc::new(list)), ("r", Arc::new(record)), ("d", Arc::new(date))]);
    check(
        OutputFormat::Jsonl,
        std::slice::from_ref(&rows),
        false,
        "{\"l\":[1,null],\"r\":{\"m\":\"q\\\"\"},\"d\":\"1970-01-02\"}\n",
    );
    check(OutputFormat::Csv, &[rows], false, "l,r,d\n\"[1,null]\",\"{\"\"m\"\":\"\"q\\\"\"\"\"}\",1970-01-02\n");
}

#[track_caller]
fn check_widened(read: &RecordBatch) {
    let names: Vec<_> = read.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["session", "value", "start", "start_ns", "end", "end_ns", "closed"]);
    assert_eq!(read.column(1).data_type(), &DataType::Decimal128(38, 9));
    assert_eq!(read.column(2).as_primitive::<TimestampNanosecondType>().value(1), 1_767_323_045_000_000_006);
    assert_eq!(read.column(3).as_primitive::<Int64Type>().value(1), 1_767_323_045_000_000_006);
    assert!(read.column(5).is_null(1));
}

#[test]
fn arrow_is_a_stream_with_nanoseconds_beside_times() {
    let written = bytes(OutputFormat::Arrow, &[finals()], true);
    let mut reader = arrow::ipc::reader::StreamReader::try_new(written.as_slice(), None).unwrap();
    check_widened(&reader.next().unwrap().unwrap());
    assert!(reader.next().is_none());
}

#[test]
fn parquet_reads_back() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes(OutputFormat::Parquet, &[finals()], false)).unwrap();
    let open = std::fs::File::open(file.path()).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(open).unwrap();
    check_widened(&reader.build().unwrap().next().unwrap().unwrap());
}
