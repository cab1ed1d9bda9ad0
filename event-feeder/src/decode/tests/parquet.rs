//! Rows of Parquet.

use super::support::{Declared, decode, show};
use crate::{Batch, Payload};
use arrow::array::*;
use arrow::buffer::NullBuffer;
use arrow::datatypes::TimeUnit::Microsecond;
use arrow::datatypes::{DataType, Field, Int32Type};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use timeline_core::Type;

fn rows(columns: Vec<(&str, ArrayRef)>) -> Batch {
    let rows = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    decode(&Declared::default(), Payload::Rows(rows.unwrap()))
}

fn key(count: usize) -> (&'static str, ArrayRef) {
    ("k", Arc::new(StringArray::from(vec!["a"; count])))
}

fn time(count: usize) -> (&'static str, ArrayRef) {
    ("t", Arc::new(Int64Array::from(vec![1; count])))
}

#[test]
fn every_type_that_values_come_from() {
    let strings: DictionaryArray<Int32Type> = vec![Some("x"), None].into_iter().collect();
    let batch = rows(vec![
        ("k", Arc::new(UInt64Array::from(vec![u64::MAX, 2]))),
        ("t", Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, -1]).with_timezone("UTC"))),
        ("s", Arc::new(strings)),
        ("f", Arc::new(Float32Array::from(vec![Some(1.5), None]))),
        ("i", Arc::new(Int8Array::from(vec![Some(-7), Some(3)]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
    ]);
    assert_eq!(show(&batch), "18446744073709551615@1500000000 s=x f=1.5 i=-7 b=true2@-1000 i=3");
    assert_eq!(batch.events.iter().map(|event| event.ordinal).collect::<Vec<_>>(), [0, 1]);
    let decimals = Decimal128Array::from(vec![12_345, 900]).with_precision_and_scale(20, 2).unwrap();
    let batch = rows(vec![key(2), time(2), ("f", Arc::new(decimals.clone())), ("i", Arc::new(decimals))]);
    assert_eq!(show(&batch), "a@1000000 f=123.45 i=nulla@1000000 f=9 i=9 | TL2010 i");
    let batch = rows(vec![
        ("k", Arc::new(StringViewArray::from(vec!["a long text that is not inlined"]))),
        ("t", Arc::new(Date32Array::from(vec![1]))),
        ("s", Arc::new(LargeStringArray::from(vec!["y"]))),
    ]);
    assert_eq!(show(&batch), "a long text that is not inlined@86400000000000 s=y");
}

#[test]
fn bad_values_and_rows() {
    let batch = rows(vec![
        key(3),
        time(3),
        ("f", Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::MAX]))),
        ("i", Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2]))),
        ("s", Arc::new(BinaryArray::from(vec![&b"x"[..], b"y", b"z"]))),
    ]);
    let codes: Vec<_> = batch
        .dead
        .iter()
        .map(|dead| (dead.position.offset, dead.code.as_str(), dead.column.as_deref().unwrap()))
        .collect();
    assert_eq!(
        codes,
        [
            (0, "TL2010", "s"),
            (0, "TL2012", "f"),
            (0, "TL2011", "i"),
            (1, "TL2010", "s"),
            (1, "TL2012", "f"),
            (2, "TL2010", "s"),
        ]
    );
    assert_eq!(batch.events.len(), 3);
    let batch = rows(vec![
        ("k", Arc::new(StringArray::from(vec![None, Some("a"), Some("a")]))),
        ("t", Arc::new(TimestampSecondArray::from(vec![Some(1), None, Some(i64::MAX)]))),
    ]);
    assert_eq!(show(&batch), "| TL2003 k | TL2004 t | TL2005 t");
    assert_eq!(String::from_utf8_lossy(&batch.dead[0].record), r#"{"t":"1970-01-01T00:00:01"}"#);
}

#[test]
fn a_type_that_is_not_read_is_named() {
    let batch = rows(vec![
        key(1),
        time(1),
        ("i", Arc::new(DurationMicrosecondArray::from(vec![Some(5)]))),
        ("s", Arc::new(BinaryArray::from(vec![&b"x"[..]]))),
        ("f", Arc::new(DurationSecondArray::from(vec![None]))),
    ]);
    let told: Vec<_> = batch.dead.iter().map(|dead| (dead.column.as_deref().unwrap(), &*dead.reason)).collect();
    let of = |name: &str, expected: &str, instead: &str| {
        format!(
            "a value of Parquet's type {name}, which is not read, where {expected} is expected: write the column as {instead}"
        )
    };
    let numbers = "numbers, with the unit in its name where they have one";
    let (text, count) =
        (of("Binary", "a string", "text"), of(&DataType::Duration(Microsecond).to_string(), "an int", numbers));
    assert_eq!(told, [("s", text.as_str()), ("i", count.as_str())]);
    assert!(count.contains("Duration"), "{count}");
}

#[test]
fn members_of_structs_and_dotted_columns() {
    let declared = Declared { columns: vec![("s", "p.q", Type::String)], ..Declared::default() };
    let member = Arc::new(Field::new("q", DataType::Utf8, true));
    let array: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("hidden"), None]));
    let nulls = Some(NullBuffer::from(vec![true, false, true]));
    let of_struct: ArrayRef = Arc::new(StructArray::new(vec![member].into(), vec![array.clone()], nulls));
    for (name, column, want) in [
        ("p", of_struct, "a@1000000 s=xa@1000000a@1000000"),
        ("p.q", array, "a@1000000 s=xa@1000000 s=hiddena@1000000"),
    ] {
        let (k, t) = (key(3), time(3));
        let rows = RecordBatch::try_from_iter_with_nullable([(k.0, k.1, true), (t.0, t.1, true), (name, column, true)]);
        assert_eq!(show(&decode(&declared, Payload::Rows(rows.unwrap()))), want);
    }
}
