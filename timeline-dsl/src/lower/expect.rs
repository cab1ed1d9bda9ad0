//! What an operator asks of its arguments, and how it says that they are something else.

use super::Lowering;
use super::constant::{self, Misfit};
use super::value::{EventValue, Lowered};
use crate::diagnostics::{Diagnostics, codes};
use crate::habits;
use crate::lexer::lex;
use crate::names::{FunctionLookup, FunctionMeaning, lookup};
use crate::syntax::{Expr, ExprKind, Literal, Span};
use std::rc::Rc;
use timeline_core::plan::{NodeId, Op, TimelineKind};
use timeline_core::{Time, Type};

/// A node and its group of sources.
pub(super) type SourceNode = (usize, NodeId);

impl Lowering<'_> {
    /// The node of an event.
    pub(super) fn event_node(&mut self, event: &Rc<EventValue>, span: Span) -> Option<SourceNode> {
        if let Some(id) = event.node.get() {
            return Some((self.sources[event.source].group, *id));
        }
        match self.add(self.sources[event.source].group, Op::Event(event.expr.clone()), span) {
            Lowered::Node { source, id } => {
                let _ = event.node.set(id);
                Some((source, id))
            }
            _ => None,
        }
    }

    /// An event, for the operator of that name.
    pub(super) fn need_event(&mut self, e: &Expr, operator: &str) -> Option<SourceNode> {
        match self.lower_plain(e) {
            Lowered::Event(event) => self.event_node(&event, e.span),
            Lowered::Node { source, id } if matches!(self.kind(source, id), TimelineKind::Event(_)) => {
                Some((source, id))
            }
            Lowered::Error => None,
            Lowered::Literal(_) => self.constant_as_timeline(e.span),
            node => {
                let found = self.describe(&node);
                let d = self
                    .diagnostic(codes::NEEDS_EVENT, e.span, format!("`{operator}` reads an event, this is {found}"))
                    .label(format!("expected event<...>, found {found}"))
                    .help(match self.inside_latest(e) {
                        Some(event) if matches!(operator, "filter" | "previous" | "is_new") => {
                            format!("did you mean `{operator}({event}, ...)`?")
                        }
                        Some(event) => format!("did you mean `{operator}({event})`?"),
                        None => format!(
                            "a timeline needs no `{operator}`; where a `let` has the name of a column, \
                             `col(\"name\")` is the column"
                        ),
                    });
                self.say(d);
                None
            }
        }
    }

    /// The event that `latest(event)` reads, as it is written.
    fn inside_latest(&self, e: &Expr) -> Option<String> {
        let ExprKind::Call { name, arguments } = &e.kind else { return None };
        let is_latest = matches!(lookup(&name.text), FunctionLookup::Known(FunctionMeaning::Latest));
        arguments.first().filter(|_| is_latest).map(|argument| self.quote(argument.value.span))
    }

    /// An event or a `state<bool>`.
    pub(super) fn need_occurrence(&mut self, e: &Expr, operator: &str, length: Option<&Expr>) -> Option<SourceNode> {
        match self.lower_plain(e) {
            Lowered::Event(event) => self.event_node(&event, e.span),
            Lowered::Node { source, id }
                if matches!(self.kind(source, id), TimelineKind::Event(_) | TimelineKind::State(Type::Bool)) =>
            {
                Some((source, id))
            }
            other => self.not_bool(e, &other, operator, "an event or a state<bool>", length),
        }
    }

    /// A `state<bool>`, for the operator of that name.
    pub(super) fn need_condition(&mut self, e: &Expr, operator: &str) -> Option<SourceNode> {
        match self.lower_plain(e) {
            Lowered::Event(event) => {
                self.event_for_state(e, event.ty, &format!("`{operator}` reads a state<bool>"), "state<bool>");
                None
            }
            Lowered::Node { source, id } => match self.kind(source, id) {
                TimelineKind::State(Type::Bool) => Some((source, id)),
                TimelineKind::Event(ty) => {
                    self.derived_event(e.span, ty, &format!("`{operator}` reads a state<bool>"));
                    None
                }
                _ => self.not_bool(e, &Lowered::Node { source, id }, operator, "a state<bool>", None),
            },
            other => self.not_bool(e, &other, operator, "a state<bool>", None),
        }
    }

    pub(super) fn not_bool(
        &mut self,
        e: &Expr,
        found: &Lowered,
        operator: &str,
        expected: &str,
        length: Option<&Expr>,
    ) -> Option<SourceNode> {
        match found {
            Lowered::Error => None,
            Lowered::Literal(_) => self.constant_as_timeline(e.span),
            _ => {
                let found = self.describe(found);
                let own = self.quote(e.span);
                // The habit of comparing the length instead of the number.
                let help = match length {
                    Some(Expr { kind: ExprKind::Compare(compare, _, right), .. }) => {
                        let right = right.span.text(self.text);
                        format!(
                            "compare the number itself, and give the window as a duration: \
                             did you mean `{operator}({own} {} {right}s, 10s)`?",
                            compare.symbol()
                        )
                    }
                    _ => format!("compare it with something, for example `{own} {}`", example(&found)),
                };
                let d = self
                    .diagnostic(codes::TYPE, e.span, format!("`{operator}` reads {expected}, this is {found}"))
                    .label(format!("expected {expected}, found {found}"))
                    .help(help);
                self.say(d);
                None
            }
        }
    }

    /// A state of any type.
    pub(super) fn need_state(&mut self, e: &Expr, what: &str) -> Option<SourceNode> {
        match self.lower_plain(e) {
            Lowered::Event(event) => {
                self.event_for_state(e, event.ty, &format!("{what} reads a state"), "state<...>");
                None
            }
            Lowered::Node { source, id } => match self.kind(source, id) {
                TimelineKind::State(_) => Some((source, id)),
                TimelineKind::Event(ty) => {
                    self.event_for_state(e, ty, &format!("{what} reads a state"), "state<...>");
                    None
                }
                found => {
                    let d = self
                        .diagnostic(codes::TYPE, e.span, format!("{what} reads a state, this is {found}"))
                        .label(format!("expected state<...>, found {found}"))
                        .help("a comparison such as `... > 5s` makes a state<bool> of a number");
                    self.say(d);
                    None
                }
            },
            Lowered::Literal(_) => self.constant_as_timeline(e.span),
            Lowered::Error | Lowered::Mixed(_) => None,
        }
    }

    /// A constant duration; bare integers are seconds.
    pub(super) fn need_duration(&mut self, e: &Expr, positive: bool) -> Option<Time> {
        let found = self.lower_plain(e);
        let literal = match &found {
            Lowered::Error => return None,
            Lowered::Literal(literal) => literal,
            other => {
                let found = self.describe(other);
                let text = self.quote(e.span);
                // Lengths that the data says are for comparisons.
                let help = match &*found {
                    "event<int>" | "event<float>" => format!(
                        "a length of time is the same for all, as `5s`; one that each event says is compared: \
                         `time_since({text} > 0) < latest({text}) * 1s`"
                    ),
                    "state<int>" | "state<float>" => format!(
                        "a length of time is the same for all, as `5s`; one that the data says is compared: \
                         `time_since(...) < {text} * 1s`"
                    ),
                    _ => "write a length of time, for example `5s`, `500ms` or `1h30m`".to_owned(),
                };
                let d = self
                    .diagnostic(codes::NEEDS_DURATION, e.span, format!("a duration is needed here, this is {found}"))
                    .label(format!("expected a constant duration, found {found}"))
                    .help(help);
                self.say(d);
                return None;
            }
        };
        self.refuse_quotient(e, literal);
        match constant::duration(literal) {
            Ok(d) if d > 0 || (d == 0 && !positive) => Some(d),
            Ok(_) => {
                let message = if positive { "this must be longer than zero" } else { "this must not be negative" };
                self.error(codes::WINDOW, e.span, message, "write a positive duration, for example `5s`");
                None
            }
            Err(misfit) => {
                self.misfit(misfit, e.span, literal, "duration");
                None
            }
        }
    }

    /// An event where a state is needed, with the fix.
    pub(super) fn event_for_state(&mut self, e: &Expr, ty: Type, message: &str, expected: &str) -> Lowered {
        let found = TimelineKind::Event(ty);
        let help = match self.with_latest(e) {
            Some(fixed) => format!("did you mean `{fixed}`?"),
            None => "`latest(...)` around each column makes a state of an event".to_owned(),
        };
        let d = self
            .diagnostic(codes::NEEDS_STATE, e.span, format!("{message}, this is {found}"))
            .label(format!("expected {expected}, found {found}"))
            .help(help);
        self.say(d)
    }

    /// A constant that does not fit, beside something of the type `beside`.
    pub(super) fn misfit(&mut self, misfit: Misfit, span: Span, literal: &Literal, beside: &str) -> Lowered {
        let found = constant::describe(literal);
        match misfit {
            Misfit::Type if beside == "duration" => {
                let d = self
                    .diagnostic(codes::NEEDS_DURATION, span, format!("a duration is needed here, this is {found}"))
                    .label(format!("expected duration, found {found}"))
                    .help("write a length of time, for example `5s`, `500ms` or `1h30m`");
                self.say(d)
            }
            Misfit::Type => {
                let help = "constants have the type of what stands beside them: \"text\", 1.5, 5s, true";
                let d = self
                    .diagnostic(codes::COMPARE, span, format!("{found} does not go with {beside}"))
                    .label(format!("expected {beside}, found {found}"))
                    .help(help);
                self.say(d)
            }
            Misfit::Decimal => {
                let text = self.quote(span);
                let message = "a bare decimal is no duration";
                self.error(codes::NEEDS_DURATION, span, message, format!("write its unit: did you mean `{text}s`?"))
            }
            Misfit::Range => {
                let help = "numerator and denominator of a constant, and nanoseconds of a duration, must fit 64 bits";
                self.error(codes::RANGE, span, "this constant is out of range", help)
            }
            Misfit::Zero => self.error(codes::ZERO, span, "division by zero", "divide by something else"),
        }
    }

    pub(super) fn constant_as_timeline<T>(&mut self, span: Span) -> Option<T> {
        let message = "a constant is no timeline";
        let text = span.text(self.text).trim_matches('"');
        let is_column = self.visible.iter().any(|s| self.sources[*s].columns.contains_key(text));
        let help = if is_column {
            format!("a name stands without quotes: did you mean `{text}`?")
        } else {
            "compare it with a timeline, for example `latest(column) == ...`".to_owned()
        };
        self.error(codes::CONSTANT, span, message, help);
        None
    }

    /// The text at a place, if it is short enough to quote.
    pub(super) fn quote(&self, span: Span) -> String {
        let text = span.text(self.text);
        if text.len() <= 120 && !text.contains('\n') { text.to_owned() } else { "...".to_owned() }
    }

    /// The expression with `latest(...)` around each of its events, if it is short enough to quote.
    pub(super) fn with_latest(&self, e: &Expr) -> Option<String> {
        let text = e.span.text(self.text);
        if text.len() > 120 || text.contains('\n') {
            return None;
        }
        // What is written as other languages do would not compile with it either.
        let tokens = lex(self.file, text, &mut Diagnostics::default());
        if tokens.iter().any(|token| habits::infix(token.span.text(text)).is_some()) {
            return None;
        }
        let mut places = vec![];
        self.event_names(e, &mut places);
        places.sort_by_key(|span| span.range().start);
        let (mut out, mut at) = (String::new(), e.span.range().start);
        for place in places {
            out.push_str(self.text.get(at..place.range().start)?);
            out.push_str(&format!("latest({})", place.text(self.text)));
            at = place.range().end;
        }
        out.push_str(self.text.get(at..e.span.range().end)?);
        (out != text).then_some(out)
    }

    /// The places of names of events outside of calls.
    fn event_names(&self, e: &Expr, places: &mut Vec<Span>) {
        match &e.kind {
            ExprKind::Column(_) => places.push(e.span),
            ExprKind::Call { name, arguments } => match lookup(&name.text) {
                FunctionLookup::Known(FunctionMeaning::Scalar(_)) => {
                    arguments.iter().for_each(|a| self.event_names(&a.value, places));
                }
                FunctionLookup::Known(function) if function.makes_events() => places.push(e.span),
                _ => {}
            },
            ExprKind::Path(path) => {
                let bound = match path.as_slice() {
                    [name] => self.scope.get(&name.text),
                    _ => None,
                };
                if bound.is_none_or(|b| matches!(b.value, Lowered::Event(_))) {
                    places.push(e.span);
                }
            }
            ExprKind::Not(a) | ExprKind::Negate(a) => self.event_names(a, places),
            ExprKind::Logic(_, all) => all.iter().for_each(|a| self.event_names(a, places)),
            ExprKind::In(a, _) => self.event_names(a, places),
            ExprKind::Compare(_, a, b) => {
                self.event_names(a, places);
                self.event_names(b, places);
            }
            ExprKind::Arithmetic(a, rest) => {
                self.event_names(a, places);
                rest.iter().for_each(|(_, a)| self.event_names(a, places));
            }
            _ => {}
        }
    }
}

fn example(found: &str) -> &'static str {
    match found {
        "duration" => "> 5s",
        "state<string>" => "== \"value\"",
        _ => "> 5",
    }
}
