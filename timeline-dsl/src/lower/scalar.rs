//! Functions and calculations over the columns of one event, and functions over states.
//!
//! A function of a state that one event sets is a function of that event: `lower(latest(x))` is `latest(lower(x))`, one
//! leaf. Any other function of states, and of numbers that change in steps, is a node that reads them.

use super::Lowering;
use super::constant;
use super::expect::SourceNode;
use super::value::{EventValue, Lowered};
use crate::diagnostics::codes;
use crate::syntax::{Expr, Literal, Span};
use std::rc::Rc;
use timeline_core::plan::{Compare, EventExpr, Op, Scalar, TimelineKind};
use timeline_core::{Time, Type, Value};

/// What a function reads: an event, or a state that an event sets.
struct FunctionArgument {
    value: Rc<EventValue>,
    /// Of the state.
    latest: Option<Option<Time>>,
}

impl Lowering<'_> {
    /// A call of a function such as `lower(x)`.
    pub(super) fn scalar(&mut self, span: Span, function: Scalar, arguments: &[&Expr]) -> Lowered {
        let values: Vec<(Lowered, Span)> = arguments.iter().map(|e| (self.lower(e), e.span)).collect();
        if let (Scalar::Bit, [_, (Lowered::Literal(literal), place)]) = (function, &values[..])
            && let Ok(Value::Int(n)) = constant::value(literal, Type::Int)
            && !(0..64).contains(&n)
        {
            let d = self
                .diagnostic(codes::RANGE, *place, format!("an `int` has no bit {n}"))
                .label("no such bit")
                .help("bits are counted from 0, the least, to 63, the sign");
            return self.say(d);
        }
        self.apply(span, function, &values)
    }

    /// A function of values that are events or constants, or states and constants.
    pub(super) fn apply(&mut self, span: Span, function: Scalar, values: &[(Lowered, Span)]) -> Lowered {
        if values.iter().any(|(value, _)| matches!(value, Lowered::Error)) {
            return Lowered::Error;
        }
        if self.mixes(values.iter().map(|(value, _)| value)) {
            return self.apply_mixed(span, function, values);
        }
        let nodes: Vec<SourceNode> = values.iter().filter_map(|(value, _)| place_of(value)).collect();
        let is_leaf = matches!(nodes[..], [(source, id)] if self.event_of(source, id).is_some());
        if !nodes.is_empty() && !is_leaf {
            return self.apply_to_states(span, function, values);
        }
        let mut source = None;
        let mut latest: Option<Option<Time>> = None;
        let mut arguments: Vec<Option<FunctionArgument>> = vec![];
        for (value, place) in values {
            let argument = match value {
                Lowered::Error | Lowered::Mixed(_) => return Lowered::Error,
                Lowered::Literal(_) => None,
                Lowered::Event(event) => Some(FunctionArgument { value: Rc::clone(event), latest: None }),
                Lowered::Node { source, id } => match self.event_of(*source, *id) {
                    Some(argument) => Some(argument),
                    None => return self.no_payload(*place, function, value),
                },
            };
            if let Some(argument) = &argument
                && !self.same_event(&mut source, argument.value.source, *place)
            {
                return Lowered::Error;
            }
            latest = latest.or(argument.as_ref().and_then(|a| a.latest));
            arguments.push(argument);
        }
        let Some(source) = source else {
            return self.constant_as_timeline(span).unwrap_or(Lowered::Error);
        };
        let of_states = arguments.iter().flatten().filter(|a| a.latest.is_some()).count();
        if of_states > 1 || (of_states == 1 && arguments.iter().flatten().count() > 1) {
            let d = self
                .diagnostic(codes::FUNCTION, span, format!("`{}` of an event and a state", function.name()))
                .label("reads columns of one event, or states")
                .help("make a state of the event: `latest(...)`");
            return self.say(d);
        }
        let size = arguments.iter().map(|a| a.as_ref().map_or(1, |a| a.value.size)).sum::<usize>() + 1;
        if !self.afford(span, size) {
            return Lowered::Error;
        }
        let Some((parts, types)) = self.typed(function, &arguments, values) else { return Lowered::Error };
        let Some(ty) = function.result(&types) else { return self.wrong_types(span, function, values) };
        let depth = arguments.iter().flatten().map(|a| a.value.depth).max().unwrap_or(0) + 1;
        let value = self.event(span, source, EventExpr::Call(function, parts), ty, (size, depth));
        match (value, latest) {
            (Lowered::Event(event), Some(ttl)) => match self.event_node(&event, span) {
                Some((source, of)) => self.add(source, Op::Latest { of, ttl }, span),
                None => Lowered::Error,
            },
            (value, _) => value,
        }
    }

    /// A function of columns and timelines.
    pub(super) fn apply_mixed(&mut self, span: Span, function: Scalar, values: &[(Lowered, Span)]) -> Lowered {
        let Some(mut parts) = self.parts(span, values, function == Scalar::If) else { return Lowered::Error };
        let Some(ty) = function.result(&parts.types) else { return self.wrong_types(span, function, values) };
        let expr = EventExpr::Call(function, std::mem::take(&mut parts.exprs));
        self.mixed_value(span, parts, expr, ty, 1)
    }

    /// A function of states, and of numbers that change in steps.
    fn apply_to_states(&mut self, span: Span, function: Scalar, values: &[(Lowered, Span)]) -> Lowered {
        let mut noted = None;
        let mut types = vec![];
        for (value, place) in values {
            let Some((source, id)) = place_of(value) else { continue };
            if !self.same_source(&mut noted, source, *place) {
                return Lowered::Error;
            }
            if self.facts(source, id).moves {
                let message = format!("`{}` of a number that moves by itself", function.name());
                let d = self
                    .diagnostic(codes::QUADRATIC, *place, message)
                    .label("it is no straight line")
                    .help("a function reads what changes in steps; `latest(at(EVENT, x))` is what a number was at the last event");
                return self.say(d);
            }
            match self.kind(source, id).stepped() {
                Some(ty) => types.push(ty),
                None => return self.no_payload(*place, function, value),
            }
        }
        let (Some(source), Some(beside)) = (noted, types.first().copied()) else { return Lowered::Error };
        let (mut of, mut types) = (vec![], vec![]);
        for (value, place) in values {
            let id = match value {
                Lowered::Literal(literal) => match constant::value(literal, beside) {
                    Ok(value) => self.node(source, Op::Constant(value), *place),
                    Err(misfit) => {
                        return self.misfit(misfit, *place, literal, &TimelineKind::State(beside).to_string());
                    }
                },
                value => place_of(value).map(|(_, id)| id),
            };
            let Some(id) = id else { return Lowered::Error };
            types.extend(self.kind(source, id).stepped());
            of.push(id);
        }
        match function.result(&types) {
            Some(_) => self.add(source, Op::Apply { function, of }, span),
            None => self.wrong_types(span, function, values),
        }
    }

    /// The expressions of the arguments; constants take the type of what stands beside them.
    fn typed(
        &mut self,
        function: Scalar,
        arguments: &[Option<FunctionArgument>],
        values: &[(Lowered, Span)],
    ) -> Option<(Vec<EventExpr>, Vec<Type>)> {
        // A condition has a type of its own.
        let first = if function == Scalar::If { 1 } else { 0 };
        let beside = arguments.iter().skip(first).flatten().map(|a| a.value.ty).next();
        let (mut parts, mut types) = (vec![], vec![]);
        for (argument, (value, place)) in arguments.iter().zip(values) {
            match (argument, value) {
                (Some(argument), _) => {
                    parts.push(argument.value.expr.clone());
                    types.push(argument.value.ty);
                }
                (None, Lowered::Literal(literal)) => {
                    let ty = beside.unwrap_or_else(|| type_of(literal, values));
                    match constant::value(literal, ty) {
                        Ok(value) => {
                            types.push(value.ty());
                            parts.push(EventExpr::Constant(value));
                        }
                        Err(misfit) => {
                            self.misfit(misfit, *place, literal, &TimelineKind::Event(ty).to_string());
                            return None;
                        }
                    }
                }
                _ => return None,
            }
        }
        Some((parts, types))
    }

    /// The event that sets a state.
    fn event_of(&self, source: usize, id: timeline_core::NodeId) -> Option<FunctionArgument> {
        let Op::Latest { of, ttl } = *self.op(source, id) else { return None };
        let Op::Event(expr) = self.op(source, of) else { return None };
        let TimelineKind::Event(ty) = self.kind(source, of) else { return None };
        let (size, depth) = measure(expr);
        let source = self.source_of(source, expr);
        let value = EventValue { source, expr: expr.clone(), ty, size, depth, node: std::cell::OnceCell::new() };
        Some(FunctionArgument { value: Rc::new(value), latest: Some(ttl) })
    }

    /// `x in (a, b)`: `x` equals one of the constants.
    pub(super) fn one_of(&mut self, span: Span, of: &Expr, list: &[Expr]) -> Lowered {
        let value = self.lower(of);
        let mut all = vec![];
        for e in list {
            let item = self.lower(e);
            match item {
                Lowered::Literal(_) => {
                    all.push((e, self.compare_values(e.span, Compare::Eq, (of, &value), (e, &item))))
                }
                Lowered::Error => return Lowered::Error,
                _ => {
                    let help = "join comparisons with `||` where they are no constants";
                    return self.error(codes::FUNCTION, e.span, "`in (...)` lists constants", help);
                }
            }
        }
        match value {
            Lowered::Literal(_) => self.error(codes::CONSTANT, span, "both sides are constants", "name a column"),
            _ => self.logic_of(span, crate::syntax::Logic::Or, all),
        }
    }

    fn no_payload(&mut self, place: Span, function: Scalar, value: &Lowered) -> Lowered {
        let found = self.describe(value);
        let name = function.name();
        let d = self
            .diagnostic(
                codes::FUNCTION,
                place,
                format!("`{name}` reads columns, states and plain numbers, this is {found}"),
            )
            .label(format!("expected a column, a state or a plain number, found {found}"))
            .help(format!("apply it to the column, inside of the operator: `latest({name}(x))`"));
        self.say(d)
    }

    fn wrong_types(&mut self, span: Span, function: Scalar, values: &[(Lowered, Span)]) -> Lowered {
        let found: Vec<String> = values.iter().map(|(value, _)| self.describe(value)).collect();
        let help = match function {
            Scalar::Add | Scalar::Sub | Scalar::Mul | Scalar::Div => "calculate with `int` and `float` columns",
            Scalar::Abs | Scalar::Round | Scalar::Floor | Scalar::Ceil => "it takes one `int` or `float`",
            Scalar::StartsWith | Scalar::EndsWith | Scalar::Contains => "it takes two strings",
            Scalar::Lower | Scalar::Upper | Scalar::Trim | Scalar::Length => "it takes one string",
            Scalar::If => "it takes a condition and two values of one type",
            Scalar::Coalesce => "it takes values of one type",
            Scalar::Exists => "it takes one column, state or number",
            Scalar::Bit => "it takes an `int`, and which of its bits: `bit(flags, 3)`",
        };
        let d = self
            .diagnostic(
                codes::FUNCTION,
                span,
                format!("`{}` does not go with {}", function.name(), found.join(" and ")),
            )
            .help(help);
        self.say(d)
    }
}

fn place_of(value: &Lowered) -> Option<SourceNode> {
    match value {
        Lowered::Node { source, id } => Some((*source, *id)),
        _ => None,
    }
}

/// The type of a constant among constants.
fn type_of(literal: &Literal, values: &[(Lowered, Span)]) -> Type {
    let whole = |value: &(Lowered, Span)| match &value.0 {
        Lowered::Literal(Literal::Number(n)) => n.whole,
        _ => true,
    };
    match literal {
        Literal::Text(_) => Type::String,
        Literal::Bool(_) => Type::Bool,
        Literal::Number(_) if values.iter().all(whole) => Type::Int,
        _ => Type::Float,
    }
}

/// Number of parts and depth of an expression.
fn measure(e: &EventExpr) -> (usize, usize) {
    let all: Vec<&EventExpr> = match e {
        EventExpr::Column(_) | EventExpr::Constant(_) | EventExpr::Sample(_) => vec![],
        EventExpr::Not(a) => vec![a],
        EventExpr::Compare(_, a, b) | EventExpr::And(a, b) | EventExpr::Or(a, b) => vec![a, b],
        EventExpr::Call(_, all) | EventExpr::Lookup(_, all) => all.iter().collect(),
    };
    let parts = all.into_iter().map(measure);
    parts.fold((1, 1), |(size, depth), (s, d)| (size + s, depth.max(d + 1)))
}

/// Whether all of these may be arguments of a function of one event.
pub(super) fn is_of_event(values: &[(Lowered, Span)]) -> bool {
    let event = |v: &Lowered| matches!(v, Lowered::Event(_));
    values.iter().any(|(v, _)| event(v)) && values.iter().all(|(v, _)| event(v) || matches!(v, Lowered::Literal(_)))
}
