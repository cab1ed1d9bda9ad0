//! Values of columns and states.
//!
//! Absence is never a value: wherever a state may be absent, the type is `Option<Value>`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The type of a column, and of the payload of an event or a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// UTF-8 text.
    String,
    /// A finite 64-bit float.
    Float,
    /// A signed 64-bit integer.
    Int,
    /// True or false.
    Bool,
}

impl Type {
    /// The word that names the type in a program.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Float => "float",
            Type::Int => "int",
            Type::Bool => "bool",
        }
    }

    /// Whether values of the type can be calculated with.
    pub fn is_numeric(self) -> bool {
        matches!(self, Type::Float | Type::Int)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A present value. Floats are finite: NaN and infinities are refused at the door.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text.
    Str(Arc<str>),
    /// A finite float.
    Float(f64),
    /// An integer.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

impl Value {
    /// The type of the value.
    pub fn ty(&self) -> Type {
        match self {
            Value::Str(_) => Type::String,
            Value::Float(_) => Type::Float,
            Value::Int(_) => Type::Int,
            Value::Bool(_) => Type::Bool,
        }
    }

    /// A text value.
    pub fn text(s: &str) -> Self {
        Value::Str(Arc::from(s))
    }

    /// Orders two values of one type, or two numbers of either numeric type; `None` for a mix of others.
    ///
    /// An `int` and a `float` are compared exactly, without rounding the integer.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Str(a), Value::Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Float(b)) => compare_int_float(*a, *b),
            (Value::Float(a), Value::Int(b)) => compare_int_float(*b, *a).map(Ordering::reverse),
            _ => None,
        }
    }
}

/// Orders an integer and a float exactly; `None` only for NaN.
pub fn compare_int_float(a: i64, b: f64) -> Option<Ordering> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() {
        None
    } else if b >= TWO_63 {
        Some(Ordering::Less)
    } else if b < -TWO_63 {
        Some(Ordering::Greater)
    } else {
        let whole = b.trunc();
        Some(
            a.cmp(&(whole as i64))
                .then_with(|| 0.0f64.partial_cmp(&(b - whole)).expect("the fraction of a finite float is finite")),
        )
    }
}

/// Identity of values, as states see it: same type, same bits; `-0.0` equals `0.0`.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.ty() == other.ty() && self.compare(other) == Some(Ordering::Equal)
    }
}

impl Eq for Value {}

/// An order of all values, for sorting rows: by type, then as [`Value::compare`] says (texts by their bytes).
impl Ord for Value {
    #[inline]
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Str(a), Value::Str(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).expect("floats are finite"),
            _ => self.ty().cmp(&other.ty()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::hash::Hash for Value {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Value::Str(s) => (0u8, s).hash(state),
            Value::Float(x) => (1u8, (x + 0.0).to_bits()).hash(state),
            Value::Int(x) => (2u8, x).hash(state),
            Value::Bool(x) => (3u8, x).hash(state),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(s) => f.write_str(s),
            Value::Float(x) => write!(f, "{x}"),
            Value::Int(x) => write!(f, "{x}"),
            Value::Bool(x) => write!(f, "{x}"),
        }
    }
}
