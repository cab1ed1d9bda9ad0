//! The types of what stands beside rows: dimensions, groups, and what `with` shows.
//!
//! Files of history and messages have all of it as texts, whatever it is: the next definition may show something of
//! another type under the same name, and a column of a file that others read too cannot become another. So a table of
//! SQL is given its types where it is read, by the plans whose rows it has; what is of several types in one table stays a
//! text there.

use super::dimension_column;
use arrow::array::{RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::collections::BTreeMap;
use std::sync::Arc;
use timeline_core::Type;
use timeline_core::plan::{Alert, Beside, GroupOf, Metric, NodeId, Op, Plan, TimelineKind};

/// The types of columns, by their names, where they are no texts.
pub(crate) type BesideTypes = BTreeMap<String, DataType>;

/// What stands beside the values of a metric, with its types.
pub(crate) fn beside_metric(plan: &Plan, metric: &Metric) -> Vec<(String, DataType)> {
    let named = metric.dimensions.iter().enumerate();
    let dimensions = named.map(|(i, name)| (name.clone(), type_of_dimension(plan, metric, i)));
    dimensions.chain(shown(plan, &metric.with)).collect()
}

/// What stands beside an alert, with its types.
pub(crate) fn beside_alert(plan: &Plan, alert: &Alert) -> Vec<(String, DataType)> {
    shown(plan, &alert.with).collect()
}

/// What a metric is grouped by, with its types.
pub(crate) fn groups_of(plan: &Plan, metric: &Metric) -> Vec<(String, DataType)> {
    let keys = metric.aggregate.iter().flat_map(|aggregate| &aggregate.group_by);
    let ty = |of: &GroupOf| match of {
        GroupOf::Dimension(i) => type_of_dimension(plan, metric, *i),
        GroupOf::State(node) => type_of(plan, *node),
        GroupOf::Window(_) => DataType::Utf8,
    };
    keys.map(|key| (key.name.clone(), ty(&key.of))).collect()
}

/// The types that columns of one table have in it.
pub(crate) fn agreed(columns: impl IntoIterator<Item = (String, DataType)>) -> BesideTypes {
    let mut types = BesideTypes::new();
    for (name, ty) in columns {
        let known = types.entry(dimension_column(&name)).or_insert_with(|| ty.clone());
        if *known != ty {
            *known = DataType::Utf8;
        }
    }
    types.retain(|_, ty| *ty != DataType::Utf8);
    types
}

/// Rows with these types of what are texts in them.
pub(crate) fn typed(batch: &RecordBatch, types: &BesideTypes) -> RecordBatch {
    let schema = batch.schema();
    let field = |field: &Arc<Field>| match types.get(field.name()) {
        Some(ty) if *field.data_type() == DataType::Utf8 => Arc::new(Field::new(field.name(), ty.clone(), true)),
        _ => Arc::clone(field),
    };
    conformed(batch, &Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())))
}

/// Rows with the types that a table has for what are texts in them.
pub(crate) fn typed_as(batch: &RecordBatch, table: &Schema) -> RecordBatch {
    let of = |field: &Arc<Field>| (field.name().clone(), field.data_type().clone());
    typed(batch, &table.fields().iter().map(of).collect())
}

/// Rows with the columns of a table: what are texts in the types of the table, and null where they have no such column.
pub(crate) fn conformed(batch: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    let column = |field: &Arc<Field>| {
        let column =
            batch.column_by_name(field.name()).and_then(|column| match column.data_type() == field.data_type() {
                true => Some(Arc::clone(column)),
                // Texts that we wrote are read back as what they were.
                false => cast(column, field.data_type()).ok(),
            });
        column.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    };
    RecordBatch::try_new(Arc::clone(schema), schema.fields().iter().map(column).collect())
        .expect("each column has its type and as many rows as the others")
}

fn shown<'a>(plan: &'a Plan, with: &'a [Beside]) -> impl Iterator<Item = (String, DataType)> + 'a {
    with.iter().map(move |beside| (beside.name.clone(), type_of(plan, beside.of)))
}

fn type_of_dimension(plan: &Plan, metric: &Metric, i: usize) -> DataType {
    match &plan.node(metric.root).op {
        Op::Split { by, .. } => by.get(i).map_or(DataType::Utf8, |node| type_of(plan, *node)),
        _ => DataType::Utf8,
    }
}

fn type_of(plan: &Plan, node: NodeId) -> DataType {
    let node = plan.node(node);
    // Windows are named by a text.
    if matches!(node.op, Op::Every(_)) {
        return DataType::Utf8;
    }
    match node.kind {
        TimelineKind::State(Type::Float) => DataType::Float64,
        TimelineKind::State(Type::Int) => DataType::Int64,
        TimelineKind::State(Type::Bool) => DataType::Boolean,
        TimelineKind::State(Type::String)
        | TimelineKind::Event(_)
        | TimelineKind::Number(_)
        | TimelineKind::Ratio(_) => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::{agreed, beside_alert, beside_metric, groups_of, typed, typed_as};
    use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
    use arrow::datatypes::{DataType, Float64Type};
    use std::sync::Arc;
    use timeline_dsl::{ProgramText, compile};

    const PROGRAM: &str = "source s { key k  time t in s  rate: float, tries: int, ok: bool, zone: string, a: bool }
metric m = duration_where(latest(a)) split by latest(tries), latest(rate) > 2 as fast every 1m with rate = latest(rate)
  | aggregate(group_by(every, tries, zone), count)
metric n = duration_where(latest(a)) | aggregate(group_by(ok), count)
alert  on = latest(a) with paid = latest(rate), zone = latest(zone), ok = latest(ok)";

    #[test]
    fn what_stands_beside_rows_has_the_type_of_what_it_shows() {
        let program = ProgramText { name: "p.tl".into(), text: PROGRAM.into(), ..ProgramText::default() };
        let plan = compile(&[program]).plans.remove(0);
        let said = |all: Vec<(String, DataType)>| {
            all.iter().map(|(name, ty)| format!("{name}: {ty}")).collect::<Vec<_>>().join(", ")
        };
        let metric = |i: usize| said(beside_metric(&plan, &plan.metrics[i]));
        let groups = |i: usize| said(groups_of(&plan, &plan.metrics[i]));
        let of = |text: String| text.split(", ").map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        let expected = "tries: Int64, fast: Boolean, every: Utf8, rate: Float64";
        assert_eq!(of(metric(0)), of(expected.into()));
        assert_eq!(groups(0), "every: Utf8, tries: Int64, zone: Utf8");
        assert_eq!((metric(1).as_str(), groups(1).as_str()), ("", "ok: Boolean"));
        assert_eq!(said(beside_alert(&plan, &plan.alerts[0])), "paid: Float64, zone: Utf8, ok: Boolean");
    }

    #[test]
    fn a_column_of_several_types_stays_a_text() {
        let all = [("x", DataType::Int64), ("y", DataType::Float64), ("x", DataType::Float64), ("z", DataType::Utf8)];
        let types = agreed(all.map(|(name, ty)| (name.to_owned(), ty)));
        assert_eq!(types.into_iter().collect::<Vec<_>>(), [("y".to_owned(), DataType::Float64)]);
    }

    #[test]
    fn texts_come_back_as_what_they_were_written_of() {
        let numbers = [Some(190.0), Some(0.1 + 0.2), Some(1e300), Some(-0.0), Some(5e-324), None];
        let texts: StringArray =
            numbers.iter().map(|x| x.map(|x| timeline_core::Value::Float(x).to_string())).collect();
        let columns: [(&str, ArrayRef); 2] = [("paid", Arc::new(texts.clone())), ("zone", Arc::new(texts))];
        let rows = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
        let types = agreed([("paid".to_owned(), DataType::Float64)]);
        let read = typed(&rows, &types);
        let paid = read.column(0).as_primitive::<Float64Type>();
        assert_eq!(paid, &Float64Array::from(numbers.to_vec()));
        assert_eq!((paid.null_count(), read.column(1)), (1, rows.column(1)));
        assert_eq!(typed_as(&rows, &read.schema()), read);
        assert_eq!(typed(&read, &types), read, "once is enough");
    }
}
