//! A text that meets a number where no operator stands between the two: in `NATURAL JOIN`, `JOIN ... USING`,
//! `IN (SELECT ...)`, `= ANY (SELECT ...)`, `UNION`, `INTERSECT` and `EXCEPT`.
//!
//! The library would make a number of each text there, and fail at the first row that has another one, or a text of each
//! number. PostgreSQL refuses both before a row is read, and so do we, with the columns and their types.
//! What stands between two columns as an operator is looked at where it is planned ([`super::planner`]).

use super::catalog::is_number;
use super::types;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{InSubquery, SetComparison};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan};
use datafusion::prelude::Expr;

/// One of two that meet.
struct Side {
    /// As it is told.
    named: String,
    /// The last part of its name.
    column: String,
    ty: DataType,
}

/// Refuses a plan in which a text meets a number.
pub(super) fn check_mixed(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Join(join) => {
                for (left, right) in &join.on {
                    let (left, right) = (Side::of(left, join.left.schema()), Side::of(right, join.right.schema()));
                    meet(&left, &right, "are compared")?;
                }
            }
            LogicalPlan::Union(union) => {
                let [first, others @ ..] = union.inputs.as_slice() else { return Ok(TreeNodeRecursion::Continue) };
                for other in others {
                    for (place, _) in first.schema().fields().iter().enumerate() {
                        let (Some(left), Some(right)) = (Side::at(first, place), Side::at(other, place)) else {
                            continue;
                        };
                        meet(&left, &right, "come into one column of a UNION")?;
                    }
                }
            }
            _ => {}
        }
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::InSubquery(InSubquery { expr, subquery, .. })
                | Expr::SetComparison(SetComparison { expr, subquery, .. }) = expr
                    && let Some(right) = Side::at(&subquery.subquery, 0)
                {
                    meet(&Side::of(expr, &schema), &right, "are compared")?;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map(|_| ())
}

impl Side {
    fn of(expr: &Expr, schema: &DFSchema) -> Side {
        let column = match expr {
            Expr::Column(column) => column.name.clone(),
            _ => String::new(),
        };
        let named = match expr {
            Expr::Column(column) => column.flat_name(),
            other => other.schema_name().to_string(),
        };
        // What has no type here is refused elsewhere.
        Side { named, column, ty: expr.get_type(schema).unwrap_or(DataType::Null) }
    }

    /// A column of what a query gives.
    fn at(query: &LogicalPlan, place: usize) -> Option<Side> {
        let schema = query.schema();
        let field = schema.fields().get(place)?;
        let (qualifier, _) = schema.qualified_field(place);
        let named = qualifier.map_or_else(|| field.name().clone(), |table| format!("{table}.{}", field.name()));
        Some(Side { named, column: field.name().clone(), ty: field.data_type().clone() })
    }

    /// Its type as SQL writes it.
    fn written(&self) -> String {
        types::written(types::oid(&self.ty), types::modifier(&self.ty))
    }
}

fn meet(left: &Side, right: &Side, what: &str) -> Result<()> {
    let is_text = |side: &Side| matches!(side.ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    for (text, number) in [(left, right), (right, left)] {
        if is_text(text) && number.ty.is_numeric() && !is_number(&text.column) {
            return plan_err!(
                "`{}` is a text, and `{}` is a number ({}), and the two {what}; where they meet write TRY_CAST({} AS DOUBLE), \
                 which is null for what is no number, or CAST({} AS VARCHAR), which writes a decimal with all its digits",
                text.named,
                number.named,
                number.written(),
                text.named,
                number.named
            );
        }
    }
    Ok(())
}
