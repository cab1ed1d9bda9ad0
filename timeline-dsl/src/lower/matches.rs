//! Metrics of events: `at(fall(down), duration_of_previous_state(down)) | aggregate(count, sum)`.
//!
//! What is aggregated is not a value of each session but what its events carry, each in the group of its own instant.

use super::Lowering;
use super::value::Lowered;
use crate::diagnostics::codes;
use crate::syntax::{AggregateItem, Definition, Dimension, Expr, ExprKind, Name};
use timeline_core::plan::{Aggregate, AggregateMembers, Every, GroupOf, Metric, Op, TimelineKind};

impl Lowering<'_> {
    /// Whether a value is an event.
    pub(super) fn is_event(&self, value: &Lowered) -> bool {
        match value {
            Lowered::Event(_) => true,
            Lowered::Node { source, id } => matches!(self.kind(*source, *id), TimelineKind::Event(_)),
            Lowered::Mixed(_) | Lowered::Literal(_) | Lowered::Error => false,
        }
    }

    /// A metric that counts the matches of an event.
    pub(super) fn define_event_metric(
        &mut self,
        d: &Definition,
        (of, value): (&Expr, Lowered),
        (by, cap): (&[Dimension], Option<&Expr>),
    ) {
        let is_new = self.bind(&d.name, value.clone(), "metric");
        let node = match &value {
            Lowered::Event(event) => self.event_node(event, of.span),
            Lowered::Node { source, id } => Some((*source, *id)),
            Lowered::Mixed(_) | Lowered::Literal(_) | Lowered::Error => None,
        };
        let Some(item) = &d.aggregate else { return self.not_aggregated(d, of, &value) };
        let windows = self.windows_of_events(by, cap);
        if d.keep_spans {
            let message = "events have no spans";
            self.error(codes::EVENTS, d.value.span, message, "leave `| keep spans` out: what happens is in `totals`");
        }
        if let Some(beside) = d.with.first() {
            let message = "events have no rows that anything is shown beside";
            let own = self.quote(beside.value.span);
            let help = format!("group by it: `| aggregate(group_by({own}), count)` has the value at each event");
            self.error(codes::EVENTS, beside.value.span, message, help);
        }
        let is_new = is_new && !d.keep_spans && d.with.is_empty();
        let (Some(windows), Some((source, event)), true) = (windows, node, is_new) else { return };
        let is_leaf = self.op(source, event).is_leaf();
        let root = if is_leaf { self.node(source, Op::all_of(event), of.span) } else { Some(event) };
        let Some(root) = root else { return };
        let Some((aggregate, _)) = self.aggregate(source, root, (&[], windows.as_ref()), item) else { return };
        if self.is_of_sessions(item, &aggregate, windows.as_ref()) {
            return;
        }
        let metric = Metric {
            name: d.name.text.clone(),
            root,
            dimensions: vec![],
            aggregate: Some(aggregate),
            keep_spans: false,
            with: vec![],
        };
        self.produce_metric(&d.name, source, metric, value);
    }

    fn not_aggregated(&mut self, d: &Definition, of: &Expr, value: &Lowered) {
        let (found, own) = (self.describe(value), self.quote(of.span));
        let timeline = self.with_latest(of).map(|fixed| format!("; as a timeline it is `{fixed}`")).unwrap_or_default();
        let message = format!("a metric that is an event is aggregated, and this is {found}");
        let diagnostic = self
            .diagnostic(codes::EVENTS, d.value.span, message)
            .label(format!("expected a state or a number, or `| aggregate(...)` behind it, found {found}"))
            .help(format!("`{own} | aggregate(count)` counts its matches{timeline}"));
        self.say(diagnostic);
    }

    /// The windows of `every`, if there are such; nothing where something else is said.
    fn windows_of_events(&mut self, by: &[Dimension], cap: Option<&Expr>) -> Option<Option<(String, Every)>> {
        if let Some(cap) = cap {
            self.warn_of_cap(cap.span);
        }
        let mut windows = None;
        for dimension in by {
            let span = dimension.value.span;
            let ExprKind::Every(clause) = &dimension.value.kind else {
                let own = self.quote(span);
                let help = format!("group by it: `| aggregate(group_by({own}), count)` has the value at each event");
                self.error(codes::EVENTS, span, "events are not split", help);
                return None;
            };
            let every = self.every(clause, span)?;
            let name = self.dimension_name(dimension, &[])?;
            if windows.replace((name, every)).is_some() {
                self.error(codes::EVENTS, span, "a metric has one clock", "leave one `every` out");
                return None;
            }
        }
        Some(windows)
    }

    /// Says so where an aggregate asks for what only sessions have.
    fn is_of_sessions(
        &mut self,
        item: &AggregateItem,
        aggregate: &Aggregate,
        windows: Option<&(String, Every)>,
    ) -> bool {
        if aggregate.members != AggregateMembers::All {
            let message = "`closed` and `live` choose among sessions, and this counts events";
            self.error(codes::AGGREGATE, item.span, message, "leave it out: what has happened is counted for good");
            return true;
        }
        let has_windows = aggregate.group_by.iter().any(|key| matches!(key.of, GroupOf::Window(_)));
        if let (Some((name, _)), false) = (windows, has_windows) {
            let message = format!("nothing is grouped by the windows of `{name}`");
            let help = format!("write `aggregate(group_by({name}), ...)`, or leave `every` out");
            self.error(codes::AGGREGATE, item.span, message, help);
            return true;
        }
        false
    }

    /// Of events that carry no number only `count` speaks.
    pub(super) fn counts_alone(&mut self, name: &Name, kind: TimelineKind) -> bool {
        let message = format!("`{}` reads numbers, this metric is {kind}", name.text);
        let help = "`count` counts its matches; `at(event, x)` carries the value of `x` at each";
        self.error(codes::AGGREGATE, name.span, message, help);
        false
    }
}
