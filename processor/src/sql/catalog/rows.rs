//! Columns of a table that says what the tables are.

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, RecordBatch, StringArray, UInt32Array, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field};
use std::sync::Arc;

/// A table made column by column, each with a value for each of the objects that it lists.
pub(super) struct CatalogRows<'a, T> {
    objects: &'a [T],
    columns: Vec<(&'static str, ArrayRef)>,
}

impl<'a, T> CatalogRows<'a, T> {
    /// A row for each of these.
    pub(super) fn of(objects: &'a [T]) -> Self {
        CatalogRows { objects, columns: vec![] }
    }

    /// A column of numbers of objects.
    pub(super) fn oid(mut self, name: &'static str, of: impl Fn(&T) -> u32) -> Self {
        self.columns.push((name, Arc::new(UInt32Array::from_iter_values(self.objects.iter().map(of)))));
        self
    }

    /// A column of numbers.
    pub(super) fn int(mut self, name: &'static str, of: impl Fn(&T) -> Option<i32>) -> Self {
        self.columns.push((name, Arc::new(Int32Array::from_iter(self.objects.iter().map(of)))));
        self
    }

    /// A column of truth values.
    pub(super) fn bool(mut self, name: &'static str, of: impl Fn(&T) -> bool) -> Self {
        self.columns
            .push((name, Arc::new(BooleanArray::from_iter(self.objects.iter().map(|object| Some(of(object)))))));
        self
    }

    /// A column of texts.
    pub(super) fn text(mut self, name: &'static str, of: impl Fn(&T) -> Option<String>) -> Self {
        self.columns.push((name, Arc::new(StringArray::from_iter(self.objects.iter().map(of)))));
        self
    }

    /// A column of one text.
    pub(super) fn always(self, name: &'static str, text: &'static str) -> Self {
        self.text(name, |_| Some(text.to_owned()))
    }

    /// Columns of nothing, texts by their type.
    pub(super) fn nulls(mut self, names: &[&'static str]) -> Self {
        for name in names {
            self = self.text(name, |_| None);
        }
        self
    }

    /// Columns of no lists of texts.
    pub(super) fn no_lists(mut self, names: &[&'static str]) -> Self {
        for name in names {
            let ty = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
            self.columns.push((name, new_null_array(&ty, self.objects.len())));
        }
        self
    }

    /// The table.
    pub(super) fn finish(self) -> RecordBatch {
        let columns = self.columns.into_iter().map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(columns).expect("every column has a value for each object")
    }
}
