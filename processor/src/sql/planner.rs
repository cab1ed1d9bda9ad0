//! Where the library's arithmetic would silently lose something, ours: as DuckDB and PostgreSQL calculate.
//!
//! * A quotient of decimals is a float. The library gives it four digits more than its dividend has, so `1 / 1000000.0`
//!   was 0; there is no number of digits that is right for all, and DuckDB decides likewise.
//! * Parts of a length of time (`"end" - "start"`) are those of PostgreSQL's interval: hours below 24, minutes and
//!   seconds below 60, and `epoch` is all of it in seconds with their fraction, which the library cuts off.
//!
//! * A number that becomes a whole one by `CAST` is rounded, and not cut off.
//! * A date and a length of time that is not whole days are an instant; the library leaves out the hours.
//! * Lengths of time are compared by what they come to.
//! * A column of texts is not compared with a number.
//! * Sums, differences and products of whole numbers that 64 bits do not hold are errors; the library's begin again at
//!   the other end.
//!
//! Whole numbers by whole numbers stay whole, as in PostgreSQL.

use super::catalog::is_number;
use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, Int32Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::{DataType, DurationNanosecondType, FieldRef, Float64Type, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::functions::datetime::date_part::DatePartFunc;
use datafusion::functions::math::expr_fn::round;
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// Plans what is calculated otherwise here.
#[derive(Debug)]
pub(super) struct Arithmetic;

impl ExprPlanner for Arithmetic {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let checked = match expr.op {
            BinaryOperator::Plus => Some(Checked::Sum),
            BinaryOperator::Minus => Some(Checked::Difference),
            BinaryOperator::Multiply => Some(Checked::Product),
            BinaryOperator::Divide => None,
            _ => return compared(expr, schema),
        };
        let (left, right) = (type_of(&expr.left, schema)?, type_of(&expr.right, schema)?);
        if let (BinaryOperator::Plus | BinaryOperator::Minus, Some(dated)) = (&expr.op, dated(&expr, &left, &right)) {
            return Ok(PlannerResult::Planned(dated));
        }
        if let Some(checked) = checked {
            // What is wider is left to the library, which makes decimals of it.
            if !left.is_signed_integer() || !right.is_signed_integer() {
                return Ok(PlannerResult::Original(expr));
            }
            let function = ScalarUDF::from(WholeNumbers { signature: checked.signature(), checked });
            let call = ScalarFunction::new_udf(Arc::new(function), vec![expr.left, expr.right]);
            return Ok(PlannerResult::Planned(Expr::ScalarFunction(call)));
        }
        if !(is_decimal(&left) || is_decimal(&right)) || !left.is_numeric() || !right.is_numeric() {
            return Ok(PlannerResult::Original(expr));
        }
        let float = |side: Expr| datafusion::prelude::cast(side, DataType::Float64);
        Ok(PlannerResult::Planned(float(expr.left) / float(expr.right)))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(date_part()), args))))
    }
}

/// A date and a length of time as what PostgreSQL makes of them, where the library would make a date: the instant at which
/// the day begins, and so much later or earlier. Months and whole days stay dates, as `generate_series` wants them.
fn dated(expr: &RawBinaryExpr, left: &DataType, right: &DataType) -> Option<Expr> {
    const DAY_NS: i64 = 86_400_000_000_000;
    let is_date = |ty: &DataType| matches!(ty, DataType::Date32 | DataType::Date64);
    let is_length = |ty: &DataType| matches!(ty, DataType::Interval(_));
    let length = match (is_date(left), is_date(right)) {
        (true, false) if is_length(right) => &expr.right,
        (false, true) if is_length(left) => &expr.left,
        _ => return None,
    };
    let is_of_days = match length {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(length)), _) => length.nanoseconds % DAY_NS == 0,
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => true,
        _ => false,
    };
    if is_of_days {
        return None;
    }
    let instant = |side: &Expr, ty: &DataType| match is_date(ty) {
        true => datafusion::prelude::cast(side.clone(), DataType::Timestamp(TimeUnit::Nanosecond, None)),
        false => side.clone(),
    };
    let (left, right) = (instant(&expr.left, left), instant(&expr.right, right));
    Some(if expr.op == BinaryOperator::Minus { left - right } else { left + right })
}

/// The type of a side. Those of our own functions are known without going down a long chain of them again and again.
fn type_of(side: &Expr, schema: &DFSchema) -> Result<DataType> {
    match side {
        Expr::ScalarFunction(call) if matches!(call.func.name(), "+" | "-" | "*") => Ok(DataType::Int64),
        side => side.get_type(schema),
    }
}

/// A comparison of lengths of time, as seconds: the library compares months, days and the rest one after the other, to
/// which 25 hours are less than a day.
fn compared(expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
    type ComparePlanner = fn(Expr, Expr) -> Expr;
    let compare: ComparePlanner = match expr.op {
        BinaryOperator::Eq => Expr::eq,
        BinaryOperator::NotEq => Expr::not_eq,
        BinaryOperator::Lt => Expr::lt,
        BinaryOperator::LtEq => Expr::lt_eq,
        BinaryOperator::Gt => Expr::gt,
        BinaryOperator::GtEq => Expr::gt_eq,
        _ => return Ok(PlannerResult::Original(expr)),
    };
    comparable(&expr.left, &expr.right, schema)?;
    let is_interval = |side: &Expr| matches!(side.get_type(schema), Ok(DataType::Interval(_)));
    let is_length = |side: &Expr| is_interval(side) || matches!(side.get_type(schema), Ok(DataType::Duration(_)));
    let (left, right) = (&expr.left, &expr.right);
    if !(is_length(left) && is_length(right) && (is_interval(left) || is_interval(right))) {
        return Ok(PlannerResult::Original(expr));
    }
    let epoch = |side| {
        Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::new(date_part()),
            vec![datafusion::prelude::lit("epoch"), side],
        ))
    };
    Ok(PlannerResult::Planned(compare(epoch(expr.left), epoch(expr.right))))
}

/// Refuses to compare a column of texts with a number: the library would make a number of each text, and fail at the first row
/// that has another one.
fn comparable(left: &Expr, right: &Expr, schema: &DFSchema) -> Result<()> {
    for (text, number) in [(left, right), (right, left)] {
        let Expr::Column(column) = text else { continue };
        let is_text = matches!(text.get_type(schema), Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View));
        if is_text && type_of(number, schema).is_ok_and(|ty| ty.is_numeric()) && !is_number(&column.name) {
            let name = &column.name;
            return plan_err!(
                "`{name}` is a text, and is compared with a number: write CAST({name} AS DOUBLE), or the number in quotes"
            );
        }
    }
    Ok(())
}

/// Likewise in the lists and ranges of a statement, which are no operators to [`Arithmetic`].
pub(super) fn check_lists(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match expr {
                    Expr::Between(range) => {
                        comparable(&range.expr, &range.low, &schema)?;
                        comparable(&range.expr, &range.high, &schema)?;
                    }
                    Expr::InList(list) => {
                        list.list.iter().try_for_each(|one| comparable(&list.expr, one, &schema))?;
                    }
                    Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                        is_no_list(expr, field.data_type(), &schema)?;
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map(|_| ())
}

/// Refuses to take a text for a list: the library would make a list of that one text, and the braces of PostgreSQL a part of it.
fn is_no_list(of: &Expr, to: &DataType, schema: &DFSchema) -> Result<()> {
    let is_list = matches!(to, DataType::List(_) | DataType::LargeList(_));
    let is_text = || matches!(of.get_type(schema), Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View));
    if is_list && is_text() {
        return plan_err!(
            "a text is no list here: write make_array('a', 'b'), or `= ANY($1)` for a list that is given"
        );
    }
    Ok(())
}

fn is_decimal(ty: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    matches!(ty, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..))
}

/// `date_part(part, time)`, which `extract(part FROM time)` is too.
pub(super) fn date_part() -> ScalarUDF {
    ScalarUDF::from(DatePart(DatePartFunc::new()))
}

/// The library's, but for lengths of time.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DatePart(DatePartFunc);

impl ScalarUDFImpl for DatePart {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.0.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(part), length] = args.args.as_slice() else {
            return self.0.invoke_with_args(args);
        };
        let (Some(Some(part)), DataType::Duration(_)) = (part.try_as_str(), length.data_type()) else {
            return self.0.invoke_with_args(args);
        };
        match length {
            ColumnarValue::Array(lengths) => Ok(ColumnarValue::Array(part_of(part, lengths)?)),
            ColumnarValue::Scalar(length) => {
                let parts = part_of(part, &length.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&parts, 0)?))
            }
        }
    }
}

/// A part of lengths of time.
fn part_of(part: &str, lengths: &ArrayRef) -> Result<ArrayRef> {
    let lengths = cast(lengths, &DataType::Duration(TimeUnit::Nanosecond))?;
    let lengths = lengths.as_primitive::<DurationNanosecondType>();
    let (second, minute, hour, day) = (1_000_000_000, 60_000_000_000, 3_600_000_000_000, 86_400_000_000_000_i64);
    let part = part.trim_matches(|quote| quote == '\'' || quote == '"').to_lowercase();
    let (below, unit) = match part.trim_end_matches('s') {
        "epoch" => {
            let seconds: Float64Array = lengths.unary(|ns| ns as f64 / 1e9);
            return Ok(Arc::new(seconds));
        }
        "nanosecond" => {
            let ns: Int64Array = lengths.unary(|ns| ns % minute);
            return Ok(Arc::new(ns));
        }
        "microsecond" => (minute, 1_000),
        "millisecond" => (minute, 1_000_000),
        "second" => (minute, second),
        "minute" => (hour, minute),
        "hour" => (day, hour),
        "day" => (i64::MAX, day),
        "week" | "month" | "quarter" | "year" => (1, 1),
        _ => {
            return exec_err!("a length of time has no `{part}`; it has epoch, day, hour, minute, second, millisecond");
        }
    };
    let parts: Int32Array = lengths.unary(|ns| (ns % below / unit) as i32);
    Ok(Arc::new(parts))
}

/// An operation whose result may have more than 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Checked {
    Sum,
    Difference,
    Product,
}

impl Checked {
    fn signature(self) -> Signature {
        Signature::exact(vec![DataType::Int64, DataType::Int64], Volatility::Immutable)
    }
}

/// A sum, difference or product of whole numbers that fails rather than begin again at the other end.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WholeNumbers {
    checked: Checked,
    signature: Signature,
}

impl ScalarUDFImpl for WholeNumbers {
    fn name(&self) -> &str {
        match self.checked {
            Checked::Sum => "+",
            Checked::Difference => "-",
            Checked::Product => "*",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else { return exec_err!("`{}` takes two numbers", self.name()) };
        let result = match self.checked {
            Checked::Sum => add(left, right),
            Checked::Difference => sub(left, right),
            Checked::Product => mul(left, right),
        };
        let Ok(result) = result else { return exec_err!("a whole number of `{}` is beyond 64 bits", self.name()) };
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}

/// Rounds where a number becomes a whole one by `CAST`, as DuckDB and PostgreSQL do; the library cuts off.
#[derive(Debug)]
pub(super) struct RoundedCasts;

impl FunctionRewrite for RoundedCasts {
    fn name(&self) -> &str {
        "rounded_casts"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        let is_rounded = |of: &Expr, to: &DataType| {
            let from = of.get_type(schema).unwrap_or(DataType::Null);
            to.is_integer() && (from.is_floating() || is_decimal(&from))
        };
        // Halves of decimals go away from zero, those of floats to the even number.
        let rounded = |of: Expr| match of.get_type(schema) {
            Ok(ty) if is_decimal(&ty) => round(vec![of]),
            _ => {
                let even = HalfEven { signature: Signature::exact(vec![DataType::Float64], Volatility::Immutable) };
                let of = datafusion::prelude::cast(of, DataType::Float64);
                Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(even)), vec![of]))
            }
        };
        Ok(match expr {
            Expr::Cast(cast) if is_rounded(&cast.expr, cast.field.data_type()) => {
                Transformed::yes(Expr::Cast(Cast { expr: Box::new(rounded(*cast.expr)), field: cast.field }))
            }
            Expr::TryCast(cast) if is_rounded(&cast.expr, cast.field.data_type()) => {
                Transformed::yes(Expr::TryCast(TryCast { expr: Box::new(rounded(*cast.expr)), field: cast.field }))
            }
            other => Transformed::no(other),
        })
    }
}

/// The nearest whole number of a float, of two the even one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct HalfEven {
    signature: Signature,
}

impl ScalarUDFImpl for HalfEven {
    fn name(&self) -> &str {
        "round_half_even"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [numbers] = arrays.as_slice() else { return exec_err!("`{}` takes a number", self.name()) };
        let rounded: Float64Array = numbers.as_primitive::<Float64Type>().unary(f64::round_ties_even);
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&rounded, 0)?)),
            false => Ok(ColumnarValue::Array(Arc::new(rounded))),
        }
    }
}
