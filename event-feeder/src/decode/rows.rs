//! Rows of Parquet.
//!
//! * A field is the top-level column whose name is its path with dots, else the struct member along its path; where the path
//!   selects in lists, of the element that is selected.
//! * A null is *missing*: a column of a file cannot be absent from a row, so null is how writers leave a value out.
//! * A timestamp is an instant whatever unit the source names, for its type says its own.
//!
//! Values go through their text, like those of the other formats: so they mean the same in every format.

use super::assemble::{Assembler, RecordOrigin};
use super::cell::{Arena, CapturedCell, CapturedKind};
use super::fields::Fields;
use crate::cutter::RECORD_MAX;
use crate::{DeadLetter, RecordCode};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, StructArray, UInt64Array};
use arrow::compute::{cast, is_not_null, take};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, UInt64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use timeline_core::plan::{FieldPath, Step};

/// A column in one of the few forms that values are read from.
enum ParquetColumn {
    Missing,
    Text(StringArray),
    /// The text of decimal numbers.
    Digits(StringArray),
    Bool(BooleanArray),
    Int(ArrayRef),
    Uint(ArrayRef),
    Float(ArrayRef),
    /// Counts of so many nanoseconds.
    Instant(ArrayRef, i128),
    /// A type that no value can come from: where it is not null, and its name if it holds no others.
    Other(BooleanArray, Option<String>),
}

/// Adds every row.
pub(crate) fn records(out: &mut Assembler<'_>, arena: &mut Arena<'_>, fields: &Fields, rows: &RecordBatch) {
    let columns: Vec<ParquetColumn> = fields.paths.iter().map(|path| column(rows, path)).collect();
    let mut cells = vec![CapturedCell::default(); columns.len()];
    let (mut text, excerpt) = (vec![], |row| show(rows, row));
    for row in 0..rows.num_rows() {
        let place = RecordOrigin { ordinal: row as u32, excerpt: &|| excerpt(row) };
        let mut fits = true;
        for (cell, column) in cells.iter_mut().zip(&columns) {
            text.clear();
            let kind = column.read(row, &mut text);
            fits &= text.len() <= RECORD_MAX && arena.extra.len() + text.len() <= u32::MAX as usize / 2;
            *cell = if fits { CapturedCell::new(kind, arena.push(&text)) } else { CapturedCell::default() };
        }
        if fits {
            out.record(arena, &cells, place);
        } else {
            out.batch.records += 1;
            out.dead(
                place,
                None,
                (
                    RecordCode::TooLong,
                    "a value longer than a record may be, or too long to be held together with the rows before it"
                        .into(),
                ),
            );
        }
    }
}

impl ParquetColumn {
    fn read(&self, row: usize, text: &mut Vec<u8>) -> CapturedKind {
        let array: &dyn Array = match self {
            ParquetColumn::Missing => return CapturedKind::Missing,
            ParquetColumn::Text(array) | ParquetColumn::Digits(array) => array,
            ParquetColumn::Bool(array) => array,
            ParquetColumn::Other(some, _) if !some.value(row) => return CapturedKind::Missing,
            ParquetColumn::Other(_, None) => return CapturedKind::Composite,
            ParquetColumn::Other(_, Some(name)) => {
                text.extend_from_slice(name.as_bytes());
                return CapturedKind::Foreign;
            }
            ParquetColumn::Int(array)
            | ParquetColumn::Uint(array)
            | ParquetColumn::Float(array)
            | ParquetColumn::Instant(array, _) => array,
        };
        if array.is_null(row) {
            return CapturedKind::Missing;
        }
        let (kind, written) = match self {
            ParquetColumn::Text(array) | ParquetColumn::Digits(array) => {
                text.extend_from_slice(array.value(row).as_bytes());
                (if matches!(self, ParquetColumn::Text(_)) { CapturedKind::Text } else { CapturedKind::Number }, Ok(()))
            }
            ParquetColumn::Bool(array) => {
                (if array.value(row) { CapturedKind::True } else { CapturedKind::False }, Ok(()))
            }
            ParquetColumn::Uint(array) => {
                (CapturedKind::Number, write!(text, "{}", array.as_primitive::<UInt64Type>().value(row)))
            }
            ParquetColumn::Float(array) => {
                (CapturedKind::Number, write!(text, "{}", array.as_primitive::<Float64Type>().value(row)))
            }
            ParquetColumn::Instant(array, unit) => {
                let count = i128::from(array.as_primitive::<Int64Type>().value(row));
                (CapturedKind::Instant, write!(text, "{}", count * unit))
            }
            _ => (CapturedKind::Number, write!(text, "{}", array.as_primitive::<Int64Type>().value(row))),
        };
        written.expect("writing to memory cannot fail");
        kind
    }
}

fn column(rows: &RecordBatch, path: &FieldPath) -> ParquetColumn {
    let found = rows.column_by_name(&path.dotted()).cloned().or_else(|| {
        let steps = path.steps().ok()?;
        let (Step::Member(first), within) = steps.split_first()? else { return None };
        within.iter().try_fold(rows.column_by_name(first)?.clone(), |array, step| match step {
            Step::Member(name) => member(array.as_struct_opt()?, name),
            Step::At(at) => element(&array, |range| Some(range.start + at).filter(|place| *place < range.end)),
            Step::Where { member: name, is } => {
                let keys = texts(&member(elements(&array)?.0.as_struct_opt()?, name)?)?;
                element(&array, |mut range| range.find(|i| keys.is_valid(*i) && keys.value(*i) == *is))
            }
        })
    });
    match found {
        Some(array) => read_as(&array),
        None => ParquetColumn::Missing,
    }
}

/// The elements of all rows of a list one after the other, and where each row's begin and end.
fn elements(array: &ArrayRef) -> Option<(ArrayRef, Vec<usize>)> {
    let ends = |offsets: &[i32]| offsets.iter().map(|offset| *offset as usize).collect();
    if let Some(list) = array.as_list_opt::<i32>() {
        return Some((list.values().clone(), ends(list.value_offsets())));
    }
    if let Some(list) = array.as_list_opt::<i64>() {
        let ends = list.value_offsets().iter().map(|offset| *offset as usize).collect();
        return Some((list.values().clone(), ends));
    }
    let map = array.as_map_opt()?;
    Some((Arc::new(map.entries().clone()), ends(map.value_offsets())))
}

/// One element of each row's list; null where none is picked.
fn element(array: &ArrayRef, pick: impl Fn(Range<usize>) -> Option<usize>) -> Option<ArrayRef> {
    let (values, ends) = elements(array)?;
    let rows = ends.windows(2).enumerate();
    let picked = rows.map(|(row, ends)| pick(ends[0]..ends[1]).filter(|_| array.is_valid(row)));
    let picked: UInt64Array = picked.map(|place| place.map(|place| place as u64)).collect();
    take(&values, &picked, None).ok()
}

/// Keys of a list's elements as text: what a path compares.
fn texts(array: &ArrayRef) -> Option<StringArray> {
    let text = cast(array, &DataType::Utf8).ok()?;
    Some(text.as_string::<i32>().clone())
}

/// A member of a struct; null also where the whole struct is.
fn member(of: &StructArray, name: &str) -> Option<ArrayRef> {
    let array = of.column_by_name(name)?;
    match of.nulls() {
        None => Some(array.clone()),
        Some(_) => {
            let there = is_not_null(of).ok()?;
            let gone = arrow::compute::not(&there).ok()?;
            arrow::compute::nullif(array, &gone).ok()
        }
    }
}

fn read_as(array: &ArrayRef) -> ParquetColumn {
    let to = |ty: DataType| cast(array, &ty).ok();
    let column = match array.data_type() {
        DataType::Dictionary(_, values) => {
            return to((**values).clone()).map_or_else(|| other(array), |array| read_as(&array));
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            to(DataType::Utf8).map(|array| ParquetColumn::Text(array.as_string::<i32>().clone()))
        }
        DataType::Boolean => Some(ParquetColumn::Bool(array.as_boolean().clone())),
        DataType::UInt64 => Some(ParquetColumn::Uint(array.clone())),
        ty if ty.is_integer() => to(DataType::Int64).map(ParquetColumn::Int),
        ty if ty.is_floating() => to(DataType::Float64).map(ParquetColumn::Float),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => {
            to(DataType::Utf8).map(|array| ParquetColumn::Digits(array.as_string::<i32>().clone()))
        }
        DataType::Timestamp(unit, _) => {
            let nanoseconds = match unit {
                TimeUnit::Second => 1_000_000_000,
                TimeUnit::Millisecond => 1_000_000,
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1,
            };
            to(DataType::Int64).map(|array| ParquetColumn::Instant(array, nanoseconds))
        }
        DataType::Date32 => to(DataType::Int32)
            .and_then(|days| cast(&days, &DataType::Int64).ok())
            .map(|days| ParquetColumn::Instant(days, 86_400_000_000_000)),
        _ => None,
    };
    column.unwrap_or_else(|| other(array))
}

fn other(array: &ArrayRef) -> ParquetColumn {
    let ty = array.data_type();
    let name = (!ty.is_nested()).then(|| ty.to_string());
    is_not_null(array).map_or(ParquetColumn::Missing, |some| ParquetColumn::Other(some, name))
}

/// The row as JSON, as far as a dead letter keeps it.
fn show(rows: &RecordBatch, row: usize) -> Vec<u8> {
    let mut out = String::from("{");
    for (field, array) in rows.schema().fields().iter().zip(rows.columns()) {
        if array.is_null(row) {
            continue;
        }
        let shown = ArrayFormatter::try_new(array, &FormatOptions::default())
            .map_or_else(|error| error.to_string(), |formatter| formatter.value(row).to_string());
        let bare = matches!(array.data_type(), DataType::Boolean) || array.data_type().is_numeric();
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let comma = if out.len() > 1 { "," } else { "" };
        out += &format!("{comma}{}:{}", quote(field.name()), if bare { shown } else { quote(&shown) });
    }
    out.push('}');
    let mut out = out.into_bytes();
    out.truncate(DeadLetter::KEPT);
    out
}
