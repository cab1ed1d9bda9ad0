//! Rows as JSON and CSV: one spelling for the command, the HTTP interface, live answers and published messages.
//!
//! A time in nanoseconds is RFC 3339 with all nine digits; a decimal is plain digits; a float is the shortest text that
//! reads back as the same bits. What each format does with nulls and with types that only SQL makes stands in its module.

mod cell;
mod columns;
mod csv;
mod json;

pub use cell::{CellRef, cell};
pub use columns::{ShownColumn, columns, distinct, is_time, nanoseconds_name};
pub use csv::CsvRows;
pub use json::{JsonRows, json, plain};
