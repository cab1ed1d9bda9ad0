//! Nodes as the language writes them.

use crate::diagnostics::quoted;
use crate::lower::{DAYS, clock_text};
use timeline_core::plan::{
    Compare, EventExpr, Every, LocalHours, NodeId, Notation, Op, OperatorDescription, Parameter, Scalar, SourceColumn,
    TableColumn, TimelineKind, Unit,
};
use timeline_core::{Plan, Time, Value};

/// The most operators that are written out; what is deeper or comes later is `…`.
const MAX_OPERATORS: usize = 64;
/// How deep operators are written out.
const MAX_DEPTH: usize = 16;

/// The node as an expression of the language, cut off with `…` where it is long.
///
/// The text means the node: where nothing is cut off, it compiles to the same one.
pub fn operator_text(plan: &Plan, node: NodeId) -> String {
    Writer::new(plan, false).own(node, 0, MAX_DEPTH)
}

/// The node as people know it: by the name that a program gave it, else as an expression of such names.
pub fn shown_text(plan: &Plan, node: NodeId) -> String {
    Writer::new(plan, true).node(node, 0, MAX_DEPTH)
}

/// The node's operator over the names of what it reads, whatever it is called itself.
pub fn definition_text(plan: &Plan, node: NodeId) -> String {
    Writer::new(plan, true).own(node, 0, MAX_DEPTH)
}

/// The node as a picture shows it: its name, if it has one, and its own operator with the names of its inputs, or `…`.
pub(super) fn picture(plan: &Plan, node: NodeId) -> String {
    let own = match plan.node(node).op {
        Op::NumberOf(of) => format!("{} as a number", plan.names.of(of).unwrap_or("…")),
        Op::DurationOf(of) => format!("{} as a duration", plan.names.of(of).unwrap_or("…")),
        Op::InstantOf(of) => format!("{} as an instant", plan.names.of(of).unwrap_or("…")),
        Op::Event(_) => operator_text(plan, node),
        _ => Writer::new(plan, true).own(node, 0, 1),
    };
    plan.names.of(node).map_or_else(|| own.clone(), |name| format!("{name} = {own}"))
}

/// The node's own operator, with `…` for its inputs; constants are written out.
pub(super) fn label(plan: &Plan, node: NodeId) -> String {
    match plan.node(node).op {
        Op::NumberOf(_) => "… as a number".to_owned(),
        Op::DurationOf(_) => "… as a duration".to_owned(),
        Op::InstantOf(_) => "… as an instant".to_owned(),
        Op::Event(_) => operator_text(plan, node),
        _ => Writer::new(plan, false).own(node, 0, 1),
    }
}

/// A duration as a program writes it: `1h30m`, `1s500ms`.
pub fn duration_text(d: Time) -> String {
    const UNITS: [(u64, &str); 7] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let mut rest = d.unsigned_abs();
    let mut out = String::from(if d < 0 { "-" } else { "" });
    if rest == 0 {
        return "0s".into();
    }
    for (size, unit) in UNITS {
        if rest >= size {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    out
}

/// How tightly an operator binds; an operand that binds less tightly stands in parentheses.
mod binds {
    pub(super) const CLAUSE: u8 = 0;
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const COMPARE: u8 = 3;
    pub(super) const SUM: u8 = 4;
    pub(super) const PRODUCT: u8 = 5;
    pub(super) const UNARY: u8 = 6;
}

struct Writer<'p> {
    plan: &'p Plan,
    left: usize,
    /// The timelines beside the columns of an event.
    of: Vec<NodeId>,
    /// How deep these are written out.
    depth: usize,
    /// Whether nodes are called by their names.
    names: bool,
}

impl<'p> Writer<'p> {
    fn new(plan: &'p Plan, names: bool) -> Self {
        Writer { plan, left: MAX_OPERATORS, of: vec![], depth: 0, names }
    }
}

impl Writer<'_> {
    /// The node as an operand of something that binds as tightly as `around`.
    fn node(&mut self, id: NodeId, around: u8, depth: usize) -> String {
        match self.name(id) {
            Some(name) => name.to_owned(),
            None => self.own(id, around, depth),
        }
    }

    fn name(&self, id: NodeId) -> Option<&str> {
        self.plan.names.of(id).filter(|_| self.names)
    }

    /// The node's own operator, likewise.
    fn own(&mut self, id: NodeId, around: u8, depth: usize) -> String {
        let op = &self.plan.node(id).op;
        let is_constant = op.is_constant();
        if !is_constant && (depth == 0 || self.left == 0) {
            return "…".into();
        }
        self.left = self.left.saturating_sub(1);
        let depth = depth.saturating_sub(1);
        let description = op.describe();
        let (own, text) = match op {
            _ if description.form == Notation::Call => (binds::UNARY, self.call(op, &description, depth)),
            Op::Event(e) => return self.event(e, around, MAX_DEPTH),
            Op::Constant(v) => (binds::UNARY, value_text(v)),
            Op::ConstantNumber { numerator, denominator, unit } => number_text(*numerator, *denominator, *unit),
            Op::Latest { of, ttl: None } => (binds::UNARY, format!("latest({})", self.node(*of, 0, depth))),
            Op::Latest { of, ttl: Some(d) } => {
                (binds::UNARY, format!("latest({}, ttl {})", self.node(*of, 0, depth), duration_text(*d)))
            }
            Op::Integral { of, over } => {
                let of = self.node(*of, 0, depth);
                let over = over.map(|over| format!(", where {}", self.node(over, binds::UNARY, depth)));
                (binds::UNARY, format!("integral({of}{})", over.unwrap_or_default()))
            }
            Op::Concurrency { of, cap } => {
                let of = self.node(*of, 0, depth);
                (
                    binds::UNARY,
                    if usual(*cap) { format!("concurrency({of})") } else { format!("concurrency({of}, cap {cap})") },
                )
            }
            Op::Every(every) => (binds::UNARY, format!("every {}", every_text(every))),
            Op::Mul(a, b) => (binds::PRODUCT, self.product(*a, *b, depth)),
            Op::Scope { of, by } => {
                let of = self.node(*of, binds::OR, depth);
                (binds::CLAUSE, format!("{of} scope by {}", self.node(*by, binds::OR, depth)))
            }
            Op::CompareStates { compare, left, right } | Op::CompareNumbers { compare, left, right } => {
                (binds::COMPARE, self.comparison(*compare, *left, *right, depth))
            }
            Op::Not(of) => (binds::UNARY, format!("!{}", self.node(*of, binds::UNARY, depth))),
            Op::And(..) if self.has_names(id) => (binds::AND, self.chain(id, " && ", binds::COMPARE, depth)),
            Op::Or(..) if self.has_names(id) => (binds::OR, self.chain(id, " || ", binds::AND, depth)),
            Op::And(a, b) => (binds::AND, self.pair(*a, "&&", *b, (binds::AND, binds::COMPARE), depth)),
            Op::Or(a, b) => (binds::OR, self.pair(*a, "||", *b, (binds::OR, binds::AND), depth)),
            Op::Either(a, b) => {
                let side =
                    |id: &NodeId| if matches!(self.plan.node(*id).op, Op::Either(..)) { binds::OR } else { binds::AND };
                (binds::OR, self.pair(*a, "||", *b, (side(a), side(b)), depth))
            }
            Op::Apply { function, of } => {
                let all: Vec<String> = of.iter().map(|id| self.node(*id, 0, depth)).collect();
                (binds::UNARY, format!("{}({})", function.name(), all.join(", ")))
            }
            Op::Lookup { column, of } => {
                let key: Vec<String> = of.iter().map(|id| self.node(*id, 0, depth)).collect();
                (binds::UNARY, lookup_text(column, &key))
            }
            Op::NumberOf(of) | Op::DurationOf(of) | Op::InstantOf(of) => return self.node(*of, around, depth + 1),
            Op::Add(a, b) if self.line(*a, *b).is_some() => {
                let (of, over) = self.line(*a, *b).unwrap_or((*a, None));
                let of = self.node(of, 0, depth);
                let over = over.map(|over| format!(", where {}", self.node(over, binds::UNARY, depth)));
                (binds::UNARY, format!("integral(linear({of}){})", over.unwrap_or_default()))
            }
            Op::Slant { of, over } => {
                let of = self.node(*of, 0, depth);
                let over =
                    over.map(|over| format!(", where {}", self.node(over, binds::UNARY, depth))).unwrap_or_default();
                (binds::SUM, format!("integral(linear({of}){over}) - integral(latest({of}){over})"))
            }
            Op::Add(a, b) => (binds::SUM, self.pair(*a, "+", *b, (binds::SUM, binds::PRODUCT), depth)),
            Op::Sub(a, b) => (binds::SUM, self.pair(*a, "-", *b, (binds::SUM, binds::PRODUCT), depth)),
            Op::Scale { of, factor } => {
                (binds::PRODUCT, format!("{} * {factor}", self.node(*of, binds::PRODUCT, depth)))
            }
            Op::Ratio { numerator, denominator } if self.shift(*numerator, *denominator).is_some() => {
                let (n, constant) = self.shift(*numerator, *denominator).unwrap_or((*numerator, *numerator));
                let ratio = self.pair(n, "/", *denominator, (binds::PRODUCT, binds::UNARY), depth);
                let constant = match self.plan.node(constant).op {
                    // Of a quotient that counts durations.
                    Op::ConstantNumber { numerator, denominator: 1, unit: Unit::Area } => duration_text(numerator),
                    _ => self.node(constant, binds::PRODUCT, depth),
                };
                (binds::SUM, format!("{ratio} + {constant}"))
            }
            Op::Ratio { numerator, denominator } => {
                (binds::PRODUCT, self.pair(*numerator, "/", *denominator, (binds::PRODUCT, binds::UNARY), depth))
            }
            Op::OverLast { of, window } => {
                (binds::CLAUSE, format!("{} over last {}", self.node(*of, binds::OR, depth), duration_text(*window)))
            }
            Op::DelayedNumber { of, length } => {
                (binds::UNARY, format!("delayed({}, {})", self.node(*of, 0, depth), duration_text(*length)))
            }
            Op::ExtremeOverLast { of, window, greatest } => {
                let name = if *greatest { "max" } else { "min" };
                let of = self.node(*of, 0, depth);
                (binds::CLAUSE, format!("{name}({of}) over last {}", duration_text(*window)))
            }
            Op::Each { event, value, of } => {
                let event = self.node(*event, 0, depth);
                (binds::UNARY, format!("at({event}, {})", self.beside(value, of, depth)))
            }
            Op::Filter { event, condition, of } => {
                let event = self.node(*event, 0, depth);
                (binds::UNARY, format!("filter({event}, {})", self.beside(condition, of, depth)))
            }
            Op::IsNew { of, cap } => (binds::UNARY, format!("is_new({}, cap {cap})", self.node(*of, 0, depth))),
            Op::User { operator, of } => {
                let arguments: Vec<String> = of.iter().map(|id| self.node(*id, 0, depth)).collect();
                (binds::UNARY, format!("{}({})", operator.name, arguments.join(", ")))
            }
            Op::Split { of, by, cap } => {
                let of = self.node(*of, binds::CLAUSE, depth);
                let mut text = of;
                let mut between = " split by ";
                for d in by {
                    let d = self.node(*d, binds::OR, depth.max(2));
                    if d.starts_with("every ") {
                        text.push_str(&format!(" {d}"));
                        between = " split by ";
                    } else {
                        text.push_str(&format!("{between}{d}"));
                        between = ", ";
                    }
                }
                if !usual(*cap) {
                    text.push_str(&format!(" cap {cap}"));
                }
                (binds::CLAUSE, text)
            }
            other => unreachable!("{other:?} has a form of its own, which is written here"),
        };
        wrap(own, around, text)
    }

    /// What a chain of `&&` or of `||` joins, in the order in which programs came to it: that of the plan is one that
    /// is the same for every program.
    fn joined(&self, id: NodeId, all: &mut Vec<NodeId>) {
        let inputs = |id: NodeId| match self.plan.node(id).op {
            Op::And(a, b) => Some((true, a, b)),
            Op::Or(a, b) => Some((false, a, b)),
            _ => None,
        };
        let mut open = vec![id];
        let kind = inputs(id).map(|(is_and, ..)| is_and);
        while let Some(next) = open.pop() {
            // What is longer is cut off anyway, and each part of it would be gone through for each.
            if all.len() + open.len() > MAX_OPERATORS {
                return all.clear();
            }
            match inputs(next) {
                Some((is_and, a, b)) if Some(is_and) == kind && (next == id || self.name(next).is_none()) => {
                    open.extend([a, b]);
                }
                _ => all.push(next),
            }
        }
        let first = |id: &NodeId| match self.plan.node(*id).op {
            Op::Not(of) => of,
            _ => *id,
        };
        all.sort_by_key(first);
    }

    /// Whether some of what a chain joins is called by its name.
    fn has_names(&self, id: NodeId) -> bool {
        let mut all = vec![];
        if self.names {
            self.joined(id, &mut all);
        }
        let of_not = |id: &NodeId| match self.plan.node(*id).op {
            Op::Not(of) => self.name(of).is_some(),
            _ => false,
        };
        all.iter().any(|id| self.name(*id).is_some() || of_not(id))
    }

    fn chain(&mut self, id: NodeId, sign: &str, around: u8, depth: usize) -> String {
        let mut all = vec![];
        self.joined(id, &mut all);
        let texts: Vec<String> = all.iter().map(|id| self.operand(*id, around, depth)).collect();
        texts.join(sign)
    }

    /// An operand of a chain: a `!` before a name takes no depth.
    fn operand(&mut self, id: NodeId, around: u8, depth: usize) -> String {
        match self.plan.node(id).op {
            Op::Not(of) if self.name(of).is_some() && self.name(id).is_none() => {
                format!("!{}", self.node(of, binds::UNARY, depth))
            }
            _ => self.node(id, around, depth),
        }
    }

    /// The operator's name, its inputs, and what it is told beside them.
    fn call(&mut self, op: &Op, description: &OperatorDescription<'_>, depth: usize) -> String {
        let inputs = op.inputs().into_iter().map(|id| self.node(id, 0, depth)).collect::<Vec<_>>();
        let parameters = description.parameters.iter().map(|parameter| match parameter {
            Parameter::Window(length) => duration_text(*length),
            Parameter::Whole(n) => n.to_string(),
            Parameter::Hours(hours) => hours_text(hours),
            other @ (Parameter::Ttl(_)
            | Parameter::Windows(_)
            | Parameter::Word(_)
            | Parameter::Unit(_)
            | Parameter::Value(_)
            | Parameter::Expression(_)
            | Parameter::Operator(_)
            | Parameter::Table(_)) => unreachable!("{other:?} is written in no call"),
        });
        format!("{}({})", description.name, inputs.into_iter().chain(parameters).collect::<Vec<_>>().join(", "))
    }

    fn pair(&mut self, a: NodeId, sign: &str, b: NodeId, (left, right): (u8, u8), depth: usize) -> String {
        let a = self.node(a, left, depth);
        format!("{a} {sign} {}", self.node(b, right, depth))
    }

    /// The event whose values are joined by lines, and where these count, of steps and of what lines enclose beyond them.
    fn line(&self, a: NodeId, b: NodeId) -> Option<(NodeId, Option<NodeId>)> {
        let op = |id: NodeId| &self.plan.node(id).op;
        [(a, b), (b, a)].into_iter().find_map(|(steps, slant)| {
            let (Op::Slant { of, over }, Op::Integral { of: value, over: also }) = (op(slant), op(steps)) else {
                return None;
            };
            let Op::NumberOf(state) = op(*value) else { return None };
            (over == also && *op(*state) == Op::Latest { of: *of, ttl: None }).then_some((*of, *over))
        })
    }

    /// The numerator and the constant of a quotient shifted by one, which is kept as `(n + d * c) / d`, of an area and a duration.
    fn shift(&self, numerator: NodeId, denominator: NodeId) -> Option<(NodeId, NodeId)> {
        let Op::Add(a, b) = self.plan.node(numerator).op else { return None };
        let plain = matches!(self.plan.node(denominator).kind, TimelineKind::Number(Unit::Int | Unit::Float));
        let constant = |id: NodeId| {
            let Op::Mul(x, y) = self.plan.node(id).op else { return None };
            let c = if x == denominator { y } else { x };
            let is_shift = (x == denominator || y == denominator)
                && matches!(self.plan.node(c).op, Op::ConstantNumber { unit, .. }
                    if unit == if plain { Unit::Area } else { Unit::Float })
                && self.plan.node(id).kind == TimelineKind::Number(Unit::Area);
            is_shift.then_some(c)
        };
        // Where the sides have no unit in common, what stands above is one of those products.
        let lifted = |id: NodeId| match self.plan.node(id).op {
            Op::Mul(x, y) => [(x, y), (y, x)].into_iter().find_map(|(of, lift)| match self.plan.node(lift).op {
                Op::ConstantNumber { numerator: 1, denominator: 1, unit: Unit::Float }
                | Op::ConstantNumber { numerator: 1_000_000_000, denominator: 1, unit: Unit::Area } => Some(of),
                _ => None,
            }),
            _ => None,
        };
        let (n, c) = constant(b).map(|c| (a, c)).or_else(|| constant(a).map(|c| (b, c)))?;
        Some((lifted(n).unwrap_or(n), c))
    }

    /// A product with the constant to the right.
    fn product(&mut self, a: NodeId, b: NodeId, depth: usize) -> String {
        let constant = |id: NodeId| self.plan.node(id).op.is_constant();
        let (a, b) = if constant(a) { (b, a) } else { (a, b) };
        self.pair(a, "*", b, (binds::PRODUCT, binds::UNARY), depth)
    }

    /// With the constant to the right, as people write it.
    fn comparison(&mut self, compare: Compare, left: NodeId, right: NodeId, depth: usize) -> String {
        let constant = |id: NodeId| self.plan.node(id).op.is_constant();
        let (compare, left, right) =
            if constant(left) && !constant(right) { (compare.flipped(), right, left) } else { (compare, left, right) };
        self.pair(left, compare.symbol(), right, (binds::SUM, binds::SUM), depth)
    }

    /// An expression over an event and timelines.
    fn beside(&mut self, e: &EventExpr, of: &[NodeId], depth: usize) -> String {
        let before = (std::mem::replace(&mut self.of, of.to_vec()), std::mem::replace(&mut self.depth, depth));
        let text = self.event(e, 0, MAX_DEPTH);
        (self.of, self.depth) = before;
        text
    }

    fn event(&mut self, e: &EventExpr, around: u8, depth: usize) -> String {
        if depth == 0 || self.left == 0 {
            return "…".into();
        }
        self.left -= 1;
        let depth = depth - 1;
        let (own, text) = match e {
            EventExpr::Column(c) => (binds::UNARY, column_text(&column_name(self.plan, &self.plan.columns[c.index()]))),
            EventExpr::Constant(v) => (binds::UNARY, value_text(v)),
            EventExpr::Sample(n) => return self.node(self.of[usize::from(*n)], around, self.depth),
            EventExpr::Compare(compare, a, b) => {
                let a = self.event(a, binds::SUM, depth);
                (binds::COMPARE, format!("{a} {} {}", compare.symbol(), self.event(b, binds::SUM, depth)))
            }
            EventExpr::Call(function, all) => match (function, all.as_slice()) {
                (Scalar::Add | Scalar::Sub | Scalar::Mul | Scalar::Div, [a, b]) => {
                    let own = if matches!(function, Scalar::Add | Scalar::Sub) { binds::SUM } else { binds::PRODUCT };
                    let a = self.event(a, own, depth);
                    (own, format!("{a} {} {}", function.name(), self.event(b, own + 1, depth)))
                }
                _ => {
                    let all: Vec<String> = all.iter().map(|a| self.event(a, 0, depth)).collect();
                    (binds::UNARY, format!("{}({})", function.name(), all.join(", ")))
                }
            },
            EventExpr::Lookup(column, key) => {
                let key: Vec<String> = key.iter().map(|a| self.event(a, 0, depth)).collect();
                (binds::UNARY, lookup_text(column, &key))
            }
            EventExpr::Not(a) => (binds::UNARY, format!("!{}", self.event(a, binds::UNARY, depth))),
            EventExpr::And(a, b) => (binds::AND, self.event_chain(e, [a, b], " && ", binds::COMPARE, depth)),
            EventExpr::Or(a, b) => (binds::OR, self.event_chain(e, [a, b], " || ", binds::AND, depth)),
        };
        wrap(own, around, text)
    }

    /// A chain of one sign, whose operands bind as strongly as `around`: without parentheses where what is read back is the
    /// same tree, for a chain is read as a balanced one.
    fn event_chain(
        &mut self,
        whole: &EventExpr,
        pair: [&EventExpr; 2],
        sign: &str,
        around: u8,
        depth: usize,
    ) -> String {
        let operands = operands(whole).unwrap_or_else(|| pair.to_vec());
        let texts: Vec<String> = operands.into_iter().map(|operand| self.event(operand, around, depth)).collect();
        texts.join(sign)
    }
}

/// The operands of a chain, if it is the tree that is made of them.
fn operands(chain: &EventExpr) -> Option<Vec<&EventExpr>> {
    let is_and = matches!(chain, EventExpr::And(..));
    let (mut operands, mut open) = (vec![], vec![chain]);
    while let Some(e) = open.pop() {
        match e {
            EventExpr::And(a, b) if is_and => open.extend([&**b, &**a]),
            EventExpr::Or(a, b) if !is_and => open.extend([&**b, &**a]),
            e => operands.push(e),
        }
    }
    is_balanced(chain, is_and, operands.len()).then_some(operands)
}

/// Whether a chain of so many operands has on its left a whole tree of the greatest power of two of them that leaves some.
fn is_balanced(chain: &EventExpr, is_and: bool, count: usize) -> bool {
    let left = count.div_ceil(2).next_power_of_two();
    match chain {
        EventExpr::And(a, b) if is_and => {
            left < count && is_balanced(a, true, left) && is_balanced(b, true, count - left)
        }
        EventExpr::Or(a, b) if !is_and => {
            left < count && is_balanced(a, false, left) && is_balanced(b, false, count - left)
        }
        _ => count == 1,
    }
}

/// A table and what is looked up in it.
fn lookup_text(column: &TableColumn, key: &[String]) -> String {
    format!("{}[{}].{}", column.table.shape().name, key.join(", "), column.name())
}

fn wrap(own: u8, around: u8, text: String) -> String {
    if own < around { format!("({text})") } else { text }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Str(s) => quoted(s),
        other => other.to_string(),
    }
}

/// A name, or `col("...")` for what no name can be.
/// What a column is called: with its source where the plan has several.
pub(super) fn column_name(plan: &Plan, column: &SourceColumn) -> String {
    match plan.joined.is_empty() {
        true => column.name.clone(),
        false => format!("{}.{}", plan.source_at(usize::from(column.source)).name, column.name),
    }
}

fn column_text(name: &str) -> String {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    if name.split('.').all(is_name) { name.to_owned() } else { format!("col({})", quoted(name)) }
}

/// A constant number, as a decimal where it has one.
fn number_text(numerator: i64, denominator: i64, unit: Unit) -> (u8, String) {
    if unit == Unit::Duration {
        return (binds::UNARY, duration_text(numerator));
    }
    if unit == Unit::Instant {
        return (binds::UNARY, format!("\"{}\"", timeline_core::instant_text(numerator)));
    }
    let (numerator, denominator) = (i128::from(numerator), i128::from(denominator));
    // An area is kept times nanoseconds.
    let denominator = if unit == Unit::Area { denominator * 1_000_000_000 } else { denominator };
    let common = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()).max(1) as i128;
    let (numerator, denominator) = (numerator / common, denominator / common);
    let power = (0..=18).find(|p| 10i128.pow(*p) % denominator == 0);
    match power {
        Some(0) => (binds::UNARY, numerator.to_string()),
        Some(p) => {
            let scaled = numerator * (10i128.pow(p) / denominator);
            let sign = if scaled < 0 { "-" } else { "" };
            let digits = format!("{:0width$}", scaled.unsigned_abs(), width = p as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - p as usize);
            (binds::UNARY, format!("{sign}{whole}.{fraction}"))
        }
        None => (binds::PRODUCT, format!("{numerator} / {denominator}")),
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether a cap is the one of programs that say nothing.
fn usual(cap: u32) -> bool {
    cap == Op::USUALLY_REMEMBERED
}

/// Hours of a local clock, as they are written in `during`.
fn hours_text(LocalHours { hours, days, zone }: &LocalHours) -> String {
    let is_on = |day: usize| days >> (day % 7) & 1 == 1;
    // A run begins behind a day that is left out, so that one over the end of the week is one.
    let first = (0..7).find(|day| !is_on(day + 6) && is_on(*day)).unwrap_or(0);
    let mut runs: Vec<(usize, usize)> = vec![];
    for day in (first..first + 7).filter(|day| is_on(*day)) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => runs.push((day, day)),
        }
    }
    let run = |(from, until): (usize, usize)| match (DAYS[from % 7], DAYS[until % 7], until - from) {
        (from, _, 0) => from.to_owned(),
        (from, until, 1) => format!("{from}, {until}"),
        (from, until, _) => format!("{from}..{until}"),
    };
    let mut all: Vec<String> = hours.iter().map(|hours| format!("\"{}\"", clock_text(*hours))).collect();
    if *days != LocalHours::EVERY_DAY {
        all.extend(runs.into_iter().map(run));
    }
    all.extend(zone.as_ref().map(|zone| format!("in \"{zone}\"")));
    all.join(", ")
}

/// Windows of the clock, as they are written behind `every`.
pub(super) fn every_text(every: &Every) -> String {
    let (mut text, offset) = match every {
        Every::Length { length, offset } => (duration_text(*length), *offset),
        Every::Calendar { unit, zone: None, offset } => (unit.to_string(), *offset),
        Every::Calendar { unit, zone: Some(zone), offset } => (format!("{unit} in \"{zone}\""), *offset),
    };
    if offset > 0 {
        text += &format!(" offset {}", duration_text(offset));
    }
    text
}
