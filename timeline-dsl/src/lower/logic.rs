//! `&&`, `||` and `!`: over the columns of one event, or over states.

use super::Lowering;
use super::constant;
use super::value::{EventValue, Lowered};
use crate::diagnostics::codes;
use crate::syntax::{Expr, Literal, Logic, Span};
use std::cell::OnceCell;
use std::rc::Rc;
use timeline_core::plan::{EventExpr, NodeId, Op, TimelineKind};
use timeline_core::{Type, Value};

impl Lowering<'_> {
    pub(super) fn not(&mut self, span: Span, inner: &Expr) -> Lowered {
        match self.lower(inner) {
            Lowered::Event(e) if e.ty == Type::Bool => self.event(
                span,
                e.source,
                EventExpr::Not(Box::new(e.expr.clone())),
                Type::Bool,
                (e.size + 1, e.depth + 1),
            ),
            Lowered::Node { source, id } if self.kind(source, id) == TimelineKind::State(Type::Bool) => {
                self.add(source, Op::Not(id), span)
            }
            Lowered::Literal(Literal::Bool(b)) => Lowered::Literal(Literal::Bool(!b)),
            Lowered::Mixed(mixed) if mixed.ty == Type::Bool => {
                let values = [(Lowered::Mixed(mixed), inner.span)];
                let Some(mut parts) = self.parts(span, &values, false) else { return Lowered::Error };
                let Some(of) = parts.exprs.pop() else { return Lowered::Error };
                self.mixed_value(span, parts, EventExpr::Not(Box::new(of)), Type::Bool, 1)
            }
            other => self.not_a_truth_value(inner.span, &other),
        }
    }

    pub(super) fn logic<'e>(
        &mut self,
        span: Span,
        logic: Logic,
        operands: impl IntoIterator<Item = &'e Expr>,
    ) -> Lowered {
        let operands: Vec<(&Expr, Lowered)> = operands.into_iter().map(|e| (e, self.lower(e))).collect();
        self.logic_of(span, logic, operands)
    }

    /// `&&` or `||` of what is lowered already.
    pub(super) fn logic_of(&mut self, span: Span, logic: Logic, operands: Vec<(&Expr, Lowered)>) -> Lowered {
        if operands.iter().any(|(_, value)| self.is_made(value)) {
            return self.logic_of_made(span, logic, &operands);
        }
        let mut failed = false;
        for (e, value) in &operands {
            let fits = match value {
                Lowered::Event(event) => event.ty == Type::Bool,
                Lowered::Node { source, id } => self.kind(*source, *id) == TimelineKind::State(Type::Bool),
                Lowered::Mixed(mixed) => mixed.ty == Type::Bool,
                Lowered::Literal(literal) => matches!(literal, Literal::Bool(_)),
                Lowered::Error => false,
            };
            if !fits {
                self.not_a_truth_value(e.span, value);
                failed = true;
            }
        }
        if failed {
            return Lowered::Error;
        }
        if self.mixes(operands.iter().map(|(_, value)| value)) {
            return self.mixed_logic(span, logic, &operands);
        }
        let event = operands.iter().find(|(_, v)| matches!(v, Lowered::Event(_)));
        let state = operands.iter().find(|(_, v)| matches!(v, Lowered::Node { .. }));
        match (event, state) {
            (Some(_), _) => self.event_logic(span, logic, &operands),
            (None, Some(_)) => self.state_logic(span, logic, &operands),
            (None, None) => {
                let truth = |v: &Lowered| matches!(v, Lowered::Literal(Literal::Bool(true)));
                Lowered::Literal(Literal::Bool(match logic {
                    Logic::And => operands.iter().all(|(_, v)| truth(v)),
                    Logic::Or => operands.iter().any(|(_, v)| truth(v)),
                }))
            }
        }
    }

    /// `&&` or `||` of columns and timelines.
    fn mixed_logic(&mut self, span: Span, logic: Logic, operands: &[(&Expr, Lowered)]) -> Lowered {
        let values: Vec<(Lowered, Span)> = operands.iter().map(|(e, value)| (value.clone(), e.span)).collect();
        let Some(mut parts) = self.parts(span, &values, false) else { return Lowered::Error };
        let levels = values.len().next_power_of_two().trailing_zeros() as usize;
        let expr = balanced(logic, std::mem::take(&mut parts.exprs));
        self.mixed_value(span, parts, expr, Type::Bool, levels)
    }

    /// Whether it is an event that an operator makes.
    fn is_made(&self, value: &Lowered) -> bool {
        matches!(value, Lowered::Node { source, id } if matches!(self.kind(*source, *id), TimelineKind::Event(_)))
    }

    /// `||` of events of which an operator makes some: one wherever one of them has one.
    fn logic_of_made(&mut self, span: Span, logic: Logic, operands: &[(&Expr, Lowered)]) -> Lowered {
        if operands.iter().any(|(_, value)| matches!(value, Lowered::Error)) {
            return Lowered::Error;
        }
        if logic == Logic::And {
            return self.both_made(span, operands);
        }
        let mut noted = None;
        let mut all = vec![];
        for (e, value) in operands {
            let place = match value {
                Lowered::Event(event) if event.ty == Type::Bool => self.event_node(event, e.span),
                Lowered::Node { source, id } if self.kind(*source, *id) == TimelineKind::Event(Type::Bool) => {
                    Some((*source, *id))
                }
                Lowered::Node { source, id } if self.kind(*source, *id) == TimelineKind::State(Type::Bool) => {
                    let made = operands.iter().find(|(_, value)| self.is_made(value));
                    return made.map_or(Lowered::Error, |(made, _)| self.made_and_state(span, made, e));
                }
                Lowered::Node { source, id } if matches!(self.kind(*source, *id), TimelineKind::Event(_)) => {
                    let message = "`||` joins events that say true or false";
                    let help = "compare what it carries before it is made: `at(event, state > 5)`";
                    return self.error(codes::TYPE, e.span, message, help);
                }
                Lowered::Mixed(_) => {
                    let message = "`||` joins events, and this is said of one";
                    let help = "`filter(EVENT, CONDITION)` is the events of which it is true";
                    return self.error(codes::MIXED, e.span, message, help);
                }
                other => return self.not_a_truth_value(e.span, other),
            };
            let Some((source, id)) = place else { return Lowered::Error };
            if !self.same_source(&mut noted, source, e.span) {
                return Lowered::Error;
            }
            self.flatten(source, id, &mut all);
        }
        let Some(source) = noted else { return Lowered::Error };
        // However they were put together, the same events are the same node.
        all.sort_by_key(|id| self.groups[source].builder.plan().node(*id).fingerprint);
        all.dedup();
        let mut all = all.into_iter();
        let first = all.next();
        let joined = all.try_fold(first, |a, b| Some(self.node(source, Op::Either(a?, b), span)));
        joined.flatten().map_or(Lowered::Error, |id| Lowered::Node { source, id })
    }

    /// The events that a node joins, or itself.
    fn flatten(&self, source: usize, id: NodeId, all: &mut Vec<NodeId>) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            match *self.op(source, id) {
                Op::Either(a, b) => open.extend([a, b]),
                _ => all.push(id),
            }
        }
    }

    /// `&&` of events: of what an operator makes, two are hardly ever at one place.
    fn both_made(&mut self, span: Span, operands: &[(&Expr, Lowered)]) -> Lowered {
        let state = operands.iter().find(|(_, value)| {
            matches!(value, Lowered::Node { source, id } if matches!(self.kind(*source, *id), TimelineKind::State(_)))
        });
        let made = operands.iter().find(|(_, value)| self.is_made(value));
        let (Some((made, value)), other) = (made, state) else { return Lowered::Error };
        let (own, found) = (self.quote(made.span), self.describe(value));
        let help = match other {
            Some((state, _)) => format!("did you mean `filter({own}, {})`?", self.quote(state.span)),
            None => format!(
                "`filter({own}, CONDITION)` is those of its events at which a condition holds; \
                 `followed_by(a, b, 5s)` joins events within a time"
            ),
        };
        let d = self
            .diagnostic(codes::NEEDS_STATE, span, format!("`&&` joins conditions, this is {found}"))
            .label("speaks of single instants")
            .note(self.file, made.span.range(), format!("this is {found}"))
            .help(help);
        self.say(d)
    }

    fn event_logic(&mut self, span: Span, logic: Logic, operands: &[(&Expr, Lowered)]) -> Lowered {
        let mut source = None;
        let mut parts = vec![];
        let sizes = operands.iter().map(|(_, v)| if let Lowered::Event(e) = v { e.size + 1 } else { 2 });
        let size = sizes.sum();
        if !self.afford(span, size) {
            return Lowered::Error;
        }
        let mut depth = 0;
        for (e, value) in operands {
            match value {
                Lowered::Event(event) => {
                    if !self.same_event(&mut source, event.source, e.span) {
                        return Lowered::Error;
                    }
                    depth = depth.max(event.depth);
                    parts.push(event.expr.clone());
                }
                Lowered::Literal(Literal::Bool(b)) => parts.push(EventExpr::Constant(Value::Bool(*b))),
                _ => return Lowered::Error,
            }
        }
        let Some(source) = source else { return Lowered::Error };
        let levels = parts.len().next_power_of_two().trailing_zeros() as usize;
        self.event(span, source, balanced(logic, parts), Type::Bool, (size, depth + levels))
    }

    fn state_logic(&mut self, span: Span, logic: Logic, operands: &[(&Expr, Lowered)]) -> Lowered {
        let mut source = None;
        for (e, value) in operands {
            if let Lowered::Node { source: s, .. } = value
                && !self.same_source(&mut source, *s, e.span)
            {
                return Lowered::Error;
            }
        }
        let Some(source) = source else { return Lowered::Error };
        let mut result = None;
        for (e, value) in operands {
            let id = match value {
                Lowered::Node { id, .. } => *id,
                Lowered::Literal(literal) => {
                    let Ok(value) = constant::value(literal, Type::Bool) else { return Lowered::Error };
                    match self.add(source, Op::Constant(value), e.span) {
                        Lowered::Node { id, .. } => id,
                        _ => return Lowered::Error,
                    }
                }
                _ => return Lowered::Error,
            };
            result = match result {
                None => Some(id),
                Some(left) => {
                    let op = if logic == Logic::And { Op::And(left, id) } else { Op::Or(left, id) };
                    match self.add(source, op, span) {
                        Lowered::Node { id, .. } => Some(id),
                        _ => return Lowered::Error,
                    }
                }
            };
        }
        result.map_or(Lowered::Error, |id| Lowered::Node { source, id })
    }

    /// An expression over one event of that size, which was afforded, and depth, if that is not too large.
    pub(super) fn event(
        &mut self,
        span: Span,
        source: usize,
        expr: EventExpr,
        ty: Type,
        (size, depth): (usize, usize),
    ) -> Lowered {
        if depth > EventValue::MAX_DEPTH {
            return self.predicate_too_large(span);
        }
        Lowered::Event(Rc::new(EventValue { source, expr, ty, size, depth, node: OnceCell::new() }))
    }

    /// Whether an expression of that size may still be made, which is asked before its parts are copied.
    pub(super) fn afford(&mut self, span: Span, size: usize) -> bool {
        self.event_nodes = self.event_nodes.saturating_add(size);
        if size > EventValue::MAX_SIZE {
            self.predicate_too_large(span);
            false
        } else if self.event_nodes > super::MAX_EVENT_NODES {
            let message = "the predicates of these programs are too large together";
            self.error(codes::TOO_LARGE, span, message, "name common parts, or deploy fewer queries");
            false
        } else {
            true
        }
    }

    fn predicate_too_large(&mut self, span: Span) -> Lowered {
        let message = "this predicate over one event is too large";
        self.error(codes::TOO_LARGE, span, message, "make states of its parts with `latest(...)` and join those")
    }

    /// An event that an operator makes and a state in one expression.
    fn made_and_state(&mut self, span: Span, made: &Expr, state: &Expr) -> Lowered {
        let (own, timeline) = (self.quote(made.span), self.quote(state.span));
        let d = self
            .diagnostic(codes::MIXED, span, "an event and a state in one expression")
            .label("mixes an event with a state")
            .note(self.file, made.span.range(), "this is an event: it speaks of single instants")
            .note(self.file, state.span.range(), "this is a state: it is true over time")
            .help(format!("`filter({own}, {timeline})` is those of its events at which the other holds"));
        self.say(d)
    }

    fn not_a_truth_value(&mut self, span: Span, value: &Lowered) -> Lowered {
        if matches!(value, Lowered::Error) {
            return Lowered::Error;
        }
        if let Lowered::Node { source, id } = value
            && let TimelineKind::Event(ty) = self.kind(*source, *id)
        {
            return self.derived_event(span, ty, "true or false is needed here");
        }
        let found = self.describe(value);
        let own = self.quote(span);
        let d = self
            .diagnostic(codes::TYPE, span, format!("true or false is needed here, this is {found}"))
            .label(format!("expected bool, found {found}"))
            .help(format!("compare it, for example `{own} == ...`"));
        self.say(d)
    }
}

/// A balanced tree, so that a chain of many operands is not deep.
fn balanced(logic: Logic, mut parts: Vec<EventExpr>) -> EventExpr {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(a) = rest.next() {
            next.push(match (rest.next(), logic) {
                (Some(b), Logic::And) => EventExpr::And(Box::new(a), Box::new(b)),
                (Some(b), Logic::Or) => EventExpr::Or(Box::new(a), Box::new(b)),
                (None, _) => a,
            });
        }
        parts = next;
    }
    parts.pop().unwrap_or(EventExpr::Constant(Value::Bool(logic == Logic::And)))
}
