//! Tables whose rows come once the question is planned: so only those are asked for that its conditions let through.
//!
//! The library brings what a question says of a table's rows down to where they are read, through joins, unions and
//! subqueries, and what it says of two tables that are joined by a column from the one to the other. What stands there
//! of `session`, `metric`, `alert`, `start` and `end` is what [`TableScan`] says to the processor.
//!
//! **Invariant:** these tables promise nothing: every condition is tested once more on the rows that came.

use crate::engine::{EngineError, TableData, TableScan, TimeBounds};
use crate::labels::VERSION;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ScalarValue, exec_err};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, LogicalPlan, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// The columns that bounds are taken from: that of sessions, and that of outputs in the tables that have several.
const SESSION: &str = "session";
const TIMES: [&str; 2] = ["start", "end"];
const OUTPUTS: [(&str, &str); 4] =
    [("finals", "metric"), ("spans", "metric"), ("totals", "metric"), ("alerts", "alert")];

/// The tables with rows of several definitions of one name.
const VERSIONED: [&str; 2] = ["finals", "alerts"];

/// Whether a statement over some tables may bound what it reads, or take versions together: no other one is worth a second
/// word with the processor.
pub(super) fn may_bound(sql: &str, names: &[String]) -> bool {
    sql.contains(SESSION)
        || TIMES.iter().any(|column| sql.contains(column))
        || OUTPUTS.iter().any(|(_, column)| sql.contains(column))
        || names.iter().any(|name| VERSIONED.contains(&name.as_str()))
}

/// A table of which the columns are known, and not yet the rows.
#[derive(Debug)]
pub(super) struct DeferredTable {
    name: String,
    schema: SchemaRef,
    rows: OnceLock<Arc<dyn TableProvider>>,
}

impl DeferredTable {
    /// A table by its columns.
    pub(super) fn new(columns: &TableData) -> Arc<DeferredTable> {
        Arc::new(DeferredTable { name: columns.name.clone(), schema: bare(&columns.schema), rows: OnceLock::new() })
    }

    /// Whether the table that came has the columns that the question was planned with.
    pub(super) fn fits(&self, table: &TableData) -> bool {
        self.schema == bare(&table.schema)
    }

    /// Takes the rows.
    pub(super) fn set(&self, rows: Arc<dyn TableProvider>) {
        // A question is planned once.
        let _ = self.rows.set(rows);
    }
}

/// Columns without what is said of them.
fn bare(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| Field::new(field.name(), field.data_type().clone(), field.is_nullable());
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// A plan that is being made.
type Planned<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'a>>;

impl TableProvider for DeferredTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn scan<'s, 'state, 'columns, 'filters, 'a>(
        &'s self,
        state: &'state dyn Session,
        projection: Option<&'columns Vec<usize>>,
        filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> Planned<'a>
    where
        's: 'a,
        'state: 'a,
        'columns: 'a,
        'filters: 'a,
        Self: 'a,
    {
        match self.rows.get() {
            Some(rows) => rows.scan(state, projection, filters, limit),
            None => Box::pin(async move { exec_err!("the rows of `{}` did not come", self.name) }),
        }
    }
}

/// How much a planned question reads of its tables; of one that is read several times what any of them needs, and of one
/// that is not read after all no row.
pub(super) fn scans(plan: &LogicalPlan, names: &[String]) -> Result<Vec<TableScan>, EngineError> {
    let mut found: BTreeMap<String, TableScan> = BTreeMap::new();
    let mut note = |late: &DeferredTable, filters: &[Expr], read: &Schema| {
        let table = late.name.as_str();
        let of = |column: &str| filters.iter().filter_map(|filter| bound(filter, column)).reduce(both);
        // A dimension of metrics may be called as the column of alerts is.
        let output = OUTPUTS.iter().find(|(known, _)| *known == table);
        let outputs = output.and_then(|(_, column)| of(column));
        let has = |columns: &Schema| columns.column_with_name(VERSION).is_some();
        let mixes_versions = VERSIONED.contains(&table) && has(&late.schema) && !has(read);
        let [start, end] = TIMES.map(|column| {
            filters.iter().map(|filter| times(filter, column)).fold(TimeBounds::default(), TimeBounds::and)
        });
        let (table_name, sessions) = (table.to_owned(), of(SESSION));
        let scan = TableScan { table: table_name, sessions, outputs, start, end, mixes_versions };
        let all = match found.remove(table) {
            Some(known) => TableScan {
                table: scan.table,
                sessions: either(known.sessions, scan.sessions),
                outputs: either(known.outputs, scan.outputs),
                start: known.start.or(scan.start),
                end: known.end.or(scan.end),
                mixes_versions: known.mixes_versions || scan.mixes_versions,
            },
            None => scan,
        };
        found.insert(table.to_owned(), all);
    };
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source)?;
            if let Some(late) = provider.downcast_ref::<DeferredTable>() {
                note(late, &scan.filters, scan.projected_schema.as_arrow());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(super::error::cleaned)?;
    let none = || Some(BTreeSet::new());
    let nothing = |name: &String| TableScan { sessions: none(), outputs: none(), ..TableScan::whole(name) };
    let scan = |name: &String| found.remove(name).unwrap_or_else(|| nothing(name));
    Ok(names.iter().map(scan).collect())
}

/// The texts that a column may have where a condition holds; none if it bounds it to no list of them.
fn bound(filter: &Expr, column: &str) -> Option<BTreeSet<String>> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(named) if named.name == column);
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let value = if is_column(left) { right } else { left };
            let is_bound = is_column(left) || is_column(right);
            text(value).filter(|_| is_bound).map(|text| [text].into())
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (bound(left, column), bound(right, column)) {
                (Some(left), Some(right)) => Some(both(left, right)),
                (one, other) => one.or(other),
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            either(bound(left, column), bound(right, column))
        }
        Expr::InList(list) if !list.negated && is_column(&list.expr) => list.list.iter().map(text).collect(),
        _ => None,
    }
}

/// Between which instants a column of times is where a condition holds.
fn times(filter: &Expr, column: &str) -> TimeBounds {
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(named) if named.name == column);
    let from = |from: Option<i64>| TimeBounds { from, to: None };
    let to = |to: Option<i64>| TimeBounds { from: None, to };
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            times(left, column).and(times(right, column))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => times(left, column).or(times(right, column)),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (value, is_left) = if is_column(left) { (right, true) } else { (left, false) };
            if !is_left && !is_column(right) {
                return TimeBounds::default();
            }
            // The instant itself is let through as well, for every condition is tested once more.
            match (op, is_left) {
                (Operator::Eq, _) => from(instant(value)).and(to(instant(value))),
                (Operator::Gt | Operator::GtEq, true) | (Operator::Lt | Operator::LtEq, false) => from(instant(value)),
                (Operator::Lt | Operator::LtEq, true) | (Operator::Gt | Operator::GtEq, false) => to(instant(value)),
                _ => TimeBounds::default(),
            }
        }
        Expr::Between(between) if !between.negated && is_column(&between.expr) => {
            from(instant(&between.low)).and(to(instant(&between.high)))
        }
        _ => TimeBounds::default(),
    }
}

fn instant(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(ns, _), _) => *ns,
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

fn both(a: BTreeSet<String>, b: BTreeSet<String>) -> BTreeSet<String> {
    a.intersection(&b).cloned().collect()
}

fn either(a: Option<BTreeSet<String>>, b: Option<BTreeSet<String>>) -> Option<BTreeSet<String>> {
    Some(a?.union(&b?).cloned().collect())
}
