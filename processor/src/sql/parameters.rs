//! Values in the place of `$1`, `$2` ...: put into the statement as literals, after it has been parsed.
//!
//! So a value is never read as SQL, and what has no type of its own takes that of what it is compared with, as a literal
//! does.

use super::{StatementParameter, types};
use crate::engine::EngineError;
use datafusion::arrow::datatypes::{DataType as Arrow, TimeUnit};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{CastKind, DataType, Expr, Value, Visit, VisitMut, Visitor, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// Puts values in the place of the parameters.
pub(super) fn put_in(statement: &mut Statement, values: &[StatementParameter]) -> Result<(), EngineError> {
    each(statement, |number, expr| {
        let Some(value) = number.checked_sub(1).and_then(|place| values.get(place)) else {
            return Err(EngineError::invalid(format!("there is no value for ${number}: {} came", values.len())));
        };
        *expr = literal(value)?;
        Ok(())
    })
}

/// Gives the parameters whose types are known their types; those of all parameters, as far as the text says them.
pub(super) fn typed(statement: &mut Statement, known: &[Option<String>]) -> Result<Vec<Option<Arrow>>, EngineError> {
    let mut casts = Casts(vec![]);
    if let Statement::Statement(ast) = &*statement {
        let _ = ast.visit(&mut casts);
    }
    let mut said = vec![None; known.len()];
    each(statement, |number, expr| {
        if said.len() < number {
            said.resize(number, None);
        }
        if let Some(ty) = number.checked_sub(1).and_then(|place| known.get(place)?.as_deref()) {
            *expr = cast(expr.clone(), ty)?;
        }
        Ok(())
    })?;
    for (number, ty) in casts.0 {
        if let Some(said) = number.checked_sub(1).and_then(|place| said.get_mut(place)) {
            *said = Some(ty);
        }
    }
    Ok(said)
}

/// The types that parameters are cast to, as `$1::text[]` is.
struct Casts(Vec<(usize, Arrow)>);

impl Visitor for Casts {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Cast { expr, data_type, .. } = expr
            && let (Some(number), Some(ty)) = (number(expr), of_cast(data_type))
        {
            self.0.push((number, ty));
        }
        ControlFlow::Continue(())
    }
}

/// The type of a cast, as that of a value to be sent.
fn of_cast(ty: &DataType) -> Option<Arrow> {
    let name = ty.to_string().to_ascii_lowercase();
    let (name, is_array) = name.strip_suffix("[]").map_or((name.as_str(), false), |of| (of, true));
    let name = if name == "int" { "integer" } else { name };
    let ty = types::all().into_iter().find(|ty| ty.name == name || ty.sql == name)?;
    let of = match ty.name {
        "bool" => Arrow::Boolean,
        "int2" => Arrow::Int16,
        "int4" => Arrow::Int32,
        "int8" => Arrow::Int64,
        "float4" => Arrow::Float32,
        "float8" => Arrow::Float64,
        "numeric" => Arrow::Decimal128(38, 9),
        "date" => Arrow::Date32,
        "timestamp" => Arrow::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => Arrow::Utf8,
    };
    Some(if is_array { Arrow::new_list(of, true) } else { of })
}

/// The number of a parameter.
fn number(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let Value::Placeholder(name) = &value.value else { return None };
    name.strip_prefix('$')?.parse().ok()
}

/// The value as a literal.
fn literal(value: &StatementParameter) -> Result<Expr, EngineError> {
    let of = |value: Value| Expr::Value(value.into());
    let Some(text) = &value.text else {
        return match &value.ty {
            Some(ty) => cast(of(Value::Null), ty),
            None => Ok(of(Value::Null)),
        };
    };
    match value.ty.as_deref() {
        None => Ok(of(Value::SingleQuotedString(text.clone()))),
        // As it would stand in a statement.
        Some("bigint" | "integer" | "smallint" | "oid") => match text.trim().parse::<i64>() {
            Ok(number) if number >= 0 => Ok(of(Value::Number(number.to_string(), false))),
            Ok(number) => cast(of(Value::SingleQuotedString(number.to_string())), "bigint"),
            Err(_) => Err(EngineError::invalid(format!("`{}` is no whole number", shortened(text)))),
        },
        Some("text" | "character varying" | "character" | "name" | "unknown") => {
            Ok(of(Value::SingleQuotedString(text.clone())))
        }
        Some(ty) => cast(of(Value::SingleQuotedString(text.clone())), ty),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

fn cast(expr: Expr, ty: &str) -> Result<Expr, EngineError> {
    let ty = match ty {
        // Of our numbers; the parser's own would have no digits behind the point.
        "numeric" => "DECIMAL(38, 9)",
        "oid" => "bigint",
        other => other,
    };
    let parsed = Parser::new(&GenericDialect {}).try_with_sql(ty).and_then(|mut parser| parser.parse_data_type());
    let data_type: DataType =
        parsed.map_err(|_| EngineError::invalid(format!("parameters of the type {ty} are not taken")))?;
    Ok(Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None })
}

/// Calls `then` for each parameter with its number.
fn each(
    statement: &mut Statement,
    then: impl FnMut(usize, &mut Expr) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let mut visitor = Parameters { then, failed: None };
    match statement {
        Statement::Statement(ast) => _ = ast.visit(&mut visitor),
        Statement::Explain(explain) => return each(&mut explain.statement, visitor.then),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {}
    }
    visitor.failed.map_or(Ok(()), Err)
}

struct Parameters<F> {
    then: F,
    failed: Option<EngineError>,
}

impl<F: FnMut(usize, &mut Expr) -> Result<(), EngineError>> VisitorMut for Parameters<F> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Some(number) = number(expr) else { return ControlFlow::Continue(()) };
        match (self.then)(number, expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}
