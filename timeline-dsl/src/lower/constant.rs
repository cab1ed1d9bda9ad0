//! Constants: what they are beside a value of some type, and calculating with them.

use crate::syntax::{Literal, NumberLiteral, Rational, Sign};
use timeline_core::plan::{Op, Unit};
use timeline_core::{SECOND, Time, Type, Value};

/// Why a constant cannot be what it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Misfit {
    /// Another type.
    Type,
    /// Too large, or too many digits.
    Range,
    /// A bare decimal where a duration is meant.
    Decimal,
    /// Division by zero.
    Zero,
}

/// How messages call it.
pub(super) fn describe(literal: &Literal) -> &'static str {
    match literal {
        Literal::Text(_) => "a string constant",
        Literal::Number(_) => "a number constant",
        Literal::Duration(_) => "a duration constant",
        Literal::Bool(_) => "a bool constant",
        Literal::Bad => "an error",
    }
}

/// The constant beside a column or a state of that type.
pub(super) fn value(literal: &Literal, beside: Type) -> Result<Value, Misfit> {
    match (literal, beside) {
        (Literal::Text(s), Type::String) => Ok(Value::text(s)),
        (Literal::Bool(b), Type::Bool) => Ok(Value::Bool(*b)),
        (Literal::Number(n), Type::Int) => match n.exact {
            Some(Rational { numerator, denominator: 1 }) => match i64::try_from(numerator) {
                Ok(x) => Ok(Value::Int(x)),
                Err(_) => Ok(Value::Float(n.float)),
            },
            _ => Ok(Value::Float(n.float)),
        },
        (Literal::Number(n), Type::Float) => match n.exact {
            // Integers that no float holds exactly are compared as integers.
            Some(Rational { numerator, denominator: 1 }) if n.float as i128 != numerator => {
                i64::try_from(numerator).map(Value::Int).or(Ok(Value::Float(n.float)))
            }
            _ => Ok(Value::Float(n.float + 0.0)),
        },
        _ => Err(Misfit::Type),
    }
}

/// The constant as a duration: bare integers are seconds.
pub(super) fn duration(literal: &Literal) -> Result<Time, Misfit> {
    match literal {
        Literal::Duration(d) => Ok(*d),
        Literal::Number(NumberLiteral { whole: true, exact, .. }) => exact
            .and_then(|x| x.multiply(Rational::whole(i128::from(SECOND))))
            .and_then(|x| Time::try_from(x.numerator).ok())
            .ok_or(Misfit::Range),
        Literal::Number(_) => Err(Misfit::Decimal),
        _ => Err(Misfit::Type),
    }
}

/// The constant as a number beside numbers of that unit.
pub(super) fn number(literal: &Literal, beside: Unit) -> Result<Op, Misfit> {
    if beside == Unit::Duration {
        return duration(literal).map(|d| number_op(d, 1, Unit::Duration));
    }
    if beside == Unit::Instant {
        return instant(literal).map(|at| number_op(at, 1, Unit::Instant));
    }
    if beside == Unit::Area {
        let nanoseconds = plain(literal)?.multiply(Rational::whole(i128::from(SECOND))).ok_or(Misfit::Range)?;
        let (numerator, denominator) = nanoseconds.parts().ok_or(Misfit::Range)?;
        return Ok(number_op(numerator, denominator, Unit::Area));
    }
    let (numerator, denominator) = plain(literal)?.parts().ok_or(Misfit::Range)?;
    Ok(number_op(numerator, denominator, if denominator == 1 { Unit::Int } else { Unit::Float }))
}

/// The constant as an instant: a text of RFC 3339.
pub(super) fn instant(literal: &Literal) -> Result<Time, Misfit> {
    let Literal::Text(text) = literal else { return Err(Misfit::Type) };
    let at = text.parse::<jiff::Timestamp>().map_err(|_| Misfit::Type)?;
    Time::try_from(at.as_nanosecond()).map_err(|_| Misfit::Range)
}

/// The exact value of a constant without a unit.
pub(super) fn plain(literal: &Literal) -> Result<Rational, Misfit> {
    match literal {
        Literal::Number(n) => n.exact.ok_or(Misfit::Range),
        _ => Err(Misfit::Type),
    }
}

/// A constant node.
pub(super) fn number_op(numerator: i64, denominator: i64, unit: Unit) -> Op {
    Op::ConstantNumber { numerator, denominator, unit }
}

/// Two constants calculated into one.
pub(super) fn calculate(sign: Sign, a: &Literal, b: &Literal) -> Result<Literal, Misfit> {
    let (x, y) = (amount(a)?, amount(b)?);
    let (durations, whole) = match (a, b) {
        (Literal::Duration(_), Literal::Duration(_)) => (2, true),
        (Literal::Duration(_), Literal::Number(n)) | (Literal::Number(n), Literal::Duration(_)) => (1, n.whole),
        (Literal::Number(n), Literal::Number(m)) => (0, n.whole && m.whole),
        _ => return Err(Misfit::Type),
    };
    let result = match sign {
        Sign::Plus | Sign::Minus => {
            // Beside a duration a bare integer is seconds.
            let (x, y) = if durations == 1 {
                (Rational::whole(i128::from(duration(a)?)), Rational::whole(i128::from(duration(b)?)))
            } else {
                (x, y)
            };
            if sign == Sign::Plus { x.add(y) } else { y.negate().and_then(|y| x.add(y)) }
        }
        Sign::Times if durations == 2 => return Err(Misfit::Type),
        Sign::Times => x.multiply(y),
        Sign::Over if y.numerator == 0 => return Err(Misfit::Zero),
        Sign::Over if durations == 1 && matches!(b, Literal::Duration(_)) => return Err(Misfit::Type),
        Sign::Over => y.inverse().and_then(|y| x.multiply(y)),
    }
    .ok_or(Misfit::Range)?;
    let is_duration = durations == 1 || (durations == 2 && sign != Sign::Over);
    if is_duration {
        let whole = result.denominator == 1;
        let time = Time::try_from(result.numerator).ok().filter(|_| whole).ok_or(Misfit::Range)?;
        return Ok(Literal::Duration(time));
    }
    let float = result.numerator as f64 / result.denominator as f64;
    Ok(Literal::Number(NumberLiteral { exact: Some(result), float, whole: whole && result.denominator == 1 }))
}

fn amount(literal: &Literal) -> Result<Rational, Misfit> {
    match literal {
        Literal::Duration(d) => Ok(Rational::whole(i128::from(*d))),
        other => plain(other),
    }
}
