//! A table of a snapshot as one that a query can read: rows in memory and Parquet files as one.
//!
//! Files of older layouts, and those of `finals` where a metric's own table is read, are seen through a projection, so
//! that filters reach them all the same. So is what stands beside rows, which is a text in files whatever it is.

use super::error::cleaned;
use crate::engine::{EngineError, OutputView, PastFile, TableData};
use crate::results::Layout;
use crate::results::layout::{nanoseconds_name, table_name};
use crate::rows::ValueColumn;
use crate::url;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::Column;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::prelude::{Expr, SessionContext, cast, lit, try_cast};
use std::sync::Arc;
use timeline_dsl::is_table_column;

/// The columns of a value in `finals`.
const VALUE: [&str; 4] = ["value", "value_exact", "value_text", "value_bool"];

/// The rows of `table`. Filters reach the files, so that row groups which cannot match are not read.
pub(super) fn provider(context: &SessionContext, table: &TableData) -> Result<Arc<dyn TableProvider>, EngineError> {
    union(context, table).map_err(cleaned)
}

fn union(context: &SessionContext, table: &TableData) -> Result<Arc<dyn TableProvider>> {
    let live = || MemTable::try_new(table.schema.clone(), vec![table.live.clone()]);
    let of = |layout| table.past.iter().filter(move |file| file.layout == layout);
    let has_outputs = table.view.is_some() || has_values(&table.schema);
    let has_typed = has_outputs && table.schema.fields().iter().any(|field| is_typed(field));
    let is_seen_through = |layout| match layout {
        Layout::Exact => table.view.is_some() || has_typed,
        Layout::Decimal => table.view.is_some() || has_values(&table.schema),
        Layout::Table => true,
    };
    let layouts =
        [Layout::Decimal, Layout::Exact, Layout::Table].into_iter().filter(|layout| of(*layout).next().is_some());
    let mut parts: Vec<DataFrame> = vec![];
    let has_live = table.live.iter().any(|batch| batch.num_rows() > 0);
    for layout in layouts {
        if !is_seen_through(layout) {
            let past = listing(of(layout), table.schema.clone())?;
            if !has_live && table.past.iter().all(|file| file.layout == layout) {
                return Ok(Arc::new(past));
            }
            parts.push(context.read_table(Arc::new(past))?);
            continue;
        }
        let past = listing(of(layout), schema_of(table, layout))?;
        let mut rows = context.read_table(Arc::new(past))?;
        if let Some(view) = &table.view {
            rows = rows.filter(column(&view.column).eq(lit(view.name.as_str())))?;
        }
        let columns = table.schema.fields().iter().map(|field| seen(field, layout, table.view.as_ref()));
        parts.push(rows.select(columns.collect::<Vec<_>>())?);
    }
    let Some(first) = parts.pop() else { return Ok(Arc::new(live()?)) };
    let mut all = match has_live {
        true => context.read_table(Arc::new(live()?))?.union(first)?,
        false => first,
    };
    for part in parts {
        all = all.union(part)?;
    }
    Ok(all.into_view())
}

/// Whether a table is `finals`, whose files have had several layouts.
fn has_values(schema: &Schema) -> bool {
    schema.index_of("value").is_ok() && schema.index_of("value_exact").is_ok()
}

/// Whether a column of outputs is what stands beside them, and no text as it is in files.
fn is_typed(field: &Field) -> bool {
    let is_own = matches!(field.data_type(), DataType::Utf8 | DataType::Timestamp(..));
    !is_own && !is_table_column(field.name())
}

/// The columns of the files of `table`, as far as it shows them.
fn schema_of(table: &TableData, layout: Layout) -> SchemaRef {
    let own = own_schema_of(table, layout);
    if layout != Layout::Table {
        return own;
    }
    let written = |field: &Arc<Field>| match field.data_type() {
        DataType::Timestamp(..) => Field::new(nanoseconds_name(field.name()), DataType::Int64, true),
        ty => Field::new(table_name(field.name()), ty.clone(), true),
    };
    Arc::new(Schema::new(own.fields().iter().map(written).collect::<Vec<_>>()))
}

/// The same, under the names that we have for them.
fn own_schema_of(table: &TableData, layout: Layout) -> SchemaRef {
    if table.view.is_none() && !has_values(&table.schema) {
        return table.schema.clone();
    }
    let (decimal, float) = (DataType::Decimal128(38, 9), DataType::Float64);
    let values = match layout {
        Layout::Decimal => [("value", decimal), ("value_f64", float)],
        Layout::Exact | Layout::Table => [("value", float), ("value_exact", decimal)],
    };
    let values = values.into_iter().chain([("value_text", DataType::Utf8), ("value_bool", DataType::Boolean)]);
    let values = values.map(|(name, ty)| Arc::new(Field::new(name, ty, true)));
    let others = table.schema.fields().iter().filter(|field| !VALUE.contains(&field.name().as_str()));
    let others = others.map(|field| match is_typed(field) {
        true => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
        false => Arc::clone(field),
    });
    let whose = table.view.iter().map(|view| Arc::new(Field::new(&view.column, DataType::Utf8, true)));
    // Alerts have no values.
    let values = values.filter(|_| table.view.as_ref().is_none_or(|view| view.value.is_some()));
    Arc::new(Schema::new(whose.chain(others).chain(values).collect::<Vec<_>>()))
}

/// A column of the table in terms of a file's.
fn seen(field: &Field, layout: Layout, view: Option<&OutputView>) -> Expr {
    let value = match (field.name().as_str(), view.and_then(|view| view.value)) {
        ("value", None | Some(ValueColumn::Float)) => ValueColumn::Float,
        ("value", Some(own)) => own,
        ("value_exact", None) => ValueColumn::Exact,
        (_, _) => return plain(field, layout),
    };
    let expr = match (value, layout) {
        (ValueColumn::Float, Layout::Exact | Layout::Table) | (ValueColumn::Exact, Layout::Decimal) => column("value"),
        (ValueColumn::Float, Layout::Decimal) => {
            coalesce(vec![cast(column("value"), DataType::Float64), column("value_f64")])
        }
        (ValueColumn::Exact, Layout::Exact | Layout::Table) => column("value_exact"),
        (ValueColumn::Text, _) => column("value_text"),
        // As for what stands beside rows: texts of other metrics may be no instants.
        (ValueColumn::Instant, _) => try_cast(column("value_text"), field.data_type().clone()),
        (ValueColumn::Bool, _) => column("value_bool"),
    };
    expr.alias(field.name())
}

/// A column that is no value: of a table a time is read from its nanoseconds, and what stands beside rows from its text.
///
/// Files have the rows of other outputs too, under whose text of the same name an error would end the answer; so what is no
/// such number is null, and the library draws no conclusions for numbers from the order of texts.
fn plain(field: &Field, layout: Layout) -> Expr {
    let name = field.name().as_str();
    if is_typed(field) {
        let written = if layout == Layout::Table { table_name(name) } else { name.to_owned() };
        return try_cast(column(&written), field.data_type().clone()).alias(name);
    }
    match (layout, field.data_type()) {
        (Layout::Table, ty @ DataType::Timestamp(..)) => cast(column(&nanoseconds_name(name)), ty.clone()).alias(name),
        (Layout::Table, _) => column(&table_name(name)).alias(name),
        (Layout::Decimal | Layout::Exact, _) => column(name),
    }
}

/// A column by its name as it is: the library's own way folds letter case.
fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn listing<'a>(files: impl Iterator<Item = &'a PastFile>, schema: SchemaRef) -> Result<ListingTable> {
    let files = files.map(|file| ListingTableUrl::parse(url::of(&file.path))).collect::<Result<Vec<_>>>()?;
    // Files are told apart by name alone: the processor says which they are, so any ending will do.
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(files).with_listing_options(options);
    ListingTable::try_new(config.with_schema(schema))
}

/// Refuses with [`EngineError::Unavailable`] if a file of history is not there.
///
/// A file that is missing when the library lists it would be an empty one to it, and the answer quietly too small.
/// Files are made once and never again: what is there after the listing was there before.
pub(super) fn check_there(files: &[PastFile]) -> Result<(), EngineError> {
    let missing = files.iter().find(|file| !file.path.is_file());
    missing.map_or(Ok(()), |file| {
        Err(EngineError::Unavailable(format!("history cannot be read: there is no file `{}`", file.path.display())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PastFile;
    use crate::results::layout::to_table;
    use datafusion::arrow::array::{
        AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
    };
    use datafusion::arrow::datatypes::{TimeUnit, TimestampNanosecondType};
    use datafusion::parquet::arrow::ArrowWriter;

    #[test]
    fn rows_of_no_output_are_read_out_of_tables_of_history() {
        let dir = tempfile::tempdir().unwrap();
        let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let fields = [
            ("session", DataType::Utf8),
            ("time", time),
            ("partition", DataType::Int64),
            ("repaired", DataType::Boolean),
        ];
        let schema = Arc::new(Schema::new(fields.map(|(name, ty)| Field::new(name, ty, true)).to_vec()));
        let late = RecordBatch::try_new(
            schema.clone(),
            vec![
                Arc::new(StringArray::from(vec!["a"])),
                Arc::new(TimestampNanosecondArray::from(vec![1_000_000_007]).with_timezone("UTC")),
                Arc::new(Int64Array::from(vec![3])),
                Arc::new(BooleanArray::from(vec![true])),
            ],
        )
        .unwrap();
        let written = to_table(&late).unwrap();
        let path = dir.path().join("late.parquet");
        let mut writer = ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), written.schema(), None).unwrap();
        writer.write(&written).unwrap();
        writer.close().unwrap();
        let past = vec![PastFile { path, layout: Layout::Table }];
        let table = TableData { name: "late_events".into(), schema, live: vec![], past, view: None };
        let context = SessionContext::new();
        let rows = context.read_table(provider(&context, &table).unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(rows.collect()).unwrap().remove(0);
        let times = read.column_by_name("time").unwrap().as_primitive::<TimestampNanosecondType>();
        assert_eq!(times.values()[..], [1_000_000_007]);
        assert_eq!(read.column_by_name("partition").unwrap().as_ref(), late.column(2).as_ref());
        assert!(read.column_by_name("repaired").unwrap().as_boolean().value(0));
    }
}
