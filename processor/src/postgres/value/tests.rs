//! Values as clients of PostgreSQL read them.

#![allow(clippy::unwrap_used)]

use super::*;
use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationNanosecondArray, Float64Array, Int64Array,
    IntervalMonthDayNanoArray, ListArray, StringArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::{Int32Type as Whole, IntervalMonthDayNano};
use std::sync::Arc;

fn written(array: impl Array + 'static, binary: bool) -> Vec<Option<Vec<u8>>> {
    let array: ArrayRef = Arc::new(array);
    let array = simple(&array).unwrap();
    let column = column(&*array, binary).unwrap();
    let one = |row| {
        let mut out = vec![];
        column.write(row, &mut out).unwrap();
        let (length, value) = out.split_first_chunk::<4>().unwrap();
        let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
        assert_eq!(length, value.len());
        Some(value.to_vec())
    };
    (0..array.len()).map(one).collect()
}

#[track_caller]
fn check(array: impl Array + 'static, expect: &[&str]) {
    let texts: Vec<String> = written(array, false)
        .into_iter()
        .map(|value| value.map_or("null".into(), |value| String::from_utf8(value).unwrap()))
        .collect();
    assert_eq!(texts, expect);
}

#[test]
fn texts_are_as_postgresql_writes_them() {
    check(BooleanArray::from(vec![Some(true), Some(false), None]), &["t", "f", "null"]);
    check(Int64Array::from(vec![i64::MIN, 7]), &["-9223372036854775808", "7"]);
    let floats = [0.1, 1e300, f64::NAN, f64::NEG_INFINITY, -0.0, 1e-7, 123_456_789.0];
    check(Float64Array::from(floats.to_vec()), &["0.1", "1e300", "NaN", "-Infinity", "-0", "1e-7", "123456789"]);
    let decimals = Decimal128Array::from(vec![12_000_000_001, -1]).with_precision_and_scale(38, 9).unwrap();
    check(decimals, &["12.000000001", "-0.000000001"]);
    check(UInt64Array::from(vec![u64::MAX]), &["18446744073709551615"]);
    check(StringArray::from(vec!["é", ""]), &["é", ""]);
    check(BinaryArray::from(vec![&[0, 255][..]]), &["\\x00ff"]);
    check(
        Date32Array::from(vec![0, -1, 19_723, -719_529]),
        &["1970-01-01", "1969-12-31", "2024-01-01", "0002-12-31 BC"],
    );
    let times = [1_700_000_000_123_456_789, -1, 951_782_400_000_000_000];
    let expect = ["2023-11-14 22:13:20.123456", "1969-12-31 23:59:59.999999", "2000-02-29 00:00:00"];
    check(TimestampNanosecondArray::from(times.to_vec()), &expect);
    let zoned = TimestampNanosecondArray::from(vec![1_700_000_000_500_000_000]).with_timezone("UTC");
    check(zoned, &["2023-11-14 22:13:20.5+00"]);
    let hours = |hours: i64| hours * 3_600_000_000_000;
    check(
        DurationNanosecondArray::from(vec![hours(25), 0, -1_500_000_000]),
        &["1 day 01:00:00", "00:00:00", "-00:00:01.5"],
    );
    let lengths = vec![IntervalMonthDayNano::new(14, -3, hours(1)), IntervalMonthDayNano::new(0, 1, 0)];
    check(IntervalMonthDayNanoArray::from(lengths), &["1 year 2 mons -3 days 01:00:00", "1 day"]);
    let list = ListArray::from_iter_primitive::<Whole, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
    check(list, &["{1,NULL}", "{}", "null"]);
    let mut texts = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
    texts.append_value([Some("a b"), Some("q\"\\"), Some("null"), Some("x"), Some("")]);
    check(texts.finish(), &[r#"{"a b","q\"\\","null",x,""}"#]);
}

#[test]
fn columns_of_nothing_are_nulls() {
    check(arrow::array::NullArray::new(2), &["null", "null"]);
}

#[test]
fn binary_is_as_postgresql_sends_it() {
    let of = |array: Vec<Option<Vec<u8>>>| array[0].clone().unwrap();
    assert_eq!(of(written(Int64Array::from(vec![258]), true)), [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(of(written(Date32Array::from(vec![10_957]), true)), [0; 4]);
    let time = TimestampNanosecondArray::from(vec![946_684_800_000_001_999]).with_timezone("UTC");
    assert_eq!(of(written(time, true)), 1_i64.to_be_bytes());
    let before = TimestampNanosecondArray::from(vec![946_684_799_999_999_999]);
    assert_eq!(of(written(before, true)), (-1_i64).to_be_bytes());
    let decimal = Decimal128Array::from(vec![12_500_000_000]).with_precision_and_scale(38, 9).unwrap();
    assert_eq!(of(written(decimal, true)), [0, 2, 0, 0, 0, 0, 0, 9, 0, 12, 0x13, 0x88]);
    let list = ListArray::from_iter_primitive::<Whole, _, _>([Some(vec![Some(7)])]);
    let array = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7];
    assert_eq!(of(written(list, true)), array);
    let day = DurationNanosecondArray::from(vec![86_400_000_001_000]);
    assert_eq!(of(written(day, true)), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn what_is_out_of_range_is_an_error() {
    let array: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
    let column = column(&*array, true).unwrap();
    assert!(column.write(0, &mut vec![]).is_err());
}
