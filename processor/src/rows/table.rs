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

/// Columns that grow by a row at a time.
#[derive(Debug)]
pub struct TableBuilder {
    columns: Vec<(String, Kind)>,
    builders: Vec<Column>,
    /// The column of the next cell.
    next: usize,
}

#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Decimal(Decimal128Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Time(TimestampNanosecondBuilder),
}

impl TableBuilder {
    /// An empty table of these columns.
    pub fn new(columns: impl IntoIterator<Item = (String, Kind)>) -> Self {
        let columns: Vec<_> = columns.into_iter().collect();
        let builders = columns.iter().map(|(_, kind)| Column::new(*kind)).collect();
        TableBuilder { columns, builders, next: 0 }
    }

    /// Appends a row: a cell for each column, of its kind or null.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        row.into_iter().for_each(|cell| self.cell(cell));
        while self.next != 0 {
            self.cell(Cell::Null);
        }
    }

    /// Appends the next cell of a row.
    pub fn cell(&mut self, cell: Cell) {
        match (&mut self.builders[self.next], cell) {
            (Column::Text(column), Cell::Text(text)) => column.append_value(text),
            (Column::Decimal(column), Cell::Decimal(x)) => column.append_value(x),
            (Column::Float(column), Cell::Float(x)) => column.append_value(x),
            (Column::Bool(column), Cell::Bool(x)) => column.append_value(x),
            (Column::Int(column), Cell::Int(x)) => column.append_value(x),
            (Column::Time(column), Cell::Time(x)) => column.append_value(x),
            (column, cell) => {
                debug_assert_eq!(cell, Cell::Null, "a cell is of its column's kind");
                column.append_null();
            }
        }
        self.advance();
    }

    /// Appends the next cell of a row: a text.
    pub fn text(&mut self, text: &str) {
        match &mut self.builders[self.next] {
            Column::Text(column) => column.append_value(text),
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
        let arrays = self.builders.iter_mut().map(Column::finish).collect();
        let schema = schema(&self.columns);
        RecordBatch::try_new(schema, arrays).expect("all columns have the same number of cells of their kind")
    }
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Column::Text(StringBuilder::new()),
            Kind::Decimal => Column::Decimal(Decimal128Builder::new().with_data_type(data_type(kind))),
            Kind::Float => Column::Float(Float64Builder::new()),
            Kind::Bool => Column::Bool(BooleanBuilder::new()),
            Kind::Int => Column::Int(Int64Builder::new()),
            Kind::Time => Column::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn append_null(&mut self) {
        match self {
            Column::Text(column) => column.append_null(),
            Column::Decimal(column) => column.append_null(),
            Column::Float(column) => column.append_null(),
            Column::Bool(column) => column.append_null(),
            Column::Int(column) => column.append_null(),
            Column::Time(column) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(column) => ArrayBuilder::finish(column),
            Column::Decimal(column) => ArrayBuilder::finish(column),
            Column::Float(column) => ArrayBuilder::finish(column),
            Column::Bool(column) => ArrayBuilder::finish(column),
            Column::Int(column) => ArrayBuilder::finish(column),
            Column::Time(column) => ArrayBuilder::finish(column),
        }
    }
}

fn schema(columns: &[(String, Kind)]) -> SchemaRef {
    let field = |(name, kind): &(String, Kind)| Field::new(name, data_type(*kind), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Decimal => DataType::Decimal128(38, 9),
        Kind::Float => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::Int => DataType::Int64,
        Kind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
    }
}
