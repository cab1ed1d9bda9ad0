//! Building an Arrow batch row by row.

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Utf8`.
    Text,
    /// `Decimal128(38, 9)`.
    Decimal,
    /// `Float64`.
    Float,
    /// `Boolean`.
    Bool,
    /// `Int64`.
    Int,
    /// `Timestamp(Nanosecond, "UTC")`.
    Time,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// In billionths.
    Decimal(i128),
    /// A float.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
}

/// Columns with their cells.
#[derive(Clone, Debug)]
pub struct TableBuilder {
    columns: Vec<(String, Kind)>,
    cells: Vec<Vec<Cell>>,
}

impl TableBuilder {
    /// An empty table of these columns.
    pub fn new(columns: impl IntoIterator<Item = (String, Kind)>) -> Self {
        let columns: Vec<_> = columns.into_iter().collect();
        TableBuilder { cells: vec![vec![]; columns.len()], columns }
    }

    /// Appends a row: a cell for each column, of its kind or null.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        let mut row = row.into_iter();
        for column in &mut self.cells {
            column.push(row.next().unwrap_or(Cell::Null));
        }
        debug_assert!(row.next().is_none(), "a row has as many cells as there are columns");
    }

    /// The batch.
    pub fn finish(self) -> RecordBatch {
        let schema = schema(&self.columns);
        let arrays = self.columns.iter().zip(self.cells).map(|((_, kind), cells)| array(*kind, cells)).collect();
        RecordBatch::try_new(schema, arrays).expect("all columns have the same number of cells of their kind")
    }
}

fn schema(columns: &[(String, Kind)]) -> SchemaRef {
    let field = |(name, kind): &(String, Kind)| {
        let ty = match kind {
            Kind::Text => DataType::Utf8,
            Kind::Decimal => DataType::Decimal128(38, 9),
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Int => DataType::Int64,
            Kind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        };
        Field::new(name, ty, true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn array(kind: Kind, cells: Vec<Cell>) -> ArrayRef {
    let cells = cells.into_iter();
    macro_rules! pick {
        ($variant:ident) => {
            cells.map(|cell| if let Cell::$variant(x) = cell { Some(x) } else { None })
        };
    }
    match kind {
        Kind::Text => Arc::new(StringArray::from_iter(pick!(Text))),
        Kind::Decimal => Arc::new(
            Decimal128Array::from_iter(pick!(Decimal))
                .with_precision_and_scale(38, 9)
                .expect("38 and 9 are a precision and a scale"),
        ),
        Kind::Float => Arc::new(Float64Array::from_iter(pick!(Float))),
        Kind::Bool => Arc::new(BooleanArray::from_iter(pick!(Bool))),
        Kind::Int => Arc::new(Int64Array::from_iter(pick!(Int))),
        Kind::Time => Arc::new(TimestampNanosecondArray::from_iter(pick!(Time)).with_timezone("UTC")),
    }
}
