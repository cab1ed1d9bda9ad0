//! `concurrency`, `integral`, `time_weighted_avg` and `scope by`.

use super::Lowering;
use super::expect::SourceNode;
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::names::{FunctionLookup, FunctionMeaning, lookup};
use crate::syntax::{Expr, ExprKind, Span};
use timeline_core::Type;
use timeline_core::plan::{Compare, NodeId, Op, TimelineKind, Unit};

/// What is made of straight lines.
struct LineOperands {
    source: usize,
    /// The state of the last value.
    last: NodeId,
    /// Under which condition they count.
    over: Option<NodeId>,
    area: NodeId,
}

impl Lowering<'_> {
    /// `concurrency(b)` and `concurrency(b, cap N)`.
    pub(super) fn concurrency(&mut self, span: Span, e: &Expr, cap: Option<&Expr>) -> Lowered {
        let condition = self.need_condition(e, "concurrency");
        let cap = match cap {
            None => Some(Op::USUALLY_REMEMBERED),
            Some(cap) => self.need_cap(cap, "the turns of so many true spans are kept: `concurrency(b, cap 100)`"),
        };
        match (condition, cap) {
            (Some((source, of)), Some(cap)) => self.add(source, Op::Concurrency { of, cap }, span),
            _ => Lowered::Error,
        }
    }

    /// `integral(x)` and `integral(x, where b)`.
    pub(super) fn integral(&mut self, span: Span, e: &Expr, over: Option<&Expr>) -> Lowered {
        if let Some(x) = line(e) {
            let lines = self.lines(span, x, over, "integral");
            return lines.map_or(Lowered::Error, |lines| Lowered::Node { source: lines.source, id: lines.area });
        }
        match self.integrand(e, over, "integral") {
            Some(((source, of), over)) => self.add(source, Op::Integral { of, over }, span),
            None => Lowered::Error,
        }
    }

    /// The mean over the time with a value: `integral(x, where b) / duration_where(x == x && b)`.
    pub(super) fn time_weighted_avg(&mut self, span: Span, e: &Expr, over: Option<&Expr>) -> Lowered {
        if let Some(x) = line(e) {
            let Some(LineOperands { source, last, over, area }) = self.lines(span, x, over, "time_weighted_avg") else {
                return Lowered::Error;
            };
            let present = Op::CompareStates { compare: Compare::Eq, left: last, right: last };
            return self.mean(span, source, area, present, over);
        }
        let Some(((source, of), over)) = self.integrand(e, over, "time_weighted_avg") else { return Lowered::Error };
        // What equals itself has a value.
        let present = match *self.op(source, of) {
            Op::NumberOf(state) => Op::CompareStates { compare: Compare::Eq, left: state, right: state },
            _ => Op::CompareNumbers { compare: Compare::Eq, left: of, right: of },
        };
        match self.node(source, Op::Integral { of, over }, span) {
            Some(area) => self.mean(span, source, area, present, over),
            None => Lowered::Error,
        }
    }

    /// An area over the time for which there is a value and a condition holds.
    fn mean(&mut self, span: Span, source: usize, numerator: NodeId, present: Op, over: Option<NodeId>) -> Lowered {
        let ratio = (|| {
            let mut counts = self.node(source, present, span)?;
            if let Some(over) = over {
                counts = self.node(source, Op::And(counts, over), span)?;
            }
            let denominator = self.node(source, Op::DurationWhere { of: counts }, span)?;
            self.node(source, Op::Ratio { numerator, denominator }, span)
        })();
        ratio.map_or(Lowered::Error, |id| Lowered::Node { source, id })
    }

    /// The area under the lines that join the values of an event, with the state of its last value and the condition under
    /// which it counts: steps, and what the lines that have ended enclose beyond them.
    fn lines(&mut self, span: Span, e: &Expr, over: Option<&Expr>, operator: &str) -> Option<LineOperands> {
        let event = self.need_numeric(e, "linear");
        let over = over.map(|over| (over, self.need_condition(over, operator)));
        let (source, of) = event?;
        let mut condition = None;
        if let Some((place, over)) = over {
            let (other, over) = over?;
            let mut noted = Some(source);
            self.same_source(&mut noted, other, place.span).then_some(())?;
            condition = Some(over);
        }
        if let Some(name) = self.facts(source, of).carries.name() {
            let message = format!("`linear` reads plain numbers, this is event<{name}>");
            self.error(
                codes::TYPE,
                e.span,
                message,
                "divide by a unit where they are made: `at(event, duration / 1s)`",
            );
            return None;
        }
        let last = self.node(source, Op::Latest { of, ttl: None }, span)?;
        let value = self.node(source, Op::NumberOf(last), span)?;
        let steps = self.node(source, Op::Integral { of: value, over: condition }, span)?;
        let slant = self.node(source, Op::Slant { of, over: condition }, span)?;
        let area = self.node(source, Op::Add(steps, slant), span)?;
        Some(LineOperands { source, last, over: condition, area })
    }

    /// `linear(x)` where no area is asked for.
    pub(super) fn line_alone(&mut self, span: Span, e: &Expr) -> Lowered {
        if self.need_numeric(e, "linear").is_none() {
            return Lowered::Error;
        }
        let own = self.quote(e.span);
        let message = "a line between two values is known only when the second one has come";
        let help = format!(
            "`integral(linear({own}))` and `time_weighted_avg(linear({own}))` put that right when it comes; what is known at each \
             instant is `latest({own})`"
        );
        self.error(codes::LINE, span, message, help)
    }

    /// A plain number that stands still between changes, and the condition under which it counts.
    fn integrand(&mut self, e: &Expr, over: Option<&Expr>, operator: &str) -> Option<(SourceNode, Option<NodeId>)> {
        let number = self.plain_number(e, operator);
        let over = over.map(|over| (over, self.need_condition(over, operator)));
        let (source, of) = number?;
        let Some((place, over)) = over else { return Some(((source, of), None)) };
        let (other, over) = over?;
        let mut noted = Some(source);
        self.same_source(&mut noted, other, place.span).then_some(((source, of), Some(over)))
    }

    fn plain_number(&mut self, e: &Expr, operator: &str) -> Option<SourceNode> {
        let value = self.lower_plain(e);
        let (source, id) = match &value {
            Lowered::Event(event) => {
                self.event_for_state(e, event.ty, &format!("`{operator}` reads a number"), "number");
                return None;
            }
            Lowered::Literal(_) => return self.constant_as_timeline(e.span),
            Lowered::Error | Lowered::Mixed(_) => return None,
            Lowered::Node { source, id } => (*source, *id),
        };
        if self.facts(source, id).moves {
            let message = format!("`{operator}` of a number that moves by itself");
            let d = self
                .diagnostic(codes::QUADRATIC, e.span, message)
                .label("its area is no straight line")
                .help("it reads numbers that change in steps, such as `latest(power)`");
            self.say(d);
            return None;
        }
        match self.as_number(source, id, e.span) {
            Some((id, Unit::Int | Unit::Float)) => Some((source, id)),
            _ => {
                let (found, own) = (self.describe(&value), self.quote(e.span));
                let help = match self.kind(source, id) {
                    TimelineKind::State(Type::Bool) => format!("did you mean `duration_where({own})`?"),
                    _ => "it reads plain numbers and numeric states, such as `latest(power)`".to_owned(),
                };
                let d = self
                    .diagnostic(codes::TYPE, e.span, format!("`{operator}` reads a plain number, this is {found}"))
                    .label(format!("expected number, found {found}"))
                    .help(help);
                self.say(d);
                None
            }
        }
    }

    /// `x scope by s`.
    pub(super) fn scope_by(&mut self, span: Span, of: &Expr, by: &Expr) -> Lowered {
        let value = self.lower_plain(of);
        let by_place = self.need_state(by, "`scope by`");
        let (source, id) = match value {
            Lowered::Node { source, id } => (source, id),
            Lowered::Error => return Lowered::Error,
            other => return self.not_cumulative(of.span, &other, "scope by"),
        };
        let Some((other, by_node)) = by_place else { return Lowered::Error };
        let mut noted = Some(source);
        if !self.same_source(&mut noted, other, by.span) {
            return Lowered::Error;
        }
        self.over_cumulative(span, of.span, (source, id), "scope by", |of| Op::Scope { of, by: by_node })
    }
}

/// What `linear` reads, if the expression is a call of it.
fn line(e: &Expr) -> Option<&Expr> {
    let ExprKind::Call { name, arguments } = &e.kind else { return None };
    match (lookup(&name.text), arguments.as_slice()) {
        (FunctionLookup::Known(FunctionMeaning::Linear), [x]) => Some(&x.value),
        _ => None,
    }
}
