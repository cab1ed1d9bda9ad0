//! `metric_at('NAME', INSTANT)`: a metric's own table as it was at an instant of event time.
//!
//! A call is a table of its own ([`MetricAt`]), put in its place before the statement is planned. So it is asked for as all
//! tables are, what conditions say of `session` bounds it, and several calls of one instant are one table.

use super::code::QueryCode;
use super::error::cleaned;
use super::work::{known_as, unknown};
use crate::engine::{EngineError, MetricAt};
use datafusion::arrow::array::{Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{ColumnarValue, ExprSchemable};
use datafusion::prelude::cast;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, ExprWithAlias, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableFactor, TableFunctionArgs,
    VisitMut, VisitorMut,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What it is called.
pub(super) const FUNCTION: &str = "metric_at";

/// So many of them may a statement have: for each the log is read again.
const CALLS_MAX: usize = 8;

const FORM: &str = "`metric_at` takes the name of a metric and an instant of its events, both as constants: \
                    metric_at('NAME', TIMESTAMP '2026-01-31 12:00:00')";

/// Puts tables in the place of calls. `known` are the names of all tables; where a statement is only described, values of
/// its parameters are not known, and any instant will do.
pub(super) fn put_in(
    statement: &mut Statement,
    state: &SessionState,
    known: &[String],
    is_described: bool,
) -> std::result::Result<(), EngineError> {
    match statement {
        Statement::Statement(ast) => {
            let mut calls = AsOfCalls { state, known, is_described, found: BTreeSet::new() };
            match ast.visit(&mut calls) {
                ControlFlow::Break(error) => Err(error),
                ControlFlow::Continue(()) if calls.found.len() > CALLS_MAX => {
                    let count = calls.found.len();
                    let message =
                        format!("the statement has `metric_at` of {count} instants, and may have {CALLS_MAX}");
                    Err(QueryCode::TooManyRelations.error(message))
                }
                ControlFlow::Continue(()) => Ok(()),
            }
        }
        Statement::Explain(explain) => put_in(&mut explain.statement, state, known, is_described),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => Ok(()),
    }
}

struct AsOfCalls<'a> {
    state: &'a SessionState,
    known: &'a [String],
    is_described: bool,
    /// The tables that were put in.
    found: BTreeSet<String>,
}

impl VisitorMut for AsOfCalls<'_> {
    type Break = EngineError;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        let TableFactor::Table { name, alias, args, .. } = factor else { return ControlFlow::Continue(()) };
        let Some(called) = args.as_ref().filter(|_| is_call(name)) else { return ControlFlow::Continue(()) };
        match self.table(called) {
            Ok(table) => {
                self.found.insert(table.clone());
                *name = ObjectName::from(vec![Ident::with_quote('"', table)]);
                *args = None;
                let own = || TableAlias { explicit: true, name: Ident::new(FUNCTION), columns: vec![], at: None };
                alias.get_or_insert_with(own);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Whether it is the function's name.
fn is_call(name: &ObjectName) -> bool {
    let [part] = name.0.as_slice() else { return false };
    part.as_ident().is_some_and(|ident| ident.value.eq_ignore_ascii_case(FUNCTION))
}

impl AsOfCalls<'_> {
    /// The table that a call stands for.
    fn table(&self, called: &TableFunctionArgs) -> std::result::Result<String, EngineError> {
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(metric)), FunctionArg::Unnamed(FunctionArgExpr::Expr(at))] =
            called.args.as_slice()
        else {
            return Err(EngineError::invalid(FORM));
        };
        let is_text = |ty: &DataType| matches!(ty, DataType::Utf8 | DataType::Utf8View);
        let metric = self.constant(metric, &DataType::Utf8, is_text);
        let Some(metric) = metric.ok().and_then(|value| value.try_as_str().flatten().map(str::to_owned)) else {
            return Err(EngineError::invalid(FORM));
        };
        let metric = known_as(&metric, self.known).ok_or_else(|| unknown(&metric, &metric, self.known))?.clone();
        // A number has no unit that could be meant.
        let is_time = |ty: &DataType| is_text(ty) || matches!(ty, DataType::Timestamp(..) | DataType::Date32);
        let instant = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        match self.constant(at, &instant, is_time) {
            Ok(ScalarValue::TimestampNanosecond(Some(at), _)) => Ok(MetricAt { metric, at }.table()),
            _ if self.is_described => Ok(MetricAt { metric, at: 0 }.table()),
            Ok(_) => Err(EngineError::invalid(FORM)),
            Err(error) => match cleaned(error) {
                // A text that is no time, for example.
                EngineError::Invalid { message, .. } => Err(EngineError::invalid(format!("{FORM}; {message}"))),
                _ => Err(EngineError::invalid(FORM)),
            },
        }
    }

    /// What an expression without columns comes to, as a type; null if it is of none that may be.
    fn constant(&self, expr: &Expr, ty: &DataType, may_be: impl Fn(&DataType) -> bool) -> Result<ScalarValue> {
        let schema = DFSchema::empty();
        let named = ExprWithAlias { expr: expr.clone(), alias: None };
        let expr = self.state.create_logical_expr_from_sql_expr(named, &schema)?;
        if !may_be(&expr.get_type(&schema)?) {
            return Ok(ScalarValue::Null);
        }
        let expr = self.state.create_physical_expr(cast(expr, ty.clone()), &schema)?;
        let one = RecordBatchOptions::new().with_row_count(Some(1));
        let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &one)?;
        match expr.evaluate(&row)? {
            ColumnarValue::Scalar(value) => Ok(value),
            ColumnarValue::Array(values) if !values.is_empty() => ScalarValue::try_from_array(&values, 0),
            ColumnarValue::Array(_) => Ok(ScalarValue::Null),
        }
    }
}
