//! One value of a batch, whatever its Arrow type, as the text formats see it.
//!
//! Types that no column of ours has (SQL can make any) keep Arrow's own spelling, so nothing is ever refused at output.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;

/// A value, borrowed from its batch.
#[derive(Debug)]
pub enum CellRef<'a> {
    /// Nothing.
    Null,
    /// A text.
    Text(&'a str),
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer without a sign.
    Unsigned(u64),
    /// Unscaled value and scale.
    Decimal(i128, i8),
    /// A float.
    Float(f64),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
    /// The values of a list.
    List(ArrayRef),
    /// Names and columns of one row, and its index in them.
    Struct(Vec<(&'a str, &'a ArrayRef)>, usize),
    /// Anything else, as Arrow shows it.
    Other(String),
}

impl CellRef<'_> {
    /// Whether it is a number, which tables align to the right.
    pub fn is_number(&self) -> bool {
        matches!(self, CellRef::Int(_) | CellRef::Unsigned(_) | CellRef::Decimal(..) | CellRef::Float(_))
    }
}

/// The value at `row`.
pub fn cell(array: &dyn Array, row: usize) -> CellRef<'_> {
    if array.is_null(row) {
        return CellRef::Null;
    }
    match array.data_type() {
        DataType::Null => CellRef::Null,
        DataType::Utf8 => CellRef::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => CellRef::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => CellRef::Text(array.as_string_view().value(row)),
        DataType::Boolean => CellRef::Bool(array.as_boolean().value(row)),
        DataType::Int8 => CellRef::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => CellRef::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => CellRef::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => CellRef::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => CellRef::Unsigned(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => CellRef::Unsigned(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => CellRef::Unsigned(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => CellRef::Unsigned(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => CellRef::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => CellRef::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => CellRef::Decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Timestamp(unit, _) => {
            let (count, each) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1_000_000_000),
                TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000),
                TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000),
                TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1),
            };
            // What 64 bits of nanoseconds do not hold keeps Arrow's spelling.
            count.checked_mul(each).map_or_else(|| shown(array, row), CellRef::Time)
        }
        DataType::List(_) => CellRef::List(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => CellRef::List(array.as_list::<i64>().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            CellRef::Struct(fields.iter().map(|f| f.name().as_str()).zip(columns).collect(), row)
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            cell(dictionary.values().as_ref(), key)
        }
        _ => shown(array, row),
    }
}

/// As Arrow shows it.
fn shown(array: &dyn Array, row: usize) -> CellRef<'_> {
    CellRef::Other(array_value_to_string(array, row).unwrap_or_else(|e| e.to_string()))
}
