//! Building an Arrow batch row by row.
//!
//! Every cell goes straight into its column: a checkpoint writes hundreds of thousands of rows, and a text that is copied once
//! into the column costs a third of one that is made for the row first.

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Decimal128Builder, Float64Builder, Int64Builder, RecordBatch,
    StringBuilder, TimestampNanosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
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
pub enum RowCell {
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

/// Columns that grow by a row at a time.
#[derive(Debug)]
pub struct TableBuilder {
    columns: Vec<(String, ColumnKind)>,
    builders: Vec<ColumnData>,
    /// The column of the next cell.
    next: usize,
}

#[derive(Debug)]
enum ColumnData {
    Text(StringBuilder),
    Decimal(Decimal128Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Time(TimestampNanosecondBuilder),
}

impl TableBuilder {
    /// An empty table of these columns.
    pub fn new(columns: impl IntoIterator<Item = (String, ColumnKind)>) -> Self {
        let columns: Vec<_> = columns.into_iter().collect();
        let builders = columns.iter().map(|(_, kind)| ColumnData::new(*kind)).collect();
        TableBuilder { columns, builders, next: 0 }
    }

    /// Appends a row: a cell for each column, of its kind or null.
    pub fn push(&mut self, row: impl IntoIterator<Item = RowCell>) {
        row.into_iter().for_each(|cell| self.cell(cell));
        while self.next != 0 {
            self.cell(RowCell::Null);
        }
    }

    /// Appends the next cell of a row.
    pub fn cell(&mut self, cell: RowCell) {
        match (&mut self.builders[self.next], cell) {
            (ColumnData::Text(column), RowCell::Text(text)) => column.append_value(text),
            (ColumnData::Decimal(column), RowCell::Decimal(x)) => column.append_value(x),
            (ColumnData::Float(column), RowCell::Float(x)) => column.append_value(x),
            (ColumnData::Bool(column), RowCell::Bool(x)) => column.append_value(x),
            (ColumnData::Int(column), RowCell::Int(x)) => column.append_value(x),
            (ColumnData::Time(column), RowCell::Time(x)) => column.append_value(x),
            (column, cell) => {
                debug_assert_eq!(cell, RowCell::Null, "a cell is of its column's kind");
                column.append_null();
            }
        }
        self.advance();
    }

    /// Appends the next cell of a row: a text.
    pub fn text(&mut self, text: &str) {
        match &mut self.builders[self.next] {
            ColumnData::Text(column) => column.append_value(text),
            column => column.append_null(),
        }
        self.advance();
    }

    fn advance(&mut self) {
        self.next = (self.next + 1) % self.builders.len();
    }

    /// The batch.
    pub fn finish(mut self) -> RecordBatch {
        debug_assert_eq!(self.next, 0, "a row has as many cells as there are columns");
        let arrays = self.builders.iter_mut().map(ColumnData::finish).collect();
        let schema = schema(&self.columns);
        RecordBatch::try_new(schema, arrays).expect("all columns have the same number of cells of their kind")
    }
}

impl ColumnData {
    fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => ColumnData::Text(StringBuilder::new()),
            ColumnKind::Decimal => ColumnData::Decimal(Decimal128Builder::new().with_data_type(data_type(kind))),
            ColumnKind::Float => ColumnData::Float(Float64Builder::new()),
            ColumnKind::Bool => ColumnData::Bool(BooleanBuilder::new()),
            ColumnKind::Int => ColumnData::Int(Int64Builder::new()),
            ColumnKind::Time => ColumnData::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn append_null(&mut self) {
        match self {
            ColumnData::Text(column) => column.append_null(),
            ColumnData::Decimal(column) => column.append_null(),
            ColumnData::Float(column) => column.append_null(),
            ColumnData::Bool(column) => column.append_null(),
            ColumnData::Int(column) => column.append_null(),
            ColumnData::Time(column) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnData::Text(column) => ArrayBuilder::finish(column),
            ColumnData::Decimal(column) => ArrayBuilder::finish(column),
            ColumnData::Float(column) => ArrayBuilder::finish(column),
            ColumnData::Bool(column) => ArrayBuilder::finish(column),
            ColumnData::Int(column) => ArrayBuilder::finish(column),
            ColumnData::Time(column) => ArrayBuilder::finish(column),
        }
    }
}

fn schema(columns: &[(String, ColumnKind)]) -> SchemaRef {
    let field = |(name, kind): &(String, ColumnKind)| Field::new(name, data_type(*kind), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Decimal => DataType::Decimal128(38, 9),
        ColumnKind::Float => DataType::Float64,
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Int => DataType::Int64,
        ColumnKind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
    }
}
