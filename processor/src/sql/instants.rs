//! Instants as texts: RFC 3339 with all nine digits, as every format shows them, so that they sort as the instants do.
//!
//! The library writes as many digits as an instant needs, and `.5Z` is before `Z` in order: `max(start::text)` was not
//! the last. It casts on its own, too, where a text is wanted (`start || ''`, `concat`, a `UNION` with texts), so this is
//! the last rule of its analysis.

use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::util::display::FormatOptions;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;
use std::sync::Arc;

/// Writes instants where they become texts.
#[derive(Debug)]
pub(super) struct WrittenInstants;

impl AnalyzerRule for WrittenInstants {
    fn name(&self) -> &str {
        "written_instants"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewritten).map(|transformed| transformed.data)
    }
}

fn rewritten(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let written = expr.transform_up(|expr| Ok(written(expr, &schema)))?;
        Ok(written.update_data(|expr| name.restore(expr)))
    })
}

fn written(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_written = |of: &Expr, to: &DataType| {
        let is_text = matches!(to, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        is_text && matches!(of.get_type(schema), Ok(DataType::Timestamp(..)))
    };
    let text = |of: Expr| {
        let function = ScalarUDF::from(InstantText { signature: Signature::any(1, Volatility::Immutable) });
        Box::new(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![of])))
    };
    match expr {
        Expr::Cast(cast) if is_written(&cast.expr, cast.field.data_type()) => {
            Transformed::yes(Expr::Cast(Cast { expr: text(*cast.expr), field: cast.field }))
        }
        Expr::TryCast(cast) if is_written(&cast.expr, cast.field.data_type()) => {
            Transformed::yes(Expr::TryCast(TryCast { expr: text(*cast.expr), field: cast.field }))
        }
        other => Transformed::no(other),
    }
}

/// An instant as a text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct InstantText {
    signature: Signature,
}

impl ScalarUDFImpl for InstantText {
    fn name(&self) -> &str {
        "instant_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [instants] = args.args.as_slice() else { return exec_err!("`{}` takes an instant", self.name()) };
        // An instant in a zone keeps how far that is from UTC.
        let zoned = match instants.data_type() {
            DataType::Timestamp(_, Some(zone)) if ["UTC", "+00:00"].contains(&&*zone) => "%Y-%m-%dT%H:%M:%S%.9fZ",
            _ => "%Y-%m-%dT%H:%M:%S%.9f%:z",
        };
        let format = FormatOptions::default()
            .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.9f"))
            .with_timestamp_tz_format(Some(zoned));
        let options = CastOptions { safe: false, format_options: format };
        match instants {
            ColumnarValue::Array(array) => {
                Ok(ColumnarValue::Array(cast_with_options(array, &DataType::Utf8, &options)?))
            }
            ColumnarValue::Scalar(instant) => {
                let text = cast_with_options(&instant.to_array()?, &DataType::Utf8, &options)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&text, 0)?))
            }
        }
    }
}
