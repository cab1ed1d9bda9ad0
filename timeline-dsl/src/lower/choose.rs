//! `if(c, a, b)` and `coalesce(a, b, ...)`: two sides that may be states, numbers, ratios and constants.

use super::Lowering;
use super::constant::{self, Misfit};
use super::scalar::is_of_event;
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::syntax::{Expr, Literal, Span};
use timeline_core::plan::{NodeId, Op, Scalar, TimelineKind, Unit};
use timeline_core::{Type, Value};

/// A side of a choice.
type ChoiceSide<'l> = (&'l Lowered, Span);

impl Lowering<'_> {
    /// `if(c, a, b)`, over the columns of one event or over timelines.
    pub(super) fn choose(&mut self, span: Span, condition: &Expr, then: &Expr, otherwise: &Expr) -> Lowered {
        let values: Vec<(Lowered, Span)> = [condition, then, otherwise].map(|e| (self.lower(e), e.span)).into();
        if is_of_event(&values) || self.mixes(values.iter().map(|(value, _)| value)) {
            return self.apply(span, Scalar::If, &values);
        }
        let (a, b) = (&values[1].0, &values[2].0);
        let (source, condition) = match &values[0].0 {
            Lowered::Node { source, id } if self.kind(*source, *id) == TimelineKind::State(Type::Bool) => {
                (*source, *id)
            }
            Lowered::Event(event) => {
                return self.event_for_state(condition, event.ty, "`if` reads a state<bool>", "state<bool>");
            }
            other => {
                self.not_bool(condition, other, "if", "a state<bool>", None);
                return Lowered::Error;
            }
        };
        self.joined(span, Some(source), (a, then.span), (b, otherwise.span), |then, otherwise| Op::If {
            condition,
            then,
            otherwise,
        })
    }

    /// `coalesce(a, b, ...)`, over the columns of one event or over timelines; the first that has a value.
    pub(super) fn coalesce(&mut self, span: Span, all: &[&Expr]) -> Lowered {
        let values: Vec<(Lowered, Span)> = all.iter().map(|e| (self.lower(e), e.span)).collect();
        let of_event = is_of_event(&values) || self.mixes(values.iter().map(|(value, _)| value));
        let mut values = values.into_iter().rev();
        let Some((mut value, mut behind)) = values.next() else { return Lowered::Error };
        for (first, place) in values {
            if let Lowered::Literal(_) = first {
                return self.constant_as_timeline(place).unwrap_or(Lowered::Error);
            }
            if of_event {
                value = self.apply(span, Scalar::Coalesce, &[(first, place), (value, behind)]);
                behind = place.to(behind);
                continue;
            }
            value = self.joined(span, None, (&first, place), (&value, behind), Op::Coalesce);
            behind = place.to(behind);
        }
        value
    }

    /// `exists(x)`: of a column, whether an event that speaks of it has a value; of a timeline, whether it has one now.
    pub(super) fn exists(&mut self, span: Span, e: &Expr) -> Lowered {
        match self.lower(e) {
            Lowered::Error => Lowered::Error,
            Lowered::Literal(_) => self.constant_as_timeline(e.span).unwrap_or(Lowered::Error),
            value @ (Lowered::Event(_) | Lowered::Mixed(_)) => self.apply(span, Scalar::Exists, &[(value, e.span)]),
            Lowered::Node { source, id } if matches!(self.kind(source, id), TimelineKind::Event(_)) => {
                let found = self.kind(source, id);
                let own = self.quote(e.span);
                let d = self
                    .diagnostic(codes::FUNCTION, e.span, "an event that an operator makes is no column")
                    .label(format!("expected a column, a state or a number, found {found}"))
                    .help(format!(
                        "did you mean `has_existed({own})`, which is true from its first match on, or `exists(latest({own}))`?"
                    ));
                self.say(d)
            }
            Lowered::Node { source, id } => self.add(source, Op::Exists(id), span),
        }
    }

    /// One node of two sides of one type.
    fn joined(
        &mut self,
        span: Span,
        source: Option<usize>,
        a: ChoiceSide<'_>,
        b: ChoiceSide<'_>,
        op: impl Fn(NodeId, NodeId) -> Op,
    ) -> Lowered {
        let mut noted = source;
        for (value, place) in [a, b] {
            match value {
                Lowered::Error => return Lowered::Error,
                Lowered::Node { source, .. } if !self.same_source(&mut noted, *source, place) => return Lowered::Error,
                Lowered::Event(event) => {
                    let message = "an event among timelines";
                    let help = "`latest(...)` around a column makes a state of it".to_owned();
                    let found = TimelineKind::Event(event.ty);
                    let d = self
                        .diagnostic(codes::NEEDS_STATE, place, message)
                        .label(format!("expected a state or a number, found {found}"))
                        .help(help);
                    return self.say(d);
                }
                _ => {}
            }
        }
        let Some(source) = noted else {
            return self.constant_as_timeline(span).unwrap_or(Lowered::Error);
        };
        let Some((a, b)) = self.alike(source, span, a, b) else { return Lowered::Error };
        match (self.ratio_sides(source, a), self.ratio_sides(source, b)) {
            (Some((n, d)), Some((m, e))) => {
                let ratio = (|| {
                    let numerator = self.node(source, op(n, m), span)?;
                    let denominator = self.node(source, op(d, e), span)?;
                    self.node(source, Op::Ratio { numerator, denominator }, span)
                })();
                ratio.map_or(Lowered::Error, |id| Lowered::Node { source, id })
            }
            _ => self.add(source, op(a, b), span),
        }
    }

    /// Both sides as nodes of one type: two states, two numbers of one unit, or two ratios.
    fn alike(&mut self, source: usize, span: Span, a: ChoiceSide<'_>, b: ChoiceSide<'_>) -> Option<(NodeId, NodeId)> {
        let (left, right) = match (a.0, b.0) {
            (Lowered::Node { id: a, .. }, Lowered::Node { id: b, .. }) => (*a, *b),
            (Lowered::Node { id, .. }, Lowered::Literal(c)) => {
                let (id, c) = self.beside(source, (*id, a.1), c, b.1)?;
                (id, c)
            }
            (Lowered::Literal(c), Lowered::Node { id, .. }) => {
                let (id, c) = self.beside(source, (*id, b.1), c, a.1)?;
                (c, id)
            }
            (Lowered::Literal(x), Lowered::Literal(y)) => {
                let (Some(x), Some(y)) = (state_of(x, y), state_of(y, x)) else {
                    return self.unlike(span, a, b);
                };
                (self.node(source, x, a.1)?, self.node(source, y, b.1)?)
            }
            _ => return None,
        };
        let (p, q) = (self.kind(source, left), self.kind(source, right));
        match (p, q) {
            (TimelineKind::State(s), TimelineKind::State(t)) if s == t => Some((left, right)),
            (TimelineKind::Ratio(s), TimelineKind::Ratio(t)) if s == t && self.sides_alike(source, left, right) => {
                Some((left, right))
            }
            (TimelineKind::Number(_) | TimelineKind::State(_), TimelineKind::Number(_) | TimelineKind::State(_)) => {
                match (self.as_number(source, left, a.1), self.as_number(source, right, b.1)) {
                    (Some((left, s)), Some((right, t))) if s.same_measure(t) => Some((left, right)),
                    _ => self.unlike(span, a, b),
                }
            }
            _ => self.unlike(span, a, b),
        }
    }

    /// A node, and a constant of its type beside it; a numeric state beside a decimal is a number.
    fn beside(
        &mut self,
        source: usize,
        (id, place): (NodeId, Span),
        c: &Literal,
        at: Span,
    ) -> Option<(NodeId, NodeId)> {
        let constant = match self.kind(source, id) {
            TimelineKind::State(ty) => match constant::value(c, ty) {
                Ok(value) if value.ty() == ty => Ok(Op::Constant(value)),
                Ok(_) => {
                    let (id, unit) = self.as_number(source, id, place)?;
                    return match constant::number(c, unit) {
                        Ok(c) => Some((id, self.node(source, c, at)?)),
                        Err(misfit) => {
                            self.misfit(misfit, at, c, "a number");
                            None
                        }
                    };
                }
                Err(misfit) => Err(misfit),
            },
            TimelineKind::Number(unit) => constant::number(c, unit),
            TimelineKind::Ratio(_) | TimelineKind::Event(_) => Err(Misfit::Type),
        };
        match constant {
            Ok(op) => Some((id, self.node(source, op, at)?)),
            Err(misfit) => {
                let beside = self.kind(source, id).to_string();
                self.misfit(misfit, at, c, &beside);
                None
            }
        }
    }

    pub(super) fn ratio_sides(&self, source: usize, id: NodeId) -> Option<(NodeId, NodeId)> {
        match *self.op(source, id) {
            Op::Ratio { numerator, denominator } => Some((numerator, denominator)),
            _ => None,
        }
    }

    /// Whether both numerators, and both denominators, are of one measure.
    fn sides_alike(&self, source: usize, a: NodeId, b: NodeId) -> bool {
        let units = |id| match self.ratio_sides(source, id).map(|(n, d)| [n, d].map(|x| self.kind(source, x))) {
            Some([TimelineKind::Number(n), TimelineKind::Number(d)]) => Some((n, d)),
            _ => None,
        };
        matches!((units(a), units(b)), (Some((n, d)), Some((m, e))) if n.same_measure(m) && d.same_measure(e))
    }

    fn unlike<T>(&mut self, span: Span, a: ChoiceSide<'_>, b: ChoiceSide<'_>) -> Option<T> {
        let (p, q) = (self.describe(a.0), self.describe(b.0));
        let d = self
            .diagnostic(codes::CHOICE, span, format!("a choice between {p} and {q}"))
            .label(format!("chooses between {p} and {q}"))
            .note(self.file, a.1.range(), format!("this is {p}"))
            .note(self.file, b.1.range(), format!("this is {q}"))
            .help("both sides have one type, or both are numbers of one unit");
        self.say(d);
        None
    }
}

/// A constant as a state, or as a duration, beside another constant.
fn state_of(literal: &Literal, beside: &Literal) -> Option<Op> {
    let ty = match (literal, beside) {
        (Literal::Text(_), Literal::Text(_)) => Type::String,
        (Literal::Bool(_), Literal::Bool(_)) => Type::Bool,
        (Literal::Number(a), Literal::Number(b)) if a.whole && b.whole => Type::Int,
        (Literal::Number(a), Literal::Number(_)) => return Some(Op::Constant(Value::Float(a.float + 0.0))),
        (Literal::Duration(_), _) | (_, Literal::Duration(_)) => return constant::number(literal, Unit::Duration).ok(),
        _ => return None,
    };
    constant::value(literal, ty).ok().map(Op::Constant)
}
