//! Tables of committed rows, with those that are not committed yet or never will be while their sessions live.

use super::{LogAnswer, read, text_column};
use crate::checkpoint::FileRef;
use crate::engine::{EngineError, TableData};
use crate::lane::{AlertRow, Session};
use crate::results::{self, Pending};
use crate::rows;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef};
use std::sync::Arc;
use timeline_core::plan::{self, Plan};

/// Committed rows and those that are not yet, or never will be while their sessions live.
pub(super) fn history(name: &str, logs: &[LogAnswer<'_>]) -> Result<TableData, EngineError> {
    let mut live = match name {
        "finals" => {
            let all: Vec<Vec<Session>> = logs.iter().map(LogAnswer::sessions).collect();
            let pairs: Vec<(&Plan, &[Session])> = logs.iter().zip(&all).map(|(log, s)| (log.plan, &s[..])).collect();
            vec![rows::finals(&pairs)]
        }
        "alerts" => {
            let all: Vec<Vec<AlertRow>> = logs.iter().map(LogAnswer::alerts).collect();
            let pairs: Vec<(&Plan, &[AlertRow])> = logs.iter().zip(&all).map(|(log, s)| (log.plan, &s[..])).collect();
            vec![rows::alerts(&pairs)]
        }
        _ => {
            let answers = logs.iter().flat_map(|log| &log.answers);
            answers.map(|answer| answer.pending.table(name, &answer.plan, answer.partition)).collect()
        }
    };
    let nothing = || Pending::default().table(name, &empty_plan(), 0).schema();
    let schema = live.first().map_or_else(nothing, RecordBatch::schema);
    // With several sources the columns of one source's files may be fewer than those of the table.
    let mut files = vec![];
    for answer in logs.iter().flat_map(|log| &log.answers) {
        let own: Vec<&FileRef> = answer.results.iter().filter(|f| results::table_of(f) == Some(name)).collect();
        let same = logs.len() == 1 || answer.pending.table(name, &answer.plan, answer.partition).schema() == schema;
        if same {
            for file in own {
                let path = answer.reader.path(file);
                files.push(path.map_err(|error| EngineError::Unavailable(error.to_string()))?);
            }
        } else {
            for batch in read(answer, name)? {
                live.push(widened(&batch, &schema));
            }
        }
    }
    Ok(TableData { name: name.into(), schema, live, files })
}

/// A batch with the columns of a wider table, null where it has none.
pub(super) fn widened(batch: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    let column = |field: &Arc<Field>| {
        batch
            .column_by_name(field.name())
            .cloned()
            .unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), batch.num_rows()))
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect())
        .expect("columns of one name have one type in all tables")
}

pub(super) fn empty_plan() -> Plan {
    let source = plan::Source {
        name: String::new(),
        key: vec![],
        time: plan::FieldPath(vec![]),
        time_unit: plan::TimeUnit::Nanoseconds,
        order: None,
        lateness: 0,
        future: None,
        idle: plan::Idle::Usual,
        repair: None,
    };
    plan::Builder::new(source).finish()
}

/// A metric's own view: the rows of `finals` that are the metric's, with a `value` of its type.
pub(super) fn view(name: &str, metric: usize, log: &LogAnswer<'_>) -> Result<TableData, EngineError> {
    let live = rows::metric_view(log.plan, metric, &log.sessions());
    let schema = live.schema();
    let mut batches = vec![live];
    for batch in log.history("finals")? {
        let names = text_column(&batch, "metric")?;
        let mine = BooleanArray::from_iter((0..batch.num_rows()).map(|i| Some(names.value(i) == name)));
        let rows = arrow::compute::filter_record_batch(&batch, &mine)
            .map_err(|error| EngineError::Internal(error.to_string()))?;
        let source = |field: &Field| match (field.name().as_str(), field.data_type()) {
            ("value", DataType::Float64) => "value_f64".to_owned(),
            ("value", DataType::Utf8) => "value_text".to_owned(),
            ("value", DataType::Boolean) => "value_bool".to_owned(),
            (name, _) => name.to_owned(),
        };
        let columns = schema.fields().iter().map(|field| {
            let column = rows.column_by_name(&source(field)).cloned();
            column.unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), rows.num_rows()))
        });
        let batch = RecordBatch::try_new(schema.clone(), columns.collect());
        batches.push(batch.map_err(|error| EngineError::Internal(error.to_string()))?);
    }
    Ok(TableData { name: name.into(), schema, live: batches, files: vec![] })
}
