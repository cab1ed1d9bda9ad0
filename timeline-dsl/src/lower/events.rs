//! Operators that make events, and those that gather them.
//!
//! Where an operator wants matches, a `state<bool>` stands for its rises: it matches where it becomes true.

use super::Lowering;
use super::expect::SourceNode;
use super::value::{Carries, Lowered};
use crate::diagnostics::codes;
use crate::names::FunctionMeaning;
use crate::syntax::{Expr, Literal, Span};
use timeline_core::plan::{NodeId, Op, TimelineKind, Unit};
use timeline_core::{SECOND, Type};

impl Lowering<'_> {
    /// The call of an operator of this module; nothing if it is another one, or has other arguments.
    pub(super) fn event_call(&mut self, span: Span, function: FunctionMeaning, values: &[&Expr]) -> Option<Lowered> {
        let name = function.name();
        Some(match (function, values) {
            (FunctionMeaning::At, [e, timeline]) => self.at(span, e, timeline),
            (FunctionMeaning::Filter, [e, condition]) => self.filter(span, e, condition),
            (FunctionMeaning::First, [e]) => {
                let of = self.need_event(e, name);
                self.unary(span, of, |of| Op::First { of })
            }
            (FunctionMeaning::Previous, [e, n]) => {
                let of = self.need_event(e, name);
                let n = self.need_small(n, name);
                self.unary(span, of.filter(|_| n.is_some()), |of| Op::Previous { of, n: n.unwrap_or(1) })
            }
            (FunctionMeaning::Sum, [e]) => {
                let of = self.need_numeric(e, name);
                self.unary(span, of, |of| Op::Sum { of })
            }
            (FunctionMeaning::Min, [e]) => {
                let of = self.need_numeric(e, name);
                self.unary(span, of, |of| Op::Min { of })
            }
            (FunctionMeaning::Max, [e]) => {
                let of = self.need_numeric(e, name);
                self.unary(span, of, |of| Op::Max { of })
            }
            (FunctionMeaning::IsNew, [e]) => {
                let event = self.quote(e.span);
                let message = "`is_new` would remember every value that ever came";
                let help = format!(
                    "write `is_new({event}, cap 100)`: so many values are remembered for each session, and those that were \
                     not seen for longest are forgotten"
                );
                self.error(codes::UNBOUNDED, span, message, help)
            }
            (FunctionMeaning::IsNew, [e, n]) => {
                let of = self.need_event(e, name);
                let cap = self.need_cap(n, "so many values are remembered for each session: `is_new(event, cap 100)`");
                self.unary(span, of.filter(|_| cap.is_some()), |of| Op::IsNew { of, cap: cap.unwrap_or(1) })
            }
            _ => return None,
        })
    }

    /// The node over an input, if that was found.
    fn unary(&mut self, span: Span, of: Option<SourceNode>, op: impl FnOnce(NodeId) -> Op) -> Lowered {
        match of {
            Some((source, of)) => self.gather(span, source, of, op(of)),
            None => Lowered::Error,
        }
    }

    /// The node over an event; what it gathers of durations are durations, and of instants instants.
    pub(super) fn gather(&mut self, span: Span, source: usize, event: NodeId, op: Op) -> Lowered {
        let keeps_payloads = matches!(
            op,
            Op::Latest { .. }
                | Op::First { .. }
                | Op::Previous { .. }
                | Op::Sum { .. }
                | Op::Min { .. }
                | Op::Max { .. }
        );
        let carries = self.facts(source, event).carries;
        if let (Op::Sum { .. }, Carries::Instants) = (&op, carries) {
            let message = "instants have no sum";
            return self.error(
                codes::TYPE,
                span,
                message,
                "the difference of two instants is a duration, which has one",
            );
        }
        match (self.add(source, op, span), carries) {
            (Lowered::Node { source, id }, Carries::Durations) if keeps_payloads => {
                self.add(source, Op::DurationOf(id), span)
            }
            (Lowered::Node { source, id }, Carries::Instants) if keeps_payloads => {
                self.add(source, Op::InstantOf(id), span)
            }
            (other, _) => other,
        }
    }

    fn at(&mut self, span: Span, event: &Expr, timeline: &Expr) -> Lowered {
        let matches = self.need_matches(event, "at");
        let said = self.lower_inside(timeline);
        if let Lowered::Event(_) | Lowered::Mixed(_) = said {
            return matches.map_or(Lowered::Error, |event| self.each(span, event, timeline, &said));
        }
        let sampled = self.need_sampled(timeline, &said);
        let (Some((source, event)), Some((other, mut of))) = (matches, sampled) else { return Lowered::Error };
        let mut noted = Some(source);
        if !self.same_source(&mut noted, other, timeline.span) {
            return Lowered::Error;
        }
        if self.kind(source, of) == TimelineKind::Number(Unit::Area) {
            // An integral is sampled in value times seconds.
            let second = Op::ConstantNumber { numerator: SECOND, denominator: 1, unit: Unit::Duration };
            let quotient = self
                .node(source, second, span)
                .and_then(|denominator| self.node(source, Op::Ratio { numerator: of, denominator }, span));
            let Some(quotient) = quotient else { return Lowered::Error };
            of = quotient;
        }
        self.says_latest(source, event, of, timeline);
        self.add(source, Op::At { event, of }, span)
    }

    /// An event, or the rises of a `state<bool>`.
    pub(super) fn need_matches(&mut self, e: &Expr, operator: &str) -> Option<SourceNode> {
        let (source, of) = self.need_occurrence(e, operator, None)?;
        match self.kind(source, of) {
            TimelineKind::State(_) => Some((source, self.node(source, Op::Rise { of }, e.span)?)),
            _ => Some((source, of)),
        }
    }

    /// An event of numbers.
    pub(super) fn need_numeric(&mut self, e: &Expr, operator: &str) -> Option<SourceNode> {
        let (source, id) = self.need_event(e, operator)?;
        match self.kind(source, id) {
            TimelineKind::Event(ty) if ty.is_numeric() => Some((source, id)),
            found => {
                let d = self
                    .diagnostic(codes::TYPE, e.span, format!("`{operator}` reads numbers, this is {found}"))
                    .label(format!("expected event<float> or event<int>, found {found}"))
                    .help("name a column that is declared `float` or `int`; `count` counts events of any type");
                self.say(d);
                None
            }
        }
    }

    /// The timeline that `at` samples.
    fn need_sampled(&mut self, e: &Expr, said: &Lowered) -> Option<SourceNode> {
        match said {
            Lowered::Node { source, id } => match self.kind(*source, *id) {
                TimelineKind::State(_) | TimelineKind::Number(_) | TimelineKind::Ratio(_) => Some((*source, *id)),
                TimelineKind::Event(ty) => {
                    self.derived_event(e.span, ty, "`at` samples a state, a number or columns");
                    None
                }
            },
            Lowered::Literal(_) => self.constant_as_timeline(e.span),
            Lowered::Event(_) | Lowered::Mixed(_) | Lowered::Error => None,
        }
    }

    /// How many values are remembered.
    pub(super) fn need_cap(&mut self, e: &Expr, help: &str) -> Option<u32> {
        let found = self.lower_plain(e);
        if let Lowered::Literal(Literal::Number(n)) = &found
            && let Some((n, 1)) = n.exact.and_then(|x| x.parts())
            && (1..=i64::from(Op::MAX_REMEMBERED)).contains(&n)
        {
            return u32::try_from(n).ok();
        }
        if !matches!(found, Lowered::Error) {
            let message = format!("a cap is a whole number from 1 to {}", Op::MAX_REMEMBERED);
            self.error(codes::ARGUMENTS, e.span, message, help);
        }
        None
    }

    /// How far `previous` goes back.
    fn need_small(&mut self, e: &Expr, operator: &str) -> Option<u16> {
        let found = self.lower_plain(e);
        if let Lowered::Literal(Literal::Number(n)) = &found
            && let Some((n, 1)) = n.exact.and_then(|x| x.parts())
            && (1..=i64::from(Op::MAX_PREVIOUS)).contains(&n)
        {
            return u16::try_from(n).ok();
        }
        if !matches!(found, Lowered::Error) {
            let message = format!("`{operator}` needs a whole number from 1 to {} here", Op::MAX_PREVIOUS);
            let help = "the event before the last one is `previous(event, 1)`; the last one is `latest(event)`";
            self.error(codes::ARGUMENTS, e.span, message, help);
        }
        None
    }

    /// A derived event where a timeline is needed, or part of a predicate: what to write instead.
    pub(super) fn derived_event(&mut self, span: Span, ty: Type, message: &str) -> Lowered {
        let own = self.quote(span);
        let found = TimelineKind::Event(ty);
        let d = self
            .diagnostic(codes::NEEDS_STATE, span, format!("{message}, this is {found}"))
            .label("speaks of single instants")
            .help(format!(
                "`filter({own}, CONDITION)` is those of its events at which a condition holds; \
                 `has_existed_within({own}, 1m)` is true for a time after each"
            ));
        self.say(d)
    }
}
