//! Functions of the payloads of one event.
//!
//! One definition serves both evaluators, as the arithmetic of [`crate::Linear`] does.
//! But for `if`, `coalesce` and `exists`, a function of an absent value is absent, and so is what no value can hold:
//! a quotient by zero, an integer beyond 64 bits, a float that is not finite.

use crate::{Type, Value};

/// A function of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    /// In lower case, as Unicode maps it.
    Lower,
    /// In upper case, as Unicode maps it.
    Upper,
    /// Without white space around it.
    Trim,
    /// The number of characters.
    Length,
    /// Whether the first text begins with the second.
    StartsWith,
    /// Whether the first text ends with the second.
    EndsWith,
    /// Whether the second text is a part of the first.
    Contains,
    /// Without its sign.
    Abs,
    /// The nearest whole number, halves away from zero.
    Round,
    /// The greatest whole number that is not greater.
    Floor,
    /// The least whole number that is not less.
    Ceil,
    /// The sum.
    Add,
    /// The difference.
    Sub,
    /// The product.
    Mul,
    /// The quotient, a float.
    Div,
    /// The second where the first is true, the third where it is false or absent.
    If,
    /// The first that is not absent.
    Coalesce,
    /// Whether it is not absent.
    Exists,
    /// Whether a bit of the first, in two's complement, is set: the second says which, from 0 to 63.
    Bit,
}

impl Scalar {
    /// How a program writes it: its name, or its sign.
    pub fn name(self) -> &'static str {
        match self {
            Scalar::Lower => "lower",
            Scalar::Upper => "upper",
            Scalar::Trim => "trim",
            Scalar::Length => "length",
            Scalar::StartsWith => "starts_with",
            Scalar::EndsWith => "ends_with",
            Scalar::Contains => "contains",
            Scalar::Abs => "abs",
            Scalar::Round => "round",
            Scalar::Floor => "floor",
            Scalar::Ceil => "ceil",
            Scalar::Add => "+",
            Scalar::Sub => "-",
            Scalar::Mul => "*",
            Scalar::Div => "/",
            Scalar::If => "if",
            Scalar::Coalesce => "coalesce",
            Scalar::Exists => "exists",
            Scalar::Bit => "bit",
        }
    }

    /// The type of its value, if it takes arguments of these types.
    pub fn result(self, arguments: &[Type]) -> Option<Type> {
        use Type::{Bool, Float, Int, String};
        match (self, arguments) {
            (Scalar::Lower | Scalar::Upper | Scalar::Trim, [String]) => Some(String),
            (Scalar::Length, [String]) => Some(Int),
            (Scalar::StartsWith | Scalar::EndsWith | Scalar::Contains, [String, String]) => Some(Bool),
            (Scalar::Abs | Scalar::Round | Scalar::Floor | Scalar::Ceil, [ty @ (Int | Float)]) => Some(*ty),
            (Scalar::Add | Scalar::Sub | Scalar::Mul, [Int, Int]) => Some(Int),
            (Scalar::Add | Scalar::Sub | Scalar::Mul | Scalar::Div, [Int | Float, Int | Float]) => Some(Float),
            (Scalar::Exists, [_]) | (Scalar::Bit, [Int, Int]) => Some(Bool),
            (Scalar::If, [Bool, a, b]) | (Scalar::Coalesce, [a, b]) if a == b => Some(*a),
            _ => None,
        }
    }

    /// Its value; arguments have the types that [`Scalar::result`] takes.
    pub fn apply(self, arguments: &[Option<Value>]) -> Option<Value> {
        match (self, arguments) {
            (Scalar::If, [condition, then, otherwise]) => {
                if *condition == Some(Value::Bool(true)) {
                    then.clone()
                } else {
                    otherwise.clone()
                }
            }
            (Scalar::Coalesce, [first, second]) => first.clone().or_else(|| second.clone()),
            (Scalar::Exists, [value]) => Some(Value::Bool(value.is_some())),
            (_, [Some(a)]) => self.of_one(a),
            (_, [Some(a), Some(b)]) => self.of_two(a, b),
            _ => None,
        }
    }

    fn of_one(self, a: &Value) -> Option<Value> {
        Some(match (self, a) {
            (Scalar::Lower, Value::Str(s)) => Value::text(&s.to_lowercase()),
            (Scalar::Upper, Value::Str(s)) => Value::text(&s.to_uppercase()),
            (Scalar::Trim, Value::Str(s)) => Value::text(s.trim()),
            (Scalar::Length, Value::Str(s)) => Value::Int(s.chars().count() as i64),
            (Scalar::Abs, Value::Int(x)) => Value::Int(x.checked_abs()?),
            (Scalar::Abs, Value::Float(x)) => Value::Float(x.abs()),
            (Scalar::Round | Scalar::Floor | Scalar::Ceil, Value::Int(x)) => Value::Int(*x),
            (Scalar::Round, Value::Float(x)) => Value::Float(x.round() + 0.0),
            (Scalar::Floor, Value::Float(x)) => Value::Float(x.floor() + 0.0),
            (Scalar::Ceil, Value::Float(x)) => Value::Float(x.ceil() + 0.0),
            _ => return None,
        })
    }

    fn of_two(self, a: &Value, b: &Value) -> Option<Value> {
        match (self, a, b) {
            (Scalar::StartsWith, Value::Str(a), Value::Str(b)) => Some(Value::Bool(a.starts_with(&**b))),
            (Scalar::EndsWith, Value::Str(a), Value::Str(b)) => Some(Value::Bool(a.ends_with(&**b))),
            (Scalar::Contains, Value::Str(a), Value::Str(b)) => Some(Value::Bool(a.contains(&**b))),
            (Scalar::Bit, Value::Int(x), Value::Int(n)) => {
                u32::try_from(*n).ok().filter(|n| *n < i64::BITS).map(|n| Value::Bool(x >> n & 1 == 1))
            }
            (Scalar::Add, Value::Int(a), Value::Int(b)) => integer(a.checked_add(*b)),
            (Scalar::Sub, Value::Int(a), Value::Int(b)) => integer(a.checked_sub(*b)),
            (Scalar::Mul, Value::Int(a), Value::Int(b)) => integer(a.checked_mul(*b)),
            _ => {
                let (a, b) = (number(a)?, number(b)?);
                let result = match self {
                    Scalar::Add => a + b,
                    Scalar::Sub => a - b,
                    Scalar::Mul => a * b,
                    Scalar::Div => a / b,
                    _ => return None,
                };
                result.is_finite().then_some(Value::Float(result + 0.0))
            }
        }
    }
}

/// The least integer stands for absence, as in `int` columns.
fn integer(x: Option<i64>) -> Option<Value> {
    x.filter(|x| *x != i64::MIN).map(Value::Int)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(x) => Some(*x as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Scalar;
    use crate::Value;

    #[track_caller]
    fn check(function: Scalar, arguments: &[Value], expected: Option<Value>) {
        let arguments: Vec<_> = arguments.iter().cloned().map(Some).collect();
        assert_eq!(function.apply(&arguments), expected, "{function:?} of {arguments:?}");
    }

    #[test]
    fn what_no_value_can_hold_is_absent() {
        let (most, least) = (Value::Int(i64::MAX), Value::Int(-i64::MAX));
        check(Scalar::Add, &[most.clone(), Value::Int(1)], None);
        check(Scalar::Sub, &[least.clone(), Value::Int(1)], None);
        check(Scalar::Mul, &[most, Value::Int(2)], None);
        check(Scalar::Div, &[Value::Int(1), Value::Int(0)], None);
        check(Scalar::Mul, &[Value::Float(f64::MAX), Value::Int(2)], None);
        assert_eq!(Scalar::Add.apply(&[None, Some(Value::Int(1))]), None);
    }

    #[test]
    fn numbers_keep_their_type_but_for_quotients() {
        check(Scalar::Div, &[Value::Int(1), Value::Int(2)], Some(Value::Float(0.5)));
        check(Scalar::Add, &[Value::Int(1), Value::Int(2)], Some(Value::Int(3)));
        check(Scalar::Sub, &[Value::Int(1), Value::Float(0.5)], Some(Value::Float(0.5)));
        check(Scalar::Round, &[Value::Float(-2.5)], Some(Value::Float(-3.0)));
        check(Scalar::Floor, &[Value::Float(-2.5)], Some(Value::Float(-3.0)));
        check(Scalar::Ceil, &[Value::Float(-0.5)], Some(Value::Float(0.0)));
        check(Scalar::Ceil, &[Value::Int(-5)], Some(Value::Int(-5)));
        check(Scalar::Abs, &[Value::Int(-5)], Some(Value::Int(5)));
    }

    #[test]
    fn texts_are_characters() {
        let text = Value::text;
        check(Scalar::Length, &[text("a\u{1d11e}b")], Some(Value::Int(3)));
        check(Scalar::Lower, &[text("GR\u{d6}SSE")], Some(text("gr\u{f6}sse")));
        check(Scalar::Contains, &[text("abc"), text("bc")], Some(Value::Bool(true)));
        check(Scalar::Contains, &[text("bc"), text("abc")], Some(Value::Bool(false)));
        check(Scalar::StartsWith, &[text("abc"), text("ab")], Some(Value::Bool(true)));
        check(Scalar::EndsWith, &[text("abc"), text("ab")], Some(Value::Bool(false)));
        check(Scalar::Trim, &[text(" a\t")], Some(text("a")));
    }

    #[test]
    fn bits_are_of_twos_complement() {
        for x in [0, 1, 5, -1, -2, i64::MAX, 1 << 40] {
            for n in 0..64 {
                let set = Value::Bool((i128::from(x).rem_euclid(1 << 64) / (1i128 << n)) % 2 == 1);
                check(Scalar::Bit, &[Value::Int(x), Value::Int(n)], Some(set));
            }
            check(Scalar::Bit, &[Value::Int(x), Value::Int(64)], None);
            check(Scalar::Bit, &[Value::Int(x), Value::Int(-1)], None);
        }
    }

    #[test]
    fn a_condition_that_is_absent_is_not_true() {
        let (one, two) = (Some(Value::Int(1)), Some(Value::Int(2)));
        assert_eq!(Scalar::If.apply(&[None, one.clone(), two.clone()]), two);
        assert_eq!(Scalar::If.apply(&[Some(Value::Bool(true)), None, two.clone()]), None);
        assert_eq!(Scalar::Coalesce.apply(&[None, two.clone()]), two);
    }
}
