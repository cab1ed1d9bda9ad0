//! Comparisons: over the columns of one event, of states, of numbers, and of ratios with constants.

use super::Lowering;
use super::constant::{self, Misfit};
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::syntax::{Expr, Literal, Span};
use timeline_core::Type;
use timeline_core::plan::{Compare, EventExpr, NodeId, Op, RatioUnit, TimelineKind, Unit};

impl Lowering<'_> {
    pub(super) fn compare(&mut self, span: Span, compare: Compare, left: &Expr, right: &Expr) -> Lowered {
        let (l, r) = (self.lower(left), self.lower(right));
        match (&l, &r) {
            (Lowered::Error, _) | (_, Lowered::Error) => Lowered::Error,
            (Lowered::Node { source, id }, _) | (_, Lowered::Node { source, id })
                if matches!(self.kind(*source, *id), TimelineKind::Event(_)) =>
            {
                let d = self
                    .diagnostic(codes::COMPARE, span, "a derived event is not compared")
                    .label(format!("compares {} with {}", self.describe(&l), self.describe(&r)))
                    .help("compare what it samples: `at(event, state > 5)`");
                self.say(d)
            }
            (Lowered::Literal(_), Lowered::Literal(_)) => {
                let help = "name a column on one side; a text stands between double quotes, a name does not";
                self.error(codes::CONSTANT, span, "both sides are constants", help)
            }
            // The constant to the right, always.
            (Lowered::Literal(_), _) => self.compare_values(span, compare.flipped(), (right, &r), (left, &l)),
            _ => self.compare_values(span, compare, (left, &l), (right, &r)),
        }
    }

    pub(super) fn compare_values(
        &mut self,
        span: Span,
        compare: Compare,
        (left, l): (&Expr, &Lowered),
        (right, r): (&Expr, &Lowered),
    ) -> Lowered {
        match (l, r) {
            (Lowered::Event(a), Lowered::Literal(literal)) => match constant::value(literal, a.ty) {
                Ok(value) => {
                    if !self.afford(span, a.size + 2) {
                        return Lowered::Error;
                    }
                    let expr =
                        EventExpr::Compare(compare, Box::new(a.expr.clone()), Box::new(EventExpr::Constant(value)));
                    self.event(span, a.source, expr, Type::Bool, (a.size + 2, a.depth + 1))
                }
                Err(misfit) => self.constant_misfit(misfit, span, l, right, literal),
            },
            (Lowered::Event(a), Lowered::Event(b)) => {
                let mut source = None;
                self.same_event(&mut source, a.source, left.span);
                if !self.same_event(&mut source, b.source, right.span) {
                    return Lowered::Error;
                }
                if !comparable(a.ty, b.ty) {
                    return self.clash(span, (left, l), (right, r));
                }
                if !self.afford(span, a.size + b.size + 1) {
                    return Lowered::Error;
                }
                let expr = EventExpr::Compare(compare, Box::new(a.expr.clone()), Box::new(b.expr.clone()));
                self.event(span, a.source, expr, Type::Bool, (a.size + b.size + 1, a.depth.max(b.depth) + 1))
            }
            (Lowered::Mixed(mixed), Lowered::Literal(literal)) if constant::value(literal, mixed.ty).is_err() => {
                match constant::value(literal, mixed.ty) {
                    Err(misfit) => self.constant_misfit(misfit, span, l, right, literal),
                    Ok(_) => Lowered::Error,
                }
            }
            _ if self.mixes([l, r]) => {
                let values = [(l.clone(), left.span), (r.clone(), right.span)];
                let Some(mut parts) = self.parts(span, &values, false) else { return Lowered::Error };
                if !comparable(parts.types[0], parts.types[1]) {
                    return self.clash(span, (left, l), (right, r));
                }
                let mut sides = std::mem::take(&mut parts.exprs).into_iter().map(Box::new);
                let (Some(a), Some(b)) = (sides.next(), sides.next()) else { return Lowered::Error };
                self.mixed_value(span, parts, EventExpr::Compare(compare, a, b), Type::Bool, 1)
            }
            (Lowered::Node { source, id }, Lowered::Literal(literal)) => {
                self.compare_with_constant(span, compare, (*source, *id), l, right, literal)
            }
            (Lowered::Node { source, id }, Lowered::Node { source: other, id: right_id }) => {
                let mut noted = Some(*source);
                if !self.same_source(&mut noted, *other, right.span) {
                    return Lowered::Error;
                }
                self.compare_nodes(span, compare, *source, (left, l, *id), (right, r, *right_id))
            }
            _ => Lowered::Error,
        }
    }

    fn compare_with_constant(
        &mut self,
        span: Span,
        compare: Compare,
        (source, left): (usize, NodeId),
        l: &Lowered,
        right: &Expr,
        literal: &Literal,
    ) -> Lowered {
        let kind = self.kind(source, left);
        let constant = match kind {
            TimelineKind::State(ty) => constant::value(literal, ty).map(Op::Constant),
            TimelineKind::Number(unit) => constant::number(literal, unit),
            TimelineKind::Ratio(RatioUnit::Duration) => constant::number(literal, Unit::Duration),
            TimelineKind::Ratio(_) => constant::number(literal, Unit::Float),
            TimelineKind::Event(_) => Err(Misfit::Type),
        };
        let op = match constant {
            Ok(op) => op,
            Err(misfit) => return self.constant_misfit(misfit, span, l, right, literal),
        };
        if !matches!(kind, TimelineKind::State(_)) && self.refuse_moving_equality(span, compare, &[(source, left)]) {
            return Lowered::Error;
        }
        match self.add(source, op, right.span) {
            Lowered::Node { id: right, .. } => {
                let op = match kind {
                    TimelineKind::State(_) => Op::CompareStates { compare, left, right },
                    _ => Op::CompareNumbers { compare, left, right },
                };
                self.add(source, op, span)
            }
            _ => Lowered::Error,
        }
    }

    fn compare_nodes(
        &mut self,
        span: Span,
        compare: Compare,
        source: usize,
        (left, l, a): (&Expr, &Lowered, NodeId),
        (right, r, b): (&Expr, &Lowered, NodeId),
    ) -> Lowered {
        let (p, q) = (self.kind(source, a), self.kind(source, b));
        if matches!(p, TimelineKind::Ratio(_)) || matches!(q, TimelineKind::Ratio(_)) {
            let sides = (self.over_whole(source, a, left.span), self.over_whole(source, b, right.span));
            if let (Some((n, d)), Some((m, e))) = sides {
                // `n / d > m / e` is `n * e > m * d`, for neither is negative: nothing is rounded.
                let (Some(a), Some(b)) = (self.scaled(span, source, n, e), self.scaled(span, source, m, d)) else {
                    return Lowered::Error;
                };
                return self.compare_numbers(span, compare, source, (left, l, a), (right, r, b));
            }
        }
        match (p, q) {
            (TimelineKind::State(s), TimelineKind::State(t)) if comparable(s, t) => {
                self.add(source, Op::CompareStates { compare, left: a, right: b }, span)
            }
            (TimelineKind::Ratio(_), TimelineKind::Number(_) | TimelineKind::Ratio(_) | TimelineKind::State(_))
            | (_, TimelineKind::Ratio(_)) => {
                let help = "multiply out: `a / b > c` is `a > c * b` where `b` is never negative";
                let d = self
                    .diagnostic(codes::COMPARE, span, "a ratio is compared with a constant only")
                    .label(format!("compares {p} with {q}"))
                    .help(help);
                self.say(d)
            }
            _ => self.compare_numbers(span, compare, source, (left, l, a), (right, r, b)),
        }
    }

    fn compare_numbers(
        &mut self,
        span: Span,
        compare: Compare,
        source: usize,
        (left, l, a): (&Expr, &Lowered, NodeId),
        (right, r, b): (&Expr, &Lowered, NodeId),
    ) -> Lowered {
        let (Some((a, unit)), Some((b, other))) =
            (self.as_number(source, a, left.span), self.as_number(source, b, right.span))
        else {
            return self.clash(span, (left, l), (right, r));
        };
        if !unit.same_measure(other) {
            return self.clash(span, (left, l), (right, r));
        }
        if self.refuse_moving_equality(span, compare, &[(source, a), (source, b)]) {
            return Lowered::Error;
        }
        self.add(source, Op::CompareNumbers { compare, left: a, right: b }, span)
    }

    /// A number as one over a positive whole one, which multiples by decimals are; nothing for other quotients.
    fn over_whole(&mut self, source: usize, id: NodeId, span: Span) -> Option<(NodeId, i64)> {
        match *self.op(source, id) {
            Op::Ratio { numerator, denominator } => match *self.op(source, denominator) {
                Op::ConstantNumber { numerator: whole @ 1.., denominator: 1, unit: Unit::Int } => {
                    Some((numerator, whole))
                }
                _ => None,
            },
            _ => self.as_number(source, id, span).map(|(id, _)| (id, 1)),
        }
    }

    /// A number, or the number that a numeric state is.
    pub(super) fn as_number(&mut self, source: usize, id: NodeId, span: Span) -> Option<(NodeId, Unit)> {
        match self.kind(source, id) {
            TimelineKind::Number(unit) => Some((id, unit)),
            TimelineKind::State(ty) if ty.is_numeric() => match self.add(source, Op::NumberOf(id), span) {
                Lowered::Node { id, .. } => Some((id, if ty == Type::Int { Unit::Int } else { Unit::Float })),
                _ => None,
            },
            _ => None,
        }
    }

    fn refuse_moving_equality(&mut self, span: Span, compare: Compare, sides: &[(usize, NodeId)]) -> bool {
        let moving = sides.iter().any(|(source, id)| self.facts(*source, *id).moves);
        let refused = moving && matches!(compare, Compare::Eq | Compare::Ne);
        if refused {
            let message = format!("`{}` with a number that moves by itself", compare.symbol());
            let d = self
                .diagnostic(codes::MOVING, span, message)
                .label("it would hold for no longer than an instant")
                .help("compare with `<`, `<=`, `>` or `>=`");
            self.say(d);
        }
        refused
    }

    fn constant_misfit(
        &mut self,
        misfit: Misfit,
        span: Span,
        beside: &Lowered,
        right: &Expr,
        literal: &Literal,
    ) -> Lowered {
        if misfit != Misfit::Type {
            return self.misfit(misfit, right.span, literal, "");
        }
        let (kind, found) = (self.describe(beside), constant::describe(literal));
        let text = self.quote(right.span);
        let help = match (kind.as_str(), literal) {
            ("event<string>" | "state<string>", Literal::Number(_) | Literal::Bool(_)) => {
                format!("a text stands between double quotes: did you mean `\"{text}\"`?")
            }
            ("event<bool>" | "state<bool>", _) => "compare with `true` or `false`, or not at all".to_owned(),
            ("instant", _) => "write an instant as RFC 3339 has it, for example `\"2026-01-31T08:00:00Z\"`".to_owned(),
            (_, Literal::Duration(_)) => {
                "columns are plain numbers, without a unit; time spent in a state is `duration_in_cur_state`".to_owned()
            }
            ("duration", _) => "write a duration, for example `5s`".to_owned(),
            _ => format!("write a constant of the type of {kind}"),
        };
        let d = self
            .diagnostic(codes::COMPARE, span, format!("{kind} cannot be compared with {found}"))
            .label(format!("compares {kind} with {found}"))
            .help(help);
        self.say(d)
    }

    fn clash(&mut self, span: Span, (left, l): (&Expr, &Lowered), (right, r): (&Expr, &Lowered)) -> Lowered {
        let (a, b) = (self.describe(l), self.describe(r));
        let d = self
            .diagnostic(codes::COMPARE, span, format!("{a} cannot be compared with {b}"))
            .label(format!("compares {a} with {b}"))
            .note(self.file, left.span.range(), format!("this is {a}"))
            .note(self.file, right.span.range(), format!("this is {b}"))
            .help("both sides have one type, or both are numbers of one unit");
        self.say(d)
    }
}

fn comparable(a: Type, b: Type) -> bool {
    a == b || (a.is_numeric() && b.is_numeric())
}
