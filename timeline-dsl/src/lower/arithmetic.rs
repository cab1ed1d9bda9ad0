//! `+ - * /` on numbers, normal forms of ratios included.
//!
//! A ratio is one [`Op::Ratio`] at the outside: `n/d + p/q` is `(q*n + p*d)/(q*d)`, `n/d * p/q` is `(p*n)/(q*d)`.
//! A number times a decimal `p/q` is the ratio `(p*n)/q` with a constant below, so that nothing is ever rounded.

use super::Lowering;
use super::constant::{self, Misfit};
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::syntax::{Expr, Literal, NumberLiteral, Rational, Sign, Span};
use timeline_core::SECOND;
use timeline_core::plan::{NodeId, Op, RatioUnit, Scalar, TimelineKind, Unit};

/// An operand with a place.
#[derive(Clone, Copy)]
struct PlacedOperand<'l> {
    value: &'l Lowered,
    span: Span,
}

impl Lowering<'_> {
    pub(super) fn negate(&mut self, span: Span, inner: &Expr) -> Lowered {
        let minus_one = Lowered::Literal(Literal::Number(NumberLiteral {
            exact: Some(Rational::whole(-1)),
            float: -1.0,
            whole: true,
        }));
        match self.lower_operand(inner) {
            // Beyond 128 bits only the float is known.
            Lowered::Literal(Literal::Number(NumberLiteral { exact: None, float, whole })) => {
                Lowered::Literal(Literal::Number(NumberLiteral { exact: None, float: -float, whole }))
            }
            value => {
                let side = PlacedOperand { value: &value, span: inner.span };
                self.calculate(span, Sign::Times, side, PlacedOperand { value: &minus_one, span })
            }
        }
    }

    pub(super) fn arithmetic(&mut self, first: &Expr, rest: &[(Sign, Expr)]) -> Lowered {
        let mut operands: Vec<(&Expr, Lowered)> = vec![(first, self.lower_operand(first))];
        for (_, e) in rest {
            let operand = self.lower_operand(e);
            operands.push((e, operand));
        }
        let mut operands = operands.into_iter().map(|(_, value)| value);
        let mut value = operands.next().unwrap_or(Lowered::Error);
        let mut span = first.span;
        for ((sign, e), right) in rest.iter().zip(operands) {
            let whole = span.to(e.span);
            value = self.calculate(
                whole,
                *sign,
                PlacedOperand { value: &value, span },
                PlacedOperand { value: &right, span: e.span },
            );
            span = whole;
        }
        value
    }

    /// A constant, a number or a ratio, or a numeric event.
    fn lower_operand(&mut self, e: &Expr) -> Lowered {
        match self.lower(e) {
            Lowered::Event(event) if !event.ty.is_numeric() => {
                self.not_a_number(e.span, &TimelineKind::Event(event.ty).to_string())
            }
            Lowered::Mixed(mixed) if !mixed.ty.is_numeric() => {
                self.not_a_number(e.span, &TimelineKind::Event(mixed.ty).to_string())
            }
            Lowered::Node { source, id } => match self.kind(source, id) {
                TimelineKind::Number(_) | TimelineKind::Ratio(_) => Lowered::Node { source, id },
                kind => match self.as_number(source, id, e.span) {
                    Some((id, _)) => Lowered::Node { source, id },
                    None => self.not_a_number(e.span, &kind.to_string()),
                },
            },
            Lowered::Literal(literal @ (Literal::Text(_) | Literal::Bool(_)))
                if constant::instant(&literal).is_err() =>
            {
                self.not_a_number(e.span, constant::describe(&literal))
            }
            other => other,
        }
    }

    fn not_a_number(&mut self, span: Span, found: &str) -> Lowered {
        let d = self
            .diagnostic(codes::ARITHMETIC, span, format!("a number is needed here, this is {found}"))
            .label(format!("expected number, found {found}"))
            .help("calculate with numeric columns, `duration_where(...)` and constants");
        self.say(d)
    }

    fn calculate(&mut self, span: Span, sign: Sign, left: PlacedOperand<'_>, right: PlacedOperand<'_>) -> Lowered {
        if let (Sign::Times | Sign::Over, true) = (sign, self.is_instant(left.value) || self.is_instant(right.value)) {
            return match (left.value, right.value) {
                (Lowered::Error, _) | (_, Lowered::Error) => Lowered::Error,
                _ => self.refuse(span, sign, left, right),
            };
        }
        match (left.value, right.value) {
            (Lowered::Error, _) | (_, Lowered::Error) => Lowered::Error,
            (Lowered::Event(_) | Lowered::Mixed(_), _) | (_, Lowered::Event(_) | Lowered::Mixed(_)) => {
                self.apply(span, scalar(sign), &[(left.value.clone(), left.span), (right.value.clone(), right.span)])
            }
            (Lowered::Literal(a), Lowered::Literal(b)) => match constant::calculate(sign, a, b) {
                Ok(literal) => Lowered::Literal(literal),
                Err(Misfit::Type) => self.refuse(span, sign, left, right),
                Err(Misfit::Zero) => self.misfit(Misfit::Zero, right.span, b, ""),
                Err(misfit) => self.misfit(misfit, span, b, ""),
            },
            (Lowered::Node { source, id }, Lowered::Literal(c)) => {
                self.with_constant(span, sign, (*source, *id), c, left, right)
            }
            (Lowered::Literal(c), Lowered::Node { source, id }) => {
                self.constant_first(span, sign, c, (*source, *id), left, right)
            }
            (Lowered::Node { source, id: a }, Lowered::Node { source: other, id: b }) => {
                let mut noted = Some(*source);
                if !self.same_source(&mut noted, *other, right.span) {
                    return Lowered::Error;
                }
                let (p, q) = (self.kind(*source, *a), self.kind(*source, *b));
                let (source, a, b) = (*source, *a, *b);
                // At an event two values are only two values, whatever they are between events.
                let both_move = self.facts(source, a).moves && self.facts(source, b).moves;
                if self.inside > 0
                    && (sign == Sign::Times && both_move || sign == Sign::Over && matches!(q, TimelineKind::Ratio(_)))
                {
                    let values = [(left.value.clone(), left.span), (right.value.clone(), right.span)];
                    return self.apply_mixed(span, scalar(sign), &values);
                }
                let other = match (sign, p, q) {
                    (Sign::Times, _, _) => self.multiply(span, source, a, b),
                    (Sign::Over, _, TimelineKind::Number(_)) => self.divide(span, source, a, b),
                    (Sign::Plus | Sign::Minus, TimelineKind::Ratio(_), _)
                    | (Sign::Plus | Sign::Minus, _, TimelineKind::Ratio(_)) => {
                        self.join_ratios(span, source, sign, a, b)
                    }
                    _ => None,
                };
                if let Some(lowered) = other {
                    return lowered;
                }
                let op = match (sign, p, q) {
                    (Sign::Plus, TimelineKind::Number(p), TimelineKind::Number(q)) if p.plus(q).is_some() => {
                        Op::Add(a, b)
                    }
                    (Sign::Minus, TimelineKind::Number(p), TimelineKind::Number(q)) if p.minus(q).is_some() => {
                        Op::Sub(a, b)
                    }
                    _ => return self.refuse(span, sign, left, right),
                };
                self.add(source, op, span)
            }
        }
    }

    /// `timeline SIGN constant`.
    fn with_constant(
        &mut self,
        span: Span,
        sign: Sign,
        (source, id): (usize, NodeId),
        c: &Literal,
        left: PlacedOperand<'_>,
        right: PlacedOperand<'_>,
    ) -> Lowered {
        let result = match (sign, self.kind(source, id)) {
            (Sign::Plus | Sign::Minus, TimelineKind::Number(unit)) => beside(sign, c, unit).map(|constant| {
                let constant = self.node(source, constant, right.span)?;
                let op = if sign == Sign::Plus { Op::Add(id, constant) } else { Op::Sub(id, constant) };
                self.node(source, op, span)
            }),
            (Sign::Plus, TimelineKind::Ratio(_)) => self.shift(span, source, id, c, 1),
            (Sign::Minus, TimelineKind::Ratio(_)) => self.shift(span, source, id, c, -1),
            (Sign::Times, TimelineKind::Number(Unit::Int | Unit::Float)) if matches!(c, Literal::Duration(_)) => {
                constant::duration(c).map(|d| self.times_duration(span, source, id, d))
            }
            (Sign::Times, _) => constant::plain(c).and_then(|x| self.stretch(span, source, id, x)),
            (Sign::Over, TimelineKind::Number(_)) if matches!(c, Literal::Duration(_)) => {
                let Ok(d) = constant::duration(c) else { return Lowered::Error };
                if d == 0 { Err(Misfit::Zero) } else { self.over_duration(span, source, id, d) }
            }
            (Sign::Over, _) => constant::plain(c).and_then(|x| match x.inverse() {
                Some(x) => self.stretch(span, source, id, x),
                None => Err(Misfit::Zero),
            }),
            _ => Err(Misfit::Type),
        };
        match result {
            Ok(Some(id)) => Lowered::Node { source, id },
            Ok(None) => Lowered::Error,
            Err(Misfit::Type) => self.refuse(span, sign, left, right),
            Err(misfit) => self.misfit(misfit, right.span, c, ""),
        }
    }

    /// `constant SIGN timeline`.
    fn constant_first(
        &mut self,
        span: Span,
        sign: Sign,
        c: &Literal,
        (source, id): (usize, NodeId),
        left: PlacedOperand<'_>,
        right: PlacedOperand<'_>,
    ) -> Lowered {
        let result = match (sign, self.kind(source, id)) {
            (Sign::Plus | Sign::Times, _) => {
                return self.with_constant(span, sign, (source, id), c, right, left);
            }
            (Sign::Minus, TimelineKind::Number(unit)) => constant::number(c, unit).map(|constant| {
                let constant = self.node(source, constant, left.span)?;
                self.node(source, Op::Sub(constant, id), span)
            }),
            (Sign::Minus, TimelineKind::Ratio(_)) => match self.stretch(span, source, id, Rational::whole(-1)) {
                Ok(Some(negated)) => self.shift(span, source, negated, c, 1),
                other => other,
            },
            (Sign::Over, TimelineKind::Number(_)) => {
                let constant = match c {
                    Literal::Duration(_) => constant::number(c, Unit::Duration),
                    _ if self.kind(source, id) == TimelineKind::Number(Unit::Area) => constant::number(c, Unit::Area),
                    _ => constant::number(c, Unit::Float),
                };
                constant.map(|constant| {
                    let numerator = self.node(source, constant, left.span)?;
                    self.node(source, Op::Ratio { numerator, denominator: id }, span)
                })
            }
            _ => Err(Misfit::Type),
        };
        match result {
            Ok(Some(id)) => Lowered::Node { source, id },
            Ok(None) => Lowered::Error,
            Err(Misfit::Type) => self.refuse(span, sign, left, right),
            Err(misfit) => self.misfit(misfit, left.span, c, ""),
        }
    }

    /// A number or a ratio times an exact fraction.
    fn stretch(&mut self, span: Span, source: usize, id: NodeId, x: Rational) -> Result<Option<NodeId>, Misfit> {
        let (p, q) = x.parts().ok_or(Misfit::Range)?;
        if self.kind(source, id) == TimelineKind::Number(Unit::Area) && q != 1 {
            // An area is a float anyway: a multiple of it stays one, which can be summed.
            let factor = self.node(source, constant::number_op(p, q, Unit::Float), span);
            return Ok(factor.and_then(|factor| self.node(source, Op::Mul(id, factor), span)));
        }
        let (numerator, denominator) = match *self.op(source, id) {
            Op::Ratio { numerator, denominator } => (numerator, Some(denominator)),
            _ => (id, None),
        };
        let Some(numerator) = self.scaled(span, source, numerator, p) else { return Ok(None) };
        let denominator = match denominator {
            None if q == 1 => return Ok(Some(numerator)),
            None => self.node(source, constant::number_op(q, 1, Unit::Int), span),
            Some(d) => self.scaled(span, source, d, q),
        };
        let Some(denominator) = denominator else { return Ok(None) };
        Ok(self.node(source, Op::Ratio { numerator, denominator }, span))
    }

    /// A ratio plus or minus a constant.
    fn shift(
        &mut self,
        span: Span,
        source: usize,
        id: NodeId,
        c: &Literal,
        direction: i128,
    ) -> Result<Option<NodeId>, Misfit> {
        let Op::Ratio { numerator, denominator } = *self.op(source, id) else { return Err(Misfit::Type) };
        let unit = match self.kind(source, id) {
            TimelineKind::Ratio(unit) => unit,
            _ => return Err(Misfit::Type),
        };
        let x = match unit {
            RatioUnit::Duration => Rational::whole(i128::from(constant::duration(c)?)),
            _ => constant::plain(c)?,
        };
        let x = x.multiply(Rational::whole(direction)).ok_or(Misfit::Range)?;
        let constant_below = match *self.op(source, denominator) {
            Op::ConstantNumber { numerator, denominator, unit } => {
                Rational::new(numerator.into(), denominator.into()).map(|d| (d, unit))
            }
            _ => None,
        };
        let (p, q) = x.parts().ok_or(Misfit::Range)?;
        let sides = [self.kind(source, numerator), self.kind(source, denominator)];
        let (top, bottom) = match (unit, constant_below) {
            // The denominator times the constant has the unit of the numerator.
            (_, _) if matches!(sides, [TimelineKind::Number(Unit::Area), TimelineKind::Number(Unit::Duration)]) => {
                let Some(sum) = self.risen(span, source, (numerator, denominator), p, q, Unit::Float) else {
                    return Ok(None);
                };
                (sum, denominator)
            }
            (RatioUnit::Duration, None)
                if sides == [TimelineKind::Number(Unit::Duration), TimelineKind::Number(Unit::Int)] =>
            {
                let Some(sum) = self.risen(span, source, (numerator, denominator), p, q, Unit::Duration) else {
                    return Ok(None);
                };
                (sum, denominator)
            }
            (RatioUnit::Plain, _)
                if sides[0] == sides[1] || !matches!(sides, [_, TimelineKind::Number(Unit::Area)]) =>
            {
                let Some(n) = self.scaled(span, source, numerator, q) else { return Ok(None) };
                let Some(d) = self.scaled(span, source, denominator, p) else { return Ok(None) };
                let Some(sum) = self.node(source, Op::Add(n, d), span) else { return Ok(None) };
                let Some(bottom) = self.scaled(span, source, denominator, q) else { return Ok(None) };
                (sum, bottom)
            }
            // The two sides have different units, so the shift is a multiple of neither: only over a constant is it
            // a constant of the numerator's unit.
            (_, Some((d, below))) if sides[0] != TimelineKind::Number(Unit::Area) => {
                let seconds = if below == Unit::Duration { i128::from(SECOND) } else { 1 };
                let d = Rational::new(d.numerator, d.denominator.checked_mul(seconds).ok_or(Misfit::Range)?);
                let shift = d.and_then(|d| d.multiply(x)).and_then(Rational::parts).ok_or(Misfit::Range)?;
                let (value, fraction) = shift;
                let top_unit = match unit {
                    RatioUnit::Duration => Unit::Duration,
                    _ if fraction == 1 => Unit::Int,
                    _ => Unit::Float,
                };
                // A duration is whole nanoseconds: the fraction goes below the line of both.
                let k = if top_unit == Unit::Duration { fraction } else { 1 };
                let Some(n) = self.scaled(span, source, numerator, k) else { return Ok(None) };
                let shift = constant::number_op(value, if k == 1 { fraction } else { 1 }, top_unit);
                let Some(shift) = self.node(source, shift, span) else { return Ok(None) };
                let Some(sum) = self.node(source, Op::Add(n, shift), span) else { return Ok(None) };
                let Some(bottom) = self.scaled(span, source, denominator, k) else { return Ok(None) };
                (sum, bottom)
            }
            _ => match self.risen_area(span, source, (numerator, denominator), (p, q), unit) {
                Some(sum) => (sum, denominator),
                None => return Ok(None),
            },
        };
        Ok(self.node(source, Op::Ratio { numerator: top, denominator: bottom }, span))
    }

    /// `n + d * c` as an area, which is a float: where the sides of a quotient have no unit in common.
    fn risen_area(
        &mut self,
        span: Span,
        source: usize,
        (n, d): (NodeId, NodeId),
        (p, q): (i64, i64),
        unit: RatioUnit,
    ) -> Option<NodeId> {
        let lift = match self.kind(source, n) {
            TimelineKind::Number(Unit::Area) => None,
            TimelineKind::Number(Unit::Duration) => Some(constant::number_op(1, 1, Unit::Float)),
            _ => Some(constant::number_op(SECOND, 1, Unit::Area)),
        };
        let lifted = match lift {
            None => n,
            Some(lift) => {
                let lift = self.node(source, lift, span)?;
                self.node(source, Op::Mul(n, lift), span)?
            }
        };
        let beside = if unit == RatioUnit::Duration { Unit::Area } else { Unit::Float };
        let shift = self.node(source, constant::number_op(p, q, beside), span)?;
        let shift = self.node(source, Op::Mul(d, shift), span)?;
        self.node(source, Op::Add(lifted, shift), span)
    }

    /// `n + d * c`, where `c` is that constant.
    fn risen(
        &mut self,
        span: Span,
        source: usize,
        (n, d): (NodeId, NodeId),
        p: i64,
        q: i64,
        unit: Unit,
    ) -> Option<NodeId> {
        let constant = self.node(source, constant::number_op(p, q, unit), span)?;
        let product = self.node(source, Op::Mul(d, constant), span)?;
        self.node(source, Op::Add(n, product), span)
    }

    fn over_duration(&mut self, span: Span, source: usize, id: NodeId, d: i64) -> Result<Option<NodeId>, Misfit> {
        let (numerator, d) = if d < 0 {
            (self.scaled(span, source, id, -1), d.checked_neg().ok_or(Misfit::Range)?)
        } else {
            (Some(id), d)
        };
        let Some(numerator) = numerator else { return Ok(None) };
        let Some(denominator) = self.node(source, constant::number_op(d, 1, Unit::Duration), span) else {
            return Ok(None);
        };
        Ok(self.node(source, Op::Ratio { numerator, denominator }, span))
    }

    /// A number times a whole number; constants and multiples are multiplied at once.
    pub(super) fn scaled(&mut self, span: Span, source: usize, of: NodeId, factor: i64) -> Option<NodeId> {
        if factor == 1 {
            return Some(of);
        }
        if let Op::ConstantNumber { numerator, denominator, unit } = *self.op(source, of)
            && let Some(numerator) = numerator.checked_mul(factor)
        {
            return self.node(source, Op::ConstantNumber { numerator, denominator, unit }, span);
        }
        let (of, factor) = match *self.op(source, of) {
            Op::Scale { of: inner, factor: first } => match factor.checked_mul(first) {
                Some(product) => (inner, product),
                None => (of, factor),
            },
            _ => (of, factor),
        };
        if factor == 1 {
            return Some(of);
        }
        self.node(source, Op::Scale { of, factor }, span)
    }

    pub(super) fn node(&mut self, source: usize, op: Op, span: Span) -> Option<NodeId> {
        match self.add(source, op, span) {
            Lowered::Node { id, .. } => Some(id),
            _ => None,
        }
    }

    fn is_instant(&self, value: &Lowered) -> bool {
        matches!(value, Lowered::Node { source, id } if self.kind(*source, *id) == TimelineKind::Number(Unit::Instant))
    }

    fn refuse(&mut self, span: Span, sign: Sign, left: PlacedOperand<'_>, right: PlacedOperand<'_>) -> Lowered {
        let (a, b) = (self.describe(left.value), self.describe(right.value));
        let nodes = matches!(left.value, Lowered::Node { .. }) && matches!(right.value, Lowered::Node { .. });
        let ratio = |s: &str| s == "ratio" || s == "number per second";
        let help = match sign {
            Sign::Times if nodes => "one side of a product is a plain number: time is not multiplied by time",
            _ if nodes && (ratio(&a) || ratio(&b)) => {
                "ratios are added where they have one denominator, `a / d + b / d`, or where at most one side of each product \
                 moves by itself"
            }
            _ if a == "instant" || b == "instant" => {
                "the difference of two instants is a duration, and an instant and a duration are another instant"
            }
            Sign::Plus | Sign::Minus => "both sides have one unit: two durations, or two plain numbers",
            Sign::Times | Sign::Over => "a timeline is multiplied and divided by plain constants",
        };
        let d = self
            .diagnostic(codes::ARITHMETIC, span, format!("`{}` does not go with {a} and {b}", sign.symbol()))
            .label(format!("{a} {} {b}", sign.symbol()))
            .help(help);
        self.say(d)
    }
}

/// The constant behind a `+` or a `-` after a number of that unit.
fn beside(sign: Sign, c: &Literal, unit: Unit) -> Result<Op, Misfit> {
    match (unit, sign, c) {
        (Unit::Instant, Sign::Minus, Literal::Text(_)) => constant::number(c, Unit::Instant),
        (Unit::Instant, _, _) => constant::number(c, Unit::Duration),
        _ => constant::number(c, unit),
    }
}

/// The function of two values that the sign is.
fn scalar(sign: Sign) -> Scalar {
    match sign {
        Sign::Plus => Scalar::Add,
        Sign::Minus => Scalar::Sub,
        Sign::Times => Scalar::Mul,
        Sign::Over => Scalar::Div,
    }
}
