//! Columns beside timelines: what is said of one event, once its instant is over.
//!
//! Such an expression means something only where there is an event that it is said of: inside of `at` and `filter`. It is
//! made wherever columns and timelines meet, so that a `let` can name it, and refused where anything else reads it.

use super::Lowering;
use super::constant;
use super::value::{EventValue, Lowered};
use crate::diagnostics::{Diagnostic, Severity, codes};
use crate::syntax::{Expr, Span};
use std::rc::Rc;
use timeline_core::Type;
use timeline_core::plan::{EventExpr, NodeId, Op, RatioUnit, TimelineKind, Unit};

/// Columns beside timelines.
#[derive(Debug)]
pub(super) struct MixedValue {
    /// The source of the columns; none if there are no columns, for it is a product of timelines.
    pub(super) source: Option<usize>,
    /// The group of sources of the timelines.
    pub(super) group: usize,
    pub(super) expr: EventExpr,
    of: Vec<NodeId>,
    pub(super) ty: Type,
    size: usize,
    depth: usize,
    /// What is wrong where nothing is said of an event.
    refusal: Diagnostic,
}

/// Operands that are one value together.
pub(super) struct MixedOperands {
    source: Option<usize>,
    group: usize,
    of: Vec<NodeId>,
    size: usize,
    depth: usize,
    pub(super) refusal: Diagnostic,
    pub(super) exprs: Vec<EventExpr>,
    pub(super) types: Vec<Type>,
}

impl Lowering<'_> {
    /// Lowers an expression that nothing is said of an event in.
    pub(super) fn lower_plain(&mut self, e: &Expr) -> Lowered {
        match self.lower(e) {
            Lowered::Mixed(mixed) => self.say(mixed.refusal.clone()),
            other => other,
        }
    }

    /// Whether columns and timelines meet in these operands, none of which is a mistake.
    pub(super) fn mixes<'v>(&self, values: impl IntoIterator<Item = &'v Lowered>) -> bool {
        let (mut events, mut nodes, mut mixed) = (false, false, false);
        for value in values {
            match value {
                Lowered::Event(_) => events = true,
                // Of what an operator makes nothing is said beside a column.
                Lowered::Node { source, id } => nodes |= !matches!(self.kind(*source, *id), TimelineKind::Event(_)),
                Lowered::Mixed(_) => mixed = true,
                Lowered::Error => return false,
                Lowered::Literal(_) => {}
            }
        }
        mixed || (events && nodes)
    }

    /// The operands of one value. Constants have the type of the first of the others, but for a condition that stands first.
    pub(super) fn parts(
        &mut self,
        span: Span,
        values: &[(Lowered, Span)],
        has_condition: bool,
    ) -> Option<MixedOperands> {
        let beside = values.iter().skip(usize::from(has_condition)).find_map(|(value, _)| self.type_of(value));
        let mut noted_source = None;
        let mut noted_group = None;
        let (mut exprs, mut types, mut of): (Vec<EventExpr>, Vec<Type>, Vec<NodeId>) = (vec![], vec![], vec![]);
        let (mut size, mut depth) = (1, 0);
        let known = values.iter().find_map(|(value, _)| match value {
            Lowered::Mixed(mixed) => Some(mixed.refusal.clone()),
            _ => None,
        });
        let refusal = known.unwrap_or_else(|| self.refusal(span, values));
        for (value, place) in values {
            match value {
                Lowered::Event(event) => {
                    self.noted(&mut noted_source, &mut noted_group, Some(event.source), None, *place)?;
                    (size, depth) = (size + event.size, depth.max(event.depth));
                    if !self.afford(*place, event.size) {
                        return None;
                    }
                    exprs.push(event.expr.clone());
                    types.push(event.ty);
                }
                Lowered::Mixed(mixed) => {
                    self.noted(&mut noted_source, &mut noted_group, mixed.source, Some(mixed.group), *place)?;
                    (size, depth) = (size + mixed.size, depth.max(mixed.depth));
                    if !self.afford(*place, mixed.size) {
                        return None;
                    }
                    let mut expr = mixed.expr.clone();
                    let numbers: Vec<u16> = mixed.of.iter().map(|id| sample(&mut of, *id)).collect();
                    renumber(&mut expr, &numbers);
                    exprs.push(expr);
                    types.push(mixed.ty);
                }
                Lowered::Node { source, id } => {
                    self.noted(&mut noted_source, &mut noted_group, None, Some(*source), *place)?;
                    let (id, ty) = self.sampled(*source, *id, *place)?;
                    (size, depth) = (size + 1, depth.max(1));
                    exprs.push(EventExpr::Sample(sample(&mut of, id)));
                    types.push(ty);
                }
                Lowered::Literal(literal) => {
                    let ty = match (beside, has_condition && exprs.is_empty()) {
                        (_, true) => Type::Bool,
                        (Some(ty), _) => ty,
                        (None, _) => return self.constant_as_timeline(*place),
                    };
                    match constant::value(literal, ty) {
                        Ok(value) => {
                            types.push(value.ty());
                            exprs.push(EventExpr::Constant(value));
                        }
                        Err(misfit) => {
                            self.misfit(misfit, *place, literal, &TimelineKind::Event(ty).to_string());
                            return None;
                        }
                    }
                    (size, depth) = (size + 1, depth.max(1));
                }
                Lowered::Error => return None,
            }
        }
        if size > EventValue::MAX_SIZE || of.len() > usize::from(u16::MAX) {
            self.error(
                codes::TOO_LARGE,
                span,
                "this expression over one event is too large",
                "name parts of it with `let`",
            );
            return None;
        }
        let group = noted_group.or_else(|| noted_source.map(|source: usize| self.sources[source].group))?;
        Some(MixedOperands { source: noted_source, group, of, size, depth, refusal, exprs, types })
    }

    /// Notes of which source and group an operand is; nothing if it is of others than those before.
    fn noted(
        &mut self,
        source: &mut Option<usize>,
        group: &mut Option<usize>,
        of: Option<usize>,
        within: Option<usize>,
        place: Span,
    ) -> Option<()> {
        if let Some(of) = of
            && !self.same_event(source, of, place)
        {
            return None;
        }
        let within = within.or_else(|| of.map(|of| self.sources[of].group))?;
        self.same_source(group, within, place).then_some(())
    }

    /// The value made of the parts.
    pub(super) fn mixed_value(
        &mut self,
        span: Span,
        parts: MixedOperands,
        expr: EventExpr,
        ty: Type,
        levels: usize,
    ) -> Lowered {
        let MixedOperands { source, group, of, size, depth, refusal, .. } = parts;
        if depth + levels > EventValue::MAX_DEPTH {
            return self.error(
                codes::TOO_LARGE,
                span,
                "this expression over one event is too large",
                "name parts of it with `let`",
            );
        }
        Lowered::Mixed(Rc::new(MixedValue { source, group, expr, of, ty, size, depth: depth + levels, refusal }))
    }

    /// The type that a value has beside an event.
    fn type_of(&self, value: &Lowered) -> Option<Type> {
        match value {
            Lowered::Event(event) => Some(event.ty),
            Lowered::Mixed(mixed) => Some(mixed.ty),
            Lowered::Node { source, id } => self.kind(*source, *id).sampled(),
            Lowered::Literal(_) | Lowered::Error => None,
        }
    }

    /// A timeline whose value can stand beside a column, and its type there.
    fn sampled(&mut self, source: usize, id: NodeId, place: Span) -> Option<(NodeId, Type)> {
        let kind = self.kind(source, id);
        let is_time = matches!(
            kind,
            TimelineKind::Number(Unit::Duration | Unit::Instant | Unit::Area)
                | TimelineKind::Ratio(RatioUnit::Duration)
        );
        if let (false, Some(ty)) = (is_time, kind.sampled()) {
            // A state that was read as a number is as good as it was.
            return match *self.op(source, id) {
                Op::NumberOf(of) => Some((of, ty)),
                _ => Some((id, ty)),
            };
        }
        let own = self.quote(place);
        let help = match kind {
            TimelineKind::Number(Unit::Instant) => {
                "the difference of two instants by a unit is a plain number: `(a - b) / 1s`".to_owned()
            }
            _ => format!("divide it by a unit: `({own}) / 1s` is a plain number of seconds"),
        };
        let d = self
            .diagnostic(codes::ARITHMETIC, place, format!("{kind} beside a column, which has no unit"))
            .label(format!("expected a state or a plain number, found {kind}"))
            .help(help);
        self.say(d);
        None
    }

    /// What is wrong with operands of which some are columns and others timelines, where nothing is said of an event.
    fn refusal(&self, span: Span, values: &[(Lowered, Span)]) -> Diagnostic {
        let event = values.iter().find(|(value, _)| matches!(value, Lowered::Event(_)));
        let state = values.iter().find(|(value, _)| matches!(value, Lowered::Node { .. }));
        let (Some((e, event)), Some((s, state))) = (event, state) else {
            return self
                .diagnostic(codes::QUADRATIC, span, "a product or a quotient that is no straight line")
                .help("inside of `at` and `filter` any two values can be multiplied and divided");
        };
        let (event_kind, state_kind) = (self.describe(e), self.describe(s));
        let (own, timeline, whole) = (self.quote(*event), self.quote(*state), self.quote(span));
        let is_predicate = matches!(e, Lowered::Event(event) if event.ty == Type::Bool);
        let help = if is_predicate {
            format!(
                "`filter({own}, {timeline})` is those of its events at which the other holds, `at({own}, {timeline})` what it is at them"
            )
        } else {
            format!("`at({own}, {whole})` is that for each event, and `latest({own})` the column as a state")
        };
        self.diagnostic(codes::MIXED, span, format!("{event_kind} and {state_kind} in one expression"))
            .label(format!("mixes {event_kind} with {state_kind}"))
            .note(self.file, event.range(), format!("this is {event_kind}: it speaks of one event"))
            .note(self.file, state.range(), format!("this is {state_kind}: it is true over time"))
            .help(help)
    }

    /// `at(event, value)`: every match, with what is said of it.
    pub(super) fn each(
        &mut self,
        span: Span,
        (group, event): (usize, NodeId),
        value: &Expr,
        said: &Lowered,
    ) -> Lowered {
        match self.said_of(group, event, value, said) {
            Some((value, of)) => self.add(group, Op::Each { event, value, of }, span),
            None => Lowered::Error,
        }
    }

    /// `filter(event, condition)`: the events of which it is true.
    pub(super) fn filter(&mut self, span: Span, e: &Expr, condition: &Expr) -> Lowered {
        let event = self.need_event(e, "filter");
        let said = self.lower_inside(condition);
        let Some((group, event)) = event else { return Lowered::Error };
        let ty = match &said {
            Lowered::Error => return Lowered::Error,
            Lowered::Literal(_) => return self.constant_as_timeline(condition.span).unwrap_or(Lowered::Error),
            Lowered::Node { source, id } if matches!(self.kind(*source, *id), TimelineKind::Event(_)) => {
                let found = self.describe(&said);
                let d = self
                    .diagnostic(codes::NEEDS_STATE, condition.span, format!("`filter` asks a condition, this is {found}"))
                    .label("comes from an operator, and speaks of instants of its own")
                    .help("name a condition over columns of the event and over states; `followed_by(a, b, 5s)` joins events");
                return self.say(d);
            }
            said => self.type_of(said),
        };
        if ty != Some(Type::Bool) {
            self.not_bool(condition, &said, "filter", "a condition", None);
            return Lowered::Error;
        }
        match self.said_of(group, event, condition, &said) {
            Some((condition, of)) => self.add(group, Op::Filter { event, condition, of }, span),
            None => Lowered::Error,
        }
    }

    /// Lowers what is said of an event.
    pub(super) fn lower_inside(&mut self, e: &Expr) -> Lowered {
        self.inside += 1;
        let value = self.lower(e);
        self.inside -= 1;
        value
    }

    /// The expression over the record behind an event, and the timelines that it reads.
    fn said_of(&mut self, group: usize, event: NodeId, e: &Expr, said: &Lowered) -> Option<(EventExpr, Vec<NodeId>)> {
        let mut noted = Some(group);
        match said {
            Lowered::Event(value) => {
                let within = self.sources[value.source].group;
                self.same_source(&mut noted, within, e.span).then_some(())?;
                self.has_record(group, event, value.source, e)?;
                Some((value.expr.clone(), vec![]))
            }
            Lowered::Mixed(mixed) => {
                self.same_source(&mut noted, mixed.group, e.span).then_some(())?;
                if let Some(source) = mixed.source {
                    self.has_record(group, event, source, e)?;
                }
                Some((mixed.expr.clone(), mixed.of.clone()))
            }
            Lowered::Node { source, id } => {
                self.same_source(&mut noted, *source, e.span).then_some(())?;
                self.says_latest(group, event, *id, e);
                Some((EventExpr::Sample(0), vec![*id]))
            }
            Lowered::Literal(_) => self.constant_as_timeline(e.span),
            Lowered::Error => None,
        }
    }

    /// Whether the records behind an event are of that source; says so if not.
    fn has_record(&mut self, group: usize, event: NodeId, source: usize, e: &Expr) -> Option<()> {
        let plan = self.groups[group].builder.plan();
        let own = plan.record_source(event).map(|number| self.groups[group].member(number));
        if own == Some(source) {
            return Some(());
        }
        let name = self.sources[source].name.clone();
        match own {
            None => {
                let d = self
                    .diagnostic(codes::NO_RECORD, e.span, "no record stands behind this event, so no column has a value at it")
                    .label(format!("reads columns of `{name}`"))
                    .help(
                        "`rise`, `fall`, `changes` and `not_followed_by` tell of instants, and `||` of what stands behind both \
                         of its sides: read states there, `latest(column)`",
                    );
                self.say(d);
            }
            Some(own) => {
                let own = self.sources[own].name.clone();
                let d = self
                    .diagnostic(codes::OTHER_RECORD, e.span, format!("the events are of `{own}`, and the columns of `{name}`"))
                    .label(format!("reads columns of `{name}`"))
                    .help(format!("an event has the columns of its own record; `latest(...)` of those of `{name}` is what they were then"));
                self.say(d);
            }
        }
        None
    }

    /// Warns of `latest(column)` at events that have that column themselves: of several events of one instant it is the
    /// last one's.
    pub(super) fn says_latest(&mut self, group: usize, event: NodeId, of: NodeId, e: &Expr) {
        let plan = self.groups[group].builder.plan();
        let Some(own) = plan.record_source(event) else { return };
        let asked = plan.record_columns(event);
        let (mut open, mut seen, mut found) = (vec![of], vec![false; plan.nodes.len()], None);
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            let op = &plan.node(id).op;
            if let Op::Latest { of, ttl: None } = op
                && let Op::Event(EventExpr::Column(column)) = plan.node(*of).op
                && plan.columns[column.index()].source == own
            {
                // One that the event itself is made of says best what is meant.
                if found.is_none() || asked & column.bit() != 0 {
                    found = Some(column);
                }
            }
            if is_calculation(op) {
                open.extend(op.inputs());
            }
        }
        let Some(column) = found else { return };
        let name = plan.columns[column.index()].name.clone();
        let mut d = self
            .diagnostic(
                codes::LATEST_AT,
                e.span,
                format!("`latest({name})` at events that have a `{name}` of their own"),
            )
            .label("of several events of one instant, the last one's value for each")
            .help(format!(
                "`{name}` is here that event's own value, absent where it has none; `coalesce({name}, latest({name}))` \
                 takes the latest one then"
            ));
        d.severity = Severity::Warning;
        self.say(d);
    }
}

/// Whether an operator says at an instant what its inputs say there, and keeps nothing.
fn is_calculation(op: &Op) -> bool {
    matches!(
        op,
        Op::CompareStates { .. }
            | Op::CompareNumbers { .. }
            | Op::Not(_)
            | Op::And(..)
            | Op::Or(..)
            | Op::NumberOf(_)
            | Op::DurationOf(_)
            | Op::InstantOf(_)
            | Op::Add(..)
            | Op::Sub(..)
            | Op::Mul(..)
            | Op::Scale { .. }
            | Op::Ratio { .. }
            | Op::If { .. }
            | Op::Coalesce(..)
            | Op::Exists(_)
            | Op::Apply { .. }
            | Op::Lookup { .. }
    )
}

/// The number of a timeline among those that are read.
fn sample(of: &mut Vec<NodeId>, id: NodeId) -> u16 {
    let known = of.iter().position(|known| *known == id).unwrap_or_else(|| {
        of.push(id);
        of.len() - 1
    });
    u16::try_from(known).unwrap_or(u16::MAX)
}

fn renumber(e: &mut EventExpr, numbers: &[u16]) {
    match e {
        EventExpr::Sample(n) => *n = numbers[usize::from(*n)],
        EventExpr::Column(_) | EventExpr::Constant(_) => {}
        EventExpr::Not(a) => renumber(a, numbers),
        EventExpr::Compare(_, a, b) | EventExpr::And(a, b) | EventExpr::Or(a, b) => {
            renumber(a, numbers);
            renumber(b, numbers);
        }
        EventExpr::Call(_, all) | EventExpr::Lookup(_, all) => all.iter_mut().for_each(|a| renumber(a, numbers)),
    }
}
