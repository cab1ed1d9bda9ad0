//! Products of timelines, and quotients with an area in them.
//!
//! A product is a straight line between changes only if at most one side moves by itself; any other is refused.

use super::Lowering;
use super::constant;
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::syntax::{Sign, Span};
use timeline_core::SECOND;
use timeline_core::plan::{NodeId, Op, RatioUnit, TimelineKind, Unit};

impl Lowering<'_> {
    /// `a * b` of numbers and ratios; `None` where their units do not go together.
    pub(super) fn multiply(&mut self, span: Span, source: usize, a: NodeId, b: NodeId) -> Option<Lowered> {
        let sides = |of: &Self, id| of.ratio_sides(source, id).map_or((id, None), |(n, d)| (n, Some(d)));
        let ((n, d), (m, e)) = (sides(self, a), sides(self, b));
        self.product_fits(source, n, m)?;
        let Some(numerator) = self.product(span, source, n, m) else { return Some(Lowered::Error) };
        let denominator = match (d, e) {
            (None, None) => return Some(Lowered::Node { source, id: numerator }),
            (Some(d), None) | (None, Some(d)) => d,
            (Some(d), Some(e)) => {
                self.product_fits(source, d, e)?;
                match self.product(span, source, d, e) {
                    Some(denominator) => denominator,
                    None => return Some(Lowered::Error),
                }
            }
        };
        let durations = self.is_inexact_duration(source, a) || self.is_inexact_duration(source, b);
        self.quotient(span, source, numerator, denominator, durations)
    }

    /// `a / b` where `b` is a number; `None` where the units do not go together.
    pub(super) fn divide(&mut self, span: Span, source: usize, a: NodeId, b: NodeId) -> Option<Lowered> {
        match self.ratio_sides(source, a) {
            None => self.quotient(span, source, a, b, false),
            Some((n, d)) => {
                self.product_fits(source, d, b)?;
                match self.product(span, source, d, b) {
                    Some(d) => self.quotient(span, source, n, d, self.is_inexact_duration(source, a)),
                    None => Some(Lowered::Error),
                }
            }
        }
    }

    /// `a + b` or `a - b` where one of them is a ratio: above one denominator; `None` where that cannot be done.
    pub(super) fn join_ratios(
        &mut self,
        span: Span,
        source: usize,
        sign: Sign,
        a: NodeId,
        b: NodeId,
    ) -> Option<Lowered> {
        let sides = |of: &Self, id| of.ratio_sides(source, id).map_or((id, None), |(n, d)| (n, Some(d)));
        let ((n, d), (m, e)) = (sides(self, a), sides(self, b));
        let denominator = match (d, e) {
            (Some(d), Some(e)) if d == e => Some(d),
            (Some(d), Some(e)) => self.quiet_product(span, source, d, e),
            (d, e) => d.or(e),
        }?;
        let same = d == e;
        let mut left = e.filter(|_| !same).map_or(Some(n), |e| self.quiet_product(span, source, n, e))?;
        let mut right = d.filter(|_| !same).map_or(Some(m), |d| self.quiet_product(span, source, m, d))?;
        let (TimelineKind::Number(p), TimelineKind::Number(q)) = (self.kind(source, left), self.kind(source, right))
        else {
            return None;
        };
        // A whole number of nanoseconds beside one that is none.
        let lifted = match (p, q) {
            (Unit::Duration, Unit::Area) => Some(&mut left),
            (Unit::Area, Unit::Duration) => Some(&mut right),
            _ if p.same_measure(q) => None,
            _ => return None,
        };
        if let Some(side) = lifted {
            let one = self.node(source, constant::number_op(1, 1, Unit::Float), span)?;
            *side = self.node(source, Op::Mul(*side, one), span)?;
        }
        let op = if sign == Sign::Plus { Op::Add(left, right) } else { Op::Sub(left, right) };
        Some(match self.node(source, op, span) {
            Some(numerator) => self.add(source, Op::Ratio { numerator, denominator }, span),
            None => Lowered::Error,
        })
    }

    /// A product where there is one; nothing is said where there is not.
    fn quiet_product(&mut self, span: Span, source: usize, a: NodeId, b: NodeId) -> Option<NodeId> {
        let both_move = self.facts(source, a).moves && self.facts(source, b).moves;
        self.product_fits(source, a, b)?;
        if both_move { None } else { self.product(span, source, a, b) }
    }

    /// The ratio of two numbers. Where one of them is an area and the other plain, the plain one counts times a second.
    /// `durations`: an area by a plain number is a duration, as it was where it came from.
    fn quotient(&mut self, span: Span, source: usize, n: NodeId, d: NodeId, durations: bool) -> Option<Lowered> {
        let (TimelineKind::Number(p), TimelineKind::Number(q)) = (self.kind(source, n), self.kind(source, d)) else {
            return None;
        };
        let (mut numerator, mut denominator) = (n, d);
        if let (Unit::Area, Op::ConstantNumber { numerator: p, denominator: q, .. }) = (p, self.op(source, d).clone())
            && q > 0
            && p > 0
        {
            // A multiple of an area is an area.
            let factor = self.node(source, constant::number_op(q, p, Unit::Float), span);
            let product = factor.and_then(|factor| self.node(source, Op::Mul(n, factor), span));
            return Some(product.map_or(Lowered::Error, |id| Lowered::Node { source, id }));
        }
        let of_one = matches!((p, q), (Unit::Area, Unit::Int | Unit::Float) | (Unit::Int | Unit::Float, Unit::Area));
        if of_one && !(durations && p == Unit::Area) {
            let plain = if p == Unit::Area { &mut denominator } else { &mut numerator };
            let second = constant::number_op(SECOND, 1, Unit::Duration);
            let Some(second) = self.node(source, second, span) else { return Some(Lowered::Error) };
            match self.node(source, Op::Mul(*plain, second), span) {
                Some(seconds) => *plain = seconds,
                None => return Some(Lowered::Error),
            }
        }
        Some(self.add(source, Op::Ratio { numerator, denominator }, span))
    }

    /// Whether it is a quotient that counts durations although an area stands above its line.
    fn is_inexact_duration(&self, source: usize, id: NodeId) -> bool {
        let above = self.ratio_sides(source, id).map(|(n, _)| self.kind(source, n));
        self.kind(source, id) == TimelineKind::Ratio(RatioUnit::Duration)
            && above == Some(TimelineKind::Number(Unit::Area))
    }

    /// Whether the units go together, or what is wrong is said by [`Self::product`].
    fn product_fits(&self, source: usize, a: NodeId, b: NodeId) -> Option<()> {
        let timed = |id| matches!(self.kind(source, id), TimelineKind::Number(Unit::Duration | Unit::Area));
        let both_move = self.facts(source, a).moves && self.facts(source, b).moves;
        (both_move || !(timed(a) && timed(b))).then_some(())
    }

    fn product(&mut self, span: Span, source: usize, a: NodeId, b: NodeId) -> Option<NodeId> {
        if self.facts(source, a).moves && self.facts(source, b).moves {
            let d = self
                .diagnostic(codes::QUADRATIC, span, "a product of two numbers that move by themselves")
                .label("it is no straight line")
                .help("one side of `*` must change in steps, such as `latest(price)`");
            self.say(d);
            return None;
        }
        let whole = |of: &Self, id| match *of.op(source, id) {
            Op::ConstantNumber { numerator, denominator: 1, unit: Unit::Int } => Some(numerator),
            _ => None,
        };
        match (whole(self, a), whole(self, b)) {
            (Some(factor), _) => self.scaled(span, source, b, factor),
            (_, Some(factor)) => self.scaled(span, source, a, factor),
            _ => self.node(source, Op::Mul(a, b), span),
        }
    }

    /// A plain number times a constant duration.
    pub(super) fn times_duration(&mut self, span: Span, source: usize, id: NodeId, d: i64) -> Option<NodeId> {
        let duration = self.node(source, constant::number_op(d, 1, Unit::Duration), span)?;
        self.node(source, Op::Mul(id, duration), span)
    }
}
