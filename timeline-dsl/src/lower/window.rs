//! `over last` and `split by`.

use super::Lowering;
use super::value::Lowered;
use crate::diagnostics::{Severity, codes};
use crate::names::{FunctionLookup, FunctionMeaning, lookup};
use crate::syntax::{Dimension, EveryClause, Expr, ExprKind, Span, WindowLength};
use crate::tables::is_table_column;
use timeline_core::plan::{CalendarUnit, Every, NodeId, Op, RatioUnit, TimelineKind, Unit};
use timeline_core::{SECOND, Time, Type};

/// The most dimensions of a split, and keys of a group.
const MAX_DIMENSIONS: usize = 64;

impl Lowering<'_> {
    pub(super) fn over_last(&mut self, span: Span, of: &Expr, window: &Expr) -> Lowered {
        if let Some((greatest, x)) = extreme(of) {
            return self.extreme_over_last(span, greatest, x, window);
        }
        let value = self.lower_plain(of);
        let length = self.need_duration(window, true);
        if let Some(length) = length {
            self.warn_of_calculated("over last", window, length);
        }
        let (source, id) = match value {
            Lowered::Node { source, id } => (source, id),
            Lowered::Error => return Lowered::Error,
            other => return self.not_cumulative(of.span, &other, "over last"),
        };
        let Some(window) = length else { return Lowered::Error };
        self.over_cumulative(span, of.span, (source, id), "over last", |of| Op::OverLast { of, window })
    }

    /// `max(x) over last D`: of what holds over time, for events have no value where the window begins.
    fn extreme_over_last(&mut self, span: Span, greatest: bool, x: &Expr, window: &Expr) -> Lowered {
        let name = if greatest { "max" } else { "min" };
        let value = self.lower_plain(x);
        let length = self.need_duration(window, true);
        if let Some(length) = length {
            self.warn_of_calculated("over last", window, length);
        }
        let what = format!("`{name}(...) over last` reads a state or a number");
        let (source, id) = match &value {
            Lowered::Node { source, id } => (*source, *id),
            Lowered::Event(event) => return self.event_for_state(x, event.ty, &what, "state or number"),
            Lowered::Literal(_) => return self.constant_as_timeline(x.span).unwrap_or(Lowered::Error),
            Lowered::Mixed(_) | Lowered::Error => return Lowered::Error,
        };
        let kind = self.kind(source, id);
        if let TimelineKind::Event(ty) = kind {
            return self.event_for_state(x, ty, &what, "state or number");
        }
        if self.facts(source, id).moves {
            let message = format!("`{name}(...) over last` of a number that moves by itself");
            let d = self
                .diagnostic(codes::QUADRATIC, x.span, message)
                .label("it has another value at every instant")
                .help("it reads states, and numbers that change in steps, such as `latest(x)` and `count(p)`");
            return self.say(d);
        }
        if !kind.sampled().is_some_and(Type::is_numeric) {
            let help = match kind {
                TimelineKind::State(Type::Bool) => {
                    format!("did you mean `has_existed_within({}, D)`?", self.quote(x.span))
                }
                _ => "it reads numeric states, and numbers that change in steps, such as `latest(x)`".to_owned(),
            };
            let d = self
                .diagnostic(codes::TYPE, x.span, format!("`{name}(...) over last` reads numbers, this is {kind}"))
                .label(format!("expected state<float>, state<int> or number, found {kind}"))
                .help(help);
            return self.say(d);
        }
        let Some(window) = length else { return Lowered::Error };
        // A state that was read as a number is as good as it was.
        let of = if let Op::NumberOf(of) = *self.op(source, id) { of } else { id };
        match (self.add(source, Op::ExtremeOverLast { of, window, greatest }, span), kind) {
            (
                Lowered::Node { source, id },
                TimelineKind::Number(Unit::Duration) | TimelineKind::Ratio(RatioUnit::Duration),
            ) => self.add(source, Op::DurationOf(id), span),
            (Lowered::Node { source, id }, TimelineKind::Number(Unit::Instant)) => {
                self.add(source, Op::InstantOf(id), span)
            }
            (other, _) => other,
        }
    }

    /// An operator of a cumulative number, which is what the clause needs.
    pub(super) fn over_cumulative(
        &mut self,
        span: Span,
        place: Span,
        (source, id): (usize, NodeId),
        clause: &str,
        op: impl Fn(NodeId) -> Op,
    ) -> Lowered {
        if self.facts(source, id).cumulative {
            return self.add(source, op(id), span);
        }
        // A multiple by a decimal is a ratio over a constant: its window is that of what stands above.
        if let Op::Ratio { numerator, denominator } = *self.op(source, id)
            && self.facts(source, numerator).cumulative
            && self.facts(source, denominator).constant
        {
            return match self.node(source, op(numerator), span) {
                Some(numerator) => self.add(source, Op::Ratio { numerator, denominator }, span),
                None => Lowered::Error,
            };
        }
        self.not_cumulative(place, &Lowered::Node { source, id }, clause)
    }

    /// The split of a metric, over a timeline: its node, and the names of the dimensions.
    pub(super) fn split(
        &mut self,
        span: Span,
        (of, value): (&Expr, Lowered),
        dimensions: &[Dimension],
        cap: Option<&Expr>,
    ) -> Option<(NodeId, Vec<String>)> {
        let is_window = |d: &Dimension| matches!(d.value.kind, ExprKind::Every(_));
        let clause = if dimensions.iter().all(is_window) { "every" } else { "split by" };
        if self.too_many_dimensions(span, dimensions) {
            return None;
        }
        let mut names: Vec<String> = vec![];
        let mut by = vec![];
        let mut source = match &value {
            Lowered::Node { source, .. } => Some(*source),
            _ => None,
        };
        for dimension in dimensions {
            let state = match (&dimension.value.kind, source) {
                (ExprKind::Every(length), source) => self.windows(source, length, dimension.value.span),
                _ => self.need_state(&dimension.value, "`split by`"),
            };
            let name = self.dimension_name(dimension, &names);
            if let (Some((s, id)), Some(name)) = (state, name)
                && self.same_source(&mut source, s, dimension.value.span)
            {
                self.refuse_reserved(dimension, &name);
                by.push(id);
                names.push(name);
            }
        }
        let (source, id) = match value {
            Lowered::Node { source, id } => (source, id),
            Lowered::Error => return None,
            ref other => {
                self.not_cumulative(of.span, other, clause);
                return None;
            }
        };
        if !self.can_be_split(source, id) {
            self.not_cumulative(of.span, &value, clause);
            return None;
        }
        let cap = match cap {
            None => Op::USUALLY_REMEMBERED,
            Some(cap) => {
                let said = self.need_cap(cap, "so many values have a share of their own: `x split by s cap 100`")?;
                if dimensions.iter().all(is_window) {
                    self.warn_of_cap(cap.span);
                    Op::USUALLY_REMEMBERED
                } else {
                    said
                }
            }
        };
        if by.len() < dimensions.len() {
            return None;
        }
        let root = self.node(source, Op::Split { of: id, by, cap }, span)?;
        Some((root, names))
    }

    /// Says that windows alone need no bound: the one that is open is all that there is.
    pub(super) fn warn_of_cap(&mut self, span: Span) {
        let message = "a cap does nothing behind `every` alone: each window is told when it is over";
        let help = "leave it out; with `split by` it bounds the values of each window";
        let mut d = self.diagnostic(codes::CAP_OF_WINDOWS, span, message).help(help);
        d.severity = Severity::Warning;
        self.say(d);
    }

    /// The windows of `every`.
    fn windows(&mut self, source: Option<usize>, clause: &EveryClause, span: Span) -> Option<(usize, NodeId)> {
        let every = self.every(clause, span)?;
        let source = source?;
        Some((source, self.node(source, Op::Every(every), span)?))
    }

    pub(super) fn every(&mut self, clause: &EveryClause, span: Span) -> Option<Every> {
        let zone = match &clause.zone {
            None => None,
            // UTC is the usual one, and nobody needs to ask.
            Some(zone) => Some(self.zone(zone)?.0).filter(|name| name != "UTC"),
        };
        let unit = match &clause.length {
            WindowLength::Calendar(1, unit, _) => *unit,
            WindowLength::Calendar(count, unit, place) => {
                let one = match unit {
                    CalendarUnit::Week => "w",
                    _ => "mo",
                };
                self.no_window(*place, &format!("there are no windows of {count}{one}"));
                return None;
            }
            WindowLength::Time(length) => {
                let (place, written) = (length.span, length);
                let length = self.need_duration(written, true)?;
                self.warn_of_calculated("every", written, length);
                match self.unit_of(length, zone.is_some(), (place, span))? {
                    Some(unit) => unit,
                    None => {
                        let offset = self.offset(clause.offset.as_ref(), length)?;
                        return Some(Every::Length { length, offset });
                    }
                }
            }
        };
        let offset = self.offset(clause.offset.as_ref(), unit.shortest())?;
        Some(Every::Calendar { unit, zone: zone.map(Into::into), offset })
    }

    /// The unit of the calendar that a length of time stands for; none where it is just a length.
    fn unit_of(&mut self, length: Time, in_zone: bool, (place, span): (Span, Span)) -> Option<Option<CalendarUnit>> {
        const HOUR: Time = 3600 * SECOND;
        if length < SECOND {
            let message = "a window of `every` is at least a second long";
            self.error(codes::WINDOW, span, message, "there is a row for each window; write `every 1s` or longer");
            return None;
        }
        let hours = if length % HOUR == 0 { length / HOUR } else { 0 };
        if in_zone {
            return match hours {
                24 => Some(Some(CalendarUnit::Day)),
                1..24 if 24 % hours == 0 => Some(Some(CalendarUnit::Hours(hours as u8))),
                _ => {
                    self.no_window(place, "a time zone has no such windows");
                    None
                }
            };
        }
        if hours == 7 * 24 {
            let message = "windows of 7d begin on Thursdays, as 1970 did";
            let help = "weeks from Monday are `every 1w`; with `offset` they begin on another day";
            let mut d = self.diagnostic(codes::SEVEN_DAYS, place, message).help(help);
            d.severity = Severity::Warning;
            self.say(d);
        } else if hours > 24 || (hours > 0 && 24 % hours != 0) {
            // It has windows all the same: what was deployed before goes on.
            self.no_window(place, "windows of so many hours fit no day");
        }
        Some(None)
    }

    fn no_window(&mut self, place: Span, message: &str) {
        let help = "windows of the calendar are `1h`, `2h`, `3h`, `4h`, `6h`, `8h`, `12h`, `1d`, `1w` and `1mo`";
        self.error(codes::CALENDAR, place, message, help);
    }

    /// How long after their usual beginning windows begin, if less than they are long.
    fn offset(&mut self, offset: Option<&Expr>, shortest: Time) -> Option<Time> {
        let Some(said) = offset else { return Some(0) };
        let offset = self.need_duration(said, false)?;
        if (0..shortest).contains(&offset) {
            return Some(offset);
        }
        let message = "an offset is shorter than the window";
        self.error(codes::WINDOW, said.span, message, "it says how long after its usual beginning a window begins");
        None
    }

    /// Says so where a split or a group has more keys than anyone could read.
    pub(super) fn too_many_dimensions(&mut self, span: Span, dimensions: &[Dimension]) -> bool {
        let too_many = dimensions.len() > MAX_DIMENSIONS;
        if too_many {
            let message = format!("more than {MAX_DIMENSIONS} dimensions");
            self.error(codes::TOO_LARGE, span, message, "split by fewer states");
        }
        too_many
    }

    fn can_be_split(&self, source: usize, id: NodeId) -> bool {
        match *self.op(source, id) {
            Op::OverLast { .. } | Op::Concurrency { .. } => true,
            Op::Ratio { numerator, denominator } => {
                self.facts(source, numerator).cumulative && self.facts(source, denominator).cumulative
            }
            _ => self.facts(source, id).cumulative,
        }
    }

    /// The name given, or the only name in `latest(name)` or `name`.
    pub(super) fn dimension_name(&mut self, dimension: &Dimension, taken: &[String]) -> Option<String> {
        let span = dimension.value.span;
        let name = match (&dimension.name, &dimension.value.kind) {
            (Some(name), _) => Some(name.text.clone()),
            (None, ExprKind::Call { arguments, .. }) => match arguments.first().map(|a| &a.value) {
                Some(of) if self.is_latest(&dimension.value) => {
                    Dimension { value: of.clone(), name: None }.bare_name().map(|n| n.text.clone())
                }
                _ => None,
            },
            (None, _) => dimension.bare_name().map(|n| n.text.clone()),
        };
        let Some(name) = name else {
            let own = self.quote(span);
            let help = format!("did you mean `{own} as NAME`?");
            self.error(codes::DIMENSION, span, "this dimension has no name", help);
            return None;
        };
        if taken.contains(&name) {
            let help = format!("name one of them with `as`: `{} as other_{name}`", self.quote(span));
            self.error(codes::DIMENSION, span, format!("two dimensions are called `{name}`"), help);
            return None;
        }
        Some(name)
    }

    /// Says so where a dimension is called like a column that the tables of results have themselves. It is a dimension all
    /// the same: a processor goes on with programs that were deployed before this was refused.
    pub(super) fn refuse_reserved(&mut self, dimension: &Dimension, name: &str) {
        // The windows of `every` are a column of the tables and a dimension at once.
        if !is_table_column(name) || matches!(dimension.value.kind, ExprKind::Every(_)) {
            return;
        }
        let span = dimension.name.as_ref().map_or(dimension.value.span, |name| name.span);
        let value = match dimension.bare_name() {
            Some(column) => format!("latest({})", column.text),
            None => self.quote(dimension.value.span),
        };
        let message = format!("a dimension cannot be called `{name}`: the tables of results have such a column");
        self.error(codes::RESERVED, span, message, format!("give it another name: `{value} as my_{name}`"));
    }

    /// Whether the expression is a call of `latest`, in whatever spelling.
    fn is_latest(&self, e: &Expr) -> bool {
        matches!(&e.kind, ExprKind::Call { name, .. }
            if matches!(lookup(&name.text), FunctionLookup::Known(FunctionMeaning::Latest)))
    }

    pub(super) fn not_cumulative(&mut self, span: Span, value: &Lowered, clause: &str) -> Lowered {
        if matches!(value, Lowered::Error) {
            return Lowered::Error;
        }
        let found = self.describe(value);
        let own = self.quote(span);
        let (ratio, by_constant) = match value {
            Lowered::Node { source, id } => match *self.op(*source, *id) {
                Op::Ratio { denominator, .. } => (true, self.facts(*source, denominator).constant),
                _ => (false, false),
            },
            _ => (false, false),
        };
        let is_bool = matches!(value, Lowered::Node { source, id }
            if self.kind(*source, *id) == TimelineKind::State(Type::Bool));
        let at_once = matches!(value, Lowered::Node { source, id }
            if matches!(self.op(*source, *id), Op::Concurrency { .. }));
        let help = if at_once {
            "`concurrency(...)` takes `split by` and `every`, and no other clause".to_owned()
        } else if is_bool {
            format!("did you mean `duration_where({own}) {clause} ...`?")
        } else if by_constant {
            "split the number itself, and scale the result: only whole multiples can be split".to_owned()
        } else if ratio && clause != "split by" && clause != "every" {
            format!("take each side: `(a {clause} ...) / (b {clause} ...)`")
        } else {
            "cumulative are `duration_where(...)`, `integral(...)`, `count(...)`, `sum(...)`, sums and differences of such, \
             and their whole multiples"
                .to_owned()
        };
        let d = self
            .diagnostic(codes::CUMULATIVE, span, format!("`{clause}` reads a cumulative number, this is not one"))
            .label(format!("expected a cumulative number, found {found}"))
            .help(help);
        self.say(d)
    }
}

/// Whether the expression is a call of `max`, or of `min`, with what it reads.
fn extreme(e: &Expr) -> Option<(bool, &Expr)> {
    let ExprKind::Call { name, arguments } = &e.kind else { return None };
    match (lookup(&name.text), arguments.as_slice()) {
        (FunctionLookup::Known(FunctionMeaning::Max), [of]) => Some((true, &of.value)),
        (FunctionLookup::Known(FunctionMeaning::Min), [of]) => Some((false, &of.value)),
        _ => None,
    }
}
