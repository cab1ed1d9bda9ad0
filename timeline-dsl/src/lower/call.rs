//! Calls of operators.

use super::Lowering;
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::habits;
use crate::names::{FunctionLookup, FunctionMeaning, lookup, near};
use crate::simple::{Simple, SimpleInput};
use crate::syntax::{Expr, ExprKind, Literal, Logic, Name, Span, SyntaxArgument};
use timeline_core::plan::{NodeId, Op, TimelineKind};

impl Lowering<'_> {
    pub(super) fn call(&mut self, span: Span, name: &Name, arguments: &[SyntaxArgument]) -> Lowered {
        if let Some(done) = self.user_call(span, name, arguments) {
            return done;
        }
        let function = match lookup(&name.text) {
            FunctionLookup::Known(function) => function,
            FunctionLookup::Aggregate(own) => {
                let message = format!("`{own}` is no operator of events");
                let x = arguments.first().map_or("x".to_owned(), |a| self.quote(a.value.span));
                let help = format!(
                    "did you mean `sum({x}) / count({x})`? `time_weighted_avg(latest({x}))` weighs each value by the time for \
                     which it held, and `| aggregate({own})` is the mean over sessions"
                );
                return self.error(codes::NO_EVENTS, name.span, message, help);
            }
            FunctionLookup::Unknown => return self.unknown_function(name),
        };
        for argument in arguments {
            if let Some(word) = &argument.word
                && !(function == FunctionMeaning::Latest && word.text == "ttl")
                && !(matches!(function, FunctionMeaning::IsNew | FunctionMeaning::Concurrency) && word.text == "cap")
                && !(matches!(function, FunctionMeaning::Integral | FunctionMeaning::TimeWeightedAvg)
                    && word.text == "where")
            {
                let message = format!("`{}` takes no `{}`", name.text, word.text);
                let help = "`ttl D` belongs to `latest`, `where b` to `integral` and `time_weighted_avg`, `cap N` to \
                            `is_new`, `concurrency` and `split by`";
                return self.error(codes::ARGUMENTS, word.span, message, help);
            }
        }
        if let (FunctionMeaning::IsNew | FunctionMeaning::Concurrency, [_, cap]) = (function, arguments)
            && cap.word.is_none()
        {
            return self.bare_cap(name, function, &cap.value);
        }
        let values: Vec<&Expr> = arguments.iter().map(|a| &a.value).collect();
        if let Some(done) = self.event_call(span, function, &values) {
            return done;
        }
        match (function, values.as_slice()) {
            (FunctionMeaning::Latest, [e]) if arguments[0].word.is_none() => self.latest(span, e, None),
            (FunctionMeaning::Latest, [e, ttl]) if arguments[0].word.is_none() => {
                if arguments[1].word.is_none() {
                    let message = "the second argument of `latest` is its time to live";
                    let help = format!("did you mean `ttl {}`?", self.quote(ttl.span));
                    return self.error(codes::ARGUMENTS, ttl.span, message, help);
                }
                self.latest(span, e, Some(ttl))
            }
            (FunctionMeaning::HasExistedWithin, [p, d]) => {
                let occurrence = self.need_occurrence(p, "has_existed_within", Some(d));
                let window = self.need_duration(d, true);
                match (occurrence, window) {
                    (Some((source, of)), Some(window)) => self.add(source, Op::HasExistedWithin { of, window }, span),
                    _ => Lowered::Error,
                }
            }
            (FunctionMeaning::KeepTrueFor, [b, d]) => {
                let condition = self.need_occurrence(b, "keep_true_for", None);
                let window = self.need_duration(d, true);
                match (condition, window) {
                    (Some((source, of)), Some(window)) => self.add(source, Op::HasExistedWithin { of, window }, span),
                    _ => Lowered::Error,
                }
            }
            (FunctionMeaning::Simple(simple), [x, length]) if simple.names == ["delayed"] => {
                self.delayed(span, x, length)
            }
            (FunctionMeaning::Simple(simple), values) if values.len() == simple.takes.len() => {
                self.simple(span, simple, values)
            }
            (FunctionMeaning::Concurrency, [b]) => self.concurrency(span, b, None),
            (FunctionMeaning::Concurrency, [b, cap]) => self.concurrency(span, b, Some(cap)),
            (FunctionMeaning::Linear, [x]) => self.line_alone(span, x),
            (FunctionMeaning::Integral, [x]) => self.integral(span, x, None),
            (FunctionMeaning::Integral, [x, b]) if arguments[1].word.is_some() => self.integral(span, x, Some(b)),
            (FunctionMeaning::TimeWeightedAvg, [x]) => self.time_weighted_avg(span, x, None),
            (FunctionMeaning::TimeWeightedAvg, [x, b]) if arguments[1].word.is_some() => {
                self.time_weighted_avg(span, x, Some(b))
            }
            (FunctionMeaning::Scalar(f), [_, ..]) => self.scalar(span, f, &values),
            (FunctionMeaning::If, [c, a, b]) => self.choose(span, c, a, b),
            (FunctionMeaning::Coalesce, [_, _, ..]) => self.coalesce(span, &values),
            (FunctionMeaning::Exists, [x]) => self.exists(span, x),
            (FunctionMeaning::Compare(compare), [a, b]) => self.compare(span, compare, a, b),
            (FunctionMeaning::And, [_, _, ..]) => self.logic(span, Logic::And, values.iter().copied()),
            (FunctionMeaning::Or, [_, _, ..]) => self.logic(span, Logic::Or, values.iter().copied()),
            (FunctionMeaning::Not, [a]) => self.not(span, a),
            _ => self.wrong_arguments(span, name, function, &values),
        }
    }

    /// A second argument where only `cap N` can stand.
    fn bare_cap(&mut self, name: &Name, function: FunctionMeaning, e: &Expr) -> Lowered {
        let own = self.quote(e.span);
        let fits = matches!(&e.kind, ExprKind::Literal(Literal::Number(n))
            if n.exact.and_then(|x| x.parts()).is_some_and(|(n, d)| d == 1 && (1..=Op::MAX_REMEMBERED.into()).contains(&n)));
        let help = if fits {
            format!("did you mean `cap {own}`?")
        } else {
            format!(
                "write {}: the cap is how many are remembered for each session, from 1 to {}",
                form(function),
                Op::MAX_REMEMBERED
            )
        };
        self.error(codes::ARGUMENTS, e.span, format!("the second argument of `{}` is its cap", name.text), help)
    }

    fn wrong_arguments(&mut self, span: Span, name: &Name, function: FunctionMeaning, values: &[&Expr]) -> Lowered {
        // What is wrong inside is closer to the cause.
        if values.iter().filter(|e| matches!(self.lower(e), Lowered::Error)).count() > 0 {
            return Lowered::Error;
        }
        let is_number = matches!(function.name(), "duration_in_cur_state" | "duration_where");
        let help = match values {
            // The first implementation's habit.
            [of, Expr { kind: ExprKind::Compare(compare, _, right), .. }] if is_number => format!(
                "compare the result, not an argument: did you mean `{}({}) {} {}`?",
                function.name(),
                self.quote(of.span),
                compare.symbol(),
                self.quote(right.span)
            ),
            _ => format!("write {}", form(function)),
        };
        self.error(codes::ARGUMENTS, span, format!("`{}` does not take these arguments", name.text), help)
    }

    /// An operator that is nothing but a call.
    fn simple(&mut self, span: Span, simple: &Simple, values: &[&Expr]) -> Lowered {
        let name = simple.names[0];
        let (mut places, mut lengths, mut is_whole) = (vec![], vec![], true);
        for (takes, e) in simple.takes.iter().zip(values) {
            let place = match takes {
                SimpleInput::Condition => self.need_condition(e, name),
                SimpleInput::State => self.need_state(e, &format!("`{name}`")),
                SimpleInput::Occurrence => self.need_occurrence(e, name, None),
                SimpleInput::Matches => self.need_matches(e, name),
                SimpleInput::Length => {
                    let length = self.need_duration(e, true);
                    is_whole &= length.is_some();
                    lengths.extend(length);
                    continue;
                }
            };
            is_whole &= place.is_some();
            places.extend(place.map(|place| (place, e.span)));
        }
        if !is_whole {
            return Lowered::Error;
        }
        let mut noted = None;
        if !places.iter().all(|((source, _), span)| self.same_source(&mut noted, *source, *span)) {
            return Lowered::Error;
        }
        let of: Vec<NodeId> = places.iter().map(|((_, id), _)| *id).collect();
        match noted {
            Some(source) => self.add(source, (simple.makes)(&of, &lengths), span),
            None => Lowered::Error,
        }
    }

    /// `delayed(x, D)`, of a state, a number or both sides of a ratio.
    fn delayed(&mut self, span: Span, e: &Expr, length: &Expr) -> Lowered {
        let value = self.lower_plain(e);
        let length = self.need_duration(length, true);
        let (source, of) = match &value {
            Lowered::Node { source, id } => (*source, *id),
            Lowered::Event(event) => {
                return self.event_for_state(e, event.ty, "`delayed` reads a state or a number", "state or number");
            }
            Lowered::Literal(_) => return self.constant_as_timeline(e.span).unwrap_or(Lowered::Error),
            Lowered::Mixed(_) | Lowered::Error => return Lowered::Error,
        };
        let Some(length) = length else { return Lowered::Error };
        match self.kind(source, of) {
            TimelineKind::Event(ty) => {
                self.event_for_state(e, ty, "`delayed` reads a state or a number", "state or number")
            }
            TimelineKind::State(_) => self.add(source, Op::Delayed { of, length }, span),
            TimelineKind::Number(_) => self.add(source, Op::DelayedNumber { of, length }, span),
            TimelineKind::Ratio(_) => {
                let Some((n, d)) = self.ratio_sides(source, of) else { return Lowered::Error };
                // A constant has been what it is before the session, too.
                let mut side = |of: NodeId| match self.facts(source, of).constant {
                    true => Some(of),
                    false => self.node(source, Op::DelayedNumber { of, length }, span),
                };
                match (side(n), side(d)) {
                    (Some(numerator), Some(denominator)) => {
                        self.add(source, Op::Ratio { numerator, denominator }, span)
                    }
                    _ => Lowered::Error,
                }
            }
        }
    }

    fn latest(&mut self, span: Span, e: &Expr, ttl: Option<&Expr>) -> Lowered {
        let event = self.need_event(e, "latest");
        let ttl = match ttl {
            Some(e) => match self.need_duration(e, true) {
                Some(d) => Some(d),
                None => return Lowered::Error,
            },
            None => None,
        };
        match event {
            Some((source, of)) => self.gather(span, source, of, Op::Latest { of, ttl }),
            None => Lowered::Error,
        }
    }

    fn unknown_function(&mut self, name: &Name) -> Lowered {
        if let Some(binding) = self.scope.get(&name.text) {
            let message = format!("`{}` is a {}, and takes no arguments", name.text, binding.what);
            let help = format!("write `{}` without parentheses", name.text);
            return self.error(codes::UNKNOWN_FUNCTION, name.span, message, help);
        }
        let near = if self.sink.is_full() { None } else { near(&name.text) };
        let help = match near {
            _ if habits::function(&name.text).is_some() => habits::function(&name.text).unwrap_or_default().to_owned(),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the operators are {}", FunctionMeaning::list()),
        };
        self.error(codes::UNKNOWN_FUNCTION, name.span, format!("no operator is called `{}`", name.text), help)
    }
}

fn form(function: FunctionMeaning) -> String {
    let name = function.name();
    match function {
        FunctionMeaning::Latest => "`latest(EVENT)` or `latest(EVENT, ttl DURATION)`".into(),
        FunctionMeaning::Simple(simple) => simple.form.into(),
        FunctionMeaning::HasExistedWithin => "`has_existed_within(EVENT_OR_STATE, DURATION)`".into(),
        FunctionMeaning::KeepTrueFor => format!("`{name}(STATE, DURATION)`"),
        FunctionMeaning::Integral | FunctionMeaning::TimeWeightedAvg => {
            format!("`{name}(NUMBER)` or `{name}(NUMBER, where STATE)`")
        }
        FunctionMeaning::Linear => "`integral(linear(EVENT))` or `time_weighted_avg(linear(EVENT))`".into(),
        FunctionMeaning::Scalar(f) => format!("`{}(...)`", f.name()),
        FunctionMeaning::If => "`if(STATE, a, b)`".into(),
        FunctionMeaning::Coalesce => "`coalesce(a, b, ...)`".into(),
        FunctionMeaning::Exists => "`exists(COLUMN)` or `exists(STATE_OR_NUMBER)`".into(),
        FunctionMeaning::During => "`during(\"09:00-17:30\", mon..fri, in \"Europe/Berlin\")`".into(),
        FunctionMeaning::Concurrency => "`concurrency(STATE)` or `concurrency(STATE, cap 100)`".into(),
        FunctionMeaning::At => "`at(EVENT, VALUE)`".into(),
        FunctionMeaning::Filter => "`filter(EVENT, CONDITION)`".into(),
        FunctionMeaning::First | FunctionMeaning::Sum | FunctionMeaning::Min | FunctionMeaning::Max => {
            format!("`{name}(EVENT)`")
        }
        FunctionMeaning::Previous => "`previous(EVENT, 1)`".into(),
        FunctionMeaning::IsNew => "`is_new(EVENT, cap 100)`".into(),
        FunctionMeaning::Compare(compare) => format!("`a {} b`", compare.symbol()),
        FunctionMeaning::And => "`a && b`".into(),
        FunctionMeaning::Or => "`a || b`".into(),
        FunctionMeaning::Not => "`!a`".into(),
    }
}
